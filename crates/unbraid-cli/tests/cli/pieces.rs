//! Recordings that are separated in pieces.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::helpers::{files, read, unbraid, worst_difference, write};
use predicates::prelude::*;
use unbraid::Audio;
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::audio::OutputFormat;
use unbraid_io::project::read_manifest;

const PIECES: [&str; 10] = [
    "separate",
    "song.wav",
    "-s",
    "drums,guitar",
    "--piece",
    "2",
    "--iterations",
    "30",
    "--format",
    "wav16",
];

/// Drums and guitar at 8 kHz, mono, 16 bit.
fn write_song(path: &Path, secs: f32) -> Audio {
    let (drums, guitar) = drums_and_guitar(secs, 8000);
    write(path, &mix(&[&drums, &guitar]), OutputFormat::Wav16);
    read(path)
}

#[test]
fn pieces_add_up_and_each_tells_the_drums_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_song(&dir.path().join("song.wav"), 7.3);
    unbraid(dir.path()).args(PIECES).assert().success();
    let folder = dir.path().join("separated/song");
    assert_eq!(files(dir.path()).len(), 4, "{:?}", files(dir.path()));
    let stems = [folder.join("drums.wav"), folder.join("guitar.wav")];
    assert!(worst_difference(&mixture, &stems) < 1e-9);
    let (drums, _) = drums_and_guitar(7.3, 8000);
    let error = |audio: &Audio| {
        let pairs = audio.channel(0).iter().zip(drums.channel(0));
        pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
    };
    let energy = drums.channel(0).iter().map(|x| x * x).sum::<f32>();
    let sdr = |audio: &Audio| 10.0 * (energy / error(audio)).log10();
    unbraid(dir.path())
        .args(PIECES.map(|word| if word == "2" { "60" } else { word }))
        .args(["-o", "whole"])
        .assert()
        .success();
    // Two seconds are too short to learn as much from as from all seven.
    let whole = sdr(&read(&dir.path().join("whole/song/drums.wav")));
    let pieces = sdr(&read(&stems[0]));
    assert!(
        pieces > whole - 3.5,
        "{pieces} dB in pieces, {whole} dB whole"
    );
    let manifest = read_manifest(&folder).unwrap();
    assert_eq!(manifest.input.len_samples, mixture.len_samples());
    assert!(
        manifest.notes[0].contains("5 pieces"),
        "{:?}",
        manifest.notes
    );
    assert_eq!(
        manifest.outputs[0].sha256,
        unbraid_io::project::sha256_of_file(&stems[0]).unwrap()
    );
}

#[test]
fn a_killed_separation_goes_on_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    write_song(&dir.path().join("song.wav"), 12.0);
    unbraid(dir.path())
        .args(PIECES)
        .args(["-o", "whole"])
        .assert()
        .success();

    let pieces = dir.path().join("killed/.song.pieces");
    let mut running = Process::new(assert_cmd::cargo::cargo_bin("unbraid"))
        .args(PIECES)
        .args(["-o", "killed"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !pieces.join("00001").exists() && running.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(2));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(pieces.exists(), "it was killed before it had finished");
    assert!(!dir.path().join("killed/song").exists());

    let refused = |arguments: &[&str], word: &str| {
        unbraid(dir.path())
            .args(PIECES)
            .args(["-o", "killed"])
            .args(arguments)
            .assert()
            .failure()
            .stderr(predicate::str::contains(word));
    };
    refused(&[], "--resume");
    refused(&["--resume", "--seed", "9"], "other settings");
    unbraid(dir.path())
        .args(PIECES)
        .args(["-o", "killed", "--resume"])
        .assert()
        .success();
    for stem in ["drums.wav", "guitar.wav"] {
        let of = |output: &str| fs::read(dir.path().join(output).join("song").join(stem)).unwrap();
        assert!(of("whole") == of("killed"), "{stem} differs");
    }
    assert!(!pieces.exists());
}

#[test]
fn memory_decides_whether_there_are_pieces() {
    let dir = tempfile::tempdir().unwrap();
    write_song(&dir.path().join("song.wav"), 3.0);
    let run = |arguments: &[&str]| {
        unbraid(dir.path())
            .args(["separate", "song.wav", "--iterations", "5", "--overwrite"])
            .args(arguments)
            .assert()
    };
    run(&["--memory", "1M"])
        .code(1)
        .stderr(predicate::str::contains("MiB are needed"));
    run(&["--memory", "nothing"]).code(2);
    run(&["--piece", "0.1"]).code(2);
    fs::write(dir.path().join("struck.csv"), "0.5,kick\n1.5,kick\n").unwrap();
    let struck = ["--onsets", "struck.csv", "--assign", "kick=0"];
    run(&[&["--piece", "1", "-s", "kick,rest"], &struck[..]].concat())
        .code(2)
        .stderr(predicate::str::contains("--assign names components"));
    run(&[]).success();
    let manifest = read_manifest(&dir.path().join("separated/song")).unwrap();
    assert!(manifest.objective.is_some(), "a short song is one piece");
}

#[test]
fn components_keep_their_numbers_so_that_they_can_be_assigned() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_song(&dir.path().join("song.wav"), 7.3);
    let assigned = ["--assign", "a=0-2,7", "--assign", "b=rest", "-k", "8"];
    unbraid(dir.path())
        .args(["separate", "song.wav", "--piece", "2", "--iterations", "30"])
        .args(["--format", "wav16"])
        .args(assigned)
        .assert()
        .success();
    let folder = dir.path().join("separated/song");
    let stems = [folder.join("a.wav"), folder.join("b.wav")];
    assert!(worst_difference(&mixture, &stems) < 1e-9);
    assert!(read(&stems[0]).peak() > 0.01 && read(&stems[1]).peak() > 0.01);
    let manifest = read_manifest(&folder).unwrap();
    assert_eq!(
        manifest.grouping.unwrap().members(),
        [vec![0, 1, 2, 7], vec![3, 4, 5, 6]]
    );
    assert!(manifest.notes[0].contains("from the components of the one before"));
}

#[test]
fn what_is_known_and_heard_has_the_times_of_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_song(&dir.path().join("song.wav"), 6.5);
    // A kick every half second, as in the test signal.
    let known: Vec<f64> = (0..13).map(|beat| 0.25 + 0.5 * f64::from(beat)).collect();
    let lines: Vec<String> = known.iter().map(|secs| format!("{secs},kick\n")).collect();
    fs::write(dir.path().join("struck.csv"), lines.concat()).unwrap();
    unbraid(dir.path())
        .args(["separate", "song.wav", "--piece", "2", "-s", "kick,rest"])
        .args(["--onsets", "struck.csv", "--sample-rate", "6000"])
        .args(["--format", "wav16"])
        .assert()
        .success();
    let folder = dir.path().join("separated/song");
    let stems = [folder.join("kick.wav"), folder.join("rest.wav")];
    assert!(worst_difference(&mixture, &stems) < 1e-9);
    let onsets = unbraid_io::knowledge::read_onsets(&folder.join("onsets.csv")).unwrap();
    assert!(onsets.len() > 6, "{onsets:?}");
    assert!(onsets.windows(2).all(|pair| pair[0].secs < pair[1].secs));
    for onset in &onsets {
        let near = known.iter().any(|secs| (secs - onset.secs).abs() < 0.1);
        assert!(near, "a stroke at {} s is none of those given", onset.secs);
    }
    assert!(onsets.last().unwrap().secs > 4.5, "{onsets:?}");
}
