//! Strokes whose onsets are given, and the stems of another program taken further apart.

use std::fs;

use predicates::prelude::*;
use unbraid::Audio;
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::audio::OutputFormat;

use crate::helpers::{read, unbraid, worst_difference, write, write_mixture};

const INAUDIBLE: f32 = 1e-6;

#[test]
fn onsets_come_in_and_go_out_and_say_what_is_a_stroke() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    let (drums, _) = drums_and_guitar(2.0, 8000);
    // A stroke on every beat; the list is a little late.
    let beats = (0..8).map(|beat| format!("{:.3},drums\n", 0.25 * f64::from(beat) + 0.01));
    let list: String = std::iter::once("secs,source\n".to_owned())
        .chain(beats)
        .collect();
    fs::write(dir.path().join("onsets.csv"), list).unwrap();
    let separate = |args: &[&str]| {
        let mut command = unbraid(dir.path());
        command
            .args(["separate", "song.wav", "-s", "drums,guitar", "--overwrite"])
            .args(args)
            .assert()
    };
    separate(&["--onsets", "onsets.csv"]).success();
    let stems = ["drums", "guitar"].map(|s| dir.path().join(format!("separated/song/{s}.wav")));
    assert!(worst_difference(&mixture, &stems) < INAUDIBLE);
    let found = read(&stems[0]);
    let pairs = || found.channel(0).iter().zip(drums.channel(0));
    let error: f32 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
    let whole: f32 = drums.channel(0).iter().map(|x| x * x).sum();
    assert!(error < 0.3 * whole, "{error} of {whole} is wrong");
    let out = fs::read_to_string(dir.path().join("separated/song/onsets.csv")).unwrap();
    assert_eq!(out.lines().count(), 9, "{out}");
    assert!(out.lines().nth(4).unwrap().starts_with("0.7"), "{out}");

    fs::write(dir.path().join("damaged.csv"), "secs,source\nsoon,drums\n").unwrap();
    for (args, word) in [
        (["--onsets", "damaged.csv"], "line 2"),
        (["--onsets", "nothing.csv"], "nothing.csv"),
        (["--stroke", "song.wav"], "a source and a recording"),
        (["--stroke", "flute=song.wav"], "flute"),
    ] {
        separate(&args)
            .failure()
            .stderr(predicate::str::contains(word));
    }
}

#[test]
fn stems_of_another_program_are_taken_further_apart_and_add_up_to_the_song() {
    let dir = tempfile::tempdir().unwrap();
    let (drums, guitar) = drums_and_guitar(2.0, 8000);
    let silence = Audio::new(drums.samples().mapv(|_| 0.0), 8000).unwrap();
    let first = dir.path().join("htdemucs/song");
    for (name, audio) in [("drums", &drums), ("other", &guitar), ("vocals", &silence)] {
        write(
            &first.join(name).with_extension("wav"),
            audio,
            OutputFormat::Wav16,
        );
    }
    // The song is a little softer than its stems.
    let song = mix(&[&drums, &guitar]);
    let song = Audio::new(song.samples().mapv(|x| 0.99 * x), 8000).unwrap();
    write(&dir.path().join("song.wav"), &song, OutputFormat::Wav16);
    let song = read(&dir.path().join("song.wav"));
    let separate = |args: &[&str]| {
        let mut command = unbraid(dir.path());
        command
            .args(["separate", "song.wav", "--stage-two"])
            .args(args)
            .args(["-k", "4", "--iterations", "20", "--overwrite"])
            .assert()
    };
    separate(&["htdemucs/song", "-s", "solo=guitar,drums"])
        .success()
        .stdout(predicate::str::contains("miss the song by -39.9"));
    let names = ["drums", "solo", "other_rest", "vocals", "residual"];
    let stems = names.map(|s| dir.path().join(format!("separated/song/{s}.wav")));
    assert!(worst_difference(&song, &stems) < INAUDIBLE);
    assert!(worst_difference(&read(&first.join("drums.wav")), &stems[..1]) == 0.0);
    assert!(worst_difference(&read(&first.join("other.wav")), &stems[1..3]) < INAUDIBLE);
    // A bass is looked for in the other stem where there is none of its own.
    separate(&["htdemucs/song", "-s", "bass"]).success();
    fs::remove_file(first.join("other.wav")).unwrap();
    separate(&["htdemucs/song", "-s", "bass"])
        .failure()
        .stderr(predicate::str::contains("bass or other"));
    separate(&["nowhere", "-s", "drums"])
        .failure()
        .stderr(predicate::str::contains("nowhere"));
    let short = Audio::new(
        song.samples().slice(ndarray::s![.., ..9000]).to_owned(),
        8000,
    );
    write(
        &first.join("bass.wav"),
        &short.unwrap(),
        OutputFormat::Wav16,
    );
    separate(&["htdemucs/song", "-s", "drums"])
        .failure()
        .stderr(predicate::str::contains("bass.wav").and(predicate::str::contains("9000")));
}
