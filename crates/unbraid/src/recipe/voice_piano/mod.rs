//! A recording of one singer and one piano comes in; the voice's share of every bin goes out.
//!
//! ```text
//! track the pitch → tune the piano → track again → which notes → a first mask → track on it → three fits → their mean
//! ```

mod notes;
mod share;
mod templates;
mod track;

use std::ops::ControlFlow;

use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};
use unbraid_kernel::Isa;

pub use share::VoiceShare;
pub use templates::{NoteTemplates, SLICES, Sampled, to_bytes};

use crate::analysis::glottal::{Grid, Smear, agreement, combs, excitation};
use crate::analysis::hpss;
use crate::analysis::viterbi::{Moves, best_path};
use crate::fit::{FitConfig, Term, divergences, fit, fit_jointly};
use crate::mask::Render;
use crate::model::{Bands, LowRank, Start, Update, Voice};
use crate::observe::{Observer, Progress, Stage};
use crate::spectrogram::{Channels, Quantity};
use crate::stft::OverlapAdd;
use crate::{Audio, Error, Spectrogram, Stft, StftConfig, Window};
use notes::Rule;
use track::{Scene, peaks, shares};

/// Settings of the recipe for one singer and one piano.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switches one idea off, to see what it is worth"
)]
pub struct VoicePianoConfig {
    /// Estimate how far the piano is off its templates' tuning.
    pub tuning: bool,
    /// Track the pitch once more, on the model's own voice.
    pub own_mask: bool,
    /// Shapes of the vowel filter; 0 leaves every frame a filter of its own.
    pub shapes: usize,
    /// Average the masks of three fits, instead of taking the first's.
    pub average: bool,
    /// Frames of the last fits are 186 ms, instead of 93 ms.
    pub long_frames: bool,
    /// The range of the voice in Hz.
    pub lowest_hz: f64,
    /// The range of the voice in Hz.
    pub highest_hz: f64,
    /// Updates of the tracking fit.
    pub tracking_iterations: usize,
    /// Updates of every last fit.
    pub iterations: usize,
    /// Use plain instructions only, so that the same bytes come out on every machine.
    pub portable: bool,
}

impl Default for VoicePianoConfig {
    fn default() -> Self {
        Self {
            tuning: true,
            own_mask: true,
            shapes: 10,
            average: true,
            long_frames: true,
            lowest_hz: 75.0,
            highest_hz: 1100.0,
            tracking_iterations: 30,
            iterations: 18,
            portable: false,
        }
    }
}

impl VoicePianoConfig {
    /// For a first listen: one pitch track, no tuning, one fit.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            tuning: false,
            own_mask: false,
            average: false,
            tracking_iterations: 12,
            iterations: 12,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.lowest_hz >= 20.0 && self.lowest_hz <= 2000.0) {
            let field = "voice_piano.lowest_hz";
            return Err(Error::config(field, self.lowest_hz, "between 20 and 2000"));
        }
        if !(self.highest_hz > self.lowest_hz && self.highest_hz <= 4000.0) {
            let requirement = format!("above {} and at most 4000", self.lowest_hz);
            return Err(Error::config(
                "voice_piano.highest_hz",
                self.highest_hz,
                requirement,
            ));
        }
        if self.shapes > 100 {
            return Err(Error::config(
                "voice_piano.shapes",
                self.shapes,
                "at most 100",
            ));
        }
        Ok(())
    }
}

/// What was heard, and how the recording is shared out.
#[derive(Debug, Clone)]
pub struct VoicePiano {
    /// The voice's share and the piano's.
    pub sharing: VoiceShare,
    /// Seconds from one frame to the next.
    pub hop_secs: f64,
    /// The pitch of every frame in Hz.
    pub f0_hz: Vec<f64>,
    /// Whether the voice sounds on it.
    pub voiced: Vec<bool>,
    /// How much of the frame the voice explains that the piano alone could not.
    pub confidence: Vec<f32>,
    /// How far the piano is tuned above its templates.
    pub tuning_cents: f64,
}

/// The highest frequency that is modelled.
const MODELLED_HZ: f64 = 11_025.0;

