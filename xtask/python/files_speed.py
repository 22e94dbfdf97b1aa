"""Lines of work come in on standard input, median seconds go out: how fast libsndfile and soxr read, write and resample.

One line each: what to do, a file, and a rate or a name to write. No line, no answer: libsndfile does not read it.
"""

import statistics
import sys
import time

import soundfile
import soxr

RUNS = 5


def work(what, path, more):
    if what == "read":
        return lambda: soundfile.read(path, dtype="float32")
    samples, rate = soundfile.read(path, dtype="float32")
    if what == "write":
        return lambda: soundfile.write(more, samples, rate, subtype="PCM_24")
    return lambda: soxr.resample(samples, rate, int(more), quality="HQ")


for line in sys.stdin:
    what, path, more = line.rstrip("\n").split("\t")
    try:
        run = work(what, path, more)
        run()
    except soundfile.LibsndfileError:
        print("-", flush=True)
        continue
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    print(statistics.median(times), flush=True)
