//! Components of a fit come in; which source each belongs to, and why, goes out.
//!
//! [`features`] describes every component by numbers that can be read; a small additive model
//! turns them into the probability that it is percussive, and a weaker one tells pitched kinds
//! apart; a person's [`Overrides`] beat both. [`group`] is all of that in one call.

#![expect(
    clippy::needless_pass_by_value,
    reason = "views are handed over by value, as ndarray does: they are two pointers wide"
)]

mod additive;
pub(crate) mod claims;
mod factors;
mod features;
mod overrides;
mod posterior;
mod source;
mod transcribe;
mod weights;

use std::fmt;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

pub use self::additive::Evidence;
pub use self::factors::FactorView;
pub use self::features::{Feature, Features, class_shares, features, percussive_shares};
pub use self::overrides::Overrides;
pub use self::source::{Kind, Source, parse_sources};
pub use self::transcribe::notes_of_components;

use self::posterior::Contest;
use crate::Error;
use crate::evidence::Class;

/// How many pieces of evidence [`Grouping::why`] prints.
const EVIDENCE_PRINTED: usize = 4;

/// Features are never surer than this against a hint.
const LEAST_POSTERIOR: f64 = 0.02;

/// What a hint's log claim counts against a log posterior: a component that is twice as much one source's by a stem
/// that still leaks goes there unless its features are nearly sure.
const HINT_WEIGHT: f64 = 4.0;

/// How much of what is known of a component a piece of a recording hands on to the next.
const MEMORY: f64 = 0.9;

/// Which source every component belongs to, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// The sources, in the order they were named; `rest` is added to a single one.
    pub sources: Vec<Source>,
    /// One decision per component, in their order.
    pub components: Vec<Decision>,
    /// What a listener should know about the result.
    pub notes: Vec<Note>,
}

/// Where one component went, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The source, as an index into [`Grouping::sources`].
    pub source: usize,
    /// What decided.
    pub decided_by: DecidedBy,
    /// The source that the features alone would have chosen.
    pub automatic: usize,
    /// The probability of every source by the features alone, and by the pieces of the recording before; they add up to one.
    pub posteriors: Vec<f64>,
    /// What speaks for (above 0) and against (below 0) the automatic source, in comparison with
    /// the next likeliest; the largest first.
    pub evidence: Vec<Evidence>,
    /// Everything that was measured; `None` if the component is silent.
    pub features: Option<Features>,
}

impl Decision {
    /// The probability, by the evidence alone, of the source it went to.
    #[must_use]
    pub fn posterior(&self) -> f64 {
        self.posteriors[self.source]
    }
}

/// What decided where a component went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecidedBy {
    /// Its features.
    Features,
    /// Hints about where the sources are, against its features.
    Hints,
    /// What it was in the pieces of the recording before, against its features in this one.
    Before,
    /// A person.
    Person,
    /// It is silent, and went where it does no harm.
    Silence,
}

/// What a listener should know about a grouping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
#[non_exhaustive]
pub enum Note {
    /// The kind has no model of its own: its components were told from others by weak features.
    Blind {
        /// The source's name.
        source: String,
        /// Its kind.
        kind: Kind,
    },
    /// Nothing tells the source from others: it has what the others do not claim.
    Remainder {
        /// The source's name.
        source: String,
    },
    /// No component went to the source; its stem is silent.
    Silent {
        /// The source's name.
        source: String,
    },
    /// Two sources are of one kind, and nothing tells them apart: the first has everything.
    SameKind {
        /// The source that went empty.
        source: String,
        /// The source of the same kind before it.
        first: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blind { source, kind } => {
                write!(
                    formatter,
                    "`{source}` was grouped blind: no special model for {kind} yet"
                )
            }
            Self::Remainder { source } => {
                write!(formatter, "`{source}` is what no other source claimed")
            }
            Self::Silent { source } => {
                write!(formatter, "`{source}` is silent: no component went to it")
            }
            Self::SameKind { source, first } => write!(
                formatter,
                "`{source}` is of the same kind as `{first}`, which nothing tells it from: \
                 assign components to it by hand"
            ),
        }
    }
}

