//! Recipes come in; the memory that `info` foretells for each, and that it takes, go out.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::material::{self, Takes};
use super::process::{program, separate};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) recipe: String,
    pub(super) len_secs: usize,
    pub(super) foretold_bytes: u64,
    pub(super) most_bytes: u64,
}

/// A name, the lengths in seconds, and what is asked for.
const CASES: [(&str, &[usize], &[&str]); 9] = [
    ("blind", &[60, 300], &["--evidence", "features"]),
    ("drums and the rest", &[60, 300], &[]),
    (
        "kick, snare, hi-hat, rest",
        &[60, 300],
        &["-s", "kick,snare,hihat,rest"],
    ),
    (
        "the same by strokes",
        &[60, 300],
        &["-s", "kick,snare,hihat,rest", "--stroke", "kick=STROKE"],
    ),
    ("a known piano", &[60, 150], &["-s", "piano,rest"]),
    ("a singer and a piano", &[60, 150], &["-s", "voice,piano"]),
    (
        "stereo (`--channels pan`)",
        &[60, 300],
        &["--evidence", "features", "--channels", "pan"],
    ),
    (
        "drums at 22 050 Hz",
        &[60, 300],
        &["--sample-rate", "22050"],
    ),
    (
        "drums in pieces (`--memory 400M`)",
        &[600],
        &["--memory", "400M"],
    ),
];

pub(super) fn run(work: &Path) -> Result<Vec<Row>> {
    let folder = work.join("memory");
    let mut rows = Vec::new();
    for (recipe, lengths, arguments) in CASES {
        for &len_secs in lengths {
            let recording =
                material::write(&folder, Takes::of_demo(len_secs * 44_100)?, 44_100, None)?;
            let stroke = format!("kick={}", material::stroke(&folder)?.display());
            let mut words: Vec<&str> = arguments
                .iter()
                .map(|&word| match word {
                    "kick=STROKE" => stroke.as_str(),
                    word => word,
                })
                .collect();
            if !words.contains(&"--memory") {
                words.extend(["--memory", "16G"]);
            }
            let told = program()
                .arg("info")
                .arg(&recording)
                .arg("--json")
                .args(&words)
                .output()?;
            let told: Value = serde_json::from_slice(&told.stdout).with_context(|| {
                format!("`info` said: {}", String::from_utf8_lossy(&told.stderr))
            })?;
            let took = separate(&recording, &folder.join("out"), &words)?;
            let row = Row {
                recipe: recipe.to_owned(),
                len_secs,
                foretold_bytes: told["estimated_memory_bytes"].as_u64().unwrap_or(0),
                most_bytes: took.most_bytes,
            };
            println!("{row:?} {:.1} s", took.secs);
            rows.push(row);
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(rows)
}
