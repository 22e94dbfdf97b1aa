//! A feature and its value come in; its name and the value in words go out.

use serde::{Deserialize, Serialize};

use super::Features;

/// One of the features that a model can weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feature {
    /// [`Features::low_share`].
    LowShare,
    /// [`Features::high_share`].
    HighShare,
    /// [`Features::centroid_hz`].
    CentroidHz,
    /// [`Features::flatness_db`].
    FlatnessDb,
    /// [`Features::harmonicity`].
    Harmonicity,
    /// [`Features::pitch_hz`].
    PitchHz,
    /// [`Features::peakiness`].
    Peakiness,
    /// [`Features::attack`].
    Attack,
    /// [`Features::decay_secs`].
    DecaySecs,
    /// [`Features::asymmetry`].
    Asymmetry,
    /// [`Features::kurtosis`].
    Kurtosis,
    /// [`Features::sustained_share`].
    SustainedShare,
    /// [`Features::active_share`].
    ActiveShare,
    /// [`Features::synchrony`].
    Synchrony,
    /// [`Features::percussive_share`].
    PercussiveShare,
    /// [`Features::learnt_share`].
    LearntShare,
    /// [`Features::kick_share`].
    KickShare,
    /// [`Features::snare_share`].
    SnareShare,
    /// [`Features::cymbals_share`].
    CymbalsShare,
    /// [`Features::percussion_share`].
    PercussionShare,
    /// [`Features::bass_share`].
    BassShare,
    /// [`Features::pan`].
    Pan,
}

impl Feature {
    /// Every feature, in the order of [`Features`]' fields.
    pub const ALL: [Self; 22] = [
        Self::LowShare,
        Self::HighShare,
        Self::CentroidHz,
        Self::FlatnessDb,
        Self::Harmonicity,
        Self::PitchHz,
        Self::Peakiness,
        Self::Attack,
        Self::DecaySecs,
        Self::Asymmetry,
        Self::Kurtosis,
        Self::SustainedShare,
        Self::ActiveShare,
        Self::Synchrony,
        Self::PercussiveShare,
        Self::LearntShare,
        Self::KickShare,
        Self::SnareShare,
        Self::CymbalsShare,
        Self::PercussionShare,
        Self::BassShare,
        Self::Pan,
    ];

