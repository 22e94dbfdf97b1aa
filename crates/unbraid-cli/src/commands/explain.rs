//! A recording or a folder of results comes in; a page that explains what was found in it goes out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use unbraid::baseline::Task;
use unbraid::factorize::{Factorization, factorize};
use unbraid::group::{Grouping, Kind, Overrides, Source, parse_sources};
use unbraid::separate::{Recipe, recipe};
use unbraid::sharing::{Sharing, StemsConfig};
use unbraid::stems::StemBlocks;
use unbraid::{Audio, SeparateConfig, Separation, separate};
use unbraid_io::atomic::OutputFile;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::read_dictionary;
use unbraid_io::project::{MANIFEST, Manifest, read_fit, read_manifest};
use unbraid_report::{ExplainPage, MethodScores, Truth, dictionary_html, explain_html};

use super::info::{dictionary_lines, is_dictionary};
use super::separate::{Asked, Knowledge, config_of, settings};
use super::{compare, group};
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::input;
use crate::output::say;
use crate::progress::Line;

/// Longer recordings make a page that browsers open slowly.
const MOST_SECS: f64 = 60.0;

/// The folder that `unbraid group` writes into a project.
const STEMS: &str = "stems";

/// What the page is about.
struct Explained {
    title: String,
    audio: Audio,
    config: SeparateConfig,
    factorization: Factorization,
    grouping: Grouping,
    sharing: Box<dyn Sharing>,
    notes: Vec<String>,
    /// Whether the components are those that the stems were made from.
    from_components: bool,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    if is_dictionary(&args.input) {
        let html = dictionary(&args.input)?;
        let file = OutputFile::create(&args.output, args.common.overwrite)?;
        return write(args, file, &html);
    }
    let file = OutputFile::create(&args.output, args.common.overwrite)?;
    let mut line = Line::new(&args.input.display().to_string(), args.common.quiet);
    let explained = if args.input.is_dir() {
        from_folder(args, &mut line)?
    } else {
        from_recording(args, &mut line)?
    };
    let known = truth(args, &explained, &mut line)?;
    let html = page(&explained, known.as_ref())?;
    line.finish();
    write(args, file, &html)
}

/// A page about what `unbraid learn` wrote.
fn dictionary(path: &Path) -> Result<String, Failure> {
    let dictionary = read_dictionary(path)?;
    let title = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let lines = dictionary_lines(&dictionary);
    Ok(dictionary_html(&title, &lines, &dictionary).context("cannot draw the dictionary")?)
}

fn write(args: &ExplainArgs, file: OutputFile, html: &str) -> Result<(), Failure> {
    fs::write(file.path(), html)
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    file.commit()?;
    if !args.common.quiet {
        say!(
            "{}  {:.1} MB: open it in a browser",
            args.output.display(),
            html.len() as f64 / 1e6
        );
    }
    Ok(())
}

/// Separate a recording as `unbraid separate` would.
fn from_recording(args: &ExplainArgs, line: &mut Line) -> Result<Explained, Failure> {
    let (recording, _) = input::read(&args.input, args.common.span()?)?;
    let audio = recording.audio;
    refuse_length(&audio)?;
    let overrides = Overrides::parse(&args.assign)?;
    let sources = match (&args.sources, &args.references) {
        (None, Some(folder)) => {
            compare::true_stems(folder, &args.map, &args.common, &audio, &args.input)?.0
        }
        _ => named_sources(args, &overrides)?,
    };
    let known = Knowledge::read(&args.knowledge, &sources)?;
    let asked = Asked {
        factorize: &args.factorize,
        knowledge: &args.knowledge,
        known: &known,
        effort: &args.effort,
        stems: StemsConfig {
            portable: args.factorize.portable,
            ..StemsConfig::default()
        },
        exponent_chosen: false,
    };
    let config = settings(&asked, &sources, &overrides, audio.sample_rate());
    separated(audio, config, &input::track_name(&args.input), line)
}

