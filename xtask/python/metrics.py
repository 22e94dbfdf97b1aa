"""References and estimates come in; museval's or mir_eval's scores, and what they took, go out.

    python metrics.py MEASURE FOLDER

FOLDER holds `references.npy` and `estimates.npy`, (sources, channels, samples) in 32 bits, and `settings.json`
with the sample rate. Run it by `cargo xtask metrics`. MEASURE is one of

- `v4`: museval, BSS Eval 4, frames of one second;
- `sources`: mir_eval, BSS Eval 3, whole recording, mean of the channels;
- `images`: mir_eval, BSS Eval 3, whole recording, all channels;
- `about`: the versions.

The answer is printed: a line of JSON. Scores are (ratios, sources, frames), SDR, ISR, SIR, SAR where there are such.
"""

import importlib.metadata
import json
import resource
import sys
import time
import warnings
from pathlib import Path

import mir_eval.separation
import numpy as np

from bss_eval_golden import metrics as museval

PACKAGES = ("museval", "mir_eval", "numpy", "scipy")


def scores(measure, references, estimates, rate):
    """All ratios, with the sources in the order given."""
    if measure == "v4":
        sdr, isr, sir, sar, _ = museval.bss_eval(
            references, estimates, window=rate, hop=rate, compute_permutation=False
        )
        return {"sdr": sdr, "isr": isr, "sir": sir, "sar": sar}
    if measure == "images":
        sdr, isr, sir, sar, _ = mir_eval.separation.bss_eval_images(
            references, estimates, compute_permutation=False
        )
        return {"sdr": sdr, "isr": isr, "sir": sir, "sar": sar}
    sdr, sir, sar, _ = mir_eval.separation.bss_eval_sources(
        references.mean(axis=2), estimates.mean(axis=2), compute_permutation=False
    )
    return {"sdr": sdr, "sir": sir, "sar": sar}


def main():
    warnings.simplefilter("ignore")
    measure, folder = sys.argv[1], Path(sys.argv[2])
    if measure == "about":
        print(json.dumps([[name, importlib.metadata.version(name)] for name in PACKAGES]))
        return
    rate = json.loads((folder / "settings.json").read_text())["sample_rate"]
    # Both want samples before channels, in 64 bits.
    load = lambda name: np.load(folder / f"{name}.npy").astype(np.float64).transpose(0, 2, 1)
    references, estimates = load("references"), load("estimates")
    started, used = time.monotonic(), time.process_time()
    found = scores(measure, references, estimates, rate)
    secs, cpu_secs = time.monotonic() - started, time.process_time() - used
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    plain = {
        name: [[None if np.isnan(x) else float(x) for x in np.atleast_1d(row)] for row in ratio]
        for name, ratio in found.items()
    }
    print(json.dumps({"secs": secs, "cpu_secs": cpu_secs, "peak_mb": peak_mb, "scores": plain}))


if __name__ == "__main__":
    main()
