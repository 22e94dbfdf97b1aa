//! The features of a component and the sources come in; the probability of every source, and
//! what speaks for the likeliest, go out.

use super::additive::{Additive, Evidence, probability};
use super::claims::{Owner, owners};
use super::features::{Feature, Features};
use super::weights;
use super::{Kind, Source};
use crate::evidence::Class;

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

/// By how much a component of one kind of drums must differ in its share of low or high frequencies from what divides
/// the kinds, for odds of e to one.
const DRUM_KIND_WIDTH: f64 = 0.1;

/// The probability that a component is percussive, and the evidence for (above 0) and against it.
///
/// An additive logistic model; with the mixture's percussive share if that was measured, otherwise
/// a model learnt without it. `bass_counts` says whether what a network hears as a bass is then not drums; else it
/// speaks for neither.
pub(crate) fn percussive(features: &Features, bass_counts: bool) -> (f64, Vec<Evidence>) {
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
        let bass = features.bass_share.filter(|_| !bass_counts).unwrap_or(0.0);
        let certain = (share + 0.5 * bass).clamp(0.02, 0.98);
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

/// The same by nothing that was learnt: as far as the mixture is percussive where it sounds.
fn percussive_by_eye(features: &Features) -> (f64, Vec<Evidence>) {
    let (feature, value, share) = if let Some(share) = features.percussive_share {
        (Feature::PercussiveShare, share, share)
    } else {
        let sustained = features.sustained_share;
        (Feature::SustainedShare, sustained, 1.0 - sustained)
    };
    let certain = share.clamp(0.02, 0.98);
    let log_odds = (certain / (1.0 - certain)).ln();
    let evidence = Evidence {
        feature,
        value,
        log_odds,
        words: feature.words(value),
    };
    (probability(log_odds), vec![evidence])
}

/// The features that say which drum it is, in the order of [`Class::DRUMS`].
const DRUM_SHARES: [Feature; 4] = [
    Feature::KickShare,
    Feature::SnareShare,
    Feature::CymbalsShare,
    Feature::PercussionShare,
];

/// How probable each of [`Class::DRUMS`] is for a component that is drums, and the evidence for each.
///
/// Without a network, by eye: a kick has most of its energy below 200 Hz, a cymbal most of its
/// spectrum above 5 kHz, anything else is a snare; other drums are rarer.
fn drum_kinds(features: &Features) -> [(f64, Evidence); 4] {
    let by_eye = [
        (Feature::LowShare, features.low_share, 0.5),
        (Feature::HighShare, features.high_share, 0.25),
        (Feature::HighShare, features.high_share, 0.5),
        (Feature::Harmonicity, features.harmonicity, 0.5),
    ];
    let scores: [(f64, Evidence); 4] = std::array::from_fn(|class| {
        let feature = DRUM_SHARES[class];
        let (feature, value, score) = if let Some(share) = feature.of(features) {
            (feature, share, share.max(0.01).ln())
        } else {
            let (feature, value, divide) = by_eye[class];
            let score = match class {
                0 | 2 => (value - divide) / DRUM_KIND_WIDTH,
                1 => 0.0,
                _ => -2.0,
            };
            (feature, value, score)
        };
        let words = feature.words(value);
        let evidence = Evidence {
            feature,
            value,
            log_odds: score,
            words,
        };
        (score.exp(), evidence)
    });
    let total: f64 = scores.iter().map(|(odds, _)| odds).sum();
    scores.map(|(odds, evidence)| (odds / total, evidence))
}

/// Which sources compete, worked out once for all components.
pub(crate) struct Contest<'a> {
    sources: &'a [Source],
    /// Whether only what was not learnt counts.
    by_eye: bool,
    /// Whose each of [`Class::ALL`] is.
    owners: [Owner; Class::ALL.len()],
    /// Where all drums go, if they go to one source.
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
    pub(crate) fn new(sources: &'a [Source], by_eye: bool) -> Self {
        let first = |kind: Kind| sources.iter().position(|source| source.kind == Some(kind));
        let fallback = first(Kind::Rest).unwrap_or(sources.len() - 1);
        let owners = owners(sources);
        let is_drums = |source: &Source| source.kind.is_some_and(Kind::is_percussive);
        let together = owners[..Class::DRUMS.len()]
            .iter()
            .all(|owner| *owner == owners[0]);
        let drums = match owners[0] {
            Owner::Source(one) if together && is_drums(&sources[one]) => Some(one),
            _ => None,
        };
        Self {
            sources,
            by_eye,
            owners,
            drums,
            pitched: PITCHED.map(first),
            fallback,
        }
    }

    /// Whether some kinds of drums are told from others.
    fn splits_drums(&self) -> bool {
        let percussive = |source: &Source| source.kind.is_some_and(Kind::is_percussive);
        self.drums.is_none() && self.sources.iter().any(percussive)
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
        let (percussive, drum_evidence) = if self.by_eye {
            percussive_by_eye(features)
        } else {
            let bass = self.owners[Class::Bass as usize];
            percussive(features, bass != Owner::Nobody)
        };
        let mut posteriors = vec![0.0; self.sources.len()];
        let kinds = self.splits_drums().then(|| drum_kinds(features));
        match &kinds {
            None => posteriors[self.drums.unwrap_or(self.fallback)] += percussive,
            Some(kinds) => {
                for (owner, (probability, _)) in self.owners.iter().zip(kinds) {
                    if let Owner::Source(source) = owner {
                        posteriors[*source] += percussive * probability;
                    }
                }
            }
        }
        // With drums alone there is nothing else that it could be.
        if self.owners[Class::Other as usize] != Owner::Nobody || kinds.is_none() {
            let shares = self.pitched_shares(features);
            for (posterior, share) in posteriors.iter_mut().zip(&shares) {
                *posterior += (1.0 - percussive) * share;
            }
        }
        let total: f64 = posteriors.iter().sum();
        if total > 0.0 && kinds.is_some() {
            for posterior in &mut posteriors {
                *posterior /= total;
            }
        } else if kinds.is_some() {
            posteriors[self.fallback] = 1.0;
        }

        let likeliest = largest(&posteriors, None);
        let rival = largest(&posteriors, Some(likeliest));
        let evidence = if self.sources.len() < 2 {
            Vec::new()
        } else if let Some(kinds) = kinds
            && self.is_struck(likeliest)
        {
            // Which drum it is, and whether it is one.
            let mut evidence = signed(drum_evidence, 1.0);
            evidence.truncate(1);
            let of = |source: usize| {
                let kinds = self.owners.iter().zip(&kinds);
                kinds
                    .filter(|(owner, _)| **owner == Owner::Source(source))
                    .max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))
                    .map(|(_, kind)| kind)
            };
            if let Some((own, for_it)) = of(likeliest) {
                let other = of(rival).map_or(0.01, |kind| kind.0);
                evidence.push(Evidence {
                    log_odds: (own.max(0.01) / other.max(0.01)).ln(),
                    ..for_it.clone()
                });
            }
            signed(evidence, 1.0)
        } else if self.is_about_drums(percussive, likeliest, rival) {
            // For the source that has the drums, against every other.
            let has_drums = self.is_struck(likeliest)
                || self.drums.is_none() && likeliest == self.fallback && !self.splits_drums();
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

    fn is_struck(&self, source: usize) -> bool {
        self.sources[source].kind.is_some_and(Kind::is_percussive)
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
        // What a network hears as a bass is worth more than what the features say of one.
        let not_drums = |bass| Some((bass, 1.0 - features.learnt_share?));
        if let (Some(bass), Some((heard, all))) =
            (self.pitched[3], features.bass_share.and_then(not_drums))
        {
            let others = shares.iter().sum::<f64>() - shares[bass];
            let heard = heard / all.max(1e-6);
            if others > 0.0 && heard < 1.0 {
                shares[bass] = others * heard / (1.0 - heard);
            } else if others > 0.0 {
                shares.fill(0.0);
                shares[bass] = 1.0;
            }
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
        if self.drums.is_none() && !self.splits_drums() {
            return likeliest == self.fallback && percussive > 0.5;
        }
        self.is_struck(likeliest) || self.is_struck(rival) || percussive > 0.5
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
