//! The studio's page comes in; whether it is built, tested and works in real browsers goes out.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::root;
use crate::test::Outcome;

/// What is run in `web/`, in this order.
pub(crate) const COMMANDS: [&str; 4] = [
    "npm ci --ignore-scripts",
    "npm run check",
    "npm test",
    "npm run browsers",
];

/// The browsers that the page is tried in, and the packages that bring them.
const BROWSERS: [(&str, &str); 2] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/firefox-esr", "firefox-esr"),
];

pub(crate) fn run() -> Result<Outcome> {
    if !answers("node") || !answers("npm") {
        return Ok(Outcome::Skipped(
            "Node.js with npm is not installed".to_owned(),
        ));
    }
    let missing: Vec<&str> = BROWSERS
        .iter()
        .filter(|(path, _)| !Path::new(path).exists())
        .map(|&(_, package)| package)
        .collect();
    if !missing.is_empty() && !install(&missing)? {
        let reason = format!(
            "{} not there, and only root may install: apt-get install {}",
            missing.join(" and "),
            missing.join(" ")
        );
        // What needs no browser is tried all the same.
        return Ok(match commands(&COMMANDS[..3])? {
            Outcome::Passed => Outcome::Skipped(reason),
            other => other,
        });
    }
    commands(&COMMANDS)
}

fn commands(commands: &[&str]) -> Result<Outcome> {
    for command in commands {
        println!("-- {command}");
        let mut words = command.split(' ');
        let program = words.next().context("a command has a first word")?;
        let status = Command::new(program)
            .args(words)
            .current_dir(root().join("web"))
            .status()
            .with_context(|| format!("cannot run `{command}`"))?;
        if !status.success() {
            return Ok(Outcome::Failed(format!("`{command}`: {status}")));
        }
    }
    Ok(Outcome::Passed)
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Install Debian's packages, where that is allowed.
fn install(packages: &[&str]) -> Result<bool> {
    let id = Command::new("id").arg("-u").output();
    let root = id.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !root || !answers("apt-get") {
        return Ok(false);
    }
    let run = |arguments: &[&str]| -> Result<bool> {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .context("cannot run `apt-get`")?;
        Ok(status.success())
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    Ok(run(&["update"])? && run(&install)?)
}
