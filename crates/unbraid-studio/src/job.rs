//! Long work comes in; its progress, its end and the wish to stop it go between threads.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value;
use unbraid::observe::{Observer, Progress};

use crate::program::Watch;

/// Long work of one project.
#[derive(Debug)]
pub(crate) struct Job {
    cancelled: AtomicBool,
    report: Mutex<Report>,
}

/// How far it has come, as the page sees it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) id: usize,
    /// What it does: `fit`, `refit`, `separate` or `export`.
    pub(crate) what: &'static str,
    pub(crate) state: Status,
    pub(crate) stage: &'static str,
    pub(crate) done: usize,
    pub(crate) total: usize,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// What came out.
    pub(crate) result: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Running,
    Done,
    Cancelled,
    Failed,
}

impl Job {
    pub(crate) fn new(id: usize, what: &'static str) -> Self {
        Self {
            cancelled: AtomicBool::new(false),
            report: Mutex::new(Report {
                id,
                what,
                state: Status::Running,
                stage: "begin",
                done: 0,
                total: 1,
                error: None,
                result: Value::Null,
            }),
        }
    }

    pub(crate) fn report(&self) -> Report {
        self.report.lock().expect(NO_PANIC).clone()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.report().state == Status::Running
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, state: Status, error: Option<String>, result: Value) {
        let mut report = self.report.lock().expect(NO_PANIC);
        report.state = state;
        report.error = error;
        report.result = result;
    }

    /// Note how far it has come; says whether it is to go on.
    fn note(&self, progress: &Progress) -> ControlFlow<()> {
        let mut report = self.report.lock().expect(NO_PANIC);
        report.stage = progress.stage.name();
        report.done = progress.done;
        report.total = progress.total;
        if self.cancelled.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    pub(crate) fn observer(&self) -> impl Observer + '_ {
        |progress: &Progress| self.note(progress)
    }

    /// The same, for work that keeps it.
    pub(crate) fn watch(self: &Arc<Self>) -> Watch {
        let job = self.clone();
        Arc::new(move |progress| job.note(progress))
    }
}

/// Why a lock cannot be poisoned.
pub(crate) const NO_PANIC: &str = "nothing panics while it holds this lock";
