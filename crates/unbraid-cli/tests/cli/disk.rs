//! Disks that are full or may not be written: nothing half-written, and said so.

use std::path::{Path, PathBuf};
use std::process::Command;

use predicates::prelude::*;
use unbraid_io::audio::OutputFormat;

use crate::helpers::{files, unbraid, write, write_mixture};

/// A small disk in memory, as long as it lives.
struct Disk(PathBuf);

impl Disk {
    /// The reason where this user may not have one.
    fn of(path: &Path, options: &str) -> Result<Self, String> {
        std::fs::create_dir(path).unwrap();
        let said = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(path)
            .output()
            .map_err(|error| format!("no `mount` here: {error}"))?;
        if said.status.success() {
            return Ok(Self(path.to_owned()));
        }
        Err(String::from_utf8_lossy(&said.stderr).trim().to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_keeps_what_was_there_and_gets_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let disk = match Disk::of(&dir.path().join("disk"), "size=300k") {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: {why}"),
    };
    // 16 kB a stem and second.
    write_mixture(&dir.path().join("short.wav"));
    let long = unbraid::Audio::new(ndarray::Array2::from_elem((1, 8000 * 30), 0.1), 8000).unwrap();
    write(&dir.path().join("long.wav"), &long, OutputFormat::Wav16);
    let run = |file: &str, format: &str, more: &[&str]| {
        let mut command = unbraid(dir.path());
        command
            .args([
                "separate",
                file,
                "-o",
                "disk",
                "-k",
                "2",
                "--iterations",
                "2",
                "--evidence",
                "features",
            ])
            .args(["--format", format])
            .args(more);
        command.assert()
    };
    run("short.wav", "wav16", &[]).success();
    let before = files(&disk.0);
    assert_eq!(
        before,
        ["short/drums.wav", "short/rest.wav", "short/unbraid.json"]
    );
    for format in ["wav16", "wav24", "wav32f", "flac"] {
        if format == "flac" {
            // A constant is a few bytes in FLAC: fill the disk first.
            std::fs::write(disk.0.join("filling"), vec![1; 400_000]).ok();
        }
        run("long.wav", format, &[]).code(1).stderr(
            predicate::str::contains("No space left").and(predicate::str::contains("hint: ")),
        );
        std::fs::remove_file(disk.0.join("filling")).ok();
        assert_eq!(files(&disk.0), before, "{format}");
    }
    // Nor is what was there lost by replacing it.
    std::fs::copy(dir.path().join("long.wav"), dir.path().join("short.wav")).unwrap();
    run("short.wav", "wav24", &["--overwrite"]).code(1);
    assert_eq!(files(&disk.0), before);
}

#[test]
fn a_disk_that_may_not_be_written_is_refused_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let disk = match Disk::of(&dir.path().join("disk"), "size=300k,ro") {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: {why}"),
    };
    write_mixture(&dir.path().join("songs/song.wav"));
    for input in ["songs/song.wav", "songs"] {
        unbraid(dir.path())
            .args(["separate", input, "-o", "disk/out"])
            .assert()
            .code(1)
            .stderr(
                predicate::str::contains("Read-only file system")
                    .and(predicate::str::contains("disk/out")),
            );
    }
    assert_eq!(files(&disk.0), Vec::<String>::new());
    assert_eq!(files(dir.path()), ["songs/song.wav"]);
}
