//! What cannot be scored is refused, with the file and a remedy.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use unbraid::Audio;
use unbraid_io::audio::OutputFormat;
use unbraid_io::metrics::TrackScores;

use super::*;

type Spoil = fn(&Path);

/// What is wrong, how it is made so, and words of the answer.
const SPOILS: [(&str, Spoil, &[&str]); 13] = [
    (
        "another length",
        |dir| {
            write(
                &dir.join("ref/guitar.wav"),
                &stereo(1.0, 1)[0],
                OutputFormat::Wav16,
            );
        },
        &["ref/guitar.wav", "8000 samples", "20000", "--duration"],
    ),
    (
        "another rate",
        |dir| {
            let samples = stereo(2.5, 1)[0].samples().to_owned();
            let audio = Audio::new(samples, 11_025).unwrap();
            write(&dir.join("est/drums.wav"), &audio, OutputFormat::Wav16);
        },
        &["est/drums.wav", "11025 Hz", "8000 Hz", "resample"],
    ),
    (
        "a missing estimate",
        |dir| fs::rename(dir.join("est/drums.wav"), dir.join("est/kit.wav")).unwrap(),
        &["`drums`", "est", "`kit`", "--map drums=NAME"],
    ),
    (
        "a silent reference",
        |dir| {
            let audio = Audio::new(Array2::zeros((2, 20_000)), RATE).unwrap();
            write(&dir.join("ref/guitar.wav"), &audio, OutputFormat::Wav16);
        },
        &[
            "reference ref/guitar.wav is silent",
            "leave this source out",
        ],
    ),
    (
        "a silent estimate",
        |dir| {
            let audio = Audio::new(Array2::zeros((2, 20_000)), RATE).unwrap();
            write(&dir.join("est/guitar.wav"), &audio, OutputFormat::Wav16);
        },
        &["estimate est/guitar.wav is silent", "leave this source out"],
    ),
    (
        "a silent mixture",
        |dir| {
            let audio = Audio::new(Array2::zeros((2, 20_000)), RATE).unwrap();
            write(&dir.join("ref/mixture.wav"), &audio, OutputFormat::Wav16);
        },
        &["ref/mixture.wav is silent"],
    ),
    (
        "samples that are no numbers",
        |dir| {
            let path = dir.join("est/drums.wav");
            let mut bytes = fs::read(&path).unwrap();
            let at = bytes.len() - 400;
            bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
            fs::write(path, bytes).unwrap();
        },
        &["est/drums.wav", "NaN", "hint: "],
    ),
    (
        "a file that is no audio",
        |dir| fs::write(dir.join("est/drums.wav"), "no audio at all".repeat(99)).unwrap(),
        &["est/drums.wav", "not audio", "hint: "],
    ),
    (
        "two files of one name",
        |dir| {
            let audio = &stereo(2.5, 1)[0];
            write(&dir.join("est/drums.flac"), audio, OutputFormat::Flac);
        },
        &["est/drums.wav", "est/drums.flac", "take one of"],
    ),
    (
        "no estimates at all",
        |dir| {
            fs::remove_file(dir.join("est/drums.wav")).unwrap();
            fs::remove_file(dir.join("est/guitar.wav")).unwrap();
        },
        &["no stem", "est"],
    ),
    (
        "no folder",
        |dir| fs::remove_dir_all(dir.join("est")).unwrap(),
        &["cannot read", "est"],
    ),
    (
        "MUSDB18 in its compressed form",
        |dir| {
            fs::remove_dir_all(dir.join("ref")).unwrap();
            fs::create_dir_all(dir.join("ref/test")).unwrap();
            fs::write(dir.join("ref/test/A - One.stem.mp4"), "x").unwrap();
        },
        &["ref", ".stem.mp4", "MUSDB18-HQ"],
    ),
    (
        "stems in folders below",
        |dir| {
            fs::create_dir(dir.join("lower")).unwrap();
            fs::rename(dir.join("ref"), dir.join("lower/song")).unwrap();
            fs::rename(dir.join("lower"), dir.join("ref")).unwrap();
        },
        &[
            "no estimates in est for any of 1 track ",
            "folders that hold the stems",
        ],
    ),
];

