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

/// The folder of what grows out of the pieces.
const WHOLE: &str = "whole";

/// The folder of what had grown when the program was stopped, from which it is copied.
const WHOLE_BEFORE: &str = "whole.before";

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

    /// Remove everything from a complete piece but how it came out: the rest has gone elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn strip(&self, index: usize) -> Result<(), Error> {
        let folder = self.piece(index);
        for entry in fs::read_dir(&folder).map_err(reading(&folder))? {
            let path = entry.map_err(reading(&folder))?.path();
            if path.file_name().is_none_or(|name| name != RECORD) {
                fs::remove_file(&path).map_err(writing(&path))?;
            }
        }
        Ok(())
    }

    /// The folder of what grows out of the pieces.
    #[must_use]
    pub fn whole(&self) -> PathBuf {
        self.folder.join(WHOLE)
    }

    /// Begin what grows out of the pieces, in an empty folder. What an interrupted run has left of it moves aside, and is
    /// returned if there is any: to be copied from, and removed ([`Journal::caught_up`]).
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn grow(&self) -> Result<Option<PathBuf>, Error> {
        let (whole, before) = (self.whole(), self.folder.join(WHOLE_BEFORE));
        if whole.exists() {
            // A run that was stopped while it copied had not yet got as far as what it copied from.
            if before.exists() {
                fs::remove_dir_all(&whole).map_err(writing(&whole))?;
            } else {
                fs::rename(&whole, &before).map_err(writing(&before))?;
            }
        }
        fs::create_dir(&whole).map_err(writing(&whole))?;
        Ok(before.exists().then_some(before))
    }

    /// Remove what an interrupted run had left of the whole: everything of it that is needed has been copied.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn caught_up(&self) -> Result<(), Error> {
        let before = self.folder.join(WHOLE_BEFORE);
        if before.exists() {
            fs::remove_dir_all(&before).map_err(writing(&before))?;
        }
        Ok(())
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
    fn what_grows_is_never_lost() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("song"), &1, false, false).unwrap();
        assert_eq!(journal.grow().unwrap(), None);
        fs::write(journal.whole().join("stem"), "long").unwrap();
        // Stopped, and stopped again while it copied.
        let before = journal.grow().unwrap().unwrap();
        fs::write(journal.whole().join("stem"), "lo").unwrap();
        assert_eq!(journal.grow().unwrap().unwrap(), before);
        assert_eq!(fs::read(before.join("stem")).unwrap(), b"long");
        assert!(fs::read_dir(journal.whole()).unwrap().next().is_none());
        journal.caught_up().unwrap();
        assert!(!before.exists());

        fs::write(journal.begin(0).unwrap().join("stem"), "x").unwrap();
        journal.complete(0, &7).unwrap();
        journal.strip(0).unwrap();
        assert_eq!(journal.record::<i32>(0).unwrap(), Some(7));
        assert!(!journal.piece(0).join("stem").exists());
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
