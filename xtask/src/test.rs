//! The names of some steps come in; their commands are run; a report of what passed goes out.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{root, web};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The steps to run, in this order; all of them if none is named
    steps: Vec<Step>,
    /// Print every step and its command, and run nothing
    #[arg(long)]
    list: bool,
}

/// One check. To add one, add a variant and say its command in [`Step::command`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The code is formatted
    Fmt,
    /// The lints find nothing
    Clippy,
    /// All tests pass, those in the documentation too
    Test,
    /// The documentation builds without a warning
    Docs,
    /// The studio's page is what its sources build, its tests pass, and it works in real browsers
    Web,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Test => "test",
            Self::Docs => "docs",
            Self::Web => "web",
        }
    }

    /// The variables to set and the arguments to call `cargo` with.
    fn command(
        self,
    ) -> (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    ) {
        match self {
            Self::Fmt => (&[], &["fmt", "--all", "--", "--check"]),
            Self::Clippy => (
                &[],
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ],
            ),
            Self::Test => (&[], &["test", "--workspace"]),
            Self::Docs => (
                &[("RUSTDOCFLAGS", "-D warnings")],
                &["doc", "--workspace", "--no-deps"],
            ),
            // The page's tests drive the program. A plain build would compile it once more, with the features of fewer packages.
            Self::Web => (&[], &["test", "--workspace", "--no-run"]),
        }
    }

    /// The command as a person would type it.
    fn shown(self) -> String {
        let (variables, arguments) = self.command();
        let mut words: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}='{value}'"))
            .collect();
        words.push("cargo".to_owned());
        words.extend(arguments.iter().map(|&argument| argument.to_owned()));
        if self == Self::Web {
            words.push(format!("&& cd web && {}", web::COMMANDS.join(" && ")));
        }
        words.join(" ")
    }

    /// The subcommand of `cargo` that has to be installed beside it, if any.
    fn component(self) -> Option<&'static str> {
        match self {
            Self::Fmt => Some("fmt"),
            Self::Clippy => Some("clippy"),
            Self::Test | Self::Docs | Self::Web => None,
        }
    }
}

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Run the steps one after the other and report; a failing step does not keep the next from running.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let steps = if arguments.steps.is_empty() {
        Step::value_variants()
    } else {
        &arguments.steps[..]
    };
    if arguments.list {
        for step in steps {
            println!("{:8}{}", step.name(), step.shown());
        }
        return Ok(ExitCode::SUCCESS);
    }

    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let start = Instant::now();
    let mut report = Vec::new();
    for &step in steps {
        println!("\n== {}: {}", step.name(), step.shown());
        let start = Instant::now();
        let outcome = judge(execute(step)?, in_ci);
        report.push((step, outcome, start.elapsed()));
    }

    println!("\n== {:.1} s in all", start.elapsed().as_secs_f64());
    for (step, outcome, elapsed) in &report {
        let result = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(reason) => format!("FAILED: {reason}"),
            Outcome::Skipped(reason) => format!("skipped: {reason}"),
        };
        println!("{:8}{:7.1} s  {result}", step.name(), elapsed.as_secs_f64());
    }
    let outcomes: Vec<_> = report.into_iter().map(|(_, outcome, _)| outcome).collect();
    let (line, passed) = closing(&outcomes);
    println!("{line}");
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where every tool is known to be installed, a skipped step has checked nothing by mistake.
fn judge(outcome: Outcome, in_ci: bool) -> Outcome {
    match outcome {
        Outcome::Skipped(reason) if in_ci => Outcome::Failed(format!(
            "{reason}; no step may be skipped where `CI` is set"
        )),
        other => other,
    }
}

/// The last line of the report, and whether no step failed.
fn closing(outcomes: &[Outcome]) -> (String, bool) {
    let count =
        |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    (
        format!("{passed} passed, {failed} failed, {skipped} skipped"),
        failed == 0,
    )
}

fn execute(step: Step) -> Result<Outcome> {
    if let Some(component) = step.component()
        && !is_installed(component)?
    {
        return Ok(Outcome::Skipped(format!(
            "`cargo {component}` is not installed"
        )));
    }
    let (variables, arguments) = step.command();
    let status = Command::new(cargo())
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .status()
        .with_context(|| format!("cannot run `{}`", step.shown()))?;
    if status.success() && step == Step::Web {
        return web::run();
    }
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed(status.to_string())
    })
}

fn is_installed(component: &str) -> Result<bool> {
    let status = Command::new(cargo())
        .args([component, "--version"])
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot run `cargo`")?;
    Ok(status.success())
}

/// The `cargo` that started this program.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped() -> Outcome {
        Outcome::Skipped("no tool".to_owned())
    }

    #[test]
    fn every_step_can_be_named_on_the_command_line() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(step.name(), false), Ok(*step));
        }
    }

    #[test]
    fn a_skipped_step_fails_only_in_continuous_integration() {
        assert_eq!(judge(skipped(), false), skipped());
        assert!(
            matches!(judge(skipped(), true), Outcome::Failed(reason) if reason.contains("no tool"))
        );
        assert_eq!(judge(Outcome::Passed, true), Outcome::Passed);
    }

    #[test]
    fn the_last_line_counts_the_steps_and_one_failure_fails_the_run() {
        assert_eq!(
            closing(&[Outcome::Passed, Outcome::Passed, skipped()]),
            ("2 passed, 0 failed, 1 skipped".to_owned(), true)
        );
        assert_eq!(
            closing(&[Outcome::Passed, Outcome::Failed(String::new())]),
            ("1 passed, 1 failed, 0 skipped".to_owned(), false)
        );
    }

    #[test]
    fn a_shown_command_can_be_typed() {
        assert_eq!(
            Step::Docs.shown(),
            "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps"
        );
    }
}
