//! Output that nobody reads to its end: `unbraid … | head`.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

use crate::helpers::{unbraid, worst_difference, write_mixture};

/// Run the program with its output, and where wanted its complaints, going where nobody reads.
fn unread(folder: &Path, words: &[&str], complaints_too: bool) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("unbraid"));
    command.args(words).current_dir(folder);
    if complaints_too {
        command.stderr(writer.try_clone().unwrap());
    }
    command.stdout(writer).output().unwrap()
}

#[test]
fn what_nobody_reads_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&folder.path().join("song.wav"));
    let quick = ["--iterations", "5", "--evidence", "none"];
    let separate = [&["separate", "song.wav", "--overwrite"][..], &quick].concat();
    unbraid(folder.path()).args(&separate).assert().success();
    std::fs::rename(
        folder.path().join("separated/song"),
        folder.path().join("truth"),
    )
    .unwrap();
    let commands: [&[&str]; 9] = [
        &separate,
        &[&separate[..], &["--json"]].concat(),
        &[&separate[..], &["--stem", "drums", "-o", "-"]].concat(),
        &["evaluate", "truth", "separated/song", "--json"],
        &["evaluate", "truth", "separated/song"],
        &["info", "song.wav"],
        &["licenses"],
        &["completions", "bash"],
        &["--help"],
    ];
    for words in commands {
        for complaints_too in [false, true] {
            let ended = unread(folder.path(), words, complaints_too);
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(
                ended.status.success() && said.is_empty(),
                "{words:?}: {said}"
            );
        }
    }
    // The work was done all the same.
    let stems =
        ["drums", "rest"].map(|stem| folder.path().join(format!("separated/song/{stem}.wav")));
    assert!(worst_difference(&mixture, &stems) < 2e-6);
    // And a failure stays one.
    let ended = unread(folder.path(), &["info", "gone.wav"], true);
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("unbraid"));
    let ended = command
        .arg("licenses")
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("cannot write standard output"), "{said}");
}
