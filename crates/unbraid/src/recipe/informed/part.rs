//! One instrument that is known: its templates, where they may sound, and the notes it plays.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::InformedConfig;
use crate::divergence::FLOOR;
use crate::fit::{Fit, FitConfig, fit, note_paths, transfer_gains};
use crate::knowledge::{
    Atom, Dictionary, Score, Tolerance, hear, piano_roll, weigh, with_confidence,
};
use crate::model::{Bands, LowRank, Start, Update};
use crate::observe::Observer;
use crate::spectrogram::Quantity;
use crate::{Error, Spectrogram};

/// One instrument in the model.
pub(super) struct Part {
    /// Which source it is.
    pub(super) source: usize,
    pub(super) dictionary: Dictionary,
    /// The atoms in use.
    pub(super) kept: Vec<usize>,
    /// Where each of them may sound, `(kept, frames)`.
    pub(super) allowed: Array2<bool>,
    /// The notes it plays, if they are known and not to be heard.
    pub(super) score: Option<Score>,
    /// The notes that were found by dynamic programming.
    pub(super) found: Option<Score>,
    /// What instrument and room let through that the dictionary's did not, for every bin.
    transfer: Array1<f32>,
    /// Whether that is anything but one.
    transferred: bool,
}

/// Seconds of a hop and of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) hop_secs: f64,
    pub(super) window_secs: f64,
}

impl Part {
    pub(super) fn new(
        source: usize,
        dictionary: Dictionary,
        score: Option<Score>,
        spectrogram: &Spectrogram,
        times: Times,
        config: &InformedConfig,
    ) -> Self {
        let frames = spectrogram.frames();
        let atoms = dictionary.atoms().len();
        let tolerance = &config.tolerance;
        let allowed = score.as_ref().map_or_else(
            || Array2::from_elem((atoms, frames), true),
            |score| score.allowed(dictionary.atoms(), frames, times.hop_secs, tolerance),
        );
        let mut part = Self {
            source,
            dictionary,
            kept: (0..atoms).collect(),
            allowed,
            score,
            found: None,
            transfer: Array1::ones(spectrogram.bins()),
            transferred: false,
        };
        part.prune();
        part
    }

    /// Leave out the atoms that may sound nowhere.
    fn prune(&mut self) {
        let used: Vec<usize> = (0..self.kept.len())
            .filter(|&row| self.allowed.row(row).iter().any(|&allowed| allowed))
            .collect();
        self.kept = used.iter().map(|&row| self.kept[row]).collect();
        self.allowed = self.allowed.select(Axis(0), &used);
    }

    fn atoms(&self) -> Vec<Atom> {
        let atoms = self.dictionary.atoms();
        self.kept.iter().map(|&k| atoms[k].clone()).collect()
    }

    /// The templates in use, through the instrument's transfer function, `(bins, kept)`, each of unit sum.
    fn templates(&self) -> Array2<f32> {
        let mut templates = self.dictionary.templates().select(Axis(1), &self.kept);
        if self.transferred {
            for mut template in templates.columns_mut() {
                template *= &self.transfer;
                let sum = template.sum();
                if sum > 0.0 {
                    template /= sum;
                }
            }
        }
        templates
    }

    /// The part as a term of the model, its activations level where they may be other than zero.
    pub(super) fn term(
        &self,
        spectrogram: &Spectrogram,
        config: &InformedConfig,
    ) -> Result<LowRank, Error> {
        let update = slowly(config.adapt_rate);
        let templates = self.templates();
        Ok(known(templates.view(), &self.allowed, spectrogram)?.with_templates(update))
    }

