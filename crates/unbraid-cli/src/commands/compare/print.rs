//! A comparison comes in; text, Markdown or CSV goes out.

use std::fmt::Write as _;

use unbraid::why::{FilterSweep, Playing};

use super::argument::Argument;
use super::{Comparison, Row};

/// The longest bar, in characters.
const BAR: f64 = 40.0;

/// One line per method and source.
pub(super) fn csv(comparison: &Comparison) -> String {
    let mut text = "method,source,sdr_db,sir_db,sar_db,si_sdr_db,mean_sdr_db,secs\n".to_owned();
    for row in &comparison.rows {
        for it in &row.sources {
            let _ = writeln!(
                text,
                "{},{},{:.4},{:.4},{:.4},{:.4},{:.4},{:.3}",
                row.method,
                it.source,
                it.sdr_db,
                it.sir_db,
                it.sar_db,
                it.si_sdr_db,
                row.mean_sdr_db,
                row.secs
            );
        }
    }
    text
}

/// Tables for a terminal, and bars.
pub(super) fn text(comparison: &Comparison) -> String {
    let mut text = format!("{}\n", heading(comparison));
    for (at, (heads, cells)) in tables(comparison).into_iter().enumerate() {
        let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String]| {
            let mut line = format!("  {:<width$}", cells[0], width = widths[0]);
            for (cell, width) in cells[1..].iter().zip(&widths[1..]) {
                let _ = write!(line, "  {cell:>width$}");
            }
            line + "\n"
        };
        text.push('\n');
        text.push_str(&line(&heads));
        for row in &cells {
            text.push_str(&line(row));
        }
        // The first table is the scores.
        if at == 0 {
            text.push_str(&bars(&comparison.rows));
        }
    }
    if let Some(why) = &comparison.why {
        text.push('\n');
        for sentence in sentences(comparison, why) {
            let _ = writeln!(text, "  {sentence}");
        }
    }
    for note in &comparison.notes {
        let _ = writeln!(text, "\n  note: {note}");
    }
    text
}

/// The same as Markdown.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("{}\n", heading(comparison));
    for (heads, cells) in tables(comparison) {
        let _ = write!(
            text,
            "\n| {} |\n|---|{}\n",
            heads.join(" | "),
            "---:|".repeat(heads.len() - 1)
        );
        for row in &cells {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    if let Some(why) = &comparison.why {
        text.push('\n');
        for sentence in sentences(comparison, why) {
            let _ = writeln!(text, "- {sentence}");
        }
    }
    for note in &comparison.notes {
        let _ = writeln!(text, "\nNote: {note}.");
    }
    text
}

fn heading(comparison: &Comparison) -> String {
    let channels = match comparison.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        more => format!("{more} channels"),
    };
    format!(
        "{}: {:.1} s, {channels}, {} Hz; K = {}; BSS Eval 3 and SI-SDR in dB, mono downmix; * looks at the true stems",
        comparison.mixture, comparison.secs, comparison.sample_rate, comparison.components
    )
}

type Table = (Vec<String>, Vec<Vec<String>>);

#[expect(clippy::too_many_lines, reason = "one table after the other")]
fn tables(comparison: &Comparison) -> Vec<Table> {
    let mut tables = vec![scores(&comparison.rows), costs(&comparison.rows)];
    if let Some(why) = &comparison.why {
        tables.push(table(
            &["units", "left by NMF", "left by bands", "left by combs"],
            why.ranks.iter().map(|rank| {
                vec![
                    rank.units.to_string(),
                    percent(rank.nmf),
                    percent(rank.bands),
                    percent(rank.combs),
                ]
            }),
        ));
        tables.push(table(
            &[
                "band-pass filters",
                "fixed, dB",
                "switched, dB",
                "decisions when switched",
            ],
            why.filters.iter().map(|it| {
                vec![
                    it.filters.to_string(),
                    decibels(it.fixed_sdr_db),
                    decibels(it.switched_sdr_db),
                    it.switched_decisions.to_string(),
                ]
            }),
        ));
        tables.push(table(
            &[
                "sparseness",
                "Gini",
                "Hoyer",
                "units that carry 90 % of a frame",
            ],
            why.sparseness.iter().map(|it| {
                vec![
                    it.what.to_owned(),
                    format!("{:.2}", it.gini),
                    format!("{:.2}", it.hoyer),
                    it.active
                        .map_or_else(|| "–".to_owned(), |units| format!("{units:.1}")),
                ]
            }),
        ));
        tables.push(table(
            &["component", "mostly", "purity", "energy"],
            why.purities.iter().enumerate().map(|(component, it)| {
                vec![
                    component.to_string(),
                    it.source.clone(),
                    percent(it.purity),
                    percent(it.energy),
                ]
            }),
        ));
        tables.push(table(
            &[
                "one pitch, onsets apart",
                "loudness",
                "NMF, SI-SDR",
                "ideal mask",
                "purity",
            ],
            why.onsets.iter().map(|it| {
                vec![
                    format!("{:.0} ms", 1000.0 * it.gap_secs),
                    played(it.playing).to_owned(),
                    decibels(it.nmf_sdr_db),
                    decibels(it.ideal_sdr_db),
                    percent(it.purity),
                ]
            }),
        ));
        tables.push(table(
            &[
                "one pitch, one onset",
                "V",
                "left by the truth",
                "fitted from it",
                "from random starts",
                "purity, ideal mask",
                "fitted from the truth",
                "from random starts",
            ],
            why.together.iter().map(|it| {
                let heard = if it.interfering {
                    "as heard"
                } else {
                    "magnitudes added"
                };
                vec![
                    played(it.playing).to_owned(),
                    heard.to_owned(),
                    percent(it.truth_left),
                    percent(it.fitted_left),
                    percent(it.random_left),
                    percent(it.ideal_purity),
                    percent(it.fitted_purity),
                    percent(it.random_purity),
                ]
            }),
        ));
    }
    tables
}

