//! What the user knows: dictionaries, scores.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use unbraid::evaluate::{NoteConfig, note_scores};
use unbraid_io::audio::OutputFormat;
use unbraid_io::knowledge::read_score;

use crate::helpers::{read, unbraid, write};

const RATE: u32 = 16_000;

/// A decaying note of stretched partials.
fn struck(key: f32, secs: f32) -> Vec<f32> {
    let hz = 440.0 * 2.0_f32.powf((key - 69.0) / 12.0);
    (0..(secs * RATE as f32) as usize)
        .map(|n| {
            let t = n as f32 / RATE as f32;
            let partial = |m: f32| {
                let hz = m * hz * (1.0 + 3e-4 * m * m).sqrt();
                (std::f32::consts::TAU * hz * t).sin() * (-(1.5 + m) * t).exp() / m
            };
            0.2 * (1..9).map(|m| partial(m as f32)).sum::<f32>()
        })
        .collect()
}

fn write_mono(path: &Path, samples: &[f32]) {
    let spec = ndarray::Array2::from_shape_vec((1, samples.len()), samples.to_vec()).unwrap();
    let audio = unbraid::Audio::new(spec, RATE).unwrap();
    write(path, &audio, OutputFormat::Wav16);
}

/// Notes to learn from, a mixture of two of them with a siren, and its score.
fn sandbox() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("notes")).unwrap();
    for (name, key) in [("C4v80", 60.0), ("E4v80", 64.0), ("G4v80", 67.0)] {
        write_mono(
            &dir.path().join(format!("notes/{name}.wav")),
            &struck(key, 1.5),
        );
    }
    let mut piano = vec![0.0_f32; 3 * RATE as usize];
    for (onset, key) in [(0.25, 60.0), (1.0, 64.0), (1.75, 60.0)] {
        let begin = (onset * RATE as f32) as usize;
        for (out, sample) in piano[begin..].iter_mut().zip(struck(key, 1.0)) {
            *out += sample;
        }
    }
    let siren: Vec<f32> = (0..piano.len())
        .map(|n| {
            let t = n as f32 / RATE as f32;
            0.1 * (std::f32::consts::TAU * (900.0 * t + 40.0 * (3.0 * t).sin())).sin()
        })
        .collect();
    let mixture: Vec<f32> = piano.iter().zip(&siren).map(|(a, b)| a + b).collect();
    write_mono(&dir.path().join("piano.wav"), &piano);
    write_mono(&dir.path().join("mixture.wav"), &mixture);
    // 480 ticks a quarter at 120: 960 ticks a second.
    let events = b"\x81\x70\x90\x3c\x50\x85\x50\x80\x3c\x40\x00\x90\x40\x50\x85\x50\x80\x40\x40\x00\x90\x3c\x50\x85\x50\x80\x3c\x40\x00\xff\x2f\x00";
    let mut midi = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
    midi.extend((events.len() as u32).to_be_bytes());
    midi.extend(events);
    fs::write(dir.path().join("song.mid"), midi).unwrap();
    dir
}

