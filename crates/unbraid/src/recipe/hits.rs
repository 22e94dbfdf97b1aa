//! A recording and what is known of its strokes come in; kick, snare, hi-hat and the rest go out, each as one sound that is struck
//! again and again.
//!
//! ```text
//! what is heard of each drum → when it is struck → how it sounds on average → all of them together (NMFD) → masks
//! ```

use std::fmt;
use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut3, Axis, s};
use serde::{Deserialize, Serialize};
use unbraid_kernel::convolutive::delay;
use unbraid_kernel::{Isa, Kernel, Scratch, Templates};

use crate::evidence::{Class, ClassShares};
use crate::fit::{FitConfig, Free, fit, fit_convolutive};
use crate::group::claims::{Owner, owners};
use crate::group::{Kind, Source};
use crate::knowledge::onsets::Onset;
use crate::mask::{Render, share_out, winner_takes_all};
use crate::model::{Convolutive, LowRank, Start};
use crate::observe::Observer;
use crate::sharing::{Sharing, StemsConfig};
use crate::spectrogram::{Channels, Quantity};
use crate::stft::Spectrum;
use crate::{Audio, Error, Separation, Spectrogram, Stft, StftConfig};

/// Settings of the recipe for drums that are struck.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HitsConfig {
    /// The window of the transform in seconds: about as long as an attack is to be told from the next.
    pub window_secs: f64,
    /// How long a drum is heard after it is struck, in seconds.
    pub unfolding_secs: f64,
    /// Iterations of the fit.
    pub iterations: usize,
    /// How far a given onset may be from where it is heard, in seconds.
    pub tolerance_secs: f64,
    /// Free components for what is not struck.
    pub free: usize,
}

impl Default for HitsConfig {
    fn default() -> Self {
        Self {
            window_secs: 0.046,
            unfolding_secs: 0.5,
            iterations: 40,
            tolerance_secs: 0.05,
            free: 8,
        }
    }
}

impl HitsConfig {
    fn check(&self) -> Result<(), Error> {
        for (field, given, most) in [
            ("hits.window_secs", self.window_secs, 1.0),
            ("hits.unfolding_secs", self.unfolding_secs, 10.0),
            ("hits.tolerance_secs", self.tolerance_secs, 1.0),
        ] {
            if !(given > 0.0 && given <= most) {
                return Err(Error::config(
                    field,
                    given,
                    format!("above 0 and at most {most}"),
                ));
            }
        }
        Ok(())
    }
}

/// What the recipe is asked for.
#[derive(Debug, Clone, Copy)]
pub struct HitsTask<'a> {
    /// The sources: drums of one kind each, and perhaps others for the rest.
    pub sources: &'a [Source],
    /// When they are struck, if that is known; otherwise it is heard.
    pub onsets: Option<&'a [Onset]>,
    /// How some of them sound, if that is known: a source's name and one stroke.
    pub strokes: &'a [(String, Audio)],
    /// The seed of everything random.
    pub seed: u64,
    /// Masks → stems.
    pub stems: StemsConfig,
}

/// Whether a source is one drum: kick, snare, hi-hat, cymbals or percussion.
#[must_use]
pub fn is_struck(source: &Source) -> bool {
    source
        .kind
        .is_some_and(|kind| kind.is_percussive() && kind != Kind::Drums)
}

/// The classes of sound that each source has ([`owners`]).
fn classes(sources: &[Source]) -> Vec<Vec<Class>> {
    let mut classes = vec![Vec::new(); sources.len()];
    for (class, owner) in Class::ALL.into_iter().zip(owners(sources)) {
        if let Owner::Source(source) = owner
            && sources[source].kind.is_some_and(Kind::is_percussive)
        {
            classes[source].push(class);
        }
    }
    classes
}

