//! The stems of pieces come in, one after the other; the stems of the whole recording grow out of them.
//!
//! What has been appended and handed to the system is removed from its piece, so that everything is on the disk once. After
//! an interruption the stems are copied as far as their pieces are gone, and grow on from there.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis};
use unbraid::observe::{Observer, Progress, Stage};
use unbraid::pieces::Piece;
use unbraid_io::Error as IoError;
use unbraid_io::audio::{
    AudioStream, HELD_BACK, Metadata, OutputFormat, Span, StemSet, WrittenStems,
};
use unbraid_io::project::{Journal, Output};

use super::{Work, stem_paths};
use crate::failure::Failure;
use crate::progress::Line;
use crate::render::{StemFile, Written};

/// Samples that are copied at a time.
const BLOCK: usize = 1 << 15;

/// The stems of a recording as far as its pieces are done.
pub(super) struct Growing<'a> {
    journal: &'a Journal,
    files: &'a [StemFile],
    format: OutputFormat,
    shape: Shape,
    metadata: &'a Metadata,
    set: StemSet,
    /// Samples that were appended.
    len: u64,
    /// The pieces whose stems are there still, and the sample behind each.
    kept: VecDeque<(usize, u64)>,
}

/// What the stems are to be.
#[derive(Clone, Copy)]
struct Shape {
    rate: u32,
    channels: usize,
    len: usize,
}

impl<'a> Growing<'a> {
    /// Begin, with what an interrupted run has left.
    pub(super) fn begin(
        journal: &'a Journal,
        work: &'a Work<'a>,
        pieces: &[Piece],
        metadata: &'a Metadata,
    ) -> Result<Self, Failure> {
        let format = work.task.args.stems.format;
        let files = &work.files[..];
        let shape = Shape {
            rate: work.survey.sample_rate,
            channels: work.survey.channels,
            len: work.survey.len_samples as usize,
        };
        let before = journal.grow()?;
        let paths = stem_paths(&journal.whole(), files, format);
        let mut growing = Self {
            journal,
            files,
            format,
            shape,
            metadata,
            set: create(&paths, format, shape, metadata)?,
            len: 0,
            kept: VecDeque::new(),
        };
        let gone = (0..pieces.len()).take_while(|&index| growing.is_gone(index));
        if let (Some(last), Some(before)) = (gone.last(), before) {
            growing.copy(&before, pieces[last].own.end)?;
        }
        journal.caught_up()?;
        Ok(growing)
    }

    /// Whether the stems of a piece have been removed, because they are in those of the whole.
    fn is_gone(&self, index: usize) -> bool {
        let piece = self.journal.piece(index);
        piece.exists() && !self.of_piece(index)[0].exists()
    }

    fn of_piece(&self, index: usize) -> Vec<PathBuf> {
        stem_paths(
            &self.journal.piece(index),
            self.files,
            self.format.uncompressed(),
        )
    }

    /// Begin with the first samples of stems that had grown before.
    fn copy(&mut self, before: &Path, until: u64) -> Result<(), Failure> {
        let paths = stem_paths(before, self.files, self.format);
        let mut streams = open(&paths)?;
        while self.len < until {
            let most = (until - self.len).min(BLOCK as u64) as usize;
            let Some(block) = next(&mut streams, most)? else {
                return Err(IoError::Truncated {
                    path: paths[0].clone(),
                    declared: until,
                    found: self.len,
                }
                .into());
            };
            self.len += block.len_of(Axis(2)) as u64;
            self.set.write(block.view())?;
        }
        Ok(self.set.flush()?)
    }

