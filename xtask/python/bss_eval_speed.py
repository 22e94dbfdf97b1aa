"""The time and memory that museval and mir_eval take on a long recording.

`bss_eval_golden.py` says how to set up the environment. The counterpart is
`cargo run --release --package unbraid --example bss_eval_speed -- 4 180 v4`.

    target/venv-bss-eval/bin/python xtask/python/bss_eval_speed.py 4 180 v4

The measure is one of `v4` (museval, frames of one second), `images` (mir_eval, whole recording) and
`sources` (mir_eval, whole recording, left channels, matched).
"""

import resource
import sys
import time
import warnings

import mir_eval.separation
import numpy as np

from bss_eval_golden import metrics

SAMPLE_RATE = 44100


def main():
    warnings.simplefilter("ignore")
    sources, secs, measure = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rng = np.random.default_rng(0)
    shape = (sources, secs * SAMPLE_RATE, 2)
    refs = rng.uniform(-0.1, 0.1, shape)
    ests = 0.9 * refs + 0.1 * np.roll(refs, 1, axis=0) + rng.uniform(-0.01, 0.01, shape)

    started, used = time.monotonic(), time.process_time()
    if measure == "v4":
        scores = metrics.bss_eval(refs, ests, window=SAMPLE_RATE, hop=SAMPLE_RATE)
    elif measure == "images":
        scores = mir_eval.separation.bss_eval_images(refs, ests, compute_permutation=False)
    else:
        scores = mir_eval.separation.bss_eval_sources(refs[:, :, 0], ests[:, :, 0])
    elapsed, used = time.monotonic() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{measure}: {elapsed:.1f} s, {used:.1f} s of processor time")
    print(f"peak memory, signals included: {peak:.2f} GB, SDR {np.median(scores[0][0]):.3f} dB")


if __name__ == "__main__":
    main()
