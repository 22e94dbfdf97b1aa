//! A folder of two hundred recordings, five of them bad, goes in; the program is killed in the middle and resumed; what became
//! of every recording comes out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};
use unbraid_io::project::{BatchState, read_batch, read_manifest, sha256_of_file};

use crate::root;

const RECORDINGS: usize = 200;

/// These are bad, each in a way of its own.
const BAD: [usize; 5] = [13, 57, 111, 150, 199];

/// What the program may take, in MiB.
pub(super) const MEMORY_MIB: u64 = 256;

/// What was seen.
pub(super) struct Batch {
    /// Recordings that were done when the program was killed.
    pub(super) before: usize,
    /// Recordings that the second run did, kept and failed.
    pub(super) done: usize,
    pub(super) kept: usize,
    pub(super) failed: usize,
    /// The most memory of either run, in MiB.
    pub(super) most_mib: u64,
    pub(super) secs: f64,
}

fn name(number: usize) -> PathBuf {
    let ending = ["wav", "flac"][number % 2];
    PathBuf::from(format!("disc {}/{number:03} — song.{ending}", number % 7))
}

/// Write the folder.
fn library(folder: &Path) -> Result<()> {
    for number in 0..RECORDINGS {
        let path = folder.join(name(number));
        fs::create_dir_all(path.parent().context("below a folder")?)?;
        let (drums, guitar) = drums_and_guitar(2.0 + number as f32 % 5.0 / 10.0, 16_000);
        let audio = mix(&[&drums, &guitar]);
        let format = if number % 2 == 0 {
            OutputFormat::Wav16
        } else {
            OutputFormat::Flac
        };
        let (channels, len) = (audio.channels(), audio.len_samples());
        let mut set = StemSet::create(
            std::slice::from_ref(&path),
            format,
            16_000,
            channels,
            len,
            1.0,
        )?;
        set.write(audio.samples().insert_axis(ndarray::Axis(0)))?;
        set.finish()?;
        let bytes = fs::read(&path)?;
        match BAD.iter().position(|&bad| bad == number) {
            // Cut, words, nothing, zeros behind a header, a header alone.
            Some(0) => fs::write(&path, &bytes[..bytes.len() / 2])?,
            Some(1) => fs::write(&path, "dear diary")?,
            Some(2) => fs::write(&path, "")?,
            Some(3) => fs::write(&path, [&bytes[..30], &[0; 5000]].concat())?,
            Some(_) => fs::write(&path, &bytes[..44])?,
            None => {}
        }
    }
    Ok(())
}

fn start(folder: &Path, resume: bool) -> Result<Child> {
    let program = root().join("target/release/unbraid");
    Command::new(program)
        .current_dir(folder)
        .args([
            "separate", "songs", "-o", "out", "-j", "2", "-q", "--format", "wav16",
        ])
        .args(["--memory", &format!("{MEMORY_MIB}M")])
        .args(resume.then_some("--resume"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the program")
}

/// The most memory that a process has had, in MiB, as far as the system tells.
fn most_mib(process: &Child) -> u64 {
    let path = format!("/proc/{}/status", process.id());
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib.div_ceil(1024))
}

/// Recordings whose output is whole: its folder, with when it was made and its checksums.
fn finished(out: &Path) -> Result<BTreeMap<String, (SystemTime, Vec<String>)>> {
    let mut found = BTreeMap::new();
    let mut open = vec![out.to_owned()];
    while let Some(folder) = open.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if !path.is_dir() {
                continue;
            }
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            if !path.join("unbraid.json").exists() {
                open.push(path);
                continue;
            }
            let manifest = read_manifest(&path)?;
            let mut sums = Vec::new();
            for output in &manifest.outputs {
                let sha256 = sha256_of_file(&path.join(&output.path))?;
                ensure!(
                    sha256 == output.sha256,
                    "{} is half-written",
                    path.display()
                );
                sums.push(sha256);
            }
            let made = fs::metadata(path.join("unbraid.json"))?.modified()?;
            found.insert(path.strip_prefix(out)?.display().to_string(), (made, sums));
        }
    }
    Ok(found)
}

