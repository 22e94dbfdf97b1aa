//! A recording, its sources and often their true stems come in; the stems that other methods make of it go out.
//!
//! What Unbraid is compared with, behind one call, [`run`]:
//!
//! | method | what it knows |
//! |---|---|
//! | [`Method::Mixture`] | nothing |
//! | [`Method::BandPass`], [`Method::Comb`] | filters drawn up beforehand, given to sources ([`Assign`]) |
//! | [`Method::Hpss`], [`Method::RepetSim`] | that drums are vertical and pitches horizontal; that accompaniments repeat |
//! | [`Method::Nmf`] | templates learnt from the recording, grouped in one of several ways ([`Assign`]) |
//! | [`Method::Separate`] | what Unbraid does for these sources |
//! | [`Method::IdealMask`], [`Method::MultichannelWiener`] | the answer: what masks and filters can reach at best |

mod bank;
mod cluster;
mod fundamentals;
mod oracle;
mod repet;
mod simple;

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, Axis};

pub use self::bank::{AssignedBank, Bank, SwitchedBank};
pub use self::cluster::{LOW_HZ, by_low_frequency, by_mfcc};
pub use self::fundamentals::{comb_templates, detect_fundamentals};
pub use self::oracle::{
    IdealMask, IdealMasks, energies_under, members_by_energy, multichannel_wiener,
};
pub(crate) use self::oracle::{check_truths, energy};
pub use self::repet::{Settings as RepetSettings, repeating_share};
pub use self::simple::{Equal, OneAgainstRest};

use crate::analysis::hpss;
use crate::factorize::{Factorization, factorize};
use crate::group::{FactorView, Kind, Overrides, Source, group, percussive_shares};
use crate::observe::Observer;
use crate::separate::{SeparateConfig, separate};
use crate::sharing::Sharing;
use crate::spectrogram::{Channels, Quantity, Spectrogram};
use crate::stems::StemBlocks;
use crate::{Audio, Error, Stft, StftConfig};

/// Who says which filter or component belongs to which source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assign {
    /// A person ([`Task::given_bands`], [`Task::given_combs`]).
    Given,
    /// The grouping that Unbraid's components get ([`crate::group::group`]).
    Automatic,
    /// The true stems: each to the source that has most of the energy under it.
    Oracle,
    /// The true stems, anew in every frame: the best any switch could do.
    Switched,
    /// The share of low frequencies alone ([`by_low_frequency`]).
    LowFrequency,
    /// Clusters of mel-frequency cepstral coefficients ([`by_mfcc`]), named by the true stems.
    Mfcc,
}

/// A way of making stems.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// The mixture, scaled, for every source.
    Mixture,
    /// A bank of band-pass filters.
    BandPass(Assign),
    /// A bank of comb filters.
    Comb(Assign),
    /// Harmonic/percussive separation by median filters.
    Hpss,
    /// What repeats against what does not.
    RepetSim,
    /// Blind factorisation.
    Nmf(Assign),
    /// Unbraid as it is used: the recipe for the sources named.
    Separate,
    /// The best masks of a kind.
    IdealMask(IdealMask),
    /// The best linear filter across channels.
    MultichannelWiener,
}

impl Method {
    /// Every method with its name, in the order of tables.
    pub const ALL: [(&'static str, Self); 20] = [
        ("mixture", Self::Mixture),
        ("band-pass", Self::BandPass(Assign::Automatic)),
        ("band-pass-given", Self::BandPass(Assign::Given)),
        ("band-pass-oracle", Self::BandPass(Assign::Oracle)),
        ("band-pass-switched", Self::BandPass(Assign::Switched)),
        ("comb", Self::Comb(Assign::Automatic)),
        ("comb-given", Self::Comb(Assign::Given)),
        ("comb-oracle", Self::Comb(Assign::Oracle)),
        ("comb-switched", Self::Comb(Assign::Switched)),
        ("hpss", Self::Hpss),
        ("repet-sim", Self::RepetSim),
        ("nmf", Self::Nmf(Assign::Automatic)),
        ("nmf-low", Self::Nmf(Assign::LowFrequency)),
        ("nmf-mfcc", Self::Nmf(Assign::Mfcc)),
        ("nmf-oracle", Self::Nmf(Assign::Oracle)),
        ("separate", Self::Separate),
        ("ibm", Self::IdealMask(IdealMask::Binary)),
        ("irm1", Self::IdealMask(IdealMask::Ratio { exponent: 1.0 })),
        ("irm2", Self::IdealMask(IdealMask::Ratio { exponent: 2.0 })),
        ("mwf", Self::MultichannelWiener),
    ];

    /// Its name in tables and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, method)| *method == self);
        found.map_or("other", |(name, _)| name)
    }

