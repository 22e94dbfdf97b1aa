//! A question and a folder of arrays come in; the answer of the Python libraries goes out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use ndarray::{ArrayBase, Data, Dimension};
use ndarray_npy::{WritableElement, write_npy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::python::{call, interpreter, script};

/// The other side of every comparison: `crosscheck.py` and the libraries it calls.
#[derive(Debug)]
pub(super) struct Other {
    python: PathBuf,
}

/// Who answered, and when.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    /// Today, `YYYY-MM-DD`.
    pub(super) date: String,
    /// Names of packages and their versions.
    pub(super) packages: Vec<(String, String)>,
}

impl Other {
    pub(super) fn new() -> Result<Self> {
        let python = interpreter("crosscheck")?;
        Ok(Self { python })
    }

    pub(super) fn about(&self) -> Result<About> {
        self.ask("about", &Question::new()?, &())
    }

    /// Run one task of the script on a folder of arrays.
    pub(super) fn ask<A: DeserializeOwned>(
        &self,
        task: &str,
        question: &Question,
        settings: &impl Serialize,
    ) -> Result<A> {
        let folder = question.folder.path();
        fs::write(folder.join("settings.json"), serde_json::to_vec(settings)?)?;
        call(
            Command::new(&self.python)
                .arg(script("crosscheck.py"))
                .arg(task)
                .arg(folder),
        )?;
        let answer = folder.join("answer.json");
        let text = fs::read(&answer).with_context(|| format!("`{task}` gave no answer"))?;
        serde_json::from_slice(&text).with_context(|| format!("cannot read {}", answer.display()))
    }
}

/// A folder of arrays, removed when it is no longer needed.
#[derive(Debug)]
pub(super) struct Question {
    folder: TempDir,
}

impl Question {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        Ok(Self { folder })
    }

    /// Add an array, which the script finds as `NAME.npy`.
    pub(super) fn put<S, D>(&self, name: &str, array: &ArrayBase<S, D>) -> Result<()>
    where
        S: Data,
        S::Elem: WritableElement,
        D: Dimension,
    {
        let path = self.path(name);
        write_npy(&path, array).with_context(|| format!("cannot write {}", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), format!("{name}.npy"))
    }
}
