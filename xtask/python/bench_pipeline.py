"""A recording in, sixteen stems out, as people do it today with librosa and scikit-learn."""

import json
import sys
import time
from pathlib import Path

clock = [time.perf_counter()]
import librosa
import numpy as np
import soundfile
from sklearn.decomposition import NMF

track, folder = sys.argv[1], Path(sys.argv[2])
folder.mkdir(parents=True)
clock.append(time.perf_counter())
samples, rate = soundfile.read(track, always_2d=True, dtype="float32")
spectrum = librosa.stft(samples.T, n_fft=4096, hop_length=1024)
v = np.abs(spectrum).mean(0)
clock.append(time.perf_counter())
model = NMF(16, solver="mu", beta_loss="kullback-leibler", init="random", random_state=0, max_iter=200, tol=0)
w = model.fit_transform(v)
h = model.components_
clock.append(time.perf_counter())
whole = w @ h + 1e-12
render = write = 0.0
for k in range(16):
    start = time.perf_counter()
    stem = librosa.istft(spectrum * (np.outer(w[:, k], h[k]) / whole), hop_length=1024, length=len(samples))
    rendered = time.perf_counter()
    soundfile.write(folder / f"{k:02}.wav", stem.T, rate, subtype="PCM_24")
    render += rendered - start
    write += time.perf_counter() - rendered
imports, transform, fit = (b - a for a, b in zip(clock, clock[1:]))
stages = {"imports": imports, "transform": transform, "fit": fit, "masks and inverse transform": render, "write": write}
(folder / "stages.json").write_text(json.dumps(stages))
