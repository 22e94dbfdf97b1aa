//! A project and what has changed come in; its next state goes out: the fit, gone on from where it stood, and its stems.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use unbraid::factorize::{Factorization, FactorizeConfig};
use unbraid::fit::FitConfig;
use unbraid::group::{Grouping, Kind, Overrides, Source, parse_sources};
use unbraid::knowledge::hints::Hints;
use unbraid::refit::{Wish, owners};
use unbraid::sharing::{Hinted, Sharing};
use unbraid::{Audio, Spectrogram};
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::{Metadata, Span};
use unbraid_io::project::{
    Manifest, current_state, next_state, read_fit, read_manifest, set_current_state, state_folder,
    write_fit, write_manifest,
};

use super::group::{Listener, recording_of};
use super::{compact, json, manifest, print_json};
use crate::args::RefitArgs;
use crate::failure::Failure;
use crate::input::{self, Loaded};
use crate::output::say;
use crate::progress::Line;
use crate::render::{Original, Rendering, StemFile};

pub(crate) fn run(args: &RefitArgs) -> Result<(), Failure> {
    if let Some(state) = args.to {
        set_current_state(&args.project, state)?;
        if !args.common.quiet {
            say!("{}: now at state {state}", args.project.display());
        }
        return Ok(());
    }
    let from = match args.from {
        Some(state) => state,
        None => current_state(&args.project)?,
    };
    let before = state_folder(&args.project, from);
    let project = read_manifest(&before)?;
    let factorization = read_fit(&before)?;
    let overrides = overrides(args, &project)?;
    let sources = sources(args, &project, &overrides)?;
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
    let audio = &recording.audio;
    let mut line = Line::new(&args.project.display().to_string(), args.common.quiet);
    let spectrogram = factorization.spectrogram(audio, &mut line)?;
    let listener = Listener::new(args.evidence, &factorization, &spectrogram);
    let mut grouping = listener.group(&factorization, &sources, &overrides)?;
    let names: Vec<String> = grouping.sources.iter().map(|s| s.name.clone()).collect();
    let hints = args.hints.clues(audio, span)?;
    let given = hints.on(factorization.grid(), &names, audio)?;
    let hints = lean(&mut grouping, given.clone(), &factorization, audio, args)?;

    let mut next = Next {
        args,
        hints,
        spectrogram: &spectrogram,
        metadata: &metadata,
        fit: stored_fit(&project, args.iterations)?,
    };
    let overrides = next.overrides_after(&grouping, overrides)?;
    let factorization = next.fit_on(factorization, &grouping, &mut line)?;
    let mut grouping = listener.group(&factorization, &sources, &overrides)?;
    // The fit obeys some of it already.
    next.hints = lean(&mut grouping, given, &factorization, audio, args)?;

    let (state, target) = next_state(&args.project)?;
    let folder = OutputFolder::create(&target, false)?;
    let mut settings = project.settings.clone();
    settings["sources"] = json(&grouping.sources)?;
    settings["overrides"] = json(&overrides)?;
    settings["refit"] = serde_json::json!({
        "from": from,
        "iterations": args.iterations,
        "split": args.split,
        "merge": args.merge,
        "hint": args.hints.hint,
        "hint_strength": args.hints.hint_strength,
        "regions": args.hints.regions,
    });
    let result = next.write(
        folder.path(),
        audio,
        &factorization,
        &grouping,
        found,
        settings,
        &mut line,
    )?;
    folder.commit()?;
    set_current_state(&args.project, state)?;
    line.finish();
    if args.common.json {
        return print_json(&result);
    }
    if !args.common.quiet {
        print(state, from, &target, &result, &grouping, &line);
    }
    Ok(())
}

/// Weigh hints against what is heard without them, and into whose every component is.
fn lean(
    grouping: &mut Grouping,
    hints: Hints,
    factorization: &Factorization,
    audio: &Audio,
    args: &RefitArgs,
) -> Result<Hints, Failure> {
    let stems = args.stems.config(false);
    let hints = factorization.compared(hints, &grouping.members(), stems, audio)?;
    if !hints.is_empty() {
        grouping.lean(hints.leanings(&factorization.fit.model)?.view());
    }
    Ok(hints)
}

/// Everything a refit goes by.
struct Next<'a> {
    args: &'a RefitArgs,
    hints: Hints,
    spectrogram: &'a Spectrogram,
    fit: FitConfig,
    metadata: &'a Metadata,
}

