"""Mixtures of one singer and one piano, of material that nothing learns from.

usage: mixtures.py SINGER NOTES OUTPUT, or mixtures.py --pitches CLIP OUTPUT for the two files of pitches alone

SINGER is a folder with voice.flac and voice_phonemes.csv; only what begins at MIXED_FROM_SECS is mixed, the rest is left
to learn from. NOTES holds one folder per loudness layer (`5`, `6`, …) of single notes named like `D#4v6.ogg`. For every
mixture OUTPUT gets a folder of mixture.flac, voice.flac, piano.flac, piano.mid, f0.csv (pYIN on the clean voice),
f0_mixture.csv (pYIN on the mixture, what a published tracker hears), lyrics.txt (Audacity labels of the phonemes) and meta.json.
A mixture whose folder is there with the same settings stays as it is.
"""

import csv
import json
import struct
import sys
from pathlib import Path

import librosa
import numpy as np
import soundfile as sf
from scipy.signal import butter, fftconvolve, lfilter, sosfiltfilt

RATE = 44_100
MIXED_FROM_SECS = 11.0
MIXED_TO_SECS = 20.9
NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
SAMPLED = (0, 3, 6, 9)

# name: what is done to the voice, what the piano plays, and how both are put together.
MIXTURES = {
    "chords": dict(layers=[9]),
    "chords-soft-piano": dict(layers=[6], voice_db=5),
    "chords-loud-piano": dict(layers=[14], voice_db=-5),
    "chords-voice-10-up": dict(layers=[9], voice_db=10),
    "arpeggio": dict(piano="arpeggio", layers=[11, 6, 9]),
    "arpeggio-voice-10-down": dict(piano="arpeggio", layers=[5, 6], voice_db=-10),
    "stride": dict(piano="stride", layers=[15, 11, 11]),
    "pedal": dict(piano="pedal", layers=[9, 5, 11]),
    "piano-10-cents-sharp": dict(layers=[11, 9], cents=10),
    "piano-21-cents-flat": dict(piano="arpeggio", layers=[9], cents=-21),
    "piano-40-cents-sharp": dict(layers=[14], cents=40),
    "unison": dict(piano="unison", layers=[9]),
    "unison-loud-piano": dict(piano="unison", layers=[14], voice_db=-6),
    "unison-octaves": dict(piano="octaves", layers=[6, 9]),
    "unison-12-cents-flat": dict(piano="unison", layers=[11], cents=-12),
    "unison-voice-5-up": dict(piano="unison", layers=[11], voice_db=5),
    "chords-room": dict(layers=[11], room_secs=1.2),
    "unison-room": dict(piano="unison", layers=[9], room_secs=0.8),
    "low-voice": dict(piano="arpeggio", layers=[9, 11], semitones=-5),
    "bass": dict(layers=[9], semitones=-9),
    "child": dict(layers=[11, 14], semitones=5),
    "stereo-chords": dict(layers=[9, 14], stereo=True),
    "stereo-unison": dict(piano="unison", layers=[11], stereo=True),
    "humming": dict(layers=[9], voice="hum"),
    "whisper": dict(layers=[9], voice="whisper"),
    "second-singer": dict(layers=[9, 11], voice="formants"),
}