fn played(playing: Playing) -> &'static str {
    match playing {
        Playing::Same => "all notes alike",
        Playing::Varied => "loudness varies",
        Playing::Rests => "each rests now and then",
    }
}

fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    (
        heads.iter().map(|&head| head.to_owned()).collect(),
        rows.collect(),
    )
}

fn scores(rows: &[Row]) -> Table {
    let mut heads = vec!["method".to_owned()];
    if let Some(row) = rows.first() {
        heads.extend(
            row.sources
                .iter()
                .map(|it| format!("{}: SDR / SIR / SAR / SI-SDR", it.source)),
        );
    }
    heads.extend(["mean SDR".to_owned(), "s".to_owned()]);
    let cells = rows.iter().map(|row| {
        let mut cells = vec![name(row)];
        cells.extend(row.sources.iter().map(|it| {
            [it.sdr_db, it.sir_db, it.sar_db, it.si_sdr_db]
                .map(decibels)
                .join(" / ")
        }));
        cells.extend([decibels(row.mean_sdr_db), format!("{:.2}", row.secs)]);
        cells
    });
    let cells = cells.collect();
    (heads, cells)
}

fn costs(rows: &[Row]) -> Table {
    table(
        &[
            "what it takes",
            "fitted numbers",
            "decisions",
            "settings by hand",
        ],
        rows.iter().map(|row| {
            vec![
                name(row),
                counted(row.free_parameters),
                counted(row.decisions),
                counted(row.knobs),
            ]
        }),
    )
}

/// A number, where it could be counted.
fn counted(number: Option<usize>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| number.to_string())
}

fn name(row: &Row) -> String {
    if row.looks_at_references {
        format!("{} *", row.method)
    } else {
        row.method.to_owned()
    }
}

fn bars(rows: &[Row]) -> String {
    let most = rows
        .iter()
        .fold(1.0_f64, |most, row| most.max(row.mean_sdr_db));
    let width = rows.iter().map(|row| name(row).len()).max().unwrap_or(0);
    let mut text = "\n".to_owned();
    for row in rows {
        let length = (row.mean_sdr_db.max(0.0) / most * BAR).round() as usize;
        let _ = writeln!(
            text,
            "  {:<width$}  {} {}",
            name(row),
            "█".repeat(length),
            decibels(row.mean_sdr_db)
        );
    }
    text
}

/// What the numbers say.
fn sentences(comparison: &Comparison, why: &Argument) -> Vec<String> {
    let reached = |sdr: fn(&FilterSweep) -> f64| {
        why.filters
            .iter()
            .find(|it| sdr(it) >= why.nmf_oracle_sdr_db)
    };
    let best = why
        .filters
        .iter()
        .map(|it| it.fixed_sdr_db)
        .fold(f64::NEG_INFINITY, f64::max);
    let target = decibels(why.nmf_oracle_sdr_db);
    let fixed = match reached(|it| it.fixed_sdr_db) {
        Some(it) => format!("a fixed bank reaches it with {} filters", it.filters),
        None => format!(
            "a fixed bank never does, with one filter per bin neither (best {} dB)",
            decibels(best)
        ),
    };
    let switched = match reached(|it| it.switched_sdr_db) {
        Some(it) => format!(
            "switched anew in every frame, {} filters do: {} decisions instead of {}",
            it.filters, it.switched_decisions, comparison.components
        ),
        None => "switched anew in every frame it does not either".to_owned(),
    };
    vec![
        format!(
            "{} components, best grouping, reach {target} dB; {fixed}; {switched}.",
            comparison.components
        ),
        format!(
            "{} of the energy lies in frames where two sources sound within 20 dB of each other, but only {} in such bins; giving every bin to the stronger keeps {}.",
            percent(why.overlap.frames),
            percent(why.overlap.bins),
            percent(why.overlap.strongest)
        ),
        format!(
            "Components are pure to {} on average (by energy).",
            percent(why.mean_purity)
        ),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// One decimal; what rounds to zero has no sign.
fn decibels(value: f64) -> String {
    if value.abs() > 99.0 {
        return if value > 0.0 { "> 99" } else { "< -99" }.to_owned();
    }
    let text = format!("{value:.1}");
    if text == "-0.0" {
        "0.0".to_owned()
    } else {
        text
    }
}
