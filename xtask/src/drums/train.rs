//! Packages with recordings and sounds come in; the network's weights, with the report of their training, go out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::python::{call, interpreter, script};
use crate::{root, scratch};

/// Debian packages whose sounds are trained on or validated with. Of some only parts are: `material.py` says which.
const PACKAGES: [&str; 6] = [
    "hydrogen-drumkits",
    "fluid-soundfont-gm",
    "musescore-general-soundfont",
    "fretsonfire-songs-sectoid",
    "fretsonfire-songs-muldjord",
    "timgm6mb-soundfont",
];

/// What to do of it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The seed of the training
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Steps of the training
    #[arg(long, value_name = "COUNT", default_value_t = 3500)]
    steps: usize,
    /// Where the packages are unpacked already
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// Only make the validation set
    #[arg(long)]
    validation: bool,
    /// A few takes and steps, to see that everything runs; changes no weights
    #[arg(long)]
    quick: bool,
    /// Leave the shipped weights as they are, and the new ones in target/xtask/drums
    #[arg(long)]
    keep: bool,
}

/// Where everything is made.
pub(super) fn folder() -> PathBuf {
    scratch().join("drums")
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let python = interpreter("drums")?;
    let packages = match &arguments.packages {
        Some(packages) => packages.clone(),
        None => unpacked(&folder)?,
    };
    let step = |name: &str| {
        let mut command = Command::new(&python);
        command.arg(script("drums").join(name));
        command
    };
    let validation = folder.join("validation");
    if !arguments.quick && !validation.is_dir() {
        println!("the validation set");
        let partial = folder.join("validation.partial");
        call(step("validation.py").arg(&packages).arg(&partial))?;
        fs::rename(&partial, &validation)?;
    }
    if arguments.validation {
        return Ok(());
    }
    let takes = folder.join(if arguments.quick { "quick" } else { "takes" });
    if arguments.quick || !takes.join("other_0.npy").is_file() {
        println!("the takes");
        let mut command = step("takes.py");
        command.arg(&packages).arg(&takes);
        if arguments.quick {
            command.args(["--drums", "3", "--bass", "2", "--other", "3"]);
        }
        call(&mut command)?;
    }
    println!("the training");
    let (seed, steps) = (arguments.seed.to_string(), arguments.steps.to_string());
    let steps = if arguments.quick { "3" } else { &steps };
    let weights = folder.join(if arguments.quick { "quick" } else { "weights" });
    call(
        step("train.py")
            .arg(&takes)
            .arg(&weights)
            .args(["--seed", &seed, "--steps", steps]),
    )?;
    if arguments.quick || arguments.keep {
        println!("the weights are in {}", weights.display());
        return Ok(());
    }
    let shipped = root().join("crates/unbraid/src/evidence");
    let trained = |ending: &str| weights.join(format!("drums_{seed}.{ending}"));
    for (from, to) in [
        (trained("safetensors"), "drums.safetensors"),
        (trained("json"), "drums.json"),
    ] {
        fs::copy(&from, shipped.join(to))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    call(
        step("reference.py")
            .arg(trained("pt"))
            .arg(shipped.join("drums_reference.json")),
    )?;
    println!("wrote {}; now `cargo xtask drums`", shipped.display());
    Ok(())
}

/// Fetch the packages and unpack them, without installing any.
fn unpacked(folder: &Path) -> Result<PathBuf> {
    let done = folder.join("packages");
    if done.is_dir() {
        return Ok(done);
    }
    let fetched = folder.join("fetched");
    let partial = folder.join("packages.partial");
    fs::create_dir_all(&fetched)?;
    fs::create_dir_all(&partial)?;
    call(
        Command::new("apt-get")
            .arg("download")
            .args(PACKAGES)
            .current_dir(&fetched),
    )
    .context(
        "the sounds come from packages of Debian, so this needs its `apt-get`, or --packages",
    )?;
    for entry in fs::read_dir(&fetched)? {
        let path = entry?.path();
        ensure!(
            path.extension().is_some_and(|ending| ending == "deb"),
            "{} is no package",
            path.display()
        );
        call(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&partial))?;
    }
    fs::rename(&partial, &done)?;
    Ok(done)
}
