//! A recording that is too long for the memory that may be used comes in; a folder of stems goes out.
//!
//! It is separated in pieces, one after the other ([`unbraid::pieces`]). Each begins with the components of the one
//! before; its stems are appended to those of the whole recording ([`growing`]). Everything that is finished is kept in
//! a journal, so that an interrupted separation can go on.

mod growing;

use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::{Array2, Array3, Axis, concatenate, s};
use serde::{Deserialize, Serialize};
use unbraid::group::Grouping;
use unbraid::knowledge::onsets::{self, Onset};
use unbraid::mask::Render;
use unbraid::observe::{Observer, Progress, Stage};
use unbraid::pieces::{Cut, Joint, Piece};
use unbraid::recipe::WarmStart;
use unbraid::resample::AtOriginalRate;
use unbraid::separate::{Recipe, recipe};
use unbraid::separation::Heard;
use unbraid::stems::StemBlocks;
use unbraid::{Audio, SeparateConfig, Separation, StftConfig, separate};
use unbraid_io::Error as IoError;
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::{
    AudioStream, Metadata, OutputFormat, Span, StemSet, Survey, file_len_bytes, probe, read_audio,
};
use unbraid_io::knowledge::write_onsets;
use unbraid_io::project::{
    Input, Journal, Manifest, read_warm_start, sha256_of_file, write_manifest, write_warm_start,
};

use self::growing::Growing;
use super::{Task, at_rate, compact, manifest, stem_files, write_heard};
use crate::cost::{self, Shape};
use crate::failure::Failure;
use crate::input::is_standard;
use crate::knowledge::score_file;
use crate::progress::Line;
use crate::render::StemFile;

/// The file in every piece that says where the next one starts.
const WARM_START: &str = "components.safetensors";

/// What two pieces share, in seconds: longer than any room rings on noticeably between two ways to share it out.
const FADE_SECS: f64 = 1.0;

/// What a piece sees beyond what is heard of it, in seconds.
const MARGIN_SECS: f64 = 2.0;

/// Pieces are no longer than this, whatever fits: a longer one explains no better, and more is lost when the program is
/// stopped in it.
const LONGEST_SECS: f64 = 300.0;

/// Pieces are no shorter than this: what is learnt of less is not worth it.
const SHORTEST_SECS: f64 = 10.0;

/// Transforms with hops that are powers of two up to this have the frames of all pieces on one grid.
const GRID_SAMPLES: u64 = 1 << 13;

/// A recording that is separated in pieces.
pub(super) struct Work<'a> {
    task: &'a Task<'a>,
    file: &'a Path,
    target: &'a Path,
    config: SeparateConfig,
    files: Vec<StemFile>,
    cut: Cut,
    survey: Survey,
    sha256: String,
}

/// How one piece came out.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// What its stems were multiplied by.
    gain: f64,
    notes: Vec<String>,
    /// When drums were struck, in seconds of the piece as it was read.
    onsets: Vec<Onset>,
    /// The music that was heard, in the same seconds.
    heard: Heard,
    /// Where its components went.
    grouping: Option<Grouping>,
}

/// What the pieces of a journal have to agree on.
#[derive(Serialize)]
struct Terms<'a> {
    version: &'a str,
    sha256: &'a str,
    settings: &'a serde_json::Value,
    knowledge: Vec<String>,
    stems: Vec<&'a str>,
    format: &'a str,
    span: (f64, Option<f64>),
    pieces: Vec<(u64, u64)>,
}

/// What decides where a recording is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// `--memory`, in bytes.
    pub(crate) memory: u64,
    /// `--piece`, in seconds.
    pub(crate) piece: Option<f64>,
    /// The rate at which it is separated.
    pub(crate) working_rate: u32,
}