    /// The name of its field in [`Features`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LowShare => "low_share",
            Self::HighShare => "high_share",
            Self::CentroidHz => "centroid_hz",
            Self::FlatnessDb => "flatness_db",
            Self::Harmonicity => "harmonicity",
            Self::PitchHz => "pitch_hz",
            Self::Peakiness => "peakiness",
            Self::Attack => "attack",
            Self::DecaySecs => "decay_secs",
            Self::Asymmetry => "asymmetry",
            Self::Kurtosis => "kurtosis",
            Self::SustainedShare => "sustained_share",
            Self::ActiveShare => "active_share",
            Self::Synchrony => "synchrony",
            Self::PercussiveShare => "percussive_share",
            Self::LearntShare => "learnt_share",
            Self::KickShare => "kick_share",
            Self::SnareShare => "snare_share",
            Self::CymbalsShare => "cymbals_share",
            Self::PercussionShare => "percussion_share",
            Self::BassShare => "bass_share",
            Self::Pan => "pan",
        }
    }

    /// Its value; `None` if it was not measured.
    #[must_use]
    pub fn of(self, features: &Features) -> Option<f64> {
        Some(match self {
            Self::LowShare => features.low_share,
            Self::HighShare => features.high_share,
            Self::CentroidHz => features.centroid_hz,
            Self::FlatnessDb => features.flatness_db,
            Self::Harmonicity => features.harmonicity,
            Self::PitchHz => features.pitch_hz,
            Self::Peakiness => features.peakiness,
            Self::Attack => features.attack,
            Self::DecaySecs => features.decay_secs,
            Self::Asymmetry => features.asymmetry,
            Self::Kurtosis => features.kurtosis,
            Self::SustainedShare => features.sustained_share,
            Self::ActiveShare => features.active_share,
            Self::Synchrony => features.synchrony,
            Self::PercussiveShare => return features.percussive_share,
            Self::LearntShare => return features.learnt_share,
            Self::KickShare => return features.kick_share,
            Self::SnareShare => return features.snare_share,
            Self::CymbalsShare => return features.cymbals_share,
            Self::PercussionShare => return features.percussion_share,
            Self::BassShare => return features.bass_share,
            Self::Pan => return features.pan,
        })
    }

    /// A value in words, such as "decays within 60 ms".
    #[must_use]
    pub fn words(self, value: f64) -> String {
        // The sum of nothing is minus zero, which nobody wants to read.
        let percent = 100.0 * value + 0.0;
        match self {
            Self::LowShare => format!("{percent:.0} % of its energy below 200 Hz"),
            Self::HighShare => format!("{percent:.0} % of its spectrum above 5 kHz"),
            Self::CentroidHz => format!("spectrum centered at {value:.0} Hz"),
            Self::FlatnessDb if value > -12.0 => format!("flat spectrum ({value:.0} dB)"),
            Self::FlatnessDb if value < -30.0 => format!("spectrum of thin lines ({value:.0} dB)"),
            Self::FlatnessDb => format!("uneven spectrum ({value:.0} dB)"),
            Self::Harmonicity => format!("a harmonic comb explains {percent:.0} %"),
            Self::PitchHz if value > 0.0 => format!("pitch near {value:.0} Hz"),
            Self::PitchHz => "no pitch".to_owned(),
            Self::Peakiness => format!("{percent:.0} % of its spectrum in peaks"),
            Self::Attack => format!("gains {percent:.0} % of its peaks within 30 ms"),
            Self::DecaySecs if value >= super::activation::LONGEST_DECAY_SECS => {
                format!("rings for over {:.0} ms", 1_000.0 * value)
            }
            Self::DecaySecs => format!("decays within {:.0} ms", 1_000.0 * value),
            Self::Asymmetry if value > 0.2 => format!("rises faster than it falls ({value:.1})"),
            Self::Asymmetry if value < -0.2 => format!("falls faster than it rises ({value:.1})"),
            Self::Asymmetry => format!("rises as fast as it falls ({value:.1})"),
            Self::Kurtosis if value > 6.0 => format!("sounds in rare bursts (kurtosis {value:.0})"),
            Self::Kurtosis => format!("sounds evenly (kurtosis {value:.0})"),
            Self::SustainedShare => format!("{percent:.0} % of it sustained"),
            Self::ActiveShare => format!("sounds {percent:.0} % of the time"),
            Self::Synchrony if value > 0.3 => format!("starts with the others ({value:.1})"),
            Self::Synchrony => format!("starts on its own ({value:.1})"),
            Self::PercussiveShare => {
                format!("the mixture is {percent:.0} % percussive where it sounds")
            }
            Self::LearntShare => {
                format!("a network hears {percent:.0} % of it as drums")
            }
            Self::KickShare => format!("a network hears {percent:.0} % of it as the bass drum"),
            Self::SnareShare => format!("a network hears {percent:.0} % of it as snare drums"),
            Self::CymbalsShare => format!("a network hears {percent:.0} % of it as cymbals"),
            Self::PercussionShare => format!("a network hears {percent:.0} % of it as other drums"),
            Self::BassShare => format!("a network hears {percent:.0} % of it as a bass"),
            Self::Pan if value < -0.05 => format!("{:.0} % to the left", -percent),
            Self::Pan if value > 0.05 => format!("{percent:.0} % to the right"),
            Self::Pan => "in the middle".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_fields() {
        let features = Features {
            low_share: 0.0,
            high_share: 1.0,
            centroid_hz: 2.0,
            flatness_db: 3.0,
            harmonicity: 4.0,
            pitch_hz: 5.0,
            peakiness: 6.0,
            attack: 7.0,
            decay_secs: 8.0,
            asymmetry: 9.0,
            kurtosis: 10.0,
            sustained_share: 11.0,
            active_share: 12.0,
            synchrony: 13.0,
            percussive_share: Some(14.0),
            learnt_share: Some(15.0),
            kick_share: Some(16.0),
            snare_share: Some(17.0),
            cymbals_share: Some(18.0),
            percussion_share: Some(19.0),
            bass_share: Some(20.0),
            pan: Some(21.0),
        };
        let json = serde_json::to_value(features).unwrap();
        for (expected, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(
                feature.of(&features),
                Some(expected as f64),
                "{}",
                feature.name()
            );
            assert_eq!(json[feature.name()], expected as f64, "{}", feature.name());
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
        }
    }

    #[test]
    fn words_carry_the_value() {
        for (feature, value, words) in [
            (Feature::DecaySecs, 0.06, "decays within 60 ms"),
            (Feature::DecaySecs, 0.5, "rings for over 500 ms"),
            (Feature::FlatnessDb, -6.0, "flat spectrum (-6 dB)"),
            (Feature::Pan, -0.5, "50 % to the left"),
            (Feature::PitchHz, 0.0, "no pitch"),
        ] {
            assert_eq!(feature.words(value), words);
        }
    }
}
