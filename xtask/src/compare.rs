//! The demo and the clips come in; what `unbraid compare --why` prints of them goes out, as `docs/compare.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::date::today;
use crate::{clips, root};

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of clips with known stems, beside the demo's, left out if it does not exist;
    /// the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// A program that is built already, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The folder for the page and, below it, the charts
    #[arg(short, long, value_name = "DIR", default_value_os_t = root().join("docs"))]
    output: PathBuf,
}

/// Clips of two sources: drums and a guitar, a singer and a piano; and what their stems are, where their names do not say it.
const CLIPS: [(&str, &[&str]); 4] = [
    ("drums-guitar-groove", &[]),
    ("drums-guitar-rock", &["drums_rest=drums"]),
    ("singer-piano-chords", &[]),
    ("singer-piano-unison", &[]),
];

/// Tables about made signals, which are the same whatever the clip.
const MADE: &str = "| one pitch";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut text = format!(
        "# Compared\n\n| | |\n|---|---|\n| made | {} |\n| by | `cargo xtask compare` |\n| Unbraid | {} |\n\n\
         What `unbraid compare MIXTURE --references STEMS --why` prints for the demo clip and for recordings of drums with a guitar and of a singer with a \
         piano. The [guide](guide/compare.md) says what the methods are; [why it works](why-it-works.md) says what the numbers mean. Times are of one run on a machine that \
         others used too. The demo's can be made again by anybody; the other clips are looked for in the folder that `UNBRAID_CLIPS` names.\n",
        today(),
        env!("CARGO_PKG_VERSION"),
    );
    let demo = root().join("demo");
    let mut made = 0;
    for (name, folder, references, maps) in
        std::iter::once(("demo", demo.clone(), demo.join("stems"), &[][..])).chain(CLIPS.map(
            |(name, maps)| {
                let folder = arguments.clips.join(name);
                (name, folder.clone(), folder, maps)
            },
        ))
    {
        if !folder.is_dir() {
            println!("left out: there is no folder {}", folder.display());
            continue;
        }
        println!("{name}");
        let chart = arguments.output.join(format!("images/compare-{name}.svg"));
        let page = compared(
            arguments,
            &folder.join("mixture.flac"),
            &references,
            maps,
            &chart,
        )?;
        let page = if made == 0 { page } else { without_made(&page) };
        // The path of the machine it was measured on is nobody's business.
        let page = page
            .split_once(": ")
            .map_or(page.as_str(), |(_, rest)| rest);
        let _ = write!(
            text,
            "\n## {name}\n\n![What each method reaches on {name}](images/compare-{name}.svg)\n\n{page}"
        );
        made += 1;
    }
    let path = arguments.output.join("compare.md");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}

/// What the program prints for a clip.
fn compared(
    arguments: &Arguments,
    mixture: &Path,
    references: &Path,
    maps: &[&str],
    chart: &Path,
) -> Result<String> {
    let mut command = if let Some(program) = &arguments.program {
        Command::new(program)
    } else {
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "--release", "--quiet", "--bin", "unbraid", "--"]);
        command
    };
    command
        .current_dir(root())
        .arg("compare")
        .arg(mixture)
        .arg("--references")
        .arg(references)
        .args(["--why", "--markdown", "--overwrite", "--quiet", "--chart"])
        .arg(chart);
    for map in maps {
        command.args(["--map", map]);
    }
    let output = command.output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "comparing {} failed: {}",
        mixture.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The same without the tables of made signals.
fn without_made(page: &str) -> String {
    let kept = page.split("\n\n").filter(|part| !part.starts_with(MADE));
    kept.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_made_signals_are_left_out() {
        let page = "clip\n\n| method | dB |\n|---|\n\n| one pitch, onsets apart | dB |\n|---|\n| 0 ms | 1 |\n\n- so it is.\n";
        assert_eq!(
            without_made(page),
            "clip\n\n| method | dB |\n|---|\n\n- so it is.\n"
        );
    }
}
