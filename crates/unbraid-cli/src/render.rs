//! A recording and how it is shared out come in; files of stems go out.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis};
use unbraid::observe::{Observer, Progress, Stage};
use unbraid::resample::AtOriginalRate;
use unbraid::sharing::Sharing;
use unbraid::stems::StemBlocks;
use unbraid::{Audio, Error};
use unbraid_io::audio::{Metadata, OutputFormat, StemSet, WrittenStems};
use unbraid_io::project::Output;

use crate::failure::Failure;
use crate::progress::Line;

/// One file to write: a name and the rendered stems whose sum it is.
pub(crate) struct StemFile {
    pub(crate) name: String,
    pub(crate) stems: Vec<usize>,
}

impl StemFile {
    /// One file per source.
    pub(crate) fn each(names: impl IntoIterator<Item = String>) -> Vec<Self> {
        names
            .into_iter()
            .enumerate()
            .map(|(stem, name)| Self {
                name,
                stems: vec![stem],
            })
            .collect()
    }

    /// The sums that the files are of, from a block of stems, `(stems, channels, samples)`.
    pub(crate) fn sums(files: &[Self], block: Array3<f32>) -> Array3<f32> {
        let alone = |(stem, file): (usize, &Self)| file.stems == [stem];
        let stems = block.len_of(Axis(0));
        if files.len() == stems && files.iter().enumerate().all(alone) {
            return block;
        }
        let (channels, len) = (block.len_of(Axis(1)), block.len_of(Axis(2)));
        let mut sums = Array3::zeros((files.len(), channels, len));
        for (mut sum, file) in sums.outer_iter_mut().zip(files) {
            for &stem in &file.stems {
                sum += &block.index_axis(Axis(0), stem);
            }
        }
        sums
    }
}

/// What was written.
pub(crate) struct Written {
    pub(crate) outputs: Vec<Output>,
    /// What all stems were multiplied by, below 1 if an integer format would have clipped.
    pub(crate) gain: f64,
}

/// Everything that says how stems are made.
pub(crate) struct Rendering<'a> {
    pub(crate) audio: &'a Audio,
    pub(crate) sharing: &'a dyn Sharing,
    pub(crate) format: OutputFormat,
    /// Whether the stems add up to the recording.
    pub(crate) adds_up: bool,
}

/// What the files are to be: as long as this, at its rate, saying this of themselves.
pub(crate) struct Original<'a> {
    pub(crate) audio: &'a Audio,
    pub(crate) metadata: &'a Metadata,
}

impl Rendering<'_> {
    /// Write the files into a folder.
    ///
    /// Stems of an integer format that would clip are all written again with one common gain, so that
    /// they still add up. Stems that were made at another rate than the original's are taken back to it, and add up to
    /// it.
    pub(crate) fn write(
        &self,
        folder: &Path,
        files: &[StemFile],
        original: &Original<'_>,
        line: &mut Line,
    ) -> Result<Written, Failure> {
        let paths: Vec<PathBuf> = files
            .iter()
            .map(|file| folder.join(format!("{}.{}", file.name, self.format.extension())))
            .collect();
        let mut gain = 1.0;
        let mut written = self.attempt(&paths, files, gain, original, line)?;
        if written.peak > 1.0 && StemSet::clips(self.format) {
            // A hair less, so that rounding does not reach full scale again.
            gain = (1.0 - 1e-6) / written.peak;
            written = self.attempt(&paths, files, gain, original, line)?;
        }
        let outputs = paths
            .iter()
            .zip(written.sha256)
            .map(|(path, sha256)| {
                let name = path.strip_prefix(folder).unwrap_or(path);
                let path = name.display().to_string();
                Output { path, sha256 }
            })
            .collect();
        Ok(Written { outputs, gain })
    }

    fn attempt(
        &self,
        paths: &[PathBuf],
        files: &[StemFile],
        gain: f64,
        original: &Original<'_>,
        line: &mut Line,
    ) -> Result<WrittenStems, Failure> {
        let Original { audio, metadata } = original;
        let (rate, channels) = (audio.sample_rate(), audio.channels());
        let len = audio.len_samples();
        let mut set =
            StemSet::create_with(paths, self.format, rate, channels, len, gain, metadata)?;
        let mut blocks = StemBlocks::new(self.audio, self.sharing)?;
        let working = self.audio.sample_rate();
        let mut back = if working == rate {
            None
        } else {
            Some(AtOriginalRate::new(
                audio,
                working,
                blocks.stems(),
                self.adds_up,
            )?)
        };
        let total = blocks.frames();
        while let Some(block) = blocks.next() {
            match &mut back {
                Some(back) => {
                    set.write(StemFile::sums(files, back.push(block.view())?).view())?;
                }
                None => set.write(StemFile::sums(files, block).view())?,
            }
            let done = blocks.frames_done();
            let progress = Progress {
                stage: Stage::Render,
                done,
                total,
                objective: None,
            };
            if line.progress(&progress) == ControlFlow::Break(()) {
                return Err(Error::Cancelled.into());
            }
        }
        if let Some(back) = back {
            set.write(StemFile::sums(files, back.finish()?).view())?;
        }
        Ok(set.finish()?)
    }
}