/// Separate drums that are struck from each other, and from the rest.
///
/// A trained network says how much of every bin it hears as each kind of drum. Where that rises, the drum is struck, unless
/// onsets are given; what follows its strokes on average is how it unfolds, unless a stroke is given. Then all of them and free
/// components for the rest are fitted together ([`fit_convolutive`]), where strokes may be only at the onsets. Given strokes are
/// learnt on as well: the drum in the recording is rarely quite the same.
///
/// The separation says when each drum was struck, and how hard.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed, an onset that is no time, or a stroke of no source.
/// - [`Error::Cancelled`] if the observer says so.
///
/// # References
///
/// - C. Dittmar, M. Müller, *Reverse engineering the Amen break: score-informed separation and restoration applied to
///   drum recordings*, IEEE/ACM TASLP 2016: NMFD with onsets that are known.
pub fn hits(
    audio: &Audio,
    task: &HitsTask<'_>,
    config: &HitsConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    config.check()?;
    task.check(audio)?;
    let mut notes = Vec::new();
    let (given, named) = match task.onsets {
        None => (None, Vec::new()),
        Some(list) => {
            let (strokes, named, left) = of_sources(list, task.sources)?;
            if left > 0 {
                notes.push(format!(
                    "{left} of {} onsets are of no source that is asked for",
                    list.len()
                ));
            }
            (Some(strokes), named)
        }
    };
    let roles = Role::of_all(task, &named, &mut notes)?;
    let sample_rate = audio.sample_rate();
    let exponent = (f64::from(sample_rate) * config.window_secs).log2().round();
    let stft = Stft::new(StftConfig::with_fft_len(1 << (exponent.max(4.0) as u32)))?;
    let spectrogram = Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, observer)?;
    let v = spectrogram
        .view()
        .index_axis_move(Axis(0), 0)
        .reversed_axes();
    let hop_secs = stft.config().hop_len as f64 / f64::from(sample_rate);
    let heard = Heard::new(audio, &roles, &stft, v.dim(), observer)?;

    let lags = ((config.unfolding_secs / hop_secs).ceil() as usize).clamp(1, v.nrows().max(1));
    let struck: Vec<usize> = (0..roles.len())
        .filter(|&source| matches!(roles[source], Role::Struck(_)))
        .collect();
    let reach = (config.tolerance_secs / hop_secs).round() as usize;
    let mut unfolding = Array3::<f32>::zeros((lags, struck.len(), v.ncols()));
    let mut activations = Array2::<f32>::zeros((v.nrows(), struck.len()));
    for (event, &source) in struck.iter().enumerate() {
        let own = heard.of(source, v);
        let novelty = novelty(own.view());
        let frames: Vec<usize> = match &given {
            Some(given) => given[source]
                .iter()
                .map(|secs| nearest(&novelty, secs / hop_secs, reach))
                .collect(),
            None => peaks(&novelty, hop_secs),
        };
        let name = &task.sources[source].name;
        let stroke = task.strokes.iter().find(|(known, _)| known == name);
        let mut unfolds = match stroke {
            Some((_, stroke)) => stroke_of(stroke, &stft, lags)?,
            None => average(own.view(), &frames, lags),
        };
        // Activations are how loud a stroke is in all.
        let sum = unfolds.sum();
        if sum > 0.0 {
            unfolds /= sum;
        }
        unfolding.slice_mut(s![.., event, ..]).assign(&unfolds);
        for frame in frames {
            let until = (frame + lags).min(v.nrows());
            let loud = own.slice(s![frame..until, ..]).sum().max(f32::MIN_POSITIVE);
            // Between two frames, a stroke is a little of both.
            for near in frame.saturating_sub(1)..(frame + 2).min(v.nrows()) {
                let share = if near == frame { 0.6 } else { 0.2 };
                let h = &mut activations[[near, event]];
                *h = h.max(share * loud);
            }
        }
    }
    // Nothing is so certain that it could not be otherwise.
    let least = 1e-3 * unfolding.mean().unwrap_or(0.0);
    unfolding.mapv_inplace(|w| w.max(least));
    let mut events = Convolutive::new(unfolding.view(), activations.view())?;
    let mut free = heard.free(v, &roles, config, task, observer)?;
    fit_convolutive(
        v,
        &mut events,
        &mut free,
        config.iterations,
        task.stems.portable,
        observer,
    )?;
    let sharing = Strokes::new(stft, &events, &free, &roles, task);
    Ok(Separation {
        sources: task.sources.to_vec(),
        components: None,
        onsets: found(&events, &struck, task.sources, hop_secs),
        heard: crate::separation::Heard::default(),
        notes,
        sharing: Box::new(sharing),
    })
}

