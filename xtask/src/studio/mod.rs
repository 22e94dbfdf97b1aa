//! The demo clip and songs made of it come in; what the studio takes on them, and what a person makes of the demo in it, go
//! out, as `docs/studio.md`.
//!
//! `web/measure/studio.ts` works with the page as a person does, in Chromium, and times it; here its stems are compared with
//! those of the command lines that the page names, and scored.

mod page;
pub(crate) mod pictures;
mod stems;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::long::material::{self, Takes};
use crate::python::call;
use crate::{root, scratch};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The demo alone, once: shows that it works, and writes nothing
    #[arg(long)]
    quick: bool,
    /// Use the program as it was built, without building it anew
    #[arg(long)]
    built: bool,
}

/// What a person hears of one component before deciding.
const LISTEN_SECS: f64 = 1.5;

/// What is wanted of the script.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    binary: PathBuf,
    work: PathBuf,
    recordings: Vec<Recording>,
    times: usize,
    heard: Vec<String>,
    listen_secs: f64,
}

#[derive(Debug, Serialize)]
struct Recording {
    name: String,
    path: PathBuf,
    rounds: usize,
}

/// What it found.
#[derive(Debug, Clone, Deserialize)]
struct Found {
    browser: String,
    figures: Vec<Figures>,
    work: Work,
}

/// What one recording took.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    name: String,
    seen_secs: Vec<f64>,
    components_secs: Vec<f64>,
    started_secs: Vec<f64>,
    assigned_secs: Vec<f64>,
    drawn_secs: Vec<f64>,
    zoomed: Vec<Zoomed>,
    zoomed_busy: Vec<Zoomed>,
    exported: Exported,
    most_bytes: u64,
}

/// What the page's thread was kept from answering for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Zoomed {
    longest_ms: f64,
    above50: usize,
}

/// Stems that the page wrote, and the command lines that are to write the same.
#[derive(Debug, Clone, Deserialize)]
struct Exported {
    folder: PathBuf,
    files: Vec<String>,
    commands: Vec<String>,
    secs: f64,
}

/// What a person did with the demo.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Work {
    clicks: usize,
    keys: usize,
    secs: f64,
    listened_secs: f64,
    corrected: Vec<usize>,
    exported: Exported,
}

/// Everything that the page is made of.
#[derive(Debug, Clone)]
struct Results {
    found: Found,
    /// For every recording, how many command lines wrote the same bytes.
    same: Vec<usize>,
    /// The SDR of drums and guitar: grouped by themselves, by the person, and by `separate` with all it has.
    scores: [Vec<f64>; 3],
    page_bytes: u64,
    /// What other programs had of the processors before it began, as a share.
    busy: f64,
    date: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let web = ready(arguments.built)?;
    let work = scratch().join("studio");
    fs::remove_dir_all(&work).ok();
    fs::create_dir_all(&work)?;
    let busy = busy();

    let binary = root().join("target/release/unbraid");
    let demo = root().join("demo/mixture.flac");
    let order = Order {
        recordings: recordings(&work, demo.clone(), arguments.quick)?,
        times: if arguments.quick { 1 } else { 3 },
        heard: stems::heard(&binary, &demo, &work)?,
        listen_secs: LISTEN_SECS,
        binary: binary.clone(),
        work: work.clone(),
    };
    let found = ask(&web, &work, &order)?;
    let same = (found.figures.iter())
        .map(|figures| stems::same(&binary, &work, &figures.exported))
        .collect::<Result<Vec<_>>>()?;
    let results = Results {
        same,
        scores: stems::scores(&binary, &demo, &work, &found.work.exported)?,
        found,
        page_bytes: page_bytes()?,
        busy,
        date: crate::date::today(),
    };
    fs::remove_dir_all(&work)?;
    let text = page::text(&results)?;
    if arguments.quick {
        println!("{text}");
        return Ok(());
    }
    fs::write(root().join("docs/studio.md"), text)?;
    println!("wrote docs/studio.md");
    Ok(())
}

/// Build the program and what drives its page; where that is.
fn ready(built: bool) -> Result<PathBuf> {
    if !built {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--workspace"])
            .current_dir(root())
            .status()?;
        ensure!(built.success(), "the program cannot be built");
    }
    let web = root().join("web");
    if !web.join("node_modules").is_dir() {
        let install = ["ci", "--ignore-scripts", "--silent"];
        call(Command::new("npm").args(install).current_dir(&web))?;
    }
    let bundle = ["build.mjs", "--tests"];
    call(Command::new("node").args(bundle).current_dir(&web))?;
    Ok(web)
}

/// The demo, and songs made of its stems.
fn recordings(work: &Path, demo: PathBuf, quick: bool) -> Result<Vec<Recording>> {
    let rounds = if quick { 1 } else { 3 };
    let name = "demo".to_owned();
    let path = demo;
    let mut recordings = vec![Recording { name, path, rounds }];
    if !quick {
        for (name, secs, rounds) in [("song", 180, 3), ("long song", 300, 1)] {
            let folder = work.join(name.replace(' ', "-"));
            let takes = Takes::of_demo(secs * 44_100)?;
            recordings.push(Recording {
                path: material::write(&folder, takes, 44_100, None)?,
                name: name.to_owned(),
                rounds,
            });
        }
    }
    Ok(recordings)
}

/// Let the script do its work.
fn ask(web: &Path, work: &Path, order: &Order) -> Result<Found> {
    let file = work.join("order.json");
    fs::write(&file, serde_json::to_vec(order)?)?;
    let output = Command::new("node")
        .arg("build/measure/studio.mjs")
        .arg(&file)
        .current_dir(web)
        .stderr(Stdio::inherit())
        .output()
        .context("Node.js is needed to drive the page")?;
    ensure!(output.status.success(), "the page could not be measured");
    serde_json::from_slice(&output.stdout).context("the script said something else")
}

/// The share of the processors' time that is used, in two seconds of doing nothing; no number where the system does not tell.
fn busy() -> f64 {
    let times = || -> Option<(u64, u64)> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let all: Vec<u64> = (text.lines().next()?.split_whitespace().skip(1).take(8))
            .filter_map(|ticks| ticks.parse().ok())
            .collect();
        Some((all.get(3)? + all.get(4)?, all.iter().sum()))
    };
    let before = times();
    std::thread::sleep(Duration::from_secs(2));
    match (before, times()) {
        (Some((idle, all)), Some((idle_after, all_after))) if all_after > all => {
            1.0 - (idle_after - idle) as f64 / (all_after - all) as f64
        }
        _ => f64::NAN,
    }
}

/// The bytes of all files that a browser loads.
fn page_bytes() -> Result<u64> {
    let folder = root().join("crates/unbraid-studio/assets");
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
