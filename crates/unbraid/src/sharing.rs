//! Models of the sources come in; what every bin of a block must be multiplied by, for each of them, goes out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayViewMut3, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unbraid_kernel::{Isa, Kernel, Scratch, Templates};

use crate::knowledge::hints::Hints;
use crate::mask::{Render, share_out, winner_takes_all};
use crate::model::LowRank;
use crate::spectrogram::Quantity;
use crate::stft::Spectrum;
use crate::{Audio, Error, Stft};

/// What says how each block of a recording is shared out among its sources.
///
/// It is asked block by block, so that no array of sources × bins × frames is ever made. [`Components`]
/// is the usual one, [`Ensemble`] the mean of several; a recipe may have its own.
pub trait Sharing: fmt::Debug + Send + Sync {
    /// The transform whose bins are shared out.
    fn stft(&self) -> &Stft;

    /// The number of sources.
    fn sources(&self) -> usize;

    /// 1 if all channels of the recording are shared out alike, else their number.
    fn channels(&self) -> usize;

    /// The number of frames of the recording it is for.
    fn frames(&self) -> usize;

    /// Whether these are the shares of the components that were found, and nothing else.
    fn is_of_components(&self) -> bool {
        false
    }

    /// Write each source's share of the bins of some frames of one channel.
    ///
    /// Shares add up to one in every bin, so that the stems add up to the recording ([`Render::Model`]
    /// is the one exception).
    ///
    /// # Shapes
    ///
    /// | | shape | meaning |
    /// |---|---|---|
    /// | `spectrum` | `(channels, bins, frames.len())` | the block of the recording |
    /// | `shares`, before | `(sources, frames.len(), bins)` | anything |
    /// | `shares`, after | the same | 0 to 1 |
    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    );
}

/// A sharing that several hold.
impl Sharing for Arc<dyn Sharing> {
    fn stft(&self) -> &Stft {
        self.as_ref().stft()
    }

    fn sources(&self) -> usize {
        self.as_ref().sources()
    }

    fn channels(&self) -> usize {
        self.as_ref().channels()
    }

    fn frames(&self) -> usize {
        self.as_ref().frames()
    }

    fn is_of_components(&self) -> bool {
        self.as_ref().is_of_components()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        self.as_ref().share(spectrum, frames, channel, shares);
    }
}

/// How components become stems.
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

/// The mask exponent unless asked otherwise: shares in proportion. Others score the same to within 0.2 dB on
/// average (`docs/crosscheck.md`), and with this one the stems of a source's components add up to its stem.
pub const DEFAULT_EXPONENT: f32 = 1.0;

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

/// Another sharing, with what is hinted weighed in:
///
/// ```text
/// share ∝ share^w · claim
/// ```
///
/// For regions w = 1: of components that were fitted under them, these are the posteriors that their fit has
/// ([`crate::fit::Guidance`]). Beside a stem w is [`Hints::own_weight`]: two opinions about one thing. Where nothing is hinted, not
/// a bit changes.
///
/// # References
///
/// - N. J. Bryan, G. J. Mysore, *An efficient posterior regularized latent variable model for interactive sound
///   source separation*, ICML 2013, section 5.
#[derive(Debug)]
pub struct Hinted {
    sharing: Box<dyn Sharing>,
    hints: Hints,
    /// For each share, the source whose claim counts; shares behind these are a residual.
    owners: Vec<usize>,
}

impl Hinted {
    /// Weigh hints in.
    ///
    /// With one source more than is hinted about, the last is a residual, which nothing is said of.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the hints are for other frames, bins or sources.
    pub fn new(sharing: Box<dyn Sharing>, hints: Hints) -> Result<Self, Error> {
        check_hints(&hints, sharing.as_ref())?;
        Ok(Self {
            owners: (0..hints.sources()).collect(),
            sharing,
            hints,
        })
    }

