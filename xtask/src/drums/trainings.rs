//! Weights from other seeds come in; how far they lead to other stems goes out.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Arguments;
use super::page::{mean, median};
use super::ways::{DEFAULT, MIXTURE, ORACLE_MASK};

/// What the default came to on a mixture, in dB, between doing nothing and the oracle mask.
#[derive(Debug)]
struct Score {
    mixture: String,
    nothing: f64,
    own: f64,
    mask: f64,
}

/// The section; nothing where there are no other trainings.
pub(super) fn table(arguments: &Arguments) -> Result<String> {
    let mut others = Vec::new();
    if let Ok(entries) = fs::read_dir(&arguments.trainings) {
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|ending| ending == "safetensors")
            {
                others.push(path);
            }
        }
    }
    if others.is_empty() {
        println!("no other trainings in {}", arguments.trainings.display());
        return Ok(String::new());
    }
    others.sort();
    let mut rows = vec![("shipped".to_owned(), ask(arguments, None)?)];
    for weights in others {
        let name = weights.file_stem().unwrap_or_default().to_string_lossy();
        rows.push((name.into_owned(), ask(arguments, Some(&weights))?));
    }
    Ok(text(&rows))
}

/// Ask this program once more, since a process listens with one network.
fn ask(arguments: &Arguments, weights: Option<&Path>) -> Result<Vec<Score>> {
    let ways = [MIXTURE, DEFAULT, ORACLE_MASK].join(",");
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["drums", "--no-kinds", "--ways", &ways, "--mixtures"])
        .arg(&arguments.mixtures)
        .arg("--clips")
        .arg(&arguments.clips);
    if let Some(weights) = weights {
        command.arg("--weights").arg(weights);
    }
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A line for each mixture, its name and its scores, and then the page.
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().take_while(|line| !line.starts_with('#'));
    lines.map(score).collect()
}

fn score(line: &str) -> Result<Score> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [mixture, nothing, own, mask] = words[..] else {
        anyhow::bail!("`{line}` is no name with three scores");
    };
    let db = |text: &str| text.parse::<f64>().with_context(|| line.to_owned());
    Ok(Score {
        mixture: mixture.to_owned(),
        nothing: db(nothing)?,
        own: db(own)?,
        mask: db(mask)?,
    })
}

fn text(rows: &[(String, Vec<Score>)]) -> String {
    let validated = |score: &&Score| score.mixture.starts_with("mix-");
    let hard = |score: &&Score| score.mixture.starts_with("hard-");
    let clips: Vec<&str> = rows[0]
        .1
        .iter()
        .filter(|score| !validated(score) && !hard(score))
        .map(|score| score.mixture.as_str())
        .collect();
    let mut text = format!(
        "The same training from other seeds (`train-drums --seed N --keep`), the default way: how far the figures above are a matter of chance. The shipped weights are \
         those of seed 0.\n\n| weights | validation: mean | median | worst | of the oracle mask's gain | hard cases: mean | {} |\n|---|---:|---:|---:|---:|---:|{}\n",
        clips.join(" | "),
        "---:|".repeat(clips.len())
    );
    for (name, scores) in rows {
        let set: Vec<&Score> = scores.iter().filter(validated).collect();
        let own: Vec<f64> = set.iter().map(|it| it.own).collect();
        let gained: f64 = set.iter().map(|it| it.own - it.nothing).sum();
        let to_gain: f64 = set.iter().map(|it| it.mask - it.nothing).sum();
        let hard: Vec<f64> = scores.iter().filter(hard).map(|it| it.own).collect();
        let cells: Vec<String> = scores
            .iter()
            .filter(|score| clips.contains(&score.mixture.as_str()))
            .map(|score| format!("{:.1}", score.own))
            .collect();
        let _ = writeln!(
            text,
            "| {name} | {:.2} | {:.2} | {:.2} | {:.0} % | {:.2} | {} |",
            mean(&own),
            median(&own),
            own.iter().copied().fold(f64::INFINITY, f64::min),
            100.0 * gained / to_gain,
            mean(&hard),
            cells.join(" | ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_is_summed_up_beside_what_there_was_to_gain() {
        let lines = [
            "demo 0.0 16.0 20.0",
            "mix-1  0.0  4.0 10.0",
            "mix-2 2.0 8.0 12.0",
        ];
        let scores = lines.map(|line| score(line).unwrap());
        let page = text(&[("seed".to_owned(), scores.into())]);
        assert!(page.contains("| 6.00 | 6.00 | 4.00 | 50 % |"), "{page}");
        assert!(page.trim_end().ends_with("| 16.0 |"), "{page}");
        assert!(score("demo 1.0").is_err());
    }
}
