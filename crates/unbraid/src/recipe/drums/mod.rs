//! A recording with drums comes in; drums, or some of them, and the rest go out, told apart by learnt evidence.

mod groups;
mod parts;
mod start;

use serde::{Deserialize, Serialize};

use self::groups::Groups;
use self::parts::fit_parts;
use self::start::{Opinion, started};
use super::{BlindConfig, WarmStart, blind};
use crate::evidence::ClassShares;
use crate::factorize::{FactorizeConfig, factorize_after};
use crate::fit::FitConfig;
use crate::group::{Basis, FactorView, Overrides, Source, class_shares, group_by};
use crate::knowledge::hints::{Hints, Regions};
use crate::mask::Render;
use crate::observe::Observer;
use crate::separation::Heard;
use crate::sharing::{Components, Ensemble, Explanation, Masks, Nested, Sharing, StemsConfig};
use crate::{Audio, Error, Separation};

/// What decides which component is a drum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrumEvidence {
    /// Nothing that was learnt: how percussive the recording is where a component sounds, by median filters.
    None,
    /// The components' features alone.
    Features,
    /// The small network of [`crate::evidence`] as well; the sources are then fitted again as parts that start from
    /// it.
    #[default]
    Learnt,
}

/// Settings of the drums' recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrumsConfig {
    /// What decides.
    pub evidence: DrumEvidence,
    /// Components of the second factorisation that is asked beside the first.
    pub second_components: usize,
    /// Its iterations: what decides is where components lie, not their last tenth of a dB.
    pub second_iterations: usize,
    /// How much the network counts beside the grouped components where both say how much of a
    /// bin is drums, 0 to 1.
    pub network_weight: f32,
    /// Components of a part that is all drums, and of one that is all the rest. One kind of drums, or a bass, has a third
    /// of them.
    pub part_components: [usize; 2],
    /// Iterations of each part alone.
    pub part_iterations: usize,
    /// Iterations of all parts together. More let the parts drift into each other.
    pub joint_iterations: usize,
    /// Fits in parts, from the seeds that follow, whose masks are averaged; without any, what they would start from is
    /// the mask.
    pub fits: usize,
    /// By which share the second fit has fewer components, the third more, and so on in turn: averages over ranks too.
    pub rank_spread: f32,
    /// The exponent of the parts' masks; without, that of all masks.
    pub exponent: Option<f32>,
}

impl Default for DrumsConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl DrumsConfig {
    /// The defaults, chosen by trying others on mixtures that nothing was trained on and on the shared clips.
    pub const DEFAULT: Self = Self {
        evidence: DrumEvidence::Learnt,
        second_components: 32,
        second_iterations: 60,
        network_weight: 0.4,
        part_components: [12, 20],
        part_iterations: 40,
        joint_iterations: 10,
        fits: 3,
        rank_spread: 0.0,
        exponent: None,
    };

    /// What the recipe costs beyond the first factorisation, in iterations of one component over the whole spectrogram; the
    /// network comes on top.
    #[must_use]
    pub fn component_iterations(&self, sources: &[Source]) -> usize {
        let groups = Groups::of(sources);
        if groups.len() < 2 {
            return 0;
        }
        let each = self.part_iterations + self.joint_iterations;
        let fitted: usize = groups.iter().map(|it| parts::components(it, self)).sum();
        self.second_components * self.second_iterations + self.fits * fitted * each
    }

    /// The most arrays like the spectrogram that it holds at once.
    #[must_use]
    pub fn planes(&self, sources: &[Source]) -> usize {
        // The spectrogram, its magnitudes, the network's shares with what it makes them of, a part's values, and where each
        // part starts from.
        6 + Groups::of(sources).len()
    }

    /// With the components of one of the fits.
    fn of_fit(&self, number: u64) -> Self {
        let turn = [0.0, -1.0, 1.0][(number % 3) as usize];
        let share = self.rank_spread.mul_add(turn, 1.0);
        let count = |count: usize| ((count as f32 * share).round() as usize).max(1);
        Self {
            part_components: self.part_components.map(count),
            ..*self
        }
    }