impl HitsTask<'_> {
    /// What can be told before the long work.
    fn check(&self, audio: &Audio) -> Result<(), Error> {
        self.stems.render.check()?;
        if self.stems.render == Render::Model {
            let requirement = "ratio or binary for drums that are struck";
            return Err(Error::config("stems.render", "model", requirement));
        }
        if self.stems.residual {
            let requirement = "false for drums that are struck: their masks leave nothing over; name a source `rest`";
            return Err(Error::config("stems.residual", true, requirement));
        }
        for (name, stroke) in self.strokes {
            if !self.sources.iter().any(|source| source.name == *name) {
                return Err(Error::config("strokes", name, "of one of the sources"));
            }
            if stroke.sample_rate() != audio.sample_rate() {
                return Err(Error::config(
                    "strokes",
                    format!("at {} Hz", stroke.sample_rate()),
                    format!("at the recording's {} Hz", audio.sample_rate()),
                ));
            }
        }
        Ok(())
    }
}

/// What a source is to the model.
enum Role {
    /// One sound that is struck, and what the network hears it as; nothing where it does not know it.
    Struck(Vec<Class>),
    /// What is not struck: free components.
    Rest,
    /// A drum that another source of its kind has already.
    Nothing,
}

impl Role {
    fn of_all(
        task: &HitsTask<'_>,
        named: &[bool],
        notes: &mut Vec<String>,
    ) -> Result<Vec<Self>, Error> {
        let mut roles = Vec::with_capacity(task.sources.len());
        for (index, (source, classes)) in task.sources.iter().zip(classes(task.sources)).enumerate()
        {
            let told = named.get(index).is_some_and(|&named| named)
                || task.strokes.iter().any(|(name, _)| *name == source.name);
            roles.push(if told || !classes.is_empty() {
                Self::Struck(classes)
            } else if source.kind.is_some_and(Kind::is_percussive) {
                notes.push(format!(
                    "`{}` is silent: another source has the drums of its kind",
                    source.name
                ));
                Self::Nothing
            } else {
                Self::Rest
            });
        }
        let rest = |role: &&Self| matches!(role, Self::Rest);
        if roles.iter().filter(rest).count() > 1 {
            return Err(Error::config(
                "sources",
                task.sources.len(),
                "at most one beside those that are struck, where onsets or strokes are given: what is not struck is one \
                 part",
            ));
        }
        Ok(roles)
    }
}

/// The strokes of each source, by a list of onsets, in seconds and rising; whether the list names it at all; and how many
/// found no source.
///
/// An onset is for the source of its name, or else the first of its kind; cymbals are for the hi-hat where there is no
/// source of cymbals, as both are one kind of sound to us.
///
/// # Errors
///
/// [`Error::Config`] for a time that is no number of seconds.
#[expect(clippy::type_complexity, reason = "three short lists, named above")]
fn of_sources(
    onsets: &[Onset],
    sources: &[Source],
) -> Result<(Vec<Vec<f64>>, Vec<bool>, usize), Error> {
    let mut strokes = vec![Vec::new(); sources.len()];
    let mut mentioned = vec![false; sources.len()];
    let mut left = 0;
    for onset in onsets {
        if !(onset.secs.is_finite() && onset.secs >= 0.0) {
            return Err(Error::config(
                "onsets",
                onset.secs,
                "seconds from the start",
            ));
        }
        let named = |name: &str| {
            let own = sources.iter().position(|source| source.name == name);
            let kind = name.parse::<Kind>().ok();
            own.or_else(|| {
                sources
                    .iter()
                    .position(|source| kind.is_some() && source.kind == kind)
            })
        };
        let found = named(&onset.source).or_else(|| match onset.source.as_str() {
            "cymbals" => named("hihat"),
            "hihat" => named("cymbals"),
            _ => None,
        });
        let Some(source) = found else {
            left += 1;
            continue;
        };
        mentioned[source] = true;
        // A stroke without strength is none.
        if onset.strength > 0.0 {
            strokes[source].push(onset.secs);
        }
    }
    for strokes in &mut strokes {
        strokes.sort_by(f64::total_cmp);
    }
    Ok((strokes, mentioned, left))
}

/// How much of every bin each source is, as far as the network can tell.
struct Heard {
    /// For each source, `(frames, bins)`.
    shares: Vec<Array2<f32>>,
}

