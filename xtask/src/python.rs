//! The name of a list of Python packages comes in; an interpreter that has them goes out.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{root, scratch};

/// The interpreter of a virtual environment that holds what `xtask/python/NAME_requirements.txt` lists.
///
/// It is made anew whenever the list has changed since. What `NAME_alone_requirements.txt` lists, if there is such a file, comes
/// without what it says it needs.
pub(crate) fn interpreter(name: &str) -> Result<PathBuf> {
    let list = script(&format!("{name}_requirements.txt"));
    let mut wanted =
        fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let alone = script(&format!("{name}_alone_requirements.txt"));
    wanted += &fs::read_to_string(&alone).unwrap_or_default();
    let environment = scratch().join("python").join(name);
    let python = environment.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    // Written last, so that a half-made environment is not taken for a whole one.
    let stamp = environment.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }

    call(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    call(Command::new(&python).args(pip).arg(&list))?;
    if alone.is_file() {
        call(Command::new(&python).args(pip).arg(&alone).arg("--no-deps"))?;
    }
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

/// The path of a file among our Python scripts.
pub(crate) fn script(name: &str) -> PathBuf {
    root().join("xtask").join("python").join(name)
}

/// Run a command to its end; an unsuccessful end is an error.
pub(crate) fn call(command: &mut Command) -> Result<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}
