//! Progress of long work comes in; a line on the terminal goes out, and nothing elsewhere.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unbraid::observe::{Observer, Progress, Stage};
use unbraid_studio::Watch;

use crate::cancel;

/// One line on standard error: file, stage, step, objective, time left.
pub(crate) struct Line {
    file: String,
    bar: ProgressBar,
    stage: Option<Stage>,
    began: Instant,
    /// Who else is told.
    watch: Option<Watch>,
}

impl Line {
    /// A line for one file; hidden where standard error is no terminal, or if asked for.
    pub(crate) fn new(file: &str, quiet: bool) -> Self {
        // Draws to a terminal only.
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self::of(ProgressBar::with_draw_target(Some(0), target), file)
    }

    /// A line among those of other files.
    pub(crate) fn among(lines: &MultiProgress, file: &str, quiet: bool) -> Self {
        let hidden = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        Self::of(if quiet { hidden } else { lines.add(hidden) }, file)
    }

    fn of(bar: ProgressBar, file: &str) -> Self {
        let style =
            ProgressStyle::with_template("{prefix}: {msg:<8} [{bar:24}] {pos}/{len} · {eta} left")
                .expect("the template is written out above");
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(file.to_owned());
        Self {
            file: file.to_owned(),
            bar,
            stage: None,
            began: Instant::now(),
            watch: None,
        }
    }

    /// No line at all: somebody else is told, and may end it.
    pub(crate) fn for_watch(watch: Watch) -> Self {
        let mut line = Self::new("", true);
        line.watch = Some(watch);
        line
    }

    /// Time since the line was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Say which of how many pieces of the file is at work, and how long all that are left take, if that is known; or that
    /// it is the whole file again.
    pub(crate) fn set_piece(&mut self, piece: Option<(usize, usize, Option<Duration>)>) {
        self.stage = None;
        self.bar.set_prefix(match piece {
            Some((index, count, None)) => format!("{} ({} of {count})", self.file, index + 1),
            Some((index, count, Some(left))) => format!(
                "{} ({} of {count}, {} left)",
                self.file,
                index + 1,
                HumanDuration(left)
            ),
            None => self.file.clone(),
        });
    }

    /// Take the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Line {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        if self.stage != Some(progress.stage) {
            self.stage = Some(progress.stage);
            self.bar.reset();
            self.bar.set_length(progress.total as u64);
        }
        let name = progress.stage.name();
        self.bar.set_message(match progress.objective {
            Some(objective) => format!("{name} (objective {objective:.4e})"),
            None => name.to_owned(),
        });
        self.bar.set_position(progress.done as u64);
        if cancel::requested() {
            return ControlFlow::Break(());
        }
        match &self.watch {
            Some(watch) => watch(progress),
            None => ControlFlow::Continue(()),
        }
    }
}
