"""Unpacked packages come in; single drum hits by kit, and renderers of pitched instruments, go out.

Everything is mono at SAMPLE_RATE. What may be trained on and what is for validation alone is
said by the tables at the top: the weights that come out of training are ours to give away only
if every recording behind them is CC0, CC BY, MIT or Expat.
"""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
from tinysoundfont import Synth

SAMPLE_RATE = 44_100

# The stems of a drum take, in the order of the network's outputs; then the other two.
DRUM_CLASSES = ("kick", "snare", "cymbals", "percussion")
CLASSES = (*DRUM_CLASSES, "bass", "other")
CLASS_OF_ROLE = {
    "kick": 0,
    "snare": 1,
    "closed_hat": 2,
    "open_hat": 2,
    "ride": 2,
    "crash": 2,
    "tom": 3,
    "hand": 3,
}

# package, path, licence of the recordings: what the weights are made of.
TRAINING_SOUNDFONTS = {
    "fluid": ("fluid-soundfont-gm", "usr/share/sounds/sf2/FluidR3_GM.sf2", "MIT"),
    "musescore": (
        "musescore-general-soundfont",
        "usr/share/sounds/sf3/MuseScore_General_Full.sf3",
        "MIT, parts CC0 or public domain",
    ),
}
TRAINING_KITS = {
    "Audiophob": ("hydrogen-drumkits", "CC0"),
    "rumpf_kit_z01_h2": ("hydrogen-drumkits", "CC BY 3.0"),
}
TRAINING_SONGS = {
    "Metal madness": ("fretsonfire-songs-sectoid", "sectoid", "Expat"),
    "Escape from chaosland": ("fretsonfire-songs-sectoid", "sectoid", "Expat"),
}
# Share-alike and GPL material, and the song whose other bars the demo clip has: never trained on.
VALIDATION_SOUNDFONTS = {"timgm": ("timgm6mb-soundfont", "usr/share/sounds/sf2/TimGM6mb.sf2", "GPL-2")}
VALIDATION_KITS = {
    "Millo_MultiLayered3": ("hydrogen-drumkits", "GPL-2"),
    "ForzeeStereo": ("hydrogen-drumkits", "GPL-2"),
    "ColomboAcousticDrumkit": ("hydrogen-drumkits", "GPL-2+"),
    "The Black Pearl 1.0": ("hydrogen-drumkits", "GPL-2"),
    "BJA_Pacific": ("hydrogen-drumkits", "CC BY-SA 3.0"),
    "HardElectro1": ("hydrogen-drumkits", "GPL-2+"),
    "VariBreaks": ("hydrogen-drumkits", "GPL-2+"),
}
VALIDATION_SONGS = {
    "chaos_god": ("fretsonfire-songs-muldjord", "muldjord", "CC BY-SA 3.0"),
    "internal_degeneration": ("fretsonfire-songs-muldjord", "muldjord", "CC BY-SA 3.0"),
    "mutilated_mime": ("fretsonfire-songs-muldjord", "muldjord", "CC BY-SA 3.0"),
    "armygeddon": ("fretsonfire-songs-muldjord", "muldjord", "CC BY-SA 3.0"),
    "Feelings": ("fretsonfire-songs-sectoid", "sectoid", "Expat"),
}
# The demo's passage and a margin, in seconds, are left out of validation too.
DEMO_PASSAGE = ("Feelings", 100.0, 125.0)

KITS = Path("usr/share/hydrogen/data/drumkits")
SONGS = Path("usr/share/games/fretsonfire/data/songs")

# General MIDI percussion: what each key is.
ROLE_OF_KEY = {
    35: "kick", 36: "kick", 38: "snare", 40: "snare", 37: "hand", 39: "hand",
    41: "tom", 43: "tom", 45: "tom", 47: "tom", 48: "tom", 50: "tom",
    42: "closed_hat", 44: "closed_hat", 46: "open_hat",
    49: "crash", 52: "crash", 55: "crash", 57: "crash", 51: "ride", 53: "ride", 59: "ride",
    54: "hand", 56: "hand", 60: "hand", 61: "hand", 62: "hand", 63: "hand", 64: "hand",
    69: "hand", 70: "hand", 75: "hand", 76: "hand",
}  # fmt: skip
ROLE_OF_WORD = (
    (r"kick|bass.?drum|\bbd\b", "kick"),
    (r"snare|\bsd\b|\bsn\d?\b", "snare"),
    (r"(open|semi|swish).*(hat|hh)|(hat|hh).*(open|semi)", "open_hat"),
    (r"hat|\bhh", "closed_hat"),
    (r"ride|bell", "ride"),
    (r"crash|splash|china|cymb", "crash"),
    (r"tom", "tom"),
    (r"clap|stick|rim|cowbell|shak|tamb|wood|conga|bongo|djembe|perc|clav|block|agogo|marac", "hand"),
)
DRUM_PRESETS = (0, 8, 16, 24, 25, 32, 40)
VELOCITIES = (50, 90, 125)
HIT_SECS = 1.8
# A hit begins where it first reaches this share of its peak, less a few samples.
ONSET_SHARE = 0.02