impl Next<'_> {
    fn fit_on(
        &self,
        before: Factorization,
        grouping: &Grouping,
        line: &mut Line,
    ) -> Result<Factorization, Failure> {
        let (wish, owners) = (self.args.wish(), owners(grouping));
        Ok(wish.fulfil(
            before,
            self.spectrogram,
            &self.hints,
            owners,
            &self.fit,
            line,
        )?)
    }

    /// Components keep their sources where numbers move or new ones come.
    fn overrides_after(
        &self,
        grouping: &Grouping,
        overrides: Overrides,
    ) -> Result<Overrides, Failure> {
        let wish = self.args.wish();
        if wish == Wish::On {
            return Ok(overrides);
        }
        let owners = wish.carried(owners(grouping), grouping.sources.len(), |source| source);
        let assign: Vec<String> = (owners.iter().enumerate())
            .map(|(component, &owner)| format!("{}={component}", grouping.sources[owner].name))
            .collect();
        Ok(Overrides::parse(&assign)?)
    }

    #[expect(clippy::too_many_arguments, reason = "all that a state is")]
    fn write(
        &self,
        folder: &Path,
        audio: &Audio,
        factorization: &Factorization,
        grouping: &Grouping,
        input: unbraid_io::project::Input,
        settings: Value,
        line: &mut Line,
    ) -> Result<Manifest, Failure> {
        let stems = self.args.stems.config(self.fit.portable);
        let mut sharing: Box<dyn Sharing> =
            Box::new(factorization.sharing(&grouping.members(), stems)?);
        if !self.hints.is_empty() {
            sharing = Box::new(Hinted::new(sharing, self.hints.clone(), stems.render)?);
        }
        let mut names: Vec<String> = grouping.sources.iter().map(|s| s.name.clone()).collect();
        if stems.residual {
            names.push("residual".to_owned());
        }
        let sounds = folder.join("stems");
        fs::create_dir(&sounds).context("cannot make the folder of stems")?;
        let rendering = Rendering {
            audio,
            sharing: sharing.as_ref(),
            format: self.args.stems.format,
            adds_up: true,
        };
        let original = Original {
            audio,
            metadata: self.metadata,
        };
        let mut written = rendering.write(&sounds, &StemFile::each(names), &original, line)?;
        for output in &mut written.outputs {
            output.path = format!("stems/{}", output.path);
        }
        write_fit(folder, factorization)?;
        let notes = grouping.notes.iter().map(ToString::to_string);
        let notes = notes.chain(self.hints.notes()).collect();
        let fit = Some(&factorization.fit);
        let result = manifest(
            "refit",
            input,
            settings,
            fit,
            Some(grouping.clone()),
            notes,
            written,
        );
        write_manifest(folder, &result)?;
        Ok(result)
    }
}

impl RefitArgs {
    /// What is wanted of the fit.
    fn wish(&self) -> Wish {
        match self.split {
            Some(component) => Wish::Split(component),
            None if self.merge.is_empty() => Wish::On,
            None => Wish::Merge(self.merge.clone()),
        }
    }
}

/// What a person assigned, before and now.
fn overrides(args: &RefitArgs, project: &Manifest) -> Result<Overrides, Failure> {
    let now = Overrides::parse(&args.assign)?;
    let Some(stored) = project.settings.get("overrides") else {
        return Ok(now);
    };
    let mut before: Overrides = serde_json::from_value(stored.clone()).map_err(|error| {
        Failure::Other(anyhow::Error::new(error).context("the project's `overrides` are damaged"))
    })?;
    if let Some(list) = &args.sources {
        // What was given to a source that is no longer asked for is free again.
        let named = [before.names(), now.names()].concat();
        before = before.clone().only(&parse_sources(list, &named)?);
    }
    Ok(before.followed_by(now))
}

fn sources(
    args: &RefitArgs,
    project: &Manifest,
    overrides: &Overrides,
) -> Result<Vec<Source>, Failure> {
    let named = overrides.names();
    match (&args.sources, &project.grouping) {
        (Some(list), _) => Ok(parse_sources(list, &named)?),
        (None, Some(grouping)) => Ok(grouping.sources.clone()),
        (None, None) if !named.is_empty() => Ok(parse_sources(&named.join(","), &named)?),
        (None, None) => Ok(vec![Source::of(Kind::Drums), Source::of(Kind::Rest)]),
    }
}

/// The fit's settings as stored, with other iterations.
fn stored_fit(project: &Manifest, iterations: usize) -> Result<FitConfig, Failure> {
    let stored = project
        .settings
        .get("factorize")
        .cloned()
        .unwrap_or_default();
    let config: FactorizeConfig = serde_json::from_value(stored).map_err(|error| {
        Failure::Other(anyhow::Error::new(error).context("the project's settings are damaged"))
    })?;
    Ok(FitConfig {
        iterations,
        ..config.blind.fit
    })
}

fn print(
    state: usize,
    from: usize,
    target: &Path,
    result: &Manifest,
    grouping: &Grouping,
    line: &Line,
) {
    let secs = line.elapsed().as_secs_f64();
    say!("state {state}, from state {from}, in {secs:.1} s");
    if let Some(objective) = &result.objective {
        say!(
            "  {} iterations in all, objective {:.4e} → {:.4e}",
            objective.iterations,
            objective.first,
            objective.last
        );
    }
    for (output, members) in result.outputs.iter().zip(grouping.members()) {
        say!(
            "  {}  components {}",
            target.join(&output.path).display(),
            compact(&members)
        );
    }
    for note in &result.notes {
        say!("  note: {note}");
    }
}
