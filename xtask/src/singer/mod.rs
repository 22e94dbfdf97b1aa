//! Mixtures of one singer and one piano come in; how well they come apart goes out, as `docs/singer-and-piano.md`.

mod alone;
mod material;
mod page;
mod results;
mod rows;
mod subject;
mod time;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use unbraid_io::knowledge::read_dictionary;

use self::alone::{Alone, alone};
use self::page::Clip;
use self::results::Results;
use self::rows::{DEFAULT, IDEAS, KNOWN, Row, TRIED};
use self::subject::{Beside, Figures, Subject, is_singer_and_piano};
use crate::page::with_sections;
use crate::{clips, root};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of recorded clips with known stems
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Mixtures made for this
    #[arg(long, value_name = "DIR", default_value_os_t = crate::scratch().join("singer/mixtures"))]
    mixtures: PathBuf,
    /// First make those mixtures that are not there, from the training singer of the clips and from recorded notes (npm)
    #[arg(long)]
    make: bool,
    /// Make only these sections of the page anew; the others stay as they are
    #[arg(long, value_enum, value_delimiter = ',')]
    section: Vec<Section>,
    /// Begin no further separation after so many seconds: what was measured is kept, and the next run goes on from there
    #[arg(long, value_name = "SECS")]
    stop_after: Option<u64>,
    /// Only clips whose name contains one of these; prints instead of writing the page
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// Only rows whose name contains one of these; prints instead of writing the page
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    row: Vec<String>,
    /// A dictionary in the place of the built-in piano; prints instead of writing the page
    #[arg(long, value_name = "FILE")]
    piano: Option<PathBuf>,
    /// Settings of the recipe as JSON, over those of the row, such as `{"exponent":2}`; prints instead of writing the page
    #[arg(long, value_name = "JSON", default_value = "{}")]
    set: String,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/singer-and-piano.md"))]
    output: PathBuf,
}

/// A section of the page that can be made by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// The recorded clips: what is known, and which piano
    Recorded,
    /// Mixtures made for this
    Mixtures,
    /// Each idea on and off
    Ideas,
    /// A voice or a piano alone
    Alone,
    /// What it costs
    Time,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Recorded,
        Self::Mixtures,
        Self::Ideas,
        Self::Alone,
        Self::Time,
    ];

    fn heading(self) -> &'static str {
        match self {
            Self::Recorded => "Recorded clips",
            Self::Mixtures => "Mixtures made from the training singer",
            Self::Ideas => "What each idea is worth",
            Self::Alone => "A voice or a piano alone",
            Self::Time => "Time",
        }
    }
}

/// Everything that is measured on, and what is known beside it.
struct Bench<'a> {
    arguments: &'a Arguments,
    subjects: Vec<Subject>,
    beside: Beside,
    results: Results,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.make {
        material::make(&arguments.clips, &arguments.mixtures)?;
    }
    let piano = arguments
        .piano
        .as_deref()
        .map(read_dictionary)
        .transpose()?;
    let mut bench = Bench {
        arguments,
        subjects: subjects(arguments)?,
        beside: Beside::new(&arguments.clips, piano, &arguments.set)?,
        results: Results::open(arguments.stop_after)?,
    };
    let in_part = !arguments.only.is_empty()
        || !arguments.row.is_empty()
        || arguments.piano.is_some()
        || arguments.set != "{}";
    let sections = if arguments.section.is_empty() {
        &Section::ALL[..]
    } else {
        &arguments.section
    };
    let mut made = Vec::new();
    for &section in sections {
        let left = bench.results.left();
        let text = bench.section(section)?;
        if bench.results.left() == left {
            made.push((section, text));
        }
    }
    if in_part {
        for (section, text) in made {
            println!("\n## {}\n\n{}", section.heading(), text.trim_end());
        }
    } else if !made.is_empty() {
        let before = fs::read_to_string(&arguments.output).unwrap_or_default();
        let sections = Section::ALL.map(|section| {
            let new = made.iter().find(|(of, _)| *of == section);
            (section.heading(), new.map(|(_, text)| text.clone()))
        });
        fs::write(
            &arguments.output,
            with_sections(page::HEAD, &before, &sections),
        )
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
        println!("wrote {}", arguments.output.display());
    }
    if bench.results.left() > 0 {
        println!(
            "{} figures are left: run the same command again",
            bench.results.left()
        );
    }
    Ok(())
}

