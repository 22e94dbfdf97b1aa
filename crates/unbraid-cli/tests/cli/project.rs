//! `factorize`, `group` and `info`: one project from end to end.

use std::fs;

use crate::helpers::{files, read, unbraid, worst_difference, write_mixture};
use predicates::prelude::*;

const INAUDIBLE: f32 = 1e-6;

#[test]
fn a_recording_is_factorised_looked_at_and_grouped_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args(["factorize", "song.wav", "-k", "5", "--iterations", "30"])
        .assert()
        .success()
        .stdout(predicate::str::contains("unbraid group song.unbraid"));
    let project = dir.path().join("song.unbraid");
    let components: Vec<_> = (0..5)
        .map(|k| project.join(format!("components/{k:02}.wav")))
        .collect();
    assert!(worst_difference(&mixture, &components) < INAUDIBLE);
    for name in [
        "unbraid.json",
        "fit.safetensors",
        "fit.npz",
        "picture.svg",
        "picture.png",
    ] {
        assert!(
            fs::metadata(project.join(name)).unwrap().len() > 500,
            "{name}"
        );
    }

    unbraid(dir.path())
        .args([
            "group",
            "song.unbraid",
            "--assign",
            "drums=0,3",
            "--assign",
            "guitar=rest",
        ])
        .arg("--why")
        .assert()
        .success()
        .stdout(predicate::str::contains("3 → drums, by hand"));
    let stems = ["drums", "guitar"].map(|name| project.join(format!("stems/{name}.wav")));
    assert!(worst_difference(&mixture, &stems) < INAUDIBLE);

    // Nothing is fitted again: the stems are those that `separate` writes for the same choice.
    unbraid(dir.path())
        .args(["separate", "song.wav", "-k", "5", "--iterations", "30"])
        .args(["--assign", "drums=0,3", "--assign", "guitar=rest"])
        .assert()
        .success();
    for (name, stem) in ["drums", "guitar"].iter().zip(&stems) {
        let other = dir.path().join(format!("separated/song/{name}.wav"));
        assert!(
            fs::read(stem).unwrap() == fs::read(other).unwrap(),
            "{name} differs"
        );
    }

    unbraid(dir.path())
        .args(["info", "song.unbraid"])
        .assert()
        .success()
        .stdout(predicate::str::contains("components/04.wav"));
    unbraid(dir.path())
        .args(["info", "song.unbraid/stems"])
        .assert()
        .success()
        .stdout(predicate::str::contains("drums: components 0 3"));
}

#[test]
fn a_project_is_the_same_bytes_every_time() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    for output in ["one", "two"] {
        unbraid(dir.path())
            .args([
                "factorize",
                "song.wav",
                "-k",
                "3",
                "--iterations",
                "5",
                "-o",
                output,
            ])
            .assert()
            .success();
    }
    let names = files(&dir.path().join("one"));
    assert_eq!(names, files(&dir.path().join("two")));
    for name in names {
        let read = |folder: &str| fs::read(dir.path().join(folder).join(&name)).unwrap();
        assert!(read("one") == read("two"), "{name} differs");
    }
}

#[test]
fn a_recording_that_is_gone_or_another_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args(["factorize", "song.wav", "-k", "3", "--iterations", "5"])
        .assert()
        .success();
    let moved = dir.path().join("moved.wav");
    fs::rename(dir.path().join("song.wav"), &moved).unwrap();
    unbraid(dir.path())
        .args(["group", "song.unbraid"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--input"));
    unbraid(dir.path())
        .args(["group", "song.unbraid", "--input", "moved.wav"])
        .assert()
        .success();

    let mut bytes = fs::read(&moved).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&moved, bytes).unwrap();
    unbraid(dir.path())
        .args([
            "group",
            "song.unbraid",
            "--input",
            "moved.wav",
            "--overwrite",
        ])
        .assert()
        .failure()
        .stderr(predicate::str::contains("SHA-256"));
    // What was there before is still there.
    assert!(read(&dir.path().join("song.unbraid/stems/drums.wav")).len_samples() > 0);
}

#[test]
fn a_folder_that_is_no_project_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    for command in ["group", "info"] {
        unbraid(dir.path())
            .args([command, "empty"])
            .assert()
            .code(1)
            .stderr(predicate::str::contains("unbraid.json"));
    }
}

#[test]
fn info_says_what_a_recording_is_and_what_it_would_cost() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args(["info", "song.wav"])
        .assert()
        .success()
        .stdout(predicate::str::contains("2.00 s, 1 channels, 8000 Hz"))
        .stdout(predicate::str::contains("MB on this machine"));
    let output = unbraid(dir.path())
        .args(["info", "song.wav", "--json"])
        .assert()
        .success();
    let value: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(value["len_samples"], 16_000);
    assert!(value["estimated_secs"].as_f64().unwrap() > 0.0);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        unbraid(dir.path())
            .args(["completions", shell])
            .assert()
            .success()
            .stdout(predicate::str::contains("separate"));
    }
}

#[test]
fn the_number_of_components_is_chosen_and_said_why() {
    let folder = tempfile::tempdir().unwrap();
    write_mixture(&folder.path().join("song.wav"));
    let output = unbraid(folder.path())
        .args(["factorize", "song.wav", "-k", "auto", "--iterations", "5"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let manifest = fs::read_to_string(folder.path().join("song.unbraid/unbraid.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let note = manifest["notes"][0].as_str().unwrap();
    let count: usize = note.split(' ').next().unwrap().parse().unwrap();
    assert!((2..=32).contains(&count), "{note}");
    assert!(note.contains("the fewest that foretell"), "{note}");
    assert!(
        text.contains(&format!("  {count} components in ")),
        "{text}"
    );
    let components = fs::read_dir(folder.path().join("song.unbraid/components")).unwrap();
    assert_eq!(components.count(), count);
    // Whoever compares wants a number.
    unbraid(folder.path())
        .args(["compare", "song.wav", "--references", ".", "-k", "auto"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("-k 16"));
}
