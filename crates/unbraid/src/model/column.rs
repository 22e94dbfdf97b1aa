//! What may happen to one component during the fit.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Whether a factor is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    /// It stays as it is, to the last bit.
    Fixed,
    /// It takes the full step every iteration.
    #[default]
    Learn,
    /// It takes a step with its exponent multiplied by `rate`, between 0 and 1: it follows the
    /// data slowly. The objective still never rises (`docs/theory.md`).
    Adapt {
        /// The share of the exponent: 0.1 is slow, 1 is [`Update::Learn`].
        rate: f32,
    },
}

impl Update {
    /// The share of the exponent that the step takes, or `None` for no step.
    pub(crate) fn rate(self) -> Option<f32> {
        match self {
            Self::Fixed => None,
            Self::Learn => Some(1.0),
            Self::Adapt { rate } => Some(rate),
        }
    }

    pub(crate) fn check(self, field: &'static str) -> Result<(), Error> {
        match self {
            Self::Adapt { rate } if !(rate > 0.0 && rate <= 1.0) => {
                Err(Error::config(field, rate, "above 0 and at most 1"))
            }
            _ => Ok(()),
        }
    }
}

/// What a component pays for, on top of explaining the data.
///
/// The penalties on activations are defined as if its template had unit norm, so that they
/// do not depend on how loudness is shared between the two factors; those on templates do not
/// depend on the template's scale at all. With `n_k = √M ‖w_k‖₂ · mean_c g_ck`, and `m` the mean and
/// `s` the mean frame sum of the data:
///
/// ```text
/// activations_l1    · m^(β−1)     · Σ_t n_k h_kt
/// activations_l2    · m^(β−1) / s · ½ Σ_t (n_k h_kt)²
/// continuity        · m^(β−1) / s · ½ Σ_t (n_k (h_kt − h_k,t−1))²
/// templates_l1      · m^β F M / K · Σ_f w_fk / (√M ‖w_k‖₂)
/// templates_l2      · m^β F M / K · ½ M Σ_f w_fk² / (Σ_f w_fk)²
/// ```
///
/// for M bins, F frames and K components. The factors in front make every weight free of units, so that
/// the same weight means the same whatever the recording's level and length. The norm is the
/// Euclidean one because for β = 1 the sum of all activations under templates of unit sum is the sum of
/// the data, whatever is learnt: a penalty on it would change nothing but the level.
///
/// The first three keep every step a majorise–minimise step. The last two (Hoyer's sparseness, and
/// flatness of a normalised template) give a descent direction only; there the fit shortens steps
/// that would raise the objective.
///
/// # References
///
/// - T. Virtanen, *Monaural sound source separation by nonnegative matrix factorization with
///   temporal continuity and sparseness criteria*, IEEE TASLP 2007.
/// - J. Le Roux, F. Weninger, J. R. Hershey, *Sparse NMF – half-baked or well done?*, 2015.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Penalties {
    /// Sparse activations: few notes at a time. Start with 0.1.
    pub activations_l1: f32,
    /// Small activations: loudness spread over components.
    pub activations_l2: f32,
    /// Smooth activations: sustained sounds. Start with 1.
    pub continuity: f32,
    /// Sparse templates: few partials. Start with 0.1.
    pub templates_l1: f32,
    /// Flat templates. Start with 0.01.
    pub templates_l2: f32,
}

impl Penalties {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (field, value) in [
            ("penalties.activations_l1", self.activations_l1),
            ("penalties.activations_l2", self.activations_l2),
            ("penalties.continuity", self.continuity),
            ("penalties.templates_l1", self.templates_l1),
            ("penalties.templates_l2", self.templates_l2),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::config(field, value, "a finite number of at least 0"));
            }
        }
        Ok(())
    }

    /// Whether a squared activation is among the penalties: the step's exponent depends on it.
    pub(crate) fn quadratic(&self) -> bool {
        self.activations_l2 > 0.0 || self.continuity > 0.0
    }

    /// Whether any penalty bears on the activations.
    pub(crate) fn on_activations(&self) -> bool {
        self.activations_l1 > 0.0 || self.quadratic()
    }

    /// Whether a penalty is on that only gives a descent direction.
    pub(crate) fn on_templates(&self) -> bool {
        self.templates_l1 > 0.0 || self.templates_l2 > 0.0
    }
}

/// The roles and penalties of one component.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Column {
    /// Whether its template is learnt.
    pub templates: Update,
    /// Whether its activations are learnt.
    pub activations: Update,
    /// Whether its pan gains are learnt.
    pub pan: Update,
    /// What it pays for.
    pub penalties: Penalties,
}