/// The clips of a voice and a piano that are wanted.
fn subjects(arguments: &Arguments) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for (folder, made) in [(&arguments.clips, false), (&arguments.mixtures, true)] {
        if !folder.is_dir() {
            println!("left out, there is no folder {}", folder.display());
            continue;
        }
        for clip in clips::find(folder)? {
            if is_singer_and_piano(&clip) && wanted(&arguments.only, &clip.name) {
                subjects.push(Subject::new(clip, made)?);
            }
        }
    }
    ensure!(
        !subjects.is_empty(),
        "there is no clip of a voice and a piano; --make makes some"
    );
    Ok(subjects)
}

fn wanted(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|text| name.contains(text.as_str()))
}

impl Bench<'_> {
    fn section(&mut self, section: Section) -> Result<String> {
        Ok(match section {
            Section::Recorded => page::recorded(&self.clips(&KNOWN, |subject| !subject.made)?),
            Section::Mixtures => page::mixtures(&self.clips(&[], |subject| subject.made)?),
            Section::Ideas => {
                let tried = |subject: &Subject| {
                    !subject.made || TRIED.contains(&subject.clip.name.as_str())
                };
                page::ideas(&self.clips(&IDEAS, tried)?)
            }
            Section::Alone => page::alone(&self.alone()?),
            Section::Time => {
                // Stereo takes longest to write.
                let stereo = self
                    .subjects
                    .iter()
                    .max_by_key(|subject| subject.clip.mixture.channels());
                page::time(&time::times(stereo.context("no clip")?)?)
            }
        })
    }

    /// Clips with what the default and some other rows come to.
    fn clips<'s>(
        &'s mut self,
        rows: &'static [Row],
        of: impl Fn(&Subject) -> bool,
    ) -> Result<Vec<Clip<'s>>> {
        let mut clips = Vec::new();
        for subject in self.subjects.iter().filter(|subject| of(subject)) {
            let mut figures = Vec::new();
            let all = std::iter::once(&DEFAULT).chain(
                rows.iter()
                    .filter(|row| wanted(&self.arguments.row, row.name)),
            );
            for row in all {
                let name = subject.name(row, &self.beside)?;
                let found = self.results.of(&name, || {
                    let found = subject.figures(row, &self.beside)?;
                    told(subject, row, &found);
                    Ok(found)
                })?;
                figures.extend(found.map(|found| (row, found)));
            }
            clips.push(Clip {
                subject,
                mixture_db: subject.mixture_db()?,
                figures,
            });
        }
        Ok(clips)
    }

    /// Every voice alone, and every piano.
    fn alone(&mut self) -> Result<Vec<(&str, [Alone; 2])>> {
        let mut all = Vec::new();
        for subject in &self.subjects {
            let clip = subject.clip.name.as_str();
            let mut one = |voice| {
                let name = format!("{clip} · alone · {voice}");
                self.results.of(&name, || {
                    let found = alone(subject, voice)?;
                    println!(
                        "{clip:24} {} alone: {:.1} dB",
                        if voice { "voice" } else { "piano" },
                        found.below_db()
                    );
                    Ok(found)
                })
            };
            if let (Some(voice), Some(piano)) = (one(true)?, one(false)?) {
                all.push((clip, [voice, piano]));
            }
        }
        Ok(all)
    }
}

fn told(subject: &Subject, row: &Row, found: &Figures) {
    let [voice, piano] = found.sdr_db;
    println!(
        "{:24} {:44} {voice:6.2} {piano:6.2} mean {:6.2}  pitch {:.3}  {:5.1} s",
        subject.clip.name,
        row.name,
        found.mean(),
        found.pitch_right.unwrap_or(f64::NAN),
        found.secs
    );
}
