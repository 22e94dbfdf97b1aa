//! `unbraid compare`.

use std::path::Path;

use predicates::prelude::*;
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::audio::OutputFormat;

use crate::helpers::{unbraid, write};

/// A second of drums and guitar, and both in a folder beside it.
fn clip(folder: &Path) {
    let (drums, guitar) = drums_and_guitar(1.0, 8000);
    write(
        &folder.join("mix.wav"),
        &mix(&[&drums, &guitar]),
        OutputFormat::Wav16,
    );
    write(&folder.join("stems/drums.wav"), &drums, OutputFormat::Wav16);
    write(
        &folder.join("stems/guitar.wav"),
        &guitar,
        OutputFormat::Wav16,
    );
}

#[test]
fn methods_stand_in_one_table_with_bars_and_a_chart() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path());
    unbraid(folder.path())
        .args([
            "compare",
            "mix.wav",
            "--references",
            "stems",
            "--chart",
            "chart.svg",
        ])
        .args([
            "--methods",
            "mixture,hpss,band-pass-given,irm1",
            "--assign-bands",
            "drums=12-15",
        ])
        .assert()
        .success()
        .stdout(
            predicate::str::contains("drums: SDR / SIR / SAR / SI-SDR")
                .and(predicate::str::contains("irm1 *"))
                .and(predicate::str::contains("█")),
        );
    let chart = std::fs::read_to_string(folder.path().join("chart.svg")).unwrap();
    assert!(chart.starts_with("<svg"));
}

#[test]
fn what_cannot_be_compared_is_named() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path());
    let (longer, _) = drums_and_guitar(1.5, 8000);
    write(
        &folder.path().join("long/drums.wav"),
        &longer,
        OutputFormat::Wav16,
    );
    write(
        &folder.path().join("long/guitar.wav"),
        &longer,
        OutputFormat::Wav16,
    );
    write(
        &folder.path().join("one/drums.wav"),
        &longer,
        OutputFormat::Wav16,
    );
    for (references, more, code, message) in [
        ("stems", &["--methods", "kazoo"][..], 2, "repet-sim"),
        (
            "stems",
            &["--methods", "comb-given"],
            2,
            "the filters of every source",
        ),
        ("stems", &["--map", "bass=bass"], 2, "drums, guitar"),
        ("long", &[], 1, "must have the mixture's length"),
        ("one", &[], 1, "at least two are needed"),
    ] {
        unbraid(folder.path())
            .args(["compare", "mix.wav", "--references", references])
            .args(more)
            .assert()
            .code(code)
            .stderr(predicate::str::contains(message));
    }
}

#[test]
fn what_makes_scores_mean_less_is_said() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path());
    let (drums, guitar) = drums_and_guitar(1.0, 8000);
    let take = folder.path().join("takes");
    write(&take.join("one.wav"), &drums, OutputFormat::Wav16);
    write(&take.join("two.wav"), &guitar, OutputFormat::Wav16);
    write(
        &folder.path().join("loud.wav"),
        &mix(&[&drums, &drums, &guitar]),
        OutputFormat::Wav16,
    );
    let compare = |mixture: &str, more: &[&str]| {
        unbraid(folder.path())
            .args(["compare", mixture, "--references", "takes"])
            .args(["--methods", "mixture"])
            .args(more)
            .assert()
            .success()
    };
    let said = |word| predicate::str::contains(word);
    compare("mix.wav", &[]).stdout(said("--map one=guitar").and(said("add up").not()));
    let known = ["--map", "one=drums,two=guitar"];
    compare("mix.wav", &known).stdout(said("note").not());
    compare("loud.wav", &known).stdout(said("do not add up"));
}

#[test]
fn a_page_explains_what_was_separated() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path());
    let run = |args: &[&str]| unbraid(folder.path()).args(args).assert();
    run(&["separate", "mix.wav", "-s", "drums,guitar", "-k", "4"]).success();
    let explain = ["explain", "separated/mix", "-o", "page.html"];
    run(&explain).success();
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(
        page.contains("guitar") && page.contains("Here the groups above are only the beginning")
    );
    run(&explain)
        .code(1)
        .stderr(predicate::str::contains("page.html"));
    // Settings of the command line that are not the library's do not stand in the way.
    run(&[
        "separate",
        "mix.wav",
        "-s",
        "drums,guitar",
        "-k",
        "4",
        "--format",
        "flac",
        "--overwrite",
    ])
    .success();
    run(&["explain", "separated/mix", "-o", "page.html", "--overwrite"]).success();
    run(&["explain", "mix.wav", "-o", "nowhere/page.html"]).success();
}
