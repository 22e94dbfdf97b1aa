"""A task and a folder of arrays come in; what other programs compute from them goes out.

    python crosscheck.py TASK FOLDER

FOLDER holds `settings.json` and arrays `NAME.npy`; the answer is written there as `answer.json`. Run it
by `cargo xtask crosscheck`, which compares the answers with Unbraid's own and brings the right
versions of the libraries in `crosscheck_requirements.txt`. Only public functions are called.
"""

import datetime
import importlib.metadata
import json
import sys
import warnings
from pathlib import Path

import numpy as np

PACKAGES = ("scikit-learn", "mir_eval", "librosa", "scipy", "numpy")


def about(_folder: Path, _settings: None) -> dict:
    """Who answers, and when."""
    packages = [(name, importlib.metadata.version(name)) for name in PACKAGES]
    return {"date": datetime.date.today().isoformat(), "packages": packages}


def stepped(data: np.ndarray, beta: float, iterations: int, first: dict, start: dict) -> list:
    """The objective after every iteration of scikit-learn's multiplicative updates.

    Its solver keeps nothing from one iteration to the next but the factors, so that runs of one
    iteration, each started from the last, are one long run.
    """
    from sklearn.decomposition import NMF

    objective = []
    for iteration in range(iterations):
        how = first if iteration == 0 else {"init": "custom"}
        nmf = NMF(solver="mu", beta_loss=beta, tol=0.0, max_iter=1, **how)
        left = nmf.fit_transform(data, **start)
        start = {"W": left, "H": nmf.components_}
        # It reports the root of twice the divergence, for every divergence.
        objective.append(nmf.reconstruction_err_**2 / 2.0)
    return objective


def objective(folder: Path, settings: dict) -> dict:
    """NMF from a given start. We step activations first, scikit-learn W: so W is our activations."""
    data = np.load(folder / "spectrogram.npy").T
    start = {
        "W": np.ascontiguousarray(np.load(folder / "activations.npy").T),
        "H": np.ascontiguousarray(np.load(folder / "templates.npy").T),
    }
    first = {"init": "custom", "n_components": start["W"].shape[1]}
    data = np.ascontiguousarray(data)
    return {"objective": stepped(data, settings["beta"], settings["iterations"], first, start)}


def starts(folder: Path, settings: dict) -> dict:
    """NMF from scikit-learn's own NNDSVDar, by the Kullback-Leibler divergence."""
    data = np.ascontiguousarray(np.load(folder / "spectrogram.npy").T)
    runs = []
    for seed in range(settings["seeds"]):
        first = {
            "init": "nndsvdar",
            "n_components": settings["components"],
            "random_state": seed,
        }
        runs.append(stepped(data, 1.0, settings["iterations"], first, {}))
    return {"objective": runs}


def spectrum(folder: Path, settings: dict) -> dict:
    """The largest difference of a given spectrum from librosa's of the same signal."""
    import librosa

    signal = np.load(folder / "signal.npy").astype(np.float64)
    ours = np.load(folder / "real.npy") + 1j * np.load(folder / "imaginary.npy")
    fft_len, window_len = settings["fft_len"], settings["window_len"]
    theirs = librosa.stft(
        signal,
        n_fft=fft_len,
        win_length=window_len,
        hop_length=settings["hop_len"],
        window="hann",
        center=True,
        pad_mode="constant",
    )
    # librosa puts a short window in the middle of the frame, we at its beginning.
    shift = fft_len // 2 - window_len // 2
    turn = np.exp(2j * np.pi * np.arange(fft_len // 2 + 1) * shift / fft_len)
    theirs = theirs * turn[:, np.newaxis]
    frames = min(ours.shape[1], theirs.shape[1])
    difference = np.abs(ours[:, :frames] - theirs[:, :frames]).max()
    return {
        "frames": theirs.shape[1],
        "largest_difference": float(difference),
        "largest": float(np.abs(theirs).max()),
    }


def quality(folder: Path, _settings: None) -> dict:
    """The SDR of every source of every estimate, by BSS Eval 3 sources in a fixed order."""
    import mir_eval

    references = np.load(folder / "references.npy").astype(np.float64)
    figures = []
    for path in sorted(folder.glob("estimates*.npy")):
        estimates = np.load(path).astype(np.float64)
        sdr, _, _, _ = mir_eval.separation.bss_eval_sources(
            references, estimates, compute_permutation=False
        )
        figures.append(sdr.tolist())
    return {"sdr_db": figures}


TASKS = {
    "about": about,
    "objective": objective,
    "starts": starts,
    "spectrum": spectrum,
    "quality": quality,
}


def main() -> None:
    """Answer one question."""
    if len(sys.argv) != 3 or sys.argv[1] not in TASKS:
        sys.exit(f"usage: crosscheck.py {'|'.join(TASKS)} FOLDER")
    folder = Path(sys.argv[2])
    settings = json.loads((folder / "settings.json").read_text())
    # mir_eval announces that its separation module will move; the version is pinned.
    warnings.filterwarnings("ignore", category=FutureWarning)
    answer = TASKS[sys.argv[1]](folder, settings)
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
