//! A project as it stands comes in; files of stems or components go out.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use unbraid::group::Grouping;
use unbraid::observe::{Observer, Progress, Stage};
use unbraid::sharing::StemsConfig;
use unbraid::stems::StemBlocks;
use unbraid::{Audio, Error};
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::{Metadata, OutputFormat, StemSet};

use crate::command;
use crate::failure::Failure;
use crate::fitted::Fitted;
use crate::project::Project;

/// What is to be written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// One file per source that has components.
    Stems,
    /// One file per component.
    Components,
}

/// An export, as the page asks for it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) what: What,
    #[serde(default)]
    pub(crate) format: OutputFormat,
    #[serde(default)]
    pub(crate) stems: StemsConfig,
}

/// Write the files; say their names, and the command that makes the same.
pub(crate) fn export(
    project: &Project,
    fitted: &Fitted,
    grouping: &Grouping,
    order: Order,
    observer: &mut dyn Observer,
) -> Result<Value, Failure> {
    let (folder_name, mut names, members): (_, Vec<String>, Vec<Vec<usize>>) = match order.what {
        What::Stems => {
            // A source without components is a silent file; nobody needs it.
            let sources = grouping.sources.iter().map(|source| source.name.clone());
            let (names, members) = sources
                .zip(grouping.members())
                .filter(|(_, members)| !members.is_empty())
                .unzip();
            ("stems", names, members)
        }
        What::Components => {
            let digits = (fitted.components() - 1).to_string().len().max(2);
            let (names, members) = (0..fitted.components())
                .map(|component| (format!("{component:0digits$}"), vec![component]))
                .unzip();
            ("components", names, members)
        }
    };
    if order.stems.residual {
        names.push("residual".to_owned());
    }
    let target = project.folder.join(folder_name);
    let folder = OutputFolder::create(&target, true)?;
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("{name}.{}", order.format.extension()))
        .collect();
    let paths: Vec<PathBuf> = files.iter().map(|file| folder.path().join(file)).collect();
    let sharing = fitted.factorization.sharing(&members, order.stems)?;
    // As the command line does: stems say of themselves what the recording says.
    let begin = project.input.start_secs * f64::from(project.audio.sample_rate());
    let (metadata, _) = Metadata::read(Path::new(&project.input.path)).unwrap_or_default();
    let metadata = metadata.in_span(begin.round() as u64, project.audio.len_samples() as u64);
    let mut attempt = |gain: f64| -> Result<f64, Failure> {
        let audio: &Audio = &project.audio;
        let (channels, len) = (audio.channels(), audio.len_samples());
        let rate = audio.sample_rate();
        let mut set =
            StemSet::create_with(&paths, order.format, rate, channels, len, gain, &metadata)?;
        let mut blocks = StemBlocks::new(audio, &sharing)?;
        let total = blocks.frames();
        while let Some(block) = blocks.next() {
            set.write(block.view())?;
            let done = blocks.frames_done();
            let progress = Progress {
                stage: Stage::Render,
                done,
                total,
                objective: None,
            };
            if observer.progress(&progress) == ControlFlow::Break(()) {
                return Err(Error::Cancelled.into());
            }
        }
        Ok(set.finish()?.peak)
    };
    let peak = attempt(1.0)?;
    let mut gain = 1.0;
    if peak > 1.0 && StemSet::clips(order.format) {
        // As the command line does: a hair less, so that rounding does not reach full scale again.
        gain = (1.0 - 1e-6) / peak;
        attempt(gain)?;
    }
    folder.commit()?;
    let project_folder = project.folder.display().to_string();
    let mut commands = vec![command::group(
        &project_folder,
        grouping,
        &order.stems,
        order.format,
    )];
    if let Some(config) = project.uncorrected(fitted) {
        commands.push(command::separate(
            &project.input.path,
            &config,
            project.audio.sample_rate(),
            grouping,
            &order.stems,
            order.format,
        ));
    }
    Ok(json!({
        "folder": target.display().to_string(),
        "files": files.iter().map(|file| format!("{folder_name}/{file}")).collect::<Vec<_>>(),
        "commands": if matches!(order.what, What::Stems) { commands } else { Vec::new() },
        "gain": gain,
    }))
}
