//! A project and a person's assignment come in; stems go out, without fitting again.

use std::path::{Path, PathBuf};

use unbraid::evidence::ClassShares;
use unbraid::factorize::Factorization;
use unbraid::group::{Basis, Grouping, Kind, Overrides, Source, group_by, parse_sources};
use unbraid::knowledge::hints::Hints;
use unbraid::sharing::{Hinted, Sharing};
use unbraid::{Audio, Spectrogram};
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::Span;
use unbraid_io::project::{
    Manifest, current_state, read_fit, read_manifest, state_folder, write_manifest,
};

use super::{compact, json, manifest, print_json, print_why};
use crate::args::{EvidenceArg, GroupArgs};
use crate::failure::Failure;
use crate::input::{self, Loaded};
use crate::output::say;
use crate::progress::Line;
use crate::render::{Original, Rendering, StemFile};

pub(crate) fn run(args: &GroupArgs) -> Result<(), Failure> {
    let overrides = Overrides::parse(&args.assign)?;
    let named = overrides.names();
    let sources = match &args.sources {
        Some(list) => parse_sources(list, &named)?,
        None if named.is_empty() => vec![Source::of(Kind::Drums), Source::of(Kind::Rest)],
        None => parse_sources(&named.join(","), &named)?,
    };
    let state = state_folder(&args.project, current_state(&args.project)?);
    let project = read_manifest(&state)?;
    let factorization = read_fit(&state)?;

    let target = args
        .output
        .clone()
        .unwrap_or_else(|| args.project.join("stems"));
    let folder = OutputFolder::create(&target, args.common.overwrite)?;
    let span = Span {
        start_secs: project.input.start_secs,
        duration_secs: project.input.duration_secs,
    };
    let path = recording_of(args.input.as_deref(), &args.project, &project)?;
    let Loaded {
        recording,
        input: found,
        metadata,
    } = input::load(&path, span)?;
    if found.sha256 != project.input.sha256 {
        return Err(Failure::usage(format!(
            "{} is not the recording that was factorised (its SHA-256 differs)",
            path.display()
        )));
    }
    let mut line = Line::new(&args.project.display().to_string(), args.common.quiet);
    let audio = &recording.audio;
    let spectrogram = factorization.spectrogram(audio, &mut line)?;
    let listener = Listener::new(args.evidence, &factorization, &spectrogram);
    let mut grouping = listener.group(&factorization, &sources, &overrides)?;
    drop(spectrogram);
    let stems = args.stems.config(false);
    let (hints, sharing) = hinted(args, &factorization, audio, span, &mut grouping)?;
    let rendering = Rendering {
        audio,
        sharing: sharing.as_ref(),
        format: args.stems.format,
        adds_up: true,
    };
    let original = Original {
        audio,
        metadata: &metadata,
    };
    let mut names: Vec<String> = grouping
        .sources
        .iter()
        .map(|source| source.name.clone())
        .collect();
    if stems.residual {
        names.push("residual".to_owned());
    }
    let files = StemFile::each(names);
    let written = rendering.write(folder.path(), &files, &original, &mut line)?;
    let mut settings = project.settings.clone();
    settings["sources"] = json(&grouping.sources)?;
    settings["overrides"] = json(&overrides)?;
    settings["stems"] = json(&stems)?;
    let result = manifest(
        "group",
        found,
        settings,
        Some(&factorization.fit),
        Some(grouping.clone()),
        (grouping.notes.iter().map(ToString::to_string))
            .chain(hints.notes())
            .collect(),
        written,
    );
    write_manifest(folder.path(), &result)?;
    folder.commit()?;
    line.finish();

    if args.common.json {
        return print_json(&result);
    }
    if !args.common.quiet {
        for (output, members) in result.outputs.iter().zip(grouping.members()) {
            say!(
                "{}  components {}",
                target.join(&output.path).display(),
                compact(&members)
            );
        }
        for note in &result.notes {
            say!("note: {note}");
        }
        if args.why {
            print_why(&grouping);
        }
    }
    Ok(())
}

/// What decides which component goes where.
pub(super) enum Listener<'a> {
    /// The network, and what it hears in the recording.
    Learnt(&'a Spectrogram, ClassShares),
    Features,
    Percussive,
}

impl<'a> Listener<'a> {
    /// Listen to the recording, if that is asked for.
    pub(super) fn new(
        evidence: EvidenceArg,
        factorization: &Factorization,
        spectrogram: &'a Spectrogram,
    ) -> Self {
        match evidence {
            EvidenceArg::Learnt => Self::Learnt(spectrogram, factorization.hear(spectrogram)),
            EvidenceArg::Features => Self::Features,
            EvidenceArg::None => Self::Percussive,
        }
    }

    /// Which component goes where.
    pub(super) fn group(
        &self,
        factorization: &Factorization,
        sources: &[Source],
        overrides: &Overrides,
    ) -> Result<Grouping, Failure> {
        let factors = factorization.factors();
        Ok(match self {
            Self::Learnt(spectrogram, heard) => {
                let classes = factorization.classes(spectrogram, heard)?;
                group_by(&factors, sources, overrides, Basis::Network(classes.view()))?
            }
            Self::Features => factorization.group(sources, overrides)?,
            Self::Percussive => group_by(&factors, sources, overrides, Basis::Percussive)?,
        })
    }
}

/// Weigh the hints into the grouping, and into how the recording is shared out.
fn hinted(
    args: &GroupArgs,
    factorization: &Factorization,
    audio: &Audio,
    span: Span,
    grouping: &mut Grouping,
) -> Result<(Hints, Box<dyn Sharing>), Failure> {
    let stems = args.stems.config(false);
    let names: Vec<&str> = grouping.sources.iter().map(|s| s.name.as_str()).collect();
    let hints = args.hints.clues(audio, span)?;
    let hints = hints.on(factorization.grid(), &names, audio)?;
    let hints = factorization.compared(hints, &grouping.members(), stems, audio)?;
    if !hints.is_empty() {
        grouping.lean(hints.leanings(&factorization.fit.model)?.view());
    }
    let mut sharing: Box<dyn Sharing> =
        Box::new(factorization.sharing(&grouping.members(), stems)?);
    if !hints.is_empty() {
        sharing = Box::new(Hinted::new(sharing, hints.clone(), stems.render)?);
    }
    Ok((hints, sharing))
}

/// Where the recording is: as said, as it was given, or as seen from the project.
pub(super) fn recording_of(
    said: Option<&Path>,
    folder: &Path,
    project: &Manifest,
) -> Result<PathBuf, Failure> {
    if let Some(path) = said {
        return Ok(path.to_owned());
    }
    let given = Path::new(&project.input.path);
    if !input::is_standard(given) {
        let beside = folder.parent().map(|parent| parent.join(given));
        if let Some(path) = [Some(given.to_owned()), beside]
            .into_iter()
            .flatten()
            .find(|p| p.exists())
        {
            return Ok(path);
        }
    }
    Err(Failure::usage(format!(
        "the recording `{}` is not there any more: say where it is with --input",
        given.display()
    )))
}
