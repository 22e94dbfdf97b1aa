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
