//! Figures come in; the text of `docs/quality.md` goes out.

use std::fmt::Write as _;

use super::rows::ROWS;
use super::{Figures, Measured};
use crate::date::today;
use crate::score::Spread;

const READING: &str = "\
**What is measured.** SDR, SIR and SAR by BSS Eval 3 (sources, filters of 512 samples, whole file, mono downmix, fixed \
order) and SI-SDR, in dB, by `unbraid::evaluate`; higher is better. The first table has the mean SDR over the sources. Rows \
with random starts are means over seeds, with the least and the greatest. The demo clip comes with the repository; the \
others are looked for in the folder that `UNBRAID_CLIPS` names.

**How to read it.** The scaled mixture is what doing nothing scores. Rows that say *oracle*, *switched*, *ideal* or \
*Wiener* look at the true stems: they bound what filters, groups of components and masks can reach. \
SDR alone flatters whoever leaves sounds out: SIR says how much of the other sources is left, SAR how much was damaged. \
Differences below 0.3 dB on so few clips decide nothing. Times are wall times of one run on a machine that others used too.
";

pub(super) fn page(clips: &[Measured], seeds: u64) -> String {
    let mut text = format!(
        "# Separation quality\n\n| | |\n|---|---|\n| made | {} |\n| by | `cargo run --release -p xtask -- quality` |\n\
         | Unbraid | {} |\n| seeds | {seeds} |\n\n{READING}\n## Mean SDR\n\n",
        today(),
        env!("CARGO_PKG_VERSION"),
    );
    let heads: Vec<&str> = clips.iter().map(|clip| clip.name.as_str()).collect();
    let _ = writeln!(
        text,
        "| | {} |\n|---|{}",
        heads.join(" | "),
        "---:|".repeat(heads.len())
    );
    for row in ROWS {
        let of = |clip: &Measured| {
            let found = clip
                .rows
                .iter()
                .find(|figures| figures.row.name == row.name);
            found.map(|figures| spread(figures.mean_sdr_db))
        };
        let cells: Vec<Option<String>> = clips.iter().map(of).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let cells: Vec<String> = cells
            .into_iter()
            .map(|c| c.unwrap_or_else(|| "–".to_owned()))
            .collect();
        let _ = writeln!(text, "| {} | {} |", row.name, cells.join(" | "));
    }
    text.push_str("\nThe rows:\n\n");
    for row in ROWS {
        let _ = writeln!(text, "- {}: {}", row.name, row.about);
    }
    for clip in clips {
        clip_table(&mut text, clip);
    }
    text
}

fn clip_table(text: &mut String, clip: &Measured) {
    let channels = match clip.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        more => format!("{more} channels"),
    };
    let _ = write!(
        text,
        "\n## {}\n\n{:.1} s, {channels}. SDR / SIR / SAR / SI-SDR.\n\n",
        clip.name, clip.secs
    );
    let _ = writeln!(
        text,
        "| | {} | mean SDR | s |\n|---|{}---:|---:|",
        clip.sources.join(" | "),
        "---:|".repeat(clip.sources.len())
    );
    for Figures {
        row,
        mean_sdr_db,
        sources,
        secs,
    } in &clip.rows
    {
        let cells: Vec<String> = sources
            .iter()
            .map(|ratios| ratios.map(decibels).join(" / "))
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {secs:.1} |",
            row.name,
            cells.join(" | "),
            spread(*mean_sdr_db)
        );
    }
}

fn spread(Spread { mean, min, max }: Spread) -> String {
    let [mean, min, max] = [mean, min, max].map(decibels);
    if min == max {
        mean
    } else {
        format!("{mean} ({min}–{max})")
    }
}

/// One decimal; what rounds to zero has no sign, and what is beyond any ear is a sign.
fn decibels(value: f64) -> String {
    if value > 99.0 {
        return "> 99".to_owned();
    }
    if value < -99.0 {
        return "< −99".to_owned();
    }
    let text = format!("{value:.1}");
    if text == "-0.0" {
        "0.0".to_owned()
    } else {
        text.replace('-', "−")
    }
}
