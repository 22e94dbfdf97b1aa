//! `refit` and hints: a project goes on, and back.

use std::fs;

use predicates::prelude::*;

use crate::helpers::{read, unbraid, worst_difference, write, write_mixture};
use unbraid::testsignals::drums_and_guitar;
use unbraid_io::audio::OutputFormat;

const INAUDIBLE: f32 = 1e-6;

#[test]
fn a_refit_goes_on_to_the_byte_and_every_state_can_be_returned_to() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    let factorize = |name: &str, iterations: &str| {
        unbraid(dir.path())
            .args(["factorize", "song.wav", "-k", "5", "--quiet", "-o", name])
            .args(["--iterations", iterations])
            .assert()
            .success();
    };
    factorize("through", "30");
    factorize("short", "18");
    let refit = |args: &[&str]| {
        let mut command = unbraid(dir.path());
        command.args(["refit", "short"]).args(args).assert()
    };
    refit(&["--iterations", "12", "-s", "drums,guitar"])
        .success()
        .stdout(predicate::str::contains("state 1, from state 0"));
    let bytes = |path: &str| fs::read(dir.path().join(path).join("fit.safetensors")).unwrap();
    assert!(
        bytes("through") == bytes("short/states/1"),
        "not the fit that ran through"
    );

    // A person draws; nothing of the states before changes.
    let labels = "0\t2\tdrums\n\\\t1500\t4000\n0.1\t0.24\tguitar 0.8\n\\\t150\t1200\n";
    fs::write(dir.path().join("labels.txt"), labels).unwrap();
    refit(&["--regions", "labels.txt", "--iterations", "5"]).success();
    let stems =
        ["drums", "guitar"].map(|s| dir.path().join(format!("short/states/2/stems/{s}.wav")));
    assert!(worst_difference(&mixture, &stems) < INAUDIBLE);
    assert!(bytes("short/states/2") != bytes("short/states/1"));

    refit(&[
        "--split",
        "2",
        "--regions",
        "labels.txt",
        "--iterations",
        "3",
    ])
    .success()
    .stdout(predicate::str::contains("state 3, from state 2"));
    refit(&["--merge", "2,5"]).success();
    refit(&["--to", "1"]).success();
    refit(&["--iterations", "0"])
        .success()
        .stdout(predicate::str::contains("state 5, from state 1"));
    assert!(bytes("short/states/5") == bytes("short/states/1"));
    // The same is heard in the components as by `group`.
    unbraid(dir.path())
        .args(["group", "short", "-s", "drums,guitar", "-o", "grouped"])
        .assert()
        .success();
    for name in ["drums.wav", "guitar.wav"] {
        let stem = |folder: &str| fs::read(dir.path().join(folder).join(name)).unwrap();
        assert!(stem("grouped") == stem("short/states/5/stems"), "{name}");
    }
    refit(&["--to", "9"])
        .failure()
        .stderr(predicate::str::contains("no state 9, but 0, 1, 2, 3, 4, 5"));
    refit(&["--split", "99"]).failure();
}

#[test]
fn a_hinted_stem_helps_and_an_empty_one_changes_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    let (drums, _) = drums_and_guitar(2.0, 8000);
    write(&dir.path().join("drums.wav"), &drums, OutputFormat::Wav16);
    let silence = unbraid::Audio::new(ndarray::Array2::zeros((1, drums.len_samples())), 8000);
    write(
        &dir.path().join("silence.wav"),
        &silence.unwrap(),
        OutputFormat::Wav16,
    );
    fs::write(dir.path().join("empty.txt"), "").unwrap();
    let separate = |folder: &str, args: &[&str]| {
        unbraid(dir.path())
            .args([
                "separate",
                "song.wav",
                "-s",
                "drums,guitar",
                "-k",
                "2",
                "--iterations",
                "20",
            ])
            .args(["--quiet", "-o", folder])
            .args(args)
            .assert()
            .success();
        ["drums", "guitar"].map(|s| dir.path().join(format!("{folder}/song/{s}.wav")))
    };
    let error = |stems: &[std::path::PathBuf; 2]| -> f32 {
        let found = read(&stems[0]);
        let pairs = found.channel(0).iter().zip(drums.channel(0));
        pairs.map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let plain = separate("plain", &[]);
    let hinted = separate("hinted", &["--hint", "drums=drums.wav"]);
    assert!(worst_difference(&mixture, &hinted) < INAUDIBLE);
    let (before, after) = (error(&plain), error(&hinted));
    assert!(
        after < 0.8 * before,
        "squared error {after}, without the hint {before}"
    );
    let empty = separate(
        "empty",
        &["--hint", "drums=silence.wav", "--regions", "empty.txt"],
    );
    for (a, b) in plain.iter().zip(&empty) {
        assert!(
            fs::read(a).unwrap() == fs::read(b).unwrap(),
            "an empty hint changed {b:?}"
        );
    }

    fs::write(dir.path().join("flute.txt"), "0\t1\tflute\n").unwrap();
    for (args, message) in [
        (["--hint", "flute=drums.wav"], "flute"),
        (["--hint", "drums.wav"], "a source and its stem"),
        (["--regions", "flute.txt"], "flute"),
        (["--regions", "song.wav"], "not usable regions"),
    ] {
        unbraid(dir.path())
            .args([
                "separate",
                "song.wav",
                "-k",
                "2",
                "--iterations",
                "2",
                "-o",
                "refused",
            ])
            .args(args)
            .assert()
            .failure()
            .stderr(predicate::str::contains(message));
    }
    unbraid(dir.path())
        .args([
            "separate",
            "song.wav",
            "-k",
            "2",
            "--beta",
            "is",
            "--regions",
            "labels.txt",
            "-o",
            "refused",
        ])
        .assert()
        .failure();
}