/// What separating by these settings finds; a recipe without components of its own is shown beside free ones.
fn separated(
    audio: Audio,
    config: SeparateConfig,
    title: &Path,
    line: &mut Line,
) -> Result<Explained, Failure> {
    let Separation {
        sources,
        components,
        notes,
        sharing,
        ..
    } = separate(&audio, &config, line)?;
    let from_components = components.is_some();
    let (factorization, grouping) = if let Some(found) = components {
        found
    } else {
        let factorization = factorize(&audio, &config.factorize, line)?;
        let grouping = factorization.group(&sources, &Overrides::none())?;
        (factorization, grouping)
    };
    Ok(Explained {
        title: title.display().to_string(),
        audio,
        config,
        factorization,
        grouping,
        sharing,
        notes,
        from_components,
    })
}

/// What a command wrote: the fit of a project, grouped as it was, or the settings of a separation.
fn from_folder(args: &ExplainArgs, line: &mut Line) -> Result<Explained, Failure> {
    let manifest = read_manifest(&args.input)?;
    let path = group::recording_of(args.recording.as_deref(), &args.input, &manifest)?;
    let span = Span {
        start_secs: manifest.input.start_secs,
        duration_secs: manifest.input.duration_secs,
    };
    let (recording, found) = input::read(&path, span)?;
    if found.sha256 != manifest.input.sha256 {
        return Err(Failure::usage(format!(
            "{} is not the recording of {} (its SHA-256 differs)",
            path.display(),
            args.input.display()
        )));
    }
    let audio = recording.audio;
    refuse_length(&audio)?;
    let title = input::track_name(&path);
    if manifest.command == "separate" {
        return from_separation(args, &manifest, audio, &title, line);
    }
    let folder = project_of(&args.input, &manifest);
    let factorization = read_fit(&folder)?;
    let overrides = Overrides::parse(&args.assign)?;
    let grouped = grouping_of(args, &folder, manifest)?;
    let (grouping, stems) = if let Some(found) = grouped {
        found
    } else {
        let sources = named_sources(args, &overrides)?;
        (
            factorization.group(&sources, &overrides)?,
            StemsConfig::default(),
        )
    };
    let sharing = factorization.sharing(
        &grouping.members(),
        StemsConfig {
            residual: false,
            ..stems
        },
    )?;
    Ok(Explained {
        title: title.display().to_string(),
        notes: grouping.notes.iter().map(ToString::to_string).collect(),
        config: SeparateConfig {
            sources: grouping.sources.clone(),
            stems,
            ..SeparateConfig::default()
        },
        audio,
        factorization,
        grouping,
        sharing: Box::new(sharing),
        from_components: true,
    })
}

/// The folder with the fit: that of `unbraid factorize`, also if a folder of stems in it is meant.
fn project_of(folder: &Path, manifest: &Manifest) -> PathBuf {
    match folder.parent() {
        Some(parent) if manifest.command == "group" && parent.join(MANIFEST).exists() => {
            parent.to_owned()
        }
        _ => folder.to_owned(),
    }
}

/// What `unbraid group` decided about a project, unless the command line says otherwise.
fn grouping_of(
    args: &ExplainArgs,
    folder: &Path,
    manifest: Manifest,
) -> Result<Option<(Grouping, StemsConfig)>, Failure> {
    if args.sources.is_some() || !args.assign.is_empty() {
        return Ok(None);
    }
    let manifest = match manifest.grouping {
        Some(_) => manifest,
        None if folder.join(STEMS).join(MANIFEST).exists() => read_manifest(&folder.join(STEMS))?,
        None => return Ok(None),
    };
    let stems = serde_json::from_value(manifest.settings["stems"].clone()).unwrap_or_default();
    Ok(manifest.grouping.map(|grouping| (grouping, stems)))
}

