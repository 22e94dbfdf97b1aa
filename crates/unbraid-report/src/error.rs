//! What can go wrong when drawing.

/// Every error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array or a setting cannot be drawn.
    #[error(transparent)]
    Input(#[from] unbraid::Error),
    /// The width of a bitmap is outside what can be rendered.
    #[error("the width is {given} pixels, but must be from 1 to {most}")]
    Width {
        /// The width that was given, in pixels.
        given: u32,
        /// The greatest width for this picture, in pixels.
        most: u32,
    },
    /// The text given is not an SVG picture.
    #[error("this is not an SVG picture: {reason}")]
    NotSvg {
        /// What the parser said.
        reason: String,
    },
    /// An image could not be encoded.
    #[error("an image could not be encoded: {reason}")]
    Encode {
        /// What the encoder said.
        reason: String,
    },
}

/// A setting that is not allowed.
pub(crate) fn config(
    field: &'static str,
    given: impl std::fmt::Display,
    requirement: impl Into<String>,
) -> Error {
    Error::Input(unbraid::Error::Config {
        field,
        given: given.to_string(),
        requirement: requirement.into(),
    })
}

/// An array of the wrong shape.
pub(crate) fn shape(what: &'static str, expected: &[usize], actual: &[usize]) -> Error {
    Error::Input(unbraid::Error::Shape {
        what,
        expected: expected.to_vec(),
        actual: actual.to_vec(),
    })
}

/// Data with nothing in it.
pub(crate) fn too_short(what: &'static str) -> Error {
    Error::Input(unbraid::Error::TooShort {
        what,
        needed: 1,
        actual: 0,
    })
}
