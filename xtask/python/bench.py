"""Measures Unbraid beside other programs, in turn in one run, and writes docs/speed.md.

Called by `cargo xtask bench`, which has built the worker and the program and made the tracks.
Times are medians over rounds in which everybody has one turn. Of a fit every single iteration is timed, so that
what happens once is left out, and a disturbance spoils few of them.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
RATE = 44_100
EPSILON = np.float32(1e-7)
BETAS = {1: "KL", 0: "IS"}


# ---------------------------------------------------------------- who is measured

class Worker:
    """Our side: a process that answers questions."""

    def __init__(self, path):
        self.process = subprocess.Popen([path, "bench-worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, question, **settings):
        self.process.stdin.write(json.dumps({"ask": question, **settings}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the worker ended; its message is above")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def limit_threads(threads):
    import threadpoolctl
    import torch

    torch.set_num_threads(threads)
    return threadpoolctl.threadpool_limits(threads)


# Every one returns the seconds of each of its iterations, and the factors.

def scikit_learn(v, w, h, beta, iterations):
    import sklearn.decomposition._nmf as module

    loss = {1: "kullback-leibler", 0: "itakura-saito"}[beta]
    model = module.NMF(w.shape[1], solver="mu", beta_loss=loss, init="custom", max_iter=iterations, tol=0)
    step, ends = module._multiplicative_update_h, []

    def timed_step(*args, **settings):
        # The second half of an iteration.
        h = step(*args, **settings)
        ends.append(time.perf_counter())
        return h

    module._multiplicative_update_h = timed_step
    try:
        w = model.fit_transform(v, W=w.copy(), H=h.copy())
    finally:
        module._multiplicative_update_h = step
    return np.diff(ends), w, model.components_


def tight_numpy(v, w, h, beta, iterations):
    """What one writes who knows NumPy: f32, no temporaries of V's size, one ratio per factor."""
    w, h = w.copy(), h.copy()
    model, ratio = np.empty_like(v), np.empty_like(v)
    ends = [time.perf_counter()]
    for _ in range(iterations):
        for factor in "hw":
            np.matmul(w, h, out=model)
            model += EPSILON
            if beta == 1:
                np.divide(v, model, out=ratio)
                up, down = (w.T @ ratio, w.sum(0)[:, None]) if factor == "h" else (ratio @ h.T, h.sum(1))
                step = up / down
            else:
                np.reciprocal(model, out=model)
                np.multiply(v, model, out=ratio)
                ratio *= model
                step = (w.T @ ratio) / (w.T @ model) if factor == "h" else (ratio @ h.T) / (model @ h.T)
                step **= 0.5
            if factor == "h":
                h *= step
            else:
                w *= step
        ends.append(time.perf_counter())
    return np.diff(ends), w, h


def torchnmf(v, w, h, beta, iterations):
    import torch
    from torchnmf.nmf import NMF

    # Its W is (columns, rank) and its H (rows, rank): V = H @ W.T.
    net = NMF(W=torch.from_numpy(h.T.copy()), H=torch.from_numpy(w.copy()))
    data = torch.from_numpy(v)
    product, calls = net.reconstruct, []

    def timed_product(*args):
        calls.append(time.perf_counter())
        return product(*args)

    net.reconstruct = timed_product
    # In every tenth iteration it computes the loss, with a product more: it is not asked for so many.
    net.fit(data, beta=beta, tol=0, max_iter=min(iterations, 9))
    # One product before the first iteration, two in each.
    return np.diff(calls[1::2]), None, None


PEERS = {"scikit-learn": scikit_learn, "tight NumPy": tight_numpy, "torchnmf": torchnmf}


# ---------------------------------------------------------------- measuring