impl Heard {
    fn new(
        audio: &Audio,
        roles: &[Role],
        fine: &Stft,
        (frames, bins): (usize, usize),
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let rate = audio.sample_rate();
        let stft = Stft::new(StftConfig::for_sample_rate(rate))?;
        let coarse = Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, observer)?;
        let hop = |stft: &Stft| stft.config().hop_len as f64 / f64::from(rate);
        let bin_hz = f64::from(rate) / stft.config().fft_len as f64;
        let view = coarse.view();
        let network = ClassShares::of(view.index_axis(Axis(0), 0), bin_hz, hop(&stft));
        let times = hop(fine) / hop(&stft);
        let octaves = stft.config().fft_len as f64 / fine.config().fft_len as f64;
        let at_fine = |share: Array2<f32>| {
            let (coarse_bins, coarse_frames) = share.dim();
            Array2::from_shape_fn((frames, bins), |(t, f)| {
                let frame = ((t as f64 * times).round() as usize).min(coarse_frames - 1);
                let bin = ((f as f64 * octaves).round() as usize).min(coarse_bins - 1);
                share[[bin, frame]]
            })
        };
        let own: Vec<Option<Array2<f32>>> = roles
            .iter()
            .map(|role| match role {
                Role::Struck(classes) if !classes.is_empty() => {
                    Some(at_fine(network.share_of(classes)))
                }
                _ => None,
            })
            .collect();
        let mut sum = Array2::<f32>::zeros((frames, bins));
        for share in own.iter().flatten() {
            sum += share;
        }
        // What is nobody's class is that of the sources without one, in equal parts; without such it is everybody's.
        let open = |role: &Role| match role {
            Role::Struck(classes) => classes.is_empty(),
            Role::Rest => true,
            Role::Nothing => false,
        };
        let others = roles.iter().filter(|role| open(role)).count();
        let known = own.iter().flatten().count() as f32;
        let shares = own
            .into_iter()
            .zip(roles)
            .map(|(share, role)| match share {
                Some(share) if others > 0 => share,
                Some(share) => ndarray::Zip::from(&share)
                    .and(&sum)
                    .map_collect(|share, sum| (share + 1e-4) / (sum + known * 1e-4)),
                None if open(role) => sum.mapv(|sum| (1.0 - sum).max(0.0) / others as f32),
                None => Array2::zeros((frames, bins)),
            })
            .collect();
        Ok(Self { shares })
    }

    /// What is heard of a source.
    fn of(&self, source: usize, v: ArrayView2<'_, f32>) -> Array2<f32> {
        &self.shares[source] * &v
    }

    /// Free components for what is not struck.
    fn free(
        &self,
        v: ArrayView2<'_, f32>,
        roles: &[Role],
        config: &HitsConfig,
        task: &HitsTask<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Free, Error> {
        let Some(rest) = roles.iter().position(|role| matches!(role, Role::Rest)) else {
            return Ok(Free::none(v.nrows(), v.ncols()));
        };
        let rest = self.of(rest, v);
        let values = Spectrogram::from_values(rest.t().insert_axis(Axis(0)), Quantity::Magnitude)?;
        if values.mean() <= 0.0 || config.free == 0 {
            return Ok(Free::none(v.nrows(), v.ncols()));
        }
        let count = config.free.min(v.nrows());
        let start = LowRank::free(&values, count, Start::Random, task.seed)?;
        let settings = FitConfig {
            iterations: 30,
            portable: task.stems.portable,
            ..FitConfig::default()
        };
        let mut model = fit(start, &values, &settings, observer)?.model;
        model.scale_activations(values.scale());
        Ok(Free {
            templates: model.templates().t().as_standard_layout().into_owned(),
            activations: model.activations().t().as_standard_layout().into_owned(),
        })
    }
}

/// How much louder every frame is than those before it, `Σ_f max(0, √x[t] − max(√x[t−1], √x[t−2]))`.
fn novelty(own: ArrayView2<'_, f32>) -> Vec<f32> {
    let root = own.mapv(f32::sqrt);
    (0..own.nrows())
        .map(|t| {
            let row = root.row(t);
            let before =
                |back: usize, f: usize| t.checked_sub(back).map_or(0.0, |frame| root[[frame, f]]);
            row.iter()
                .enumerate()
                .map(|(f, x)| (x - before(1, f).max(before(2, f))).max(0.0))
                .sum()
        })
        .collect()
}

