//! The features of a component and the sources come in; the probability of every source, and
//! what speaks for the likeliest, go out.

use super::additive::{Additive, Evidence, probability};
use super::features::{Feature, Features};
use super::weights;
use super::{Kind, Source};

/// The kinds that the pitched model tells apart, in the order of its curves.
const PITCHED: [Kind; 5] = [
    Kind::Guitar,
    Kind::Voice,
    Kind::Piano,
    Kind::Bass,
    Kind::Rest,
];

/// What is left of the features' log-odds where a network was asked: on mixtures, over half of a component's
/// energy under the network's mask decides better than the features, which settle close calls.
const FEATURES_BESIDE_NETWORK: f64 = 0.2;

/// What a network's log-odds count.
const NETWORK_SLOPE: f64 = 2.0;

/// The probability that a component is percussive, and the evidence for (above 0) and against it.
///
/// An additive logistic model; with the mixture's percussive share if that was measured, otherwise
/// a model learnt without it.
pub(crate) fn percussive(features: &Features) -> (f64, Vec<Evidence>) {
    let model = if features.percussive_share.is_some() {
        &weights::PERCUSSIVE
    } else {
        &weights::PERCUSSIVE_WITHOUT_MIXTURE
    };
    let (mut log_odds, mut evidence) = model.weigh(features);
    if let Some(share) = features.learnt_share {
        log_odds *= FEATURES_BESIDE_NETWORK;
        for part in &mut evidence {
            part.log_odds *= FEATURES_BESIDE_NETWORK;
        }
        let certain = share.clamp(0.02, 0.98);
        let heard = Evidence {
            feature: Feature::LearntShare,
            value: share,
            log_odds: NETWORK_SLOPE * (certain / (1.0 - certain)).ln(),
            words: Feature::LearntShare.words(share),
        };
        log_odds += heard.log_odds;
        evidence.push(heard);
    }
    (probability(log_odds), evidence)
}

/// Which sources compete, worked out once for all components.
pub(crate) struct Contest<'a> {
    sources: &'a [Source],
    drums: Option<usize>,
    /// The first source of each of [`PITCHED`].
    pitched: [Option<usize>; 5],
    /// Takes what no other source claims.
    fallback: usize,
}

/// What the features say about one component.
pub(crate) struct Opinion {
    /// One probability per source; they add up to one.
    pub(crate) posteriors: Vec<f64>,
    pub(crate) likeliest: usize,
    /// Above 0 speaks for the likeliest source.
    pub(crate) evidence: Vec<Evidence>,
}

impl<'a> Contest<'a> {
    /// Of sources of the same kind the first competes: nothing tells them apart.
    pub(crate) fn new(sources: &'a [Source]) -> Self {
        let first = |kind: Kind| sources.iter().position(|source| source.kind == Some(kind));
        Self {
            sources,
            drums: first(Kind::Drums),
            pitched: PITCHED.map(first),
            fallback: first(Kind::Rest).unwrap_or(sources.len() - 1),
        }
    }

    /// The source that takes what no other claims.
    pub(crate) fn fallback(&self) -> usize {
        self.fallback
    }

    /// What a silent component gets: the fallback, for certain and for no reason.
    pub(crate) fn silent(&self) -> Opinion {
        let mut posteriors = vec![0.0; self.sources.len()];
        posteriors[self.fallback] = 1.0;
        Opinion {
            posteriors,
            likeliest: self.fallback,
            evidence: Vec::new(),
        }
    }

