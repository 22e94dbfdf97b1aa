//! What can go wrong at the public doors, named by what the caller must change.

use std::fmt;

/// Every error of this crate.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A slice has the wrong length.
    Length {
        /// The slice.
        what: &'static str,
        /// The length that is needed.
        expected: usize,
        /// The length that was given.
        actual: usize,
    },
    /// A number is outside of what is allowed.
    Value {
        /// The number.
        what: &'static str,
        /// What was given.
        given: f64,
        /// What is allowed.
        requirement: &'static str,
    },
    /// This processor does not have the instruction set, or the templates were packed for another.
    Isa {
        /// The instruction set that is needed.
        expected: crate::Isa,
        /// The instruction set that was given.
        actual: crate::Isa,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length {
                what,
                expected,
                actual,
            } => {
                write!(f, "{what} has length {actual}, but {expected} is needed")
            }
            Self::Value {
                what,
                given,
                requirement,
            } => {
                write!(f, "`{what}` is {given}, but must be {requirement}")
            }
            Self::Isa { expected, actual } => {
                write!(
                    f,
                    "the instruction set is {actual}, but {expected} is needed"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

/// Check a length.
pub(crate) fn check_len(what: &'static str, expected: usize, actual: usize) -> Result<(), Error> {
    if expected == actual {
        Ok(())
    } else {
        Err(Error::Length {
            what,
            expected,
            actual,
        })
    }
}
