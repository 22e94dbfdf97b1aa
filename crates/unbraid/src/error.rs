//! What can go wrong in the library, named by what the caller must change.

/// Every error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that is not allowed.
    #[error("`{field}` is {given}, but must be {requirement}")]
    Config {
        /// The path of the setting in a configuration file, such as `stft.hop_len`.
        field: &'static str,
        /// The value that was given.
        given: String,
        /// What is allowed.
        requirement: String,
    },
    /// An array has the wrong shape.
    #[error("{what} has shape {actual:?}, but {expected:?} is needed")]
    Shape {
        /// The array.
        what: &'static str,
        /// The shape that is needed.
        expected: Vec<usize>,
        /// The shape that was given.
        actual: Vec<usize>,
    },
    /// An array that must be finite and at least zero holds something else.
    #[error("{what} holds {value} at {at:?}, but every value must be finite and at least zero")]
    NotNonNegative {
        /// The array.
        what: &'static str,
        /// The offending value.
        value: f64,
        /// Its index.
        at: Vec<usize>,
    },
    /// A signal holds NaN or an infinity.
    #[error(
        "{what} holds {value} in channel {channel} at sample {sample}, but every sample must be finite"
    )]
    NotFinite {
        /// The signal.
        what: &'static str,
        /// The offending value.
        value: f64,
        /// Its channel, from 0.
        channel: usize,
        /// Its position, from 0.
        sample: usize,
    },
    /// There is not enough data.
    #[error("{what} has length {actual}, but at least {needed} is needed")]
    TooShort {
        /// The data.
        what: &'static str,
        /// The least length.
        needed: usize,
        /// The length that was given.
        actual: usize,
    },
    /// A signal that must sound is silent throughout.
    #[error(
        "{what} {index} is silent (its channels add up to zero in every sample), but every {what} must sound"
    )]
    Silent {
        /// The kind of signal: `reference` or `estimate`.
        what: &'static str,
        /// Which of them, from 0.
        index: usize,
    },
    /// Templates of another transform, without what it takes to make them anew.
    #[error("the dictionary is of {made}, and carries nothing to make it anew for {wanted}")]
    Analysis {
        /// The transform that the templates belong to.
        made: String,
        /// What they are needed for.
        wanted: String,
    },
    /// The caller's observer asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A computation left the finite numbers: a bug or an ill-posed input, never passed on silently.
    #[error("the computation left the finite numbers in stage `{stage}`, iteration {iteration}")]
    Numerical {
        /// The stage.
        stage: &'static str,
        /// The iteration, from 0.
        iteration: usize,
    },
}

impl Error {
    /// A [`Error::Config`] from anything printable.
    pub(crate) fn config(
        field: &'static str,
        given: impl std::fmt::Display,
        requirement: impl Into<String>,
    ) -> Self {
        Self::Config {
            field,
            given: given.to_string(),
            requirement: requirement.into(),
        }
    }
}
