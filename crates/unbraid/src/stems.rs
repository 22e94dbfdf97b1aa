//! A recording, a fitted model and the components of every source come in; audio goes out, block
//! by block.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayViewMut3, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unbraid_kernel::{Isa, Kernel, Scratch, Templates};

use crate::mask::{Render, share_out, winner_takes_all};
use crate::model::LowRank;
use crate::spectrogram::Quantity;
use crate::stft::{OverlapAdd, Spectrum};
use crate::{Audio, Error, Stft};

/// How stems are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StemsConfig {
    /// Masks, or the model itself.
    pub render: Render,
    /// Whether what no component explains becomes one more stem, the last.
    pub residual: bool,
    /// Use plain instructions only, so that the same bytes come out on every machine.
    pub portable: bool,
}

impl Default for StemsConfig {
    fn default() -> Self {
        Self {
            render: Render::Ratio {
                exponent: DEFAULT_EXPONENT,
            },
            residual: false,
            portable: false,
        }
    }
}

/// The fitted model and how the data it explains were made.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    /// The model.
    pub model: &'a LowRank,
    /// What its values are.
    pub quantity: Quantity,
    /// What its values must be multiplied by to give the recording's ([`crate::Spectrogram::scale`]).
    pub scale: f32,
}

/// The mask exponent unless asked otherwise: shares in proportion. Others score the same to within 0.2 dB on
/// average (`docs/crosscheck.md`), and with this one the stems of a source's components add up to its stem.
pub const DEFAULT_EXPONENT: f32 = 1.0;

/// Frames rendered at a time.
const BLOCK_FRAMES: usize = 128;

/// The stems of a recording, block by block: an iterator over `(stems, channels, samples)`.
///
/// All blocks together have the recording's length. Masked stems (all but
/// [`Render::Model`]) add up to the recording to rounding, below −120 dB of its peak. Memory is a few blocks,
/// whatever the length.
///
/// # Examples
///
/// ```
/// use unbraid::factorize::{FactorizeConfig, factorize};
/// use unbraid::stems::StemsConfig;
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let mut config = FactorizeConfig::default();
/// config.blind.components = 4;
/// let factorization = factorize(&mixture, &config, &mut ())?;
/// let mut sum = Vec::new();
/// for block in factorization.stems(&mixture, vec![vec![0, 3], vec![1, 2]], StemsConfig::default())? {
///     sum.extend(block.sum_axis(ndarray::Axis(0)).row(0).iter().copied());
/// }
/// assert!(sum.iter().zip(mixture.channel(0)).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug)]
pub struct StemBlocks<'a> {
    audio: &'a Audio,
    stft: &'a Stft,
    explanation: Explanation<'a>,
    sources: Vec<SourceModel>,
    kernel: Kernel,
    config: StemsConfig,
    /// One per stem and channel, channels together.
    overlaps: Vec<OverlapAdd<'a>>,
    frame: usize,
    frames: usize,
}

/// The components of one source, packed for the kernel.
#[derive(Debug)]
struct SourceModel {
    components: Vec<usize>,
    /// One per channel of the model; none for a source without components.
    templates: Vec<Templates>,
}

impl SourceModel {
    fn new(model: &LowRank, components: Vec<usize>, isa: Isa) -> Self {
        let pack = |channel| {
            let heard = model.templates_heard(channel).select(Axis(0), &components);
            let values = heard.as_slice().expect("selected rows are contiguous");
            Templates::new(isa, values, components.len(), model.bins()).expect(CHECKED)
        };
        let channels = if components.is_empty() {
            0
        } else {
            model.channels()
        };
        let templates = (0..channels).map(pack).collect();
        Self {
            components,
            templates,
        }
    }

    /// Write the source's model of some frames, frame after frame.
    fn write(
        &self,
        kernel: &Kernel,
        model: &LowRank,
        channel: usize,
        frames: Range<usize>,
        out: &mut [f32],
    ) {
        out.fill(0.0);
        let Some(templates) = self.templates.get(channel) else {
            return;
        };
        let rows = model
            .activations
            .slice(s![frames, ..])
            .select(Axis(1), &self.components);
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().expect("made contiguous just above");
        kernel
            .add_product(rows, templates, out, &mut Scratch::default())
            .expect(CHECKED);
    }
}