    /// Whether it looks at the true stems.
    #[must_use]
    pub fn is_oracle(self) -> bool {
        matches!(
            self,
            Self::BandPass(Assign::Oracle | Assign::Switched)
                | Self::Comb(Assign::Oracle | Assign::Switched)
                | Self::Nmf(Assign::Oracle | Assign::Mfcc)
                | Self::IdealMask(_)
                | Self::MultichannelWiener
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Config`] that lists the methods.
    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, method)| *method).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            Error::config(
                "methods",
                format!("`{text}`"),
                format!("one of {}", names.join(", ")),
            )
        })
    }
}

/// What is to be taken apart, and what the methods may know.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// The recording.
    pub mixture: &'a Audio,
    /// The true sources in the order of `config.sources`; empty if they are not known.
    pub truths: &'a [Audio],
    /// The sources, and the settings of Unbraid's own chain.
    pub config: &'a SeparateConfig,
    /// Filters of each bank, unless given: as many as there are components makes it a fair match.
    pub filters: usize,
    /// The fundamentals of the comb bank in Hz; found in the recording if none are given.
    pub fundamentals_hz: Vec<f64>,
    /// The bands of each source, for [`Assign::Given`].
    pub given_bands: Option<Vec<Vec<usize>>>,
    /// The combs of each source, for [`Assign::Given`].
    pub given_combs: Option<Vec<Vec<usize>>>,
}

impl<'a> Task<'a> {
    /// A task with banks of as many filters as there are components.
    #[must_use]
    pub fn new(mixture: &'a Audio, truths: &'a [Audio], config: &'a SeparateConfig) -> Self {
        Self {
            mixture,
            truths,
            config,
            filters: config.factorize.blind.components,
            fundamentals_hz: Vec::new(),
            given_bands: None,
            given_combs: None,
        }
    }

    /// The transform that every method but [`Method::Separate`] works on.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for settings that are not allowed.
    pub fn stft(&self) -> Result<Stft, Error> {
        let usual = || StftConfig::for_sample_rate(self.mixture.sample_rate());
        Stft::new(self.config.factorize.stft.unwrap_or_else(usual))
    }

    /// The magnitude spectrogram, mean of the channels, `(bins, frames)`.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if the observer says so.
    pub fn spectrogram(
        &self,
        stft: &Stft,
        observer: &mut dyn Observer,
    ) -> Result<Array2<f32>, Error> {
        let spectrogram = Spectrogram::of(
            self.mixture,
            stft,
            Quantity::Magnitude,
            Channels::Sum,
            observer,
        )?;
        Ok(spectrogram.view().index_axis_move(Axis(0), 0).to_owned())
    }

    /// The comb bank's fundamentals: those given, or those found.
    #[must_use]
    pub fn fundamentals(&self, stft: &Stft, spectrogram: &Array2<f32>, count: usize) -> Vec<f64> {
        if self.fundamentals_hz.is_empty() {
            detect_fundamentals(stft, self.mixture.sample_rate(), spectrogram.view(), count)
        } else {
            self.fundamentals_hz.clone()
        }
    }

    fn sources(&self) -> &[Source] {
        &self.config.sources
    }

    fn source_of(&self, kinds: &[Kind]) -> Option<usize> {
        let has = |kind: &Kind| self.sources().iter().position(|s| s.kind == Some(*kind));
        kinds.iter().find_map(has)
    }

    fn known_truths(&self) -> Result<&'a [Audio], Error> {
        if self.truths.len() == self.sources().len() {
            return Ok(self.truths);
        }
        let requirement = format!("the true stems of all {} sources", self.sources().len());
        Err(Error::config("references", self.truths.len(), requirement))
    }
}

/// What a method made, and what it took.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One stem per source, in their order.
    pub stems: Vec<Audio>,
    /// What had to be found out or set by hand.
    pub cost: Cost,
}

/// What a method has to find out about a recording, and what somebody had to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Numbers fitted to the recording: K (M + N) for a factorisation.
    pub free_parameters: usize,
    /// Decisions about whose something is: one per component or filter, or one per filter and frame.
    pub decisions: usize,
    /// Settings that a person chose.
    pub knobs: usize,
}

/// Make stems by one method.
///
/// # Errors
///
/// - [`Error::Config`] if a setting is not allowed, or the method needs true stems or an assignment that is not
///   there.
/// - [`Error::Shape`] if a true stem has another shape than the recording.
/// - [`Error::Cancelled`] if the observer says so.
///
/// # Examples
///
/// ```
/// use unbraid::SeparateConfig;
/// use unbraid::baseline::{Method, Task, run};
/// use unbraid::group::parse_sources;
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let config = SeparateConfig { sources: parse_sources("drums,guitar", &[])?, ..Default::default() };
/// let truths = [drums, guitar];
/// let task = Task::new(&mixture, &truths, &config);
/// let outcome = run("irm1".parse::<Method>()?, &task, &mut ())?;
/// assert_eq!(outcome.stems.len(), 2);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn run(method: Method, task: &Task<'_>, observer: &mut dyn Observer) -> Result<Outcome, Error> {
    if task.sources().is_empty() {
        return Err(Error::config("sources", "empty", "at least one source"));
    }
    oracle::check_truths(task.mixture, task.truths)?;
    let stft = task.stft()?;
    let (sources, frames) = (
        task.sources().len(),
        stft.frames(task.mixture.len_samples()),
    );
    match method {
        Method::Mixture => {
            let equal = Equal {
                stft,
                frames,
                sources,
            };
            outcome(&equal, task, Cost::default())
        }
        Method::BandPass(assign) => {
            let bank = Bank::band_pass(&stft, task.mixture.sample_rate(), task.filters)?;
            let given = task.given_bands.as_deref();
            // The number and the spacing of the bands.
            banked(&bank, assign, given, (0, 2), task, &stft, observer)
        }
        Method::Comb(assign) => {
            let spectrogram = task.spectrogram(&stft, observer)?;
            let found = task.fundamentals(&stft, &spectrogram, task.filters);
            if found.is_empty() {
                // Nothing pitched sounds: nothing to tune a comb to.
                let equal = Equal {
                    stft,
                    frames,
                    sources,
                };
                return outcome(&equal, task, Cost::default());
            }
            let bank = Bank::combs(&stft, task.mixture.sample_rate(), &found)?;
            let given = task.given_combs.as_deref();
            // The number of fundamentals, their range, and the width of a tooth.
            banked(
                &bank,
                assign,
                given,
                (found.len(), 3),
                task,
                &stft,
                observer,
            )
        }
        Method::Hpss => hpss_against_rest(task, &stft, observer),
        Method::RepetSim => repet_against_rest(task, &stft, observer),
        Method::Nmf(assign) => nmf(assign, task, observer),
        Method::Separate => {
            let separation = separate(task.mixture, task.config, observer)?;
            let stems = separation.stems(task.mixture)?.collect_audio()?;
            let cost = separation.components.as_ref().map(|(f, _)| nmf_cost(f));
            Ok(Outcome {
                stems,
                cost: cost.unwrap_or_default(),
            })
        }
        Method::IdealMask(mask) => {
            let masks = IdealMasks::new(&stft, task.mixture, task.known_truths()?, mask)?;
            let cost = Cost {
                decisions: task.mixture.channels() * stft.bins() * frames,
                ..Cost::default()
            };
            outcome(&masks, task, cost)
        }
        Method::MultichannelWiener => {
            let truths = task.known_truths()?;
            Ok(Outcome {
                stems: multichannel_wiener(&stft, task.mixture, truths)?,
                cost: Cost {
                    free_parameters: truths.len()
                        * stft.bins()
                        * (frames + task.mixture.channels().pow(2)),
                    ..Cost::default()
                },
            })
        }
    }
}

/// The percussive part for one source, the harmonic for the others.
fn hpss_against_rest(
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let (spectrogram, bin_hz, hop_secs) = seen(task, stft, observer)?;
    let settings = hpss::Settings::default();
    let share = hpss::percussive_share(spectrogram.view(), bin_hz, hop_secs, &settings)?;
    // Drums are percussive; of pitched sources a voice, which never holds its pitch quite still.
    let percussive = task.source_of(&[Kind::Drums, Kind::Voice]).unwrap_or(0);
    let rows = share.t().as_standard_layout().into_owned();
    // Two lengths of filters, and the exponent.
    let cost = Cost {
        knobs: 3,
        decisions: 1,
        ..Cost::default()
    };
    let sources = task.sources().len();
    outcome(
        &OneAgainstRest::new(stft, rows, percussive, sources),
        task,
        cost,
    )
}

/// What does not repeat for one source, what does for the others.
fn repet_against_rest(
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let (spectrogram, bin_hz, hop_secs) = seen(task, stft, observer)?;
    let settings = RepetSettings::default();
    let repeats = repeating_share(spectrogram.view(), bin_hz, hop_secs, &settings)?;
    // The voice stands out against what repeats; without one, what is not drums does.
    let kinds = [
        Kind::Voice,
        Kind::Guitar,
        Kind::Piano,
        Kind::Bass,
        Kind::Rest,
    ];
    let stands_out = task.source_of(&kinds).unwrap_or(0);
    let rows = repeats.mapv(|repeats| 1.0 - repeats);
    let cost = Cost {
        knobs: 4,
        decisions: 1,
        ..Cost::default()
    };
    let sources = task.sources().len();
    outcome(
        &OneAgainstRest::new(stft, rows, stands_out, sources),
        task,
        cost,
    )
}

/// The spectrogram and the distances of its bins and frames.
fn seen(
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<(Array2<f32>, f64, f64), Error> {
    let rate = f64::from(task.mixture.sample_rate());
    let config = stft.config();
    let (bin_hz, hop_secs) = (rate / config.fft_len as f64, config.hop_len as f64 / rate);
    Ok((task.spectrogram(stft, observer)?, bin_hz, hop_secs))
}

fn outcome(sharing: &dyn Sharing, task: &Task<'_>, cost: Cost) -> Result<Outcome, Error> {
    let stems = render(sharing, task.mixture)?;
    Ok(Outcome { stems, cost })
}

/// The stems of a way of sharing.
pub(crate) fn render(sharing: &dyn Sharing, mixture: &Audio) -> Result<Vec<Audio>, Error> {
    StemBlocks::new(mixture, sharing)?.collect_audio()
}

/// Stems of a bank; `(tuned, knobs)` is what it took to draw it up.
fn banked(
    bank: &Bank,
    assign: Assign,
    given: Option<&[Vec<usize>]>,
    (tuned, knobs): (usize, usize),
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let frames = stft.frames(task.mixture.len_samples());
    let mut cost = Cost {
        free_parameters: tuned,
        decisions: bank.filters(),
        knobs,
    };
    if assign == Assign::Switched {
        cost.decisions *= frames;
        let switched = SwitchedBank::oracle(bank, stft, task.known_truths()?)?;
        return outcome(&switched, task, cost);
    }
    let members = match assign {
        Assign::Given => match given {
            Some(members) if members.len() == task.sources().len() => members.to_vec(),
            _ => {
                return Err(Error::config(
                    "baseline.assignment",
                    "not given",
                    "the filters of every source",
                ));
            }
        },
        Assign::Oracle => {
            let energies = bank.energies(stft, task.known_truths()?);
            let totals =
                Array2::from_shape_fn((bank.filters(), energies.len()), |(filter, source)| {
                    let row = energies[source].row(filter);
                    row.iter().map(|&value| f64::from(value)).sum()
                });
            members_by_energy(&totals)
        }
        _ => grouped(bank, task, stft, observer)?,
    };
    outcome(
        &AssignedBank::new(bank, stft, frames, &members)?,
        task,
        cost,
    )
}

/// The filters of a bank, grouped as if they were components.
fn grouped(
    bank: &Bank,
    task: &Task<'_>,
    stft: &Stft,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<usize>>, Error> {
    let (spectrogram, bin_hz, hop_secs) = seen(task, stft, observer)?;
    let templates = bank.responses().t().as_standard_layout().into_owned();
    let activations = bank.outputs(spectrogram.view());
    let config = stft.config();
    let mut factors = FactorView {
        templates: templates.view(),
        activations: activations.view(),
        gains: None,
        percussive_shares: None,
        sample_rate: task.mixture.sample_rate(),
        fft_len: config.fft_len,
        hop_len: config.hop_len,
    };
    let settings = hpss::Settings::default();
    let percussive = hpss::percussive_share(spectrogram.view(), bin_hz, hop_secs, &settings)?;
    let shares = percussive_shares(&factors, spectrogram.view(), percussive.view())?;
    factors.percussive_shares = Some(&shares);
    Ok(group(&factors, task.sources(), &Overrides::none())?.members())
}

fn nmf(assign: Assign, task: &Task<'_>, observer: &mut dyn Observer) -> Result<Outcome, Error> {
    let factorization = factorize(task.mixture, &task.config.factorize, observer)?;
    let members = members(&factorization, assign, task)?;
    let sharing = factorization.sharing(&members, task.config.stems)?;
    outcome(&sharing, task, nmf_cost(&factorization))
}

/// The components of every source by one way of grouping.
///
/// # Errors
///
/// As [`run`].
pub fn members(
    factorization: &Factorization,
    assign: Assign,
    task: &Task<'_>,
) -> Result<Vec<Vec<usize>>, Error> {
    let templates = factorization.fit.model.templates();
    let sources = task.sources();
    let bin_hz = factorization.factors().bin_hz();
    match assign {
        Assign::Oracle => Ok(members_by_energy(&component_energies(
            factorization,
            task.mixture,
            task.known_truths()?,
        )?)),
        Assign::LowFrequency => {
            let [low, high] = by_low_frequency(templates, bin_hz);
            let mut members = vec![Vec::new(); sources.len()];
            let lowest = task.source_of(&[Kind::Drums, Kind::Bass, Kind::Piano, Kind::Rest]);
            let lowest = lowest.unwrap_or(0);
            let other = (0..sources.len())
                .find(|&other| other != lowest)
                .unwrap_or(lowest);
            members[lowest].extend(low);
            members[other].extend(high);
            Ok(members)
        }
        Assign::Mfcc => {
            let seed = task.config.factorize.blind.seed;
            let clusters = by_mfcc(templates, bin_hz, sources.len(), seed);
            let energies = component_energies(factorization, task.mixture, task.known_truths()?)?;
            let of = |cluster: usize, source: usize| -> f64 {
                clusters[cluster]
                    .iter()
                    .map(|&k| energies[[k, source]])
                    .sum()
            };
            let order = crate::evaluate::best_order(sources.len(), of);
            Ok(order
                .into_iter()
                .map(|cluster| clusters[cluster].clone())
                .collect())
        }
        Assign::Given | Assign::Switched | Assign::Automatic => {
            let overrides = &task.config.overrides;
            Ok(factorization.group(sources, overrides)?.members())
        }
    }
}

/// The energy of every true source under every component's mask, `(components, sources)`.
///
/// # Errors
///
/// Those of [`energies_under`].
pub fn component_energies(
    factorization: &Factorization,
    mixture: &Audio,
    truths: &[Audio],
) -> Result<Array2<f64>, Error> {
    let components = factorization.fit.model.components();
    let each: Vec<Vec<usize>> = (0..components).map(|component| vec![component]).collect();
    let units = factorization.sharing(&each, crate::sharing::StemsConfig::default())?;
    energies_under(&units, mixture, truths)
}

fn nmf_cost(factorization: &Factorization) -> Cost {
    let model = &factorization.fit.model;
    Cost {
        free_parameters: model.components() * (model.bins() + model.frames()),
        decisions: model.components(),
        // The number of components, β, the iterations, the transform.
        knobs: 4,
    }
}

#[cfg(test)]
pub(crate) fn score_mean_sdr(truths: &[Audio], stems: &[Audio]) -> f64 {
    let views = |all: &[Audio]| {
        all.iter()
            .map(Audio::samples)
            .map(|v| v.to_owned())
            .collect::<Vec<_>>()
    };
    let (truths, stems) = (views(truths), views(stems));
    let truths: Vec<_> = truths.iter().map(|a| a.view()).collect();
    let stems: Vec<_> = stems.iter().map(|a| a.view()).collect();
    let ratios = crate::evaluate::si_sdr(&truths, &stems).unwrap();
    ratios.iter().map(|ratios| ratios.sdr_db).sum::<f64>() / ratios.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::parse_sources;
    use crate::testsignals::{drums_and_guitar, mix};

    #[test]
    fn every_method_makes_stems_that_add_up_and_who_knows_the_answer_does_best() {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let truths = [drums, guitar];
        let mut config = SeparateConfig {
            sources: parse_sources("drums,guitar", &[]).unwrap(),
            ..SeparateConfig::default()
        };
        config.factorize.blind.components = 6;
        config.factorize.blind.fit.iterations = 50;
        let mut task = Task::new(&mixture, &truths, &config);
        task.given_bands = Some(vec![vec![4, 5], vec![0, 1, 2, 3]]);
        task.fundamentals_hz = vec![220.0, 277.2, 329.6];
        task.given_combs = Some(vec![vec![3], vec![0, 1, 2]]);
        let sdr = |name: &str| {
            let outcome = run(name.parse().unwrap(), &task, &mut ()).unwrap();
            let sum = mix(&outcome.stems.iter().collect::<Vec<_>>());
            let worst = sum.samples().to_owned() - mixture.samples();
            let worst = worst.iter().fold(0.0_f32, |worst, d| worst.max(d.abs()));
            assert!(worst < 1e-3, "{name}: stems miss the mixture by {worst}");
            score_mean_sdr(&truths, &outcome.stems)
        };
        let all: Vec<(&str, f64)> = Method::ALL
            .iter()
            .map(|(name, _)| (*name, sdr(name)))
            .collect();
        let of = |name: &str| all.iter().find(|(other, _)| *other == name).unwrap().1;
        for (better, worse) in [
            ("irm1", "nmf-oracle"),
            ("nmf-oracle", "mixture"),
            ("band-pass-switched", "band-pass-oracle"),
            ("band-pass-oracle", "mixture"),
            ("comb-given", "mixture"),
            ("hpss", "mixture"),
        ] {
            assert!(of(better) > of(worse), "{better} above {worse}: {all:?}");
        }
    }

    #[test]
    fn what_a_method_lacks_is_named() {
        let (drums, guitar) = drums_and_guitar(0.5, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let config = SeparateConfig {
            sources: parse_sources("drums,guitar", &[]).unwrap(),
            ..SeparateConfig::default()
        };
        let task = Task::new(&mixture, &[], &config);
        for (name, lacks) in [
            ("irm1", "references"),
            ("band-pass-given", "baseline.assignment"),
        ] {
            let error = run(name.parse().unwrap(), &task, &mut ()).unwrap_err();
            assert!(error.to_string().contains(lacks), "{error}");
        }
        let error = "kazoo".parse::<Method>().unwrap_err();
        assert!(error.to_string().contains("repet-sim"), "{error}");
    }
}