/// The hop at 44.1 kHz, and so its duration at any rate.
const HOP_SECS: f64 = 1024.0 / 44_100.0;

const BANDS: usize = 30;
const CANDIDATES: usize = 10;
const EXPONENT: f32 = 1.5;
const RULE: Rule = Rule {
    threshold: 0.1,
    around: 43,
    least: 5,
};
/// Half a semitone's unsteadiness, for combs on a grid.
const GRID_SPREAD_CENTS: f64 = 40.0;

fn stft(hops: usize, sample_rate: u32) -> Result<Stft, Error> {
    let hop = (f64::from(sample_rate) * HOP_SECS).max(16.0);
    // Even lengths whose only prime factors are small transform fast.
    let hop_len = (1..1000)
        .flat_map(|away: i64| [hop.round() as i64 - away + 1, hop.round() as i64 + away])
        .filter(|len| *len > 0)
        .find(|&len| {
            let mut rest = len;
            for prime in [2, 3, 5] {
                while rest % prime == 0 {
                    rest /= prime;
                }
            }
            rest == 1 && len % 2 == 0
        })
        .unwrap_or(1024) as usize;
    Stft::new(StftConfig {
        window: Window::Hann,
        window_len: hops * hop_len,
        fft_len: hops * hop_len,
        hop_len,
    })
}

/// The spectrogram of the modelled bins under one transform.
struct View {
    stft: Stft,
    sample_rate: u32,
    /// `(frames, bins)`.
    v: Array2<f32>,
    bands: Bands,
    floor: f32,
    level: f32,
    portable: bool,
}

impl View {
    fn new(
        audio: &Audio,
        hops: usize,
        portable: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let sample_rate = audio.sample_rate();
        let stft = stft(hops, sample_rate)?;
        let spectrogram =
            Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, observer)?;
        let bin_hz = f64::from(sample_rate) / stft.config().fft_len as f64;
        let bins = stft.bins().min((MODELLED_HZ / bin_hz) as usize + 1);
        let v = spectrogram.view();
        let v = v
            .index_axis(Axis(0), 0)
            .slice(s![..bins, ..])
            .t()
            .as_standard_layout()
            .into_owned();
        let most = v.iter().fold(0.0_f32, |m, x| m.max(*x));
        Ok(Self {
            bands: Bands::mel(BANDS, bins, bin_hz),
            floor: (1e-5 * most).max(1e-12),
            level: v.mean().unwrap_or(0.0),
            stft,
            sample_rate,
            v,
            portable,
        })
    }

    fn bin_hz(&self) -> f64 {
        f64::from(self.sample_rate) / self.stft.config().fft_len as f64
    }

    fn excite(&self, path: &Path, tail: f32) -> Array2<f32> {
        let smear = Smear { cents: 25.0, tail };
        excitation(
            &path.f0_hz,
            &path.voiced,
            &self.stft,
            self.sample_rate,
            self.v.ncols(),
            smear,
        )
    }

    /// The piano as a term, playing where it may.
    fn piano(&self, templates: &Array2<f32>, allowed: Option<&Array2<bool>>, price: f32) -> Term {
        let (frames, bins) = self.v.dim();
        let start = self.level * bins as f32 / templates.nrows() as f32 / 2.0;
        let h = Array2::from_elem((templates.nrows(), frames), start);
        let part = LowRank::from_factors("piano", templates.t(), h.view(), 1)
            .expect("templates are finite and at least zero")
            .with_templates(Update::Fixed);
        let part = match allowed {
            Some(allowed) => part.allow(allowed.view()).expect("one row per template"),
            None => part,
        };
        Term { part, price }
    }

    fn fit(&self, voice: &mut Voice, terms: &mut [Term], iterations: usize) {
        fit_jointly(
            self.v.view(),
            voice,
            terms,
            self.floor,
            iterations,
            self.portable,
        );
    }

    fn divergences(&self, voice: &Voice, terms: &[Term]) -> Vec<f64> {
        divergences(self.v.view(), voice, terms, self.floor, self.portable)
    }
}

