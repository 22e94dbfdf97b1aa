//! Files that a person gives to a project come in; the paths of those that are there go out.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::Failure;
use crate::upload::plain_name;

/// The folder of a project that keeps what was given to it.
pub(crate) const GIVEN: &str = "given";

/// The most files and folders in it.
const MOST: usize = 500;

/// A file that was given, or a folder of some.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Entry {
    name: String,
    folder: bool,
}

/// What was given to a project so far, by name.
pub(crate) fn list(project: &Path) -> Vec<Entry> {
    let entries = fs::read_dir(project.join(GIVEN)).into_iter().flatten();
    let entry = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let folder = entry.path().is_dir();
        (!name.starts_with('.')).then_some(Entry { name, folder })
    };
    let mut found: Vec<Entry> = entries.flatten().filter_map(entry).collect();
    found.sort();
    found
}

/// Where the next file goes: beside the others, or into a folder of its own with some more.
pub(crate) fn home(project: &Path, folder: Option<&str>) -> Result<PathBuf, Failure> {
    let mut home = project.join(GIVEN);
    if let Some(folder) = folder {
        home.push(plain_name(folder)?);
    }
    fs::create_dir_all(&home)
        .map_err(Failure::system(format!("cannot make {}", home.display())))?;
    if list(project).len() >= MOST || fs::read_dir(&home).into_iter().flatten().count() >= MOST {
        return Err(Failure::Refused(format!(
            "{} holds {MOST} files already: take some away",
            home.display()
        )));
    }
    Ok(home)
}

/// The path of a file, or of a folder, that was given.
pub(crate) fn find(project: &Path, name: &str, is_folder: bool) -> Result<PathBuf, Failure> {
    let name = plain_name(name)?;
    let home = project.join(GIVEN);
    let path = home.join(&name);
    // Neither may a link lead outside.
    match (path.canonicalize(), home.canonicalize()) {
        (Ok(real), Ok(home)) if real.starts_with(&home) && real.is_dir() == is_folder => Ok(path),
        _ => Err(Failure::Missing(format!(
            "`{name}` was not given to this project: choose it again"
        ))),
    }
}