/// Where a recording has to be cut, if it has to: if separating it whole would take more than `--memory`, or if
/// `--piece` asks for it.
pub(crate) fn cut(
    limits: Limits,
    config: &SeparateConfig,
    shape: Shape,
) -> Result<Option<Cut>, Failure> {
    let Limits {
        memory,
        piece,
        working_rate,
    } = limits;
    let rate = f64::from(shape.sample_rate);
    let takes = |shape| cost::separate_bytes(shape, working_rate, config);
    if piece.is_none() && takes(shape) <= memory {
        return Ok(None);
    }
    let beside = 2.0 * MARGIN_SECS + FADE_SECS;
    let wanted = piece.unwrap_or(LONGEST_SECS);
    let of_secs = |secs: f64| Shape {
        len_samples: (secs * rate) as u64,
        ..shape
    };
    // What grows, grows in proportion to the length.
    let (one, two) = (takes(of_secs(60.0)), takes(of_secs(120.0)));
    let per_minute = (two - one).max(1);
    let fixed = one.saturating_sub(per_minute);
    let fits = 60.0 * memory.saturating_sub(fixed) as f64 / per_minute as f64 - beside;
    if fits < SHORTEST_SECS.min(wanted) {
        return Err(Failure::Other(anyhow::anyhow!(
            "--memory {} MiB is too little for pieces of {SHORTEST_SECS} s: at least {} MiB are needed",
            memory >> 20,
            (takes(of_secs(SHORTEST_SECS + beside)) >> 20) + 1
        )));
    }
    let len_secs = shape.len_samples as f64 / rate;
    let piece_secs = wanted.min(fits);
    if len_secs <= piece_secs {
        return Ok(None);
    }
    let hop = config
        .factorize
        .stft
        .unwrap_or_else(|| StftConfig::for_sample_rate(shape.sample_rate))
        .hop_len as u64;
    // At low rates a piece may be shorter than the usual grid.
    let mut grid = GRID_SAMPLES;
    while grid as f64 > piece_secs * rate / 4.0 && grid > 1 {
        grid /= 2;
    }
    let grid = grid.div_ceil(hop) * hop;
    let on_grid = |secs: f64| ((secs * rate) as u64).div_ceil(grid) * grid;
    Ok(Some(Cut {
        len_samples: ((piece_secs * rate) as u64 / grid).max(1) * grid,
        fade_samples: (FADE_SECS.min(piece_secs / 4.0) * rate) as u64,
        margin_samples: on_grid(MARGIN_SECS.min(piece_secs / 4.0)),
        grid_samples: grid,
    }))
}

