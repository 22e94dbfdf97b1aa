//! What the command line can be told comes in from the page; its words, and what it makes of them, go out.

use std::path::Path;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use unbraid::factorize::FactorizeConfig;
use unbraid::knowledge::hints::Regions;
use unbraid_io::knowledge::{write_labels, write_melody_csv, write_midi, write_regions};

use super::{Answer, App, Shared, blocking};
use crate::failure::Failure;
use crate::given;
use crate::program::{Given, words};
use crate::project::Project;
use crate::upload::{plain_name, settle, store, tempfile_path};

/// What the command line can be told.
pub(super) async fn options(State(app): Shared) -> Answer<Json<Value>> {
    Ok(Json(json!(app.studio.settings.program.options())))
}

#[derive(Debug, Deserialize)]
pub(super) struct Give {
    name: String,
    /// The folder that it goes into with others.
    folder: Option<String>,
}

/// Keep a file that an option is to be given; says its name there, and all that there is.
pub(super) async fn give(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Query(Give { name, folder }): Query<Give>,
    body: Body,
) -> Answer<Json<Value>> {
    let project = app.studio.project(id)?;
    let name = plain_name(&name)?;
    let most = app.studio.settings.most_upload_bytes;
    let keeper = project.clone();
    let home = blocking(move || given::home(&keeper.folder, folder.as_deref())).await?;
    let (path, _) = store(&home, &name, body, most).await?;
    blocking(move || {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Json(
            json!({ "name": name, "given": given::list(&project.folder) }),
        ))
    })
    .await
}

/// What was drawn, and the notes, the pitch and the words as they stand, as files; says their names, and all that there is.
pub(super) async fn own(State(app): Shared, UrlPath(id): UrlPath<usize>) -> Answer<Json<Value>> {
    let project = app.studio.project(id)?;
    blocking(move || {
        let home = given::home(&project.folder, None)?;
        let keep = |name: &str, write: &dyn Fn(&Path) -> Result<(), unbraid_io::Error>| {
            let temporary = tempfile_path(&home);
            let kept = write(&temporary)
                .map_err(Failure::from)
                .and_then(|()| settle(&home, name, &temporary));
            std::fs::remove_file(&temporary).ok();
            let (path, _) = kept?;
            Answer::Ok(
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned()),
            )
        };
        let mut names = json!({});
        if let Some(state) = project.state() {
            let edits = &state.edits;
            if let Some(score) = edits.music.score() {
                names["score"] = json!(keep("notes.mid", &|path| write_midi(path, &score))?);
            }
            if let Some(melody) = edits.music.melody()? {
                names["melody"] = json!(keep("f0.csv", &|path| write_melody_csv(path, &melody))?);
            }
            let words = &edits.music.words;
            if !words.is_empty() {
                names["lyrics"] = json!(keep("words.txt", &|path| write_labels(path, words))?);
            }
            if edits.regions != Regions::default() {
                let regions = &edits.regions;
                names["regions"] =
                    json!(keep("regions.json", &|path| write_regions(path, regions))?);
            }
        }
        Ok(Json(
            json!({ "own": names, "given": given::list(&project.folder) }),
        ))
    })
    .await
}

/// What was given, in words of the command line that were understood.
fn understood(app: &App, project: &Project, given: &[Given]) -> Answer<Vec<String>> {
    let program = &app.studio.settings.program;
    let words = words(&program.options(), given, &project.folder)?;
    program.check(&words)?;
    Ok(words)
}

/// The command line that does what was given.
pub(super) async fn told(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(given): Json<Vec<Given>>,
) -> Answer<Json<Value>> {
    let project = app.studio.project(id)?;
    blocking(move || {
        let words = understood(&app, &project, &given)?;
        Ok(Json(json!({ "command": project.command(&words) })))
    })
    .await
}

/// The settings of a fit that options mean.
pub(super) async fn settings(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(given): Json<Vec<Given>>,
) -> Answer<Json<FactorizeConfig>> {
    let project = app.studio.project(id)?;
    let program = &app.studio.settings.program;
    let words = words(&program.options(), &given, &project.folder)?;
    let settings = program.settings(&words, project.audio.sample_rate())?;
    Ok(Json(settings))
}

pub(super) async fn separate(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(given): Json<Vec<Given>>,
) -> Answer<Json<Value>> {
    app.studio.may_compute()?;
    let project = app.studio.project(id)?;
    blocking(move || {
        let words = understood(&app, &project, &given)?;
        let program = app.studio.settings.program.clone();
        Ok(Json(json!(project.separate(program, given, words)?)))
    })
    .await
}
