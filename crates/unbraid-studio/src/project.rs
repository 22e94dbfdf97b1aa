//! A recording comes in; a project that a person works on, and that saves itself, goes out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Deserialize;
use serde_json::{Value, json};
use unbraid::Audio;
use unbraid::factorize::{Factorization, FactorizeConfig, factorize};
use unbraid::fit::FitConfig;
use unbraid::group::{Grouping, Kind};
use unbraid::knowledge::hints::Regions;
use unbraid::refit::{Wish, owners};
use unbraid::sharing::StemsConfig;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::write_regions;
use unbraid_io::project::{
    Input, MANIFEST, current_state, next_state, read_manifest, set_current_state, sha256_of_file,
    state_folder, write_fit,
};

use crate::command;
use crate::edits::Edits;
use crate::export::{Order, export};
use crate::failure::Failure;
use crate::fitted::Fitted;
use crate::job::{Job, NO_PANIC, Report, Status};
use crate::picture::{Picture, STEP_DB, TILE, TOP_DB};
use crate::program::{Given, Program, typed};
use crate::rows::ROWS;
use crate::separated::{Asked, SEPARATED, Separated};
use crate::state::{Made, Sound, State, history, words};

/// A recording that is open.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) input: Input,
    pub(crate) audio: Audio,
    pub(crate) picture: Picture,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    /// The fit and the decisions; none before the first fit.
    state: Option<State>,
    /// Every state so far, and what made it.
    history: Vec<(usize, String)>,
    /// Stems that were separated beside the components.
    separated: Option<Arc<Separated>>,
    job: Option<Arc<Job>>,
    jobs: usize,
}

/// What is wanted of the fit, as the page asks for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refit {
    #[serde(default)]
    wish: Wish,
    iterations: usize,
}