    /// Weigh what a person drew into the shares of parts of the sources, such as single components; `owners` holds the source
    /// of each.
    ///
    /// With one share more than owners, the last is a residual. With shares in proportion (exponent 1), those of a source's parts add up to the share that [`Hinted::new`] gives the source.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the hints are for other frames or bins, or there is not one owner per share, or one is no source.
    pub fn of_parts(
        sharing: Box<dyn Sharing>,
        hints: Hints,
        owners: Vec<usize>,
    ) -> Result<Self, Error> {
        let sources = sharing.sources();
        let expected = vec![sources, sharing.stft().bins(), sharing.frames()];
        let actual = vec![owners.len(), hints.bins(), hints.frames()];
        let fits = expected[1..] == actual[1..]
            && (owners.len()..=owners.len() + 1).contains(&sources)
            && owners.iter().all(|&owner| owner < hints.sources());
        if !fits {
            return Err(Error::Shape {
                what: "the owners and hints (parts, bins, frames)",
                expected,
                actual,
            });
        }
        Ok(Self {
            sharing,
            hints,
            owners,
        })
    }
}

impl Sharing for Hinted {
    fn stft(&self) -> &Stft {
        self.sharing.stft()
    }

    fn sources(&self) -> usize {
        self.sharing.sources()
    }

    fn channels(&self) -> usize {
        self.sharing.channels()
    }

    fn frames(&self) -> usize {
        self.sharing.frames()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        self.sharing
            .share(spectrum, frames.clone(), channel, shares);
        let (_, rows, bins) = shares.dim();
        let mut claims = vec![1.0; self.hints.sources() * rows * bins];
        if !self.hints.claims(frames, &mut claims) {
            return;
        }
        let own = self.hints.own_weight();
        let claims = Array3::from_shape_vec((self.hints.sources(), rows, bins), claims)
            .expect("as many as claims were asked for");
        shares
            .axis_iter_mut(Axis(1))
            .into_par_iter()
            .zip(claims.axis_iter(Axis(1)))
            .for_each(|(mut row, claims)| {
                for (mut bin, claims) in row.columns_mut().into_iter().zip(claims.columns()) {
                    // Nothing is said of this bin: it keeps every bit.
                    if own >= 1.0 && claims.iter().all(|&claim| claim >= 1.0) {
                        continue;
                    }
                    if own < 1.0 {
                        bin.mapv_inplace(|share| share.max(LEAST_SHARE).powf(own));
                    }
                    bin.iter_mut()
                        .zip(&self.owners)
                        .for_each(|(share, &owner)| *share *= claims[owner]);
                    let total = bin.sum();
                    if total > 0.0 {
                        bin /= total;
                    }
                }
            });
    }
}

/// What a stem can make something of, though nothing was heard.
const LEAST_SHARE: f32 = 1e-4;

/// Compare hinted stems with how a recording is shared out without them ([`Hints::compared`]).
///
/// # Errors
///
/// [`Error::Shape`] if the hints are for other frames, bins or sources.
pub fn compared(hints: Hints, sharing: &dyn Sharing, audio: &Audio) -> Result<Hints, Error> {
    check_hints(&hints, sharing)?;
    let channels = sharing.channels();
    hints.compared(|frames, add| {
        let spectrum = sharing.stft().forward_block(audio, frames.clone());
        let shape = (frames.len(), sharing.stft().bins());
        let mut shares = Array3::zeros((sharing.sources(), shape.0, shape.1));
        for channel in 0..channels {
            sharing.share(&spectrum, frames.clone(), channel, &mut shares.view_mut());
            let heard = if channels == 1 {
                0..spectrum.channels()
            } else {
                channel..channel + 1
            };
            let mut loudness = Array2::<f32>::zeros(shape);
            for channel in heard {
                for (sum, x) in loudness.iter_mut().zip(spectrum.channel_rows(channel)) {
                    *sum += x.norm();
                }
            }
            add(shares.view(), loudness.view());
        }
        Ok(())
    })
}

fn check_hints(hints: &Hints, sharing: &dyn Sharing) -> Result<(), Error> {
    let sources = sharing.sources();
    let expected = vec![sources, sharing.stft().bins(), sharing.frames()];
    let actual = vec![hints.sources(), hints.bins(), hints.frames()];
    if expected[1..] != actual[1..] || !(hints.sources()..=hints.sources() + 1).contains(&sources) {
        return Err(Error::Shape {
            what: "the hints (sources, bins, frames)",
            expected,
            actual,
        });
    }
    Ok(())
}

