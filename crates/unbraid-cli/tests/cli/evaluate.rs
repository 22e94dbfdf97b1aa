//! `evaluate`: its numbers are the library's, its files museval's, and what cannot be scored is refused.

use std::fs;
use std::path::Path;

use crate::helpers::{files, read, unbraid, write};
use ndarray::{Array2, ArrayView2, Axis};
use serde_json::Value;
use unbraid::Audio;
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, Matching, bss_eval_images_framewise, bss_eval_sources,
    median as library_median, si_sdr, v4,
};
use unbraid::testsignals::{drums_and_guitar, mix, noise};
use unbraid_io::audio::OutputFormat;
use unbraid_io::metrics::TrackScores;

const RATE: u32 = 8000;
/// The program prints JSON with all digits.
const SAME_DB: f64 = 1e-9;
/// Museval's files have five decimals.
const SAME_IN_FILE_DB: f64 = 0.51e-5;

/// Drums, guitar and their mixture in stereo, the sources at different places, over `secs`.
fn stereo(secs: f32, seed: u64) -> [Audio; 3] {
    let (drums, guitar) = drums_and_guitar(secs, RATE);
    let hiss = noise(drums.len_samples(), seed);
    let placed = |source: &Audio, left: f32, right: f32| {
        let samples = Array2::from_shape_fn((2, source.len_samples()), |(channel, n)| {
            let gain = if channel == 0 { left } else { right };
            gain * source.channel(0)[n] + 1e-3 * hiss[(n + 40 * channel) % hiss.len()]
        });
        Audio::new(samples, RATE).unwrap()
    };
    let (drums, guitar) = (placed(&drums, 0.9, 0.3), placed(&guitar, 0.3, 0.8));
    let mixture = mix(&[&drums, &guitar]);
    [drums, guitar, mixture]
}

fn sum(one: &Audio, gain: f32, other: &Audio) -> Audio {
    Audio::new(&one.samples() + &(&other.samples() * gain), RATE).unwrap()
}

/// A track as separators and data sets keep it: true stems and mixture, and stems with some of each other.
fn write_track(references: &Path, mixture: &Path, estimates: &Path, leak: f32, seed: u64) {
    let [drums, guitar, mixed] = stereo(2.5, seed);
    let float = OutputFormat::Wav32f;
    write(&references.join("drums.wav"), &drums, float);
    write(&references.join("guitar.wav"), &guitar, float);
    write(&mixture.join("mixture.wav"), &mixed, float);
    write(
        &estimates.join("drums.wav"),
        &sum(&drums, leak, &guitar),
        float,
    );
    write(
        &estimates.join("guitar.wav"),
        &sum(&guitar, -leak, &drums),
        float,
    );
}

/// A folder with one track in `ref` and `est`.
fn one_track() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    write_track(&path("ref"), &path("ref"), &path("est"), 0.1, 5);
    dir
}

