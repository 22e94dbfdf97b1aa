//! Mixtures that nothing was trained on come in; how well drums are told from the rest, and what each piece of that is worth,
//! goes out, as `docs/drums.md`.

mod cost;
mod page;
mod rank;
mod train;
mod trainings;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use unbraid::evidence::{Class, ClassShares, use_weights};
use unbraid::group::parse_sources;
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::{Audio, Spectrogram, Stft, StftConfig};
use unbraid_io::audio::{Span, read_audio};

pub(crate) use self::train::{Arguments as TrainArguments, run as train};

use self::ways::{WAYS, Way, kinds_of_drums};
use crate::clips::{self, Clip};
use crate::page::with_sections;
use crate::root;
use crate::score::{downmix, ours_mono};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of mixtures that `cargo xtask train-drums` made
    #[arg(long, value_name = "DIR", default_value_os_t = train::folder().join("validation"))]
    mixtures: PathBuf,
    /// The folder of clips with known stems
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Only mixtures and clips whose name contains this; prints the tables instead of writing the page
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only these ways, by their names; prints the tables instead of writing the page
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    ways: Vec<String>,
    /// One more way: settings of the recipe as JSON; prints the tables instead of writing the page
    #[arg(long, value_name = "JSON")]
    settings: Vec<String>,
    /// Make only these sections of the page anew
    #[arg(long, value_enum, value_delimiter = ',')]
    section: Vec<Section>,
    /// Leave out the kinds of drums
    #[arg(long)]
    no_kinds: bool,
    /// Listen with these weights instead of the shipped ones; prints the tables instead of writing the page
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Where other trainings left their weights (`train-drums --keep`), to be set beside the shipped ones
    #[arg(long, value_name = "DIR", default_value_os_t = train::folder().join("weights"))]
    trainings: PathBuf,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/drums.md"))]
    output: PathBuf,
}

/// A section of the page that stands by itself, below what the mixtures came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// How many components there should be
    Rank,
    /// Other trainings of the network
    Trainings,
    /// What it costs on one core
    Cost,
}

impl Section {
    const ALL: [Self; 3] = [Self::Rank, Self::Trainings, Self::Cost];

    fn heading(self) -> &'static str {
        match self {
            Self::Rank => "The number of components",
            Self::Trainings => "Other trainings",
            Self::Cost => "What it costs",
        }
    }

    fn make(self, arguments: &Arguments) -> Result<String> {
        match self {
            Self::Rank => rank::table(&arguments.clips),
            Self::Trainings => trainings::table(arguments),
            Self::Cost => cost::table(),
        }
    }
}

/// A mixture and what every way came to.
#[derive(Debug)]
struct Measured {
    name: String,
    /// What is in it.
    about: String,
    set: Set,
    has_bass: bool,
    /// Mean SDR of drums and rest, in the order of the ways.
    sdr_db: Vec<f64>,
    heard: Heard,
}

/// Where the network goes wrong in a mixture.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// The share of the drums' energy that it does not hear as drums.
    drums_missed: f64,
    /// The share of the rest's energy that it hears as drums.
    rest_taken: f64,
    /// What it takes most of it for.
    taken_for: Class,
}

/// Where a mixture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// The demo, or a clip.
    Clip,
    /// The validation set.
    Validation,
    /// The cases known to be hard.
    Hard,
}

/// A mixture of drums and rest.
#[derive(Debug)]
struct Mixture {
    clip: Clip,
    about: String,
    set: Set,
    has_bass: bool,
}

/// How well kinds of drums are told apart.
#[derive(Debug)]
struct Kinds {
    name: String,
    sources: Vec<String>,
    /// SDR of each source: of the mixture itself, by the features, by the network, by both fitted in parts.
    rows: Vec<(&'static str, Vec<f64>)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(file) = &arguments.weights {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        use_weights(&bytes).with_context(|| file.display().to_string())?;
    }
    let before = fs::read_to_string(&arguments.output).unwrap_or_default();
    if !arguments.section.is_empty() {
        let first = format!("\n## {}\n", Section::ALL[0].heading());
        let head = before.split(&first).next().unwrap_or_default();
        return write(arguments, head, &before, &arguments.section);
    }
    let mut ways: Vec<Way> = WAYS.to_vec();
    if !arguments.ways.is_empty() {
        ways.retain(|way| arguments.ways.iter().any(|name| name == way.name));
    }
    for settings in &arguments.settings {
        ways.push(Way::given(settings)?);
    }
    ensure!(!ways.is_empty(), "no way is called {:?}", arguments.ways);
    let wanted = |name: &str| {
        let only = arguments.only.as_deref();
        only.is_none_or(|only| only.split(',').any(|part| name.contains(part)))
    };
    let mut measured = Vec::new();
    for clip in clips::find_drums(&arguments.clips)? {
        let about = clip.sources[1].name.clone();
        if wanted(&clip.name) {
            let mixture = Mixture {
                clip,
                about,
                set: Set::Clip,
                has_bass: false,
            };
            measured.push(measure(&mixture, &ways)?);
        }
    }
    let folders = folders(&arguments.mixtures)?;
    for folder in &folders {
        if wanted(&name_of(folder)) {
            measured.push(measure(&read_mixture(folder)?, &ways)?);
        }
    }
    let mut kinds = Vec::new();
    if !arguments.no_kinds {
        // Every fourth is enough for a mean, and all would take longer than the rest together.
        for folder in folders.iter().step_by(4) {
            if wanted(&name_of(folder)) {
                kinds.extend(kinds_of_drums(folder)?);
            }
        }
    }
    let text = page::page(&ways, &measured, &kinds);
    let in_part = arguments.only.is_some()
        || !arguments.ways.is_empty()
        || !arguments.settings.is_empty()
        || arguments.weights.is_some();
    if in_part {
        print!("{text}");
        return Ok(());
    }
    write(arguments, &text, &before, &Section::ALL)
}

