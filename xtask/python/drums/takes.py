"""Unpacked packages come in; the spectra of many takes go out, as the training reads them.

    python takes.py PACKAGES OUTPUT --drums 320 --bass 120 --other 480 --seed 0

A file holds (takes, classes, frames, bins, 2): real and imaginary parts as 16-bit floats.
"""

import argparse
import pickle
import time
from pathlib import Path

import numpy as np
import scipy.fft

import material
import scene

FFT_LEN = 4096
HOP_LEN = 1024
BINS = FFT_LEN // 2 + 1
LEVEL = 0.1


def spectrum(samples):
    """(…, frames, bins) of (…, samples): Hann window, a quarter of it as hop, padded by halves."""
    padded = np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(FFT_LEN // 2, FFT_LEN // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_LEN, axis=-1)[..., ::HOP_LEN, :]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_LEN) / FFT_LEN)
    return scipy.fft.rfft((frames * window).astype(np.float32), axis=-1)


def packed(stems):
    """Level-normalised spectra as 16-bit floats."""
    stems = np.atleast_2d(stems)
    level = np.sqrt((stems.sum(axis=0) ** 2).mean()) + 1e-9
    values = spectrum(stems * (LEVEL / level))
    return np.stack([values.real, values.imag], axis=-1).astype(np.float16)


def training_material(packages, cache):
    fonts = {
        name: material.SoundFont(packages / path) for name, (_, path, _) in material.TRAINING_SOUNDFONTS.items()
    }
    kept = cache / "kits.pickle"
    if not kept.exists():
        kits = material.drum_kits(packages, fonts, material.TRAINING_KITS)
        kept.write_bytes(pickle.dumps(kits))
    kits = pickle.loads(kept.read_bytes())
    songs = {song: material.song_guitar(packages, song) for song in material.TRAINING_SONGS}
    return fonts, kits, songs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--drums", type=int, default=320)
    parser.add_argument("--bass", type=int, default=120)
    parser.add_argument("--other", type=int, default=480)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    fonts, kits, songs = training_material(given.packages, given.output)
    for name, kit in kits.items():
        print(name, {role: len(hits) for role, hits in kit.items()}, flush=True)

    makers = {
        "drums": (given.drums, lambda chance: scene.drums_take(chance, kits)),
        "bass": (given.bass, lambda chance: scene.bass_take(chance, fonts)),
        "other": (given.other, lambda chance: scene.other_take(chance, fonts, songs)),
    }
    for number, (name, (count, make)) in enumerate(makers.items()):
        began = time.time()
        rows = len(material.DRUM_CLASSES) if name == "drums" else 1
        frames = scene.LENGTH // HOP_LEN + 1
        partial = given.output / f"{name}_{given.seed}.partial.npy"
        takes = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.float16, shape=(count, rows, frames, BINS, 2)
        )
        for index in range(count):
            # Independent of how many takes there are of the other kinds.
            chance = np.random.default_rng([given.seed, number, index])
            takes[index] = packed(make(chance))
        takes.flush()
        partial.rename(given.output / f"{name}_{given.seed}.npy")
        print(f"{count} takes of {name}: {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
