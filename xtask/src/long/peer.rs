//! Lengths come in; what librosa and scikit-learn take to factorise recordings so long goes out.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::material::{self, Takes};
use crate::python;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) len_secs: usize,
    /// As far as it came.
    pub(super) secs: f64,
    pub(super) most_bytes: u64,
    /// What stopped it.
    pub(super) stopped: Option<String>,
}

/// What it may take: so much of address space, beyond which it is told that there is no more.
const MOST_GIB: &str = "14";

pub(super) fn run(work: &Path) -> Result<Vec<Row>> {
    let python = python::interpreter("long")?;
    let mut rows = Vec::new();
    for len_secs in [600, 3600] {
        let folder = work.join("peer");
        let recording = material::write(&folder, Takes::of_demo(len_secs * 44_100)?, 44_100, None)?;
        let output = Command::new(&python)
            .arg(python::script("long_peer.py"))
            .arg(&recording)
            .arg(folder.join("out"))
            .arg(MOST_GIB)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().with_context(|| {
            format!(
                "the peer said nothing: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let mut row: Row = serde_json::from_str(line)?;
        row.len_secs = len_secs;
        println!("{row:?}");
        rows.push(row);
        fs::remove_dir_all(&folder)?;
    }
    Ok(rows)
}
