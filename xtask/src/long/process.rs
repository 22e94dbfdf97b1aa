//! A command line comes in; what it took goes out.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::root;

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Took {
    pub(super) secs: f64,
    pub(super) most_bytes: u64,
}

pub(super) fn program() -> Command {
    Command::new(root().join("target/release/unbraid"))
}

/// The most memory that a process has had, as far as the system tells.
pub(super) fn most_bytes(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// Run a command until it ends, or until `stop` says that it is to be killed.
pub(super) fn run(
    command: &mut Command,
    mut stop: impl FnMut(Duration) -> bool,
) -> Result<(Took, bool)> {
    let said = tempfile::NamedTempFile::new()?;
    let began = Instant::now();
    let mut child: Child = command
        .stdout(Stdio::null())
        .stderr(said.reopen()?)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut most = 0;
    loop {
        most = most.max(most_bytes(child.id()));
        let ended = child.try_wait()?;
        let secs = began.elapsed().as_secs_f64();
        let took = Took {
            secs,
            most_bytes: most,
        };
        if let Some(status) = ended {
            let said = fs::read_to_string(said.path()).unwrap_or_default();
            ensure!(status.success(), "{status}: {}", said.trim());
            return Ok((took, false));
        }
        if stop(began.elapsed()) {
            child.kill()?;
            child.wait()?;
            return Ok((took, true));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Separate a recording into a new folder.
pub(super) fn separate(recording: &Path, out: &Path, arguments: &[&str]) -> Result<Took> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    let mut command = program();
    command.arg("separate").arg(recording).arg("-o").arg(out);
    Ok(run(command.args(arguments), |_| false)?.0)
}
