//! Folders of recordings: walked, mirrored, resumed, listed.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use unbraid_io::audio::OutputFormat;
use unbraid_io::project::{BATCH, BatchState, read_batch};

use crate::helpers::{files, unbraid, worst_difference, write, write_mixture};

/// What is done to a recording matters little here.
const QUICK: [&str; 6] = ["-k", "2", "--iterations", "2", "--evidence", "features"];

/// Four recordings, a damaged one, and what is none.
fn library(folder: &Path) {
    let audio = write_mixture(&folder.join("songs/one.wav"));
    write(&folder.join("songs/one.flac"), &audio, OutputFormat::Flac);
    write_mixture(&folder.join("songs/b/two.wav"));
    // Told by its content.
    write_mixture(&folder.join("songs/b/c/three"));
    fs::write(folder.join("songs/b/broken.mp3"), "no sound").unwrap();
    fs::write(folder.join("songs/b/cover.jpg"), [0xFF, 0xD8, 0xFF]).unwrap();
    fs::write(folder.join("songs/notes.txt"), "dear diary").unwrap();
    fs::write(folder.join("songs/._one.wav"), "hidden").unwrap();
}

fn states(folder: &Path) -> Vec<(String, BatchState)> {
    let batch = read_batch(folder).unwrap();
    let mut states: Vec<_> = batch
        .recordings
        .into_iter()
        .map(|recording| (recording.track, recording.state))
        .collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    states
}

#[test]
fn a_folder_is_mirrored_and_a_bad_file_is_named_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    library(dir.path());
    for jobs in ["1", "3"] {
        unbraid(dir.path())
            .args(["separate", "songs", "--overwrite", "-j", jobs])
            .args(QUICK)
            .assert()
            .code(1)
            .stdout(predicate::str::contains(
                "4 separated, 0 done before, 1 failed",
            ))
            .stderr(
                predicate::str::contains("1 of 5 recordings failed")
                    .and(predicate::str::contains("songs/b/broken.mp3")),
            );
        unbraid(dir.path())
            .args(["info", "separated"])
            .assert()
            .success()
            .stdout(
                predicate::str::contains("4 separated").and(predicate::str::contains("broken.mp3")),
            );
        let separated = dir.path().join("separated");
        let mut expected = vec![BATCH.to_owned()];
        for track in ["b/c/three", "b/two", "one.flac", "one.wav"] {
            for file in ["drums.wav", "rest.wav", "unbraid.json"] {
                expected.push(format!("{track}/{file}"));
            }
        }
        expected.sort();
        assert_eq!(files(&separated), expected);
        let expected = [
            ("b/broken", BatchState::Failed),
            ("b/c/three", BatchState::Done),
            ("b/two", BatchState::Done),
            ("one.flac", BatchState::Done),
            ("one.wav", BatchState::Done),
        ];
        assert_eq!(
            states(&separated),
            expected.map(|(track, state)| (track.to_owned(), state))
        );
    }
}

#[test]
fn what_is_done_is_left_alone_and_what_was_half_done_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    library(dir.path());
    fs::remove_file(dir.path().join("songs/b/broken.mp3")).unwrap();
    let run = |more: &[&str]| {
        let mut command = unbraid(dir.path());
        command.args(["separate", "songs"]).args(QUICK).args(more);
        command.assert()
    };
    run(&[]).success();
    // Once more is refused before any work.
    run(&[]).code(1).stderr(
        predicate::str::contains("there already").and(predicate::str::contains("--resume")),
    );

    // As a killed run would leave it: one track missing, one half made under a hidden name.
    let separated = dir.path().join("separated");
    fs::rename(separated.join("b/two"), separated.join("b/.two.1.partial")).unwrap();
    fs::remove_file(separated.join("b/.two.1.partial/rest.wav")).unwrap();
    let made = |track: &str| {
        let path = separated.join(track).join("drums.wav");
        (
            fs::metadata(&path).unwrap().modified().unwrap(),
            fs::read(path).unwrap(),
        )
    };
    let before = made("one.wav");
    run(&["--resume"])
        .success()
        .stdout(predicate::str::contains(
            "1 separated, 3 done before, 0 failed",
        ));
    assert_eq!(made("one.wav"), before);
    assert!(
        files(&separated)
            .iter()
            .all(|file| !file.contains("partial"))
    );
    assert!(separated.join("b/two/rest.wav").exists());

    // What was made otherwise, or of something else, is not taken for done, nor thrown away unasked.
    run(&["--resume", "--seed", "1"])
        .code(1)
        .stderr(predicate::str::contains("made with other settings"));
    assert_eq!(made("one.wav"), before);
    fs::copy(
        dir.path().join("songs/one.flac"),
        dir.path().join("songs/one.wav"),
    )
    .unwrap();
    run(&["--resume"]).code(1).stderr(
        predicate::str::contains("has changed since").and(predicate::str::contains("1 of 4")),
    );
    run(&["--resume", "--overwrite"])
        .success()
        .stdout(predicate::str::contains("1 separated, 3 done before"));
}

#[test]
fn a_recording_that_memory_allows_no_piece_of_is_refused_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("songs/short.wav"));
    let long = unbraid::Audio::new(ndarray::Array2::zeros((2, 8000 * 200)), 8000).unwrap();
    write(
        &dir.path().join("songs/long.wav"),
        &long,
        OutputFormat::Wav16,
    );
    unbraid(dir.path())
        .args(["separate", "songs", "--memory", "27M"])
        .args(QUICK)
        .assert()
        .code(1)
        .stderr(
            predicate::str::contains("--memory 27 MiB is too little")
                .and(predicate::str::contains("songs/long.wav")),
        )
        .stdout(predicate::str::contains("1 separated"));
}

#[test]
fn a_setting_that_no_recording_can_have_ends_the_run_at_once() {
    let dir = tempfile::tempdir().unwrap();
    library(dir.path());
    unbraid(dir.path())
        .args(["separate", "songs", "-k", "0"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("components"));
}

#[test]
fn a_folder_without_recordings_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    unbraid(dir.path())
        .args(["separate", "empty"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains(
            "no recordings in the folder empty",
        ));
}

#[test]
fn results_inside_a_folder_are_no_recordings() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    for _ in 0..2 {
        unbraid(dir.path())
            .args(["separate", ".", "--overwrite"])
            .args(QUICK)
            .assert()
            .success()
            .stdout(predicate::str::contains("1 separated"));
    }
    let stems = ["drums", "rest"].map(|name| dir.path().join(format!("separated/song/{name}.wav")));
    assert!(worst_difference(&mixture, &stems) < 1e-6);
}
