//! A final name comes in; a temporary place to write to goes out, which becomes the final one
//! whole or not at all.
//!
//! The temporary place is a hidden sibling of the final one, so on the same file system, where
//! renaming is atomic. Dropped without [`OutputFolder::commit`], it is removed again, with the folders that were
//! made to hold it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::error::writing;

/// A folder in the making.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let target = dir.path().join("stems");
/// let folder = unbraid_io::atomic::OutputFolder::create(&target, false)?;
/// std::fs::write(folder.path().join("note.txt"), "hello").unwrap();
/// assert!(!target.exists());
/// folder.commit()?;
/// assert!(target.join("note.txt").exists());
/// # Ok::<(), unbraid_io::Error>(())
/// ```
#[derive(Debug)]
pub struct OutputFolder {
    place: Place,
}

/// A single file in the making.
#[derive(Debug)]
pub struct OutputFile {
    place: Place,
}

/// A temporary path, its final one, and what to tidy up.
#[derive(Debug)]
struct Place {
    temporary: PathBuf,
    target: PathBuf,
    overwrite: bool,
    /// Folders made to hold the target, outermost first.
    made: Vec<PathBuf>,
    committed: bool,
}

impl OutputFolder {
    /// Make the temporary folder.
    ///
    /// # Errors
    ///
    /// - [`Error::Exists`] if the target is there and `overwrite` is not set.
    /// - [`Error::Write`] if the place is not writable.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, Error> {
        let place = Place::prepare(target, overwrite)?;
        fs::create_dir(&place.temporary).map_err(writing(target))?;
        Ok(Self { place })
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.temporary
    }

    /// Give the folder its final name.
    ///
    /// # Errors
    ///
    /// - [`Error::Exists`] if the target has appeared meanwhile and may not be overwritten.
    /// - [`Error::Write`] if the system refuses; then nothing has changed.
    pub fn commit(self) -> Result<(), Error> {
        self.place.commit()
    }
}

impl OutputFile {
    /// Make the temporary file.
    ///
    /// # Errors
    ///
    /// - [`Error::Exists`] if the target is there and `overwrite` is not set.
    /// - [`Error::Write`] if the place is not writable.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, Error> {
        let place = Place::prepare(target, overwrite)?;
        File::create_new(&place.temporary).map_err(writing(target))?;
        Ok(Self { place })
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.temporary
    }

    /// Give the file its final name.
    ///
    /// # Errors
    ///
    /// As [`OutputFolder::commit`].
    pub fn commit(self) -> Result<(), Error> {
        self.place.commit()
    }
}

/// Write a whole file at once, or leave what was there.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_file(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = OutputFile::create(target, true)?;
    let mut open = File::create(file.path()).map_err(writing(target))?;
    open.write_all(bytes)
        .and_then(|()| open.sync_all())
        .map_err(writing(target))?;
    file.commit()
}

impl Place {
    fn prepare(target: &Path, overwrite: bool) -> Result<Self, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(Error::Exists {
                path: target.to_owned(),
            });
        }
        let Some(name) = target.file_name() else {
            let source = std::io::Error::new(ErrorKind::InvalidInput, "the path has no name");
            return Err(Error::Write {
                path: target.to_owned(),
                source,
            });
        };
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut missing: Vec<PathBuf> = parent
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_owned)
            .collect();
        missing.reverse();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{count}.partial", std::process::id()));
        let place = Self {
            temporary: parent.join(hidden),
            target: target.to_owned(),
            overwrite,
            made: missing,
            committed: false,
        };
        // From here on dropping `place` tidies up.
        fs::create_dir_all(parent).map_err(writing(target))?;
        Ok(place)
    }

    fn commit(mut self) -> Result<(), Error> {
        let there = self.target.symlink_metadata().is_ok();
        if there && !self.overwrite {
            return Err(Error::Exists {
                path: self.target.clone(),
            });
        }
        if there && self.target.is_dir() {
            if !self.temporary.is_dir() {
                // To overwrite a file is not to delete a folder that has its name.
                let source = std::io::Error::from(ErrorKind::IsADirectory);
                return Err(Error::Write {
                    path: self.target.clone(),
                    source,
                });
            }
            // A folder cannot be renamed onto another: the old one steps aside first, and comes
            // back if the new one cannot take its place.
            let mut aside = self.temporary.clone().into_os_string();
            aside.push(".old");
            let aside = PathBuf::from(aside);
            fs::rename(&self.target, &aside).map_err(writing(&self.target))?;
            if let Err(error) = fs::rename(&self.temporary, &self.target) {
                fs::rename(&aside, &self.target).map_err(writing(&aside))?;
                return Err(writing(&self.target)(error));
            }
            self.committed = true;
            return fs::remove_dir_all(&aside).map_err(writing(&aside));
        }
        fs::rename(&self.temporary, &self.target).map_err(writing(&self.target))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // Nobody is left to hear of errors here; what cannot be removed is hidden and says
        // `.partial`.
        if self.temporary.is_dir() {
            fs::remove_dir_all(&self.temporary).ok();
        } else {
            fs::remove_file(&self.temporary).ok();
        }
        for folder in self.made.iter().rev() {
            // Fails, rightly, once something else lives there.
            fs::remove_dir(folder).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_not_committed_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(&dir.path().join("a/b/c"), false).unwrap();
        fs::write(folder.path().join("half"), "x").unwrap();
        drop(folder);
        drop(OutputFile::create(&dir.path().join("d/e.wav"), false).unwrap());
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn folders_that_hold_something_else_stay() {
        let dir = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(&dir.path().join("a/b"), false).unwrap();
        fs::write(dir.path().join("a/other"), "x").unwrap();
        drop(folder);
        assert_eq!(names(&dir.path().join("a")), ["other"]);
    }

    #[test]
    fn existing_output_is_refused_or_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("stems");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "x").unwrap();
        assert!(matches!(
            OutputFolder::create(&target, false),
            Err(Error::Exists { .. })
        ));

        let folder = OutputFolder::create(&target, true).unwrap();
        fs::write(folder.path().join("new"), "x").unwrap();
        assert_eq!(names(&target), ["old"]);
        folder.commit().unwrap();
        assert_eq!(names(&target), ["new"]);
        assert_eq!(names(dir.path()), ["stems"]);
    }

    #[test]
    fn what_appears_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("stems");
        let folder = OutputFolder::create(&target, false).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("theirs"), "x").unwrap();
        assert!(matches!(folder.commit(), Err(Error::Exists { .. })));
        assert_eq!(names(&target), ["theirs"]);
        assert_eq!(names(dir.path()), ["stems"]);
    }

    #[test]
    fn a_file_replaces_another_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("unbraid.json");
        write_file(&target, b"one").unwrap();
        write_file(&target, b"two").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["unbraid.json"]);
    }

    #[test]
    fn a_place_that_is_no_folder_is_refused_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        let target = dir.path().join("file/stems");
        let error = OutputFolder::create(&target, false).unwrap_err();
        assert!(error.to_string().contains("stems"), "{error}");
        assert_eq!(names(dir.path()), ["file"]);
    }
}
