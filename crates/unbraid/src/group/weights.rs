//! Nothing comes in; the weights of the models go out, as they were learnt.
//!
//! **Material.** 686 mixtures of 8 s, made of drums (General MIDI kits of `FluidR3_GM`, MIT; the
//! Hydrogen kits Audiophob, CC0, without the hits of one author whose sounds are kept for
//! testing, and `rumpf_kit_z01`, CC BY 3.0 Emanuel Rumpf; synthetic kits computed from
//! parameters, 808-like ones among them) playing random patterns, and of one to three pitched
//! sounds (guitars, basses, pianos, organs, mallets, strings, winds, choirs and synthesizers of
//! `FluidR3_GM`; the guitar of "Metal madness" from Frets on Fire, MIT, Carlos Viola Iborra; a
//! singer of NIT-SONG070-F001, CC BY 3.0, Nagoya Institute of Technology). Pitch, decay, equalizer,
//! compression, room, distortion and levels (drums ±7 dB) are random.
//!
//! **Fit.** KL-NMF with 8 to 32 components at 2048 or 4096 samples and a hop of a quarter,
//! 44.1 kHz. A component is drums if most of the energy under its mask is; it counts by how much
//! energy a mistake would move. The weights are those of logistic regression on piecewise linear
//! curves, with an L2 penalty; their points are quantiles of the material. The pitched model is
//! multinomial, with every kind given the same weight.
//!
//! **Check.** On 60 mixtures of other kits and another `SoundFont`, 11 % of the components were
//! grouped wrongly, and 8 % counted by energy. Of the pitched components, the bass was found in
//! 8 of 10 cases, voice and piano in 4 to 5, guitar in 3: those are weak evidence.

use super::additive::{Additive, Curve};
use super::features::Feature;

/// Drums against everything else, with the percussive share of the mixture.
pub(crate) const PERCUSSIVE: Additive = Additive {
    intercept: -0.47,
    curves: &[
        Curve {
            feature: Feature::LowShare,
            points: &[
                (6.65e-06, -0.88),
                (0.0365, -0.89),
                (0.231, -1.03),
                (0.928, 2.28),
                (0.999, 3.51),
            ],
        },
        Curve {
            feature: Feature::HighShare,
            points: &[
                (0.00412, -2.8),
                (0.0289, -2.74),
                (0.0678, -2.37),
                (0.129, -1.51),
                (0.239, 0.1),
                (0.556, 3.99),
                (0.898, 9.09),
            ],
        },
        Curve {
            feature: Feature::CentroidHz,
            points: &[
                (276.0, 1.9),
                (999.0, 1.79),
                (1780.0, 1.31),
                (2540.0, 0.71),
                (3530.0, -0.14),
                (6330.0, -2.25),
                (12300.0, -5.66),
            ],
        },
        Curve {
            feature: Feature::FlatnessDb,
            points: &[
                (-54.0, 0.26),
                (-46.4, 0.18),
                (-40.0, -0.02),
                (-34.2, -0.2),
                (-27.1, -0.36),
                (-15.7, 0.07),
                (-7.46, 0.49),
            ],
        },
        Curve {
            feature: Feature::Harmonicity,
            points: &[
                (0.0, 0.4),
                (0.0593, 0.42),
                (0.426, 0.3),
                (0.717, -0.06),
                (0.884, -0.22),
                (0.97, -0.38),
                (0.997, -0.45),
            ],
        },
        Curve {
            feature: Feature::Peakiness,
            points: &[
                (0.165, 0.21),
                (0.304, 0.26),
                (0.446, 0.17),
                (0.6, -0.21),
                (0.72, -0.3),
                (0.84, -0.1),
                (0.944, 0.23),
            ],
        },
        Curve {
            feature: Feature::Attack,
            points: &[
                (0.0616, -0.47),
                (0.185, -0.33),
                (0.324, 0.11),
                (0.447, 0.13),
                (0.583, -0.09),
                (0.872, 0.29),
                (0.996, 0.26),
            ],
        },
        Curve {
            feature: Feature::DecaySecs,
            points: &[
                (0.0146, 0.18),
                (0.0244, 0.17),
                (0.0384, 0.08),
                (0.0616, -0.07),
                (0.126, -0.15),
                (0.317, 0.05),
                (0.5, -0.2),
            ],
        },
        Curve {
            feature: Feature::Asymmetry,
            points: &[
                (-0.293, -0.41),
                (-0.0576, -0.41),
                (0.0707, -0.33),
                (0.19, -0.17),
                (0.358, 0.19),
                (0.696, 0.84),
                (1.46, 0.23),
            ],
        },
        Curve {
            feature: Feature::Kurtosis,
            points: &[
                (2.59, -0.45),
                (5.07, -0.42),
                (8.23, -0.25),
                (12.1, 0.01),
                (18.0, 0.33),
                (31.5, 0.58),
                (82.9, -0.14),
            ],
        },
        Curve {
            feature: Feature::SustainedShare,
            points: &[
                (0.0458, 0.3),
                (0.173, 0.32),
                (0.331, 0.43),
                (0.483, -0.07),
                (0.625, -0.44),
                (0.766, -0.34),
                (0.894, -0.07),
            ],
        },
        Curve {
            feature: Feature::ActiveShare,
            points: &[
                (0.0289, -0.1),
                (0.0825, -0.03),
                (0.143, 0.08),
                (0.208, 0.06),
                (0.284, 0.0),
                (0.399, -0.11),
                (0.611, 0.09),
            ],
        },
        Curve {
            feature: Feature::Synchrony,
            points: &[
                (-0.111, 0.62),
                (0.00189, 0.28),
                (0.0692, -0.08),
                (0.126, -0.23),
                (0.193, -0.21),
                (0.295, -0.03),
                (0.492, 0.12),
            ],
        },
        Curve {
            feature: Feature::PercussiveShare,
            points: &[
                (0.0136, -0.89),
                (0.0707, -0.97),
                (0.165, -1.16),
                (0.304, -0.85),
                (0.546, 0.22),
                (0.801, 1.84),
                (0.955, 3.0),
            ],
        },
    ],
};

