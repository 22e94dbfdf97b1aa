//! The demo clip comes in; what telling its drums from the rest takes on one core goes out.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use unbraid::evidence::ClassShares;
use unbraid::factorize::{FactorizeConfig, factorize_with_spectrogram};
use unbraid::group::{Basis, Overrides, class_shares, group_by, parse_sources};
use unbraid::recipe::DrumsConfig;
use unbraid::{SeparateConfig, separate};
use unbraid_io::audio::{Span, read_audio};

use crate::root;

/// Times of each measurement, whose median is given.
const TIMES: usize = 5;

pub(super) fn table() -> Result<String> {
    let audio = read_audio(&root().join("demo/mixture.flac"), Span::default())?.audio;
    let secs = audio.duration_secs();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let sources = parse_sources("drums,guitar", &[])?;
    let (factorization, spectrogram) =
        factorize_with_spectrogram(&audio, &FactorizeConfig::default(), &mut ())?;
    let factors = factorization.factors();
    let values = spectrogram.magnitudes();
    let listening = one.install(|| {
        median(|| {
            let heard = ClassShares::of(values.view(), factors.bin_hz(), factors.hop_secs());
            std::hint::black_box(heard);
            Ok(())
        })
    })?;
    let heard = ClassShares::of(values.view(), factors.bin_hz(), factors.hop_secs());
    let grouping = one.install(|| {
        median(|| {
            let classes = class_shares(&factors, values.view(), &heard)?;
            let basis = Basis::Network(classes.view());
            std::hint::black_box(group_by(&factors, &sources, &Overrides::default(), basis)?);
            Ok(())
        })
    })?;
    let everything = |fits: usize| {
        let config = SeparateConfig {
            sources: sources.clone(),
            drums: DrumsConfig {
                fits,
                ..DrumsConfig::DEFAULT
            },
            ..SeparateConfig::default()
        };
        one.install(|| {
            median(|| {
                let separation = separate(&audio, &config, &mut ())?;
                std::hint::black_box(separation.stems(&audio)?.collect_audio()?);
                Ok(())
            })
        })
    };
    let usual = DrumsConfig::DEFAULT.fits;
    let rows = [
        ("the network listens".to_owned(), listening),
        ("components are grouped".to_owned(), grouping),
        (
            "everything, no fit in parts (`both`)".to_owned(),
            everything(0)?,
        ),
        ("everything, one fit in parts".to_owned(), everything(1)?),
        (
            format!("everything, the masks of {usual} fits averaged (the default)"),
            everything(usual)?,
        ),
    ];
    let mut text = format!(
        "On one thread, the demo ({secs:.0} s), without reading and writing files; the median of {TIMES}. The weights add {} kB to the \
         program.\n\n| | seconds per second of sound |\n|---|---:|\n",
        fs::metadata(root().join("crates/unbraid/src/evidence/drums.safetensors"))
            .context("no weights")?
            .len()
            / 1000
    );
    for (what, took) in rows {
        let _ = writeln!(text, "| {what} | {:.4} |", took / secs);
    }
    Ok(text)
}

/// The median time of some work, in seconds.
fn median(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let begin = Instant::now();
        work()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMES / 2])
}