/// Why the kernel's own checks cannot fail here.
const CHECKED: &str = "shapes come from the model, and the instruction set is detected";

impl<'a> StemBlocks<'a> {
    /// Prepare to render; `sources` holds the components of each.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] for a setting that is not allowed or a component that does not exist.
    /// - [`Error::Shape`] if the model is not of this recording under this transform.
    pub fn new(
        audio: &'a Audio,
        stft: &'a Stft,
        explanation: Explanation<'a>,
        sources: Vec<Vec<usize>>,
        config: StemsConfig,
    ) -> Result<Self, Error> {
        config.render.check()?;
        let model = explanation.model;
        let frames = stft.frames(audio.len_samples());
        let channels = if model.channels() == 1 {
            1
        } else {
            audio.channels()
        };
        if (model.channels(), model.bins(), model.frames()) != (channels, stft.bins(), frames) {
            return Err(Error::Shape {
                what: "the model",
                expected: vec![channels, stft.bins(), frames],
                actual: vec![model.channels(), model.bins(), model.frames()],
            });
        }
        if let Some(component) = sources.iter().flatten().find(|&&k| k >= model.components()) {
            let requirement = format!("below the number of components ({})", model.components());
            return Err(Error::config("sources", component, requirement));
        }
        let stems = sources.len() + usize::from(config.residual);
        let overlap = OverlapAdd::new(stft, audio.len_samples());
        let overlaps = vec![overlap; stems * audio.channels()];
        let isa = if config.portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        // Products of the model need neither divergence nor floor; any legal values serve.
        let kernel = Kernel::with_isa(isa, 1.0, 1.0).expect(CHECKED);
        let sources = sources
            .into_iter()
            .map(|components| SourceModel::new(model, components, isa))
            .collect();
        Ok(Self {
            audio,
            stft,
            explanation,
            sources,
            kernel,
            config,
            overlaps,
            frame: 0,
            frames,
        })
    }

    /// The number of stems: one per source, and the residual if asked for.
    #[must_use]
    pub fn stems(&self) -> usize {
        self.sources.len() + usize::from(self.config.residual)
    }

    /// Frames rendered so far.
    #[must_use]
    pub fn frames_done(&self) -> usize {
        self.frame
    }

    /// Frames to render in all.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Every stem whole: for recordings that fit in memory once per source.
    ///
    /// # Errors
    ///
    /// None that the checks of [`StemBlocks::new`] leave open.
    pub fn collect_audio(self) -> Result<Vec<Audio>, Error> {
        let (stems, audio) = (self.stems(), self.audio);
        let mut samples =
            vec![Array2::<f32>::zeros((audio.channels(), audio.len_samples())); stems];
        let mut start = 0;
        for block in self {
            let end = start + block.len_of(Axis(2));
            for (all, part) in samples.iter_mut().zip(block.outer_iter()) {
                all.slice_mut(s![.., start..end]).assign(&part);
            }
            start = end;
        }
        samples
            .into_iter()
            .map(|samples| Audio::new(samples, audio.sample_rate()))
            .collect()
    }

    /// What every stem's frames must be multiplied by: one `(stems, frames, bins)` block per
    /// channel of the model.
    fn weights(&self, spectrum: &Spectrum) -> Vec<Array3<f32>> {
        let model = self.explanation.model;
        let (frames, bins) = (spectrum.frames(), spectrum.bins());
        let range = self.frame..self.frame + frames;
        (0..model.channels())
            .map(|channel| {
                let mut block = Array3::zeros((self.stems(), frames, bins));
                let values = block.as_slice_mut().expect("made contiguous just above");
                values
                    .par_chunks_mut(frames * bins)
                    .zip(&self.sources)
                    .for_each(|(out, source)| {
                        source.write(&self.kernel, model, channel, range.clone(), out);
                    });
                self.models_to_weights(&mut block.view_mut(), spectrum, channel);
                block
            })
            .collect()
    }

