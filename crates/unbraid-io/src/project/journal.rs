//! Finished pieces of a long work come in; they are kept beside the output until all of it is there.
//!
//! Whatever ends the program, the pieces that were finished stay, and the same work goes on behind them. A piece is a
//! folder that is written under another name and renamed when it is complete: what has its name is whole.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::atomic::write_file;
use crate::error::{reading, writing};

/// The file that says what work the pieces are of.
const TERMS: &str = "journal.json";

/// The file in every piece that says how it came out.
const RECORD: &str = "piece.json";

/// The pieces of one work.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
}

/// What work the pieces are of: input, settings, where it is cut.
#[derive(Debug, Serialize, Deserialize)]
struct Terms {
    terms: Value,
}

impl Journal {
    /// Open the journal of what is to become `target`, or begin it.
    ///
    /// It is a hidden folder beside the target. With `resume`, pieces that are there already are kept if they are
    /// of the same work (`terms`); without, there may be none unless `overwrite` says that they may go.
    ///
    /// # Errors
    ///
    /// - [`Error::Interrupted`] if pieces are there and nothing says what to do about them.
    /// - [`Error::OtherWork`] if they are of another work.
    /// - [`Error::Read`], [`Error::Write`] or [`Error::Project`] if the system refuses, or the journal is damaged.
    pub fn open(
        target: &Path,
        terms: &impl Serialize,
        resume: bool,
        overwrite: bool,
    ) -> Result<Self, Error> {
        let folder = Self::folder_of(target);
        let journal = Self { folder };
        let damaged = |error: serde_json::Error| Error::Project {
            path: journal.folder.join(TERMS),
            reason: error.to_string(),
        };
        let terms = serde_json::to_value(terms).map_err(damaged)?;
        let file = journal.folder.join(TERMS);
        if file.exists() {
            let text = fs::read(&file).map_err(reading(&file))?;
            let there: Option<Terms> = serde_json::from_slice(&text).ok();
            let same = there.is_some_and(|there| there.terms == terms);
            if resume && same {
                return Ok(journal);
            }
            if !overwrite {
                let path = journal.folder.clone();
                return Err(if resume {
                    Error::OtherWork { path }
                } else {
                    Error::Interrupted { path }
                });
            }
        }
        if journal.folder.exists() {
            fs::remove_dir_all(&journal.folder).map_err(writing(&journal.folder))?;
        }
        fs::create_dir_all(&journal.folder).map_err(writing(&journal.folder))?;
        let text = serde_json::to_vec_pretty(&Terms { terms }).map_err(damaged)?;
        write_file(&file, &text)?;
        Ok(journal)
    }

    /// Where the journal of a target is.
    #[must_use]
    pub fn folder_of(target: &Path) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".pieces");
        target.with_file_name(name)
    }

    /// The folder of a piece that is complete.
    #[must_use]
    pub fn piece(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index:05}"))
    }

    /// How a piece came out, if it is complete.
    ///
    /// # Errors
    ///
    /// - [`Error::Read`] if its record cannot be read.
    /// - [`Error::Project`] if it is damaged.
    pub fn record<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, Error> {
        let folder = self.piece(index);
        if !folder.exists() {
            return Ok(None);
        }
        let path = folder.join(RECORD);
        let text = fs::read(&path).map_err(reading(&path))?;
        let record = serde_json::from_slice(&text);
        record.map(Some).map_err(|error| Error::Project {
            path,
            reason: error.to_string(),
        })
    }

    /// An empty folder to make a piece in.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn begin(&self, index: usize) -> Result<PathBuf, Error> {
        let folder = self.partial(index);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(writing(&folder))?;
        }
        fs::create_dir(&folder).map_err(writing(&folder))?;
        Ok(folder)
    }

    /// Say that a piece is complete, and how it came out.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn complete(&self, index: usize, record: &impl Serialize) -> Result<(), Error> {
        let (from, to) = (self.partial(index), self.piece(index));
        let path = from.join(RECORD);
        let text = serde_json::to_vec_pretty(record).map_err(|error| Error::Project {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        write_file(&path, &text)?;
        fs::rename(&from, &to).map_err(writing(&to))
    }

    /// Remove all pieces: their work is done, or unwanted.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn remove(self) -> Result<(), Error> {
        // Without its terms no half-removed journal is ever gone on with.
        fs::remove_file(self.folder.join(TERMS)).map_err(writing(&self.folder))?;
        fs::remove_dir_all(&self.folder).map_err(writing(&self.folder))
    }

    fn partial(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index:05}.partial"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_outlive_the_program_and_belong_to_their_work() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("song");
        let journal = Journal::open(&target, &("song", 1), false, false).unwrap();
        let folder = journal.begin(0).unwrap();
        fs::write(folder.join("stem"), "x").unwrap();
        assert_eq!(journal.record::<f64>(0).unwrap(), None);
        journal.complete(0, &0.5).unwrap();
        fs::write(journal.begin(1).unwrap().join("half"), "x").unwrap();
        drop(journal);

        let refused = Journal::open(&target, &("song", 1), false, false).unwrap_err();
        assert!(matches!(refused, Error::Interrupted { .. }), "{refused}");
        let refused = Journal::open(&target, &("song", 2), true, false).unwrap_err();
        assert!(matches!(refused, Error::OtherWork { .. }), "{refused}");

        let journal = Journal::open(&target, &("song", 1), true, false).unwrap();
        assert_eq!(journal.record::<f64>(0).unwrap(), Some(0.5));
        assert_eq!(journal.record::<f64>(1).unwrap(), None);
        assert_eq!(fs::read(journal.piece(0).join("stem")).unwrap(), b"x");
        assert!(
            fs::read_dir(journal.begin(1).unwrap())
                .unwrap()
                .next()
                .is_none()
        );
        journal.remove().unwrap();
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn overwriting_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("song");
        let journal = Journal::open(&target, &1, false, false).unwrap();
        journal.begin(0).unwrap();
        journal.complete(0, &1).unwrap();
        let journal = Journal::open(&target, &1, false, true).unwrap();
        assert_eq!(journal.record::<i32>(0).unwrap(), None);
    }
}
