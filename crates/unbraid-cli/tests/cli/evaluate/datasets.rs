//! Data sets' folders are walked, and one bad track does not spoil the others.

use std::fs;
use std::path::Path;

use unbraid::Audio;
use unbraid::evaluate::median as library_median;
use unbraid::testsignals::mix;
use unbraid_io::audio::OutputFormat;

use super::*;

fn dataset(dsd: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (number, (subset, track, leak)) in [
        ("test", "A - One", 0.05),
        ("test", "B. Two", 0.3),
        ("train", "C - Three", 0.1),
    ]
    .into_iter()
    .enumerate()
    {
        let root = dir.path();
        let (subset, references, mixture) = if dsd {
            let subset = if subset == "test" { "Test" } else { "Dev" };
            let below = Path::new(subset).join(track);
            let sources = root.join("data/Sources").join(&below);
            (subset, sources, root.join("data/Mixtures").join(&below))
        } else {
            let folder = root.join("data").join(subset).join(track);
            (subset, folder.clone(), folder)
        };
        let estimates = root.join("est").join(subset).join(track);
        write_track(&references, &mixture, &estimates, leak, number as u64);
        if number == 2 {
            fs::remove_dir_all(estimates).unwrap();
        }
    }
    dir
}

#[test]
fn musdb_and_dsd_folders_are_scored_by_one_command() {
    for dsd in [false, true] {
        let dir = dataset(dsd);
        let subset = if dsd { "Test" } else { "test" };
        let args = ["data", "est", "--metric", "v4", "-o", "scores"];
        let report = run_json(dir.path(), &args);
        let tracks = report["tracks"].as_array().unwrap();
        let labels: Vec<&str> = tracks
            .iter()
            .map(|t| t["track"].as_str().unwrap())
            .collect();
        assert_eq!(
            labels,
            [format!("{subset}/A - One"), format!("{subset}/B. Two")]
        );
        let note = report["notes"][0].as_str().unwrap();
        assert!(note.starts_with("no estimates for 1 of 3 tracks"), "{note}");
        assert!(tracks[0]["mixture"].is_string(), "the mixture is found");

        for (source, median) in report["medians"].as_array().unwrap().iter().enumerate() {
            for measure in ["SDR", "ISR", "SIR", "SAR", "SI-SDR"] {
                let values = tracks
                    .iter()
                    .map(|track| number(&track["targets"][source]["scores"][measure]));
                assert_same(&median["scores"][measure], library_median(values));
            }
            assert!(number(&median["scores"]["SDRi"]) > 0.0);
        }
        assert_eq!(
            files(&dir.path().join("scores")),
            [
                format!("{subset}/A - One.json"),
                format!("{subset}/B. Two.json")
            ]
        );

        // The files sum up to the same medians.
        let said = run(dir.path(), &["--aggregate", "scores"]);
        assert!(said.contains("scores: medians over 2 tracks"), "{said}");
        assert!(
            said.contains("drums: 4 of 4 frames scored, 2 tracks"),
            "{said}"
        );
        let summed = run_json(dir.path(), &["--aggregate", "scores"]);
        for measure in ["SDR", "ISR", "SIR", "SAR"] {
            let difference = number(&summed["medians"][1]["scores"][measure])
                - number(&report["medians"][1]["scores"][measure]);
            assert!(
                difference.abs() < 2.0 * SAME_IN_FILE_DB,
                "{measure}: {difference} dB"
            );
        }
        let text = run(dir.path(), &["--aggregate", "scores", "--csv"]);
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}

#[test]
fn a_bad_track_is_named_and_the_others_are_scored() {
    let dir = dataset(false);
    fs::remove_file(dir.path().join("est/test/A - One/drums.wav")).unwrap();
    let assert = unbraid(dir.path())
        .args(["evaluate", "data", "est"])
        .assert()
        .failure()
        .code(1);
    let output = assert.get_output();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(said.contains("1 of 2 tracks could not be scored"), "{said}");
    assert!(
        said.contains("test/A - One: no estimate for `drums`"),
        "{said}"
    );
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        printed.contains("test/B. Two") && printed.contains("median over 1 track\n"),
        "{printed}"
    );
}

/// MUSDB's layout, its names and its frames of one second, with two seconds of the demo clip in it.
#[test]
fn the_demo_in_musdb_s_layout_is_scored_by_one_command() {
    let demo = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo"));
    let dir = tempfile::tempdir().unwrap();
    let stem = |name: &str| {
        let audio = read(&demo.join("stems").join(name).with_extension("flac"));
        let part = audio
            .samples()
            .slice(ndarray::s![.., 88_200..176_400])
            .to_owned();
        Audio::new(part, audio.sample_rate()).unwrap()
    };
    let (drums, other) = (stem("drums"), stem("guitar"));
    let references = dir.path().join("musdb18hq/test/Demo - Clip");
    let estimates = dir.path().join("estimates/test/Demo - Clip");
    let leaked = |one: &Audio, two: &Audio| {
        let samples = &one.samples() + &(&two.samples() * 0.1);
        Audio::new(samples, one.sample_rate()).unwrap()
    };
    let format = OutputFormat::Wav32f;
    write(
        &references.join("mixture.wav"),
        &mix(&[&drums, &other]),
        format,
    );
    write(&references.join("drums.wav"), &drums, format);
    write(&references.join("other.wav"), &other, format);
    write(
        &estimates.join("drums.wav"),
        &leaked(&drums, &other),
        format,
    );
    write(
        &estimates.join("other.wav"),
        &leaked(&other, &drums),
        format,
    );
    let args = ["musdb18hq", "estimates", "--metric", "v4", "-o", "scores"];
    let report = run_json(dir.path(), &args);
    let track = &report["tracks"][0];
    assert_eq!(track["track"], "test/Demo - Clip");
    assert_eq!(track["sample_rate"], 44_100);
    for (target, name) in track["targets"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["drums", "other"])
    {
        assert_eq!(target["name"], name);
        // A tenth of the other, which is about as loud.
        let sdr = number(&target["scores"]["SDR"]);
        assert!((14.0..30.0).contains(&sdr), "{name}: {sdr} dB");
    }
    assert_eq!(files(&dir.path().join("scores")), ["test/Demo - Clip.json"]);
}