/// The file of what was drawn, in a project and in the states that follow from it.
pub(crate) const REGIONS: &str = "regions.json";

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
            Some(_) => Some(State::read(&folder, current_state(&folder)?, &audio)?),
            None => None,
        };
        let name = folder.file_stem().map_or_else(
            || "recording".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let now = Now {
            history: history(&folder),
            state,
            separated: Separated::read(&folder, &input).map(Arc::new),
            job: None,
            jobs: 0,
        };
        Ok(Self {
            id,
            name,
            folder,
            input,
            audio,
            picture,
            now: Mutex::new(now),
        })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().expect(NO_PANIC)
    }

    /// The state that is worked on, if a first fit has been made.
    pub(crate) fn state(&self) -> Option<State> {
        self.now().state.clone()
    }

    /// The same, or else the reason why there is nothing to work on.
    pub(crate) fn fitted_state(&self) -> Result<State, Failure> {
        self.state()
            .ok_or_else(|| Failure::Busy("there are no components yet".to_owned()))
    }

    /// Everything the page has to know.
    pub(crate) fn describe(&self) -> Result<Value, Failure> {
        let now = self.now();
        let fit = match &now.state {
            Some(state) => {
                (state.fitted).describe(&state.edits.group(&state.fitted)?, state.sound.version)
            }
            None => Value::Null,
        };
        let (settings, edits) = match &now.state {
            Some(state) => (state.settings, state.edits.clone()),
            None => (FactorizeConfig::default(), Edits::new()),
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
            "kinds": Kind::ALL.map(Kind::name),
            "settings": settings.clone(),
            "edits": edits,
            "fit": fit,
            "told": command::model_options(&settings, self.audio.sample_rate()),
            "separated": now.separated.as_ref().map(|separated| separated.describe()),
            "history": now.history.iter().map(|(revision, what)| json!({ "revision": revision, "what": what })).collect::<Vec<_>>(),
            "job": now.job.as_ref().map(|job| job.report()),
        }))
    }

    /// Take a person's new decisions, save them, and say what follows from them.
    pub(crate) fn edit(&self, edits: Edits) -> Result<Value, Failure> {
        let mut now = self.now();
        let Some(state) = now.state.as_mut() else {
            return Err(Failure::Busy("there are no components yet".to_owned()));
        };
        let edits = edits.checked(state.fitted.components())?;
        let grouping = edits.group(&state.fitted)?;
        state.sound = Sound::new(
            &state.fitted,
            &edits,
            &grouping,
            &self.audio,
            Some(&state.sound),
        )?;
        state.edits = edits;
        let folder = state_folder(&self.folder, state.fitted.revision);
        state.save(&folder, &self.input, &grouping)?;
        Ok(state.fitted.describe(&grouping, state.sound.version))
    }

    pub(crate) fn report(&self) -> Option<Report> {
        self.now().job.as_ref().map(|job| job.report())
    }

    pub(crate) fn cancel(&self) {
        if let Some(job) = &self.now().job {
            job.cancel();
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        let now = self.now();
        now.job.as_ref().is_some_and(|job| job.is_running())
    }

    fn begin(&self, what: &'static str) -> Result<Arc<Job>, Failure> {
        let mut now = self.now();
        if now.job.as_ref().is_some_and(|job| job.is_running()) {
            return Err(Failure::Busy(
                "something else is being computed: wait, or cancel it".to_owned(),
            ));
        }
        now.jobs += 1;
        let job = Arc::new(Job::new(now.jobs, what));
        now.job = Some(job.clone());
        Ok(job)
    }

    /// Run long work on a thread of its own.
    fn run(
        self: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&Self, &Arc<Job>) -> Result<Value, Failure> + Send + 'static,
    ) -> Result<Report, Failure> {
        let job = self.begin(what)?;
        let (project, running) = (self.clone(), job.clone());
        let thread = std::thread::Builder::new().name(what.to_owned());
        let spawned = thread.spawn(move || match work(&project, &running) {
            Ok(result) => running.end(Status::Done, None, result),
            Err(Failure::Library(unbraid::Error::Cancelled)) => {
                running.end(Status::Cancelled, None, Value::Null);
            }
            Err(error) => running.end(Status::Failed, Some(error.said()), Value::Null),
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
            let components = factorization.fit.model.components();
            let edits = project.state().map_or_else(Edits::new, |state| state.edits);
            let next = Next {
                what: "fit".to_owned(),
                settings,
                edits: edits.cleared(components),
                drawn: None,
                made: Some(Vec::new()),
            };
            project.take(factorization, next)
        })
    }

    /// Fit on from where the components stand, under what was drawn; or split or merge some of them.
    pub(crate) fn refit(self: &Arc<Self>, order: Refit) -> Result<Report, Failure> {
        self.run("refit", move |project, job| {
            let state = project.fitted_state()?;
            let grouping = state.edits.group(&state.fitted)?;
            let factorization = state.fitted.factorization.clone();
            let (members, stems) = (grouping.members(), StemsConfig::default());
            let hints = state.edits.hints(&factorization)?;
            let hints = factorization.compared(hints, &members, stems, &project.audio)?;
            let mut observer = job.observer();
            let spectrogram = factorization.spectrogram(&project.audio, &mut observer)?;
            let config = FitConfig {
                iterations: order.iterations,
                ..state.settings.blind.fit
            };
            let factorization = order.wish.fulfil(
                factorization,
                &spectrogram,
                &hints,
                owners(&grouping),
                &config,
                &mut observer,
            )?;
            drop(spectrogram);
            // What was decided meanwhile counts too: the components are still the same.
            let edits = project.fitted_state()?.edits.carried(&order.wish);
            let made = Made {
                iterations: order.iterations,
                sources: command::all_sources(&grouping),
                regions: None,
                wish: order.wish.clone(),
            };
            let next = Next {
                what: words(&order.wish),
                settings: state.settings,
                edits,
                drawn: (!hints.is_empty()).then_some(state.edits.regions),
                made: state.made.map(|before| [before, vec![made]].concat()),
            };
            project.take(factorization, next)
        })
    }

    /// Separate the recording as the command line would, into stems that are heard beside the components: with what was given,
    /// and by the words that it means.
    pub(crate) fn separate(
        self: &Arc<Self>,
        program: Arc<dyn Program>,
        given: Vec<Given>,
        words: Vec<String>,
    ) -> Result<Report, Failure> {
        let command = self.command(&words);
        self.run("separate", move |project, job| {
            let recording = Path::new(&project.input.path);
            let target = project.folder.join(SEPARATED);
            let words = [command::span(&project.input)[1..].to_vec(), words].concat();
            program.separate(recording, &words, &target, job.watch())?;
            Asked { given, command }.write(&project.folder)?;
            let separated = Separated::read(&project.folder, &project.input).map(Arc::new);
            let separated = separated
                .ok_or_else(|| Failure::Missing("the stems are not there any more".to_owned()))?;
            let heard = separated.heard();
            project.now().separated = Some(separated);
            Ok(json!({ "music": heard }))
        })
    }

    /// The command line that separates the recording by these words.
    pub(crate) fn command(&self, words: &[String]) -> String {
        command::told(&self.input, &typed(words))
    }

    pub(crate) fn separated(&self) -> Option<Arc<Separated>> {
        self.now().separated.clone()
    }

    /// Write stems, components or music.
    pub(crate) fn export(self: &Arc<Self>, order: Order) -> Result<Report, Failure> {
        self.run("export", move |project, job| {
            let state = project.fitted_state()?;
            let grouping = state.edits.group(&state.fitted)?;
            export(project, &state, &grouping, order, &mut job.observer())
        })
    }

    /// Go back to an earlier fit.
    pub(crate) fn restore(&self, revision: usize) -> Result<Value, Failure> {
        if self.is_busy() {
            return Err(Failure::Busy(
                "cancel what is being computed first".to_owned(),
            ));
        }
        let mut earlier = State::read(&self.folder, revision, &self.audio)?;
        set_current_state(&self.folder, revision)?;
        let grouping = earlier.edits.group(&earlier.fitted)?;
        let mut now = self.now();
        let before = now.state.as_ref().map(|state| &state.sound);
        earlier.sound = Sound::new(
            &earlier.fitted,
            &earlier.edits,
            &grouping,
            &self.audio,
            before,
        )?;
        let description = earlier.fitted.describe(&grouping, earlier.sound.version);
        now.state = Some(earlier);
        Ok(description)
    }

    /// A new fit takes the place of the one before, which stays where it is.
    fn take(&self, factorization: Factorization, mut next: Next) -> Result<Value, Failure> {
        let (revision, folder) = if self.folder.join(MANIFEST).exists() {
            next_state(&self.folder)?
        } else {
            (0, self.folder.clone())
        };
        let fitted = Arc::new(Fitted::new(revision, factorization, &self.audio, None)?);
        let grouping = next.edits.group(&fitted)?;
        let before = self.state().map(|state| state.sound);
        if let (Some(_), Some(made)) = (&next.drawn, next.made.iter_mut().flatten().last()) {
            let file = folder.join(REGIONS);
            let file = file.strip_prefix(&self.folder).unwrap_or(&file);
            made.regions = Some(file.display().to_string());
        }
        let state = State {
            settings: next.settings,
            sound: Sound::new(
                &fitted,
                &next.edits,
                &grouping,
                &self.audio,
                before.as_ref(),
            )?,
            fitted,
            edits: next.edits,
            made: next.made,
        };
        if let Err(error) = self.keep(&state, &folder, &grouping, next.drawn.as_ref()) {
            if revision > 0 {
                // Half a state is none.
                fs::remove_dir_all(&folder).ok();
            }
            return Err(error);
        }
        let mut now = self.now();
        now.state = Some(state);
        now.history.push((revision, next.what));
        Ok(json!({ "revision": revision }))
    }

    fn keep(
        &self,
        state: &State,
        folder: &Path,
        grouping: &Grouping,
        drawn: Option<&Regions>,
    ) -> Result<(), Failure> {
        fs::create_dir_all(folder)
            .map_err(Failure::system(format!("cannot make {}", folder.display())))?;
        write_fit(folder, &state.fitted.factorization)?;
        if let Some(regions) = drawn {
            write_regions(&folder.join(REGIONS), regions)?;
        }
        state.save(folder, &self.input, grouping)?;
        Ok(set_current_state(&self.folder, state.fitted.revision)?)
    }
}

/// What a new fit comes with.
struct Next {
    what: String,
    settings: FactorizeConfig,
    edits: Edits,
    /// What was drawn, and steered it.
    drawn: Option<Regions>,
    made: Option<Vec<Made>>,
}
