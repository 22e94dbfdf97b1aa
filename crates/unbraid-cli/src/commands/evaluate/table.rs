//! Scores come in; tables for people and for spreadsheets go out.

use std::fmt::Write as _;

use unbraid::evaluate::median;

use super::Outcome;
use super::score::{Measures, TrackMeasures};

/// A value that is not there.
const NOTHING: &str = "-";

/// Rows of decibels under named columns, and how to show them.
struct Table {
    columns: Vec<String>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// Columns of equal width, numbers to the right; a column that ends in `i` is an improvement and
    /// has a sign.
    fn text(&self) -> String {
        let name_width = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let name_width = name_width.unwrap_or(0);
        let mut text = " ".repeat(name_width + 2);
        for column in &self.columns {
            write!(text, " {column:>8}").expect("writing to a string cannot fail");
        }
        for (name, values) in &self.rows {
            write!(text, "\n  {name:<name_width$}").expect("writing to a string cannot fail");
            for (column, value) in self.columns.iter().zip(values) {
                let shown = decibels(*value, column.ends_with('i'));
                write!(text, " {shown:>8}").expect("writing to a string cannot fail");
            }
        }
        text
    }
}

fn decibels(value: Option<f64>, signed: bool) -> String {
    match value {
        Some(value) if !value.is_nan() && signed => format!("{value:+.2}"),
        Some(value) if !value.is_nan() => format!("{value:.2}"),
        _ => NOTHING.to_owned(),
    }
}

/// The measures that a table shows: those of BSS Eval, and SI-SDR.
fn shown(measures: &Measures) -> impl Iterator<Item = (&'static str, f64)> {
    let hidden = ["SI-SIR", "SI-SAR"];
    let values = measures.values().into_iter();
    values.filter(move |(name, _)| !hidden.contains(name))
}

/// The mean of values column by column; nothing where one is missing.
fn mean(rows: &[(String, Vec<Option<f64>>)]) -> Vec<Option<f64>> {
    let columns = rows.first().map_or(0, |(_, values)| values.len());
    (0..columns)
        .map(|column| {
            let sum: Option<f64> = rows.iter().map(|(_, values)| values[column]).sum();
            sum.map(|sum| sum / rows.len() as f64)
        })
        .collect()
}

/// The names of the measures that are shown, and of the improvements.
fn columns(scored: &TrackMeasures, with_improvement: bool) -> Vec<String> {
    let Some(first) = scored.sources.first() else {
        return Vec::new();
    };
    let names: Vec<&str> = shown(&first.measures).map(|(name, _)| name).collect();
    let mut columns: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    if with_improvement {
        columns.extend(["SDRi", "SI-SDRi"].map(str::to_owned));
    }
    columns
}

/// One row per source.
fn rows(scored: &TrackMeasures, with_improvement: bool) -> Vec<(String, Vec<Option<f64>>)> {
    scored
        .sources
        .iter()
        .map(|source| {
            let mut values: Vec<Option<f64>> = shown(&source.measures)
                .map(|(_, value)| Some(value))
                .collect();
            if with_improvement {
                let improvement = source.improvement();
                values.push(improvement.map(|better| better.ratios.sdr_db));
                values.push(improvement.map(|better| better.scale_invariant.sdr_db));
            }
            (source.name.clone(), values)
        })
        .collect()
}

/// One track: its sources and their mean, and the mixture's scores below.
pub(super) fn of_track(scored: &TrackMeasures) -> String {
    let with_improvement = scored.mixture.is_some();
    let mut all = rows(scored, with_improvement);
    if all.len() > 1 {
        let mean = mean(&all);
        all.push(("mean".to_owned(), mean));
    }
    if with_improvement {
        let baselines = scored.sources.iter().filter_map(|source| {
            let baseline = source.baseline.as_ref()?;
            let values = shown(baseline).map(|(_, value)| Some(value)).collect();
            Some((format!("mixture as {}", source.name), values))
        });
        all.extend(baselines);
    }
    let columns = columns(scored, with_improvement);
    Table { columns, rows: all }.text()
}

/// The medians over tracks, one row per source: name, tracks, values of measures and improvements.
pub(super) struct Median {
    pub(super) name: String,
    pub(super) tracks: usize,
    pub(super) values: Vec<(String, f64)>,
}