/// Separate again by the settings that were written down, and see that the stems are those that were written.
fn from_separation(
    args: &ExplainArgs,
    manifest: &Manifest,
    audio: Audio,
    title: &Path,
    line: &mut Line,
) -> Result<Explained, Failure> {
    if args.sources.is_some() || !args.assign.is_empty() {
        return Err(Failure::usage(format!(
            "{} is separated already, with its own sources: to explain other ones, give the recording",
            args.input.display()
        )));
    }
    let mut config = config_of(&manifest.settings).with_context(|| {
        format!(
            "the settings in {} cannot be used again",
            args.input.display()
        )
    })?;
    config.stems.residual = false;
    let explained = separated(audio, config, title, line)?;
    let stems = StemBlocks::new(&explained.audio, explained.sharing.as_ref())?.collect_audio()?;
    for (source, stem) in explained.grouping.sources.iter().zip(&stems) {
        let is_of = |path: &Path| {
            path.file_stem()
                .is_some_and(|name| name == source.name.as_str())
        };
        let written = manifest
            .outputs
            .iter()
            .map(|output| args.input.join(&output.path));
        let Some(path) = written
            .into_iter()
            .find(|path| is_of(path) && path.exists())
        else {
            continue;
        };
        let written = read_audio(&path, Span::default())?.audio;
        if !alike(&written, stem, manifest.gain as f32) {
            return Err(Failure::Other(anyhow!(
                "{} is not what the settings in {} make: it was made with a dictionary, hints or by another version. Give \
                 the recording and the same options instead",
                path.display(),
                args.input.join(MANIFEST).display()
            )));
        }
    }
    Ok(explained)
}

/// Whether two stems differ by less than a thousandth of the energy.
fn alike(written: &Audio, made: &Audio, gain: f32) -> bool {
    if written.samples().dim() != made.samples().dim() {
        return false;
    }
    let (mut error, mut energy) = (0.0_f64, 1e-9_f64);
    for (&written, &made) in written.samples().iter().zip(made.samples()) {
        error += f64::from(written - gain * made).powi(2);
        energy += f64::from(written).powi(2);
    }
    error < 1e-3 * energy
}

/// The true stems in the order of the sources, and what is measured with them.
struct Known {
    stems: Vec<Audio>,
    found: compare::ForPage,
}

fn truth(
    args: &ExplainArgs,
    explained: &Explained,
    line: &mut Line,
) -> Result<Option<Known>, Failure> {
    let Some(folder) = &args.references else {
        return Ok(None);
    };
    let (names, stems) = compare::true_stems(
        folder,
        &args.map,
        &args.common,
        &explained.audio,
        &args.input,
    )?;
    let sources = &explained.grouping.sources;
    let ordered: Option<Vec<Audio>> = sources
        .iter()
        .map(|source| {
            let at = names.iter().position(|name| name.name == source.name)?;
            Some(stems[at].clone())
        })
        .collect();
    let stems = match ordered {
        Some(ordered) if stems.len() == sources.len() => ordered,
        _ => {
            let list = |all: &[Source]| {
                let names: Vec<&str> = all.iter().map(|source| source.name.as_str()).collect();
                names.join(", ")
            };
            return Err(Failure::usage(format!(
                "the true stems in {} are {}, but the sources are {}: they must be the same",
                folder.display(),
                list(&names),
                list(sources)
            )));
        }
    };
    let config = SeparateConfig {
        sources: sources.clone(),
        ..explained.config.clone()
    };
    let task = Task::new(&explained.audio, &stems, &config);
    let made = StemBlocks::new(&explained.audio, explained.sharing.as_ref())?.collect_audio()?;
    let members = explained.grouping.members();
    let found = compare::for_page(&task, &explained.factorization, &members, &made, line)?;
    Ok(Some(Known { stems, found }))
}

