//! The program comes in; a picture of every view and state of the studio's page goes out, to be looked at.
//!
//! `web/measure/pictures.ts` goes through them on the demo clip; with `--docs` the best go to the documentation.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::ready;
use crate::{root, scratch};

/// What the documentation shows, and as what.
const BEST: [(&str, &str); 4] = [
    ("demo-light-1280", "studio"),
    ("states-light-1280", "studio-correct"),
    ("dialog-separate-given-light-1280", "studio-separate"),
    ("zoomed-loop-dark-1280", "studio-dark"),
];

/// What to take pictures of.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only those with this in their name, such as `dialog`
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The folder for the pictures [default: one in the build's]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Put the best into docs/images, in fewer colours (pngquant is needed)
    #[arg(long, conflicts_with = "only")]
    docs: bool,
    /// Use the program as it was built, without building it anew
    #[arg(long)]
    built: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let web = ready(arguments.built)?;
    let to = (arguments.to.clone()).unwrap_or_else(|| scratch().join("studio-pictures"));
    fs::create_dir_all(&to)?;
    let to = to.canonicalize()?;
    let taken = Command::new("node")
        .arg("build/measure/pictures.mjs")
        .arg(root().join("target/release/unbraid"))
        .arg(root().join("demo/mixture.flac"))
        .args([to.as_os_str(), arguments.only.as_ref()])
        .current_dir(&web)
        .status()?;
    ensure!(taken.success(), "not every view could be reached");
    println!("the pictures are in {}", to.display());
    if arguments.docs {
        for (picture, name) in BEST {
            let shown = root().join(format!("docs/images/{name}.png"));
            let packed = Command::new("pngquant")
                .args([
                    "--force",
                    "--strip",
                    "--speed",
                    "1",
                    "--quality",
                    "60-95",
                    "--output",
                ])
                .arg(shown)
                .arg(to.join(format!("{picture}.png")))
                .status()
                .context("pngquant is needed: apt-get install pngquant")?;
            ensure!(packed.success(), "{picture} could not be packed");
        }
    }
    Ok(())
}
