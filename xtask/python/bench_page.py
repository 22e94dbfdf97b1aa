"""Figures of bench.py come in; docs/speed.md and its plots go out."""

import statistics
from pathlib import Path


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def ms(seconds):
    return f"{1000 * seconds:.2f}" if seconds < 0.01 else f"{1000 * seconds:.1f}"


def asked(value, floor, unit=""):
    return f"{value:.1f}{unit} (asked ≥ {floor}{unit}{'' if value >= floor else ', missed'})"


def name(case):
    fft = "" if case["bins"] == 1025 else f", {case['bins']} bins"
    return f"{'KL' if case['beta'] == 1 else 'IS'}, {case['secs']} s, K = {case['components']}{fft}"


ASKED = {(1, 30, 16): 10, (1, 180, 16): 7, (1, 30, 64): 3.6, (0, 30, 16): 10, (0, 180, 16): 7}


def iterations(figures):
    part = figures["iterations"]
    peers = [who for who in part["cases"][0]["seconds"] if who != "Unbraid"]
    rows = []
    for case in part["cases"]:
        seconds = case["seconds"]
        ratio = seconds["scikit-learn"] / seconds["Unbraid"]
        floor = ASKED.get((case["beta"], case["secs"], case["components"])) if case["bins"] == 1025 else None
        fastest = case["fastest"]["scikit-learn"] / case["fastest"]["Unbraid"]
        rows.append([name(case), ms(seconds["Unbraid"]), *(ms(seconds[who]) for who in peers),
                     asked(ratio, floor, " ×") if floor else f"{ratio:.1f} ×", f"{fastest:.1f} ×", f"{100 * case['share']:.0f} %", f"{fastest / case['share']:.1f} ×"])
    text = "\n## One exact iteration\n\nMilliseconds of one multiplicative update of both factors, all threads; the objective that our fit computes on "
    text += "the way included, which the others' do not. `share` is that of the fused multiply-adds that all threads can do, measured in the same run.\n\n"
    text += "Beside the ratio of medians stands that of the fastest tenth of the iterations, which other programs disturbed least; `share` is theirs. "
    text += "`at the limit` is what that ratio would be if nothing but the multiply-adds of the products took time: no program can pass it.\n\n"
    text += table(["case", "Unbraid", *peers, "scikit-learn / Unbraid", "fastest tenth", "share", "at the limit"], rows)
    kernels = [[f"K = {k}", f"{100 * share:.0f} %" + {"16": " (asked ≥ 75 %)", "64": " (asked ≥ 88 %)"}.get(k, "")] for k, share in part["kernels"].items()]
    text += "\nThe inner loops alone, β = 1, one thread, one tile in the second-level cache, without the objective:\n\n" + table(["components", "share of the peak"], kernels)
    if one := figures.get("threads"):
        rows = [[name(case), ms(case["seconds"]["Unbraid"]), ms(case["seconds"]["scikit-learn"]),
                 f"{case['seconds']['scikit-learn'] / case['seconds']['Unbraid']:.1f} ×",
                 f"{case['fastest']['scikit-learn'] / case['fastest']['Unbraid']:.1f} ×", f"{100 * case['share']:.0f} %"] for case in one["cases"]]
        text += "\nOne thread on either side:\n\n" + table(["case", "Unbraid", "scikit-learn", "scikit-learn / Unbraid", "fastest tenth", "share"], rows)
    return text


