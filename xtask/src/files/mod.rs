//! Recordings go out to other people's encoders; what we read of their files is compared, and `docs/formats.md` goes out.

mod batch;
mod big;
mod cases;
mod compare;
mod corrupted;
mod report;
mod speed;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{root, scratch};

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Write docs/formats.md, instead of printing it
    #[arg(long)]
    write: bool,
    /// Only what has this word in its name, without corrupted files and speed
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
    /// Remake the files that the tests read, in crates/unbraid-io/tests/data
    #[arg(long)]
    data: bool,
    /// Read every file of a folder and say in one line what became of it (for the command itself)
    #[arg(long, hide = true, value_name = "DIR")]
    read_all: Option<PathBuf>,
}

/// The programs that make and read files beside us, all of them Debian packages.
const PROGRAMS: [(&str, &str); 5] = [
    ("ffmpeg", "ffmpeg"),
    ("sox", "sox"),
    ("lame", "lame"),
    ("flac", "flac"),
    ("oggenc", "vorbis-tools"),
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(folder) = &arguments.read_all {
        return corrupted::read_all(folder);
    }
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|&(_, package)| package)
        .collect();
    if !missing.is_empty() {
        bail!(
            "install {} first: apt-get install {}",
            missing.join(", "),
            missing.join(" ")
        );
    }
    let folder = scratch().join("files");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    if arguments.data {
        return compare::write_data(&folder, &root().join("crates/unbraid-io/tests/data"))
            .map(|()| ExitCode::SUCCESS);
    }
    let rows = compare::compare(&folder, arguments.only.as_deref())?;
    if arguments.only.is_some() {
        print!("{}", report::table(&rows));
        return Ok(ExitCode::SUCCESS);
    }
    let damage = corrupted::sweep(&folder)?;
    let big = big::run(&folder)?;
    let batch = batch::run(&folder)?;
    let speed = speed::measure(&folder)?;
    let page = report::page(&rows, &damage, &big, &batch, &speed);
    if arguments.write {
        let path = root().join("docs/formats.md");
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    } else {
        print!("{page}");
    }
    Ok(
        if rows.iter().all(compare::Row::is_fine) && damage.iter().all(corrupted::Damage::is_fine) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--help")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok()
}

/// Run a line of words in a folder; quiet unless it fails.
fn shell(folder: &Path, line: &str) -> Result<()> {
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        bail!(
            "`{line}` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
