//! The time and memory that BSS Eval takes on a long recording.
//!
//! ```console
//! $ cargo run --release --package unbraid --example bss_eval_speed -- 4 180
//! ```
//!
//! scores 4 sources of 180 seconds of stereo at 44.1 kHz. `xtask/python/bss_eval_speed.py` scores the same
//! kind of signals with museval and `mir_eval`. Generated signals are as good as music here: the work
//! depends on their number and length alone.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Instant;

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, Matching, Ratios, bss_eval_images, bss_eval_sources, si_sdr, v4,
};

const SAMPLE_RATE: u32 = 44_100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sources: usize = arguments.next().unwrap_or_else(|| "4".into()).parse()?;
    let secs: usize = arguments.next().unwrap_or_else(|| "180".into()).parse()?;
    let only = arguments.next();

    let len = secs * SAMPLE_RATE as usize;
    let references: Vec<Array2<f32>> = (0..sources)
        .map(|source| tone(source as u64, len))
        .collect();
    let estimates: Vec<Array2<f32>> = (0..sources)
        .map(|source| {
            let mut estimate = tone(100 + source as u64, len) * 0.05;
            estimate.scaled_add(0.9, &references[source]);
            estimate.scaled_add(0.1, &references[(source + 1) % sources]);
            estimate
        })
        .collect();
    let references: Vec<_> = references.iter().map(|signal| signal.view()).collect();
    let estimates: Vec<_> = estimates.iter().map(|signal| signal.view()).collect();
    let left: Vec<_> = references
        .iter()
        .map(|view| view.slice(ndarray::s![..1, ..]))
        .collect();
    let left_estimates: Vec<_> = estimates
        .iter()
        .map(|view| view.slice(ndarray::s![..1, ..]))
        .collect();

    println!("{sources} sources, {secs} s of stereo at {SAMPLE_RATE} Hz");
    let given = BssEvalConfig::default();
    let best = BssEvalConfig {
        matching: Matching::BestSir,
        ..given
    };
    let frames = FrameConfig::one_second(SAMPLE_RATE);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let report = |name: &str, first: &Ratios, started: Instant| {
        println!(
            "{name:<28} {:>8.2} s   SDR {:.6} dB",
            started.elapsed().as_secs_f64(),
            first.sdr_db
        );
    };
    if wanted("v4") {
        let started = Instant::now();
        let scores = v4::bss_eval(&references, &estimates, &frames, &given)?;
        report("version 4", &scores.median()[0], started);
    }
    if wanted("images") {
        let started = Instant::now();
        let scores = bss_eval_images(&references, &estimates, &given)?;
        report("version 3, images", &scores.sources[0], started);
    }
    if wanted("images-best") {
        let started = Instant::now();
        let scores = bss_eval_images(&references, &estimates, &best)?;
        report("version 3, images, matched", &scores.sources[0], started);
    }
    if wanted("sources") {
        let started = Instant::now();
        let scores = bss_eval_sources(&left, &left_estimates, &best)?;
        report("version 3, sources, matched", &scores.sources[0], started);
    }
    if wanted("si-sdr") {
        let started = Instant::now();
        let ratios = si_sdr(&references, &estimates)?;
        println!(
            "{:<28} {:>8.2} s   SDR {:.6} dB",
            "scale-invariant",
            started.elapsed().as_secs_f64(),
            ratios[0].sdr_db
        );
    }
    if let Some(peak) = peak_memory() {
        println!("{:<28} {peak}", "peak memory, signals included");
    }
    Ok(())
}

/// Noise through a resonance of its own, wide in the stereo picture.
fn tone(seed: u64, len: usize) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let near = 2.0 * 0.95 * (0.1 + 0.3 * seed as f32 % 2.0).cos();
    let mut out = Array2::zeros((2, len));
    for mut channel in out.rows_mut() {
        let (mut last, mut before) = (0.0_f32, 0.0_f32);
        for sample in &mut channel {
            let now = rng.random_range(-0.05..0.05) + near * last - 0.9025 * before;
            (before, last) = (last, now);
            *sample = now;
        }
    }
    out
}

/// The most memory this process ever held, where the system tells.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{:.2} GB", kilobytes / 1e6))
}
