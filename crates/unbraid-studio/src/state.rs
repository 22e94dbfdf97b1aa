//! A project folder comes in; the state that a person works on goes out, and back into its folder.
//!
//! Every fit and refit is a state of its own, in the folders that `unbraid refit` uses ([`unbraid_io::project::states`]);
//! decisions are kept in the state that they were made in.

use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::json;
use unbraid::Audio;
use unbraid::factorize::FactorizeConfig;
use unbraid::group::{DecidedBy, Grouping, Overrides};
use unbraid::knowledge::hints::{Hints, Regions};
use unbraid::refit::{Wish, owners};
use unbraid::sharing::{Hinted, Sharing, StemsConfig};
use unbraid_io::knowledge::read_regions;
use unbraid_io::project::{
    FORMAT_VERSION, Input, Manifest, Objective, Program, read_fit, read_manifest, state_folder,
    states, write_manifest,
};

use crate::edits::{Edits, assignments};
use crate::failure::Failure;
use crate::fitted::Fitted;

/// A fit, what was decided about it, and what it sounds like.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) settings: FactorizeConfig,
    pub(crate) fitted: Arc<Fitted>,
    pub(crate) edits: Edits,
    /// What was done since the first fit; `None` where it is not known.
    pub(crate) made: Option<Vec<Made>>,
    pub(crate) sound: Sound,
}

/// One refit, as the command line would be told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) wish: Wish,
    pub(crate) iterations: usize,
    /// The options that say the sources and whose every component was.
    pub(crate) sources: Vec<String>,
    /// The file of what was drawn, as seen from the project.
    pub(crate) regions: Option<String>,
}

/// How components sound under what was drawn.
#[derive(Debug, Clone)]
pub(crate) struct Sound {
    /// Counts up whenever it changes.
    pub(crate) version: usize,
    /// Every component as a source of its own.
    pub(crate) sharing: Arc<dyn Sharing>,
    pub(crate) hints: Arc<Hints>,
    /// The source of every component.
    pub(crate) owners: Vec<usize>,
    /// What it follows from.
    of: (usize, Regions, Vec<usize>),
}

impl Sound {
    /// The sound of a fit, given what was decided; `before` is what was heard until now.
    pub(crate) fn new(
        fitted: &Fitted,
        edits: &Edits,
        grouping: &Grouping,
        audio: &Audio,
        before: Option<&Self>,
    ) -> Result<Self, Failure> {
        let owners = owners(grouping);
        let hints = edits.hints(&fitted.factorization)?;
        let of = if hints.is_empty() {
            (fitted.revision, Regions::default(), Vec::new())
        } else {
            (fitted.revision, edits.regions.clone(), owners.clone())
        };
        if let Some(before) = before.filter(|before| before.of == of) {
            return Ok(Self {
                owners,
                ..before.clone()
            });
        }
        let (members, stems) = (grouping.members(), StemsConfig::default());
        let hints = (fitted.factorization).compared(hints, &members, stems, audio)?;
        let sharing: Arc<dyn Sharing> = if hints.is_empty() {
            fitted.sounds.clone()
        } else {
            Arc::new(Hinted::of_parts(
                Box::new(fitted.sounds.clone()),
                hints.clone(),
                owners.clone(),
                stems.render,
            )?)
        };
        let version = before.map_or(0, |before| before.version + 1);
        Ok(Self {
            version,
            sharing,
            hints: Arc::new(hints),
            owners,
            of,
        })
    }
}

