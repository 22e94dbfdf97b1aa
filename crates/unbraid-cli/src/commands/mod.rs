//! One file per command.

pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod factorize;
pub(crate) mod group;
pub(crate) mod info;
pub(crate) mod learn;
pub(crate) mod licenses;
pub(crate) mod refit;
pub(crate) mod separate;
pub(crate) mod studio;

use serde_json::Value;
use unbraid::fit::Fit;
use unbraid::group::Grouping;
use unbraid_io::project::{FORMAT_VERSION, Input, Manifest, Objective, Program};

use crate::failure::Failure;
use crate::output::say;
use crate::render::Written;

/// The manifest of a result.
fn manifest(
    command: &str,
    input: Input,
    settings: Value,
    fit: Option<&Fit>,
    grouping: Option<Grouping>,
    mut notes: Vec<String>,
    written: Written,
) -> Manifest {
    if written.gain < 1.0 {
        notes.push(format!(
            "all stems were turned down by {:.2} dB, or the integer format would have clipped \
             (wav32f would not)",
            -20.0 * written.gain.log10()
        ));
    }
    Manifest {
        format_version: FORMAT_VERSION,
        program: program(),
        command: command.to_owned(),
        input,
        settings,
        objective: fit.map(|fit| Objective {
            first: fit.objective.first().copied().unwrap_or(0.0),
            last: fit.final_objective(),
            iterations: fit.iterations(),
            stop: fit.stop,
        }),
        grouping,
        notes,
        gain: written.gain,
        outputs: written.outputs,
    }
}

/// What results are made by.
fn program() -> Program {
    Program {
        name: env!("CARGO_BIN_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// A library value as JSON.
fn json(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Other(error.into()))
}

/// Print JSON on standard output.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.into()))?;
    say!("{text}");
    Ok(())
}

/// Print where every component went, and why.
fn print_why(grouping: &Grouping) {
    say!("why (component → source, probability, evidence in log-odds):");
    for component in 0..grouping.components.len() {
        say!("  {}", grouping.why(component));
    }
}

/// Such as `13.3 s, 2 channels, 44100 Hz`.
fn describe(input: &Input) -> String {
    let secs = input.len_samples as f64 / f64::from(input.sample_rate);
    let channels = match input.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        channels => format!("{channels} channels"),
    };
    format!("{secs:.1} s, {channels}, {} Hz", input.sample_rate)
}

/// Numbers with spans for runs, such as `0-3 7`.
fn compact(components: &[usize]) -> String {
    let runs = components.chunk_by(|a, b| a + 1 == *b);
    let words: Vec<String> = runs
        .map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        })
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_components_are_written_as_spans() {
        assert_eq!(compact(&[0, 1, 2, 5, 7, 8]), "0-2 5 7-8");
        assert_eq!(compact(&[]), "none");
    }
}
