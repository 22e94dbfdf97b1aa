//! Several recordings, or folders of them, come in; a folder of stems for each goes out, and a manifest of all.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use indicatif::MultiProgress;
use unbraid_io::Error as IoError;
use unbraid_io::atomic::{OutputFolder, restore};
use unbraid_io::audio::probe;
use unbraid_io::project::{
    BATCH, Batch, BatchRecording, BatchState, FORMAT_VERSION, MANIFEST, Manifest, read_batch,
    read_manifest, sha256_of_file, write_batch,
};

use super::pieces::Work;
use super::{Task, print};
use crate::cancel;
use crate::commands::{print_json, program};
use crate::cost::{self, PROGRAM_BYTES, Shape};
use crate::failure::Failure;
use crate::output::{complain, say};
use crate::progress::Line;
use crate::tracks::{Track, Tracks};

/// The manifest is written again at most so often, and at the end.
const WRITTEN_EVERY: Duration = Duration::from_secs(2);

/// Separate what was given.
pub(super) fn run(task: &Task<'_>, given: Tracks) -> Result<(), Failure> {
    let args = task.args;
    if !args.common.overwrite && !args.resume {
        for track in &given.list {
            let path = args.output.join(&track.name);
            restore(&path)?;
            if path.exists() {
                return Err(IoError::Exists { path }.into());
            }
        }
    }
    if given.is_batch {
        return Run::new(task, given)?.run();
    }
    let track = &given.list[0];
    let line = Line::new(&track.file.display().to_string(), args.common.quiet);
    let done = separate(task, track, line)?;
    match done {
        Some(done) if args.common.json => print_json(&[done.manifest])?,
        Some(done) if !args.common.quiet => {
            print(args, &track.file, &done.target, &done.manifest, done.took);
        }
        None if !args.common.quiet && !args.common.json => {
            say!("{}: done before", track.file.display());
        }
        _ => {}
    }
    Ok(())
}

/// A recording that was separated.
struct Done {
    manifest: Manifest,
    target: PathBuf,
    took: Duration,
}

/// Separate one recording, unless --resume finds that it was done before.
fn separate(task: &Task<'_>, track: &Track, mut line: Line) -> Result<Option<Done>, Failure> {
    let args = task.args;
    let target = args.output.join(&track.name);
    let mut overwrite = args.common.overwrite;
    if args.resume {
        restore(&target)?;
        match made_before(task, track, &target)? {
            Before::Nothing => {}
            Before::Same => return Ok(None),
            Before::Other(_) if overwrite => {}
            Before::Other(what) => {
                return Err(Failure::Other(anyhow!(
                    "there already, {what} (pass --overwrite as well to make it again): {}",
                    target.display()
                )));
            }
        }
        overwrite = true;
    }
    let manifest = into_folder(task, &track.file, &target, overwrite, &mut line)?;
    line.finish();
    Ok(Some(Done {
        manifest,
        target,
        took: line.elapsed(),
    }))
}

/// Separate one recording, in pieces where it has to be, into a folder that appears whole.
pub(super) fn into_folder(
    task: &Task<'_>,
    file: &Path,
    target: &Path,
    overwrite: bool,
    line: &mut Line,
) -> Result<Manifest, Failure> {
    if let Some(work) = Work::of(task, file, target)? {
        return work.run(overwrite, line);
    }
    let folder = OutputFolder::create(target, overwrite)?;
    let manifest = task.one(file, folder.path(), line)?;
    folder.commit()?;
    Ok(manifest)
}

