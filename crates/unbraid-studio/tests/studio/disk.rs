//! A full disk: it is said, nothing is half-written, and what was there stays.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::client::{Studio, recording};

/// A small disk in memory, as long as it lives.
struct Disk(PathBuf);

impl Disk {
    /// The reason where this user may not have one.
    fn of(path: &Path) -> Result<Self, String> {
        std::fs::create_dir(path).unwrap();
        let said = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
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

/// The files of a folder, hidden ones too, and their bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_full_disk_is_said_and_nothing_is_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let disk = match Disk::of(&dir.path().join("disk")) {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: {why}"),
    };
    let studio = Studio::start_in(tempfile::tempdir_in(&disk.0).unwrap());
    let wav = recording(dir.path());
    let id = studio.ask("POST", "/api/upload?name=song.wav", &wav).json()["id"].clone();
    assert_eq!(studio.finish(&id)["state"], "done");
    let export = || {
        let path = format!("/api/projects/{id}/export");
        studio.ask("POST", &path, br#"{"what":"stems"}"#);
        studio.finish(&id)
    };
    assert_eq!(export()["state"], "done");
    let mut edits = studio
        .ask("GET", &format!("/api/projects/{id}"), b"")
        .json()["edits"]
        .clone();
    let before = contents(studio.folder.path());

    let filling = disk.0.join("filling");
    std::fs::write(&filling, vec![1; 8 << 20]).unwrap_err();
    let job = export();
    assert_eq!(job["state"], "failed", "{job}");
    let said = job["error"].as_str().unwrap();
    assert!(
        said.contains("No space left") && said.contains("free some space"),
        "{said}"
    );
    edits["assignment"][2] = json!(1);
    let path = format!("/api/projects/{id}/edits");
    let answer = studio.ask("PUT", &path, edits.to_string().as_bytes());
    assert_eq!(answer.status, 507, "{}", answer.json());
    assert!(
        contents(studio.folder.path()) == before,
        "the full disk changed what was there"
    );

    // With room again, everything goes on.
    std::fs::remove_file(&filling).unwrap();
    assert_eq!(
        studio
            .ask("PUT", &path, edits.to_string().as_bytes())
            .status,
        200
    );
    assert_eq!(export()["state"], "done");
}