/// Decide which source every component belongs to.
///
/// A component goes wholly to its most probable source: measured on mixtures, hard groups separate
/// better than sharing components out by their probabilities. A component that is not percussive
/// is shared between the pitched kinds named; what nothing claims goes to the source of kind
/// [`Kind::Rest`], or to the last one. With drums and one pitched source, that one has everything
/// that is not drums.
///
/// `overrides` beats the features for the components it names, and changes nothing else. If only
/// one source is named, `rest` is added.
///
/// # Errors
///
/// - [`Error::Config`] if no source is named, or `overrides` names a source or a component that
///   does not exist.
/// - Those of [`features`].
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid::group::{FactorView, Overrides, group, parse_sources};
///
/// // A click in every frequency against a held comb of 430 Hz.
/// let mut templates = Array2::zeros((1025, 2));
/// templates.column_mut(0).fill(1.0);
/// (20..200).step_by(20).for_each(|bin| templates[[bin, 1]] = 1.0);
/// let mut activations = Array2::ones((2, 200));
/// (0..200).for_each(|frame| activations[[0, frame]] = if frame % 40 == 9 { 1.0 } else { 0.0 });
/// let factors = FactorView {
///     templates: templates.view(),
///     activations: activations.view(),
///     gains: None,
///     percussive_shares: None,
///     sample_rate: 44_100,
///     fft_len: 2048,
///     hop_len: 512,
/// };
///
/// let sources = parse_sources("drums,guitar", &[])?;
/// let grouping = group(&factors, &sources, &Overrides::none())?;
/// assert_eq!(grouping.members(), [[0], [1]]);
/// assert!(grouping.why(0).starts_with("0 → drums ("));
///
/// let by_hand = group(&factors, &sources, &Overrides::parse(&["guitar=0"])?)?;
/// assert_eq!(by_hand.members(), [vec![], vec![0, 1]]);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn group(
    factors: &FactorView<'_>,
    sources: &[Source],
    overrides: &Overrides,
) -> Result<Grouping, Error> {
    group_by(factors, sources, overrides, Basis::Features)
}

/// What decides how much of a component is drums.
#[derive(Debug, Clone, Copy)]
pub enum Basis<'a> {
    /// Nothing that was learnt: it is drums as far as the mixture is percussive where it sounds
    /// ([`Features::percussive_share`], or what is not sustained in it).
    Percussive,
    /// Its features, by the additive model.
    Features,
    /// How much of it a network hears as each class, `(components, classes)` ([`class_shares`]), which then counts more
    /// than all features.
    Network(ArrayView2<'a, f32>),
}

/// As [`group`], on another basis.
///
/// Kinds of drums are told from each other by what the network heard, or else, roughly, by where their energy lies.
///
/// # Errors
///
/// Those of [`group`]; [`Error::Shape`] if there is not one share per component and class.
pub fn group_by(
    factors: &FactorView<'_>,
    sources: &[Source],
    overrides: &Overrides,
    basis: Basis<'_>,
) -> Result<Grouping, Error> {
    let mut sources = sources.to_vec();
    source::complete(&mut sources);
    if sources.is_empty() {
        return Err(Error::config("sources", "empty", "at least one source"));
    }
    let mut features = features(factors)?;
    if let Basis::Network(shares) = basis {
        let expected = [features.len(), Class::ALL.len()];
        if shares.shape() != expected {
            return Err(Error::Shape {
                what: "the learnt shares",
                expected: expected.to_vec(),
                actual: shares.shape().to_vec(),
            });
        }
        for (features, shares) in features.iter_mut().zip(shares.rows()) {
            if let Some(features) = features {
                features.hear(std::array::from_fn(|class| f64::from(shares[class])));
            }
        }
    }
    let by_hand = overrides.resolve(&sources, factors.components())?;

    let contest = Contest::new(&sources, matches!(basis, Basis::Percussive));
    let components: Vec<Decision> = features
        .into_iter()
        .zip(by_hand)
        .map(|(features, by_hand)| {
            let opinion = features
                .as_ref()
                .map_or_else(|| contest.silent(), |it| contest.judge(it));
            let decided_by = match (by_hand, features) {
                (Some(_), _) => DecidedBy::Person,
                (None, Some(_)) => DecidedBy::Features,
                (None, None) => DecidedBy::Silence,
            };
            Decision {
                source: by_hand.unwrap_or(opinion.likeliest),
                decided_by,
                automatic: opinion.likeliest,
                posteriors: opinion.posteriors,
                evidence: opinion.evidence,
                features,
            }
        })
        .collect();
    let notes = notes(&sources, &components, contest.fallback());
    Ok(Grouping {
        sources,
        components,
        notes,
    })
}

/// Hi-hats are heard as cymbals.
fn alike(kind: Option<Kind>) -> Option<Kind> {
    match kind {
        Some(Kind::Hihat) => Some(Kind::Cymbals),
        other => other,
    }
}

fn notes(sources: &[Source], components: &[Decision], fallback: usize) -> Vec<Note> {
    let automatic = components
        .iter()
        .any(|decision| decision.decided_by == DecidedBy::Features);
    let pitched = |source: &&Source| {
        let kind = source.kind;
        kind.is_some_and(|kind| kind != Kind::Rest && !kind.is_percussive())
    };
    let alone =
        sources.iter().filter(pitched).count() == 1 && sources[fallback].kind != Some(Kind::Rest);
    let mut notes = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let empty = !components.iter().any(|decision| decision.source == at);
        let twin = sources[..at]
            .iter()
            .find(|other| source.kind.is_some() && alike(other.kind) == alike(source.kind));
        let name = source.name.clone();
        match (source.kind, twin) {
            (_, Some(first)) if empty => {
                notes.push(Note::SameKind {
                    source: name.clone(),
                    first: first.name.clone(),
                });
            }
            (Some(_), _) if automatic && alone && pitched(&source) => {
                notes.push(Note::Remainder {
                    source: name.clone(),
                });
            }
            (Some(kind), None) if automatic && pitched(&source) => {
                notes.push(Note::Blind {
                    source: name.clone(),
                    kind,
                });
            }
            _ => {}
        }
        if empty {
            notes.push(Note::Silent { source: name });
        }
    }
    notes
}