/// Write the page: what stands above the sections, those that are wanted anew, and the others as they were before. A section
/// that cannot be made here stays as it was.
fn write(arguments: &Arguments, head: &str, before: &str, wanted: &[Section]) -> Result<()> {
    let mut sections = Vec::new();
    for section in Section::ALL {
        let new = wanted.contains(&section).then(|| section.make(arguments));
        sections.push((section.heading(), new.transpose()?));
    }
    fs::write(&arguments.output, with_sections(head, before, &sections))
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    println!("wrote {}", arguments.output.display());
    Ok(())
}

fn name_of(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The folders of mixtures, the validation set before the hard cases.
fn folders(all: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(all).with_context(|| {
        let all = all.display();
        format!("cannot read {all}: `cargo xtask train-drums --validation` makes it")
    })?;
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    folders.retain(|folder| folder.join("mixture.wav").is_file());
    folders.sort_by_key(|folder| (name_of(folder).starts_with("hard"), name_of(folder)));
    Ok(folders)
}

fn read_mixture(folder: &Path) -> Result<Mixture> {
    let name = name_of(folder);
    let read = |stem: &str| -> Result<_> {
        let path = folder.join(stem).with_extension("wav");
        Ok(read_audio(&path, Span::default())?.audio)
    };
    let meta: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("meta.json"))?)
            .with_context(|| format!("{}/meta.json", folder.display()))?;
    let text = |field: &str| meta[field].as_str().unwrap_or("").to_owned();
    let about = match (text("kit"), text("rest")) {
        (kit, rest) if kit.is_empty() => rest,
        (kit, rest) => format!("{kit} and {rest}"),
    };
    Ok(Mixture {
        set: if name.starts_with("hard") {
            Set::Hard
        } else {
            Set::Validation
        },
        about,
        has_bass: meta["bass"].as_bool().unwrap_or(false),
        clip: Clip {
            name,
            mixture: read("mixture")?,
            truths: vec![read("drums")?, read("rest")?],
            sources: parse_sources("drums,rest", &[])?,
            folder: folder.to_owned(),
        },
    })
}

fn measure(mixture: &Mixture, ways: &[Way]) -> Result<Measured> {
    let clip = &mixture.clip;
    let truths = downmix(&clip.truths);
    print!("{:<28}", clip.name);
    let mut sdr_db = Vec::with_capacity(ways.len());
    for way in ways {
        let stems = way.make(clip)?;
        let score = ours_mono(&truths, &ways::audible(&truths, downmix(&stems)))?;
        print!(" {score:6.2}");
        sdr_db.push(score);
    }
    println!();
    Ok(Measured {
        name: clip.name.clone(),
        about: mixture.about.clone(),
        set: mixture.set,
        has_bass: mixture.has_bass,
        sdr_db,
        heard: heard(clip)?,
    })
}

/// Ask the network about a mixture, and the true stems about its answer.
fn heard(clip: &Clip) -> Result<Heard> {
    let rate = clip.mixture.sample_rate();
    let stft = Stft::new(StftConfig::for_sample_rate(rate))?;
    let magnitudes = |audio: &Audio| -> Result<_> {
        let spectrogram =
            Spectrogram::of(audio, &stft, Quantity::Magnitude, Channels::Sum, &mut ())?;
        Ok(spectrogram.magnitudes())
    };
    let bin_hz = f64::from(rate) / stft.config().fft_len as f64;
    let hop_secs = stft.config().hop_len as f64 / f64::from(rate);
    let shares = ClassShares::of(magnitudes(&clip.mixture)?.view(), bin_hz, hop_secs);
    let as_class = |truth: &Audio| -> Result<Vec<f64>> {
        let energies = magnitudes(truth)?.mapv(|value| value * value);
        let all = f64::from(energies.sum()).max(1e-12);
        let of = |class| f64::from((&shares.share_of(&[class]) * &energies).sum()) / all;
        Ok(Class::ALL.map(of).to_vec())
    };
    let (drums, rest) = (as_class(&clip.truths[0])?, as_class(&clip.truths[1])?);
    let count = Class::DRUMS.len();
    let most = (0..count).max_by(|&a, &b| rest[a].total_cmp(&rest[b]));
    Ok(Heard {
        drums_missed: 1.0 - drums[..count].iter().sum::<f64>(),
        rest_taken: rest[..count].iter().sum(),
        taken_for: Class::ALL[most.unwrap_or(0)],
    })
}
