//! Clips with known stems come in; how well every recipe and every baseline separates them goes out, as
//! `docs/quality.md`.
//!
//! [`mod@rows`] is the list of what is measured: a recipe adds its rows there.

mod page;
mod rows;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use unbraid::baseline::scores;

use self::rows::{ROWS, Row};
use crate::clips::{self, Clip};
use crate::root;
use crate::score::Spread;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of clips with known stems, beside the demo's, left out if it does not exist;
    /// the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Seeds that rows with random starts are averaged over
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    seeds: u64,
    /// Only clips whose name contains this; prints the tables instead of writing the page
    #[arg(long, value_name = "TEXT")]
    clip: Option<String>,
    /// Only rows whose name contains this; prints the tables instead of writing the page
    #[arg(long, value_name = "TEXT")]
    row: Option<String>,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/quality.md"))]
    output: PathBuf,
}

/// What a row came to on a clip.
#[derive(Debug)]
struct Figures {
    row: &'static Row,
    /// Mean SDR over the sources: mean and ends over the seeds.
    mean_sdr_db: Spread,
    /// SDR, SIR, SAR and SI-SDR of every source, means over the seeds.
    sources: Vec<[f64; 4]>,
    /// Wall time of one run.
    secs: f64,
}

/// A clip and what all rows came to.
#[derive(Debug)]
struct Measured {
    name: String,
    secs: f64,
    channels: usize,
    sources: Vec<String>,
    rows: Vec<Figures>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.seeds > 0, "--seeds is 0, but must be at least 1");
    let mut clips = clips::find(&arguments.clips)?;
    // Clips of several sources once more as drums against the rest: the task the drum recipe is for.
    for mut pair in clips::find_drums(&arguments.clips)? {
        if clips
            .iter()
            .any(|clip| clip.name == pair.name && clip.truths.len() > 2)
        {
            pair.name.push_str(", drums and rest");
            clips.push(pair);
        }
    }
    let wanted = |text: &str, part: &Option<String>| {
        part.as_ref()
            .is_none_or(|part| text.contains(part.as_str()))
    };
    clips.retain(|clip| wanted(&clip.name, &arguments.clip));
    let mut measured = Vec::new();
    for clip in &clips {
        println!("{} ({})", clip.name, clip.folder.display());
        let rows = ROWS.iter().filter(|row| wanted(row.name, &arguments.row));
        measured.push(Measured {
            name: clip.name.clone(),
            secs: clip.mixture.duration_secs(),
            channels: clip.mixture.channels(),
            sources: clip
                .sources
                .iter()
                .map(|source| source.name.clone())
                .collect(),
            rows: rows
                .filter_map(|row| figures(row, clip, arguments.seeds).transpose())
                .collect::<Result<_>>()?,
        });
    }
    let text = page::page(&measured, arguments.seeds);
    if arguments.clip.is_some() || arguments.row.is_some() {
        print!("{text}");
        return Ok(());
    }
    fs::write(&arguments.output, text)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    println!("wrote {}", arguments.output.display());
    Ok(())
}

/// What a row comes to on a clip, if it suits it.
fn figures(row: &'static Row, clip: &Clip, seeds: u64) -> Result<Option<Figures>> {
    let (mut means, mut sums, mut secs) = (Vec::new(), Vec::new(), 0.0);
    let seeds = if row.seeded { seeds } else { 1 };
    for seed in 0..seeds {
        let start = Instant::now();
        let made = row
            .make(clip, seed)
            .with_context(|| format!("{}, {}", clip.name, row.name))?;
        let Some(stems) = made else {
            return Ok(None);
        };
        secs += start.elapsed().as_secs_f64() / seeds as f64;
        let scores: Vec<[f64; 4]> = scores(&clip.truths, &stems)
            .with_context(|| format!("{}, {}", clip.name, row.name))?
            .iter()
            .map(|it| [it.sdr_db, it.sir_db, it.sar_db, it.si_sdr_db])
            .collect();
        means.push(scores.iter().map(|it| it[0]).sum::<f64>() / scores.len() as f64);
        sums.resize(scores.len(), [0.0; 4]);
        for (sum, score) in sums.iter_mut().zip(&scores) {
            for (sum, value) in sum.iter_mut().zip(score) {
                *sum += value / seeds as f64;
            }
        }
    }
    let mean_sdr_db = Spread::of(&means);
    println!(
        "  {:<28} {:6.2} dB  {secs:.1} s",
        row.name, mean_sdr_db.mean
    );
    Ok(Some(Figures {
        row,
        mean_sdr_db,
        sources: sums,
        secs,
    }))
}

#[cfg(test)]
mod tests {
    use unbraid::testsignals::{drums_and_guitar, mix};

    use super::*;

    #[test]
    fn a_clip_goes_through_rows_to_a_page() {
        let (drums, guitar) = drums_and_guitar(1.0, 8000);
        let clip = Clip {
            name: "made".to_owned(),
            mixture: mix(&[&drums, &guitar]),
            truths: vec![drums, guitar],
            sources: unbraid::group::parse_sources("drums,guitar", &[]).unwrap(),
            folder: PathBuf::new(),
        };
        let rows: Vec<Figures> = ROWS
            .iter()
            .filter(|row| ["scaled mixture", "HPSS", "ideal ratio mask, α = 1"].contains(&row.name))
            .map(|row| figures(row, &clip, 1).unwrap().unwrap())
            .collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[2].mean_sdr_db.mean > rows[1].mean_sdr_db.mean + 3.0);
        assert!(rows[1].mean_sdr_db.mean > rows[0].mean_sdr_db.mean + 3.0);
        let measured = Measured {
            name: "made".to_owned(),
            secs: 1.0,
            channels: 1,
            sources: vec!["drums".to_owned(), "guitar".to_owned()],
            rows,
        };
        let page = page::page(&[measured], 1);
        assert!(page.contains("| ideal ratio mask, α = 1 |"), "{page}");
    }
}
