//! Figures come in; the text of `docs/drums.md` goes out.

use std::fmt::Write as _;

use super::ways::{DEFAULT, MIXTURE, ORACLE_GROUPS, ORACLE_MASK, Way};
use super::{Heard, Kinds, Measured, Set};

const READING: &str = "\
SDR by BSS Eval 3 (sources, filters of 512 samples, whole file, mono downmix, fixed order), mean over drums and rest, in dB, \
by `unbraid::evaluate`, seed 0. The validation set has 48 mixtures of 6 s: kits, instruments and songs that nothing was \
trained on, with equalizers, rooms, compression and levels at random; every second one has a bass, every fourth the guitar of a \
song. The hard cases are one mixture each. `cargo xtask train-drums --validation` makes both from packages of Debian; the \
demo clip comes with the repository, the others are looked for in the folder that `UNBRAID_CLIPS` names.
";

pub(super) fn page(ways: &[Way], measured: &[Measured], kinds: &[Kinds]) -> String {
    let mut text = format!(
        "# Drums from the rest\n\n| | |\n|---|---|\n| by | `cargo run --release -p xtask -- drums` |\n| Unbraid | {} |\n\n{READING}\n",
        env!("CARGO_PKG_VERSION"),
    );
    text.push_str("The ways:\n\n");
    for way in ways {
        let _ = writeln!(text, "- {}: {}", way.name, way.about);
    }
    let of = |set: Set| -> Vec<&Measured> { measured.iter().filter(|it| it.set == set).collect() };
    let validation = of(Set::Validation);
    if !validation.is_empty() {
        text.push_str("\n## What each piece is worth\n\n");
        summary(&mut text, ways, &validation);
        worst(&mut text, ways, &validation);
    }
    for (set, title) in [
        (Set::Clip, "The clips"),
        (Set::Hard, "Cases known to be hard"),
        (Set::Validation, "Every mixture of the validation set"),
    ] {
        let rows = of(set);
        if !rows.is_empty() {
            let _ = write!(text, "\n## {title}\n\n");
            table(&mut text, ways, &rows);
            if set == Set::Hard {
                text.push_str("\nWhat the network hears there:\n\n");
                for row in &rows {
                    let _ = writeln!(text, "- {}: {}", row.name, mistakes(row));
                }
            }
        }
    }
    if !kinds.is_empty() {
        kinds_tables(&mut text, kinds);
    }
    text
}

fn summary(text: &mut String, ways: &[Way], rows: &[&Measured]) {
    let at = |name: &str| ways.iter().position(|way| way.name == name);
    let columns = |way: usize, keep: &dyn Fn(&Measured) -> bool| -> Vec<f64> {
        rows.iter()
            .filter(|it| keep(it))
            .map(|it| it.sdr_db[way])
            .collect()
    };
    let all = |_: &Measured| true;
    text.push_str(
        "| | mean | median | worst | with bass | without | of the oracle mask's gain | of oracle groups |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (number, way) in ways.iter().enumerate() {
        let values = columns(number, &all);
        let share = |of: &str| {
            let (Some(of), Some(nothing)) = (at(of), at(MIXTURE)) else {
                return "–".to_owned();
            };
            let gain = |way: usize| mean(&columns(way, &all)) - mean(&columns(nothing, &all));
            format!("{:.0} %", 100.0 * gain(number) / gain(of))
        };
        let worst = values.iter().copied().fold(f64::INFINITY, f64::min);
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {worst:.2} | {:.2} | {:.2} | {} | {} |",
            way.name,
            mean(&values),
            median(&values),
            mean(&columns(number, &|it| it.has_bass)),
            mean(&columns(number, &|it| !it.has_bass)),
            share(ORACLE_MASK),
            share(ORACLE_GROUPS),
        );
    }
}

