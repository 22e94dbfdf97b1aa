//! Recordings or projects come in; a page on this computer goes out.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use unbraid::factorize::FactorizeConfig;
use unbraid_io::project::Manifest;
use unbraid_studio::{Offered, Program, Settings, Watch, serve};

use super::separate::into_folder;
use crate::args::{Cli, Command, StudioArgs};
use crate::failure::Failure;
use crate::offered::offered;
use crate::output::say;
use crate::progress::Line;

pub(crate) fn run(args: &StudioArgs) -> Result<(), Failure> {
    let settings = Settings {
        folder: args.folder.clone(),
        port: args.port,
        most_upload_bytes: args.most_upload.saturating_mul(1 << 20),
        program: Arc::new(CommandLine),
    };
    std::fs::create_dir_all(&args.folder)
        .with_context(|| format!("cannot make {}", args.folder.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server")?;
    runtime.block_on(async {
        let (server, project) = serve(settings, args.files.clone())
            .await
            .map_err(|failure| Failure::Other(failure.into()))?;
        let url = server.url(project);
        say!("The studio is at {url}");
        say!("Nothing leaves this computer. Ctrl-C ends it; projects are saved as you go.");
        if !args.no_open {
            show(&url);
        }
        tokio::select! {
            ended = server.run() => ended.context("the server ended").map_err(Failure::from),
            () = asked_to_stop() => Ok(()),
        }
    })
}

/// Until Ctrl-C.
async fn asked_to_stop() {
    while !crate::cancel::requested() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Open the page in the user's browser, if there is one; the address is printed anyway.
fn show(url: &str) {
    let (program, first): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = std::process::Command::new(program);
    command.args(first).arg(url);
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    command.spawn().ok();
}

/// This program, as the studio asks for it.
#[derive(Debug)]
struct CommandLine;

type Answer<T> = Result<T, unbraid_studio::Failure>;

impl Program for CommandLine {
    fn options(&self) -> Vec<Offered> {
        offered()
    }

    fn check(&self, words: &[String]) -> Answer<()> {
        understood("separate", Path::new("recording.wav"), words).map(|_| ())
    }

    fn settings(&self, words: &[String], sample_rate: u32) -> Answer<FactorizeConfig> {
        match understood("factorize", Path::new("recording.wav"), words)? {
            Command::Factorize(args) => Ok(args.factorize.config(sample_rate)),
            _ => Err(refused("these are no options of a fit")),
        }
    }

    fn separate(
        &self,
        recording: &Path,
        words: &[String],
        folder: &Path,
        watch: Watch,
    ) -> Answer<Manifest> {
        let words = [words, &["--overwrite".to_owned()]].concat();
        match understood("separate", recording, &words)? {
            Command::Separate(args) => {
                into_folder(&args, recording, folder, &mut Line::for_watch(watch)).map_err(said)
            }
            _ => Err(refused("these are no options of `separate`")),
        }
    }
}

/// A command line, taken apart.
fn understood(command: &str, recording: &Path, words: &[String]) -> Answer<Command> {
    let mut line: Vec<OsString> = ["unbraid", command].map(OsString::from).to_vec();
    line.extend(words.iter().map(OsString::from));
    line.extend([OsString::from("--"), recording.as_os_str().to_owned()]);
    Cli::try_parse_from(line)
        .map(|cli| cli.command)
        .map_err(|error| refused(&plainly(&error.to_string())))
}

/// What clap says, without what only a terminal needs.
fn plainly(error: &str) -> String {
    let lines = error.lines().map(str::trim);
    let said: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    said.join(" ").trim_start_matches("error: ").to_owned()
}

fn refused(why: &str) -> unbraid_studio::Failure {
    unbraid_studio::Failure::Refused(why.to_owned())
}

/// What the command line would say.
fn said(failure: Failure) -> unbraid_studio::Failure {
    match failure {
        Failure::Library(unbraid::Error::Cancelled) => unbraid::Error::Cancelled.into(),
        Failure::Io(error) => error.into(),
        other => refused(&match other.hint() {
            Some(hint) => format!("{other}. {hint}"),
            None => other.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn options_of_the_page_are_the_command_lines() {
        let program = CommandLine;
        let settings = program.settings(&words(&["--components=auto", "--beta=is"]), 8000);
        let settings = settings.unwrap();
        assert!(settings.choose_rank && settings.blind.fit.beta == 0.0);
        program
            .check(&words(&["--sources=voice,piano", "--hint-strength=0.5"]))
            .unwrap();
        let why = |given: &str| program.check(&words(&[given])).unwrap_err().to_string();
        let said = why("--seed=x");
        assert!(said.starts_with("invalid value 'x' for '--seed"), "{said}");
        assert!(!said.contains("--help"), "{said}");
        assert!(why("--window=round").contains("hamming"));
        assert!(why("--align").contains("--score"));
    }
}
