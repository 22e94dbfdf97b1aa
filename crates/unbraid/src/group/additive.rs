//! Features come in; log-odds and what every feature contributed to them go out.

use serde::{Deserialize, Serialize};

use super::features::{Feature, Features};

/// What one feature contributed to a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The feature.
    pub feature: Feature,
    /// Its value, in the feature's unit.
    pub value: f64,
    /// What it adds to the logarithm of the odds: above 0 speaks for the source, below against.
    pub log_odds: f64,
    /// The value in words.
    pub words: String,
}

/// An additive model: every feature has a curve of log-odds, and the log-odds add up.
///
/// ```text
/// log-odds = intercept + Σ_features curve(value)
/// ```
///
/// Curves are linear between their points and constant beyond the first and last, so that no
/// unheard-of value can outvote all others. Each has mean zero over the material it was learnt
/// from: a contribution says how much the feature differs from the usual.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Additive {
    pub(crate) intercept: f64,
    pub(crate) curves: &'static [Curve],
}

/// What one feature is worth at a few of its values, in between by linear interpolation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve {
    pub(crate) feature: Feature,
    /// `(value, log-odds)`, values rising.
    pub(crate) points: &'static [(f64, f64)],
}

impl Additive {
    /// The log-odds and what they are made of, the largest contribution first. Features that were
    /// not measured contribute nothing.
    pub(crate) fn weigh(&self, features: &Features) -> (f64, Vec<Evidence>) {
        let mut evidence: Vec<Evidence> = self
            .curves
            .iter()
            .filter_map(|curve| {
                let value = curve.feature.of(features)?;
                let words = curve.feature.words(value);
                Some(Evidence {
                    feature: curve.feature,
                    value,
                    log_odds: curve.at(value),
                    words,
                })
            })
            .collect();
        let log_odds = self.intercept + evidence.iter().map(|part| part.log_odds).sum::<f64>();
        evidence.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
        (log_odds, evidence)
    }
}

impl Curve {
    fn at(&self, value: f64) -> f64 {
        let next = self.points.partition_point(|(at, _)| *at <= value);
        match (
            next.checked_sub(1).map(|before| self.points[before]),
            self.points.get(next),
        ) {
            (Some((low, below)), Some((high, above))) => {
                below + (above - below) * (value - low) / (high - low)
            }
            (Some((_, edge)), None) | (None, Some(&(_, edge))) => edge,
            (None, None) => 0.0,
        }
    }
}

/// The probability of odds given by their logarithm.
pub(crate) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these values are exact")]

    use super::*;

    const CURVE: Curve = Curve {
        feature: Feature::Attack,
        points: &[(0.0, -1.0), (0.5, 0.0), (1.0, 4.0)],
    };

    #[test]
    fn a_curve_is_linear_between_its_points_and_constant_outside() {
        for (value, expected) in [
            (-1.0, -1.0),
            (0.0, -1.0),
            (0.25, -0.5),
            (0.5, 0.0),
            (0.75, 2.0),
            (1.0, 4.0),
            (9.0, 4.0),
        ] {
            assert_eq!(CURVE.at(value), expected, "at {value}");
        }
    }

    #[test]
    fn even_odds_are_one_half() {
        assert_eq!(probability(0.0), 0.5);
        assert_eq!(probability(f64::INFINITY), 1.0);
        assert_eq!(probability(-800.0), 0.0);
    }
}