fn worst(text: &mut String, ways: &[Way], rows: &[&Measured]) {
    let at = |name: &str| ways.iter().position(|way| way.name == name);
    let (Some(own), Some(nothing)) = (at(DEFAULT), at(MIXTURE)) else {
        return;
    };
    let least = rows
        .iter()
        .map(|it| it.sdr_db[own] - it.sdr_db[nothing])
        .fold(f64::INFINITY, f64::min);
    let _ = write!(
        text,
        "\nThe least gain over the mixture's own score is {least:.1} dB.\n\n### The worst five\n\n"
    );
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.sdr_db[own].total_cmp(&b.sdr_db[own]));
    let rows = &rows[..rows.len().min(5)];
    table(text, ways, rows);
    text.push_str("\nWhat the network hears there, by the energy of the true stems:\n\n");
    for row in rows {
        let _ = writeln!(text, "- {}: {}", row.name, mistakes(row));
    }
}

/// What goes wrong in a mixture, in words where it is much.
fn mistakes(row: &Measured) -> String {
    /// From here on a share is most of what is lost.
    const MUCH: f64 = 0.25;
    let Heard {
        drums_missed,
        rest_taken,
        taken_for,
    } = row.heard;
    let mut words = format!(
        "{:.0} % of the drums not as drums; {:.0} % of the rest as drums, most of it as {taken_for:?}",
        100.0 * drums_missed,
        100.0 * rest_taken,
    );
    match (drums_missed > MUCH, rest_taken > MUCH) {
        (true, true) => words += ": either is taken for the other",
        (true, false) => words += ": drums that ring as notes do are left in the rest",
        (false, true) => words += ": what is struck or plucked hard goes with the drums",
        (false, false) => {}
    }
    words
}

fn table(text: &mut String, ways: &[Way], rows: &[&Measured]) {
    let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
    let _ = writeln!(
        text,
        "| | of | {} |\n|---|---|{}",
        names.join(" | "),
        "---:|".repeat(ways.len())
    );
    for row in rows {
        let cells: Vec<String> = row.sdr_db.iter().map(|db| format!("{db:.1}")).collect();
        let bass = if row.has_bass { ", bass" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {}{bass} | {} |",
            row.name,
            row.about,
            cells.join(" | ")
        );
    }
}

fn kinds_tables(text: &mut String, kinds: &[Kinds]) {
    text.push_str(
        "\n## Kinds of drums\n\nMean SDR over the sources: `--sources kick,snare,cymbals,percussion` of the drums alone, as far as \
         they sound, and with `rest` of the mixture.\n\n",
    );
    let names: Vec<&str> = kinds[0].rows.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(
        text,
        "| | sources | {} |\n|---|---|{}",
        names.join(" | "),
        "---:|".repeat(names.len())
    );
    for it in kinds {
        let cells: Vec<String> = it
            .rows
            .iter()
            .map(|(_, sdr)| format!("{:.1}", mean(sdr)))
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            it.name,
            it.sources.join(", "),
            cells.join(" | ")
        );
    }
    for (title, alone) in [("the drums alone", true), ("mixtures", false)] {
        let _ = write!(
            text,
            "\nBy source, mean over {title}:\n\n| | {} |\n|---|{}\n",
            names.join(" | "),
            "---:|".repeat(names.len())
        );
        for source in ["kick", "snare", "cymbals", "percussion", "rest"] {
            let values = |way: usize| -> Vec<f64> {
                let here = kinds
                    .iter()
                    .filter(|it| it.name.ends_with("alone") == alone);
                here.filter_map(|it| {
                    let at = it.sources.iter().position(|name| name == source)?;
                    Some(it.rows[way].1[at])
                })
                .collect()
            };
            if values(0).is_empty() {
                continue;
            }
            let cells: Vec<String> = (0..names.len())
                .map(|way| format!("{:.1}", mean(&values(way))))
                .collect();
            let _ = writeln!(text, "| {source} | {} |", cells.join(" | "));
        }
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[half - 1], sorted[half]),
        _ => sorted[half],
    }
}
