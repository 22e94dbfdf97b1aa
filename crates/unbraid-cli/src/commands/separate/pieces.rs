//! A recording that is too long for the memory that may be used comes in; a folder of stems goes out.
//!
//! It is separated in pieces, one after the other ([`unbraid::pieces`]); what is finished is kept in a journal, so
//! that an interrupted separation can go on. In the end the pieces are put together.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis, concatenate, s};
use serde::{Deserialize, Serialize};
use unbraid::observe::{Observer, Progress, Stage};
use unbraid::pieces::{Cut, Joint, Piece};
use unbraid::stems::StemBlocks;
use unbraid::{Audio, SeparateConfig, StftConfig, separate};
use unbraid_io::Error as IoError;
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::{
    AudioStream, Metadata, OutputFormat, Span, StemSet, Survey, file_len_bytes, probe, read_audio,
};
use unbraid_io::project::{Input, Journal, Manifest, Output, sha256_of_file, write_manifest};

use super::{Task, manifest, stem_files};
use crate::cost::{self, PROGRAM_BYTES, Shape};
use crate::failure::Failure;
use crate::input::is_standard;
use crate::progress::Line;
use crate::render::{StemFile, Written};

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
}

/// How one piece came out.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// What its stems were multiplied by.
    gain: f64,
    notes: Vec<String>,
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