/// What is in a track's folder.
enum Before {
    Nothing,
    /// What this run would make.
    Same,
    Other(&'static str),
}

fn made_before(task: &Task<'_>, track: &Track, target: &Path) -> Result<Before, Failure> {
    if !target.exists() {
        return Ok(Before::Nothing);
    }
    if !target.join(MANIFEST).exists() {
        return Ok(Before::Other("and no result of this program"));
    }
    let manifest = read_manifest(target)?;
    let span = task.args.common.span()?;
    let input = &manifest.input;
    let same_span = input.start_secs.to_bits() == span.start_secs.to_bits()
        && input.duration_secs.map(f64::to_bits) == span.duration_secs.map(f64::to_bits);
    let settings = task.settings(&task.config(task.working_rate(input.sample_rate)))?;
    Ok(if !same_span || manifest.settings != settings {
        Before::Other("made with other settings")
    } else if sha256_of_file(&track.file)? != input.sha256 {
        Before::Other("made from a recording that has changed since")
    } else if manifest
        .outputs
        .iter()
        .any(|output| !target.join(&output.path).exists())
    {
        Before::Other("with a stem missing")
    } else {
        Before::Same
    })
}

/// A batch at work.
struct Run<'a> {
    task: &'a Task<'a>,
    tracks: Vec<Track>,
    lines: MultiProgress,
    /// Recordings of other batches with the same output.
    earlier: Vec<BatchRecording>,
    state: Mutex<State>,
    /// Rung when a recording is done, and its memory free again.
    freed: Condvar,
}

struct State {
    waiting: VecDeque<usize>,
    recordings: Vec<BatchRecording>,
    written: Instant,
    manifests: Vec<Manifest>,
    /// Bytes that recordings in work are expected to take, and their number.
    taken: u64,
    working: usize,
    /// Why nothing goes on.
    stopped: Option<Failure>,
}

impl State {
    fn count(&self, state: BatchState) -> usize {
        let same = |recording: &&BatchRecording| recording.state == state;
        self.recordings.iter().filter(same).count()
    }
}

impl<'a> Run<'a> {
    fn new(task: &'a Task<'a>, given: Tracks) -> Result<Self, Failure> {
        let output = &task.args.output;
        let mut recordings: Vec<BatchRecording> = given
            .list
            .iter()
            .map(|track| BatchRecording {
                path: track.file.display().to_string(),
                track: track.name.display().to_string(),
                state: BatchState::Waiting,
                sha256: None,
                error: None,
            })
            .collect();
        recordings.extend(given.unreadable.iter().map(|error| BatchRecording {
            path: match error {
                IoError::Read { path, .. } => path.display().to_string(),
                _ => String::new(),
            },
            track: String::new(),
            state: BatchState::Failed,
            sha256: None,
            error: Some(error.to_string()),
        }));
        let ours: HashSet<&str> = recordings.iter().map(|one| one.track.as_str()).collect();
        // What became of others that went to the same place stays written down.
        let earlier = if output.join(BATCH).exists() {
            let before = read_batch(output)?.recordings.into_iter();
            before
                .filter(|other| !ours.contains(other.track.as_str()))
                .collect()
        } else {
            Vec::new()
        };
        Ok(Self {
            task,
            lines: MultiProgress::new(),
            state: Mutex::new(State {
                waiting: (0..given.list.len()).collect(),
                recordings,
                written: Instant::now(),
                manifests: Vec::new(),
                taken: 0,
                working: 0,
                stopped: None,
            }),
            earlier,
            freed: Condvar::new(),
            tracks: given.list,
        })
    }