    pub(crate) fn judge(&self, features: &Features) -> Opinion {
        let (percussive, drum_evidence) = percussive(features);
        let mut posteriors = vec![0.0; self.sources.len()];
        posteriors[self.drums.unwrap_or(self.fallback)] += percussive;
        let shares = self.pitched_shares(features);
        for (posterior, share) in posteriors.iter_mut().zip(&shares) {
            *posterior += (1.0 - percussive) * share;
        }

        let likeliest = largest(&posteriors, None);
        let rival = largest(&posteriors, Some(likeliest));
        let evidence = if self.sources.len() < 2 {
            Vec::new()
        } else if self.is_about_drums(percussive, likeliest, rival) {
            // For the source that has the drums, against every other.
            let has_drums = likeliest == self.drums.unwrap_or(self.fallback);
            signed(drum_evidence, if has_drums { 1.0 } else { -1.0 })
        } else {
            self.pitched_evidence(features, likeliest, rival)
        };
        Opinion {
            posteriors,
            likeliest,
            evidence,
        }
    }

    /// How a component that is not percussive is shared between the sources.
    ///
    /// Every kind that is named, and all others together, are taken to be equally frequent.
    fn pitched_shares(&self, features: &Features) -> Vec<f64> {
        let mut shares = vec![0.0; self.sources.len()];
        let odds = Self::pitched_odds(features);
        let named = |at: &usize| PITCHED[*at] != Kind::Rest && self.pitched[*at].is_some();
        for at in (0..PITCHED.len()).filter(named) {
            if let Some(source) = self.pitched[at] {
                shares[source] += odds[at];
            }
        }
        if self.pitched[4].is_some() {
            let unnamed: Vec<f64> = (0..PITCHED.len())
                .filter(|at| !named(at))
                .map(|at| odds[at])
                .collect();
            shares[self.fallback] += unnamed.iter().sum::<f64>() / unnamed.len() as f64;
        }
        let total: f64 = shares.iter().sum();
        if total > 0.0 {
            for share in &mut shares {
                *share /= total;
            }
        } else {
            shares[self.fallback] = 1.0;
        }
        shares
    }

    /// The softmax of the pitched model.
    fn pitched_odds(features: &Features) -> [f64; 5] {
        let log_odds = weights::PITCHED
            .each_ref()
            .map(|model| model.weigh(features).0);
        let largest = log_odds
            .iter()
            .fold(f64::NEG_INFINITY, |largest, value| largest.max(*value));
        log_odds.map(|value| (value - largest).exp())
    }

    /// Whether the choice between the two likeliest sources is that between drums and pitched.
    fn is_about_drums(&self, percussive: f64, likeliest: usize, rival: usize) -> bool {
        match self.drums {
            Some(drums) => likeliest == drums || rival == drums || percussive > 0.5,
            None => likeliest == self.fallback && percussive > 0.5,
        }
    }

    /// Why one pitched source rather than the other: the difference of their curves.
    fn pitched_evidence(
        &self,
        features: &Features,
        likeliest: usize,
        rival: usize,
    ) -> Vec<Evidence> {
        let model = |source: usize| -> &Additive {
            let at = PITCHED
                .iter()
                .position(|kind| Some(*kind) == self.sources[source].kind);
            &weights::PITCHED[at.unwrap_or(PITCHED.len() - 1)]
        };
        let (_, mut evidence) = model(likeliest).weigh(features);
        let (_, against) = model(rival).weigh(features);
        for part in &mut evidence {
            if let Some(other) = against.iter().find(|other| other.feature == part.feature) {
                part.log_odds -= other.log_odds;
            }
        }
        signed(evidence, 1.0)
    }
}

/// The evidence times a sign, the largest first.
fn signed(mut evidence: Vec<Evidence>, sign: f64) -> Vec<Evidence> {
    for part in &mut evidence {
        part.log_odds *= sign;
    }
    evidence.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
    evidence
}

/// The index of the largest value, the first of equals, leaving one out.
fn largest(values: &[f64], except: Option<usize>) -> usize {
    let mut best: Option<usize> = None;
    for at in (0..values.len()).filter(|at| Some(*at) != except) {
        if best.is_none_or(|best| values[at] > values[best]) {
            best = Some(at);
        }
    }
    best.unwrap_or(0)
}