#[test]
fn an_instrument_that_was_learnt_is_taken_out_of_a_mixture() {
    let dir = sandbox();
    let run = |args: &[&str]| unbraid(dir.path()).args(args).assert().success();
    run(&[
        "learn",
        "notes",
        "-o",
        "piano.safetensors",
        "--licence",
        "CC0",
    ]);
    let told = run(&["info", "piano.safetensors"]);
    let told = String::from_utf8_lossy(&told.get_output().stdout).into_owned();
    for words in ["15 templates", "3 notes", "CC0", "carries its sounds"] {
        assert!(told.contains(words), "{told}");
    }
    run(&["explain", "piano.safetensors", "-o", "piano.html"]);
    let page = fs::read_to_string(dir.path().join("piano.html")).unwrap();
    for words in ["15 templates", "Attack: 0 to 46 ms", "aria-label=\"E4\""] {
        assert!(page.contains(words), "no {words}");
    }
    let separate = [
        "separate",
        "mixture.wav",
        "--sources",
        "piano,rest",
        "--dictionary",
        "piano.safetensors",
    ];
    // The notes that sound are heard, each from its onset on.
    run(&[&separate[..], &["--free", "4", "-o", "heard"]].concat());
    let heard = read_score(&dir.path().join("heard/mixture/notes.mid")).unwrap();
    let truth = read_score(&dir.path().join("song.mid")).unwrap();
    let scores = note_scores(&truth.notes, &heard.notes, &NoteConfig::default());
    assert!(scores.f1 > 0.85, "{:?}", heard.notes);
    let table = fs::read_to_string(dir.path().join("heard/mixture/notes.csv")).unwrap();
    assert!(table.starts_with("onset_secs,offset_secs,note,velocity,confidence\n"));
    run(&[&separate[..], &["--score", "song.mid", "--free", "4"]].concat());
    let (truth, stem) = (
        read(&dir.path().join("piano.wav")),
        read(&dir.path().join("separated/mixture/piano.wav")),
    );
    let energy = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>();
    let truth = truth.samples().to_owned();
    let error = energy(&mut stem.samples().iter().zip(&truth).map(|(a, b)| a - b));
    let ratio_db = 10.0 * (energy(&mut truth.iter().copied()) / error).log10();
    assert!(ratio_db > 15.0, "{ratio_db} dB");
}

#[test]
fn a_score_out_of_time_is_moved_into_the_recordings() {
    let dir = sandbox();
    let run = |args: &[&str]| unbraid(dir.path()).args(args).assert().success();
    run(&["learn", "notes", "-o", "piano.safetensors"]);
    // The notes that are played, a fifth too fast and late.
    let mut table = "onset,offset,note\n".to_owned();
    for (onset, key) in [(0.25, 60), (1.0, 64), (1.75, 60)] {
        let at = |secs: f64| secs / 1.2 + 0.8;
        writeln!(table, "{},{},{key}", at(onset), at(onset + 0.7)).unwrap();
    }
    fs::write(dir.path().join("late.csv"), table).unwrap();
    let output = run(&[
        "separate",
        "mixture.wav",
        "--sources",
        "piano,rest",
        "--dictionary",
        "piano.safetensors",
        "--score",
        "late.csv",
        "--align",
        "--free",
        "4",
    ]);
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(said.contains("into the recording's time"), "{said}");
    let (truth, stem) = (
        read(&dir.path().join("piano.wav")),
        read(&dir.path().join("separated/mixture/piano.wav")),
    );
    let wanted = truth.samples();
    let error = &stem.samples() - &wanted;
    let ratio_db = 10.0 * (wanted.mapv(|x| x * x).sum() / error.mapv(|x| x * x).sum()).log10();
    assert!(ratio_db > 12.0, "{ratio_db} dB");
}

#[test]
fn a_span_in_which_a_source_sounds_alone_is_learnt() {
    let dir = sandbox();
    let run = |args: &[&str]| unbraid(dir.path()).args(args).assert();
    let learn = [
        "learn",
        "--from",
        "piano.wav",
        "--start",
        "0.2",
        "--duration",
        "1.5",
        "-k",
        "4",
        "-o",
        "span.safetensors",
    ];
    run(&learn).success();
    let told = run(&["info", "span.safetensors"]).success();
    let told = String::from_utf8_lossy(&told.get_output().stdout).into_owned();
    assert!(
        told.contains("4 templates") && told.contains("piano.wav"),
        "{told}"
    );
    run(&[
        "separate",
        "mixture.wav",
        "--sources",
        "piano,rest",
        "--dictionary",
        "span.safetensors",
        "--free",
        "4",
    ])
    .success();
    assert!(dir.path().join("separated/mixture/piano.wav").exists());
}

