//! Groups of components come in; each source's part of their model goes out, as shares.

use std::ops::Range;

use ndarray::{Array2, ArrayViewMut3, Axis, s};
use rayon::prelude::*;
use unbraid_kernel::{Isa, Kernel, Scratch, Templates};

use super::{Sharing, StemsConfig};
use crate::mask::{Render, share_out, winner_takes_all};
use crate::model::LowRank;
use crate::spectrogram::Quantity;
use crate::stft::Spectrum;
use crate::{Error, Stft};

/// A fitted model and how the data it explains were made.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    /// The transform.
    pub stft: &'a Stft,
    /// The model.
    pub model: &'a LowRank,
    /// What its values are.
    pub quantity: Quantity,
    /// What its values must be multiplied by to give the recording's ([`crate::Spectrogram::scale`]).
    pub scale: f32,
}

/// Sources that are groups of components.
#[derive(Debug)]
pub struct Components {
    stft: Stft,
    quantity: Quantity,
    scale: f32,
    channels: usize,
    frames: usize,
    sources: Vec<SourceModel>,
    config: StemsConfig,
    kernel: Kernel,
}

/// The components of one source, packed for the kernel.
#[derive(Debug)]
struct SourceModel {
    /// `(frames, components)`.
    activations: Array2<f32>,
    /// One per channel of the model; none for a source without components.
    templates: Vec<Templates>,
}

/// Why the kernel's own checks cannot fail here.
const CHECKED: &str = "shapes come from the model, and the instruction set is detected";

impl SourceModel {
    fn new(model: &LowRank, components: &[usize], isa: Isa) -> Self {
        let pack = |channel| {
            let heard = model.templates_heard(channel).select(Axis(0), components);
            let values = heard.as_slice().expect("selected rows are contiguous");
            Templates::new(isa, values, components.len(), model.bins()).expect(CHECKED)
        };
        let channels = if components.is_empty() {
            0
        } else {
            model.channels()
        };
        Self {
            activations: model
                .activations()
                .select(Axis(0), components)
                .t()
                .as_standard_layout()
                .into_owned(),
            templates: (0..channels).map(pack).collect(),
        }
    }

    /// Write the source's model of some frames, frame after frame.
    fn write(&self, kernel: &Kernel, channel: usize, frames: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
        let Some(templates) = self.templates.get(channel) else {
            return;
        };
        let rows = self.activations.slice(s![frames, ..]);
        let rows = rows.to_slice().expect("whole rows of a contiguous array");
        kernel
            .add_product(rows, templates, out, &mut Scratch::default())
            .expect(CHECKED);
    }
}

impl Components {
    /// Share out by the models of groups of components; `members` holds the components of each source.
    ///
    /// With [`StemsConfig::residual`], what no component explains is one more source, the last.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a setting that is not allowed, or a component that does not exist.
    pub fn new(
        explanation: Explanation<'_>,
        members: &[Vec<usize>],
        config: StemsConfig,
    ) -> Result<Self, Error> {
        config.render.check()?;
        let model = explanation.model;
        if let Some(component) = members.iter().flatten().find(|&&k| k >= model.components()) {
            let requirement = format!("below the number of components ({})", model.components());
            return Err(Error::config("sources", component, requirement));
        }
        let isa = if config.portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        Ok(Self {
            stft: explanation.stft.clone(),
            quantity: explanation.quantity,
            scale: explanation.scale,
            channels: model.channels(),
            frames: model.frames(),
            sources: members
                .iter()
                .map(|components| SourceModel::new(model, components, isa))
                .collect(),
            config,
            // Products of the model need neither divergence nor floor; any legal values serve.
            kernel: Kernel::with_isa(isa, 1.0, 1.0).expect(CHECKED),
        })
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
                            *model = match self.quantity {
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
        let channels = if self.channels == 1 {
            0..spectrum.channels()
        } else {
            channel..channel + 1
        };
        let scale = 1.0 / (self.scale * channels.len() as f32);
        let mut data = Array2::<f32>::zeros((spectrum.frames(), spectrum.bins()));
        for channel in channels {
            for (data, value) in data.iter_mut().zip(spectrum.channel_rows(channel)) {
                *data += scale * self.quantity.of(*value);
            }
        }
        data
    }
}

impl Sharing for Components {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn sources(&self) -> usize {
        self.sources.len() + usize::from(self.config.residual)
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn is_of_components(&self) -> bool {
        true
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        shares
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(&self.sources)
            .for_each(|(mut out, source)| {
                let out = out.as_slice_mut().expect("a plane of a contiguous block");
                source.write(&self.kernel, channel, frames.clone(), out);
            });
        self.models_to_weights(shares, spectrum, channel);
    }
}