/// The voice's share from the model of the voice and of the piano.
fn mask_of(voice: &Array2<f32>, piano: &Array2<f32>) -> Array2<f32> {
    let mut mask = voice.clone();
    ndarray::Zip::from(&mut mask)
        .and(piano)
        .par_for_each(|v, p| {
            let most = v.max(*p);
            let (a, b) = if most > 0.0 {
                ((*v / most).powf(EXPONENT), (p / most).powf(EXPONENT))
            } else {
                (0.5, 0.5)
            };
            *v = a / (a + b);
        });
    mask
}

/// A pitch per frame.
#[derive(Debug, Clone)]
struct Path {
    f0_hz: Vec<f64>,
    voiced: Vec<bool>,
    gain: Vec<f32>,
}

/// The pitch path and the evidence it was found by.
struct Tracked {
    path: Path,
    evidence: Array2<f32>,
    salience: Array2<f32>,
    piano: Array2<f32>,
}

const MOVES_PER_SEMITONE: f32 = 4.0;

fn moves(grid: &Grid) -> Moves {
    let per = grid.per_semitone();
    Moves {
        per_state: MOVES_PER_SEMITONE / per as f32,
        reach: per * 3 / 2,
        jump: 3.0 * MOVES_PER_SEMITONE,
    }
}

/// The path between the states of a grid: the mean place around a state, weighted.
fn refine(states: &[usize], weights: &Array2<f32>, grid: &Grid) -> Vec<f64> {
    states
        .iter()
        .zip(weights.outer_iter())
        .map(|(&state, row)| {
            let range = state.saturating_sub(2)..(state + 3).min(grid.len());
            let (mut sum, mut total) = (0.0, 0.0);
            for place in range {
                let weight = f64::from(row[place]) + 1e-9;
                sum += weight * place as f64;
                total += weight;
            }
            grid.at(sum / total)
        })
        .collect()
}

/// Separate one singer from one piano.
///
/// ```text
/// V ≈ Λ = Σ_k d_k(f)·h_k(t)  +  e(f,t)·Σ_j φ_j(f)·g_j(t)  +  breath(f,t)     by Kullback–Leibler divergence
///         the piano's notes     one pitch, through vowels     consonants
/// ```
///
/// The pitch is the best path through what every candidate would explain beside the piano; the piano as a
/// whole is tuned first; notes that do not sound are shut; then three fits that differ in what they let the
/// voice do are made on frames of 186 ms, and the mean of their masks shares the recording out. Bins above
/// 11 kHz follow the octave below.
///
/// `piano` makes the piano's templates for a transform and a sample rate.
///
/// # Errors
///
/// [`Error::Config`] for a setting that is not allowed; [`Error::Cancelled`] if the observer says so; what `piano`
/// returns.
///
/// # References
///
/// - J.-L. Durrieu, B. David, G. Richard, *A musically motivated mid-level representation for pitch
///   estimation and musical audio source separation*, IEEE JSTSP 2011.
/// - S. Ewert, M. Müller, *Score-informed source separation for music signals*, Multimodal Music
///   Processing, 2012.
pub fn voice_piano(
    audio: &Audio,
    piano: &dyn Fn(&Stft, u32) -> Result<NoteTemplates, Error>,
    config: &VoicePianoConfig,
    observer: &mut dyn Observer,
) -> Result<VoicePiano, Error> {
    const ROUNDS: usize = 8;
    config.check()?;
    let mut report = |done: usize| {
        let progress = Progress {
            stage: Stage::Fit,
            done,
            total: ROUNDS,
            objective: None,
        };
        match observer.progress(&progress) {
            ControlFlow::Break(()) => Err(Error::Cancelled),
            ControlFlow::Continue(()) => Ok(()),
        }
    };
    let short = View::new(audio, 4, config.portable, &mut ())?;
    let instrument = piano(&short.stft, short.sample_rate)?;
    let grid = Grid::new(config.lowest_hz, config.highest_hz, 5);
    let transients = transients(audio, &short)?;
    report(1)?;

    let mut cents = 0.0;
    let mut tracked = track(&short, &transients, &instrument, 0.0, &grid, config);
    report(2)?;
    if config.tuning {
        cents = tune(&short, &instrument, &tracked);
        report(3)?;
        if cents.abs() > 1.5 {
            tracked = track(&short, &transients, &instrument, cents, &grid, config);
        }
    }
    report(4)?;
    let keep = most_active(&tracked.piano, 220);
    let kept = instrument.select(&keep);

    if config.own_mask {
        let first = rough_mask(
            &short,
            &kept.tuned(cents, short.v.ncols()),
            &kept.notes(),
            &tracked.path,
        );
        report(5)?;
        let own = &first * &short.v;
        let plain = combs(&grid, short.v.ncols(), short.bin_hz(), 0.0);
        let agreed = agreement(own.view(), plain.view());
        let evidence = &tracked.evidence + &agreed.mapv(|s| 8.0 * (s + 0.01).ln());
        let states = best_path(evidence.view(), &moves(&grid));
        let weights = &tracked.salience * &agreed.mapv(|s| s.powi(4));
        tracked.path.f0_hz = refine(&states, &weights, &grid);
    }
    report(6)?;

    let long = if config.long_frames {
        View::new(audio, 8, config.portable, &mut ())?
    } else {
        short
    };
    let instrument = piano(&long.stft, long.sample_rate)?;
    let kept = instrument.select(&keep);
    let templates = kept.tuned(cents, long.v.ncols());
    let (mask, above) = final_mask(&long, &templates, &kept.notes(), &tracked.path, config);
    report(8)?;
    Ok(VoicePiano {
        hop_secs: long.stft.config().hop_len as f64 / f64::from(long.sample_rate),
        sharing: VoiceShare {
            stft: long.stft,
            mask,
            above,
            voice_first: true,
            render: Render::Ratio { exponent: 1.0 },
        },
        f0_hz: tracked.path.f0_hz,
        voiced: tracked.path.voiced,
        confidence: tracked.path.gain,
        tuning_cents: cents,
    })
}