class Bench:
    def __init__(self, args):
        self.args = args
        self.quick = args.quick
        self.tracks = args.tracks
        self.worker = Worker(args.worker)
        self.rounds = 1 if self.quick else 3
        self.secs = {10: 2, 30: 3, 180: 6} if self.quick else {}

    def load(self, track, secs, fft_len=2048, components=16, seed=0, share=True):
        """V, W and H as the others want them."""
        names = {name: str(Path(self.args.folder) / f"{name}.npy") for name in "vwh"}
        loaded = self.worker("load", path=track, secs=self.secs.get(secs, secs), fft_len=fft_len, v=names["v"] if share else None)
        arrays = self.start(components, seed, share)
        if share:
            arrays = (np.ascontiguousarray(np.load(names["v"]).T), *arrays)
        return loaded, arrays

    def start(self, components, seed, share=True):
        names = {name: str(Path(self.args.folder) / f"{name}.npy") for name in "wh"}
        self.worker("start", components=components, seed=seed, **(names if share else {"w": None, "h": None}))
        return tuple(np.ascontiguousarray(np.load(names[name])) for name in "wh") if share else ()

    def iteration(self, case, who, beta, threads, arrays):
        """Seconds of one iteration of everybody in `who`: medians over all iterations of all rounds.

        Into the case goes how fast the fastest tenth was as well: what else runs on a machine slows single
        iterations, and those of programs whose threads wait for each other the most.
        """
        count = 5 if case.get("long") else 9
        times = {name: [] for name in who}
        with limit_threads(threads):
            for name in who:
                if name != "Unbraid":
                    PEERS[name](*arrays, beta, 2)
            for _ in range(self.rounds):
                for name in who:
                    # BLAS's threads wait for more to do by spinning, and would take a processor from whoever is next.
                    time.sleep(0.5)
                    if name == "Unbraid":
                        # Short iterations: more of them for the same noise.
                        asked = {"beta": beta, "iterations": 4 * count, "exact": True, "threads": threads, "goal": None}
                        times[name] += self.worker("fit", **asked)["each"]
                    else:
                        times[name] += list(PEERS[name](*arrays, beta, count)[0])
        case["fastest"] = {name: float(np.quantile(values, 0.1)) for name, values in times.items()}
        return {name: statistics.median(values) for name, values in times.items()}

    def iterations(self, threads=None):
        threads = threads or os.cpu_count()
        everybody = ["Unbraid", *PEERS]
        both = ["Unbraid", "scikit-learn"]
        cases = [
            {"secs": 30, "components": 16, "beta": 1},
            {"secs": 180, "components": 16, "beta": 1, "long": True},
            {"secs": 30, "components": 64, "beta": 1},
            {"secs": 30, "components": 16, "beta": 0},
            {"secs": 180, "components": 16, "beta": 0, "long": True},
        ]
        if threads > 1:
            cases += [
                {"secs": 30, "components": 8, "beta": 1},
                {"secs": 30, "components": 128, "beta": 1},
                {"secs": 30, "components": 16, "beta": 1, "fft_len": 4096},
                {"secs": 180, "components": 16, "beta": 1, "fft_len": 4096, "long": True},
            ]
        peak = self.worker("peak", threads=threads)["gflops"]
        for case in cases:
            loaded, arrays = self.load(self.tracks[0], case["secs"], case.get("fft_len", 2048), case["components"])
            case.update(bins=loaded["bins"], frames=loaded["frames"])
            who = everybody if threads > 1 else both
            case["seconds"] = self.iteration(case, who, case["beta"], threads, arrays)
            products = 8 if case["beta"] == 1 else 12
            flops = products * case["bins"] * case["frames"] * case["components"]
            case["share"] = flops / case["fastest"]["Unbraid"] / 1e9 / peak
            print(case, flush=True)
        kernels = {str(k): self.worker("kernel", components=k, beta=1.0)["share"] for k in (8, 16, 32, 64, 128)}
        return {"peak": peak, "threads": threads, "cases": cases, "kernels": kernels}

    def part_iterations(self):
        return self.iterations()

    def part_threads(self):
        return self.iterations(threads=1)

    def part_memory(self):
        """The most memory of a 180 s fit with 16 components, beyond the audio, in a process of its own."""
        worker = Worker(self.args.worker)
        loaded = worker("load", path=self.tracks[0], secs=180, fft_len=2048, v=None)
        worker("start", components=16, seed=0, w=None, h=None)
        worker("fit", beta=1.0, iterations=20, exact=False, threads=os.cpu_count(), goal=None)
        most = worker("memory")["most"]
        worker.close()
        v = loaded["bins"] * loaded["frames"] * 4 / 1e6
        return {"most": most, "before": loaded["before"]["now"], "v": v}

    def part_goal(self):
        threads = os.cpu_count()
        rows = []
        for secs, components in ((30, 16), (180, 16), (30, 64)):
            for track in self.tracks:
                _, arrays = self.load(track, secs, components=components)
                their = self.iteration({"long": True}, ["scikit-learn"], 1, threads, arrays)["scikit-learn"]
                for seed in range(3):
                    self.start(components, seed, share=False)
                    fit = lambda exact, goal: self.worker("fit", beta=1.0, iterations=200, exact=exact, threads=threads, goal=goal)
                    exact = fit(True, None)
                    fast = fit(False, exact["objective"])
                    seconds, iterations = fast["reached"] or (None, None)
                    row = {"secs": secs, "components": components, "track": Path(track).stem.rsplit("-", 1)[0], "seed": seed,
                           "scikit-learn": 200 * their, "exact": exact["seconds"], "goal": exact["objective"], "seconds": seconds,
                           "iterations": iterations, "at the end": fast["objective"] / exact["objective"]}
                    # The same goal from other starts, which take time themselves; singular vectors know no seed.
                    for init in ["nndsvdar", "subsampled"] if seed == 0 else ["subsampled"]:
                        begun = self.worker("start", components=components, seed=seed, init=init, w=None, h=None)["seconds"]
                        other = fit(False, exact["objective"])
                        seconds, iterations = other["reached"] or (None, None)
                        row[init] = {"start": begun, "seconds": seconds, "iterations": iterations,
                                     "at the end": other["objective"] / exact["objective"]}
                    rows.append(row)
                    print(row, flush=True)
        # The other program's objective after its 200 iterations, from the same start, as a check of the goal.
        _, (v, w, h) = self.load(self.tracks[0], 30)
        start = time.perf_counter()
        _, w, h = scikit_learn(v, w, h, 1, 20 if self.quick else 200)
        seconds = time.perf_counter() - start
        model = (w @ h).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(v > 0, v * np.log(v / model), 0.0)
        return {"rows": rows, "whole": {"seconds": seconds, "objective": float((logs - v + model).sum())}}

    def part_pipeline(self):
        track, folder = self.tracks[0], Path(self.args.folder)
        ours = [self.args.unbraid, "factorize", track, "-k", "16", "--iterations", "200", "--overwrite", "-o"]
        theirs = [sys.executable, str(Path(__file__).with_name("bench_pipeline.py")), track]
        runs = {"Unbraid": [*ours, str(folder / "ours")], "librosa + scikit-learn": [*theirs, str(folder / "theirs")]}
        figures = {name: [] for name in runs}
        for _ in range(1 if self.quick else 2):
            for name, command in runs.items():
                # Three of ours for one of theirs: short times are noisy.
                for _ in range(3 if name == "Unbraid" else 1):
                    shutil.rmtree(command[-1], ignore_errors=True)
                    figures[name].append(timed(command))
                    print(name, figures[name][-1], flush=True)
        manifest = json.loads((folder / "ours" / "unbraid.json").read_text())
        exact = json.loads(subprocess.run([*ours, str(folder / "exact"), "--exact", "--json"], check=True, capture_output=True, text=True).stdout)
        stages = json.loads((folder / "theirs" / "stages.json").read_text())
        for name in ("ours", "theirs", "exact"):
            shutil.rmtree(folder / name, ignore_errors=True)
        return {"runs": figures, "objective": manifest["objective"]["last"], "exact": exact["objective"]["last"], "stages": stages}

    def part_growth(self):
        threads = os.cpu_count()
        result = {"length": [], "components": []}
        lengths = (2, 4) if self.quick else (10, 30, 60, 180, 600, 1800)
        longest = self.long_track(max(lengths))
        for secs in lengths:
            share = secs <= 600
            loaded, arrays = self.load(longest, secs, share=share)
            who = ["Unbraid", "scikit-learn"] if share else ["Unbraid"]
            memory = self.worker("memory")
            times = self.iteration({"long": True}, who, 1, threads, arrays)
            most = self.worker("memory")["most"]
            result["length"].append({"secs": secs, "frames": loaded["frames"], "seconds": times, "megabytes": most - memory["now"]})
            print(result["length"][-1], flush=True)
        for components in (8, 16, 32, 64, 128, 256):
            _, arrays = self.load(self.tracks[0], 30, components=components)
            times = self.iteration({"long": True}, ["Unbraid", "scikit-learn"], 1, threads, arrays)
            result["components"].append({"components": components, "seconds": times})
            print(result["components"][-1], flush=True)
        Path(longest).unlink()
        return result

    def long_track(self, secs):
        """The first track again and again."""
        import soundfile

        samples, _ = soundfile.read(self.tracks[0], dtype="int16")
        path = str(Path(self.args.folder) / "long.wav")
        repeats = -(-secs * RATE // len(samples))
        soundfile.write(path, np.tile(samples.mean(1).astype("int16"), repeats)[: secs * RATE], RATE)
        return path

    def part_precision(self):
        """What half-precision data or products would do to the objective: emulated, in the plain loop."""
        def bf16(x):
            bits = x.astype(np.float32).view(np.uint32)
            return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)

        def f16(x):
            return x.astype(np.float16).astype(np.float32)

        keep = lambda x: x
        variants = {"f32": (keep, keep), "V in f16": (f16, keep), "V in bf16": (bf16, keep), "products of bf16": (keep, bf16), "both": (f16, bf16)}
        (_, (v, w0, h0)), rows = self.load(self.tracks[0], 10), []
        count = 20 if self.quick else 100
        for name, (data, product) in variants.items():
            w, h, d = w0.copy(), h0.copy(), data(v)
            for _ in range(count):
                ratio = product(d / (product(w) @ product(h) + EPSILON))
                h *= (product(w).T @ ratio) / w.sum(0)[:, None]
                ratio = product(d / (product(w) @ product(h) + EPSILON))
                w *= (ratio @ product(h).T) / h.sum(1)
            model = (w.astype(np.float64) @ h) + EPSILON
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.where(v > 0, v * np.log(v / model), 0.0)
            rows.append({"name": name, "objective": float((logs - v + model).sum())})
            print(rows[-1], flush=True)
        return rows

    def part_instructions(self):
        """Instructions of ten more iterations of a small fit, counted by callgrind."""
        if shutil.which("valgrind") is None:
            print("instructions: skipped, valgrind is not installed")
            return None
        counts = {}
        for k in (8, 16):
            few, many = (self.count(k, iterations) for iterations in (5, 15))
            counts[str(k)] = (many - few) / 10
        return counts

    def count(self, components, iterations):
        questions = [
            {"ask": "load", "path": self.tracks[0], "secs": 1.0, "fft_len": 2048, "v": None},
            {"ask": "start", "components": components, "seed": 0, "w": None, "h": None},
            {"ask": "fit", "beta": 1.0, "iterations": iterations, "exact": True, "threads": 1, "goal": None},
        ]
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", self.args.worker, "bench-worker"]
        run = subprocess.run(command, input="".join(json.dumps(q) + "\n" for q in questions), capture_output=True, text=True)
        found = re.search(r"Collected : (\d+)", run.stderr)
        if not found:
            sys.exit(f"callgrind gave no count:\n{run.stderr}")
        return int(found[1])