/// Where a recording has to be cut, if it has to: if separating it whole would take more than `--memory`, or if
/// `--piece` asks for it.
fn cut(task: &Task<'_>, config: &SeparateConfig, shape: Shape) -> Result<Option<Cut>, Failure> {
    let (args, memory) = (task.args, task.args.memory);
    let rate = f64::from(shape.sample_rate);
    let working = task.working_rate(shape.sample_rate);
    let takes = |shape| PROGRAM_BYTES + cost::separate_bytes(shape, working, config);
    if args.piece.is_none() && takes(shape) <= memory {
        return Ok(None);
    }
    let beside = 2.0 * MARGIN_SECS + FADE_SECS;
    let wanted = args.piece.unwrap_or(LONGEST_SECS);
    // What is beside the program grows in proportion to the length.
    let of_secs = |secs: f64| Shape {
        len_samples: (secs * rate) as u64,
        ..shape
    };
    let per_minute = takes(of_secs(60.0)) - PROGRAM_BYTES;
    let room = memory.saturating_sub(PROGRAM_BYTES);
    let fits = 60.0 * room as f64 / per_minute.max(1) as f64 - beside;
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
        let config = task.config(task.working_rate(shape.sample_rate));
        // A header's word is good enough to tell that a recording is short; a long one is read through.
        if found.len_samples.is_some() && cut(task, &config, shape)?.is_none() {
            return Ok(None);
        }
        let survey = AudioStream::survey(file, span)?;
        shape.len_samples = survey.len_samples;
        let Some(cut) = cut(task, &config, shape)? else {
            return Ok(None);
        };
        let whole = "raise --memory, or choose a part with --start and --duration";
        if task.onsets.is_some() || config.melody.is_some() || config.lyrics.is_some() {
            return Err(Failure::usage(format!(
                "--onsets, --melody and --lyrics count from the beginning of the recording, which has to be separated in \
                 pieces: {whole}"
            )));
        }
        if !task.overrides.is_empty() {
            return Err(Failure::usage(format!(
                "--assign names components of one model, but this recording needs several, one for each piece: {whole}"
            )));
        }
        if task.working_rate(shape.sample_rate) != shape.sample_rate {
            return Err(Failure::usage(format!(
                "--sample-rate works on a recording as a whole, but this one needs pieces: {whole}"
            )));
        }
        Ok(Some(Self {
            task,
            file,
            target,
            files: stem_files(args, &config.sources)?,
            config,
            cut,
            survey,
        }))
    }

    /// Separate all pieces that are not there yet, and put them together.
    pub(super) fn run(&self, overwrite: bool, line: &mut Line) -> Result<Manifest, Failure> {
        let Self {
            task,
            file,
            target,
            ref survey,
            ..
        } = *self;
        let args = task.args;
        let span = args.common.span()?;
        let pieces = self.cut.pieces(survey.len_samples)?;
        let sha256 = sha256_of_file(file)?;
        let settings = task.settings(&self.config)?;
        let terms = Terms {
            version: env!("CARGO_PKG_VERSION"),
            sha256: &sha256,
            settings: &settings,
            knowledge: self.knowledge()?,
            stems: self.files.iter().map(|file| file.name.as_str()).collect(),
            format: args.stems.format.extension(),
            span: (span.start_secs, span.duration_secs),
            pieces: pieces
                .iter()
                .map(|piece| (piece.own.start, piece.own.end))
                .collect(),
        };
        self.check_room()?;
        let journal = Journal::open(target, &terms, args.resume, args.common.overwrite)?;
        let records = self.separate_pieces(&pieces, &journal, span, line)?;
        line.set_piece(None);

        // Under its final name once it is whole; until then the pieces stay.
        let folder = OutputFolder::create(target, overwrite)?;
        let gain = records
            .iter()
            .fold(1.0, |gain, record| record.gain.min(gain));
        let (metadata, lost) = Metadata::read(file)?;
        let written =
            self.put_together(folder.path(), &records, gain, &journal, &metadata, line)?;
        let rate = f64::from(survey.sample_rate);
        let mut notes = vec![format!(
            "separated in {} pieces of {:.0} s, each with a model of its own",
            pieces.len(),
            (pieces[0].own.end - pieces[0].own.start) as f64 / rate
        )];
        for (piece, record) in pieces.iter().zip(&records) {
            let start = piece.own.start as f64 / rate;
            notes.extend(
                record
                    .notes
                    .iter()
                    .map(|note| format!("from {start:.0} s: {note}")),
            );
        }
        let input = Input {
            path: file.display().to_string(),
            sha256,
            format: survey.format.clone(),
            delay: survey.delay,
            notes: [&survey.notes[..], &lost].concat(),
            sample_rate: survey.sample_rate,
            channels: survey.channels,
            len_samples: survey.len_samples as usize,
            start_secs: span.start_secs,
            duration_secs: span.duration_secs,
        };
        let manifest = manifest("separate", input, settings, None, None, notes, written);
        write_manifest(folder.path(), &manifest)?;
        folder.commit()?;
        journal.remove()?;
        Ok(manifest)
    }

    /// Everything the user said that is not among the settings, by its content.
    fn knowledge(&self) -> Result<Vec<String>, Failure> {
        let knowledge = &self.task.args.knowledge;
        let hints = &self.task.args.hints;
        let given = knowledge.dictionary.iter().chain(&knowledge.score);
        let given = given
            .chain(&hints.hint)
            .chain(&self.task.args.stroke)
            .cloned();
        let regions = hints.regions.iter().map(|path| path.display().to_string());
        let mut known = vec![format!("hint strength {}", hints.hint_strength)];
        for text in given.chain(regions) {
            let path = text.split_once('=').map_or(text.as_str(), |(_, path)| path);
            known.push(format!("{text}: {}", sha256_of_file(Path::new(path))?));
        }
        Ok(known)
    }

    /// Whether there is room for the pieces and what they are put together to.
    fn check_room(&self) -> Result<(), Failure> {
        let survey = &self.survey;
        let len = survey.len_samples as usize;
        let stem = file_len_bytes(self.task.args.stems.format, survey.channels, len);
        let needed_bytes = 2 * stem * self.files.len() as u64;
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

    fn separate_pieces(
        &self,
        pieces: &[Piece],
        journal: &Journal,
        span: Span,
        line: &mut Line,
    ) -> Result<Vec<Record>, Failure> {
        let mut stream = AudioStream::open(self.file, span)?;
        let (rate, channels) = (stream.sample_rate(), stream.channels());
        let mut records = Vec::with_capacity(pieces.len());
        // What was read of the recording and is still needed, and where it begins.
        let mut held = ndarray::Array2::<f32>::zeros((channels, 0));
        let mut held_from = 0_u64;
        for (index, piece) in pieces.iter().enumerate() {
            line.set_piece(Some((index, pieces.len())));
            if let Some(record) = journal.record(index)? {
                records.push(record);
                continue;
            }
            let held_until = held_from + held.ncols() as u64;
            let keep = piece.read.start.clamp(held_from, held_until);
            held = held.slice(s![.., (keep - held_from) as usize..]).to_owned();
            held_from = keep;
            if piece.read.start > held_until {
                stream.skip(piece.read.start - held_until)?;
                held_from = piece.read.start;
            }
            let missing = piece.read.end - held_from - held.ncols() as u64;
            if let Some(more) = stream.next(missing as usize)? {
                held = concatenate![Axis(1), held, more.samples()];
            }
            let audio = Audio::new(held, rate)?;
            records.push(self.piece(index, piece, &audio, journal, line)?);
            held = audio.into_samples();
        }
        Ok(records)
    }

    /// Separate one piece into the journal.
    fn piece(
        &self,
        index: usize,
        piece: &Piece,
        audio: &Audio,
        journal: &Journal,
        line: &mut Line,
    ) -> Result<Record, Failure> {
        let rate = f64::from(audio.sample_rate());
        let mut config = self.config.clone();
        let secs = |sample: u64| sample as f64 / rate;
        for instrument in &mut config.instruments {
            let between = |score: &unbraid::knowledge::Score| {
                score.between(secs(piece.read.start), secs(piece.read.end))
            };
            instrument.score = instrument.score.as_ref().map(between);
        }
        let span = Span {
            start_secs: self.task.args.common.start + secs(piece.read.start),
            duration_secs: Some(audio.len_samples() as f64 / rate),
        };
        config.strokes = self.task.strokes_at(audio.sample_rate())?;
        config.clues = self.task.args.hints.clues(audio, span)?;
        let separation = separate(audio, &config, line)?;
        let folder = journal.begin(index)?;
        let before = match piece.fade_in {
            0 => None,
            _ => Some(read_tails(&journal.piece(index - 1), self.files.len())?),
        };
        let format = self.task.args.stems.format;
        let paths = stem_paths(&folder, &self.files, format);
        let len = (piece.own.end - piece.own.start) as usize;
        let mut gain = 1.0;
        let tail = loop {
            let (channels, rate) = (audio.channels(), audio.sample_rate());
            let mut set = StemSet::create(&paths, format, rate, channels, len, gain)?;
            let mut joint = Joint::new(piece, self.files.len(), channels, before.clone())?;
            let mut blocks = StemBlocks::new(audio, separation.sharing.as_ref())?;
            let total = blocks.frames();
            while let Some(block) = blocks.next() {
                let block = StemFile::sums(&self.files, block);
                let own = joint.push(block.view());
                if own.len_of(Axis(2)) > 0 {
                    set.write(own.view())?;
                }
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
            let written = set.finish()?;
            if gain < 1.0 || written.peak <= 1.0 || !StemSet::clips(format) {
                break joint.into_tail();
            }
            gain = (1.0 - 1e-6) / written.peak;
        };
        write_tails(&folder, &tail, audio.sample_rate())?;
        let record = Record {
            gain,
            notes: separation.notes,
        };
        journal.complete(index, &record)?;
        Ok(record)
    }

    /// Write every stem whole, from its pieces.
    fn put_together(
        &self,
        folder: &Path,
        records: &[Record],
        gain: f64,
        journal: &Journal,
        metadata: &Metadata,
        line: &mut Line,
    ) -> Result<Written, Failure> {
        const BLOCK: usize = 1 << 15;
        let format = self.task.args.stems.format;
        let paths = stem_paths(folder, &self.files, format);
        let survey = &self.survey;
        let (rate, channels) = (survey.sample_rate, survey.channels);
        let len = survey.len_samples as usize;
        let begin = (self.task.args.common.start * f64::from(rate)).round() as u64;
        let metadata = metadata.clone().in_span(begin, survey.len_samples);
        let mut set = StemSet::create_with(&paths, format, rate, channels, len, 1.0, &metadata)?;
        for (index, record) in records.iter().enumerate() {
            let parts = stem_paths(&journal.piece(index), &self.files, format);
            let mut streams = parts
                .iter()
                .map(|path| AudioStream::open(path, Span::default()))
                .collect::<Result<Vec<_>, _>>()?;
            // One but for a recording that clips: then pieces that were turned down less are turned down as well.
            let factor = (gain / record.gain) as f32;
            'piece: loop {
                let mut block = Array3::zeros((0, 0, 0));
                for (stem, stream) in streams.iter_mut().enumerate() {
                    let Some(part) = stream.next(BLOCK)? else {
                        break 'piece;
                    };
                    if stem == 0 {
                        block = Array3::zeros((self.files.len(), channels, part.len_samples()));
                    }
                    block.index_axis_mut(Axis(0), stem).assign(&part.samples());
                }
                if factor < 1.0 {
                    block *= factor;
                }
                set.write(block.view())?;
            }
            let progress = Progress {
                stage: Stage::Render,
                done: index + 1,
                total: records.len(),
                objective: None,
            };
            if line.progress(&progress).is_break() {
                return Err(unbraid::Error::Cancelled.into());
            }
        }
        let written = set.finish()?;
        let outputs = self
            .files
            .iter()
            .zip(written.sha256)
            .map(|(file, sha256)| Output {
                path: format!("{}.{}", file.name, format.extension()),
                sha256,
            })
            .collect();
        Ok(Written { outputs, gain })
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
