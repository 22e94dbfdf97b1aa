//! A final name comes in; a temporary place to write to goes out, which becomes the final one
//! whole or not at all.
//!
//! The temporary place is a hidden sibling of the final one, so on the same file system, where
//! renaming is atomic. Dropped without [`Output::commit`], it is removed again, with the folders that were
//! made to hold it.
//!
//! A program that is killed leaves its temporary place behind. It is locked as long as its program lives, so that the
//! next one with the same final name can tell, and removes it. Where a folder replaces another, both change names in one
//! step where the system can do so; elsewhere the old one steps aside, and the next program that comes for the final
//! name puts it back if the new one never arrived ([`restore`]).

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::error::writing;

/// What is made: a folder or a file.
pub trait Make {
    /// Make it, empty; an error if something has the name already.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn make(path: &Path) -> std::io::Result<()>;

    /// Whether a folder is made.
    const IS_FOLDER: bool;
}

/// A folder is made.
#[derive(Debug)]
pub struct Folder;

/// A file is made.
#[derive(Debug)]
pub struct Single;

impl Make for Folder {
    fn make(path: &Path) -> std::io::Result<()> {
        fs::create_dir(path)
    }

    const IS_FOLDER: bool = true;
}

impl Make for Single {
    fn make(path: &Path) -> std::io::Result<()> {
        File::create_new(path).map(drop)
    }

    const IS_FOLDER: bool = false;
}

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
pub type OutputFolder = Output<Folder>;

/// A single file in the making.
pub type OutputFile = Output<Single>;

/// A folder or file in the making: a temporary path, its final one, and what to tidy up.
#[derive(Debug)]
pub struct Output<M: Make> {
    temporary: PathBuf,
    target: PathBuf,
    overwrite: bool,
    /// Folders made to hold the target, outermost first.
    made: Vec<PathBuf>,
    committed: bool,
    /// Says that this program lives.
    lock: Option<File>,
    makes: PhantomData<M>,
}

impl<M: Make> Output<M> {
    /// Make the temporary folder or file.
    ///
    /// # Errors
    ///
    /// - [`Error::Exists`] if the target is there and `overwrite` is not set.
    /// - [`Error::Write`] if the place is not writable, or a folder was to replace a file or a file a folder.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, Error> {
        let refuse = |kind: ErrorKind| writing(target)(kind.into());
        let Some(name) = target.file_name() else {
            return Err(refuse(ErrorKind::InvalidFilename));
        };
        restore(target)?;
        match target.symlink_metadata() {
            Ok(_) if !overwrite => {
                return Err(Error::Exists {
                    path: target.to_owned(),
                });
            }
            // To overwrite a file is not to delete a folder that has its name, nor the other way round.
            Ok(_) if target.is_dir() && !M::IS_FOLDER => {
                return Err(refuse(ErrorKind::IsADirectory));
            }
            Ok(_) if !target.is_dir() && M::IS_FOLDER => {
                return Err(refuse(ErrorKind::NotADirectory));
            }
            _ => {}
        }
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
        let mut output = Self {
            temporary: PathBuf::new(),
            target: target.to_owned(),
            overwrite,
            made: missing,
            committed: false,
            lock: None,
            makes: PhantomData,
        };
        // From here on dropping `output` tidies up.
        fs::create_dir_all(parent).map_err(writing(target))?;
        for number in 1_u32.. {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{number}.partial"));
            let path = parent.join(hidden);
            remove_if_abandoned(&path);
            match M::make(&path) {
                Ok(()) => {
                    output.lock = lock(&path);
                    output.temporary = path;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(writing(target)(error)),
            }
        }
        Ok(output)
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Give it its final name.
    ///
    /// # Errors
    ///
    /// - [`Error::Exists`] if the target has appeared meanwhile and may not be overwritten.
    /// - [`Error::Write`] if the system refuses; then nothing has changed.
    pub fn commit(mut self) -> Result<(), Error> {
        let there = self.target.symlink_metadata().is_ok();
        if there && !self.overwrite {
            return Err(Error::Exists {
                path: self.target.clone(),
            });
        }
        if there && M::IS_FOLDER {
            exchange(&self.temporary, &self.target).map_err(writing(&self.target))?;
            self.committed = true;
            // What has the temporary name now is what was there before; what cannot be removed of it is
            // hidden and says `.partial`.
            fs::remove_dir_all(&self.temporary).ok();
            return Ok(());
        }
        fs::rename(&self.temporary, &self.target).map_err(writing(&self.target))?;
        self.committed = true;
        Ok(())
    }
}

impl<M: Make> Drop for Output<M> {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        if !self.temporary.as_os_str().is_empty() {
            remove(&self.temporary);
        }
        for folder in self.made.iter().rev() {
            // Fails, rightly, once something else lives there.
            fs::remove_dir(folder).ok();
        }
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

/// Put a folder back that stepped aside for another which never came, because the program was killed in between.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn restore(target: &Path) -> Result<(), Error> {
    let aside = aside(target);
    if aside.symlink_metadata().is_err() {
        return Ok(());
    }
    if target.symlink_metadata().is_ok() {
        // The new one did come.
        remove(&aside);
        return Ok(());
    }
    fs::rename(&aside, target).map_err(writing(target))
}

/// Where a folder waits while another takes its name.
fn aside(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".replaced");
    target.with_file_name(name)
}