fn run(folder: &Path, args: &[&str]) -> String {
    let assert = unbraid(folder)
        .arg("evaluate")
        .args(args)
        .assert()
        .success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn run_json(folder: &Path, args: &[&str]) -> Value {
    let text = run(folder, &[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn assert_same(given: &Value, expected: f64) {
    let given = number(given);
    assert!(
        (given - expected).abs() <= SAME_DB,
        "{given} dB, but the library says {expected} dB"
    );
}

fn stems(folder: &Path) -> Vec<Array2<f32>> {
    let paths = ["drums.wav", "guitar.wav"].map(|name| folder.join(name));
    paths.iter().map(|path| read(path).into_samples()).collect()
}

fn mono(stems: &[Array2<f32>]) -> Vec<Array2<f64>> {
    let mean = |stem: &Array2<f32>| stem.mapv(f64::from).mean_axis(Axis(0)).unwrap();
    stems
        .iter()
        .map(|stem| mean(stem).insert_axis(Axis(0)))
        .collect()
}

fn views<T>(stems: &[Array2<T>]) -> Vec<ArrayView2<'_, T>> {
    stems.iter().map(|stem| stem.view()).collect()
}

#[test]
fn the_default_is_the_sources_version_on_the_mean_of_the_channels() {
    let dir = one_track();
    let report = run_json(dir.path(), &["ref", "est"]);
    let references = mono(&stems(&dir.path().join("ref")));
    let estimates = mono(&stems(&dir.path().join("est")));
    let (references, estimates) = (views(&references), views(&estimates));
    let config = BssEvalConfig::default();
    let expected = bss_eval_sources(&references, &estimates, &config).unwrap();
    let scale_invariant = si_sdr(&references, &estimates).unwrap();
    let mixture = mono(&[read(&dir.path().join("ref/mixture.wav")).into_samples()]);
    let twice = [mixture[0].view(), mixture[0].view()];
    let baseline = bss_eval_sources(&references, &twice, &config).unwrap();

    assert_eq!(report["metric"], "v3");
    assert_eq!(report["downmix"], "mono");
    let track = &report["tracks"][0];
    assert_eq!(
        (&track["frames"], &track["track"]),
        (&Value::from(1), &Value::from("ref"))
    );
    for (source, name) in ["drums", "guitar"].into_iter().enumerate() {
        let target = &track["targets"][source];
        assert_eq!(target["name"], name);
        let scores = &target["scores"];
        assert_same(&scores["SDR"], expected.sources[source].sdr_db);
        assert_same(&scores["SIR"], expected.sources[source].sir_db);
        assert_same(&scores["SAR"], expected.sources[source].sar_db);
        assert!(
            scores.get("ISR").is_none(),
            "the sources version has no ISR"
        );
        assert_same(&scores["SI-SDR"], scale_invariant[source].sdr_db);
        let better = expected.sources[source].improvement_over(&baseline.sources[source]);
        // The mixture is scaled, which rounds.
        let given = number(&target["improvement"]["SDR"]);
        assert!(
            (given - better.sdr_db).abs() < 1e-6,
            "{given} for {better:?}"
        );
    }
}

#[test]
fn version_four_gives_museval_s_medians_and_files() {
    let dir = one_track();
    let references = stems(&dir.path().join("ref"));
    let estimates = stems(&dir.path().join("est"));
    let expected = v4::bss_eval(
        &views(&references),
        &views(&estimates),
        &FrameConfig::one_second(RATE),
        &BssEvalConfig::default(),
    )
    .unwrap();
    let args = ["ref", "est", "--metric", "v4"];
    let report = run_json(dir.path(), &args);
    let track = &report["tracks"][0];
    assert_eq!(
        (&track["frames"], &track["frames_scored"]),
        (&2.into(), &2.into())
    );
    for (source, median) in expected.median().iter().enumerate() {
        let scores = &track["targets"][source]["scores"];
        assert_same(&scores["SDR"], median.sdr_db);
        assert_same(&scores["ISR"], median.isr_db.unwrap());
        assert_same(&scores["SIR"], median.sir_db);
        assert_same(&scores["SAR"], median.sar_db);
    }

    let printed = run(dir.path(), &[&args[..], &["--museval"]].concat());
    run(dir.path(), &[&args[..], &["-o", "scores"]].concat());
    assert_eq!(
        fs::read_to_string(dir.path().join("scores/ref.json")).unwrap(),
        printed
    );
    let file = TrackScores::parse(&printed).unwrap();
    for (source, target) in file.targets.iter().enumerate() {
        for (frame, scores) in target.frames.iter().zip(&expected.frames) {
            let ratios = scores.sources.as_ref().unwrap()[source];
            let difference = (frame.metrics.sdr_db.unwrap() - ratios.sdr_db).abs();
            assert!(difference < SAME_IN_FILE_DB, "{difference} dB");
        }
    }
    // Our own JSON holds the same shape.
    let own = serde_json::to_string(track).unwrap();
    let own = TrackScores::parse(&own).unwrap();
    assert_eq!(own.targets[1].name, "guitar");
    let (one, other) = (own.targets[1].frames[1], file.targets[1].frames[1]);
    assert_eq!((one.time_secs, other.time_secs), (1.0, 1.0));
    let difference = one.metrics.isr_db.unwrap() - other.metrics.isr_db.unwrap();
    assert!(difference.abs() < SAME_IN_FILE_DB, "{difference} dB");
}

#[test]
fn window_and_hop_are_seconds() {
    let dir = one_track();
    let references = stems(&dir.path().join("ref"));
    let estimates = stems(&dir.path().join("est"));
    let frames = FrameConfig {
        window_len: 8000,
        hop_len: 2000,
    };
    let config = BssEvalConfig::default();
    let expected =
        bss_eval_images_framewise(&views(&references), &views(&estimates), &frames, &config)
            .unwrap();
    let args = ["--metric", "v3-images", "--window", "1", "--hop", "0.25"];
    let report = run_json(dir.path(), &[&["ref", "est"][..], &args].concat());
    let track = &report["tracks"][0];
    assert_eq!(number(&track["frames"]) as usize, expected.frames.len());
    let target = &track["targets"][1];
    assert_same(&target["scores"]["SDR"], expected.median()[1].sdr_db);
    assert_same(&target["frames"][3]["time"], 0.75);
    assert_same(&target["frames"][3]["duration"], 1.0);
}

#[test]
fn the_table_shows_sources_mean_mixture_and_what_was_ignored() {
    let dir = one_track();
    fs::write(dir.path().join("est/unbraid.json"), "{}").unwrap();
    let [drums, _, mixture] = stereo(2.5, 5);
    write(
        &dir.path().join("est/residual.wav"),
        &drums,
        OutputFormat::Wav16,
    );
    write(
        &dir.path().join("est/mix.wav"),
        &mixture,
        OutputFormat::Wav16,
    );
    let said = run(dir.path(), &["ref", "est"]);
    for words in [
        "BSS Eval 3 sources, whole recording, mono, in dB",
        "SDR      SIR      SAR   SI-SDR     SDRi  SI-SDRi",
        "\n  drums ",
        "\n  guitar ",
        "\n  mean ",
        "\n  mixture as drums ",
        "mixture: ref/mixture.wav / 2",
        "ignored, not WAV or FLAC: est/unbraid.json",
        "ignored, no reference of this name: est/residual.wav",
        "ignored, a mixture: est/mix.wav",
    ] {
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
    let line = said.lines().find(|line| line.contains(" drums ")).unwrap();
    let shown: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let report = run_json(dir.path(), &["ref", "est"]);
    let exact = number(&report["tracks"][0]["targets"][0]["scores"]["SDR"]);
    assert!((shown - exact).abs() <= 0.005, "{shown} for {exact}");

    let said = run(dir.path(), &["ref", "est", "--no-baseline"]);
    assert!(
        !said.contains("SDRi") && !said.contains("mixture as"),
        "{said}"
    );
    assert_eq!(run(dir.path(), &["ref", "est", "--quiet"]), "");
}

#[test]
fn the_mixture_as_every_estimate_improves_nothing() {
    let dir = one_track();
    for name in ["drums.wav", "guitar.wav"] {
        fs::copy(
            dir.path().join("ref/mixture.wav"),
            dir.path().join("est").join(name),
        )
        .unwrap();
    }
    let report = run_json(dir.path(), &["ref", "est"]);
    for target in report["tracks"][0]["targets"].as_array().unwrap() {
        for measure in ["SDR", "SIR", "SAR", "SI-SDR"] {
            let better = number(&target["improvement"][measure]);
            assert!(better.abs() < 1e-6, "{measure}: {better} dB");
        }
    }
}

#[test]
fn names_that_differ_are_mapped_and_sums_are_added_up() {
    let dir = one_track();
    let plain = run_json(dir.path(), &["ref", "est"]);
    let est = dir.path().join("est");
    fs::rename(est.join("drums.wav"), est.join("drums_rest.wav")).unwrap();
    let mapped = run_json(dir.path(), &["ref", "est", "--map", "drums=drums_rest"]);
    let scores = |report: &Value| report["tracks"][0]["targets"][0]["scores"].clone();
    assert_eq!(scores(&mapped), scores(&plain));

    // The sum of both estimates is nearly the mixture, which is the sum of both references.
    let both = run_json(
        dir.path(),
        &["ref", "est", "--map", "drums+guitar=guitar+drums_rest"],
    );
    let targets = both["tracks"][0]["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0]["name"], "guitar+drums_rest");
    assert_eq!(targets[0]["references"].as_array().unwrap().len(), 2);
    assert!(number(&targets[0]["scores"]["SI-SDR"]) > 10.0);
}

#[test]
fn estimates_of_any_name_and_order_are_matched_by_permute() {
    let dir = one_track();
    let plain = run_json(dir.path(), &["ref", "est"]);
    let est = dir.path().join("est");
    fs::rename(est.join("drums.wav"), est.join("b.wav")).unwrap();
    fs::rename(est.join("guitar.wav"), est.join("a.wav")).unwrap();
    for metric in ["v3", "v4"] {
        let args = ["ref", "est", "--permute", "--metric", metric];
        let report = run_json(dir.path(), &args);
        let targets = &report["tracks"][0]["targets"];
        assert_eq!(targets[0]["estimates"][0], "est/b.wav", "{metric}");
        assert_eq!(targets[1]["estimates"][0], "est/a.wav", "{metric}");
        if metric == "v3" {
            let given = number(&targets[0]["scores"]["SI-SDR"]);
            let expected = &plain["tracks"][0]["targets"][0]["scores"]["SI-SDR"];
            assert_same(expected, given);
        }
    }
    let config = BssEvalConfig {
        matching: Matching::BestSir,
        ..BssEvalConfig::default()
    };
    let references = mono(&stems(&dir.path().join("ref")));
    let estimates = ["a.wav", "b.wav"].map(|name| read(&est.join(name)).into_samples());
    let scores = bss_eval_sources(&views(&references), &views(&mono(&estimates)), &config).unwrap();
    assert_eq!(scores.permutation, [1, 0]);
    assert!(run(dir.path(), &["ref", "est", "--permute"]).contains("drums = est/b.wav"));
}

#[test]
fn two_files_are_scored_whatever_their_names() {
    let dir = one_track();
    let said = run(dir.path(), &["ref/drums.wav", "est/guitar.wav"]);
    assert!(
        said.contains("with one source there is no interference"),
        "{said}"
    );
    assert!(said.contains("inf"), "{said}");
    let report = run_json(
        dir.path(),
        &[
            "ref/drums.wav",
            "est/drums.wav",
            "--mixture",
            "ref/mixture.wav",
        ],
    );
    let target = &report["tracks"][0]["targets"][0];
    assert!(
        target["scores"]["SIR"].is_null(),
        "an infinite ratio is no number in JSON"
    );
    assert!(number(&target["improvement"]["SI-SDR"]) > 1.0);
}

#[test]
fn a_frame_in_which_an_estimate_is_silent_is_scored_for_no_source() {
    let dir = one_track();
    let path = dir.path().join("est/guitar.wav");
    let mut samples = read(&path).into_samples();
    samples.slice_mut(ndarray::s![.., 8000..16000]).fill(0.0);
    write(
        &path,
        &Audio::new(samples, RATE).unwrap(),
        OutputFormat::Wav32f,
    );
    let args = ["ref", "est", "--metric", "v4"];
    let said = run(dir.path(), &args);
    assert!(
        said.contains("1 of 2 frames scored; the others have a silent reference or estimate"),
        "{said}"
    );
    let printed = run(dir.path(), &[&args[..], &["--museval"]].concat());
    assert_eq!(printed.matches(": NaN").count(), 8, "{printed}");
    let report = run_json(dir.path(), &args);
    let frames = &report["tracks"][0]["targets"][0]["frames"];
    assert!(frames[1]["metrics"]["SDR"].is_null() && frames[0]["metrics"]["SDR"].is_f64());
}

#[test]
fn the_json_has_this_shape() {
    fn shape(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    shape(value, &format!("{path}.{key}"), out);
                }
            }
            Value::Array(items) if !items.is_empty() => shape(&items[0], &format!("{path}[]"), out),
            Value::Array(_) => out.push(format!("{path}: empty")),
            Value::String(_) => out.push(format!("{path}: word")),
            Value::Number(_) => out.push(format!("{path}: number")),
            Value::Bool(_) => out.push(format!("{path}: bool")),
            Value::Null => out.push(format!("{path}: null")),
        }
    }
    let dir = one_track();
    let report = run_json(dir.path(), &["ref", "est", "--metric", "v4"]);
    let mut found = Vec::new();
    shape(&report, "", &mut found);
    let seven = ["ISR", "SAR", "SDR", "SI-SAR", "SI-SDR", "SI-SIR", "SIR"];
    let measures =
        |key: &str| seven.map(|name| format!(".tracks[].targets[].{key}.{name}: number"));
    let mut expected: Vec<String> = [
        ".downmix: word",
        ".failed: empty",
        ".hop_secs: number",
        ".metric: word",
        ".notes: empty",
        ".permute: bool",
        ".tracks[].channels: number",
        ".tracks[].frames: number",
        ".tracks[].frames_scored: number",
        ".tracks[].len_samples: number",
        ".tracks[].mixture: word",
        ".tracks[].notes: empty",
        ".tracks[].sample_rate: number",
        ".tracks[].targets[].estimates[]: word",
        ".tracks[].targets[].frames[].duration: number",
        ".tracks[].targets[].frames[].metrics.ISR: number",
        ".tracks[].targets[].frames[].metrics.SAR: number",
        ".tracks[].targets[].frames[].metrics.SDR: number",
        ".tracks[].targets[].frames[].metrics.SIR: number",
        ".tracks[].targets[].frames[].time: number",
        ".tracks[].targets[].name: word",
        ".tracks[].targets[].references[]: word",
        ".tracks[].track: word",
        ".window_secs: number",
    ]
    .map(str::to_owned)
    .to_vec();
    for key in ["scores", "baseline", "improvement"] {
        expected.extend(measures(key));
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn csv_has_a_line_per_source() {
    let dir = one_track();
    fs::rename(dir.path().join("ref"), dir.path().join("a, b")).unwrap();
    let text = run(dir.path(), &["a, b", "est", "--csv"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("track,source,estimate,SDR,ISR,SIR,SAR,SI-SDR"));
    assert!(
        lines[1].starts_with("\"a, b\",drums,est/drums.wav,"),
        "{text}"
    );
    let report = run_json(dir.path(), &["a, b", "est"]);
    let sdr: f64 = lines[1].split(',').nth(4).unwrap().parse().unwrap();
    let exact = number(&report["tracks"][0]["targets"][0]["scores"]["SDR"]);
    assert!((sdr - exact).abs() < SAME_IN_FILE_DB);
    assert!(lines[1].ends_with(",1,1"), "{text}");
}

/// A data set of three tracks, two of them with estimates.
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

#[test]
fn estimates_are_cut_or_padded_only_when_asked() {
    let dir = one_track();
    let path = dir.path().join("est/drums.wav");
    let samples = read(&path).into_samples();
    for len in [16_000, 25_000] {
        let mut other = Array2::zeros((2, len));
        let same = len.min(samples.ncols());
        let span = ndarray::s![.., ..same];
        other.slice_mut(span).assign(&samples.slice(span));
        write(
            &path,
            &Audio::new(other, RATE).unwrap(),
            OutputFormat::Wav32f,
        );
        let said = refused(dir.path(), &["ref", "est"], 1);
        assert!(
            said.contains("est/drums.wav") && said.contains("--pad"),
            "{said}"
        );
        let report = run_json(dir.path(), &["ref", "est", "--pad"]);
        assert_eq!(report["tracks"][0]["len_samples"], 20_000);
    }
}

/// Run what must fail; return what it said.
fn refused(folder: &Path, args: &[&str], code: i32) -> String {
    let before = files(folder);
    let assert = unbraid(folder)
        .arg("evaluate")
        .args(args)
        .assert()
        .failure()
        .code(code);
    let output = assert.get_output();
    assert!(
        output.stdout.is_empty(),
        "{args:?}: words on standard output"
    );
    assert_eq!(files(folder), before, "{args:?}: something was left behind");
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(said.starts_with("error: "), "{args:?}: {said}");
    said
}

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
