//! Other people's programs are asked what ours computes; a report of the differences goes out.
//!
//! | section | our side | the other side |
//! |---|---|---|
//! | [`objective`] | naive loops in f64, and the product in f32 | scikit-learn's `NMF` |
//! | [`starts`] | NNDSVDar and random starts | scikit-learn's NNDSVDar |
//! | [`spectrum`] | the transform | `librosa.stft` |
//! | [`quality`] | separation of clips with known stems, scored by `unbraid::evaluate` | the same stems scored by mir_eval |
//! | [`sweep`] | separation by other settings | |

mod objective;
mod other;
mod quality;
mod report;
mod spectrum;
mod starts;
mod sweep;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{clips, root};
use other::Other;
use report::Section;

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Also separate by other settings than the defaults; takes several minutes
    #[arg(long)]
    sweep: bool,
    /// Make these sections only, and print them instead of writing the report
    #[arg(long, value_name = "SECTION", value_delimiter = ',')]
    only: Vec<Part>,
    /// The folder of clips with known stems, beside the demo's, left out if it does not exist;
    /// the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Where to write the report
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/crosscheck.md"))]
    output: PathBuf,
}

/// A section of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Objective,
    Starts,
    Spectrum,
    Quality,
    Sweep,
}

impl Part {
    fn make(self, other: &Other, arguments: &Arguments) -> Result<Section> {
        match self {
            Self::Objective => objective::section(other),
            Self::Starts => starts::section(other),
            Self::Spectrum => spectrum::section(other),
            Self::Quality => quality::section(other, &clips::find_drums(&arguments.clips)?),
            Self::Sweep => sweep::section(&clips::find_drums(&arguments.clips)?),
        }
    }
}

/// Make the sections, write the report, and fail if a requirement was missed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let other = Other::new()?;
    let parts: Vec<Part> = if arguments.only.is_empty() {
        let all = Part::value_variants().iter().copied();
        all.filter(|&part| part != Part::Sweep || arguments.sweep)
            .collect()
    } else {
        arguments.only.clone()
    };
    let sections: Vec<Section> = parts
        .iter()
        .map(|part| part.make(&other, arguments))
        .collect::<Result<_>>()?;

    let failures: Vec<&String> = sections
        .iter()
        .flat_map(|section| &section.failures)
        .collect();
    for failure in &failures {
        println!("FAIL {failure}");
    }
    if arguments.only.is_empty() {
        let text = report::whole(&other.about()?, arguments.sweep, &sections);
        fs::write(&arguments.output, text)
            .with_context(|| format!("cannot write {}", arguments.output.display()))?;
        println!("wrote {}", arguments.output.display());
    } else {
        for section in &sections {
            print!("{section}");
        }
    }
    Ok(ExitCode::from(u8::from(!failures.is_empty())))
}