/// The spectrogram of what does not hold its pitch (a voice is rarely as steady as a piano), by
/// median filters over frames of 372 ms.
fn transients(audio: &Audio, view: &View) -> Result<Array2<f32>, Error> {
    let stft = stft(16, view.sample_rate)?;
    let mono = audio
        .samples()
        .mean_axis(Axis(0))
        .expect("audio has at least one channel")
        .insert_axis(Axis(0));
    let mono = Audio::new(mono, view.sample_rate)?;
    let bin_hz = f64::from(view.sample_rate) / stft.config().fft_len as f64;
    let hop_secs = stft.config().hop_len as f64 / f64::from(view.sample_rate);
    let bins = stft.bins();
    let modelled = bins.min((MODELLED_HZ / bin_hz) as usize + 1);
    let frames = stft.frames(mono.len_samples());
    let mut v = Array2::<f32>::zeros((frames, modelled));
    let blocks = (0..frames).step_by(256).map(|a| a..(a + 256).min(frames));
    for block in blocks.clone() {
        let spectrum = stft.forward_block(&mono, block.clone());
        let rows = spectrum.channel_rows(0).chunks_exact(bins);
        for (frame, row) in block.zip(rows) {
            for (out, value) in v.row_mut(frame).iter_mut().zip(row) {
                *out = value.norm();
            }
        }
    }
    let settings = hpss::Settings {
        half_secs: 15.0 * hop_secs,
        half_hz: 15.0 * bin_hz,
    };
    let share = hpss::percussive_share(v.t(), bin_hz, hop_secs, &settings)?;
    let mut overlap = OverlapAdd::new(&stft, mono.len_samples());
    let mut samples = Vec::with_capacity(mono.len_samples());
    for block in blocks {
        let spectrum = stft.forward_block(&mono, block.clone());
        let mut weights = vec![0.0; block.len() * bins];
        for (frame, weights) in block.zip(weights.chunks_exact_mut(bins)) {
            for (weight, share) in weights.iter_mut().zip(share.column(frame)) {
                *weight = *share;
            }
        }
        samples.extend_from_slice(overlap.push_weighted(spectrum.channel_rows(0), &weights));
    }
    let shape = (1, samples.len());
    let samples = Array2::from_shape_vec(shape, samples).expect("one row of all samples");
    let rest = Audio::new(samples, view.sample_rate)?;
    let spectrogram = Spectrogram::of(
        &rest,
        &view.stft,
        Quantity::Magnitude,
        Channels::Sum,
        &mut (),
    )?;
    let values = spectrogram.view();
    Ok(values
        .index_axis(Axis(0), 0)
        .slice(s![..view.v.ncols(), ..])
        .t()
        .as_standard_layout()
        .into_owned())
}