/// The mean of the shares of several, on one transform.
///
/// Fits that differ in seed, rank or model err in different bins; the mean of their masks is better
/// than any of them on average.
///
/// # Examples
///
/// ```
/// use unbraid::factorize::{FactorizeConfig, factorize};
/// use unbraid::sharing::{Ensemble, Sharing, StemsConfig};
/// use unbraid::stems::StemBlocks;
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let mut members: Vec<Box<dyn Sharing>> = Vec::new();
/// for seed in 0..3 {
///     let mut config = FactorizeConfig::default();
///     (config.blind.components, config.blind.seed) = (4, seed);
///     let factorization = factorize(&mixture, &config, &mut ())?;
///     members.push(Box::new(factorization.sharing(&[vec![0, 1], vec![2, 3]], StemsConfig::default())?));
/// }
/// let ensemble = Ensemble::new(members)?;
/// assert_eq!(StemBlocks::new(&mixture, &ensemble)?.stems(), 2);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug)]
pub struct Ensemble {
    members: Vec<Box<dyn Sharing>>,
}

impl Ensemble {
    /// Share out by the mean of several.
    ///
    /// # Errors
    ///
    /// - [`Error::TooShort`] if there are none.
    /// - [`Error::Shape`] if they differ in sources, channels, bins or frames.
    pub fn new(members: Vec<Box<dyn Sharing>>) -> Result<Self, Error> {
        let shape = |member: &dyn Sharing| {
            vec![
                member.sources(),
                member.channels(),
                member.stft().bins(),
                member.frames(),
            ]
        };
        let Some(first) = members.first() else {
            return Err(Error::TooShort {
                what: "the ensemble",
                needed: 1,
                actual: 0,
            });
        };
        let expected = shape(first.as_ref());
        for member in &members {
            let actual = shape(member.as_ref());
            if actual != expected {
                return Err(Error::Shape {
                    what: "a member of the ensemble",
                    expected,
                    actual,
                });
            }
        }
        Ok(Self { members })
    }
}

impl Sharing for Ensemble {
    fn stft(&self) -> &Stft {
        self.members[0].stft()
    }

    fn sources(&self) -> usize {
        self.members[0].sources()
    }

    fn channels(&self) -> usize {
        self.members[0].channels()
    }

    fn frames(&self) -> usize {
        self.members[0].frames()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let (first, others) = self
            .members
            .split_first()
            .expect("an ensemble has at least one member");
        first.share(spectrum, frames.clone(), channel, shares);
        let mut one = shares.to_owned();
        for member in others {
            member.share(spectrum, frames.clone(), channel, &mut one.view_mut());
            *shares += &one;
        }
        let scale = 1.0 / self.members.len() as f32;
        shares.mapv_inplace(|share| share * scale);
    }
}

/// Shares that are known for every bin.
#[derive(Debug)]
pub struct Masks {
    stft: Stft,
    /// `(sources, frames, bins)`.
    shares: Array3<f32>,
    render: Render,
    residual: bool,
}

impl Masks {
    /// Share out by these, `(sources, frames, bins)`, alike in all channels.
    ///
    /// With [`StemsConfig::residual`] a silent source is added, for they leave nothing over.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] for a setting that is not allowed; [`Render::Model`] is not, as there is none.
    /// - [`Error::Shape`] if they are not for the transform's bins.
    /// - [`Error::NotNonNegative`] if a share is negative or not a number.
    pub fn new(stft: Stft, shares: Array3<f32>, config: StemsConfig) -> Result<Self, Error> {
        config.render.check()?;
        if config.render == Render::Model {
            let requirement = "ratio or binary where shares are known but no model";
            return Err(Error::config("stems.render", "model", requirement));
        }
        let (sources, frames, bins) = shares.dim();
        if bins != stft.bins() {
            return Err(Error::Shape {
                what: "the masks (sources, frames, bins)",
                expected: vec![sources, frames, stft.bins()],
                actual: vec![sources, frames, bins],
            });
        }
        let legal = |share: f32| share.is_finite() && share >= 0.0;
        if let Some((at, share)) = shares.indexed_iter().find(|(_, share)| !legal(**share)) {
            return Err(Error::NotNonNegative {
                what: "the masks",
                value: f64::from(*share),
                at: vec![at.0, at.1, at.2],
            });
        }
        Ok(Self {
            stft,
            shares,
            render: config.render,
            residual: config.residual,
        })
    }
}