    fn run(self) -> Result<(), Failure> {
        let args = self.task.args;
        std::fs::create_dir_all(&args.output).map_err(|source| IoError::Write {
            path: args.output.clone(),
            source,
        })?;
        self.write(&self.state())?;
        let jobs = args.jobs.min(self.tracks.len()).max(1);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| self.work());
            }
        });
        let mut state = self.state();
        self.write(&state)?;
        if args.common.json {
            print_json(&state.manifests)?;
        }
        if cancel::requested() {
            return Err(Failure::Library(unbraid::Error::Cancelled));
        }
        if let Some(failure) = state.stopped.take() {
            return Err(failure);
        }
        let failed: Vec<&BatchRecording> = state
            .recordings
            .iter()
            .filter(|recording| recording.state == BatchState::Failed)
            .collect();
        if !args.common.quiet && !args.common.json {
            say!(
                "{} separated, {} done before, {} failed; {} lists them",
                state.count(BatchState::Done),
                state.count(BatchState::Kept),
                failed.len(),
                args.output.join(BATCH).display()
            );
        }
        if failed.is_empty() {
            return Ok(());
        }
        let reasons: Vec<String> = failed
            .iter()
            .map(|recording| format!("\n  {}", recording.error.as_deref().unwrap_or_default()))
            .collect();
        Err(Failure::Other(anyhow!(
            "{} of {} recordings failed:{}",
            failed.len(),
            state.recordings.len(),
            reasons.concat()
        )))
    }

    fn write(&self, state: &State) -> Result<(), IoError> {
        let batch = Batch {
            format_version: FORMAT_VERSION,
            program: program(),
            recordings: [&state.recordings[..], &self.earlier].concat(),
        };
        write_batch(&self.task.args.output, &batch)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take recordings, one after the other, until none is left.
    fn work(&self) {
        while let Some((index, bytes)) = self.next() {
            let result = self.one(index);
            self.done(index, bytes.min(self.task.args.memory), result);
        }
    }

    /// The next recording, once there is memory for it, and how much it takes.
    fn next(&self) -> Option<(usize, u64)> {
        let index = {
            let mut state = self.state();
            if state.stopped.is_some() || cancel::requested() {
                return None;
            }
            state.waiting.pop_front()?
        };
        // What cannot be told will be refused when it is read.
        let needed = self.needed(index).unwrap_or(0);
        let taken = needed.min(self.task.args.memory);
        let mut state = self.state();
        while state.working > 0 && state.taken + taken + PROGRAM_BYTES > self.task.args.memory {
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.working += 1;
        state.taken += taken;
        Some((index, needed))
    }

    fn needed(&self, index: usize) -> Option<u64> {
        let file = &self.tracks[index].file;
        let found = probe(file).ok()?;
        let shape = Shape::of(&found, self.task.args.common.span().ok()?);
        let rate = self.task.working_rate(found.sample_rate);
        let config = self.task.config(rate);
        Some(cost::separate_bytes(shape, rate, &config) - PROGRAM_BYTES)
    }

    fn one(&self, index: usize) -> Result<Option<Done>, Failure> {
        let args = self.task.args;
        let track = &self.tracks[index];
        let name = format!(
            "[{}/{}] {}",
            index + 1,
            self.tracks.len(),
            track.file.display()
        );
        separate(
            self.task,
            track,
            Line::among(&self.lines, &name, args.common.quiet),
        )
    }

    /// Note what became of a recording, and say so.
    fn done(&self, index: usize, bytes: u64, result: Result<Option<Done>, Failure>) {
        let args = self.task.args;
        let file = &self.tracks[index].file;
        let mut state = self.state();
        state.working -= 1;
        state.taken -= bytes;
        let is_first = state.count(BatchState::Done) + state.count(BatchState::Kept) == 0;
        let recording = &mut state.recordings[index];
        match result {
            Ok(Some(done)) => {
                recording.state = BatchState::Done;
                recording.sha256 = Some(done.manifest.input.sha256.clone());
                if args.common.json {
                    state.manifests.push(done.manifest);
                } else if !args.common.quiet {
                    self.lines
                        .suspend(|| print(args, file, &done.target, &done.manifest, done.took));
                }
            }
            Ok(None) => recording.state = BatchState::Kept,
            Err(failure) if failure.is_cancelled() => state.stopped = Some(failure),
            // A setting that is refused before anything was done will be refused for every recording.
            Err(failure) if failure.exit_code() == 2 && is_first => state.stopped = Some(failure),
            Err(failure) => {
                recording.state = BatchState::Failed;
                let said = failure.to_string();
                let named = said.contains(&*file.to_string_lossy());
                let reason = if named {
                    said
                } else {
                    format!("{said}: {}", file.display())
                };
                if !args.common.quiet {
                    self.lines.suspend(|| complain!("failed: {reason}"));
                }
                recording.error = Some(reason);
            }
        }
        if state.written.elapsed() > WRITTEN_EVERY {
            state.written = Instant::now();
            if let Err(error) = self.write(&state) {
                state.stopped.get_or_insert(error.into());
            }
        }
        drop(state);
        self.freed.notify_all();
    }
}
