"""Two unpacked Debian packages come in; the demo clip and its two true stems go out.

The guitar is a passage of a song by Sectoid (package fretsonfire-songs-sectoid), the drums are
recorded hits (package sonic-pi-samples) played from the pattern below at the song's tempo. The
mixture is the exact sum of the two stems in 16-bit integers. Everything that was chosen by ear
or by hand is a constant at the top of this file.

    python demo.py PACKAGES OUTPUT

PACKAGES is a folder that holds `usr/share/...` of both packages (or `/`, where both are
installed). Run it by `cargo xtask demo`, which fetches them and brings the right versions of
the two libraries in `demo_requirements.txt`.
"""

import argparse
import hashlib
import random
import sys
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 44_100

# The guitar: a slide up into a bent and vibrated note on the last beat of a bar, then five bars
# of the lead that it opens.
GUITAR = "usr/share/games/fretsonfire/data/songs/sectoid/Feelings/guitar.ogg"
GUITAR_SHA256 = "77089d9bfa71890a9b731d22512a0388914b17295992c3f3a1534dcf60a6894a"
HITS = "usr/share/sonic-pi/samples"
TEMPO_BPM = 95.0
FIRST_BEAT = 4 * 42 + 3
STEP_SECS = 60.0 / TEMPO_BPM / 4.0
# The song's band is heard this much after the grid of its tempo; our drummer goes along.
BAND_LAG_SECS = 0.028

# Both gains together put drums and guitar at the same RMS and the loudest sample of the
# mixture below full scale.
GUITAR_GAIN_DB = -1.0
DRUMS_GAIN_DB = -9.0
FADE_IN_SECS = 0.010
FADE_OUT_SECS = 0.250

# voice: (soft recording, hard recording, gain, position from -1 = left to 1 = right)
# A hit below SOFT_BELOW uses the soft recording.
KIT = {
    "kick": ("drum_bass_soft", "drum_bass_hard", 1.00, 0.00),
    "snare": ("drum_snare_soft", "drum_snare_hard", 0.85, 0.05),
    "closed_hat": ("drum_cymbal_closed", "drum_cymbal_closed", 0.30, 0.35),
    "open_hat": ("drum_cymbal_open", "drum_cymbal_open", 0.25, 0.35),
    "pedal_hat": ("drum_cymbal_pedal", "drum_cymbal_pedal", 0.30, 0.35),
    "crash": ("drum_splash_soft", "drum_splash_hard", 0.45, -0.40),
    "high_tom": ("drum_tom_hi_soft", "drum_tom_hi_hard", 0.80, 0.25),
    "mid_tom": ("drum_tom_mid_soft", "drum_tom_mid_hard", 0.80, -0.05),
    "low_tom": ("drum_tom_lo_soft", "drum_tom_lo_hard", 0.80, -0.35),
}
SOFT_BELOW = 0.6
# Hands and feet of one hi-hat: each of these ends the sound of the others.
CHOKES = ("closed_hat", "open_hat", "pedal_hat")
CHOKE_SECS = 0.015

# One line per voice and bar, one character per sixteenth: velocity in ninths, `.` for none.
# First the one beat before the first bar.
PATTERN = [
    {
        "snare":      "..57",
        "mid_tom":    "6...",
        "low_tom":    ".6..",
    },
    {
        "crash":      "8...............",
        "closed_hat": "..4.7.4.6.4.7.4.",
        "kick":       "9.....7.8.....5.",
        "snare":      "....8..2.2..9...",
    },
    {
        "closed_hat": "6.4.7.4.6.4.7...",
        "open_hat":   "..............5.",
        "kick":       "9......78.6.....",
        "snare":      "....9....2..8..2",
    },
    {
        "closed_hat": "..4.7.436.4.7.4.",
        "pedal_hat":  "5...............",
        "kick":       "9.....7.8..5..6.",
        "snare":      "....8..2....9.2.",
    },
    {
        "closed_hat": "6.4.7.4.6.......",
        "kick":       "9.....7.8...7...",
        "snare":      "....9..2..6767..",
        "high_tom":   "............7...",
        "mid_tom":    ".............68.",
        "low_tom":    "..............78",
    },
    {
        "crash":      "9...............",
        "closed_hat": "....7.4.6.4.7.4.",
        "kick":       "9.....7.8.6.....",
        "snare":      "....8..2.2..9..3",
    },
]
STEPS = sum(len(next(iter(bar.values()))) for bar in PATTERN)

# How far a hit may fall from its step, in seconds, and how much its velocity may vary. The
# snare leans back a little, as rock drummers' do.
TIMING_SPREAD_SECS = 0.006
VELOCITY_SPREAD = 0.06
LEAN_SECS = {"snare": 0.005, "closed_hat": -0.002}
SEED = 20

# The samples that come out, little-endian and interleaved, whatever the packing.
SAMPLES_SHA256 = {
    "stems/drums.flac": "be3e628c290d5dbe14e77aab1892717135bcc6803df4c0391011d516afc0aca5",
    "stems/guitar.flac": "dc96ce87391d1c7d4d61931ca3e2a60953dd169a353b51985fdee52b41703471",
    "mixture.flac": "6bdc92a63fea9c55775c383493ce4f3c1852de47d24fa2ddb5384962ed8c7e91",
}


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def linear(decibels: float) -> float:
    """The factor that changes a level by so many decibels."""
    return 10.0 ** (decibels / 20.0)


