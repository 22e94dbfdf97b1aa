//! A recording or a project comes in; a page that explains what was found in it goes out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use unbraid::factorize::{Factorization, factorize};
use unbraid::group::{Grouping, Kind, Overrides, Source, parse_sources};
use unbraid::{Audio, SeparateConfig, Window};
use unbraid_io::Error as IoError;
use unbraid_io::audio::Span;
use unbraid_io::project::{read_fit, read_manifest};
use unbraid_report::{ExplainPage, SourceOfComponents, explain_html};

use super::{compare, group};
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::input;
use crate::progress::Line;

/// Longer recordings make a page that browsers open slowly.
const MOST_SECS: f64 = 60.0;

pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    if args.output.exists() && !args.common.overwrite {
        let path = args.output.clone();
        return Err(IoError::Exists { path }.into());
    }
    let mut line = Line::new(&args.input.display().to_string(), args.common.quiet);
    let (audio, factorization, title) = if args.input.is_dir() {
        project(args)?
    } else {
        let (recording, _) = input::read(&args.input, args.common.span()?)?;
        let audio = recording.audio;
        refuse_length(&audio)?;
        let config = args.factorize.config(audio.sample_rate());
        let factorization = factorize(&audio, &config, &mut line)?;
        (audio, factorization, input::track_name(&args.input))
    };
    let stft = factorization.stft.config();
    if stft.window != Window::Hann || stft.window_len != stft.fft_len {
        return Err(Failure::usage(
            "the page can transform sound with a Hann window as long as the transform only: use --window hann",
        ));
    }
    let truths = match &args.references {
        Some(folder) => Some(compare::true_stems(
            folder,
            &[],
            &args.common,
            &audio,
            &args.input,
        )?),
        None => None,
    };
    let overrides = Overrides::parse(&args.assign)?;
    let sources = sources(
        args,
        &overrides,
        truths.as_ref().map(|(sources, _)| sources),
    )?;
    let grouping = factorization.group(&sources, &overrides)?;
    let found = match &truths {
        Some((sources, truths)) => {
            let config = SeparateConfig {
                factorize: args.factorize.config(audio.sample_rate()),
                sources: sources.clone(),
                ..SeparateConfig::default()
            };
            Some(compare::for_page(
                &audio,
                truths,
                &config,
                &factorization,
                &mut line,
            )?)
        }
        None => None,
    };
    let html = page(&title, &audio, &factorization, &grouping, found.as_ref())?;
    line.finish();
    write(&args.output, &html)?;
    if !args.common.quiet {
        println!(
            "{}  {:.1} MB: open it in a browser",
            args.output.display(),
            html.len() as f64 / 1e6
        );
    }
    Ok(())
}

fn page(
    title: &Path,
    audio: &Audio,
    factorization: &Factorization,
    grouping: &Grouping,
    found: Option<&compare::ForPage>,
) -> Result<String, Failure> {
    let model = &factorization.fit.model;
    let members = grouping.members();
    let sources: Vec<SourceOfComponents<'_>> = grouping
        .sources
        .iter()
        .zip(&members)
        .map(|(source, components)| SourceOfComponents {
            name: &source.name,
            components,
        })
        .collect();
    let reasons: Vec<String> = (0..model.components()).map(|k| grouping.why(k)).collect();
    let stft = factorization.stft.config();
    let fit = &factorization.fit;
    let made = format!(
        "{} {}: {} components, {} iterations, objective {:.4e} → {:.4e}; transform of {} samples, {} samples from frame to frame.",
        env!("CARGO_BIN_NAME"),
        env!("CARGO_PKG_VERSION"),
        model.components(),
        fit.iterations(),
        fit.objective.first().copied().unwrap_or(0.0),
        fit.final_objective(),
        stft.fft_len,
        stft.hop_len
    );
    let html = explain_html(&ExplainPage {
        title: &title.display().to_string(),
        samples: audio.samples(),
        templates: model.templates(),
        activations: model.activations(),
        sample_rate: audio.sample_rate(),
        fft_len: stft.fft_len,
        hop_len: stft.hop_len,
        sources: &sources,
        reasons: &reasons,
        purities: found.map(|found| &found.purities[..]),
        comparison_svg: found.map(|found| &found.chart[..]),
        onsets: found.map_or(&[], |found| &found.onsets),
        made: &made,
    });
    Ok(html.context("cannot write the page")?)
}

/// The recording and the fit of a project folder.
fn project(args: &ExplainArgs) -> Result<(Audio, Factorization, PathBuf), Failure> {
    let manifest = read_manifest(&args.input)?;
    let factorization = read_fit(&args.input)?;
    let path = group::recording_of(args.recording.as_deref(), &args.input, &manifest)?;
    let span = Span {
        start_secs: manifest.input.start_secs,
        duration_secs: manifest.input.duration_secs,
    };
    let (recording, found) = input::read(&path, span)?;
    if found.sha256 != manifest.input.sha256 {
        return Err(Failure::usage(format!(
            "{} is not the recording that was factorised (its SHA-256 differs)",
            path.display()
        )));
    }
    refuse_length(&recording.audio)?;
    Ok((recording.audio, factorization, input::track_name(&path)))
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

fn sources(
    args: &ExplainArgs,
    overrides: &Overrides,
    known: Option<&Vec<Source>>,
) -> Result<Vec<Source>, Failure> {
    let named = overrides.names();
    match (&args.sources, known) {
        (Some(list), _) => Ok(parse_sources(list, &named)?),
        (None, Some(known)) => Ok(known.clone()),
        (None, None) if !named.is_empty() => Ok(parse_sources(&named.join(","), &named)?),
        (None, None) => Ok(vec![Source::of(Kind::Drums), Source::of(Kind::Rest)]),
    }
}

/// Whole or not at all.
fn write(path: &Path, html: &str) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write in {}", folder.display()))?;
    fs::write(file.path(), html).with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path)
        .map_err(|error| anyhow::Error::new(error.error))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