/// The same, learnt without it.
pub(crate) const PERCUSSIVE_WITHOUT_MIXTURE: Additive = Additive {
    intercept: -0.53,
    curves: &[
        Curve {
            feature: Feature::LowShare,
            points: &[
                (6.65e-06, -0.81),
                (0.0365, -0.82),
                (0.231, -1.04),
                (0.928, 2.12),
                (0.999, 3.34),
            ],
        },
        Curve {
            feature: Feature::HighShare,
            points: &[
                (0.00412, -2.61),
                (0.0289, -2.56),
                (0.0678, -2.19),
                (0.129, -1.35),
                (0.239, 0.18),
                (0.556, 3.58),
                (0.898, 8.38),
            ],
        },
        Curve {
            feature: Feature::CentroidHz,
            points: &[
                (276.0, 1.95),
                (999.0, 1.84),
                (1780.0, 1.33),
                (2540.0, 0.7),
                (3530.0, -0.18),
                (6330.0, -2.33),
                (12300.0, -5.61),
            ],
        },
        Curve {
            feature: Feature::FlatnessDb,
            points: &[
                (-54.0, 0.29),
                (-46.4, 0.17),
                (-40.0, -0.08),
                (-34.2, -0.26),
                (-27.1, -0.36),
                (-15.7, 0.14),
                (-7.46, 0.61),
            ],
        },
        Curve {
            feature: Feature::Harmonicity,
            points: &[
                (0.0, 0.82),
                (0.0593, 0.83),
                (0.426, 0.23),
                (0.717, -0.25),
                (0.884, -0.39),
                (0.97, -0.51),
                (0.997, -0.56),
            ],
        },
        Curve {
            feature: Feature::Peakiness,
            points: &[
                (0.165, 1.09),
                (0.304, 0.95),
                (0.446, 0.34),
                (0.6, -0.42),
                (0.72, -0.67),
                (0.84, -0.56),
                (0.944, -0.25),
            ],
        },
        Curve {
            feature: Feature::Attack,
            points: &[
                (0.0616, -0.6),
                (0.185, -0.46),
                (0.324, -0.0),
                (0.447, 0.07),
                (0.583, -0.12),
                (0.872, 0.48),
                (0.996, 0.67),
            ],
        },
        Curve {
            feature: Feature::DecaySecs,
            points: &[
                (0.0146, 0.28),
                (0.0244, 0.25),
                (0.0384, 0.12),
                (0.0616, -0.1),
                (0.126, -0.2),
                (0.317, 0.04),
                (0.5, -0.32),
            ],
        },
        Curve {
            feature: Feature::Asymmetry,
            points: &[
                (-0.293, -0.32),
                (-0.0576, -0.34),
                (0.0707, -0.27),
                (0.19, -0.13),
                (0.358, 0.18),
                (0.696, 0.73),
                (1.46, -0.02),
            ],
        },
        Curve {
            feature: Feature::Kurtosis,
            points: &[
                (2.59, -0.51),
                (5.07, -0.48),
                (8.23, -0.3),
                (12.1, -0.01),
                (18.0, 0.35),
                (31.5, 0.64),
                (82.9, 0.04),
            ],
        },
        Curve {
            feature: Feature::SustainedShare,
            points: &[
                (0.0458, 1.27),
                (0.173, 1.05),
                (0.331, 0.5),
                (0.483, -0.36),
                (0.625, -0.83),
                (0.766, -0.73),
                (0.894, -0.4),
            ],
        },
        Curve {
            feature: Feature::ActiveShare,
            points: &[
                (0.0289, -0.03),
                (0.0825, 0.03),
                (0.143, 0.07),
                (0.208, 0.01),
                (0.284, -0.05),
                (0.399, -0.11),
                (0.611, 0.14),
            ],
        },
        Curve {
            feature: Feature::Synchrony,
            points: &[
                (-0.111, 0.46),
                (0.00189, 0.14),
                (0.0692, -0.16),
                (0.126, -0.25),
                (0.193, -0.15),
                (0.295, 0.12),
                (0.492, 0.38),
            ],
        },
    ],
};