    fn check(&self) -> Result<(), Error> {
        if !(0.0..1.0).contains(&self.rank_spread) {
            let field = "drums.rank_spread";
            return Err(Error::config(field, self.rank_spread, "from 0 to below 1"));
        }
        let counts = [
            ("drums.second_components", self.second_components),
            ("drums.part_components", self.part_components[0]),
            ("drums.part_components", self.part_components[1]),
        ];
        for (field, given) in counts {
            if given == 0 {
                return Err(Error::config(field, given, "at least 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.network_weight) {
            let field = "drums.network_weight";
            return Err(Error::config(field, self.network_weight, "from 0 to 1"));
        }
        Ok(())
    }
}

/// What the recipe is asked for.
#[derive(Debug, Clone, Copy)]
pub struct DrumsTask<'a> {
    /// The sources, one of which is drums.
    pub sources: &'a [Source],
    /// What a person decided.
    pub overrides: &'a Overrides,
    /// The first factorisation, whose components are grouped.
    pub factorize: &'a FactorizeConfig,
    /// What it starts from, if a piece of the recording went before.
    pub before: Option<&'a WarmStart>,
    /// What a person drew, which decides where components go.
    pub regions: &'a Regions,
    /// Masks → stems.
    pub stems: StemsConfig,
}

/// Separate drums, or some of them, from the rest.
///
/// The components of a blind factorisation are grouped by their features and by how much of their
/// energy a network hears as each class of sound. With nothing assigned by hand, that grouping is where it begins only:
/// the network's share of every bin and that of the grouped components of two factorisations are averaged in log-odds,
///
/// ```text
/// z_s ∝ network_s ^ a · grouped_s ^ (1 − a),    Σ_s z_s = 1,
/// ```
///
/// free components are fitted to each `V·z_s`, then all together to V, and the masks of several such fits are averaged.
/// Pitched sources, which the network does not tell from each other, are one part; grouped components share it out.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Cancelled`] if the observer says so.
pub fn drums(
    audio: &Audio,
    task: &DrumsTask<'_>,
    config: &DrumsConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    config.check()?;
    let (factorization, spectrogram) =
        factorize_after(task.before, audio, task.factorize, observer)?;
    let factors = factorization.factors();
    let values = spectrogram.magnitudes();
    let heard = ClassShares::of(values.view(), factors.bin_hz(), factors.hop_secs());
    let classes = class_shares(&factors, values.view(), &heard)?;
    let basis = Basis::Network(classes.view());
    let mut grouping = group_by(&factors, task.sources, task.overrides, basis)?;
    if let Some(before) = task.before {
        grouping.go_on_from(before.posteriors.view());
    }
    if !task.regions.is_empty() {
        let names: Vec<&str> = grouping.sources.iter().map(|it| it.name.as_str()).collect();
        let hints = Hints::new(factorization.grid(), &names)?.with_regions(task.regions)?;
        grouping.lean(hints.leanings(&factorization.fit.model)?.view());
    }
    let groups = Groups::of(&grouping.sources);
    let mut notes: Vec<String> = grouping.notes.iter().map(ToString::to_string).collect();

    let sharing: Box<dyn Sharing> = if !task.overrides.is_empty() || groups.len() < 2 {
        Box::new(factorization.sharing(&grouping.members(), task.stems)?)
    } else {
        // A source has a part of its own now, whether or not a component went to it.
        notes = groups.notes(&grouping);
        let second = BlindConfig {
            components: config.second_components.min(spectrogram.frames()),
            fit: FitConfig {
                iterations: config
                    .second_iterations
                    .min(task.factorize.blind.fit.iterations),
                ..task.factorize.blind.fit
            },
            ..task.factorize.blind
        };
        let second = blind(&spectrogram, &second, observer)?;
        let second_factors = FactorView {
            templates: second.model.templates(),
            activations: second.model.activations(),
            gains: None,
            percussive_shares: None,
            ..factors
        };
        let second_classes = class_shares(&second_factors, values.view(), &heard)?;
        let opinions = [
            Opinion {
                model: &factorization.fit.model,
                group_of: groups.of_decisions(&grouping),
            },
            Opinion {
                model: &second.model,
                group_of: groups.of_classes(&second_classes),
            },
        ];
        let mut stems = task.stems;
        if let (Some(own), Render::Ratio { exponent }) = (config.exponent, &mut stems.render) {
            *exponent = own;
        }
        let start = started(&heard, &groups, &opinions, config.network_weight);
        let mut fits: Vec<Box<dyn Sharing>> = Vec::with_capacity(config.fits);
        for number in 0..config.fits as u64 {
            let seed = task.factorize.blind.seed.wrapping_add(number);
            let config = config.of_fit(number);
            let model = fit_parts(&spectrogram, &start, &groups, &config, seed, task, observer)?;
            let parts = model.parts().iter();
            let members: Vec<Vec<usize>> = parts
                .map(|part| part.components.clone().collect())
                .collect();
            let explanation = Explanation {
                stft: &factorization.stft,
                model: &model,
                quantity: factorization.quantity,
                scale: factorization.scale,
            };
            fits.push(Box::new(Components::new(explanation, &members, stems)?));
        }
        let by_group: Box<dyn Sharing> = if fits.is_empty() {
            Box::new(Masks::new(factorization.stft.clone(), start, task.stems)?)
        } else {
            Box::new(Ensemble::new(fits)?)
        };
        let within = StemsConfig {
            residual: false,
            ..task.stems
        };
        let within = factorization.sharing(&grouping.members(), within)?;
        Box::new(Nested::new(by_group, groups.sources(), within)?)
    };
    Ok(Separation {
        sources: grouping.sources.clone(),
        onsets: Vec::new(),
        notes,
        components: Some((factorization, grouping)),
        heard: Heard::default(),
        sharing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::parse_sources;
    use crate::testsignals::mix;

    const RATE: f32 = 44_100.0;

    /// A sound every `period` seconds from `first` on, of a time since its onset.
    fn hits(first: f32, period: f32, sound: impl Fn(f32, usize) -> f32) -> Audio {
        let samples = (0..(3.0 * RATE) as usize).map(|n| {
            let time = n as f32 / RATE - first;
            if time < 0.0 {
                return 0.0;
            }
            sound(time % period, n)
        });
        Audio::new(
            ndarray::Array2::from_shape_vec((1, 132_300), samples.collect()).unwrap(),
            44_100,
        )
        .unwrap()
    }

    /// White noise that depends on the sample's number alone.
    fn noise(n: usize) -> f32 {
        let mixed = (n as u32 ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b);
        let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
        ((mixed ^ (mixed >> 16)) as f32 / u32::MAX as f32).mul_add(2.0, -1.0)
    }

    /// A bass drum that falls to 50 Hz, a snare drum of noise and a tone, a hi-hat of rising noise.
    fn loops() -> [Audio; 3] {
        let tone = |hz: f32, time: f32| (std::f32::consts::TAU * hz * time).sin();
        [
            hits(0.02, 0.5, |t, _| {
                let phase = 50.0f32.mul_add(t, 60.0 * 0.03 * (1.0 - (-t / 0.03).exp()));
                0.9 * (-t / 0.12).exp() * (std::f32::consts::TAU * phase).sin()
            }),
            hits(0.27, 0.5, |t, n| {
                let body = 0.4 * (-t / 0.06).exp() * tone(190.0, t);
                0.4f32.mul_add((-t / 0.08).exp() * noise(n), body)
            }),
            hits(0.145, 0.25, |t, n| {
                // The second difference of noise has 12 dB more in every octave.
                let bright = noise(n) - 2.0 * noise(n + 1) + noise(n + 2);
                0.12 * (-t / 0.025).exp() * bright
            }),
        ]
    }

    fn likeness(a: &Audio, b: &Audio) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let (a, b) = (a.channel(0), b.channel(0));
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    fn stems(sources: &str, config: &DrumsConfig) -> (Separation, Vec<Audio>) {
        let [kick, snare, hat] = loops();
        let mixture = mix(&[&kick, &snare, &hat]);
        let mut factorize = FactorizeConfig::default();
        factorize.blind.fit.iterations = 60;
        let task = DrumsTask {
            sources: &parse_sources(sources, &[]).unwrap(),
            overrides: &Overrides::none(),
            factorize: &factorize,
            before: None,
            regions: &Regions::default(),
            stems: StemsConfig::default(),
        };
        let separation = drums(&mixture, &task, config, &mut ()).unwrap();
        let stems = separation.stems(&mixture).unwrap().collect_audio().unwrap();
        let sum = mix(&stems.iter().collect::<Vec<_>>());
        let largest = (&sum.samples() - &mixture.samples()).fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(largest < 1e-5, "the stems do not add up: {largest}");
        (separation, stems)
    }

    #[test]
    fn a_drum_loop_comes_apart_into_its_drums() {
        let (separation, stems) = stems("kick,snare,hihat", &DrumsConfig::default());
        assert_eq!(separation.notes, Vec::<String>::new());
        for (at, truth) in loops().iter().enumerate() {
            let likeness: Vec<f32> = stems.iter().map(|stem| likeness(stem, truth)).collect();
            assert!(likeness[at] > 0.8, "source {at}: {likeness:?}");
        }
    }

    #[test]
    fn what_the_fits_start_from_can_be_the_mask_and_what_is_alike_is_said() {
        let quick = DrumsConfig {
            fits: 0,
            ..DrumsConfig::default()
        };
        let (separation, stems) = stems("kick,hihat,cymbals,rest", &quick);
        assert!(
            separation.notes[0].contains("same kind as `hihat`"),
            "{:?}",
            separation.notes
        );
        let [kick, _, hat] = loops();
        assert!(likeness(&stems[0], &kick) > 0.8 && likeness(&stems[1], &hat) > 0.6);
        assert!(stems[2].peak() <= 0.0);
    }
}
