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
mod made;
mod oracle;
mod repet;
mod score;
mod task;
mod written;

use std::fmt;
use std::str::FromStr;

pub use self::bank::{Bank, assigned_bank, switched_bank};
pub use self::cluster::{LOW_HZ, by_low_frequency, by_mfcc};
pub use self::fundamentals::{comb_templates, detect_fundamentals};
pub(crate) use self::made::render;
pub use self::made::{component_energies, members};
pub use self::oracle::{
    IdealMask, IdealMasks, energies_under, members_by_energy, multichannel_wiener,
};
pub(crate) use self::oracle::{check_truths, energy};
pub use self::repet::{Settings as RepetSettings, repeating_share};
pub use self::score::{SourceScores, mean_sdr_db, scores};
pub use self::task::{Cost, Outcome, Task};
pub use self::written::{Written, equal, one_against_rest};

use crate::Error;
use crate::observe::Observer;
use crate::separate::separate;

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
    check_truths(task.mixture, task.truths)?;
    let stft = task.stft()?;
    let (sources, frames) = (
        task.sources().len(),
        stft.frames(task.mixture.len_samples()),
    );
    match method {
        Method::Mixture => made::outcome(&equal(&stft, frames, sources), task, Cost::default()),
        Method::BandPass(assign) => {
            let bank = Bank::band_pass(&stft, task.mixture.sample_rate(), task.filters)?;
            let given = task.given_bands.as_deref();
            // The number and the spacing of the bands.
            made::banked(&bank, assign, given, (0, 2), task, &stft, observer)
        }
        Method::Comb(assign) => {
            let spectrogram = task.spectrogram(&stft, observer)?;
            let found = task.fundamentals(&stft, &spectrogram, task.filters);
            if found.is_empty() {
                // Nothing pitched sounds: nothing to tune a comb to.
                return made::outcome(&equal(&stft, frames, sources), task, Cost::default());
            }
            let bank = Bank::combs(&stft, task.mixture.sample_rate(), &found)?;
            let given = task.given_combs.as_deref();
            // The number of fundamentals, their range, and the width of a tooth.
            made::banked(
                &bank,
                assign,
                given,
                (found.len(), 3),
                task,
                &stft,
                observer,
            )
        }
        Method::Hpss => made::hpss_against_rest(task, &stft, observer),
        Method::RepetSim => made::repet_against_rest(task, &stft, observer),
        Method::Nmf(assign) => made::nmf(assign, task, observer),
        Method::Separate => {
            let separation = separate(task.mixture, task.config, observer)?;
            let stems = separation.stems(task.mixture)?.collect_audio()?;
            let of_components = separation.sharing.is_of_components();
            let components = separation.components.as_ref().filter(|_| of_components);
            let cost = components.map(|(factorization, _)| made::nmf_cost(factorization));
            Ok(Outcome { stems, cost })
        }
        Method::IdealMask(mask) => {
            let masks = IdealMasks::new(&stft, task.mixture, task.known_truths()?, mask)?;
            let cost = Cost {
                decisions: task.mixture.channels() * stft.bins() * frames,
                ..Cost::default()
            };
            made::outcome(&masks, task, cost)
        }
        Method::MultichannelWiener => {
            let truths = task.known_truths()?;
            Ok(Outcome {
                stems: multichannel_wiener(&stft, task.mixture, truths)?,
                cost: Some(Cost {
                    free_parameters: truths.len()
                        * stft.bins()
                        * (frames + task.mixture.channels().pow(2)),
                    ..Cost::default()
                }),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::score::mean_si_sdr_db;
    use super::*;
    use crate::SeparateConfig;
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
            mean_si_sdr_db(&truths, &outcome.stems)
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