/// Find the pitch path.
fn track(
    view: &View,
    transients: &Array2<f32>,
    instrument: &NoteTemplates,
    cents: f64,
    grid: &Grid,
    config: &VoicePianoConfig,
) -> Tracked {
    let bins = view.v.ncols();
    let templates = instrument.tuned(cents, bins);
    let wide = combs(grid, bins, view.bin_hz(), GRID_SPREAD_CENTS);
    let isa = if config.portable {
        Isa::Portable
    } else {
        Isa::detect()
    };
    let scene = |v, piano| Scene {
        v,
        floor: view.floor,
        bands: &view.bands,
        combs: wide.view(),
        piano,
        isa,
    };
    let whole = scene(view.v.view(), templates.view());
    let mixture = whole.salience(config.tracking_iterations);
    let floor = (1e-5 * transients.iter().fold(0.0_f32, |m, x| m.max(*x))).max(1e-12);
    let rest = Scene {
        floor,
        ..scene(transients.view(), templates.view())
    };
    let rest = shares(rest.salience(config.tracking_iterations).pitches);
    let salience = shares(mixture.pitches);
    let both = ndarray::Zip::from(&salience)
        .and(&rest)
        .map_collect(|a, b| (a * b).sqrt());
    let candidates = peaks(&both, CANDIDATES);
    let keep = most_active(&mixture.piano, 220);
    let templates = templates.select(Axis(0), &keep);
    let misfit =
        scene(view.v.view(), templates.view()).candidates(candidates.view(), &mixture.shapes, 12);

    let sums = view.v.sum_axis(Axis(1));
    let loudest = sums.iter().fold(0.0_f32, |m, x| m.max(*x));
    let mut evidence = ndarray::Zip::from(&salience)
        .and(&rest)
        .map_collect(|a, b| 0.75 * (a + 1e-3).ln() + 0.25 * (b + 1e-3).ln());
    let mut gain = Vec::with_capacity(sums.len());
    for (frame, mut row) in evidence.outer_iter_mut().enumerate() {
        let sum = sums[frame] + 0.02 * loudest + f32::MIN_POSITIVE;
        let misfit = misfit.row(frame);
        let count = candidates.ncols();
        let none = misfit[count];
        let mut worth = vec![0.0_f32; grid.len()];
        let mut most = 0.0_f32;
        for (k, &pitch) in candidates.row(frame).iter().enumerate() {
            let better = (none - misfit[k]).max(0.0);
            most = most.max(better);
            // The two neighbours are as good: combs are wider than the grid.
            let around = pitch.saturating_sub(1)..(pitch + 2).min(grid.len());
            for worth in &mut worth[around] {
                *worth = worth.max(30.0 * better / sum);
            }
        }
        row.iter_mut().zip(&worth).for_each(|(x, w)| *x += w);
        gain.push(most / sum);
    }
    let states = best_path(evidence.view(), &moves(grid));
    let f0_hz = refine(&states, &salience, grid);
    let voiced = voicing(&gain);
    Tracked {
        path: Path {
            f0_hz,
            voiced,
            gain,
        },
        evidence,
        salience,
        piano: mixture.piano,
    }
}

/// Voiced where a pitch explains more than two per cent of the frame that the piano cannot, and one
/// frame around.
fn voicing(gain: &[f32]) -> Vec<bool> {
    (0..gain.len())
        .map(|t| {
            let around = t.saturating_sub(1)..(t + 2).min(gain.len());
            gain[around].iter().any(|g| *g > 0.02)
        })
        .collect()
}

/// The templates that are most active, in their order.
fn most_active(activations: &Array2<f32>, count: usize) -> Vec<usize> {
    let sums = activations.sum_axis(Axis(0));
    let mut order: Vec<usize> = (0..sums.len()).collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]).then(a.cmp(&b)));
    order.truncate(count);
    order.sort_unstable();
    order
}

