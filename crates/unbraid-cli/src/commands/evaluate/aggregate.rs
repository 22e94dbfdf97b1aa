//! A folder of scores comes in; their medians go out.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;
use unbraid_io::metrics::{TargetSummary, TrackScores, read_scores_folder, summarize};

use super::super::print_json;
use super::counted;
use super::table::{Median, of_medians, quoted};
use crate::args::EvaluateArgs;
use crate::failure::Failure;
use crate::output::say;

pub(super) fn run(args: &EvaluateArgs, folder: &Path) -> Result<(), Failure> {
    let tracks: Vec<TrackScores> = read_scores_folder(folder)?
        .into_iter()
        .map(|(_, scores)| scores)
        .collect();
    if tracks.is_empty() {
        return Err(Failure::Other(anyhow!(
            "no scores (JSON with `targets`, as museval writes it) below {}",
            folder.display()
        )));
    }
    let summaries = summarize(&tracks);
    if args.common.json {
        let targets: Vec<_> = summaries
            .iter()
            .map(|summary| {
                json!({
                    "name": summary.name,
                    "tracks": summary.tracks,
                    "frames": summary.frames,
                    "frames_scored": summary.frames_scored,
                    "scores": summary.metrics,
                })
            })
            .collect();
        return print_json(&json!({ "tracks": tracks.len(), "medians": targets }));
    }
    if args.csv {
        say!("source,SDR,ISR,SIR,SAR,tracks,frames,frames_scored");
        for summary in &summaries {
            let ratios = values(summary).map(|(_, value)| {
                value.map_or_else(|| "nan".to_owned(), |value| format!("{value:.5}"))
            });
            say!(
                "{},{},{},{},{}",
                quoted(&summary.name),
                ratios.join(","),
                summary.tracks,
                summary.frames,
                summary.frames_scored
            );
        }
        return Ok(());
    }
    say!(
        "{}: medians over {}",
        folder.display(),
        counted(tracks.len(), "track")
    );
    let medians: Vec<Median> = summaries
        .iter()
        .map(|summary| Median {
            name: summary.name.clone(),
            tracks: summary.tracks,
            values: values(summary)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.unwrap_or(f64::NAN)))
                .collect(),
        })
        .collect();
    say!("{}", of_medians(&medians));
    for summary in &summaries {
        say!(
            "  {}: {} of {} frames scored, {}",
            summary.name,
            summary.frames_scored,
            summary.frames,
            counted(summary.tracks, "track")
        );
    }
    Ok(())
}

fn values(summary: &TargetSummary) -> [(&'static str, Option<f64>); 4] {
    let metrics = &summary.metrics;
    [
        ("SDR", metrics.sdr_db),
        ("ISR", metrics.isr_db),
        ("SIR", metrics.sir_db),
        ("SAR", metrics.sar_db),
    ]
}