    fn models_to_weights(
        &self,
        block: &mut ArrayViewMut3<'_, f32>,
        spectrum: &Spectrum,
        channel: usize,
    ) {
        let sources = self.sources.len();
        let needs_data = self.config.residual || self.config.render == Render::Model;
        if needs_data {
            let data = self.data(spectrum, channel);
            if self.config.render == Render::Model {
                for model in block.outer_iter_mut().take(sources) {
                    ndarray::Zip::from(model)
                        .and(&data)
                        .for_each(|model, &data| {
                            let share = if data > 0.0 { *model / data } else { 0.0 };
                            *model = match self.explanation.quantity {
                                Quantity::Magnitude => share,
                                Quantity::Power => share.sqrt(),
                            };
                        });
                }
            }
            if self.config.residual {
                let (models, mut residual) = block.view_mut().split_at(Axis(0), sources);
                let explained = models.sum_axis(Axis(0));
                let whole = match self.config.render {
                    Render::Model => Array2::ones(explained.raw_dim()),
                    Render::Ratio { .. } | Render::Binary => data,
                };
                let rest = whole - explained;
                // With masks a model above the data leaves nothing; the literal model's residual
                // is whatever makes the sum come out.
                let literal = self.config.render == Render::Model;
                residual.index_axis_mut(Axis(0), 0).assign(&if literal {
                    rest
                } else {
                    rest.mapv(|r| r.max(0.0))
                });
            }
        }
        let shared = match self.config.render {
            Render::Ratio { exponent } => share_out(block, exponent),
            Render::Binary => winner_takes_all(block),
            Render::Model => Ok(()),
        };
        shared.expect("models are sums of products of factors that were checked");
    }

    /// The spectrogram the model explains, scaled like it, `(frames, bins)`.
    fn data(&self, spectrum: &Spectrum, channel: usize) -> Array2<f32> {
        let channels = if self.explanation.model.channels() == 1 {
            0..spectrum.channels()
        } else {
            channel..channel + 1
        };
        let scale = 1.0 / (self.explanation.scale * channels.len() as f32);
        let mut data = Array2::<f32>::zeros((spectrum.frames(), spectrum.bins()));
        for channel in channels {
            for (data, value) in data.iter_mut().zip(spectrum.channel_rows(channel)) {
                *data += scale
                    * match self.explanation.quantity {
                        Quantity::Magnitude => value.norm(),
                        Quantity::Power => value.norm_sqr(),
                    };
            }
        }
        data
    }
}

impl Iterator for StemBlocks<'_> {
    type Item = Array3<f32>;

    fn next(&mut self) -> Option<Array3<f32>> {
        if self.frame == self.frames {
            return None;
        }
        let block = self.frame..(self.frame + BLOCK_FRAMES).min(self.frames);
        let spectrum = self.stft.forward_block(self.audio, block.clone());
        let weights = self.weights(&spectrum);
        self.frame = block.end;
        let (stems, channels) = (self.stems(), self.audio.channels());
        let finished: Vec<&[f32]> = self
            .overlaps
            .par_iter_mut()
            .enumerate()
            .map(|(index, overlap)| {
                let (stem, channel) = (index / channels, index % channels);
                let weights = weights[channel.min(weights.len() - 1)].index_axis(Axis(0), stem);
                let weights = weights.to_slice().expect("a plane of a contiguous block");
                overlap.push_weighted(spectrum.channel_rows(channel), weights)
            })
            .collect();
        let len = finished.first().map_or(0, |samples| samples.len());
        let mut out = Array3::zeros((stems, channels, len));
        for (mut row, samples) in out.rows_mut().into_iter().zip(finished) {
            row.as_slice_mut()
                .expect("rows are contiguous")
                .copy_from_slice(samples);
        }
        Some(out)
    }
}
