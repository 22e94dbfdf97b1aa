//! Errors of the libraries come in; a status and a message that says what to do go out.

use std::io::ErrorKind;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why the studio could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The request makes no sense.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// Something else must end first.
    #[error("{0}")]
    Busy(String),
    /// A setting or a computation of the library.
    #[error(transparent)]
    Library(#[from] unbraid::Error),
    /// A file.
    #[error(transparent)]
    Io(#[from] unbraid_io::Error),
    /// The system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Failure {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// The message, and what to do where a disk is full: the page has no command line to choose another place on.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Io(unbraid_io::Error::Write { source, .. }) | Self::System { source, .. }
                if source.kind() == ErrorKind::StorageFull =>
            {
                format!("{self}. Nothing was changed: free some space, and try again")
            }
            _ => self.to_string(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Busy(_) => StatusCode::CONFLICT,
            Self::Io(unbraid_io::Error::Write { .. }) | Self::System { .. } => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            Self::Refused(_) | Self::Library(_) | Self::Io(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.said(), "hint": self.hint() });
        (self.status(), axum::Json(body)).into_response()
    }
}