impl<'a> Work<'a> {
    /// What is to be done about a recording that must be separated in pieces; nothing for others.
    pub(super) fn of(
        task: &'a Task<'a>,
        file: &'a Path,
        target: &'a Path,
    ) -> Result<Option<Self>, Failure> {
        if is_standard(file) {
            return Ok(None);
        }
        let args = task.args;
        let span = args.common.span()?;
        let found = probe(file)?;
        let mut shape = Shape::of(&found, span);
        let limits = Limits {
            memory: args.memory,
            piece: args.piece,
            working_rate: task.working_rate(shape.sample_rate),
        };
        let config = task.config(limits.working_rate);
        // A header's word is good enough to tell that a recording is short; a long one is read through.
        if found.len_samples.is_some() && cut(limits, &config, shape)?.is_none() {
            return Ok(None);
        }
        if !task.overrides.is_empty() && !keeps_components(&config) {
            return Err(Failure::usage(
                "--assign names components by their numbers, which only free components (without --dictionary, --score, \
                 --onsets and --stroke) keep from piece to piece of a long recording: raise --memory, or choose a part \
                 with --start and --duration",
            ));
        }
        // Both read the whole file.
        let (survey, sha256) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| sha256_of_file(file));
            let survey = AudioStream::survey(file, span);
            (survey, digest.join().expect("a digest does not panic"))
        });
        let (survey, sha256) = (survey?, sha256?);
        shape.len_samples = survey.len_samples;
        let Some(cut) = cut(limits, &config, shape)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            task,
            file,
            target,
            files: stem_files(args, &config.sources)?,
            config,
            cut,
            survey,
            sha256,
        }))
    }

    /// Separate all pieces that are not there yet, each onto the end of those before it.
    pub(super) fn run(&self, overwrite: bool, line: &mut Line) -> Result<Manifest, Failure> {
        let Self { task, target, .. } = *self;
        let args = task.args;
        if self.config.align {
            return Err(Failure::usage(
                "--align needs the whole recording in memory: allow more (--memory), or align the score before",
            ));
        }
        let span = args.common.span()?;
        let pieces = self.cut.pieces(self.survey.len_samples)?;
        let settings = task.settings(&self.config)?;
        let terms = Terms {
            version: env!("CARGO_PKG_VERSION"),
            sha256: &self.sha256,
            settings: &settings,
            knowledge: self.knowledge()?,
            stems: self.files.iter().map(|file| file.name.as_str()).collect(),
            format: args.stems.format.name(),
            span: (span.start_secs, span.duration_secs),
            pieces: pieces
                .iter()
                .map(|piece| (piece.own.start, piece.own.end))
                .collect(),
        };
        let journal = Journal::open(target, &terms, args.resume, args.common.overwrite)?;
        self.check_room(&pieces)?;
        let (metadata, lost) = Metadata::read(self.file)?;
        let metadata = metadata.in_span(
            self.samples_before(span.start_secs),
            self.survey.len_samples,
        );
        let mut growing = Growing::begin(&journal, self, &pieces, &metadata)?;
        let mut stream = AudioStream::open(self.file, span)?;
        let mut held = Held::new(&stream);
        let mut records: Vec<Record> = Vec::with_capacity(pieces.len());
        let (began, mut made) = (Instant::now(), 0_u32);
        for (index, piece) in pieces.iter().enumerate() {
            let left = (pieces.len() - index) as u32;
            let left = (made > 0).then(|| began.elapsed() / made * left);
            line.set_piece(Some((index, pieces.len(), left)));
            if journal.record::<Record>(index)?.is_none() {
                let audio = held.read(&mut stream, piece)?;
                self.piece(index, piece, audio, &journal, line)?;
                made += 1;
            }
            // Always as it was written down: an interrupted run and one that was not go on from the same.
            let record = journal.record(index)?;
            records.push(record.expect("it is complete"));
            growing.append(index, piece, line)?;
        }
        line.set_piece(None);

        let folder = OutputFolder::create(target, overwrite)?;
        let gains: Vec<f64> = records.iter().map(|record| record.gain).collect();
        let written = growing.finish(folder.path(), &pieces, &gains, line)?;
        self.write_events(folder.path(), &pieces, &records)?;
        let input = Input {
            path: self.file.display().to_string(),
            sha256: self.sha256.clone(),
            format: self.survey.format.clone(),
            delay: self.survey.delay,
            notes: [&self.survey.notes[..], &lost].concat(),
            sample_rate: self.survey.sample_rate,
            channels: self.survey.channels,
            len_samples: self.survey.len_samples as usize,
            start_secs: span.start_secs,
            duration_secs: span.duration_secs,
        };
        let notes = self.notes(&pieces, &records);
        let grouping = records.swap_remove(0).grouping;
        let manifest = manifest("separate", input, settings, None, grouping, notes, written);
        write_manifest(folder.path(), &manifest)?;
        folder.commit()?;
        journal.remove()?;
        Ok(manifest)
    }

    /// Seconds of the span that a sample of it is after.
    fn secs(&self, sample: u64) -> f64 {
        sample as f64 / f64::from(self.survey.sample_rate)
    }

    fn samples_before(&self, secs: f64) -> u64 {
        (secs * f64::from(self.survey.sample_rate)).round() as u64
    }

    /// Everything the user said that is not among the settings, by its content.
    fn knowledge(&self) -> Result<Vec<String>, Failure> {
        let args = self.task.args;
        let (knowledge, hints) = (&args.knowledge, &args.hints);
        let given = knowledge.dictionary.iter().chain(&knowledge.score);
        let given = given.chain(&hints.hint).chain(&args.stroke).cloned();
        let paths = [&knowledge.melody, &knowledge.lyrics, &args.onsets];
        let paths = paths.into_iter().flatten().chain(&hints.regions);
        let paths = paths.map(|path| path.display().to_string());
        let mut known = vec![format!("hint strength {}", hints.hint_strength)];
        for text in given.chain(paths) {
            let path = text.split_once('=').map_or(text.as_str(), |(_, path)| path);
            let (path, _) = score_file(path);
            known.push(format!("{text}: {}", sha256_of_file(Path::new(path))?));
        }
        Ok(known)
    }

    /// Whether there is room for the stems and the two pieces that are there beside them.
    fn check_room(&self, pieces: &[Piece]) -> Result<(), Failure> {
        let (survey, format) = (&self.survey, self.task.args.stems.format);
        let longest = pieces
            .iter()
            .map(|piece| piece.own.end - piece.own.start)
            .max();
        let len = survey.len_samples + 2 * longest.unwrap_or(0);
        let stem = file_len_bytes(format, survey.channels, len as usize);
        let needed_bytes = stem * self.files.len() as u64;
        let there = self.target.ancestors().find(|folder| folder.is_dir());
        let there = there.unwrap_or(Path::new("."));
        match fs4::available_space(there) {
            Ok(free_bytes) if free_bytes < needed_bytes => Err(IoError::NoRoom {
                path: there.to_owned(),
                needed_bytes,
                free_bytes,
            }
            .into()),
            // A file system that does not say is tried.
            _ => Ok(()),
        }
    }

    /// The settings of one piece: what is known, as far as it is of the piece, with times counted from its beginning.
    fn config_of(
        &self,
        index: usize,
        piece: &Piece,
        working: &Audio,
        journal: &Journal,
    ) -> Result<SeparateConfig, Failure> {
        let mut config = self.config.clone();
        // A piece is too little to tell a score's time by.
        config.align = false;
        let (start, end) = (self.secs(piece.read.start), self.secs(piece.read.end));
        for instrument in &mut config.instruments {
            let score = instrument.score.as_ref();
            instrument.score = score.map(|score| score.between(start, end));
        }
        let struck = config.onsets.as_deref();
        config.onsets = struck.map(|struck| onsets::between(struck, start, end));
        config.melody = config.melody.map(|melody| melody.between(start, end));
        config.lyrics = config.lyrics.map(|lyrics| lyrics.between(start, end));
        config.strokes = self.task.strokes_at(working.sample_rate())?;
        let span = Span {
            start_secs: self.task.args.common.start + start,
            duration_secs: Some(end - start),
        };
        config.clues = self.task.args.hints.clues(working, span)?;
        config.clues.regions = config.clues.regions.counted_from(start);
        if keeps_components(&config) && index > 0 {
            let before = journal.piece(index - 1).join(WARM_START);
            config.before = Some(read_warm_start(&before)?);
        }
        Ok(config)
    }

    /// Separate one piece into the journal.
    fn piece(
        &self,
        index: usize,
        piece: &Piece,
        audio: &Audio,
        journal: &Journal,
        line: &mut Line,
    ) -> Result<(), Failure> {
        let working = at_rate(audio, self.task.working_rate(audio.sample_rate()))?;
        let config = self.config_of(index, piece, &working, journal)?;
        let separation = separate(&working, &config, line)?;
        let folder = journal.begin(index)?;
        let before = match piece.fade_in {
            0 => None,
            _ => Some(read_tails(&journal.piece(index - 1), self.files.len())?),
        };
        let format = self.task.args.stems.format.uncompressed();
        let paths = stem_paths(&folder, &self.files, format);
        let len = (piece.own.end - piece.own.start) as usize;
        let mut gain = 1.0;
        let tail = loop {
            let (channels, rate) = (audio.channels(), audio.sample_rate());
            let mut set = StemSet::create(&paths, format, rate, channels, len, gain)?;
            let mut joint = Joint::new(piece, self.files.len(), channels, before.clone())?;
            self.render(&separation, (audio, &working), line, &mut |block| {
                let own = joint.push(StemFile::sums(&self.files, block).view());
                if own.len_of(Axis(2)) > 0 {
                    set.write(own.view())?;
                }
                Ok(())
            })?;
            let written = set.finish()?;
            if gain < 1.0 || written.peak <= 1.0 || !StemSet::clips(format) {
                break joint.into_tail();
            }
            gain = (1.0 - 1e-6) / written.peak;
        };
        write_tails(&folder, &tail, audio.sample_rate())?;
        let (factorization, grouping) = separation.components.unzip();
        if let Some(factorization) = factorization {
            let mut start = WarmStart::after(&factorization.fit.model, config.before.as_ref());
            if let Some(grouping) = &grouping {
                start = start.grouped(grouping);
            }
            write_warm_start(&folder.join(WARM_START), &start)?;
        }
        let record = Record {
            gain,
            notes: separation.notes,
            onsets: separation.onsets,
            heard: separation.heard,
            grouping,
        };
        Ok(journal.complete(index, &record)?)
    }

    /// The stems of a piece, block by block, at the rate of the recording.
    fn render(
        &self,
        separation: &Separation,
        (audio, working): (&Audio, &Audio),
        line: &mut Line,
        take: &mut dyn FnMut(Array3<f32>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut blocks = StemBlocks::new(working, separation.sharing.as_ref())?;
        let adds_up = self.config.stems.render != Render::Model;
        let mut back = if working.sample_rate() == audio.sample_rate() {
            None
        } else {
            let (rate, stems) = (working.sample_rate(), blocks.stems());
            Some(AtOriginalRate::new(audio, rate, stems, adds_up)?)
        };
        let total = blocks.frames();
        while let Some(block) = blocks.next() {
            take(match &mut back {
                Some(back) => back.push(block.view())?,
                None => block,
            })?;
            let progress = Progress {
                stage: Stage::Render,
                done: blocks.frames_done(),
                total,
                objective: None,
            };
            if line.progress(&progress).is_break() {
                return Err(unbraid::Error::Cancelled.into());
            }
        }
        match back {
            Some(back) => take(back.finish()?),
            None => Ok(()),
        }
    }

    /// Write what was heard in all pieces, in seconds of the recording.
    fn write_events(
        &self,
        folder: &Path,
        pieces: &[Piece],
        records: &[Record],
    ) -> Result<(), Failure> {
        let mut heard = Heard::default();
        let mut struck: Vec<Onset> = Vec::new();
        for (piece, record) in pieces.iter().zip(records) {
            let (read, from) = (self.secs(piece.read.start), self.secs(piece.own.start));
            heard.go_on(record.heard.clone(), read, from);
            struck.retain(|onset| onset.secs < from);
            struck.extend(record.onsets.iter().filter_map(|onset| {
                let secs = onset.secs + read;
                (secs >= from).then(|| Onset {
                    secs,
                    ..onset.clone()
                })
            }));
        }
        if !struck.is_empty() {
            write_onsets(&folder.join("onsets.csv"), &struck)?;
        }
        write_heard(folder, &heard)
    }

    /// What the user should know, each thing once.
    fn notes(&self, pieces: &[Piece], records: &[Record]) -> Vec<String> {
        let mut notes = vec![format!(
            "separated in {} pieces of {:.0} s{}",
            pieces.len(),
            self.secs(pieces[0].own.end - pieces[0].own.start),
            if keeps_components(&self.config) {
                ", each from the components of the one before"
            } else {
                ", each with a model of its own"
            }
        )];
        if self.config.instruments.iter().any(|it| it.score.is_some()) {
            notes.push("the score was taken to be in time with the recording".to_owned());
        }
        let mut said: Vec<(&str, Vec<usize>)> = Vec::new();
        for (index, record) in records.iter().enumerate() {
            for note in &record.notes {
                match said.iter_mut().find(|(known, _)| known == note) {
                    Some((_, pieces)) => pieces.push(index),
                    None => said.push((note, vec![index])),
                }
            }
        }
        for (note, within) in said {
            notes.push(if within.len() == pieces.len() {
                note.to_owned()
            } else {
                let start = self.secs(pieces[within[0]].own.start);
                let others = within.len() - 1;
                match others {
                    0 => format!("from {start:.0} s: {note}"),
                    _ => format!("from {start:.0} s, and in {others} other pieces: {note}"),
                }
            });
        }
        notes.extend(wandering(records));
        notes
    }
}

