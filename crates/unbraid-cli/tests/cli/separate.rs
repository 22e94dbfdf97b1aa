//! What `unbraid separate` writes.

use std::fs;

use crate::helpers::{files, read, unbraid, worst_difference, write, write_mixture, write_stereo};
use predicates::prelude::*;
use unbraid::Audio;
use unbraid_io::audio::OutputFormat;
use unbraid_io::project::read_manifest;

/// −120 dB.
const INAUDIBLE: f32 = 1e-6;

#[test]
fn two_stems_and_a_manifest_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("my song é.wav"));
    unbraid(dir.path())
        .args([
            "separate",
            "my song é.wav",
            "--sources",
            "drums,guitar",
            "--iterations",
            "50",
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains("drums.wav"))
        .stderr(predicate::str::is_empty());
    let folder = dir.path().join("separated/my song é");
    assert_eq!(files(&folder), ["drums.wav", "guitar.wav", "unbraid.json"]);
    let stems = [folder.join("drums.wav"), folder.join("guitar.wav")];
    assert!(worst_difference(&mixture, &stems) < INAUDIBLE * mixture.peak());
    for stem in &stems {
        let stem = read(stem);
        assert_eq!(
            (stem.len_samples(), stem.sample_rate()),
            (mixture.len_samples(), 8000)
        );
        assert!(stem.peak() > 0.05, "a stem is silent");
    }
    let manifest = read_manifest(&folder).unwrap();
    assert_eq!(manifest.outputs.len(), 2);
    let sum = unbraid_io::project::sha256_of_file(&stems[0]).unwrap();
    assert_eq!(manifest.outputs[0].sha256, sum);
    let objective = manifest.objective.unwrap();
    assert!(objective.last < objective.first);
}

#[test]
fn the_stems_are_the_drums_and_the_guitar() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args(["separate", "song.wav", "-s", "drums,guitar"])
        .assert()
        .success();
    let (drums, guitar) = unbraid::testsignals::drums_and_guitar(2.0, 8000);
    for (name, own, other) in [("drums", &drums, &guitar), ("guitar", &guitar, &drums)] {
        let stem = read(&dir.path().join(format!("separated/song/{name}.wav")));
        let likeness = |audio: &Audio| {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let (a, b) = (stem.channel(0), audio.channel(0));
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let (own, other) = (likeness(own), likeness(other));
        assert!(own > 0.7 && other < own - 0.4, "{name}: {own} {other}");
    }
}

#[test]
fn every_format_and_layout_of_channels_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let mono = write_mixture(&dir.path().join("mono.wav"));
    let stereo = write_stereo(&dir.path().join("stereo.wav"));
    for (file, audio) in [("mono", &mono), ("stereo", &stereo)] {
        for format in ["wav16", "wav24", "wav32f", "flac"] {
            for channels in ["sum", "pan"] {
                unbraid(dir.path())
                    .args([
                        "separate",
                        &format!("{file}.wav"),
                        "-k",
                        "4",
                        "--iterations",
                        "5",
                    ])
                    .args(["--format", format, "--channels", channels, "--overwrite"])
                    .assert()
                    .success();
                let ending = if format == "flac" { "flac" } else { "wav" };
                let stems = ["drums", "rest"]
                    .map(|name| dir.path().join(format!("separated/{file}/{name}.{ending}")));
                let worst = worst_difference(audio, &stems);
                // The recording has 16 bit, so in 16 bit nothing at all may be left.
                let allowed = if format == "wav16" {
                    0.0
                } else {
                    INAUDIBLE * audio.peak()
                };
                assert!(worst <= allowed, "{file}, {format}, {channels}: {worst}");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let dir = tempfile::tempdir().unwrap();
    write_stereo(&dir.path().join("song.wav"));
    let run = |seed: &str, threads: &str| {
        unbraid(dir.path())
            .env("RAYON_NUM_THREADS", threads)
            .args([
                "separate",
                "song.wav",
                "--overwrite",
                "--iterations",
                "10",
                "--seed",
                seed,
            ])
            .assert()
            .success();
        fs::read(dir.path().join("separated/song/drums.wav")).unwrap()
    };
    let one = run("1", "1");
    assert!(
        one == run("1", "4"),
        "the number of threads changed the bytes"
    );
    assert!(one != run("2", "4"), "the seed changed nothing");
}

#[test]
fn several_files_mirror_their_folders() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("in/a/one.wav"));
    write_mixture(&dir.path().join("in/b/two.wav"));
    unbraid(dir.path())
        .args([
            "separate",
            "in/a/one.wav",
            "in/b/two.wav",
            "--iterations",
            "2",
            "-o",
            "out",
            "-q",
        ])
        .assert()
        .success()
        .stdout(predicate::str::is_empty());
    let written = files(&dir.path().join("out"));
    assert!(
        written.contains(&"a/one/drums.wav".to_owned()),
        "{written:?}"
    );
    assert!(
        written.contains(&"b/two/rest.wav".to_owned()),
        "{written:?}"
    );
}