/// How many cents the piano is above its templates: the minimum of the divergence over tunings.
fn tune(view: &View, instrument: &NoteTemplates, tracked: &Tracked) -> f64 {
    const STEP: usize = 3;
    let third = |rows: &Array2<f32>| {
        rows.slice(s![..;STEP, ..])
            .as_standard_layout()
            .into_owned()
    };
    let sparse = View {
        v: third(&view.v),
        stft: view.stft.clone(),
        bands: view.bands.clone(),
        ..*view
    };
    let e = third(&view.excite(&tracked.path, 0.0));
    let kept = instrument.select(&most_active(&tracked.piano, 160));
    let misfit: Vec<f64> = (-6..=6)
        .map(|ten| {
            let templates = kept.tuned(f64::from(ten) * 10.0, sparse.v.ncols());
            let mut voice = Voice::with_free_filter(e.clone(), sparse.bands.clone(), sparse.level);
            let mut terms = [sparse.piano(&templates, None, 0.0)];
            sparse.fit(&mut voice, &mut terms, 12);
            sparse.divergences(&voice, &terms).iter().sum()
        })
        .collect();
    let mut best = 1;
    for at in 1..misfit.len() - 1 {
        if misfit[at] < misfit[best] {
            best = at;
        }
    }
    let (a, b, c) = (misfit[best - 1], misfit[best], misfit[best + 1]);
    let bend = a - 2.0 * b + c;
    let vertex = if bend > 0.0 {
        (0.5 * (a - c) / bend).clamp(-1.0, 1.0)
    } else {
        0.0
    };
    (best as f64 - 6.0 + vertex) * 10.0
}

/// Which notes sound, in two rounds; the last fit.
struct Noted {
    allowed: Array2<bool>,
    keep: Vec<usize>,
    voice: Voice,
}

fn find_notes(
    view: &View,
    templates: &Array2<f32>,
    notes: &[u8],
    path: &Path,
    iterations: usize,
) -> Noted {
    let plain = view.excite(path, 0.0);
    let tailed = view.excite(path, 0.3);
    let mut keep: Vec<usize> = (0..notes.len()).collect();
    let mut voice = Voice::with_free_filter(plain, view.bands.clone(), view.level);
    let mut terms = vec![view.piano(templates, None, 0.0)];
    view.fit(&mut voice, &mut terms, iterations);
    let mut allowed = Array2::from_elem((keep.len(), view.v.nrows()), true);
    for _ in 0..2 {
        let Some(term) = terms.first() else { break };
        let names: Vec<u8> = keep.iter().map(|&k| notes[k]).collect();
        let heard = notes::heard(&term.part.activations, &names, &RULE);
        let sounding: Vec<usize> = (0..keep.len())
            .filter(|&k| heard.row(k).iter().any(|x| *x))
            .collect();
        allowed = heard.select(Axis(0), &sounding);
        keep = sounding.iter().map(|&k| keep[k]).collect();
        voice = Voice::with_free_filter(tailed.clone(), view.bands.clone(), view.level);
        terms.clear();
        if !keep.is_empty() {
            let templates = templates.select(Axis(0), &keep);
            terms.push(view.piano(&templates, Some(&allowed), 0.0));
        }
        view.fit(&mut voice, &mut terms, iterations);
    }
    Noted {
        allowed,
        keep,
        voice,
    }
}

/// Free components of the voice, started from what the voice explains so far; none where it explains nothing.
fn free_voice(view: &View, voice: &Array2<f32>, count: usize, price: f32) -> Option<Term> {
    let values = voice.t().insert_axis(Axis(0));
    let spectrogram = Spectrogram::from_values(values, Quantity::Magnitude).ok()?;
    let config = FitConfig {
        iterations: 20,
        portable: view.portable,
        ..Default::default()
    };
    let part = LowRank::free(&spectrogram, count, Start::Random, 0).ok()?;
    let mut part = fit(part, &spectrogram, &config, &mut ()).ok()?.model;
    for (mut row, mut h) in part
        .templates
        .outer_iter_mut()
        .zip(part.activations.columns_mut())
    {
        let sum = row.sum().max(f32::MIN_POSITIVE);
        row /= sum;
        h *= 0.5 * sum * spectrogram.scale();
    }
    Some(Term { part, price })
}

