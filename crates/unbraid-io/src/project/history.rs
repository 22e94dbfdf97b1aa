//! A project folder comes in; its states go out: what it was made as, and every refit since.
//!
//! State 0 is the project as `factorize` wrote it. Every refit adds a folder `states/<number>/`, a project of its own, and
//! nothing is overwritten; the file `current` names the state that commands go on from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::atomic::write_file;
use crate::error::{reading, writing};

/// The folder of the states after the first.
const STATES: &str = "states";

/// The file that names the current state.
const CURRENT: &str = "current";

/// Where a state lies.
#[must_use]
pub fn state_folder(project: &Path, state: usize) -> PathBuf {
    match state {
        0 => project.to_owned(),
        _ => project.join(STATES).join(state.to_string()),
    }
}

/// The states of a project, rising; the first is 0.
///
/// # Errors
///
/// [`Error::Read`] if the folder cannot be read.
pub fn states(project: &Path) -> Result<Vec<usize>, Error> {
    let folder = project.join(STATES);
    let mut states = vec![0];
    if folder.exists() {
        for entry in fs::read_dir(&folder).map_err(reading(&folder))? {
            let name = entry.map_err(reading(&folder))?.file_name();
            states.extend(name.to_str().and_then(|name| name.parse::<usize>().ok()));
        }
    }
    states.sort_unstable();
    states.dedup();
    Ok(states)
}

/// The state that commands go on from.
///
/// # Errors
///
/// [`Error::Project`] if the project names a state that it does not have.
pub fn current_state(project: &Path) -> Result<usize, Error> {
    let path = project.join(CURRENT);
    if !path.exists() {
        return Ok(0);
    }
    let text = fs::read_to_string(&path).map_err(reading(&path))?;
    let state = text.trim().parse().ok();
    match state.filter(|state| states(project).is_ok_and(|states| states.contains(state))) {
        Some(state) => Ok(state),
        None => Err(Error::Project {
            path,
            reason: format!("`{}` is no state of it", text.trim()),
        }),
    }
}

/// Make a state the current one.
///
/// # Errors
///
/// - [`Error::Project`] if there is no such state.
/// - [`Error::Write`] if the system refuses.
pub fn set_current_state(project: &Path, state: usize) -> Result<(), Error> {
    let known = states(project)?;
    if !known.contains(&state) {
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        return Err(Error::Project {
            path: project.to_owned(),
            reason: format!("no state {state}, but {}", known.join(", ")),
        });
    }
    write_file(&project.join(CURRENT), format!("{state}\n").as_bytes())
}

/// The number and the folder of the state to come; the folder above it is made.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::Write`] if the system refuses.
pub fn next_state(project: &Path) -> Result<(usize, PathBuf), Error> {
    let state = states(project)?.last().map_or(1, |last| last + 1);
    let folder = project.join(STATES);
    fs::create_dir_all(&folder).map_err(writing(&folder))?;
    Ok((state, state_folder(project, state)))
}