impl Sharing for Masks {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn sources(&self) -> usize {
        self.shares.len_of(Axis(0)) + usize::from(self.residual)
    }

    fn channels(&self) -> usize {
        1
    }

    fn frames(&self) -> usize {
        self.shares.len_of(Axis(1))
    }

    fn share(
        &self,
        _spectrum: &Spectrum,
        frames: Range<usize>,
        _channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let known = self.shares.len_of(Axis(0));
        let (mut own, mut residual) = shares.view_mut().split_at(Axis(0), known);
        own.assign(&self.shares.slice(s![.., frames, ..]));
        residual.fill(0.0);
        let shared = match self.render {
            Render::Ratio { exponent } => share_out(shares, exponent),
            Render::Binary | Render::Model => winner_takes_all(shares),
        };
        shared.expect("shares were checked");
    }
}

/// Groups of sources shared out by one sharing, and the sources of each group by another.
///
/// ```text
/// share_s = share of the group of s · inner_s / Σ_{r in the group} inner_r
/// ```
#[derive(Debug)]
pub struct Nested {
    groups: Box<dyn Sharing>,
    /// The sources of each group.
    members: Vec<Vec<usize>>,
    within: Components,
    /// No source stands alone: groups of one source need no inner sharing.
    plain: bool,
}

impl Nested {
    /// `groups` shares out the groups; `within`, all sources. A source in no group gets nothing. If `groups` has one
    /// source more than there are groups, that is a residual, and stays the last.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the two are not for the same bins and frames, or `groups` not for so many groups.
    pub fn new(
        groups: Box<dyn Sharing>,
        members: Vec<Vec<usize>>,
        within: Components,
    ) -> Result<Self, Error> {
        let known = groups.sources().min(members.len());
        let expected = vec![known, within.stft().bins(), within.frames()];
        let actual = vec![members.len(), groups.stft().bins(), groups.frames()];
        let residuals = groups.sources().saturating_sub(members.len());
        if expected != actual || residuals > 1 {
            return Err(Error::Shape {
                what: "the groups (groups, bins, frames)",
                expected,
                actual,
            });
        }
        let plain = members.iter().all(|members| members.len() < 2);
        Ok(Self {
            groups,
            members,
            within,
            plain,
        })
    }
}

impl Sharing for Nested {
    fn stft(&self) -> &Stft {
        self.groups.stft()
    }

    fn sources(&self) -> usize {
        self.within.sources() + self.groups.sources() - self.members.len()
    }

    fn channels(&self) -> usize {
        self.groups.channels()
    }

    fn frames(&self) -> usize {
        self.groups.frames()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let (_, rows, bins) = shares.dim();
        let mut groups = Array3::<f32>::zeros((self.groups.sources(), rows, bins));
        self.groups
            .share(spectrum, frames.clone(), channel, &mut groups.view_mut());
        let sources = self.within.sources();
        if self.plain {
            shares.fill(0.0);
        } else {
            let mut inner = shares.slice_mut(s![..sources, .., ..]);
            self.within.share(spectrum, frames, channel, &mut inner);
        }
        for (members, group) in self.members.iter().zip(groups.outer_iter()) {
            if let [one] = members[..] {
                shares.index_axis_mut(Axis(0), one).assign(&group);
                continue;
            }
            let mut total = Array2::<f32>::zeros((rows, bins));
            for &member in members {
                total += &shares.index_axis(Axis(0), member);
            }
            let equal = 1.0 / members.len() as f32;
            for &member in members {
                ndarray::Zip::from(shares.index_axis_mut(Axis(0), member))
                    .and(&total)
                    .and(&group)
                    .for_each(|share, &total, &group| {
                        *share = group * if total > 0.0 { *share / total } else { equal };
                    });
            }
        }
        let ungrouped =
            (0..sources).filter(|source| !self.members.iter().flatten().any(|it| it == source));
        for source in ungrouped {
            shares.index_axis_mut(Axis(0), source).fill(0.0);
        }
        if self.groups.sources() > self.members.len() {
            let residual = groups.index_axis(Axis(0), self.members.len());
            shares.index_axis_mut(Axis(0), sources).assign(&residual);
        }
    }
}