/// For each source and measure the median over tracks of what is finite.
pub(super) fn medians(outcomes: &[Outcome]) -> Vec<Median> {
    let sources = || outcomes.iter().flat_map(|outcome| &outcome.scored.sources);
    let mut names: Vec<&str> = sources().map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let own: Vec<_> = sources().filter(|source| source.name == name).collect();
            let over = |of: &dyn Fn(&super::score::SourceScores) -> Option<Measures>| {
                let measures: Vec<Vec<(&str, f64)>> = own
                    .iter()
                    .filter_map(|source| of(source))
                    .map(|measures| measures.values())
                    .collect();
                let columns = measures.first().cloned().unwrap_or_default();
                let medians = columns.iter().enumerate().map(|(column, (name, _))| {
                    let values = measures.iter().map(|values| values[column].1);
                    ((*name).to_owned(), median(values))
                });
                medians.collect::<Vec<(String, f64)>>()
            };
            let mut values = over(&|source| Some(source.measures));
            let better = over(&super::score::SourceScores::improvement);
            values.extend(
                better
                    .into_iter()
                    .map(|(name, value)| (format!("{name}i"), value)),
            );
            Median {
                name: name.to_owned(),
                tracks: own.len(),
                values,
            }
        })
        .collect()
}

/// The medians over tracks as a table.
pub(super) fn of_medians(medians: &[Median]) -> String {
    let wanted = ["SDR", "ISR", "SIR", "SAR", "SI-SDR", "SDRi", "SI-SDRi"];
    let value = |median: &Median, column: &str| {
        let found = median.values.iter().find(|(name, _)| name == column);
        found.map(|(_, value)| *value)
    };
    let columns: Vec<String> = wanted
        .into_iter()
        .filter(|column| medians.iter().any(|median| value(median, column).is_some()))
        .map(str::to_owned)
        .collect();
    let row = |median: &Median| {
        let values = columns.iter().map(|column| value(median, column)).collect();
        (median.name.clone(), values)
    };
    let rows = medians.iter().map(row).collect();
    Table { columns, rows }.text()
}

/// One line per source of every track, as a spreadsheet reads them.
pub(super) fn csv(outcomes: &[Outcome]) -> String {
    let measures = ["SDR", "ISR", "SIR", "SAR", "SI-SDR", "SI-SIR", "SI-SAR"];
    let mut text = String::from("track,source,estimate");
    for ending in ["", "i"] {
        for measure in measures {
            write!(text, ",{measure}{ending}").expect("writing to a string cannot fail");
        }
    }
    text.push_str(",frames,frames_scored\n");
    for outcome in outcomes {
        for source in &outcome.scored.sources {
            let estimates: Vec<String> = source
                .estimates
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let mut cells = vec![
                quoted(&outcome.label),
                quoted(&source.name),
                quoted(&estimates.join("+")),
            ];
            for measured in [Some(source.measures), source.improvement()] {
                let values = measured
                    .map(|measured| measured.values())
                    .unwrap_or_default();
                cells.extend(measures.iter().map(|measure| {
                    let found = values.iter().find(|(name, _)| name == measure);
                    found.map_or_else(String::new, |(_, value)| cell(*value))
                }));
            }
            cells.push(outcome.scored.frames.to_string());
            cells.push(outcome.scored.frames_scored.to_string());
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}

/// A number as spreadsheets and pandas read it.
fn cell(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else {
        format!("{value:.5}")
    }
}

/// A cell of CSV (RFC 4180).
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_their_names() {
        let table = Table {
            columns: vec!["SDR".to_owned(), "SDRi".to_owned()],
            rows: vec![
                ("drums é".to_owned(), vec![Some(1.0), Some(2.5)]),
                ("b".to_owned(), vec![Some(f64::INFINITY), None]),
                ("c".to_owned(), vec![Some(f64::NAN), Some(-1.0)]),
            ],
        };
        let expected = "               SDR     SDRi\n  \
                        drums é     1.00    +2.50\n  \
                        b            inf        -\n  \
                        c              -    -1.00";
        assert_eq!(table.text(), expected);
    }

    #[test]
    fn cells_with_commas_and_quotes_are_quoted() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }

    #[test]
    fn a_mean_over_a_missing_value_is_missing() {
        let row = |values: &[Option<f64>]| (String::new(), values.to_vec());
        let rows = [row(&[Some(1.0), None]), row(&[Some(3.0), Some(1.0)])];
        assert_eq!(mean(&rows), [Some(2.0), None]);
    }
}
