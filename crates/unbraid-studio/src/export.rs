//! A project as it stands comes in; files of stems, components or music go out.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use unbraid::group::Grouping;
use unbraid::knowledge::hints::{Hints, Regions};
use unbraid::knowledge::{Note, Score};
use unbraid::observe::{Observer, Progress, Stage};
use unbraid::sharing::{Hinted, Sharing, StemsConfig};
use unbraid::stems::StemBlocks;
use unbraid::{Audio, Error};
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::{Metadata, OutputFormat, StemSet};
use unbraid_io::knowledge::{write_melody_csv, write_midi, write_notes_csv, write_regions};

use crate::command;
use crate::failure::Failure;
use crate::project::{Project, REGIONS};
use crate::state::State;

/// What is to be written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// One file per source that has components.
    Stems,
    /// One file per component.
    Components,
    /// The notes of every source as MIDI and CSV, and what was given or heard of a singer's pitch.
    Music,
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
    state: &State,
    grouping: &Grouping,
    order: Order,
    observer: &mut dyn Observer,
) -> Result<Value, Failure> {
    // A source without components is a silent file; nobody needs it.
    let filled: Vec<(usize, Vec<usize>)> = (grouping.members().into_iter().enumerate())
        .filter(|(_, members)| !members.is_empty())
        .collect();
    let (folder_name, mut names, sharing, commands) = match order.what {
        What::Music => return music(project, state, grouping),
        What::Stems => stems(project, state, grouping, &filled, order)?,
        What::Components => components(project, state, grouping, &filled, order)?,
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
    let metadata = metadata(project);
    let mut attempt = |gain: f64| -> Result<f64, Failure> {
        let audio: &Audio = &project.audio;
        let (channels, len, rate) = (audio.channels(), audio.len_samples(), audio.sample_rate());
        let mut set =
            StemSet::create_with(&paths, order.format, rate, channels, len, gain, &metadata)?;
        let mut blocks = StemBlocks::new(audio, sharing.as_ref())?;
        while let Some(block) = blocks.next() {
            set.write(block.view())?;
            let progress = Progress {
                stage: Stage::Render,
                done: blocks.frames_done(),
                total: blocks.frames(),
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
    Ok(json!({
        "folder": target.display().to_string(),
        "files": files.iter().map(|file| format!("{folder_name}/{file}")).collect::<Vec<_>>(),
        "commands": commands,
        "gain": gain,
    }))
}

/// What the recording's file says beside its samples: stems say the same of themselves, as the command line's do.
fn metadata(project: &Project) -> Metadata {
    let begin = project.input.start_secs * f64::from(project.audio.sample_rate());
    let (metadata, _) = Metadata::read(Path::new(&project.input.path)).unwrap_or_default();
    metadata.in_span(begin.round() as u64, project.audio.len_samples() as u64)
}

/// Files to write: their folder, their names, how the recording is shared out among them, and what makes the same.
type Files = (&'static str, Vec<String>, Box<dyn Sharing>, Vec<String>);

fn stems(
    project: &Project,
    state: &State,
    grouping: &Grouping,
    filled: &[(usize, Vec<usize>)],
    order: Order,
) -> Result<Files, Failure> {
    let name = |at: &usize| grouping.sources[*at].name.clone();
    let names: Vec<String> = filled.iter().map(|(at, _)| name(at)).collect();
    let members: Vec<Vec<usize>> = filled.iter().map(|(_, members)| members.clone()).collect();
    let groups = Groups {
        names: &names,
        members: &members,
    };
    let owners = (0..filled.len()).collect();
    let (sharing, drawn) = under_regions((project, state), &members, owners, groups, order)?;
    let mut file = None;
    if let Some(regions) = drawn {
        let path = project.folder.join(REGIONS);
        write_regions(&path, &regions)?;
        file = Some(path.display().to_string());
    }
    let commands = commands(project, state, grouping, order, file.as_deref());
    Ok(("stems", names, sharing, commands))
}

fn components(
    project: &Project,
    state: &State,
    grouping: &Grouping,
    filled: &[(usize, Vec<usize>)],
    order: Order,
) -> Result<Files, Failure> {
    let sources: Vec<String> = (filled.iter())
        .map(|(at, _)| grouping.sources[*at].name.clone())
        .collect();
    let count = state.fitted.components();
    let digits = (count - 1).to_string().len().max(2);
    let owner = |component: usize| {
        let owns = |(_, members): &(usize, Vec<usize>)| members.contains(&component);
        filled.iter().position(owns).unwrap_or(0)
    };
    let members: Vec<Vec<usize>> = (0..count).map(|component| vec![component]).collect();
    let owners = (0..count).map(owner).collect();
    let groups: Vec<Vec<usize>> = filled.iter().map(|(_, members)| members.clone()).collect();
    let groups = Groups {
        names: &sources,
        members: &groups,
    };
    let (sharing, _) = under_regions((project, state), &members, owners, groups, order)?;
    let names = (0..count)
        .map(|component| format!("{component:0digits$}"))
        .collect();
    Ok(("components", names, sharing, Vec::new()))
}

/// The sources that are written, and the components of each.
#[derive(Clone, Copy)]
struct Groups<'a> {
    names: &'a [String],
    members: &'a [Vec<usize>],
}

/// How `parts`, some components each, share the recording out where something is drawn, and what of it counts; `owners` has
/// the source of every part.
fn under_regions(
    (project, state): (&Project, &State),
    parts: &[Vec<usize>],
    owners: Vec<usize>,
    groups: Groups<'_>,
    order: Order,
) -> Result<(Box<dyn Sharing>, Option<Regions>), Failure> {
    let factorization = &state.fitted.factorization;
    let sharing: Box<dyn Sharing> = Box::new(factorization.sharing(parts, order.stems)?);
    let regions = regions_of(&state.edits.regions, groups.names);
    let hints = Hints::new(factorization.grid(), groups.names)?.with_regions(&regions)?;
    if hints.is_empty() {
        return Ok((sharing, None));
    }
    let hints = factorization.compared(hints, groups.members, order.stems, &project.audio)?;
    let hinted = Hinted::of_parts(sharing, hints, owners, order.stems.render)?;
    Ok((Box::new(hinted), Some(regions)))
}

/// The regions of some sources.
fn regions_of(regions: &Regions, sources: &[String]) -> Regions {
    let known = |name: &String| sources.contains(name);
    let mut regions = regions.clone();
    regions.boxes.retain(|area| known(&area.source));
    regions.strokes.retain(|stroke| known(&stroke.source));
    regions
}

/// What makes the same stems: from the project, and from the recording where all that was done is known.
fn commands(
    project: &Project,
    state: &State,
    grouping: &Grouping,
    order: Order,
    regions: Option<&str>,
) -> Vec<String> {
    let (input, settings) = (&project.input, &state.settings);
    let (stems, format) = (&order.stems, order.format);
    let sources = command::sources(grouping);
    let folder = project.folder.display().to_string();
    let group = |folder: &str| command::group(folder, &sources, regions, stems, format);
    let mut commands = vec![group(&folder)];
    match &state.made {
        None => {}
        Some(made) if made.is_empty() && regions.is_none() => {
            commands.push(command::separate(input, settings, &sources, stems, format));
        }
        Some(made) => {
            let again = format!("{}-again.unbraid", project.name);
            let mut lines = vec![command::factorize(input, settings, &again)];
            lines.extend(
                made.iter()
                    .map(|made| command::refit(&again, made, &project.folder)),
            );
            lines.push(group(&again));
            commands.push(lines.join("\n"));
        }
    }
    commands
}

/// Write the notes that the components of each source play, and what was given or heard beside them.
fn music(project: &Project, state: &State, grouping: &Grouping) -> Result<Value, Failure> {
    let target = project.folder.join("music");
    let folder = OutputFolder::create(&target, true)?;
    let mut files = Vec::new();
    let mut notes = |name: &str, score: &Score| -> Result<(), Failure> {
        write_midi(&folder.path().join(format!("{name}.mid")), score)?;
        write_notes_csv(&folder.path().join(format!("{name}.csv")), score)?;
        files.extend(["mid", "csv"].map(|ending| format!("music/{name}.{ending}")));
        Ok(())
    };
    let written = state.fitted.notes(grouping);
    for (at, source) in grouping.sources.iter().enumerate() {
        let own = |note: &&Note| grouping.components[note.track].source == at;
        let score = Score {
            notes: written.iter().filter(own).copied().collect(),
            ..Score::default()
        };
        if !score.notes.is_empty() {
            notes(&source.name, &score)?;
        }
    }
    let given = &state.edits.music;
    if let Some(score) = given.score() {
        notes("notes", &score)?;
    }
    if let Some(melody) = given.melody()? {
        write_melody_csv(&folder.path().join("f0.csv"), &melody)?;
        files.push("music/f0.csv".to_owned());
    }
    if files.is_empty() {
        return Err(Failure::Refused(
            "no component has a pitch, and no notes or pitch were given: there is nothing to write"
                .to_owned(),
        ));
    }
    folder.commit()?;
    Ok(json!({
        "folder": target.display().to_string(),
        "files": files,
        "commands": [],
        "gain": 1.0,
    }))
}
