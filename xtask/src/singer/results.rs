//! A name and how to measure it come in; what was measured goes out, from an earlier run if the library is still the same.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{root, scratch};

/// Where figures are kept, so that a long sweep can be made in parts.
#[derive(Debug)]
pub(super) struct Results {
    folder: PathBuf,
    /// When to begin nothing more.
    until: Option<Instant>,
    /// What was left out since then.
    left: usize,
}

impl Results {
    /// Figures of the library as its sources are now.
    pub(super) fn open(most_secs: Option<u64>) -> Result<Self> {
        let library = fingerprint(&[
            "crates/unbraid-kernel/src",
            "crates/unbraid/src",
            "crates/unbraid/assets",
        ])?;
        Ok(Self {
            folder: scratch()
                .join("singer/results")
                .join(format!("{library:016x}")),
            until: most_secs.map(|secs| Instant::now() + Duration::from_secs(secs)),
            left: 0,
        })
    }

    /// What is kept under a name, or else what `make` measures; nothing once the time is over.
    pub(super) fn of<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Option<T>> {
        let path = self
            .folder
            .join(format!("{:016x}.json", hash(name.as_bytes())));
        if let Some((_, kept)) = read::<T>(&path).filter(|(of, _)| of == name) {
            return Ok(Some(kept));
        }
        if self.until.is_some_and(|until| Instant::now() > until) {
            self.left += 1;
            return Ok(None);
        }
        let made = make()?;
        fs::create_dir_all(&self.folder)?;
        fs::write(&path, serde_json::to_vec(&(name, &made))?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Some(made))
    }

    /// How many figures are still to be measured.
    pub(super) fn left(&self) -> usize {
        self.left
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<(String, T)> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// A number that changes with any file below some folders of the repository.
fn fingerprint(folders: &[&str]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut ahead: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            let entries =
                fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))?;
            let mut below: Vec<PathBuf> = entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<_>>()?;
            below.sort();
            ahead.extend(below);
        } else {
            path.file_name().hash(&mut hasher);
            fs::read(&path)
                .with_context(|| format!("cannot read {}", path.display()))?
                .hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_not_measured_again_and_nothing_begins_after_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let results = |until| Results {
            folder: folder.path().to_owned(),
            until,
            left: 0,
        };
        let mut first = results(None);
        assert_eq!(first.of("a", || Ok(1.5)).unwrap(), Some(1.5));
        assert_eq!(first.of("a", || Ok(2.5)).unwrap(), Some(1.5));
        let mut late = results(Some(Instant::now()));
        assert_eq!(late.of("a", || Ok(3.5)).unwrap(), Some(1.5));
        assert_eq!(late.of("b", || Ok(4.5)).unwrap(), None);
        assert_eq!(late.left(), 1);
    }
}
