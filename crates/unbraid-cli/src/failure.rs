//! Errors of the libraries come in; a message, a hint and an exit code go out.

use std::fmt;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense: exit code 2.
    Usage(String),
    /// A setting of the library is not allowed: exit code 2.
    Library(unbraid::Error),
    /// A file: exit code 1.
    Io(unbraid_io::Error),
    /// Anything else: exit code 1.
    Other(anyhow::Error),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Whether it is the user's wish that nothing goes on.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Library(unbraid::Error::Cancelled))
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Library(unbraid::Error::Config { .. }) => 2,
            Self::Library(_) | Self::Io(_) | Self::Other(_) => 1,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Io(error) => error.hint().map(str::to_owned),
            Self::Library(unbraid::Error::Config { field, .. }) => flag_of(field)
                .map(|flag| format!("set it with {flag}; `unbraid help` explains every option")),
            Self::Library(unbraid::Error::Analysis { .. }) => Some(
                "learn it again with the examples in it (without --no-examples), or choose the transform it was made for \
                 (--fft-len)"
                    .to_owned(),
            ),
            Self::Usage(_) | Self::Library(_) | Self::Other(_) => None,
        }
    }
}

/// The option that sets a field of the configuration.
fn flag_of(field: &str) -> Option<&'static str> {
    Some(match field {
        "components" => "-k",
        "sample_rate" => "--sample-rate",
        "fit.beta" => "--beta",
        "fit.tolerance" => "--tolerance",
        "mask.exponent" => "--exponent",
        "hint" => "--hint",
        "hint.strength" => "--hint-strength",
        "regions" | "regions.strength" => "--regions",
        "onsets" => "--onsets",
        "strokes" => "--stroke",
        "split" => "--split",
        "merge" => "--merge",
        "stft.fft_len" | "stft.window_len" => "--fft-len",
        "stft.hop_len" => "--hop-len",
        "stft.window" => "--window",
        "sources" => "--sources",
        "assign" => "--assign",
        "penalties.activations_l1" => "--sparsity",
        "penalties.continuity" => "--continuity",
        _ => return None,
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Library(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<unbraid::Error> for Failure {
    fn from(error: unbraid::Error) -> Self {
        Self::Library(error)
    }
}

impl From<unbraid_io::Error> for Failure {
    fn from(error: unbraid_io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
