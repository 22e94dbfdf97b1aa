//! The numbers are the library's, whatever they are asked for in.

use std::fs;

use ndarray::Array2;
use unbraid::Audio;
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, Matching, bss_eval_images_framewise, bss_eval_sources, si_sdr, v4,
};
use unbraid_io::audio::OutputFormat;
use unbraid_io::metrics::TrackScores;

use super::*;

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
        "ignored, not audio that can be read: est/unbraid.json",
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