    /// How many cents sharper than its dictionary the instrument is.
    ///
    /// The divergence of every third frame for tunings ten cents apart, each with the atoms that are most active
    /// and a few free components for the rest; a parabola through the least.
    pub(super) fn tune(
        &self,
        spectrogram: &Spectrogram,
        config: &InformedConfig,
        observer: &mut dyn Observer,
    ) -> Result<f32, Error> {
        const EVERY: usize = 3;
        const STEP_CENTS: f32 = 10.0;
        const MOST_ATOMS: usize = 160;
        const FREE: usize = 8;
        /// Share of the divergence that another tuning must save.
        const LEAST_GAIN: f64 = 0.005;
        let thin = spectrogram.view().slice_move(s![.., .., ..;EVERY]);
        if thin.len_of(Axis(2)) <= FREE || self.kept.is_empty() {
            return Ok(0.0);
        }
        let thin = Spectrogram::from_values(thin, Quantity::Magnitude)?;
        if thin.mean() <= 0.0 {
            return Ok(0.0);
        }
        let allowed = self.allowed.slice(s![.., ..;EVERY]).to_owned();
        let settings = FitConfig {
            iterations: 10,
            exact: true,
            ..FitConfig::default()
        };
        let mut model = |dictionary: &Dictionary, kept: &[usize], allowed: &Array2<bool>| {
            let templates = dictionary.templates().select(Axis(1), kept);
            let part = known(templates.view(), allowed, &thin)?;
            let free = LowRank::free(&thin, FREE, Start::Random, config.seed)?;
            fit(part.stack(&free)?, &thin, &settings, observer)
        };
        let first = model(&self.dictionary, &self.kept, &allowed)?;
        let loudness = first.model.activations().sum_axis(Axis(1));
        let mut order: Vec<usize> = (0..self.kept.len()).collect();
        order.sort_by(|&a, &b| loudness[b].total_cmp(&loudness[a]));
        order.truncate(MOST_ATOMS);
        order.sort_unstable();
        let kept: Vec<usize> = order.iter().map(|&row| self.kept[row]).collect();
        let allowed = allowed.select(Axis(0), &order);
        let steps = (config.most_cents / STEP_CENTS).round() as i32;
        let (mut costs, mut shares) = (Vec::new(), Vec::new());
        for step in -steps..=steps {
            let cents = step as f32 * STEP_CENTS;
            let retuned = self.dictionary.select(&kept).retuned(cents)?;
            let all: Vec<usize> = (0..kept.len()).collect();
            let fitted = model(&retuned, &all, &allowed)?;
            let h = fitted.model.activations().sum_axis(Axis(1));
            shares.push(h.slice(s![..kept.len()]).sum() / h.sum().max(f32::MIN_POSITIVE));
            costs.push((cents, fitted.final_objective()));
        }
        // An instrument that is in tune explains more of the recording. Where it explains less, free components took over, who
        // can do that at less cost: a foreign piano in unison with a singer.
        let best = (0..costs.len())
            .filter(|&step| shares[step] >= shares[steps as usize])
            .min_by(|&a, &b| costs[a].1.total_cmp(&costs[b].1))
            .unwrap_or(0);
        // Nor is a least cost at the edge a tuning, nor one that is hardly lower than that of the dictionary as it is.
        let inner = best > 0 && best + 1 < costs.len();
        if !inner || costs[best].1 > (1.0 - LEAST_GAIN) * costs[steps as usize].1 {
            return Ok(0.0);
        }
        let (a, b, c) = (costs[best - 1].1, costs[best].1, costs[best + 1].1);
        let offset = 0.5 * (a - c) / (a - 2.0 * b + c).max(1e-12);
        Ok(costs[best].0 + STEP_CENTS * offset.clamp(-0.5, 0.5) as f32)
    }

    /// Hear which notes sound, and allow those alone.
    pub(super) fn hear(
        &mut self,
        activations: ArrayView2<'_, f32>,
        times: Times,
        config: &InformedConfig,
    ) {
        let roll = piano_roll(&self.atoms(), activations, times.hop_secs, &config.hear);
        for (row, &atom) in self.kept.iter().enumerate() {
            let Some(key) = self.dictionary.atoms()[atom].key() else {
                continue;
            };
            let sounds = roll.row(usize::from(key));
            self.allowed
                .row_mut(row)
                .iter_mut()
                .zip(sounds)
                .for_each(|(allowed, &sounds)| *allowed &= sounds);
        }
        self.prune();
    }

    /// Find each key's notes by dynamic programming, the rest of the model as it is, and allow those alone, each slice around
    /// its place in the note's life.
    ///
    /// `place` is where its components are in the fitted model.
    pub(super) fn couple(
        &mut self,
        fitted: &Fit,
        place: std::ops::Range<usize>,
        spectrogram: &Spectrogram,
        times: Times,
        config: &InformedConfig,
    ) {
        let v = frames_of(spectrogram);
        let model = &fitted.model;
        let own = s![.., place.clone()];
        let mut rest = model.activations().t().dot(&model.templates().t());
        rest -= &model
            .activations()
            .t()
            .slice(own)
            .dot(&model.templates().slice(own).t());
        rest.mapv_inplace(|x| x.max(0.0));
        let atoms = self.atoms();
        let mut open = Array2::from_elem((128, v.nrows()), false);
        for (atom, allowed) in atoms.iter().zip(self.allowed.outer_iter()) {
            if let Some(key) = atom.key() {
                let mut row = open.row_mut(usize::from(key));
                row.zip_mut_with(&allowed, |open, &allowed| *open |= allowed);
            }
        }
        let templates = self.templates();
        let paths = note_paths(
            v.view(),
            templates.view(),
            &atoms,
            model.activations().slice(s![place.clone(), ..]),
            rest.view(),
            open.view(),
            (times.hop_secs, times.window_secs),
            &config.prices,
        );
        let mut found = Score {
            notes: paths.notes,
            pedals: Vec::new(),
            tracks: vec![String::new()],
        };
        if config.hear.pedal {
            found.tell_pedal();
        }
        // Notes that leave most of what the instrument had unplayed were not heard: its dictionary is too far from it.
        let own = model.activations().slice_move(s![place, ..]).to_owned();
        if share_of_keys(&found, &atoms, own.view(), times, config) < LEAST_SHARE {
            return;
        }
        let may = found.allowed(&atoms, v.nrows(), times.hop_secs, &config.heard_tolerance);
        self.allowed
            .zip_mut_with(&may, |allowed, &may| *allowed &= may);
        self.found = Some(found);
        self.prune();
    }