/// Where novelty peaks: larger than all within 50 ms, and than what is usual within a second.
fn peaks(novelty: &[f32], hop_secs: f64) -> Vec<usize> {
    const APART_SECS: f64 = 0.05;
    const AROUND_SECS: f64 = 0.5;
    /// Of the loudest stroke.
    const LEAST: f32 = 0.1;
    const ABOVE_USUAL: f32 = 2.0;
    let most = novelty.iter().copied().fold(0.0, f32::max);
    let apart = (APART_SECS / hop_secs).round() as usize;
    let around = (AROUND_SECS / hop_secs).round() as usize;
    (0..novelty.len())
        .filter(|&t| {
            let window = |reach: usize| {
                &novelty[t.saturating_sub(reach)..(t + reach + 1).min(novelty.len())]
            };
            let here = novelty[t];
            let largest = window(apart).iter().all(|x| *x <= here);
            let mut usual = window(around).to_vec();
            usual.sort_by(f32::total_cmp);
            let usual = usual[usual.len() / 2];
            here > 0.0 && largest && here > LEAST * most && here > ABOVE_USUAL * usual
        })
        .collect()
}

/// The frame with most novelty near a given one.
fn nearest(novelty: &[f32], frame: f64, reach: usize) -> usize {
    let last = novelty.len().saturating_sub(1);
    let centre = (frame.round().max(0.0) as usize).min(last);
    let range = centre.saturating_sub(reach)..(centre + reach + 1).min(novelty.len());
    range.fold(centre, |best, at| {
        if novelty[at] > novelty[best] {
            at
        } else {
            best
        }
    })
}

/// What follows the strokes on average, up to the next one, `(lags, bins)`; louder ones count more.
fn average(own: ArrayView2<'_, f32>, frames: &[usize], lags: usize) -> Array2<f32> {
    let (count, bins) = own.dim();
    let mut sum = Array2::<f32>::zeros((lags, bins));
    let mut times = vec![0.0_f32; lags];
    for (at, &frame) in frames.iter().enumerate() {
        let next = frames.get(at + 1).copied().unwrap_or(count).min(count);
        let until = next.min(frame + lags);
        let lasts = until.saturating_sub(frame);
        for (lag, times) in times.iter_mut().take(lasts).enumerate() {
            let mut row = sum.row_mut(lag);
            row += &own.row(frame + lag);
            *times += 1.0;
        }
    }
    for (mut row, times) in sum.outer_iter_mut().zip(&times) {
        if *times > 0.0 {
            row /= *times;
        }
    }
    // What no stroke lasted long enough to show dies away.
    for (lag, &times) in times.iter().enumerate().skip(1) {
        if times <= 0.0 {
            let fading = sum.row(lag - 1).mapv(|x| 0.8 * x);
            sum.row_mut(lag).assign(&fading);
        }
    }
    sum
}

/// How a stroke that is given unfolds, `(lags, bins)`.
fn stroke_of(stroke: &Audio, stft: &Stft, lags: usize) -> Result<Array2<f32>, Error> {
    let spectrogram = Spectrogram::of(stroke, stft, Quantity::Magnitude, Channels::Sum, &mut ())?;
    let view = spectrogram.view();
    let own = view.index_axis(Axis(0), 0).t().to_owned();
    let novelty = novelty(own.view());
    let first = nearest(&novelty, 0.0, novelty.len());
    let mut unfolding = Array2::zeros((lags, stft.bins()));
    for (mut to, from) in unfolding
        .outer_iter_mut()
        .zip(own.slice(s![first.saturating_sub(1).., ..]).outer_iter())
    {
        to.assign(&from);
    }
    Ok(unfolding)
}

