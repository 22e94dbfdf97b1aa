//! `evaluate`: its numbers are the library's, its files museval's, and what cannot be scored is refused.

mod datasets;
mod refusals;
mod scores;

use std::path::Path;

use crate::helpers::{files, read, unbraid, write};
use ndarray::{Array2, ArrayView2, Axis};
use serde_json::Value;
use unbraid::Audio;
use unbraid::testsignals::{drums_and_guitar, mix, noise};
use unbraid_io::audio::OutputFormat;

pub(super) const RATE: u32 = 8000;
/// The program prints JSON with all digits.
pub(super) const SAME_DB: f64 = 1e-9;
/// Museval's files have five decimals.
pub(super) const SAME_IN_FILE_DB: f64 = 0.51e-5;

/// Drums, guitar and their mixture in stereo, the sources at different places, over `secs`.
pub(super) fn stereo(secs: f32, seed: u64) -> [Audio; 3] {
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

pub(super) fn sum(one: &Audio, gain: f32, other: &Audio) -> Audio {
    Audio::new(&one.samples() + &(&other.samples() * gain), RATE).unwrap()
}

/// A track as separators and data sets keep it: true stems and mixture, and stems with some of each other.
pub(super) fn write_track(
    references: &Path,
    mixture: &Path,
    estimates: &Path,
    leak: f32,
    seed: u64,
) {
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
pub(super) fn one_track() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    write_track(&path("ref"), &path("ref"), &path("est"), 0.1, 5);
    dir
}

pub(super) fn run(folder: &Path, args: &[&str]) -> String {
    let assert = unbraid(folder)
        .arg("evaluate")
        .args(args)
        .assert()
        .success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

pub(super) fn run_json(folder: &Path, args: &[&str]) -> Value {
    let text = run(folder, &[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap()
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

pub(super) fn assert_same(given: &Value, expected: f64) {
    let given = number(given);
    assert!(
        (given - expected).abs() <= SAME_DB,
        "{given} dB, but the library says {expected} dB"
    );
}

pub(super) fn stems(folder: &Path) -> Vec<Array2<f32>> {
    let paths = ["drums.wav", "guitar.wav"].map(|name| folder.join(name));
    paths.iter().map(|path| read(path).into_samples()).collect()
}

pub(super) fn mono(stems: &[Array2<f32>]) -> Vec<Array2<f64>> {
    let mean = |stem: &Array2<f32>| stem.mapv(f64::from).mean_axis(Axis(0)).unwrap();
    stems
        .iter()
        .map(|stem| mean(stem).insert_axis(Axis(0)))
        .collect()
}

pub(super) fn views<T>(stems: &[Array2<T>]) -> Vec<ArrayView2<'_, T>> {
    stems.iter().map(|stem| stem.view()).collect()
}

/// Run what must fail; return what it said.
pub(super) fn refused(folder: &Path, args: &[&str], code: i32) -> String {
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
