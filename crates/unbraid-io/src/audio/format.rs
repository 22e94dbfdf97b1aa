//! The name of an output format comes in; what its samples are goes out.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What stems are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// WAV, 16-bit integers.
    Wav16,
    /// WAV, 24-bit integers.
    #[default]
    Wav24,
    /// WAV, 32-bit floating point: never clips.
    Wav32f,
    /// FLAC, 24-bit integers, compressed without loss.
    Flac,
    /// FLAC, 16-bit integers: half the size, for recordings of 16 bits.
    Flac16,
}

impl OutputFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Wav16,
        Self::Wav24,
        Self::Wav32f,
        Self::Flac,
        Self::Flac16,
    ];

    /// The name, as in `--format`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav16 => "wav16",
            Self::Wav24 => "wav24",
            Self::Wav32f => "wav32f",
            Self::Flac => "flac",
            Self::Flac16 => "flac16",
        }
    }

    /// The ending of a file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav16 | Self::Wav24 | Self::Wav32f => "wav",
            Self::Flac | Self::Flac16 => "flac",
        }
    }

    /// The format of the same samples without compression.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        match self {
            Self::Flac => Self::Wav24,
            Self::Flac16 => Self::Wav16,
            wav => wav,
        }
    }

    /// Bits of an integer sample, or `None` for floating point.
    pub(super) fn integer_bits(self) -> Option<u32> {
        match self {
            Self::Wav16 | Self::Flac16 => Some(16),
            Self::Wav24 | Self::Flac => Some(24),
            Self::Wav32f => None,
        }
    }

    pub(super) fn bytes_per_sample(self) -> u64 {
        u64::from(self.integer_bits().unwrap_or(32)).div_ceil(8)
    }
}

impl std::fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for OutputFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("`{name}` is none of {names}")
            })
    }
}

/// The bytes of one stem before compression: for estimates, and for the limits of headers.
#[must_use]
pub fn file_len_bytes(format: OutputFormat, channels: usize, len_samples: usize) -> u64 {
    format
        .bytes_per_sample()
        .saturating_mul(channels as u64)
        .saturating_mul(len_samples as u64)
}
