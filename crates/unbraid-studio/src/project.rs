//! A recording comes in; a project that a person works on, and that saves itself, goes out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use unbraid::Audio;
use unbraid::factorize::{Factorization, FactorizeConfig, factorize};
use unbraid::group::Grouping;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::project::{
    FORMAT_VERSION, Input, Manifest, Objective, Program, read_fit, read_manifest, sha256_of_file,
    write_fit, write_manifest,
};

use crate::edits::Edits;
use crate::export::{Order, export};
use crate::failure::Failure;
use crate::fitted::Fitted;
use crate::job::{Job, NO_PANIC, Report, Status};
use crate::picture::{Picture, STEP_DB, TILE, TOP_DB};
use crate::rows::ROWS;

/// A recording that is open.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) input: Input,
    pub(crate) audio: Audio,
    pub(crate) picture: Picture,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: FactorizeConfig,
    fitted: Option<Arc<Fitted>>,
    edits: Edits,
    /// Every state of the fit so far: its revision and what made it.
    history: Vec<(usize, String)>,
    job: Option<Arc<Job>>,
    jobs: usize,
}

/// The folder in a project that keeps earlier fits, each a project of its own.
const HISTORY: &str = "history";

impl Project {
    /// Open a recording whose project is, or will be, in this folder.
    pub(crate) fn open(id: usize, recording: &Path, folder: PathBuf) -> Result<Self, Failure> {
        let manifest = match read_manifest(&folder) {
            Ok(manifest) => Some(manifest),
            Err(unbraid_io::Error::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error.into()),
        };
        let span = manifest
            .as_ref()
            .map_or_else(Span::default, |manifest| Span {
                start_secs: manifest.input.start_secs,
                duration_secs: manifest.input.duration_secs,
            });
        // The checksum reads the file once more, beside the decoding.
        let (read, sha256) =
            rayon::join(|| read_audio(recording, span), || sha256_of_file(recording));
        let (recorded, sha256) = (read?, sha256?);
        if let Some(manifest) = &manifest
            && manifest.input.sha256 != sha256
        {
            return Err(Failure::Refused(format!(
                "{} is not the recording that {} was made from (its SHA-256 differs)",
                recording.display(),
                folder.display()
            )));
        }
        let audio = recorded.audio;
        let input = Input {
            path: recording.display().to_string(),
            sha256,
            format: recorded.format,
            delay: recorded.delay,
            notes: recorded.notes,
            sample_rate: audio.sample_rate(),
            channels: audio.channels(),
            len_samples: audio.len_samples(),
            start_secs: span.start_secs,
            duration_secs: span.duration_secs,
        };
        let picture = Picture::of(&audio)?;
        let state = match manifest {
            Some(manifest) => State::restored(&folder, &manifest, &audio)?,
            None => State::new(),
        };
        let name = folder.file_stem().map_or_else(
            || "recording".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Self {
            id,
            name,
            folder,
            input,
            audio,
            picture,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(NO_PANIC)
    }

    pub(crate) fn fitted(&self) -> Option<Arc<Fitted>> {
        self.state().fitted.clone()
    }

    /// Everything the page has to know.
    pub(crate) fn describe(&self) -> Result<Value, Failure> {
        let state = self.state();
        let fit = match &state.fitted {
            Some(fitted) => fitted.describe(&state.edits.group(&fitted.factorization)?),
            None => Value::Null,
        };
        let picture = &self.picture;
        Ok(json!({
            "id": self.id,
            "name": self.name,
            "folder": self.folder.display().to_string(),
            "path": self.input.path,
            "sampleRate": self.audio.sample_rate(),
            "channels": self.audio.channels(),
            "samples": self.audio.len_samples(),
            "picture": {
                "rows": ROWS, "tile": TILE, "widths": picture.widths(), "frames": picture.frames,
                "hopSecs": picture.hop_secs, "lowHz": picture.rows.low_hz, "highHz": picture.rows.high_hz,
                "topDb": TOP_DB, "stepDb": STEP_DB, "peakDb": picture.peak_db,
            },
            "waveform": picture.waveform.iter().flat_map(|&(low, high)| [
                (low * 127.0).clamp(-127.0, 127.0) as i8, (high * 127.0).clamp(-127.0, 127.0) as i8,
            ]).collect::<Vec<i8>>(),
            "settings": state.settings,
            "edits": state.edits,
            "fit": fit,
            "history": state.history.iter().map(|(revision, what)| json!({ "revision": revision, "what": what })).collect::<Vec<_>>(),
            "job": state.job.as_ref().map(|job| job.report()),
        }))
    }

    /// Take a person's new decisions, save them, and say what follows from them.
    pub(crate) fn edit(&self, edits: Edits) -> Result<Value, Failure> {
        let mut state = self.state();
        let Some(fitted) = state.fitted.clone() else {
            return Err(Failure::Busy("there are no components yet".to_owned()));
        };
        let edits = edits.checked(fitted.components())?;
        let grouping = edits.group(&fitted.factorization)?;
        state.edits = edits;
        self.save(&state, &fitted, &grouping, &self.folder)?;
        Ok(fitted.describe(&grouping))
    }

    /// The settings, if the fit is what they alone give: then the recording and a command line make it again.
    pub(crate) fn uncorrected(&self, fitted: &Fitted) -> Option<FactorizeConfig> {
        let state = self.state();
        let made = state
            .history
            .iter()
            .find(|(revision, _)| *revision == fitted.revision);
        made.is_some_and(|(_, what)| what == "fit")
            .then_some(state.settings)
    }

    pub(crate) fn report(&self) -> Option<Report> {
        self.state().job.as_ref().map(|job| job.report())
    }

    pub(crate) fn cancel(&self) {
        if let Some(job) = &self.state().job {
            job.cancel();
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.state()
            .job
            .as_ref()
            .is_some_and(|job| job.is_running())
    }

    fn begin(&self, what: &'static str) -> Result<Arc<Job>, Failure> {
        let mut state = self.state();
        if state.job.as_ref().is_some_and(|job| job.is_running()) {
            return Err(Failure::Busy(
                "something else is being computed: wait, or cancel it".to_owned(),
            ));
        }
        state.jobs += 1;
        let job = Arc::new(Job::new(state.jobs, what));
        state.job = Some(job.clone());
        Ok(job)
    }

    /// Run long work on a thread of its own.
    fn run(
        self: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&Self, &Job) -> Result<Value, Failure> + Send + 'static,
    ) -> Result<Report, Failure> {
        let job = self.begin(what)?;
        let (project, running) = (self.clone(), job.clone());
        let thread = std::thread::Builder::new().name(what.to_owned());
        let spawned = thread.spawn(move || match work(&project, &running) {
            Ok(result) => running.end(Status::Done, None, result),
            Err(Failure::Library(unbraid::Error::Cancelled)) => {
                running.end(Status::Cancelled, None, Value::Null);
            }
            Err(error) => running.end(Status::Failed, Some(error.to_string()), Value::Null),
        });
        if let Err(error) = spawned {
            job.end(Status::Failed, Some(error.to_string()), Value::Null);
        }
        Ok(job.report())
    }

    /// Explain the recording by components, from nothing.
    pub(crate) fn fit(self: &Arc<Self>, settings: FactorizeConfig) -> Result<Report, Failure> {
        self.run("fit", move |project, job| {
            let factorization = factorize(&project.audio, &settings, &mut job.observer())?;
            let edits = project.state().edits.clone();
            let edits = edits.cleared(factorization.fit.model.components());
            project.take("fit", settings, factorization, edits)
        })
    }

    /// Write stems or components.
    pub(crate) fn export(self: &Arc<Self>, order: Order) -> Result<Report, Failure> {
        self.run("export", move |project, job| {
            let Some(fitted) = project.fitted() else {
                return Err(Failure::Busy("there are no components yet".to_owned()));
            };
            let grouping = project.state().edits.group(&fitted.factorization)?;
            export(project, &fitted, &grouping, order, &mut job.observer())
        })
    }

    /// Go back to an earlier fit.
    pub(crate) fn restore(&self, revision: usize) -> Result<Value, Failure> {
        if self.is_busy() {
            return Err(Failure::Busy(
                "cancel what is being computed first".to_owned(),
            ));
        }
        let folder = self.folder.join(HISTORY).join(revision.to_string());
        let manifest = read_manifest(&folder)?;
        let earlier = State::restored(&folder, &manifest, &self.audio)?;
        let mut state = self.state();
        let Some(fitted) = earlier.fitted else {
            return Err(Failure::Missing(format!("there is no state {revision}")));
        };
        let grouping = earlier.edits.group(&fitted.factorization)?;
        state.settings = earlier.settings;
        state.edits = earlier.edits;
        state.fitted = Some(fitted.clone());
        write_fit(&self.folder, &fitted.factorization)?;
        self.save(&state, &fitted, &grouping, &self.folder)?;
        Ok(fitted.describe(&grouping))
    }

    /// A new fit takes the place of the one before, which stays in the history.
    fn take(
        &self,
        what: &str,
        settings: FactorizeConfig,
        factorization: Factorization,
        edits: Edits,
    ) -> Result<Value, Failure> {
        let revision = self
            .state()
            .history
            .last()
            .map_or(1, |(revision, _)| revision + 1);
        let fitted = Arc::new(Fitted::new(revision, factorization, &self.audio)?);
        let grouping = edits.group(&fitted.factorization)?;
        let folder = self.folder.join(HISTORY).join(revision.to_string());
        std::fs::create_dir_all(&folder)
            .map_err(Failure::system(format!("cannot make {}", folder.display())))?;
        let mut state = self.state();
        state.settings = settings;
        state.edits = edits;
        state.history.push((revision, what.to_owned()));
        state.fitted = Some(fitted.clone());
        for folder in [&folder, &self.folder] {
            write_fit(folder, &fitted.factorization)?;
            self.save(&state, &fitted, &grouping, folder)?;
        }
        Ok(json!({ "revision": revision }))
    }

    fn save(
        &self,
        state: &State,
        fitted: &Fitted,
        grouping: &Grouping,
        folder: &Path,
    ) -> Result<(), Failure> {
        let fit = &fitted.factorization.fit;
        let overrides = unbraid::group::Overrides::parse(&crate::edits::assignments(grouping))?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            program: Program {
                name: "unbraid".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            command: "studio".to_owned(),
            input: self.input.clone(),
            settings: json!({
                "factorize": state.settings,
                "sources": state.edits.sources,
                "overrides": overrides,
                "studio": { "edits": state.edits, "history": state.history, "revision": fitted.revision },
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

impl State {
    fn new() -> Self {
        Self {
            settings: FactorizeConfig::default(),
            fitted: None,
            edits: Edits::new(),
            history: Vec::new(),
            job: None,
            jobs: 0,
        }
    }

    /// What a project folder holds, be it of the studio or of the command line.
    fn restored(folder: &Path, manifest: &Manifest, audio: &Audio) -> Result<Self, Failure> {
        let factorization = read_fit(folder)?;
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
            Err(_) => Self::decided_elsewhere(manifest, components)?,
        };
        let factorize = serde_json::from_value(settings["factorize"].clone()).unwrap_or_default();
        let revision = own["revision"].as_u64().unwrap_or(0) as usize;
        let history = serde_json::from_value(own["history"].clone()).unwrap_or_default();
        Ok(Self {
            settings: factorize,
            fitted: Some(Arc::new(Fitted::new(revision, factorization, audio)?)),
            edits,
            history,
            job: None,
            jobs: 0,
        })
    }

    /// The decisions in a project that the command line wrote.
    fn decided_elsewhere(manifest: &Manifest, components: usize) -> Result<Edits, Failure> {
        let mut edits = Edits::new().cleared(components);
        if let Some(grouping) = &manifest.grouping {
            edits.sources.clone_from(&grouping.sources);
            for (by_hand, decision) in edits.assignment.iter_mut().zip(&grouping.components) {
                if decision.decided_by == unbraid::group::DecidedBy::Person {
                    *by_hand = Some(decision.source);
                }
            }
        }
        edits.checked(components)
    }
}