def guitar(packages: Path, length: int) -> np.ndarray:
    """The guitar passage, (samples, 2), faded in and out."""
    path = packages / GUITAR
    if sha256(path.read_bytes()) != GUITAR_SHA256:
        sys.exit(f"error: {path} is not the recording the demo was made of")
    first = round(FIRST_BEAT * 4 * STEP_SECS * SAMPLE_RATE)
    samples, sample_rate = soundfile.read(path, start=first, frames=length, always_2d=True)
    if sample_rate != SAMPLE_RATE or samples.shape != (length, 2):
        sys.exit(f"error: {path} has an unexpected length, rate or number of channels")
    return faded(samples * linear(GUITAR_GAIN_DB))


def hits() -> list[tuple[int, str, float]]:
    """Every hit of the pattern as (first sample, voice, velocity), in order of time."""
    # `random.Random.random` gives the same numbers in every version of Python.
    chance = random.Random(SEED)
    played = []
    first_step = 0
    for bar in PATTERN:
        for voice, line in bar.items():
            for step, mark in enumerate(line, first_step):
                if mark == ".":
                    continue
                # The sum of two uniform numbers is most often near the middle.
                late = (chance.random() + chance.random() - 1.0) * TIMING_SPREAD_SECS
                louder = (chance.random() + chance.random() - 1.0) * VELOCITY_SPREAD
                at = step * STEP_SECS + BAND_LAG_SECS + LEAN_SECS.get(voice, 0.0) + late
                velocity = min(1.0, int(mark) / 9.0 + louder)
                played.append((round(at * SAMPLE_RATE), voice, velocity))
        first_step += len(line)
    return sorted(played)


def drums(packages: Path, length: int) -> np.ndarray:
    """The pattern played by recorded hits, (samples, 2), faded out."""
    recordings = {
        name: soundfile.read(packages / HITS / f"{name}.flac", always_2d=True)
        for soft, hard, _, _ in KIT.values()
        for name in (soft, hard)
    }
    samples = np.zeros((length, 2))
    played = hits()
    for index, (at, voice, velocity) in enumerate(played):
        soft, hard, gain, position = KIT[voice]
        recording, sample_rate = recordings[soft if velocity < SOFT_BELOW else hard]
        if sample_rate != SAMPLE_RATE or recording.shape[1] != 1:
            sys.exit(f"error: {voice}: an unexpected rate or number of channels")
        hit = recording[: length - at, 0]
        if voice in CHOKES:
            later = (other for other, name, _ in played[index + 1 :] if name in CHOKES)
            hit = choked(hit, next(later, length) - at)
        # The soft recordings are soft already: their gain reaches one at their upper end.
        level = gain * (velocity / SOFT_BELOW if soft != hard and velocity < SOFT_BELOW else velocity)
        angle = (position + 1.0) * np.pi / 4.0
        samples[at : at + len(hit), 0] += level * np.sqrt(2.0) * np.cos(angle) * hit
        samples[at : at + len(hit), 1] += level * np.sqrt(2.0) * np.sin(angle) * hit
    return faded(samples * linear(DRUMS_GAIN_DB))


def choked(hit: np.ndarray, length: int) -> np.ndarray:
    """A hit that fades out shortly after `length` samples."""
    fade = round(CHOKE_SECS * SAMPLE_RATE)
    hit = hit[: length + fade].copy()
    if len(hit) > length:
        hit[length:] *= np.linspace(1.0, 0.0, fade)[: len(hit) - length]
    return hit


def faded(samples: np.ndarray) -> np.ndarray:
    """Samples with a short fade at the start and a longer one at the end."""
    samples = samples.copy()
    fade_in, fade_out = round(FADE_IN_SECS * SAMPLE_RATE), round(FADE_OUT_SECS * SAMPLE_RATE)
    samples[:fade_in] *= np.linspace(0.0, 1.0, fade_in)[:, np.newaxis]
    samples[-fade_out:] *= np.linspace(1.0, 0.0, fade_out)[:, np.newaxis]
    return samples


def main() -> None:
    """Make the three files and say how loud they are."""
    parser = argparse.ArgumentParser(description="make the demo clip and its stems")
    parser.add_argument("packages", type=Path, help="a folder that holds usr/share/... of both packages")
    parser.add_argument("output", type=Path, help="the folder to write to")
    arguments = parser.parse_args()

    length = round(STEPS * STEP_SECS * SAMPLE_RATE)
    stems = {
        "stems/drums.flac": np.rint(drums(arguments.packages, length) * 32_768.0),
        "stems/guitar.flac": np.rint(guitar(arguments.packages, length) * 32_768.0),
    }
    clip = stems | {"mixture.flac": sum(stems.values())}
    for name, samples in clip.items():
        peak = np.abs(samples).max()
        level = 10.0 * np.log10(np.mean((samples / 32_768.0) ** 2))
        print(f"{name}: {length / SAMPLE_RATE:.2f} s, RMS {level:.1f} dB, peak {peak:.0f} of 32767")
        if peak > 32_767:
            sys.exit(f"error: {name} would clip")
        path = arguments.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = samples.astype("<i2")
        soundfile.write(path, whole, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
        found = sha256(whole.tobytes())
        if found != SAMPLES_SHA256[name]:
            sys.exit(f"error: {name} has the SHA-256 {found}, not {SAMPLES_SHA256[name]}")


if __name__ == "__main__":
    main()