/// The strokes that are left after the fit: neighbouring frames are one.
fn found(events: &Convolutive, struck: &[usize], sources: &[Source], hop_secs: f64) -> Vec<Onset> {
    /// Of the loudest stroke of the drum.
    const LEAST: f32 = 0.02;
    let mut found = Vec::new();
    for (h, &source) in events.activations().columns().into_iter().zip(struck) {
        // Where each stroke is, and how loud.
        let mut strokes: Vec<(f64, f32)> = Vec::new();
        let mut frame = 0;
        while frame < h.len() {
            if h[frame] <= 0.0 {
                frame += 1;
                continue;
            }
            let end = (frame..h.len()).find(|&t| h[t] <= 0.0).unwrap_or(h.len());
            let run = h.slice(s![frame..end]);
            let loud = run.sum();
            let moments = run.iter().enumerate();
            let moment = moments.map(|(at, h)| (frame + at) as f64 * f64::from(*h));
            strokes.push((moment.sum::<f64>() / f64::from(loud), loud));
            frame = end;
        }
        let most = strokes
            .iter()
            .fold(0.0, |most: f32, (_, loud)| most.max(*loud));
        let heard = strokes.iter().filter(|(_, loud)| *loud > LEAST * most);
        found.extend(heard.map(|(centre, loud)| Onset {
            secs: centre * hop_secs,
            source: sources[source].name.clone(),
            strength: loud / most,
        }));
    }
    found.sort_by(|a, b| a.secs.total_cmp(&b.secs));
    found
}

/// Sources that are events, or free components.
struct Strokes {
    stft: Stft,
    frames: usize,
    lags: usize,
    sources: Vec<Part>,
    kernel: Kernel,
    render: Render,
}

/// One source: `(frames, components)` and what they stand for.
struct Part {
    /// Of an event at lag zero; of free components.
    activations: Array2<f32>,
    /// Whether activations are to be delayed.
    event: bool,
    /// None where the source has nothing.
    packed: Option<Templates>,
}

/// Why the kernel's own checks cannot fail here.
const CHECKED: &str = "shapes come from the model, and the instruction set is detected";

impl Strokes {
    fn new(
        stft: Stft,
        events: &Convolutive,
        free: &Free,
        roles: &[Role],
        task: &HitsTask<'_>,
    ) -> Self {
        let isa = if task.stems.portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        let pack = |templates: ArrayView2<'_, f32>| {
            let templates = templates.as_standard_layout();
            let values = templates.as_slice().expect("standard layout");
            (templates.nrows() > 0).then(|| {
                Templates::new(isa, values, templates.nrows(), templates.ncols()).expect(CHECKED)
            })
        };
        let mut event = 0;
        let mut part = |role: &Role| match role {
            Role::Struck(_) => {
                event += 1;
                Part {
                    activations: events
                        .activations
                        .slice(s![.., event - 1..event])
                        .to_owned(),
                    event: true,
                    packed: pack(events.unfolding(event - 1)),
                }
            }
            Role::Rest => Part {
                activations: free.activations.clone(),
                event: false,
                packed: pack(free.templates.view()),
            },
            Role::Nothing => Part {
                activations: Array2::zeros((events.frames(), 0)),
                event: false,
                packed: None,
            },
        };
        let sources = roles.iter().map(&mut part).collect();
        Self {
            frames: events.frames(),
            lags: events.lags(),
            sources,
            kernel: Kernel::with_isa(isa, 1.0, 1.0).expect(CHECKED),
            render: task.stems.render,
            stft,
        }
    }
}

impl fmt::Debug for Strokes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Strokes")
            .field("frames", &self.frames)
            .field("lags", &self.lags)
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

impl Sharing for Strokes {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn sources(&self) -> usize {
        self.sources.len()
    }

    fn channels(&self) -> usize {
        1
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn share(
        &self,
        _: &Spectrum,
        frames: Range<usize>,
        _: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let mut h = Vec::new();
        for (mut out, part) in shares.outer_iter_mut().zip(&self.sources) {
            out.fill(0.0);
            let Some(packed) = &part.packed else {
                continue;
            };
            let all = part.activations.as_slice().expect("contiguous");
            let own = part.activations.ncols();
            h.clear();
            if part.event {
                h.resize(frames.len() * self.lags, 0.0);
                delay(all, own, self.lags, frames.start, &mut h).expect(CHECKED);
            } else {
                h.extend_from_slice(&all[frames.start * own..frames.end * own]);
            }
            let out = out.as_slice_mut().expect("a plane of a contiguous block");
            self.kernel
                .add_product(&h, packed, out, &mut Scratch::default())
                .expect(CHECKED);
        }
        match self.render {
            Render::Ratio { exponent } => share_out(shares, exponent),
            Render::Binary | Render::Model => winner_takes_all(shares),
        }
        .expect("models are sums of products of factors that were checked");
    }
}
