"""Unpacked packages come in; mixtures of kits, instruments and songs never trained on go out.

    python validation.py PACKAGES OUTPUT

Each mixture is a folder with `mixture.wav`, `drums.wav` and `rest.wav` that add up to it, the
classes of the drums and, where there is one, the bass in `parts/`, and `meta.json`. The set is
the same on every run. Six more, `hard-...`, are the cases known to be hard.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile

import material
import scene
from takes import LEVEL

MIXTURES = 48
SEED = 1000
# Of every four mixtures, those with these numbers have a song's guitar; of every two, one a bass.
WITH_SONG = (1,)


def levelled(samples):
    return samples * (LEVEL / (np.sqrt((samples**2).mean()) + 1e-9))


def written(folder, drums, bass, other, balance_db, bass_db, meta):
    """Write one mixture; `drums` is (classes, samples), `bass` may be None."""
    other = levelled(other)
    rest = other if bass is None else levelled(other + levelled(bass) * 10 ** (bass_db / 20))
    bass_gain = 0 if bass is None else 1
    total = drums.sum(axis=0)
    drums = drums * (LEVEL * 10 ** (balance_db / 20) / (np.sqrt((total**2).mean()) + 1e-9))
    gain = 0.5 / np.abs(drums.sum(axis=0) + rest).max()
    drums, rest = drums * gain, rest * gain
    (folder / "parts").mkdir(parents=True, exist_ok=True)

    def put(name, samples):
        soundfile.write(folder / f"{name}.wav", samples.astype(np.float32), material.SAMPLE_RATE, subtype="FLOAT")

    put("drums", drums.sum(axis=0))
    put("rest", rest)
    put("mixture", drums.sum(axis=0) + rest)
    for name, stem in zip(material.DRUM_CLASSES, drums):
        put(f"parts/{name}", stem)
    meta = {**meta, "balance_db": round(balance_db, 1), "bass": bool(bass_gain)}
    (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


def hard_cases(packages, output, kits, font, songs):
    """The cases known to be hard, each by itself."""
    chance = np.random.default_rng(SEED + 77)

    def strummed(program):
        played = scene.notes(chance, "guitar", "strum")
        events = [(0.0, "program", 0, 0, program)]
        for on, off, key, velocity in played:
            events += [(on, "on", 0, key, velocity), (off, "off", 0, key)]
        return font.render(events, scene.LENGTH)

    acoustic = kits["The Black Pearl 1.0"]
    machine = dict(kits["timgm_25"])
    machine["kick"] = [
        np.interp(np.arange(0, len(hit) - 1, speed), np.arange(len(hit)), hit).astype(np.float32)
        for hit in machine["kick"][:1]
        for speed in (0.8, 0.9, 1.0, 1.12, 1.26)
    ]
    roomy = scene.drum_take(chance, acoustic)
    tail = chance.standard_normal(int(1.5 * material.SAMPLE_RATE))
    tail *= 10 ** (-3 * np.arange(len(tail)) / len(tail))
    tail = scene.filtered(tail[None], "low", 5000)[0]
    tail /= np.sqrt((tail**2).sum())
    roomy = roomy + 0.7 * scene.scipy.signal.fftconvolve(roomy, tail[None], axes=-1)[:, : roomy.shape[1]]
    tambourine = {"hand": [material.trimmed(font.render([(0, "program", 9, 128, 0), (0.005, "on", 9, 54, 100)], 40_000))]}
    alone = np.zeros((len(material.DRUM_CLASSES), scene.LENGTH))
    for beat in np.arange(0.1, scene.TAKE_SECS, 0.25):
        at = int(beat * material.SAMPLE_RATE)
        hit = tambourine["hand"][0][: scene.LENGTH - at]
        alone[3, at : at + len(hit)] += hit * chance.uniform(0.5, 1)
    piano = scene.instrument_take(chance, font, "keys")
    song = songs["chaos_god"]
    cases = {
        "hard-808": (scene.drum_take(chance, machine), scene.bass_take(chance, {"t": font}), piano),
        "hard-brushes": (scene.drum_take(chance, kits["timgm_40"]), None, scene.instrument_take(chance, font, "keys")),
        "hard-roomy": (roomy, None, strummed(25)),
        "hard-strummed": (scene.drum_take(chance, acoustic), None, strummed(25)),
        "hard-distorted": (scene.drum_take(chance, acoustic), None, song[len(song) // 2][: scene.LENGTH]),
        "hard-tambourine": (alone, None, strummed(24)),
    }
    for name, (drums, bass, other) in cases.items():
        written(output / name, drums, bass, other, 0.0, -2.0, {"case": name})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    font = material.SoundFont(given.packages / material.VALIDATION_SOUNDFONTS["timgm"][1])
    kits = material.drum_kits(given.packages, {"timgm": font}, material.VALIDATION_KITS)
    songs = {song: material.song_guitar(given.packages, song) for song in material.VALIDATION_SONGS}
    for number in range(MIXTURES):
        chance = np.random.default_rng([SEED, number])
        kit = sorted(kits)[chance.integers(len(kits))]
        drums = scene.produced_drums(chance, scene.drum_take(chance, kits[kit]))
        if number % 4 in WITH_SONG or number % 16 == 2:
            what = sorted(songs)[chance.integers(len(songs))]
            windows = songs[what]
            other = scene.produced(chance, windows[chance.integers(len(windows))][: scene.LENGTH])
        else:
            what = chance.choice(["guitar", "guitar", "keys", "mallets", "synth", "voice"])
            other = scene.voice_take(chance) if what == "voice" else scene.instrument_take(chance, font, what)
            if what == "guitar" and chance.random() < 0.3:
                other = scene.distorted(chance, other[None])[0]
            other = scene.produced(chance, other)
        bass = scene.bass_take(chance, {"timgm": font}) if number % 2 else None
        meta = {"kit": kit, "rest": str(what)}
        folder = given.output / f"mix-{number:02}"
        written(folder, drums, bass, other, chance.uniform(-5, 5), chance.uniform(-6, 4), meta)
    hard_cases(given.packages, given.output, kits, font, songs)


if __name__ == "__main__":
    main()
