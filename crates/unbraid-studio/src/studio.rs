//! Paths come in; open projects go out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde_json::{Value, json};
use unbraid::factorize::FactorizeConfig;
use unbraid_io::project::{read_manifest, sha256_of_file};

use crate::assets::DEMO;
use crate::failure::Failure;
use crate::job::NO_PANIC;
use crate::program::Program;
use crate::project::Project;

/// What the studio is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where projects and uploaded recordings are kept.
    pub folder: PathBuf,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// The longest upload, in bytes.
    pub most_upload_bytes: u64,
    /// The command line, which knows its options and separates by them.
    pub program: Arc<dyn Program>,
}

/// The most projects that are open at once: each holds its recording in memory.
const MOST_OPEN: usize = 8;

/// Long computations at once; each uses all cores.
const MOST_JOBS: usize = 2;

/// Recent projects that are listed.
const MOST_RECENT: usize = 50;

/// All open projects.
#[derive(Debug)]
pub(crate) struct Studio {
    pub(crate) settings: Settings,
    open: Mutex<BTreeMap<usize, Arc<Project>>>,
    next: Mutex<usize>,
}

impl Studio {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            open: Mutex::new(BTreeMap::new()),
            next: Mutex::new(1),
        }
    }

    pub(crate) fn project(&self, id: usize) -> Result<Arc<Project>, Failure> {
        let open = self.open.lock().expect(NO_PANIC);
        open.get(&id)
            .cloned()
            .ok_or_else(|| Failure::Missing(format!("project {id} is not open")))
    }

    /// What is open and what could be.
    pub(crate) fn describe(&self) -> Value {
        let open: Vec<Value> = self
            .open
            .lock()
            .expect(NO_PANIC)
            .values()
            .map(|project| json!({ "id": project.id, "name": project.name, "folder": project.folder.display().to_string() }))
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "folder": self.settings.folder.display().to_string(),
            "mostUploadBytes": self.settings.most_upload_bytes,
            "open": open,
            "recent": self.recent(),
        })
    }

    /// Projects in the studio's folder, the latest first.
    fn recent(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.settings.folder)
            .into_iter()
            .flatten()
            .flatten();
        let mut found: Vec<(SystemTime, String)> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let manifest = entry.path().join(unbraid_io::project::MANIFEST);
                let changed = fs::metadata(manifest).ok()?.modified().ok()?;
                (Path::new(&name).extension()? == "unbraid").then_some((changed, name))
            })
            .collect();
        found.sort_by(|a, b| b.cmp(a));
        found
            .into_iter()
            .map(|(_, name)| name)
            .take(MOST_RECENT)
            .collect()
    }

    /// Open a project of the studio's folder by its name.
    pub(crate) fn open_recent(&self, name: &str) -> Result<Arc<Project>, Failure> {
        if !self.recent().iter().any(|known| known == name) {
            return Err(Failure::Missing(format!(
                "`{name}` is not among the recent projects"
            )));
        }
        self.open_path(&self.settings.folder.join(name))
    }

    /// Open a recording or a project folder; a recording that is new is fitted at once.
    pub(crate) fn open_path(&self, path: &Path) -> Result<Arc<Project>, Failure> {
        let (recording, folder) = if path.is_dir() {
            (Self::recording_of(path)?, path.to_owned())
        } else {
            (path.to_owned(), self.folder_for(path)?)
        };
        {
            let open = self.open.lock().expect(NO_PANIC);
            if let Some(project) = open.values().find(|project| project.folder == folder) {
                return Ok(project.clone());
            }
            if open.len() >= MOST_OPEN {
                return Err(Failure::Busy(format!(
                    "{MOST_OPEN} projects are open: close one first"
                )));
            }
        }
        let id = {
            let mut next = self.next.lock().expect(NO_PANIC);
            *next += 1;
            *next - 1
        };
        let project = Arc::new(Project::open(id, &recording, folder)?);
        self.open
            .lock()
            .expect(NO_PANIC)
            .insert(id, project.clone());
        if project.state().is_none() {
            self.may_compute()?;
            project.fit(FactorizeConfig::default())?;
        }
        Ok(project)
    }

    /// Open the demo clip, from the copy in the program.
    pub(crate) fn open_demo(&self) -> Result<Arc<Project>, Failure> {
        let path = self.settings.folder.join("unbraid-demo.flac");
        if !path.exists() {
            unbraid_io::atomic::write_file(&path, DEMO)?;
        }
        self.open_path(&path)
    }

    /// Close a project; it is saved already.
    pub(crate) fn close(&self, id: usize) -> Result<(), Failure> {
        let project = self.project(id)?;
        project.cancel();
        self.open.lock().expect(NO_PANIC).remove(&id);
        Ok(())
    }

    /// Whether another long computation may begin.
    pub(crate) fn may_compute(&self) -> Result<(), Failure> {
        let open = self.open.lock().expect(NO_PANIC);
        if open.values().filter(|project| project.is_busy()).count() >= MOST_JOBS {
            return Err(Failure::Busy(format!(
                "{MOST_JOBS} projects are being computed already: wait, or cancel one"
            )));
        }
        Ok(())
    }

    /// Where the project of a recording is kept: the first free name, or the one that is already its.
    fn folder_for(&self, recording: &Path) -> Result<PathBuf, Failure> {
        let stem = recording
            .file_stem()
            .ok_or_else(|| Failure::Refused(format!("{} is no file", recording.display())))?
            .to_string_lossy()
            .into_owned();
        let mut sha256 = None;
        for number in 1.. {
            let name = if number == 1 {
                format!("{stem}.unbraid")
            } else {
                format!("{stem}-{number}.unbraid")
            };
            let folder = self.settings.folder.join(name);
            if !folder.exists() {
                return Ok(folder);
            }
            if let Ok(manifest) = read_manifest(&folder) {
                if sha256.is_none() {
                    sha256 = Some(sha256_of_file(recording)?);
                }
                if Some(&manifest.input.sha256) == sha256.as_ref() {
                    return Ok(folder);
                }
            }
        }
        unreachable!("some number is free")
    }

    /// Where a project's recording is: as it was given, or as seen from the project.
    fn recording_of(folder: &Path) -> Result<PathBuf, Failure> {
        let given = PathBuf::from(read_manifest(folder)?.input.path);
        let beside = folder.parent().map(|parent| parent.join(&given));
        [Some(given.clone()), beside]
            .into_iter()
            .flatten()
            .find(|path| path.is_file())
            .ok_or_else(|| {
                Failure::Missing(format!(
                    "the recording `{}` is not there any more: put it back, or open it from where it is",
                    given.display()
                ))
            })
    }
}
