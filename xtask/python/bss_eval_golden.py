"""Score generated signals with mir_eval and museval and write the scores as JSON.

The tests of `unbraid::evaluate` make the same signals (`tests/evaluate_golden.rs`) and compare.
Run it from the root of the repository with

    python3 -m venv target/venv-bss-eval
    target/venv-bss-eval/bin/pip install mir_eval==0.8.2 museval==0.4.1
    target/venv-bss-eval/bin/python xtask/python/bss_eval_golden.py > crates/unbraid/tests/evaluate_golden.json

Additions and multiplications are done one by one and in the same order here and in the tests, so that the
signals are equal to the last bit; they are then rounded to 16 bits, which `f32` holds exactly.
"""

import importlib.util
import json
import math
import pathlib
import sys
import warnings

import mir_eval.separation
import numpy as np


def museval_metrics():
    """`museval.metrics` by itself: the package around it refuses to load without ffmpeg."""
    folder = importlib.util.find_spec("museval").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("metrics", pathlib.Path(folder, "metrics.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


metrics = museval_metrics()

SAMPLES = 22000
SILENCE = (8000, 17000)  # the second source of the clip with a pause is silent from here to there
WINDOW = 8000

# Gain into the left and the right channel, and the two feedback coefficients of a resonance.
# The last source sounds on the left only.
SOURCES = [(0.6, 0.4, 1.6, -0.9), (0.3, 0.5, 0.4, -0.8), (0.7, 0.0, -0.9, -0.7)]


def noise(seed):
    """White noise of an LCG (Knuth's MMIX), uniform in -1 to 1."""
    state = seed
    out = []
    for _ in range(SAMPLES):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(float(state >> 40) / 8388608.0 - 1.0)
    return out


def round16(sample):
    return float(math.floor(sample * 8192.0 + 0.5)) / 32768.0


def references(pause):
    """Sources, samples, channels: noises through resonances, panned."""
    out = np.zeros((len(SOURCES), SAMPLES, 2))
    for source, (left, right, near, far) in enumerate(SOURCES):
        last = before = 0.0
        for n, drive in enumerate(noise(source + 1)):
            now = drive * 0.25 + near * last + far * before
            before, last = last, now
            if pause and source == 1 and SILENCE[0] <= n < SILENCE[1]:
                continue
            out[source, n, 0] = round16(now * left)
            out[source, n, 1] = round16(now * right)
    return out


def estimates(refs):
    """Estimates in the order 2, 0, 1: too quiet, smeared, with crosstalk and noise."""
    out = np.zeros(refs.shape)
    for place, source in enumerate([2, 0, 1]):
        other = (source + 1) % len(SOURCES)
        for channel in range(2):
            hiss = noise(100 + 10 * source + channel)
            for n in range(SAMPLES):
                own = refs[source, n, channel] * 0.9
                late = refs[source, n - 3, channel] * 0.2 if n >= 3 else 0.0
                crosstalk = refs[other, n, 1 - channel] * 0.1
                out[place, n, channel] = round16((own + late + crosstalk + hiss[n] * 0.02) * 4.0)
    return out


def number(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(value)


def ratios(sdr, isr, sir, sar):
    isr = None if isr is None else number(isr)
    return {"sdr_db": number(sdr), "isr_db": isr, "sir_db": number(sir), "sar_db": number(sar)}


def whole(sdr, isr, sir, sar, perm):
    """Scores of whole signals in the shape of `unbraid::evaluate::Scores`."""
    return {
        "permutation": [int(k) for k in perm],
        "sources": [
            ratios(sdr[j], None if isr is None else isr[j], sir[j], sar[j]) for j in range(len(sdr))
        ],
    }


def framewise(scores, perm, window, hop):
    """Scores of frames in the shape of `unbraid::evaluate::FramewiseScores`."""
    sdr, isr, sir, sar = scores
    sources, count = sdr.shape
    frames = []
    for t in range(count):
        scored = not np.isnan(sdr[:, t]).any()
        frames.append(
            {
                "start_samples": t * hop,
                "len_samples": window,
                "permutation": [int(k) for k in (perm[:, t] if scored else range(sources))],
                "sources": [
                    ratios(sdr[j, t], None if isr is None else isr[j, t], sir[j, t], sar[j, t])
                    for j in range(sources)
                ]
                if scored
                else None,
            }
        )
    return {"frames": frames}


def v4(refs, ests, window, hop, permute):
    sdr, isr, sir, sar, perm = metrics.bss_eval(
        refs, ests, window=window, hop=hop, compute_permutation=permute
    )
    perm = np.repeat(perm[:, :1], sdr.shape[1], axis=1)
    return framewise((sdr, isr, sir, sar), perm, window, hop)


def scale_invariant(refs, ests):
    """Le Roux et al. 2019, with all channels as one long vector."""
    refs = refs.transpose(0, 2, 1).reshape(len(refs), -1)
    ests = ests.transpose(0, 2, 1).reshape(len(ests), -1)
    out = []
    for s, e in zip(refs, ests):
        target = s * (np.dot(s, e) / np.dot(s, s))
        every = refs.T @ np.linalg.solve(refs @ refs.T, refs @ e)
        db = lambda error: 10 * np.log10(np.sum(target**2) / np.sum(error**2))
        out.append({"sdr_db": db(e - target), "sir_db": db(every - target), "sar_db": db(e - every)})
    return out


def main():
    warnings.simplefilter("ignore")
    separation = mir_eval.separation
    full, paused = references(False), references(True)
    shuffled = estimates(full)
    in_order = shuffled[[1, 2, 0]]
    paused_in_order = estimates(paused)[[1, 2, 0]]
    # What is silent in the reference is silent in the estimate, too: its frame is not scored.
    paused_in_order[1, SILENCE[0] : SILENCE[1]] = 0.0
    mono, mono_shuffled = full[:, :, 0], shuffled[:, :, 0]
    mono_paused, mono_paused_in_order = paused[:, :, 0], paused_in_order[:, :, 0]

    sdr, sir, sar, perm = separation.bss_eval_sources(mono, mono_shuffled)
    sources = whole(sdr, None, sir, sar, perm)
    sdr, sir, sar, perm = separation.bss_eval_sources_framewise(
        mono_paused, mono_paused_in_order, WINDOW, 4500
    )
    sources_framewise = framewise((sdr, None, sir, sar), perm, WINDOW, 4500)
    images = whole(*separation.bss_eval_images(full[:, :, :1], shuffled[:, :, :1]))
    # Museval adds a little to the diagonal of its equations, and so can score the source
    # that is silent on the right, where mir_eval finds the equations singular.
    sdr, isr, sir, sar, perm = metrics.bss_eval_images(full, shuffled)
    stereo_images = whole(sdr[:, 0], isr[:, 0], sir[:, 0], sar[:, 0], perm[:, 0])
    sdr, sir, sar, perm = metrics.bss_eval_sources(full, shuffled)
    stereo_sources = whole(sdr[:, 0], None, sir[:, 0], sar[:, 0], perm[:, 0])
    error = ((full - in_order) ** 2).sum(axis=(1, 2))
    json.dump(
        {
            "sources": sources,
            "sources_framewise": sources_framewise,
            "images": images,
            "stereo_images": stereo_images,
            "stereo_sources": stereo_sources,
            "v4": v4(paused, paused_in_order, WINDOW, WINDOW // 2, False),
            "v4_permuted": v4(full, shuffled, WINDOW, WINDOW, True),
            "scale_invariant": scale_invariant(full, in_order),
            "snr_db": list(10 * np.log10((full**2).sum(axis=(1, 2)) / error)),
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
