//! Progress of long work goes out to the caller; the wish to stop comes back.

use std::ops::ControlFlow;

/// What long work is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Audio into spectrogram.
    Analyze,
    /// Fitting the model.
    Fit,
    /// Masks and stems.
    Render,
}

impl Stage {
    /// One word for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Fit => "fit",
            Self::Render => "render",
        }
    }
}

/// How far a stage has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Steps done: iterations or frames.
    pub done: usize,
    /// Steps in all, or the most there can be.
    pub total: usize,
    /// The objective before this step, where there is one.
    pub objective: Option<f64>,
}

/// Hears of progress and may stop the work.
///
/// Returning [`ControlFlow::Break`] ends the call with [`crate::Error::Cancelled`] before its next step.
/// Closures are observers; `&mut ()` hears nothing and never stops.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use unbraid::observe::{Observer, Progress, Stage};
///
/// let mut seen = 0;
/// let mut observer = |progress: &Progress| {
///     seen = progress.done;
///     ControlFlow::Continue(())
/// };
/// observer.progress(&Progress { stage: Stage::Fit, done: 3, total: 10, objective: None });
/// assert_eq!(seen, 3);
/// ```
pub trait Observer {
    /// Hear of progress; say whether to go on.
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()>;
}

impl Observer for () {
    fn progress(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Observer for F {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}