#[test]
fn a_backing_track_is_everything_but_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args([
            "separate",
            "song.wav",
            "--minus",
            "voice",
            "--iterations",
            "10",
        ])
        .assert()
        .success();
    let folder = dir.path().join("separated/song");
    let stems = [folder.join("no_voice.wav"), folder.join("voice.wav")];
    assert!(worst_difference(&mixture, &stems) < INAUDIBLE);
}

#[test]
fn a_stem_goes_through_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    let bytes = fs::read(dir.path().join("song.wav")).unwrap();
    let output = unbraid(dir.path())
        .args([
            "separate",
            "-",
            "-o",
            "-",
            "--stem",
            "drums",
            "--iterations",
            "10",
        ])
        .write_stdin(bytes)
        .assert()
        .success();
    let path = dir.path().join("piped.wav");
    fs::write(&path, &output.get_output().stdout).unwrap();
    assert_eq!(read(&path).len_samples(), mixture.len_samples());
    assert_eq!(files(dir.path()), ["piped.wav", "song.wav"]);
}

#[test]
fn silence_gives_silent_stems() {
    let dir = tempfile::tempdir().unwrap();
    let silence = Audio::new(ndarray::Array2::zeros((2, 20_000)), 44_100).unwrap();
    write(
        &dir.path().join("silence.wav"),
        &silence,
        OutputFormat::Wav16,
    );
    unbraid(dir.path())
        .args(["separate", "silence.wav", "-k", "4", "--residual"])
        .assert()
        .success();
    for name in ["drums", "rest", "residual"] {
        let stem = read(&dir.path().join(format!("separated/silence/{name}.wav")));
        assert!(stem.peak() <= 0.0, "{name}");
        assert_eq!(stem.len_samples(), 20_000);
    }
}

#[test]
fn one_sample_is_separated() {
    let dir = tempfile::tempdir().unwrap();
    let audio = Audio::new(ndarray::array![[0.5_f32]], 8000).unwrap();
    write(&dir.path().join("one.wav"), &audio, OutputFormat::Wav16);
    unbraid(dir.path())
        .args(["separate", "one.wav", "-k", "1"])
        .assert()
        .success();
    let stems = ["drums", "rest"].map(|name| dir.path().join(format!("separated/one/{name}.wav")));
    assert!(worst_difference(&audio, &stems) < INAUDIBLE);
}

#[test]
fn a_span_is_cut_to_the_sample() {
    let dir = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args([
            "separate",
            "song.wav",
            "--start",
            "0.5",
            "--duration",
            "0.75",
            "-k",
            "4",
        ])
        .assert()
        .success();
    let stems = ["drums", "rest"].map(|name| dir.path().join(format!("separated/song/{name}.wav")));
    let span = mixture
        .samples()
        .slice(ndarray::s![.., 4000..10_000])
        .to_owned();
    let span = Audio::new(span, 8000).unwrap();
    assert!(worst_difference(&span, &stems) < INAUDIBLE);
}