def timed(command):
    """Wall time, processor time and the most memory of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most = 0.0
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        # Not the resource usage of the ended process: that counts what we held when it began.
        try:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            found = None
        # Right after its beginning the process is still a copy of this one.
        if found and time.perf_counter() - start > 0.05:
            most = max(most, int(found[1]) * 1024 / 1e6)
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    return {"seconds": seconds, "processor": ended[2].ru_utime + ended[2].ru_stime, "megabytes": most}


def processor_seconds():
    """Of everybody since the machine began, if the system tells."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


def own_seconds(worker):
    """Of this process, the worker, and whom we have waited for."""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    stat = Path(f"/proc/{worker.process.pid}/stat")
    if stat.exists():
        user, system = stat.read_text().rsplit(")", 1)[1].split()[11:13]
        total += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return total


def share_of_others(worker, before):
    """Seconds of everybody, ours, and on the clock, earlier: which share of all processors others have had since."""
    everybody, own, clock = processor_seconds(), own_seconds(worker), time.perf_counter()
    if everybody is None:
        return None
    return (everybody - before[0] - (own - before[1])) / (clock - before[2]) / os.cpu_count()


PARTS = ["iterations", "threads", "memory", "goal", "pipeline", "growth", "precision", "instructions"]


def machine(worker):
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*: (.*)", cpuinfo.read_text())
        model = found[1] if found else model
        family = re.search(r"cpu family\s*: (.*)", cpuinfo.read_text())
        model += f", family {family[1]}" if family else ""
    import sklearn, librosa, torch, threadpoolctl

    blas = {(i["internal_api"], i.get("version"), i.get("architecture")) for i in threadpoolctl.threadpool_info() if i["user_api"] == "blas"}
    return {
        "processor": model, "cores": os.cpu_count(), "isa": worker("peak", threads=1)["isa"], "peak": worker("peak", threads=1)["gflops"], "half": worker("peak", threads=1)["half"],
        "date": datetime.date.today().isoformat(),
        "packages": {"scikit-learn": sklearn.__version__, "NumPy": np.__version__, "librosa": librosa.__version__, "PyTorch": torch.__version__, "torchnmf": "0.3.5"},
        "blas": " ".join(str(x) for x in sorted(blas)[0]) if blas else "?",
    }


def main():
    parser = argparse.ArgumentParser()
    for name in ("worker", "unbraid", "folder", "docs"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--tracks", nargs="+")
    args = parser.parse_args()
    kept = Path(args.folder) / ("quick.json" if args.quick else "figures.json")
    figures = json.loads(kept.read_text()) if kept.exists() else {}
    if not args.page:
        bench = Bench(args)
        figures["machine"] = machine(bench.worker)
        for part in args.part or PARTS:
            print(f"{part} …", flush=True)
            before = processor_seconds(), own_seconds(bench.worker), time.perf_counter()
            figures[part] = getattr(bench, f"part_{part}")()
            figures.setdefault("others", {})[part] = share_of_others(bench.worker, before)
            kept.write_text(json.dumps(figures, indent=1))
        bench.worker.close()
    if args.quick:
        print("quick: no page is written")
        return
    from bench_page import write

    write(figures, Path(args.docs))


if __name__ == "__main__":
    main()