class Notes:
    """Recorded notes, read when first asked for."""

    def __init__(self, folder):
        self.folder, self.read = Path(folder), {}

    def recorded(self, layer, key):
        if (layer, key) not in self.read:
            name = f"{NAMES[key % 12]}{key // 12 - 1}v{layer}.ogg"
            samples, rate = sf.read(self.folder / str(layer) / name, always_2d=True)
            loud = np.abs(samples).max(axis=1)
            onset = np.argmax(loud > 0.02 * loud.max())
            self.read[layer, key] = samples[max(0, onset - rate // 250) : onset + 8 * rate], rate
        return self.read[layer, key]

    def note(self, layer, key, secs, cents):
        """A note of so many seconds, from the nearest recorded key by resampling; a fifth of a second to fall silent."""
        near = min((k for k in range(21, 109) if k % 12 in SAMPLED), key=lambda k: abs(k - key))
        samples, rate = self.recorded(layer, near)
        ratio = 2 ** ((key - near + cents / 100) / 12) * rate / RATE
        place = np.arange(0, len(samples) - 1, ratio)
        count = min(len(place), int((secs + 0.2) * RATE))
        place = place[:count]
        at, part = place.astype(int), (place % 1)[:, None]
        out = samples[at] * (1 - part) + samples[at + 1] * part
        held = int(secs * RATE)
        if count > held:
            out[held:] *= np.exp(-np.arange(count - held) / (0.04 * RATE))[:, None]
        return out


def sung(folder, voice, semitones):
    """The voice, its phonemes and its notes: transposed with its formants, tempo and all, as a tape would be."""
    samples, rate = sf.read(folder / "voice.flac")
    assert rate == RATE
    samples = samples[int(MIXED_FROM_SECS * RATE) : int(MIXED_TO_SECS * RATE)]
    ratio = 2 ** (semitones / 12)
    phonemes = []
    with open(folder / "voice_phonemes.csv", newline="") as file:
        for row in csv.DictReader(file):
            begin, end = float(row["onset"]) - MIXED_FROM_SECS, float(row["offset"]) - MIXED_FROM_SECS
            if begin >= 0 and end <= len(samples) / RATE and row["phoneme"] not in ("pau", "sil"):
                key = NAMES.index(row["note"][:-1]) + 12 * (int(row["note"][-1]) + 1) + semitones
                phonemes.append((begin / ratio, end / ratio, row["phoneme"], key))
    if semitones:
        samples = librosa.resample(samples, orig_sr=RATE * ratio, target_sr=RATE)
    if voice == "hum":
        samples = sosfiltfilt(butter(4, 900, fs=RATE, output="sos"), samples)
    if voice == "whisper":
        samples = relit(samples, lambda n: np.random.default_rng(1).standard_normal(n), 44)
    if voice == "formants":
        # Up by a third of an octave as a tape, back down in pitch alone: another throat on the same notes.
        up = librosa.resample(samples, orig_sr=RATE * 2 ** (4 / 12), target_sr=RATE)
        up = librosa.effects.time_stretch(up, rate=2 ** (-4 / 12), n_fft=4096)
        samples = librosa.effects.pitch_shift(up, sr=RATE, n_steps=-4, n_fft=4096)[: len(samples)]
        samples = np.pad(samples, (0, max(0, int((MIXED_TO_SECS - MIXED_FROM_SECS) * RATE) - len(samples))))
    notes = []
    for begin, end, _, key in phonemes:
        if notes and notes[-1][2] == key and begin - notes[-1][1] < 0.01:
            notes[-1][1] = end
        else:
            notes.append([begin, end, key])
    return samples, phonemes, notes


def relit(samples, source, order):
    """The same spectral envelope and loudness, frame by frame, on another source (linear prediction)."""
    size, hop = 1024, 256
    window = np.hanning(size)
    noise, out = source(len(samples)), np.zeros(len(samples))
    for start in range(0, len(samples) - size, hop):
        frame = samples[start : start + size] * window
        if np.abs(frame).max() < 1e-4:
            continue
        a = librosa.lpc(frame + 1e-9 * window, order=order)
        made = lfilter([1], a, noise[start : start + size]) * window
        gain = np.sqrt((frame**2).mean() / max((made**2).mean(), 1e-12))
        out[start : start + size] += 0.35 * gain * made
    return out


def accompaniment(kind, notes, secs, layers):
    """(begin, end, key, layer) of everything the piano plays."""
    plays, turn = [], 0

    def play(begin, end, key):
        nonlocal turn
        plays.append((begin, min(end, secs - 0.05), key, layers[turn % len(layers)]))
        turn += 1

    if kind in ("unison", "octaves"):
        for begin, end, key in notes:
            play(begin, end, key)
            if kind == "octaves":
                play(begin, end, key - 12)
        return plays
    root = min(n[2] for n in notes) % 12
    major = {(root + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)}
    beat = 0.5
    for bar in range(int(secs / (4 * beat))):
        start = bar * 4 * beat
        weight = np.zeros(12)
        for begin, end, key in notes:
            weight[key % 12] += max(0, min(end, start + 4 * beat) - max(begin, start))
        triads = []
        for first in sorted(major):
            for third in (3, 4):
                triad = [first, (first + third) % 12, (first + 7) % 12]
                if set(triad) <= major:
                    triads.append((weight[triad].sum(), triad))
        triad = max(triads, key=lambda it: it[0])[1]
        low = 36 + triad[0]
        keys = sorted(k for k in range(53, 72) if k % 12 in triad)[:4]
        if kind == "chords":
            play(start, start + 4 * beat, low)
            for part in range(2):
                for key in keys:
                    play(start + 2 * beat * part, start + 2 * beat * (part + 0.95), key)
        elif kind == "arpeggio":
            play(start, start + 4 * beat, low)
            for step in range(8):
                key = keys[[0, 1, 2, 3, 2, 1, 2, 1][step] % len(keys)] + (12 if step % 4 == 3 else 0)
                play(start + step * beat / 2, start + step * beat / 2 + 0.45, key)
        elif kind == "stride":
            for step in range(4):
                if step % 2 == 0:
                    play(start + step * beat, start + (step + 0.9) * beat, low + (7 if step else 0))
                else:
                    for key in keys:
                        play(start + step * beat, start + (step + 0.6) * beat, key)
        elif kind == "pedal":
            for step in range(4):
                for key in (low, keys[step % len(keys)], keys[step % len(keys)] + 12):
                    play(start + step * beat, start + 4 * beat, key)
    return plays


def midi(plays):
    """A standard MIDI file: a tick is half a millisecond."""
    events = []
    for begin, end, key, layer in plays:
        events.append((int(begin * 2000), 1, key, min(127, 8 * layer)))
        events.append((int(end * 2000), 0, key, 0))

    def varlen(value):
        out = [value & 127]
        while value := value >> 7:
            out.insert(0, 128 | value & 127)
        return bytes(out)

    track, now = b"\x00\xff\x51\x03\x07\xa1\x20", 0
    for tick, on, key, velocity in sorted(events):
        track += varlen(tick - now) + bytes([0x90 if on else 0x80, key, velocity])
        now = tick
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def room(secs, seed):
    """An impulse response: the direct sound, and noise that falls by 60 dB in so many seconds, darker as it goes on."""
    random = np.random.default_rng(seed)
    count = int(secs * RATE)
    time = np.arange(count) / RATE
    tail = random.standard_normal(count) * np.exp(-6.9 * time / secs)
    dark = sosfiltfilt(butter(1, 3000, fs=RATE, output="sos"), tail)
    tail = np.where(time < 0.01, 0, 0.5 * tail * np.exp(-2 * time / secs) + dark)
    tail *= 0.5 / np.sqrt((tail**2).sum())
    tail[0] = 1
    return tail


def pitch(path, samples):
    """What pYIN hears, as Sonic Visualiser writes it: seconds and Hz, 0 where nothing is sung."""
    hz, voiced, _ = librosa.pyin(
        librosa.resample(samples, orig_sr=RATE, target_sr=22_050),
        fmin=80, fmax=1000, sr=22_050, frame_length=2048, hop_length=256,
    )  # fmt: skip
    with open(path, "w") as file:
        for frame, (f0, on) in enumerate(zip(hz, voiced)):
            file.write(f"{frame * 256 / 22_050:.6f},{f0 if on and np.isfinite(f0) else 0:.3f}\n")


def mixture(folder, singer, notes, *, piano="chords", layers, voice="", voice_db=0.0, semitones=0, cents=0.0,
            room_secs=0.0, stereo=False):  # fmt: skip
    meta = json.dumps(dict(name=folder.name, piano=piano, layers=layers, voice=voice, voice_db=voice_db, semitones=semitones,
        cents=cents, room_secs=room_secs, stereo=stereo))  # fmt: skip
    # Written last, so that a half-made mixture is not taken for a whole one.
    stamp = folder / "meta.json"
    if stamp.is_file() and stamp.read_text() == meta:
        return
    samples, phonemes, melody = sung(singer, voice, semitones)
    secs = len(samples) / RATE
    plays = accompaniment(piano, melody, secs, layers)
    played = np.zeros((len(samples) + 4 * RATE, 2))
    for begin, end, key, layer in plays:
        note = notes.note(layer, key, end - begin, cents)
        at = int(begin * RATE)
        played[at : at + len(note)] += note[: len(played) - at]
    played = played[: len(samples)]
    if not stereo:
        played = played.mean(axis=1, keepdims=True)
    singing = np.repeat(samples[:, None], played.shape[1], axis=1)
    if room_secs:
        singing, played = (
            np.stack([fftconvolve(channel, room(room_secs, seed))[: len(samples)] for channel in stem.T], axis=1)
            for seed, stem in enumerate((singing, played))
        )
    loud = np.sqrt((singing**2).mean() / (played**2).mean())
    played = played * loud / 10 ** (voice_db / 20)
    peak = 0.9 / np.abs(singing + played).max()
    whole = lambda x: np.round(x * peak * 32767).astype(np.int16)
    singing, played = whole(singing), whole(played)
    folder.mkdir(parents=True, exist_ok=True)
    for name, stem in (("voice", singing), ("piano", played), ("mixture", singing + played)):
        sf.write(folder / f"{name}.flac", stem, RATE, subtype="PCM_16")
    (folder / "piano.mid").write_bytes(midi(plays))
    mono = lambda stem: stem.mean(axis=1) / 32767
    pitch(folder / "f0.csv", mono(singing))
    pitch(folder / "f0_mixture.csv", mono(singing + played))
    with open(folder / "lyrics.txt", "w") as file:
        for begin, end, phoneme, _ in phonemes:
            file.write(f"{begin:.4f}\t{end:.4f}\t{phoneme}\n")
    stamp.write_text(meta)
    print(folder.name, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--pitches":
        for stem, name in (("voice", "f0.csv"), ("mixture", "f0_mixture.csv")):
            samples, rate = sf.read(Path(sys.argv[2]) / f"{stem}.flac", always_2d=True)
            assert rate == RATE
            pitch(Path(sys.argv[3]) / name, samples.mean(axis=1))
        sys.exit()
    singer, recorded, output = map(Path, sys.argv[1:4])
    notes = Notes(recorded)
    for name, settings in MIXTURES.items():
        mixture(output / name, singer, notes, **settings)