/// Whether free components explain the recording, which stay the same ones from piece to piece.
fn keeps_components(config: &SeparateConfig) -> bool {
    matches!(recipe(config), Recipe::Blind | Recipe::Drums)
}

/// That some components did not go to the same source in all pieces, if that is so.
fn wandering(records: &[Record]) -> Option<String> {
    let of = |record: &Record| -> Option<Vec<usize>> {
        let components = &record.grouping.as_ref()?.components;
        Some(components.iter().map(|it| it.source).collect())
    };
    let first = of(records.first()?)?;
    let others: Vec<Vec<usize>> = records.iter().filter_map(of).collect();
    let differs = |&k: &usize| others.iter().any(|other| other.get(k) != first.get(k));
    let wander: Vec<usize> = (0..first.len()).filter(differs).collect();
    (!wander.is_empty()).then(|| {
        format!(
            "components {} go to other sources in some pieces than in the first: --assign says where they belong",
            compact(&wander)
        )
    })
}

/// What was read of the recording and is still needed.
struct Held {
    samples: Option<Audio>,
    /// The sample it begins with.
    from: u64,
    channels: usize,
}

impl Held {
    fn new(stream: &AudioStream<'_>) -> Self {
        Self {
            samples: None,
            from: 0,
            channels: stream.channels(),
        }
    }