def goal(figures):
    part = figures["goal"]
    text = "\n## Time to the objective of 200 exact iterations\n\nSeconds until the usual solver's objective is no higher than after 200 exact iterations from the same random start. "
    text += "scikit-learn's time is 200 of its iterations. `at the end` is the objective after all 200 iterations, relative to that goal.\n\n"
    floors = {(30, 16): 27, (180, 16): 19, (30, 64): 9.5}
    rows = []
    for (secs, components), floor in floors.items():
        own = [row for row in part["rows"] if (row["secs"], row["components"]) == (secs, components)]
        ratios = [row["scikit-learn"] / row["seconds"] for row in own if row["seconds"]]
        missed = sum(row["seconds"] is None for row in own)
        rows.append([f"{secs} s, K = {components}", str(len(own)), asked(statistics.median(ratios), floor, " ×"), f"{min(ratios):.1f} – {max(ratios):.1f} ×",
                     f"{statistics.median(row['iterations'] for row in own if row['seconds']):.0f}", str(missed)])
    text += table(["case", "fits", "scikit-learn / Unbraid, median", "from – to", "iterations, median", "never"], rows) + "\n"
    text += table(["case", "track", "seed", "scikit-learn, s", "200 exact, s", "Unbraid, s", "in iterations", "at the end"],
                  [[f"{row['secs']} s, K = {row['components']}", row["track"], str(row["seed"]), f"{row['scikit-learn']:.2f}", f"{row['exact']:.2f}",
                    f"{row['seconds']:.3f}" if row["seconds"] else "never", str(row["iterations"] or ""), f"{row['at the end']:.4f}"] for row in part["rows"]])
    text += "\nThe same goals from other starts, whose making counts: the singular vectors (`--init nndsvdar`), and a fit of every eighth frame (`--init subsampled`; where a component has fewer than 128 frames, that is the random start itself):\n\n"
    text += table(["case", "track", "seed", "init", "start, s", "with the fit, s", "in iterations", "at the end", "from random values, s"],
                  [[f"{row['secs']} s, K = {row['components']}", row["track"], str(row["seed"]), init, f"{row[init]['start']:.3f}",
                    f"{row[init]['start'] + row[init]['seconds']:.3f}" if row[init]["seconds"] else "never", str(row[init]["iterations"] or ""),
                    f"{row[init]['at the end']:.4f}", f"{row['seconds']:.3f}" if row["seconds"] else "never"]
                   for init in ("nndsvdar", "subsampled") for row in part["rows"] if init in row])
    ours = next(row["goal"] for row in part["rows"] if (row["secs"], row["components"], row["seed"]) == (30, 16, 0))
    whole = part["whole"]
    text += f"\nscikit-learn itself from the first of these starts: {whole['objective']:.1f} after 200 iterations in {whole['seconds']:.2f} s; our 200 exact ones: {ours:.1f}.\n"
    return text


def pipeline(figures):
    part = figures["pipeline"]
    rows, medians = [], {}
    for who, runs in part["runs"].items():
        medians[who] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        one = medians[who]
        rows.append([who, f"{one['seconds']:.2f}", f"{one['processor']:.2f}", f"{one['megabytes']:.0f}", str(len(runs))])
    ours, theirs = (medians[who] for who in part["runs"])
    ratio = theirs["seconds"] / ours["seconds"]
    text = "\n## The whole pipeline\n\n3 minutes of stereo at 44.1 kHz, from the file to 16 stereo stems in 24 bits. Ours is `unbraid factorize song.wav -k 16 --iterations 200 -o DIR`, with the fit, "
    text += "the picture, and the digests of all that is written; theirs is `xtask/python/bench_pipeline.py`: librosa's transform, scikit-learn's fit, masks, inverse transforms, files.\n\n"
    text += table(["program", "seconds, median", "processor seconds", "most memory, MB", "runs"], rows)
    memory = ours["megabytes"]
    text += f"\n{asked(ratio, 10, ' ×')} faster; {memory:.0f} MB (asked ≤ 300 MB{'' if memory <= 300 else ', missed'}). The divergence ends at {part['objective']:.6g}; after 200 exact iterations (`--exact`) it is {part['exact']:.6g}.\n"
    text += "Theirs, in stages (last run, s): " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in part["stages"].items()) + ".\n"
    return text


def memory(figures):
    part = figures["memory"]
    beyond = part["most"] - part["before"]
    return f"\n## Memory of a fit\n\n180 s, K = 16, 1025 bins: {beyond:.0f} MB beyond the audio at most (asked ≤ 100 MB{'' if beyond <= 100 else ', missed'}), of which V is {part['v']:.0f} MB.\n"