    /// Append a piece that is complete, unless it is there already.
    pub(super) fn append(
        &mut self,
        index: usize,
        piece: &Piece,
        line: &mut Line,
    ) -> Result<(), Failure> {
        if piece.own.end <= self.len {
            return Ok(());
        }
        let paths = self.of_piece(index);
        let mut streams = open(&paths)?;
        while let Some(block) = next(&mut streams, BLOCK)? {
            self.len += block.len_of(Axis(2)) as u64;
            self.set.write(block.view())?;
            say(line, (self.len - piece.own.start) as usize, piece)?;
        }
        self.set.flush()?;
        self.kept.push_back((index, piece.own.end));
        while let Some(&(index, end)) = self.kept.front()
            && end + HELD_BACK <= self.len
        {
            self.journal.strip(index)?;
            self.kept.pop_front();
        }
        Ok(())
    }

    /// Complete the stems in a folder; `gains` is what each piece was multiplied by.
    pub(super) fn finish(
        self,
        folder: &Path,
        pieces: &[Piece],
        gains: &[f64],
        line: &mut Line,
    ) -> Result<Written, Failure> {
        let grown = stem_paths(&self.journal.whole(), self.files, self.format);
        let paths = stem_paths(folder, self.files, self.format);
        let WrittenStems { mut sha256, .. } = self.set.finish()?;
        let gain = gains.iter().fold(1.0_f64, |least, &gain| least.min(gain));
        if gain < 1.0 {
            // Pieces that clipped were turned down: now all are, alike.
            let mut set = create(&paths, self.format, self.shape, self.metadata)?;
            let mut streams = open(&grown)?;
            for (piece, own) in pieces.iter().zip(gains) {
                let mut at = piece.own.start;
                while at < piece.own.end {
                    let most = (piece.own.end - at).min(BLOCK as u64) as usize;
                    let Some(mut block) = next(&mut streams, most)? else {
                        break;
                    };
                    at += block.len_of(Axis(2)) as u64;
                    block *= (gain / own) as f32;
                    set.write(block.view())?;
                    say(line, (at - piece.own.start) as usize, piece)?;
                }
            }
            sha256 = set.finish()?.sha256;
        } else {
            for (grown, path) in grown.iter().zip(&paths) {
                // Until the folder has its final name, they are in the journal as well.
                if fs::hard_link(grown, path).is_err() {
                    fs::copy(grown, path).map_err(|source| IoError::Write {
                        path: path.clone(),
                        source,
                    })?;
                }
            }
        }
        let outputs = self
            .files
            .iter()
            .zip(sha256)
            .map(|(file, sha256)| Output {
                path: format!("{}.{}", file.name, self.format.extension()),
                sha256,
            })
            .collect();
        Ok(Written { outputs, gain })
    }
}

fn create(
    paths: &[PathBuf],
    format: OutputFormat,
    shape: Shape,
    metadata: &Metadata,
) -> Result<StemSet, IoError> {
    let Shape {
        rate,
        channels,
        len,
    } = shape;
    StemSet::create_with(paths, format, rate, channels, len, 1.0, metadata)
}

fn open(paths: &[PathBuf]) -> Result<Vec<AudioStream<'_>>, IoError> {
    paths
        .iter()
        .map(|path| AudioStream::open(path, Span::default()))
        .collect()
}

/// The next samples of all stems, `(stems, channels, samples)`; none at their end.
fn next(
    streams: &mut [AudioStream<'_>],
    len_samples: usize,
) -> Result<Option<Array3<f32>>, IoError> {
    let mut block: Option<Array3<f32>> = None;
    let stems = streams.len();
    for (stem, stream) in streams.iter_mut().enumerate() {
        let Some(part) = stream.next(len_samples)? else {
            return Ok(None);
        };
        let shape = (stems, part.channels(), part.len_samples());
        let block = block.get_or_insert_with(|| Array3::zeros(shape));
        block.index_axis_mut(Axis(0), stem).assign(&part.samples());
    }
    Ok(block)
}

fn say(line: &mut Line, done: usize, piece: &Piece) -> Result<(), Failure> {
    let progress = Progress {
        stage: Stage::Render,
        done,
        total: (piece.own.end - piece.own.start) as usize,
        objective: None,
    };
    if line.progress(&progress).is_break() {
        return Err(unbraid::Error::Cancelled.into());
    }
    Ok(())
}