#[test]
fn stems_that_cannot_be_scored_are_refused_with_file_and_remedy() {
    for (name, spoil, words) in SPOILS {
        let dir = one_track();
        spoil(dir.path());
        let said = refused(dir.path(), &["ref", "est"], 1);
        for word in words {
            assert!(said.contains(word), "{name}: {word:?} is not in: {said}");
        }
    }
}

#[test]
fn another_number_of_channels_matters_only_where_channels_are_scored() {
    let dir = one_track();
    let path = dir.path().join("est/drums.wav");
    let left = read(&path).samples().slice(ndarray::s![..1, ..]).to_owned();
    write(&path, &Audio::new(left, RATE).unwrap(), OutputFormat::Wav16);
    let said = refused(dir.path(), &["ref", "est", "--metric", "v4"], 1);
    assert!(
        said.contains("has 1 channel,") && said.contains("--downmix mono"),
        "{said}"
    );
    run(
        dir.path(),
        &["ref", "est", "--metric", "v4", "--downmix", "mono"],
    );
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let dir = one_track();
    for (args, words) in [
        (&["ref", "est", "--map", "drums"][..], "drums=drums_rest"),
        (&["ref", "est", "--window", "0"], "--window is 0"),
        (&["ref", "est", "--hop=-1"], "--hop is -1"),
        (&["ref", "est", "--metric", "v5"], "--metric"),
        (&["ref", "est", "--museval"], "--metric v4"),
        (&["ref", "est", "-o", "scores"], "--metric v4"),
        (&["ref", "est/drums.wav"], "two folders or two files"),
        (
            &["ref/drums.wav", "est/drums.wav", "--map", "a=b"],
            "--map is for folders",
        ),
        (&["ref", "est", "--start=-1"], "--start is -1"),
        (&["ref"], "ESTIMATES"),
        (&["ref", "est", "--json", "--csv"], "--csv"),
        (&["--aggregate", "ref", "--permute"], "--permute"),
    ] {
        let said = refused(dir.path(), args, 2);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    for (args, words) in [
        (&["ref", "est", "--map", "bass=drums"][..], "`bass`"),
        (&["ref", "est", "--map", "drums=bass"], "`bass`"),
        (&["--aggregate", "ref"], "no scores"),
        (&["--aggregate", "nowhere"], "nowhere"),
        (&["ref", "est", "--start", "60"], "60 s"),
    ] {
        let said = refused(dir.path(), args, 1);
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn the_guide_s_commands_do_what_it_says() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("evaluate.md");
    fs::copy(root.join("docs/guide/evaluate.md"), &page).unwrap();
    // The page's commands run in one folder that holds the demo clip.
    let demo = dir.path().join("evaluate.in/demo");
    fs::create_dir_all(demo.join("stems")).unwrap();
    for name in ["mixture.flac", "stems/drums.flac", "stems/guitar.flac"] {
        fs::copy(root.join("demo").join(name), demo.join(name)).unwrap();
    }
    trycmd::TestCases::new().case(page).run();
}

#[test]
fn existing_scores_are_replaced_only_when_asked() {
    let dir = one_track();
    let args = ["ref", "est", "--metric", "v4", "-o", "scores"];
    fs::create_dir(dir.path().join("scores")).unwrap();
    fs::write(dir.path().join("scores/ref.json"), "precious").unwrap();
    let said = refused(dir.path(), &args, 1);
    assert!(said.contains("--overwrite"), "{said}");
    let kept = fs::read_to_string(dir.path().join("scores/ref.json")).unwrap();
    assert_eq!(kept, "precious");
    run(dir.path(), &[&args[..], &["--overwrite"]].concat());
    let scores = TrackScores::read(&dir.path().join("scores/ref.json")).unwrap();
    assert_eq!(scores.targets.len(), 2);
}