impl State {
    /// What a state's folder holds, be it of the studio or of the command line.
    pub(crate) fn read(project: &Path, revision: usize, audio: &Audio) -> Result<Self, Failure> {
        let folder = state_folder(project, revision);
        let manifest = read_manifest(&folder)?;
        let factorization = read_fit(&folder)?;
        let frames = factorization.stft.frames(audio.len_samples());
        if factorization.fit.model.frames() != frames {
            return Err(Failure::Refused(format!(
                "the fit in {} is of {} frames, but the recording has {frames}",
                folder.display(),
                factorization.fit.model.frames()
            )));
        }
        let components = factorization.fit.model.components();
        let settings = &manifest.settings;
        let own = &settings["studio"];
        let edits = match serde_json::from_value::<Edits>(own["edits"].clone()) {
            Ok(edits) => edits.checked(components)?,
            Err(_) => decided_elsewhere(&manifest, components)?,
        };
        let made: Option<Vec<Made>> =
            serde_json::from_value(own["made"].clone()).unwrap_or_default();
        let made = made.or((manifest.command == "factorize").then(Vec::new));
        let classes: Option<Vec<Vec<f32>>> = serde_json::from_value(own["heard"].clone()).ok();
        let classes = classes.and_then(|rows| {
            let shape = (rows.len(), rows.first().map_or(0, Vec::len));
            Array2::from_shape_vec(shape, rows.concat()).ok()
        });
        let fitted = Arc::new(Fitted::new(revision, factorization, audio, classes)?);
        let sound = Sound::new(&fitted, &edits, &edits.group(&fitted)?, audio, None)?;
        Ok(Self {
            settings: serde_json::from_value(settings["factorize"].clone()).unwrap_or_default(),
            fitted,
            edits,
            made,
            sound,
        })
    }

    /// Write what was decided into the state's folder.
    pub(crate) fn save(
        &self,
        folder: &Path,
        input: &Input,
        grouping: &Grouping,
    ) -> Result<(), Failure> {
        let fit = &self.fitted.factorization.fit;
        let overrides = Overrides::parse(&assignments(grouping))?;
        let heard: Vec<Vec<f32>> = self
            .fitted
            .classes
            .rows()
            .into_iter()
            .map(|r| r.to_vec())
            .collect();
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            program: Program {
                name: "unbraid".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            command: "studio".to_owned(),
            input: input.clone(),
            settings: json!({
                "factorize": self.settings,
                "sources": self.edits.sources,
                "overrides": overrides,
                "studio": { "edits": self.edits, "made": self.made, "heard": heard },
            }),
            objective: Some(Objective {
                first: fit.objective.first().copied().unwrap_or(0.0),
                last: fit.final_objective(),
                iterations: fit.iterations(),
                stop: fit.stop,
            }),
            grouping: Some(grouping.clone()),
            notes: grouping.notes.iter().map(ToString::to_string).collect(),
            gain: 1.0,
            outputs: Vec::new(),
        };
        Ok(write_manifest(folder, &manifest)?)
    }
}

/// The states that a project has, and what made each.
pub(crate) fn history(project: &Path) -> Vec<(usize, String)> {
    let Ok(states) = states(project) else {
        return Vec::new();
    };
    let what = |state: usize| {
        // One that was begun and never finished is none.
        let manifest = read_manifest(&state_folder(project, state)).ok()?;
        let made: Option<Vec<Made>> =
            serde_json::from_value(manifest.settings["studio"]["made"].clone()).ok();
        let what = match made.unwrap_or_default().last() {
            None if manifest.command == "studio" => "fit".to_owned(),
            None => manifest.command,
            Some(made) => words(&made.wish),
        };
        Some((state, what))
    };
    states.into_iter().filter_map(what).collect()
}

/// What was done, in words.
pub(crate) fn words(wish: &Wish) -> String {
    match wish {
        Wish::On => "refit".to_owned(),
        Wish::Split(component) => format!("component {component} split"),
        Wish::Merge(components) => {
            let numbers: Vec<String> = components.iter().map(ToString::to_string).collect();
            format!("components {} merged", numbers.join(", "))
        }
    }
}

/// The decisions in a project that the command line wrote.
fn decided_elsewhere(manifest: &Manifest, components: usize) -> Result<Edits, Failure> {
    let mut edits = Edits::new().cleared(components);
    if let Some(grouping) = &manifest.grouping {
        edits.sources.clone_from(&grouping.sources);
        for (by_hand, decision) in edits.assignment.iter_mut().zip(&grouping.components) {
            if decision.decided_by == DecidedBy::Person {
                *by_hand = Some(decision.source);
            }
        }
    }
    let files = manifest.settings["refit"]["regions"].as_array();
    for file in files.into_iter().flatten().filter_map(|file| file.as_str()) {
        // What was drawn counts in the fit already; here it only would be drawn.
        if let Ok(regions) = read_regions(Path::new(file)) {
            edits.regions.boxes.extend(regions.boxes);
            edits.regions.strokes.extend(regions.strokes);
        }
    }
    edits.checked(components)
}