impl Grouping {
    /// The components of every source, rising.
    #[must_use]
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.sources.len()];
        for (component, decision) in self.components.iter().enumerate() {
            members[decision.source].push(component);
        }
        members
    }

    /// Let hints speak for every component that nobody assigned by hand.
    ///
    /// `leanings` has the mean log of what each source may claim of a component, `(components, sources)`
    /// ([`crate::knowledge::hints::Hints::leanings`]); zeros change nothing.
    ///
    /// # Panics
    ///
    /// If it has another shape.
    pub fn lean(&mut self, leanings: ArrayView2<'_, f64>) {
        let shape = [self.components.len(), self.sources.len()];
        assert_eq!(leanings.shape(), shape, "components × sources");
        for (decision, leanings) in self.components.iter_mut().zip(leanings.outer_iter()) {
            if decision.decided_by != DecidedBy::Features {
                continue;
            }
            let weigh = |source: usize| {
                let posterior = decision.posteriors[source].max(LEAST_POSTERIOR);
                posterior.ln() + HINT_WEIGHT * leanings[source]
            };
            let best = (0..leanings.len()).fold(decision.source, |best, source| {
                if weigh(source) > weigh(best) {
                    source
                } else {
                    best
                }
            });
            if best != decision.source {
                decision.source = best;
                decision.decided_by = DecidedBy::Hints;
            }
        }
    }

    /// The probability of every source for every component, `(components, sources)`.
    #[must_use]
    pub fn posteriors(&self) -> Array2<f32> {
        let shape = (self.components.len(), self.sources.len());
        Array2::from_shape_fn(shape, |(k, s)| self.components[k].posteriors[s] as f32)
    }

    /// Weigh in what the same components were in the piece of the recording before ([`Grouping::posteriors`]).
    ///
    /// ```text
    /// posterior ∝ before ^ MEMORY · features
    /// ```
    ///
    /// A component is one sound all over, whatever it happens to be like in one piece. What a person assigned stays; so does everything
    /// if `before` is of other components or sources.
    pub fn go_on_from(&mut self, before: ArrayView2<'_, f32>) {
        if before.dim() != (self.components.len(), self.sources.len()) {
            return;
        }
        for (decision, before) in self.components.iter_mut().zip(before.outer_iter()) {
            let silent = decision.decided_by == DecidedBy::Silence;
            if decision.decided_by == DecidedBy::Person {
                continue;
            }
            let weighed: Vec<f64> = decision
                .posteriors
                .iter()
                .zip(before)
                .map(|(own, before)| {
                    let before = f64::from(*before).max(LEAST_POSTERIOR).powf(MEMORY);
                    // Silence says nothing.
                    if silent { before } else { own * before }
                })
                .collect();
            let sum: f64 = weighed.iter().sum();
            decision.posteriors = weighed.iter().map(|weight| weight / sum).collect();
            let best = (0..weighed.len()).fold(decision.source, |best, source| {
                if weighed[source] > weighed[best] {
                    source
                } else {
                    best
                }
            });
            if best != decision.source {
                decision.source = best;
                decision.decided_by = DecidedBy::Before;
            }
        }
    }

    /// One line that says where a component went and why, such as
    /// `3 → drums (0.94): decays within 60 ms (+1.8), flat spectrum (-9 dB) (+1.1)`.
    ///
    /// # Panics
    ///
    /// If there is no such component.
    #[must_use]
    pub fn why(&self, component: usize) -> String {
        let decision = &self.components[component];
        let source = &self.sources[decision.source];
        let automatic = &self.sources[decision.automatic];
        let probability = decision.posteriors[decision.automatic];
        let reasons: Vec<String> = decision
            .evidence
            .iter()
            .take(EVIDENCE_PRINTED)
            .map(|part| format!("{} ({:+.1})", part.words, part.log_odds))
            .collect();
        let reasons = if reasons.is_empty() {
            "nothing to weigh".to_owned()
        } else {
            reasons.join(", ")
        };
        match decision.decided_by {
            DecidedBy::Silence => format!("{component} → {source}: silent"),
            DecidedBy::Features => format!("{component} → {source} ({probability:.2}): {reasons}"),
            DecidedBy::Hints => format!(
                "{component} → {source}, by the hints; by its features {automatic} ({probability:.2}): {reasons}"
            ),
            DecidedBy::Before => {
                format!("{component} → {source}, as before; by its features {automatic}: {reasons}")
            }
            DecidedBy::Person => format!(
                "{component} → {source}, by hand; by its features {automatic} ({probability:.2}): {reasons}"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