/// What an ended process has said.
fn said_by(mut process: Child) -> Result<String> {
    let mut said = String::new();
    if let Some(mut stderr) = process.stderr.take() {
        stderr.read_to_string(&mut said)?;
    }
    Ok(said)
}

/// How many folders below this one hold a manifest; hidden ones are unfinished.
fn manifests(folder: &Path) -> Result<usize> {
    if !folder.exists() {
        return Ok(0);
    }
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            count += usize::from(path.join("unbraid.json").exists()) + manifests(&path)?;
        }
    }
    Ok(count)
}

fn hidden(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        count += usize::from(
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.')),
        );
        if path.is_dir() {
            count += hidden(&path)?;
        }
    }
    Ok(count)
}

pub(super) fn run(folder: &Path) -> Result<Batch> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--workspace"])
        .current_dir(root())
        .status()?;
    ensure!(built.success(), "the program cannot be built");
    let folder = folder.join("batch");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    library(&folder.join("songs"))?;
    let out = folder.join("out");
    let began = Instant::now();

    // Killed, without a word, when about a third is done.
    let mut process = start(&folder, false)?;
    let mut most = 0;
    while manifests(&out)? < RECORDINGS / 3 {
        most = most.max(most_mib(&process));
        if let Some(status) = process.try_wait()? {
            bail!(
                "the program ended by itself: {status}\n{}",
                said_by(process)?
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    process.kill()?;
    process.wait()?;
    let before = finished(&out)?;

    let mut process = start(&folder, true)?;
    let status = loop {
        most = most.max(most_mib(&process));
        if let Some(status) = process.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let secs = began.elapsed().as_secs_f64();
    ensure!(
        status.code() == Some(1),
        "bad files are an exit code of 1, not {status}"
    );
    let said = said_by(process)?;

    let after = finished(&out)?;
    ensure!(hidden(&out)? == 0, "something hidden is left");
    for (track, made) in &before {
        ensure!(after.get(track) == Some(made), "{track} was made twice");
    }
    for number in 0..RECORDINGS {
        let song = name(number);
        let track = song.with_extension("").display().to_string();
        if BAD.contains(&number) {
            ensure!(!after.contains_key(&track), "{track} is bad");
            ensure!(
                said.contains(&song.display().to_string()),
                "{track} is not listed"
            );
            continue;
        }
        ensure!(after.contains_key(&track), "{track} is missing");
        let mut rest = read_audio(&folder.join("songs").join(&song), Span::default())?
            .audio
            .into_samples();
        for stem in ["drums.wav", "rest.wav"] {
            rest -= &read_audio(&out.join(&track).join(stem), Span::default())?
                .audio
                .samples();
        }
        // Half a step of 16 bits: the FLAC recordings have 24.
        let worst = rest.fold(0.0_f32, |worst, x| worst.max(x.abs()));
        ensure!(
            worst <= 0.51 / 32768.0,
            "the stems of {track} do not add up: {worst}"
        );
    }
    let batch = read_batch(&out)?;
    let count = |state| {
        batch
            .recordings
            .iter()
            .filter(|one| one.state == state)
            .count()
    };
    let (done, kept) = (count(BatchState::Done), count(BatchState::Kept));
    let failed = count(BatchState::Failed);
    ensure!(
        failed == BAD.len() && done + kept == RECORDINGS - BAD.len(),
        "{done} done, {kept} kept and {failed} failed are not {RECORDINGS} recordings, of which {} are bad",
        BAD.len()
    );
    ensure!(
        most <= MEMORY_MIB,
        "{most} MiB are more than the {MEMORY_MIB} that were allowed"
    );
    Ok(Batch {
        before: before.len(),
        done,
        kept,
        failed,
        most_mib: most,
        secs,
    })
}