/// A first mask, for tracking on it.
fn rough_mask(view: &View, templates: &Array2<f32>, notes: &[u8], path: &Path) -> Array2<f32> {
    let noted = find_notes(view, templates, notes, path, 18);
    let templates = templates.select(Axis(0), &noted.keep);
    let mut terms: Vec<Term> = free_voice(view, &noted.voice.model(), 20, 0.1)
        .into_iter()
        .collect();
    if !noted.keep.is_empty() {
        terms.insert(0, view.piano(&templates, Some(&noted.allowed), 0.0));
    }
    let mut voice = Voice::with_free_filter(noted.voice.excitation, view.bands.clone(), view.level);
    view.fit(&mut voice, &mut terms, 25);
    voice_and_piano(&voice, &terms, noted.keep.is_empty())
}

/// The mask of a fit whose last term is of the voice, if it has free components.
fn voice_and_piano(voice: &Voice, terms: &[Term], no_piano: bool) -> Array2<f32> {
    let mut model = voice.model();
    let mut piano = Array2::zeros(model.raw_dim());
    for (index, term) in terms.iter().enumerate() {
        let product = term.part.activations.dot(&term.part.templates);
        if index == 0 && !no_piano {
            piano += &product;
        } else {
            model += &product;
        }
    }
    mask_of(&model, &piano)
}

/// The mean of the masks of three fits, and the share above the modelled bins.
fn final_mask(
    view: &View,
    templates: &Array2<f32>,
    notes: &[u8],
    path: &Path,
    config: &VoicePianoConfig,
) -> (Array2<f32>, Vec<f32>) {
    let noted = find_notes(view, templates, notes, path, 12);
    let none = noted.keep.is_empty();
    let templates = templates.select(Axis(0), &noted.keep);
    let e = &noted.voice.excitation;
    let fitted = |shapes: usize, price: f32, free: Option<Term>, iterations| {
        let mut terms = Vec::new();
        if !none {
            terms.push(view.piano(&templates, Some(&noted.allowed), price));
        }
        terms.extend(free);
        let mut voice = if shapes == 0 {
            Voice::with_free_filter(e.clone(), view.bands.clone(), view.level)
        } else {
            Voice::with_shapes(e.clone(), view.bands.clone(), shapes, view.level, 0)
        };
        view.fit(&mut voice, &mut terms, iterations);
        (voice_and_piano(&voice, &terms, none), voice)
    };
    let (mut mask, voice) = fitted(config.shapes, 0.0, None, config.iterations);
    if config.average {
        mask += &fitted(config.shapes, 0.1, None, config.iterations).0;
        let free = free_voice(view, &voice.model(), 20, 0.3);
        mask += &fitted(0, 0.0, free, config.iterations).0;
        mask /= 3.0;
    }
    let above = share_above(&mask, &view.v);
    (mask, above)
}

/// The voice's share of the highest octave that is modelled, which stands for all above it.
fn share_above(mask: &Array2<f32>, v: &Array2<f32>) -> Vec<f32> {
    let half = mask.ncols() / 2;
    mask.outer_iter()
        .zip(v.outer_iter())
        .map(|(mask, v)| {
            let (mut voice, mut all) = (0.0_f32, f32::MIN_POSITIVE);
            for (share, v) in mask.iter().zip(v).skip(half) {
                voice += share * v * v;
                all += v * v;
            }
            (voice / all).min(1.0)
        })
        .collect()
}

impl VoicePiano {
    /// What a person should know of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let voiced = self.voiced.iter().filter(|on| **on).count();
        let secs = |frames: usize| frames as f64 * self.hop_secs;
        vec![format!(
            "the piano is tuned {:+.0} cents from 440 Hz; a pitch was heard in {:.1} of {:.1} s",
            self.tuning_cents,
            secs(voiced),
            secs(self.voiced.len())
        )]
    }
}