#[test]
fn stems_that_would_clip_are_turned_down_together_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (drums, guitar) = unbraid::testsignals::drums_and_guitar(1.0, 8000);
    // Sources that cancel each other: the mixture is small, its parts are not.
    let mut samples = unbraid::testsignals::mix(&[&drums, &guitar]).into_samples();
    samples *= 3.0;
    let loud = Audio::new(samples, 8000).unwrap();
    write(&dir.path().join("loud.wav"), &loud, OutputFormat::Wav32f);
    assert!(loud.peak() > 1.0);
    unbraid(dir.path())
        .args(["separate", "loud.wav", "-k", "2", "--iterations", "5"])
        .assert()
        .success()
        .stdout(predicate::str::contains("turned down"));
    let folder = dir.path().join("separated/loud");
    let gain = read_manifest(&folder).unwrap().gain as f32;
    assert!(gain < 1.0);
    let expected = Audio::new(loud.samples().mapv(|x| x * gain), 8000).unwrap();
    let stems = ["drums", "rest"].map(|name| folder.join(format!("{name}.wav")));
    assert!(worst_difference(&expected, &stems) < 2.0 * INAUDIBLE);

    // Floating point needs no gain.
    unbraid(dir.path())
        .args([
            "separate",
            "loud.wav",
            "-k",
            "2",
            "--iterations",
            "5",
            "--overwrite",
        ])
        .args(["--format", "wav32f"])
        .assert()
        .success();
    assert!(worst_difference(&loud, &stems) < INAUDIBLE * loud.peak());
}

#[test]
fn json_tells_a_machine_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    let output = unbraid(dir.path())
        .args([
            "separate",
            "song.wav",
            "--json",
            "--iterations",
            "5",
            "--why",
        ])
        .assert()
        .success();
    let value: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(value[0]["input"]["path"], "song.wav");
    assert_eq!(
        value[0]["grouping"]["components"].as_array().unwrap().len(),
        16
    );
}

#[test]
fn reasons_are_printed_for_every_component() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    let output = unbraid(dir.path())
        .args([
            "separate", "song.wav", "--why", "-k", "5", "--assign", "drums=4",
        ])
        .assert()
        .success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for component in 0..5 {
        assert!(text.contains(&format!("  {component} → ")), "{text}");
    }
    assert!(text.contains("4 → drums, by hand"), "{text}");
}

#[test]
fn special_models_that_do_not_exist_yet_are_named() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args([
            "separate",
            "song.wav",
            "--sources",
            "voice,bass",
            "--iterations",
            "5",
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains("blind"));
}

#[test]
fn a_voice_and_a_piano_have_a_model_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    unbraid(dir.path())
        .args(["separate", "song.wav", "--sources", "voice,piano"])
        .assert()
        .success()
        .stdout(predicate::str::contains("the piano is tuned"));
    let folder = dir.path().join("separated/song");
    assert_eq!(
        files(&folder),
        [
            "f0.csv",
            "notes.csv",
            "notes.mid",
            "piano.wav",
            "unbraid.json",
            "voice.wav"
        ]
    );
    // What was heard, corrected by hand, is what is known.
    fs::write(
        dir.path().join("f0.csv"),
        "0.0,220\n0.05,220\n0.1,220\n0.5,0\n",
    )
    .unwrap();
    fs::write(dir.path().join("words.lrc"), "[00:00.00]la\n[00:00.40]\n").unwrap();
    unbraid(dir.path())
        .args(["separate", "song.wav", "--sources", "voice,piano"])
        .args([
            "--melody",
            "f0.csv",
            "--lyrics",
            "words.lrc",
            "--fast",
            "--overwrite",
        ])
        .assert()
        .success();
    let heard = fs::read_to_string(folder.join("f0.csv")).unwrap();
    assert!(heard.contains(",220.000,"), "{heard}");
    unbraid(dir.path())
        .args(["separate", "song.wav", "--melody", "f0.csv", "--overwrite"])
        .assert()
        .failure()
        .code(2)
        .stderr(predicate::str::contains("--sources voice,piano"));
    fs::write(dir.path().join("words.txt"), "la la la\n").unwrap();
    unbraid(dir.path())
        .args(["separate", "song.wav", "--sources", "voice,piano"])
        .args(["--lyrics", "words.txt", "--overwrite"])
        .assert()
        .failure()
        .stderr(
            predicate::str::contains("no line of it has a time")
                .and(predicate::str::contains("Audacity")),
        );
    unbraid(dir.path())
        .args(["separate", "song.wav", "--sources", "voice,piano"])
        .args(["--residual", "--overwrite"])
        .assert()
        .failure()
        .stderr(predicate::str::contains("stems.residual"));
}