def plot(path, xlabel, series, title):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "unbraid", "svg.fonttype": "none", "font.size": 10})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4))
    for label, x, y in series:
        axes.loglog(x, y, marker="o", label=label)
        axes.annotate(f"{y[-1]:.0f} ms" if y[-1] >= 10 else f"{y[-1]:.1f} ms", (x[-1], y[-1]), textcoords="offset points", xytext=(-6, 7), ha="right")
    x = [x for _, xs, _ in series for x in xs]
    anchor = series[0]
    axes.loglog([min(x), max(x)], [anchor[2][-1] / anchor[1][-1] * edge for edge in (min(x), max(x))], color="0.7", linestyle=":", label="linear")
    ticks = sorted(set(x))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel=xlabel, ylabel="milliseconds per iteration", title=title)
    axes.grid(True, alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def growth(figures, docs):
    part = figures["growth"]
    for key, file, label, title in (("length", "speed-length", "length of the track in seconds", "K = 16, 1025 bins"),
                                    ("components", "speed-components", "components", "30 s, 1025 bins")):
        at = "secs" if key == "length" else "components"
        series = []
        for who in ("Unbraid", "scikit-learn"):
            points = [(row[at], 1000 * row["seconds"][who]) for row in part[key] if who in row["seconds"]]
            series.append((who, *map(list, zip(*points))))
        plot(docs / "images" / f"{file}.svg", label, series, title)
    lengths = [[f"{row['secs']} s", str(row["frames"]), ms(row["seconds"]["Unbraid"]), f"{1e6 * row['seconds']['Unbraid'] / row['frames']:.2f}",
                ms(row["seconds"]["scikit-learn"]) if "scikit-learn" in row["seconds"] else "", f"{max(row['megabytes'], 0):.0f}"] for row in part["length"]]
    ranks = [[str(row["components"]), ms(row["seconds"]["Unbraid"]), f"{1e6 * row['seconds']['Unbraid'] / row['components']:.0f}", ms(row["seconds"]["scikit-learn"])] for row in part["components"]]
    text = "\n## Growth\n\nOne exact iteration, KL, all threads.\n\n![time of an iteration by length](images/speed-length.svg)\n\n"
    text += table(["length", "frames", "Unbraid, ms", "µs per frame", "scikit-learn, ms", "memory of the fit beyond V, MB"], lengths)
    text += "\n![time of an iteration by components](images/speed-components.svg)\n\n" + table(["components", "Unbraid, ms", "µs per component", "scikit-learn, ms"], ranks)
    return text


def precision(figures):
    rows = figures["precision"]
    base = rows[0]["objective"]
    text = "\n## Half precision, tried\n\nThe objective (against the data in f32) after 100 plain iterations of 10 s, K = 16, with the data or the operands of the products rounded to fewer bits:\n\n"
    text += table(["rounded", "objective", "relative to f32"], [[row["name"], f"{row['objective']:.6g}", f"{row['objective'] / base - 1:+.1e}"] for row in rows])
    peak, half = figures["machine"]["peak"], figures["machine"].get("half")
    if half:
        text += f"\nOne thread multiplies and adds {peak:.0f} GFLOP/s in f32 and {half:.0f} GFLOP/s with factors of bf16 (`vdpbf16ps`) in this run: {half / peak:.2f} ×, before any factor or quotient is packed into pairs.\n"
    text += "\nNone of it is in the product. Data in f16 would halve one read of V per iteration, which the fit hides behind its products (a fit of 30 minutes, far beyond any cache, takes the same time per frame as one of 10 s). "
    text += "Products of bf16 carry 8 bits of every factor; the objective stays within 1e-4, but the results would no longer be those of the other instruction sets to rounding.\n"
    return text


def instructions(figures):
    counts = figures.get("instructions")
    if not counts:
        return ""
    text = "\n## Instructions\n\nInstructions of one exact iteration of a small fit (1 s, 1025 bins, KL, one thread, AVX2), counted by callgrind: a figure that noise cannot touch, to compare with the last one in this file's history.\n\n"
    return text + table(["components", "instructions per iteration"], [[k, f"{count:,.0f}"] for k, count in counts.items()])


def write(figures, docs: Path):
    machine = figures["machine"]
    beside = ", ".join(f"{100 * share:.0f} % in `{part}`" for part, share in figures.get("others", {}).items() if share is not None)
    beside = f"ran beside, and had this much of the processors' time: {beside}" if beside else "unknown"
    packages = ", ".join(f"{package} {version}" for package, version in machine["packages"].items())
    text = f"""# Speed

| | |
|---|---|
| made | {machine['date']} |
| by | `cargo xtask bench` (a quarter of an hour on an idle machine; parts by name) |
| processor | {machine['processor']}; {machine['cores']} cores; ours uses {machine['isa']} |
| limit | {machine['peak']:.0f} GFLOP/s of fused multiply-adds in f32 on one core, measured in this run |
| others | {packages}; {machine['blas']} |
| other programs | {beside} |

Every figure is a median over all iterations of several rounds in which all programs had one turn each. Tracks are made of the demo clip and, where they are, two of the
test clips, played again and again at other speeds and levels; the fits are on mono magnitudes of 2048 samples, 512 apart, where nothing else is said. Ratios count, not times: other
machines have other times.
"""
    for part, section in (("iterations", iterations), ("goal", goal), ("pipeline", pipeline), ("memory", memory)):
        if part in figures:
            text += section(figures)
    if "growth" in figures:
        text += growth(figures, docs)
    for part, section in (("precision", precision), ("instructions", instructions)):
        if part in figures:
            text += section(figures)
    text += "\nInner loops and stages one by one: `cargo bench -p unbraid-kernel` and `cargo bench -p unbraid`; every β, instruction set and kind of pass: `cargo run --release -p unbraid-kernel --example throughput`.\n"
    (docs / "speed.md").write_text(text)
    print(f"wrote {docs / 'speed.md'}")