/// Nobody is left to hear of errors here; what cannot be removed is hidden.
fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).ok();
    } else {
        fs::remove_file(path).ok();
    }
}

/// Lock a folder or file, if nobody else has.
///
/// Only where locks keep nobody from writing, and folders have them; elsewhere what is left behind stays.
fn lock(path: &Path) -> Option<File> {
    if !cfg!(unix) {
        return None;
    }
    let file = File::open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Remove what a program left behind that is no more: its lock went with it.
fn remove_if_abandoned(path: &Path) {
    if lock(path).is_some() {
        remove(path);
    }
}

/// Two folders take each other's names, in one step where the system has one.
fn exchange(temporary: &Path, target: &Path) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, temporary, CWD, target, RenameFlags::EXCHANGE) {
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            other => return other.map_err(Into::into),
        }
    }
    exchange_in_steps(temporary, target)
}

/// As [`exchange`]: a folder cannot be renamed onto another, so the old one steps aside first, and comes back if the
/// new one cannot take its place.
fn exchange_in_steps(temporary: &Path, target: &Path) -> std::io::Result<()> {
    let aside = aside(target);
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(temporary, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    fs::rename(&aside, temporary)
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
    fn folders_change_names_in_steps_where_they_cannot_in_one() {
        let dir = tempfile::tempdir().unwrap();
        let (target, new) = (dir.path().join("stems"), dir.path().join("new"));
        fs::create_dir(&target).unwrap();
        fs::create_dir(&new).unwrap();
        fs::write(new.join("file"), "x").unwrap();
        exchange_in_steps(&new, &target).unwrap();
        assert_eq!(names(&target), ["file"]);
        assert_eq!(names(&new), Vec::<String>::new());
        assert_eq!(names(dir.path()), ["new", "stems"]);
        // One that cannot come leaves the old one where it was.
        assert!(exchange_in_steps(&dir.path().join("nowhere"), &target).is_err());
        assert_eq!(names(&target), ["file"]);
    }

    #[test]
    fn a_program_killed_between_two_names_loses_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("stems");
        // As it is when the old one has stepped aside and the new one has not come.
        fs::create_dir(aside(&target)).unwrap();
        fs::write(aside(&target).join("old"), "x").unwrap();
        assert!(matches!(
            OutputFolder::create(&target, false),
            Err(Error::Exists { .. })
        ));
        assert_eq!(names(&target), ["old"]);
        // As it is when the new one has come.
        fs::create_dir(aside(&target)).unwrap();
        drop(OutputFolder::create(&target, true).unwrap());
        assert_eq!(names(&target), ["old"]);
        assert_eq!(names(dir.path()), ["stems"]);
    }

    #[test]
    #[cfg(unix)]
    fn what_a_killed_program_left_is_removed_and_what_another_is_writing_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("stems");
        let abandoned = dir.path().join(".stems.1.partial");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join("half"), "x").unwrap();
        let one = OutputFolder::create(&target, true).unwrap();
        fs::write(one.path().join("one"), "x").unwrap();
        let two = OutputFolder::create(&target, true).unwrap();
        assert_eq!(names(dir.path()), [".stems.1.partial", ".stems.2.partial"]);
        assert_eq!(names(one.path()), ["one"]);
        one.commit().unwrap();
        two.commit().unwrap();
        assert_eq!(names(dir.path()), ["stems"]);
    }

    #[test]
    fn a_folder_does_not_replace_a_file_nor_a_file_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (file, folder) = (dir.path().join("file"), dir.path().join("folder"));
        fs::write(&file, "x").unwrap();
        fs::create_dir(&folder).unwrap();
        assert!(matches!(
            OutputFolder::create(&file, true),
            Err(Error::Write { .. })
        ));
        assert!(matches!(
            OutputFile::create(&folder, true),
            Err(Error::Write { .. })
        ));
        assert_eq!(names(dir.path()), ["file", "folder"]);
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