fn page(explained: &Explained, known: Option<&Known>) -> Result<String, Failure> {
    let methods: Vec<MethodScores<'_>> = known
        .iter()
        .flat_map(|known| &known.found.methods)
        .map(|method| MethodScores {
            name: method.name,
            about: method.about,
            oracle: method.oracle,
            sources_db: &method.sources_db,
        })
        .collect();
    let stft = explained.factorization.stft.config();
    let fit = &explained.factorization.fit;
    let made = format!(
        "{} {}. The components: {} of them, {} iterations, objective {:.4e} → {:.4e}; transform of {} samples, {} samples from frame to frame, \
         Hann window. The page holds the recording in 16 bits and computes every sound and picture from it when you ask; it sends and loads nothing.",
        env!("CARGO_BIN_NAME"),
        env!("CARGO_PKG_VERSION"),
        fit.model.components(),
        fit.iterations(),
        fit.objective.first().copied().unwrap_or(0.0),
        fit.final_objective(),
        stft.fft_len,
        stft.hop_len
    );
    let html = explain_html(&ExplainPage {
        title: &explained.title,
        audio: &explained.audio,
        factorization: &explained.factorization,
        grouping: &explained.grouping,
        sharing: explained.sharing.as_ref(),
        recipe: &recipe_words(explained),
        notes: &explained.notes,
        truth: known.map(|known| Truth {
            stems: &known.stems,
            energies: &known.found.energies,
            methods: &methods,
            onsets: &known.found.onsets,
        }),
        made: &made,
    });
    Ok(html.context("cannot write the page")?)
}

/// How the stems come out of the components, or why they do not.
fn recipe_words(explained: &Explained) -> String {
    let config = &explained.config;
    match recipe(config) {
        Recipe::SingerAndPiano => "For one singer and one piano, the components above only show the principle, and where it ends: a voice never holds still, so no fixed spectrum fits it, and the \
             program knows better. It has a model of each. The piano is made of the spectra of recorded notes, which stay as they are, so that only its H is sought. The voice is a pitch, tracked from moment to moment, and a \
             filter that shapes it into vowels. Both are fitted to V together, several times over, and the stems are cut out with the mean of their masks."
            .to_owned(),
        Recipe::Informed if !config.instruments.is_empty() => {
            let names: Vec<String> = config
                .instruments
                .iter()
                .map(|it| format!("`{}`", it.source))
                .collect();
            format!(
                "The components above only show the principle. Here something was known beforehand: how {} sounds, note by note. Those spectra stand ready in W and stay as they are, so that only their H is sought; free components take up \
                 what they leave. The stems are cut out with the masks of that model.",
                names.join(", ")
            )
        }
        Recipe::Drums if explained.from_components => "Here the groups above are only the beginning. A small neural network, which learnt from other recordings what drums look like, also says how much of every spot is drums; its opinion and the groups' are averaged. From that \
             guess the program fits components to either share anew, first apart and then together, several times over, and cuts the stems out with the mean of the masks."
            .to_owned(),
        _ if !explained.from_components => {
            "The components above only show the principle: the stems were made by a model of their own, and cut out with its masks.".to_owned()
        }
        _ => "The stems were not cut out with the plain shares of these components, but with the masks shown here.".to_owned(),
    }
}

fn refuse_length(audio: &Audio) -> Result<(), Failure> {
    if audio.duration_secs() <= MOST_SECS {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the recording lasts {:.0} s, but a page holds at most {MOST_SECS:.0} s: choose a part with --start and --duration",
        audio.duration_secs()
    )))
}

fn named_sources(args: &ExplainArgs, overrides: &Overrides) -> Result<Vec<Source>, Failure> {
    let named = overrides.names();
    match &args.sources {
        Some(list) => Ok(parse_sources(list, &named)?),
        None if !named.is_empty() => Ok(parse_sources(&named.join(","), &named)?),
        None => Ok(vec![Source::of(Kind::Drums), Source::of(Kind::Rest)]),
    }
}