def resampled(samples, rate):
    """Samples of another rate at ours."""
    if rate == SAMPLE_RATE:
        return samples
    divisor = np.gcd(rate, SAMPLE_RATE)
    return scipy.signal.resample_poly(samples, SAMPLE_RATE // divisor, rate // divisor)


def trimmed(samples):
    """A hit from its onset to its end, faded out; None if there is nothing to hear."""
    if len(samples) < 128 or np.abs(samples).max() < 1e-3:
        return None
    first = int(np.argmax(np.abs(samples) > ONSET_SHARE * np.abs(samples).max()))
    hit = samples[max(0, first - 60) :].astype(np.float32)
    fade = min(2000, len(hit))
    hit[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return hit


def role_of(text):
    """The role that a name speaks of, or None."""
    lowered = text.lower().replace("_", " ")
    return next((role for pattern, role in ROLE_OF_WORD if re.search(pattern, lowered)), None)


def hydrogen_kit(folder):
    """{role: [hit, ...]} of a Hydrogen drum kit, the layers of each instrument by velocity."""
    kit = {}
    root = ElementTree.fromstring(
        re.sub(r'\sxmlns(:\w+)?="[^"]*"|xsi:\w+="[^"]*"', "", (folder / "drumkit.xml").read_text(errors="ignore"))
    )
    seen = set()
    for instrument in root.iter("instrument"):
        name = instrument.findtext("name") or ""
        for element in instrument.iter("filename"):
            file = element.text
            if not file or file in seen or not (folder / file).is_file():
                continue
            seen.add(file)
            role = role_of(name) or role_of(file)
            if role is None:
                continue
            samples, rate = soundfile.read(folder / file, always_2d=True)
            hit = trimmed(resampled(samples[: 3 * rate].mean(axis=1), rate))
            if hit is not None:
                kit.setdefault(role, []).append(hit)
    return kit


class SoundFont:
    """Renders notes of one SoundFont."""

    def __init__(self, path):
        self.synth = Synth(gain=-6, samplerate=SAMPLE_RATE)
        self.handle = self.synth.sfload(str(path))

    def render(self, events, length):
        """Mono samples of timed events: (secs, "program"|"on"|"off", channel, ...), in order."""
        self.synth.sounds_off()
        rendered = np.zeros(length, np.float32)
        at = 0
        for secs, kind, channel, *rest in sorted(events, key=lambda event: event[0]):
            until = min(length, max(at, int(secs * SAMPLE_RATE)))
            if until > at:
                rendered[at:until] = self._generate(until - at)
                at = until
            if kind == "program":
                bank, preset = rest
                self.synth.program_select(channel, self.handle, bank, preset, bank == 128)
            elif kind == "on":
                self.synth.noteon(channel, *rest)
            else:
                self.synth.noteoff(channel, *rest)
        if at < length:
            rendered[at:] = self._generate(length - at)
        return rendered

    def _generate(self, samples):
        both = np.frombuffer(self.synth.generate(samples), np.float32).reshape(-1, 2)
        return both.mean(axis=1)

    def kits(self, name):
        """{kit name: {role: [hit, ...]}} of the drum presets."""
        kits = {}
        for preset in DRUM_PRESETS:
            kit = {}
            for key, role in ROLE_OF_KEY.items():
                for velocity in VELOCITIES:
                    events = [(0.0, "program", 9, 128, preset), (0.005, "on", 9, key, velocity)]
                    hit = trimmed(self.render(events, int(HIT_SECS * SAMPLE_RATE)))
                    if hit is not None:
                        kit.setdefault(role, []).append(hit)
            if "kick" in kit and "snare" in kit:
                kits[f"{name}_{preset}"] = kit
        return kits


def song_guitar(packages, song):
    """The guitar track of a Frets on Fire song, as windows of 6.5 s that are not near silence."""
    tables = {**TRAINING_SONGS, **VALIDATION_SONGS}
    samples, rate = soundfile.read(packages / SONGS / tables[song][1] / song / "guitar.ogg", always_2d=True)
    samples = resampled(samples.mean(axis=1), rate).astype(np.float32)
    length = int(6.5 * SAMPLE_RATE)
    windows = []
    for first in range(0, len(samples) - length, 6 * SAMPLE_RATE):
        secs = first / SAMPLE_RATE
        if song == DEMO_PASSAGE[0] and DEMO_PASSAGE[1] - 6.5 < secs < DEMO_PASSAGE[2]:
            continue
        windows.append(samples[first : first + length])
    levels = np.array([np.sqrt((window**2).mean()) for window in windows])
    return [window for window, level in zip(windows, levels) if level > 0.25 * levels.max()]


def drum_kits(packages, fonts, names):
    """Every kit of the given SoundFonts and Hydrogen kits that has a kick and a snare."""
    kits = {}
    for name, font in fonts.items():
        kits.update(font.kits(name))
    for name in names:
        kit = hydrogen_kit(packages / KITS / name)
        if "kick" in kit and "snare" in kit:
            kits[name] = kit
    return kits


def copyright_files(packages):
    """{package: text of its copyright file} of every package that is named above."""
    tables = (TRAINING_SOUNDFONTS, TRAINING_KITS, TRAINING_SONGS)
    named = {entry[0] for table in tables for entry in table.values()}
    return {name: (packages / "usr/share/doc" / name / "copyright").read_text() for name in sorted(named)}
