//! The name of a package of npm comes in; the folder it is unpacked to goes out.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::python::call;

/// Fetch a package, and move what is below `inside` of it to `folder`, unless that is there from an earlier run.
pub(crate) fn unpacked(package: &str, inside: &str, folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let partial = folder.with_extension("package");
    fs::create_dir_all(&partial)?;
    call(
        Command::new("npm")
            .args(["pack", "--silent", package])
            .current_dir(&partial),
    )?;
    let archive = fs::read_dir(&partial)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "tgz"))
        .context("npm wrote no archive")?;
    call(
        Command::new("tar")
            .arg("xzf")
            .arg(&archive)
            .current_dir(&partial),
    )?;
    fs::rename(partial.join("package").join(inside), folder)?;
    fs::remove_dir_all(&partial)?;
    Ok(())
}