    /// The notes it plays: those of the score, weighed, or those that are heard.
    pub(super) fn notes(
        &self,
        activations: ArrayView2<'_, f32>,
        times: Times,
        config: &InformedConfig,
    ) -> Score {
        let atoms = self.atoms();
        if let Some(given) = &self.score {
            return with_confidence(given, &atoms, activations, times.hop_secs);
        }
        let Some(score) = &self.found else {
            return hear(&atoms, activations, times.hop_secs, &config.hear);
        };
        let mut score = score.clone();
        weigh(
            &mut score,
            &atoms,
            activations,
            times.hop_secs,
            &config.hear,
        );
        score
    }

    /// Learn what instrument and room let through beside the dictionary's: one smooth curve for all templates.
    pub(super) fn learn_transfer(
        &mut self,
        fitted: &Fit,
        place: std::ops::Range<usize>,
        spectrogram: &Spectrogram,
        bin_hz: f64,
    ) {
        const BANDS: usize = 24;
        if self.kept.is_empty() {
            return;
        }
        let v = frames_of(spectrogram);
        let model = &fitted.model;
        let (h, w) = (model.activations(), model.templates());
        let own = (h.slice(s![place.clone(), ..]), w.slice(s![.., place]));
        let part = own.0.t().dot(&own.1.t());
        let rest = h.t().dot(&w.t()) - &part;
        let floor = (FLOOR * spectrogram.mean()).max(1e-20);
        let bands = Bands::mel(BANDS, v.ncols(), bin_hz);
        let gains = transfer_gains(v.view(), part.view(), rest.view(), &bands, floor);
        let mut curve = vec![1.0; v.ncols()];
        bands.spread(&gains, &mut curve);
        self.transferred = true;
        for (transfer, gain) in self.transfer.iter_mut().zip(&curve) {
            *transfer *= gain;
        }
    }
}

/// The share of an instrument's activations that its notes must keep.
const LEAST_SHARE: f32 = 0.3;

/// The share of activations that lie where their keys sound by a score, whatever the slice.
fn share_of_keys(
    score: &Score,
    atoms: &[Atom],
    activations: ArrayView2<'_, f32>,
    times: Times,
    config: &InformedConfig,
) -> f32 {
    let tolerance = Tolerance {
        slice_secs: None,
        ..config.heard_tolerance
    };
    let may = score.allowed(atoms, activations.ncols(), times.hop_secs, &tolerance);
    let kept: f32 = activations
        .iter()
        .zip(&may)
        .filter(|(_, may)| **may)
        .map(|(h, _)| h)
        .sum();
    kept / activations.sum().max(f32::MIN_POSITIVE)
}

/// How templates follow the recording.
fn slowly(rate: f32) -> Update {
    if rate > 0.0 {
        Update::Adapt { rate }
    } else {
        Update::Fixed
    }
}

/// A spectrogram of one channel as `(frames, bins)`.
fn frames_of(spectrogram: &Spectrogram) -> Array2<f32> {
    let view = spectrogram.view();
    let one = view.index_axis(Axis(0), 0);
    one.t().as_standard_layout().into_owned()
}

/// Fixed templates, and activations that start level where they are allowed.
fn known(
    templates: ArrayView2<'_, f32>,
    allowed: &Array2<bool>,
    spectrogram: &Spectrogram,
) -> Result<LowRank, Error> {
    let count = templates.ncols();
    let level = spectrogram.mean() * spectrogram.bins() as f32 / (2 * count.max(1)) as f32;
    let start = Array2::from_elem((count, spectrogram.frames()), level);
    let part = LowRank::from_factors("known", templates, start.view(), spectrogram.channels())?
        .with_templates(Update::Fixed)
        .with_pan(Update::Fixed);
    part.allow(allowed.view())
}