    /// The samples of a piece, whatever was read before it.
    fn read(&mut self, stream: &mut AudioStream<'_>, piece: &Piece) -> Result<&Audio, Failure> {
        let mut held = match self.samples.take() {
            Some(audio) => audio.into_samples(),
            None => Array2::zeros((self.channels, 0)),
        };
        let until = self.from + held.ncols() as u64;
        let keep = piece.read.start.clamp(self.from, until);
        held = held.slice(s![.., (keep - self.from) as usize..]).to_owned();
        self.from = keep;
        if piece.read.start > until {
            stream.skip(piece.read.start - until)?;
            self.from = piece.read.start;
        }
        let missing = piece.read.end - self.from - held.ncols() as u64;
        if let Some(more) = stream.next(missing as usize)? {
            held = concatenate![Axis(1), held, more.samples()];
        }
        Ok(self.samples.insert(Audio::new(held, stream.sample_rate())?))
    }
}

fn stem_paths(folder: &Path, files: &[StemFile], format: OutputFormat) -> Vec<PathBuf> {
    files
        .iter()
        .map(|file| folder.join(format!("{}.{}", file.name, format.extension())))
        .collect()
}

/// Where a piece keeps what the next one fades out.
fn tail_path(folder: &Path, stem: usize) -> PathBuf {
    folder.join(format!("tail-{stem}.wav"))
}

fn write_tails(folder: &Path, tail: &Array3<f32>, rate: u32) -> Result<(), Failure> {
    let (stems, channels, len) = tail.dim();
    if len == 0 {
        return Ok(());
    }
    let paths: Vec<PathBuf> = (0..stems).map(|stem| tail_path(folder, stem)).collect();
    let mut set = StemSet::create(&paths, OutputFormat::Wav32f, rate, channels, len, 1.0)?;
    set.write(tail.view())?;
    set.finish()?;
    Ok(())
}

fn read_tails(folder: &Path, stems: usize) -> Result<Array3<f32>, Failure> {
    let tails = (0..stems)
        .map(|stem| {
            let read = read_audio(&tail_path(folder, stem), Span::default())?;
            Ok(read.audio.into_samples().insert_axis(Axis(0)))
        })
        .collect::<Result<Vec<_>, IoError>>()?;
    let views: Vec<_> = tails.iter().map(|tail| tail.view()).collect();
    Ok(ndarray::concatenate(Axis(0), &views).map_err(anyhow::Error::from)?)
}