#[test]
fn notes_heard_are_compared_with_notes_played() {
    let dir = sandbox();
    let table = "onset_secs,offset_secs,note\n0.26,0.9,60\n1.02,1.3,64\n2.5,3.0,72\n";
    fs::write(dir.path().join("heard.csv"), table).unwrap();
    let output = unbraid(dir.path())
        .args(["evaluate", "--notes", "song.mid", "heard.csv", "--json"])
        .assert()
        .success();
    let told: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(told["onsets"]["f1"], 2.0 / 3.0);
    assert_eq!(told["onsets_and_offsets"]["precision"], 1.0 / 3.0);
}

#[test]
fn what_cannot_be_learnt_from_is_refused_with_the_remedy() {
    let dir = sandbox();
    let noise: Vec<f32> = (0..RATE)
        .scan(1_u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect();
    for folder in ["noise", "twice"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    write_mono(&dir.path().join("noise/hiss.wav"), &noise);
    for name in ["C4v80", "piano C4v80"] {
        write_mono(
            &dir.path().join(format!("twice/{name}.wav")),
            &struck(60.0, 1.0),
        );
    }
    fs::write(
        dir.path().join("broken.sf2"),
        b"RIFF\x10\0\0\0sfbkLIST\xff\xff\xff\x7f",
    )
    .unwrap();
    write_mono(&dir.path().join("silence.wav"), &vec![0.0; RATE as usize]);
    for (args, words) in [
        (&["learn", "noise"][..], "has a pitch"),
        (&["learn", "twice"], "the same note of the same layer"),
        (
            &["learn", "--soundfont", "broken.sf2"],
            "not a usable SoundFont",
        ),
        (&["learn", "--soundfont", "missing.sf2"], "missing.sf2"),
        (&["learn", "--from", "silence.wav"], "silent"),
        (
            &["learn", "--from", "piano.wav", "--start", "-1"],
            "--start is at least 0",
        ),
        (
            &["learn", "--from", "silence.wav", "--lyrics", "words.txt"],
            "say --kind voice",
        ),
        (&["learn"], "NOTES"),
    ] {
        let output = unbraid(dir.path()).args(args).assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(words), "{args:?}: {said}");
        assert!(!dir.path().join("dictionary.safetensors").exists());
    }
}

#[test]
fn knowledge_that_makes_no_sense_is_refused_with_the_remedy() {
    let dir = sandbox();
    let run = |args: &[&str]| unbraid(dir.path()).args(args).assert();
    run(&["learn", "notes", "-o", "bare.safetensors", "--no-examples"]).success();
    fs::write(dir.path().join("broken.mid"), "MThd").unwrap();
    let separate = |more: &[&str]| {
        let args = [
            &["separate", "mixture.wav", "--sources", "piano,rest"],
            more,
        ]
        .concat();
        let output = run(&args).failure();
        String::from_utf8_lossy(&output.get_output().stderr).into_owned()
    };
    for (more, words) in [
        (
            &["--dictionary", "guitar=bare.safetensors"][..],
            "none of the sources",
        ),
        (
            &["--dictionary", "piano=missing.safetensors"],
            "missing.safetensors",
        ),
        (
            &["--dictionary", "piano=mixture.wav"],
            "not a usable dictionary",
        ),
        (
            &["--dictionary", "piano=bare.safetensors"],
            "learn it again with the examples",
        ),
        (
            &[
                "--dictionary",
                "piano=bare.safetensors",
                "--score",
                "broken.mid",
            ],
            "broken.mid",
        ),
    ] {
        let said = separate(more);
        assert!(said.contains(words), "{more:?}: {said}");
        assert!(!dir.path().join("separated/mixture").exists());
    }
    // A piano has a sound of its own; a guitar has none.
    run(&[
        "separate",
        "mixture.wav",
        "--sources",
        "guitar,rest",
        "--score",
        "song.mid",
    ])
    .failure()
    .stderr(predicates::str::contains("add --dictionary"));
}
