"""A recording comes in; what librosa and scikit-learn take to factorise it and write two stems goes out, as a line of JSON."""

import json
import resource
import sys
import time

recording, out, most_gib = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(float(most_gib) * 2**30),) * 2)

import librosa
import numpy as np
import soundfile
from sklearn.decomposition import NMF

began = time.time()
stopped = None
stage = "read"
try:
    audio, rate = librosa.load(recording, sr=None, mono=False)
    stage = "transform"
    spectra = [librosa.stft(channel, n_fft=2048, hop_length=512) for channel in audio]
    values = np.mean([np.abs(spectrum) for spectrum in spectra], axis=0)
    stage = "fit"
    model = NMF(16, beta_loss="kullback-leibler", solver="mu", init="random", random_state=0, max_iter=200, tol=0)
    templates = model.fit_transform(values)
    activations = model.components_
    stage = "mask"
    whole = templates @ activations + 1e-10
    for number in range(2):
        share = (templates[:, number::2] @ activations[number::2]) / whole
        stem = np.stack([librosa.istft(spectrum * share, hop_length=512) for spectrum in spectra])
        soundfile.write(f"{out}-{number}.flac", stem.T, rate, subtype="PCM_16")
except MemoryError as error:
    stopped = f"{stage}: {error}"
print(
    json.dumps(
        {
            "len_secs": 0,
            "secs": time.time() - began,
            "most_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "stopped": stopped,
        }
    )
)
