//! What is refused, how, and that nothing is left behind.

use std::fs;
use std::path::Path;

use crate::helpers::{files, unbraid, write, write_mixture};
use unbraid::Audio;
use unbraid_io::audio::OutputFormat;

/// Run a command that must fail; return what it said.
fn refused(folder: &Path, args: &[&str], code: i32) -> String {
    let before = files(folder);
    let assert = unbraid(folder).args(args).assert().failure().code(code);
    let output = assert.get_output();
    assert!(
        output.stdout.is_empty(),
        "{args:?}: words on standard output"
    );
    assert_eq!(files(folder), before, "{args:?}: something was left behind");
    assert!(
        !folder.join("separated").exists(),
        "{args:?}: a folder was left behind"
    );
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn files_that_are_no_recording_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("noise.bin"), [7_u8; 5000]).unwrap();
    fs::write(path("empty.wav"), []).unwrap();
    fs::write(
        path("letter.wav"),
        "Dear diary, this is not a wave file at all. ".repeat(40),
    )
    .unwrap();
    write_mixture(&path("whole.wav"));
    let whole = fs::read(path("whole.wav")).unwrap();
    fs::write(path("truncated.wav"), &whole[..whole.len() / 2]).unwrap();
    fs::write(path("header.wav"), &whole[..44]).unwrap();
    let mut none = whole[..44].to_vec();
    none[40..44].copy_from_slice(&[0; 4]);
    none[4..8].copy_from_slice(&36_u32.to_le_bytes());
    fs::write(path("zero samples.wav"), none).unwrap();
    let fine = Audio::new(ndarray::Array2::from_elem((1, 5000), 0.25), 8000).unwrap();
    write(&path("nan.wav"), &fine, OutputFormat::Wav32f);
    let mut bytes = fs::read(path("nan.wav")).unwrap();
    let at = bytes.len() - 400;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(path("nan.wav"), bytes).unwrap();

    for (name, words) in [
        ("noise.bin", "not audio"),
        ("empty.wav", "empty"),
        ("letter.wav", "not audio"),
        ("truncated.wav", "truncated"),
        ("header.wav", ""),
        ("zero samples.wav", "no samples"),
        ("nan.wav", "NaN"),
        ("missing.wav", "cannot read"),
    ] {
        for command in ["separate", "factorize"] {
            let said = refused(dir.path(), &[command, name], 1);
            assert!(said.starts_with("error: "), "{name}: {said}");
            assert!(
                said.contains(name) && said.contains(words),
                "{name}: {said}"
            );
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_with_the_option() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    for (args, words) in [
        (&["-k", "0"][..], "`components` is 0"),
        (&["-k", "100000"], "number of frames"),
        (&["--beta", "7"], "`fit.beta` is 7"),
        (&["--beta", "nonsense"], "--beta"),
        (&["--exponent", "0"], "`mask.exponent` is 0"),
        (&["--fft-len", "1"], "`stft.fft_len` is 1"),
        (
            &["--fft-len", "512", "--hop-len", "512"],
            "`stft.hop_len` is 512",
        ),
        (&["--window", "triangle"], "--window"),
        (&["--sparsity", "-1"], "sparsity"),
        (&["--format", "mp3"], "wav16, wav24, wav32f, flac"),
        (
            &["--sources", "drums,kazoo"],
            "drums, kick, snare, hihat, cymbals, percussion, guitar, voice, piano, bass, rest",
        ),
        (&["--assign", "drums=99"], "99"),
        (&["--assign", "drums"], "drums=0,3,7"),
        (&["--start", "-1"], "--start"),
        (&["--duration", "0"], "--duration"),
        (&["--stem", "voice", "--sources", "drums,guitar"], "`voice`"),
        (&["-o", "-"], "--stem"),
        (&["--no-such-option"], "--no-such-option"),
    ] {
        let args = [&["separate", "song.wav"], args].concat();
        let said = refused(dir.path(), &args, 2);
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_span_behind_the_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    let said = refused(dir.path(), &["separate", "song.wav", "--start", "60"], 1);
    assert!(said.contains("60 s") && said.contains("song.wav"), "{said}");
}

#[test]
fn existing_output_is_refused_and_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    let mine = dir.path().join("separated/song/mine.txt");
    fs::create_dir_all(mine.parent().unwrap()).unwrap();
    fs::write(&mine, "precious").unwrap();
    let before = files(dir.path());
    let assert = unbraid(dir.path())
        .args(["separate", "song.wav"])
        .assert()
        .failure()
        .code(1);
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(said.contains("--overwrite"), "{said}");
    assert_eq!(files(dir.path()), before);

    // A failed attempt to overwrite loses nothing either.
    fs::write(dir.path().join("song.wav"), "broken").unwrap();
    unbraid(dir.path())
        .args(["separate", "song.wav", "--overwrite"])
        .assert()
        .failure();
    assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");
}

#[test]
fn output_that_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    fs::write(dir.path().join("file"), "x").unwrap();
    let said = refused(dir.path(), &["separate", "song.wav", "-o", "file/below"], 1);
    assert!(said.contains("cannot write"), "{said}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_half_written() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let dir = tempfile::tempdir().unwrap();
    write_mixture(&dir.path().join("song.wav"));
    let before = files(dir.path());
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("unbraid"))
        .current_dir(dir.path())
        .args(["separate", "song.wav", "--iterations", "100000000"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The hidden folder is there once work has begun.
    let patience = Instant::now() + Duration::from_mins(1);
    while !dir.path().join("separated").exists() {
        assert!(Instant::now() < patience, "nothing began");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(files(dir.path()), before);
    assert!(!dir.path().join("separated").exists());
}