/// Guitar, voice, piano, bass and other pitched sounds against each other: the logits of a softmax.
pub(crate) const PITCHED: [Additive; 5] = [
    // Guitar.
    Additive {
        intercept: 0.53,
        curves: &[
            Curve {
                feature: Feature::LowShare,
                points: &[(1.52e-05, -0.06), (0.0365, -0.05), (0.998, 0.26)],
            },
            Curve {
                feature: Feature::HighShare,
                points: &[(0.00589, 0.27), (0.129, 0.28), (0.877, -4.45)],
            },
            Curve {
                feature: Feature::CentroidHz,
                points: &[(352.0, -0.98), (2540.0, 0.03), (11800.0, 5.12)],
            },
            Curve {
                feature: Feature::Harmonicity,
                points: &[(0.0, 0.64), (0.717, 0.11), (0.995, -0.23)],
            },
            Curve {
                feature: Feature::Peakiness,
                points: &[(0.181, 0.07), (0.6, -0.12), (0.933, 0.15)],
            },
            Curve {
                feature: Feature::Attack,
                points: &[(0.0745, -0.04), (0.447, 0.08), (0.993, -0.19)],
            },
            Curve {
                feature: Feature::DecaySecs,
                points: &[(0.0158, -0.05), (0.0616, -0.06), (0.5, 0.13)],
            },
            Curve {
                feature: Feature::Asymmetry,
                points: &[(-0.248, 0.29), (0.19, -0.21), (1.33, 0.29)],
            },
            Curve {
                feature: Feature::Kurtosis,
                points: &[(2.9, -0.03), (12.1, 0.03), (72.0, -0.06)],
            },
            Curve {
                feature: Feature::SustainedShare,
                points: &[(0.0595, -0.0), (0.483, -0.09), (0.878, 0.11)],
            },
            Curve {
                feature: Feature::ActiveShare,
                points: &[(0.0347, -0.42), (0.208, -0.11), (0.576, 0.58)],
            },
            Curve {
                feature: Feature::PitchHz,
                points: &[(0.0, -0.16), (101.0, -0.06), (709.0, 0.43)],
            },
        ],
    },
    // Voice.
    Additive {
        intercept: -0.48,
        curves: &[
            Curve {
                feature: Feature::LowShare,
                points: &[(1.52e-05, 0.68), (0.0365, 0.63), (0.998, -3.23)],
            },
            Curve {
                feature: Feature::HighShare,
                points: &[(0.00589, -0.09), (0.129, -0.08), (0.877, 1.33)],
            },
            Curve {
                feature: Feature::CentroidHz,
                points: &[(352.0, 0.35), (2540.0, 0.04), (11800.0, -2.5)],
            },
            Curve {
                feature: Feature::Harmonicity,
                points: &[(0.0, -1.16), (0.717, 0.07), (0.995, 0.19)],
            },
            Curve {
                feature: Feature::Peakiness,
                points: &[(0.181, -0.08), (0.6, 0.33), (0.933, -0.44)],
            },
            Curve {
                feature: Feature::Attack,
                points: &[(0.0745, -0.07), (0.447, 0.2), (0.993, -0.58)],
            },
            Curve {
                feature: Feature::DecaySecs,
                points: &[(0.0158, 0.1), (0.0616, 0.09), (0.5, -0.19)],
            },
            Curve {
                feature: Feature::Asymmetry,
                points: &[(-0.248, 0.99), (0.19, 0.43), (1.33, -2.94)],
            },
            Curve {
                feature: Feature::Kurtosis,
                points: &[(2.9, -0.05), (12.1, 0.01), (72.0, 0.12)],
            },
            Curve {
                feature: Feature::SustainedShare,
                points: &[(0.0595, -0.84), (0.483, -0.04), (0.878, 0.26)],
            },
            Curve {
                feature: Feature::ActiveShare,
                points: &[(0.0347, 0.75), (0.208, 0.11), (0.576, -0.83)],
            },
            Curve {
                feature: Feature::PitchHz,
                points: &[(0.0, -0.15), (101.0, -0.21), (709.0, 1.15)],
            },
        ],
    },
    // Piano.
    Additive {
        intercept: 0.04,
        curves: &[
            Curve {
                feature: Feature::LowShare,
                points: &[(1.52e-05, 0.14), (0.0365, 0.13), (0.998, -0.66)],
            },
            Curve {
                feature: Feature::HighShare,
                points: &[(0.00589, -0.02), (0.129, -0.01), (0.877, 0.2)],
            },
            Curve {
                feature: Feature::CentroidHz,
                points: &[(352.0, 0.18), (2540.0, -0.04), (11800.0, -0.53)],
            },
            Curve {
                feature: Feature::Harmonicity,
                points: &[(0.0, 0.24), (0.717, 0.06), (0.995, -0.11)],
            },
            Curve {
                feature: Feature::Peakiness,
                points: &[(0.181, -0.33), (0.6, -0.21), (0.933, 0.39)],
            },
            Curve {
                feature: Feature::Attack,
                points: &[(0.0745, -0.25), (0.447, 0.12), (0.993, 0.23)],
            },
            Curve {
                feature: Feature::DecaySecs,
                points: &[(0.0158, -0.01), (0.0616, -0.03), (0.5, 0.05)],
            },
            Curve {
                feature: Feature::Asymmetry,
                points: &[(-0.248, -1.09), (0.19, -0.2), (1.33, 2.3)],
            },
            Curve {
                feature: Feature::Kurtosis,
                points: &[(2.9, -0.13), (12.1, -0.12), (72.0, 1.33)],
            },
            Curve {
                feature: Feature::SustainedShare,
                points: &[(0.0595, 0.0), (0.483, -0.24), (0.878, 0.29)],
            },
            Curve {
                feature: Feature::ActiveShare,
                points: &[(0.0347, -0.43), (0.208, 0.05), (0.576, 0.22)],
            },
            Curve {
                feature: Feature::PitchHz,
                points: &[(0.0, -0.03), (101.0, -0.05), (709.0, 0.27)],
            },
        ],
    },
    // Bass.
    Additive {
        intercept: -0.58,
        curves: &[
            Curve {
                feature: Feature::LowShare,
                points: &[(1.52e-05, -0.81), (0.0365, -0.75), (0.998, 3.86)],
            },
            Curve {
                feature: Feature::HighShare,
                points: &[(0.00589, -0.03), (0.129, -0.08), (0.877, 0.94)],
            },
            Curve {
                feature: Feature::CentroidHz,
                points: &[(352.0, 0.32), (2540.0, -0.07), (11800.0, -0.86)],
            },
            Curve {
                feature: Feature::Harmonicity,
                points: &[(0.0, -0.15), (0.717, -0.37), (0.995, 0.35)],
            },
            Curve {
                feature: Feature::Peakiness,
                points: &[(0.181, 0.75), (0.6, 0.25), (0.933, -0.55)],
            },
            Curve {
                feature: Feature::Attack,
                points: &[(0.0745, 0.31), (0.447, -0.28), (0.993, 0.24)],
            },
            Curve {
                feature: Feature::DecaySecs,
                points: &[(0.0158, -0.02), (0.0616, 0.02), (0.5, -0.02)],
            },
            Curve {
                feature: Feature::Asymmetry,
                points: &[(-0.248, -0.42), (0.19, 0.05), (1.33, 0.46)],
            },
            Curve {
                feature: Feature::Kurtosis,
                points: &[(2.9, 0.23), (12.1, 0.08), (72.0, -1.5)],
            },
            Curve {
                feature: Feature::SustainedShare,
                points: &[(0.0595, 1.11), (0.483, 0.64), (0.878, -1.06)],
            },
            Curve {
                feature: Feature::ActiveShare,
                points: &[(0.0347, 0.12), (0.208, 0.01), (0.576, -0.12)],
            },
            Curve {
                feature: Feature::PitchHz,
                points: &[(0.0, 0.39), (101.0, 0.38), (709.0, -2.13)],
            },
        ],
    },
    // Other.
    Additive {
        intercept: 0.49,
        curves: &[
            Curve {
                feature: Feature::LowShare,
                points: &[(1.52e-05, 0.05), (0.0365, 0.05), (0.998, -0.23)],
            },
            Curve {
                feature: Feature::HighShare,
                points: &[(0.00589, -0.13), (0.129, -0.12), (0.877, 1.99)],
            },
            Curve {
                feature: Feature::CentroidHz,
                points: &[(352.0, 0.12), (2540.0, 0.04), (11800.0, -1.22)],
            },
            Curve {
                feature: Feature::Harmonicity,
                points: &[(0.0, 0.42), (0.717, 0.12), (0.995, -0.2)],
            },
            Curve {
                feature: Feature::Peakiness,
                points: &[(0.181, -0.41), (0.6, -0.24), (0.933, 0.45)],
            },
            Curve {
                feature: Feature::Attack,
                points: &[(0.0745, 0.05), (0.447, -0.11), (0.993, 0.3)],
            },
            Curve {
                feature: Feature::DecaySecs,
                points: &[(0.0158, -0.02), (0.0616, -0.01), (0.5, 0.03)],
            },
            Curve {
                feature: Feature::Asymmetry,
                points: &[(-0.248, 0.22), (0.19, -0.06), (1.33, -0.11)],
            },
            Curve {
                feature: Feature::Kurtosis,
                points: &[(2.9, -0.02), (12.1, -0.01), (72.0, 0.12)],
            },
            Curve {
                feature: Feature::SustainedShare,
                points: &[(0.0595, -0.27), (0.483, -0.27), (0.878, 0.4)],
            },
            Curve {
                feature: Feature::ActiveShare,
                points: &[(0.0347, -0.03), (0.208, -0.06), (0.576, 0.15)],
            },
            Curve {
                feature: Feature::PitchHz,
                points: &[(0.0, -0.05), (101.0, -0.05), (709.0, 0.27)],
            },
        ],
    },
];
