//! Requests come in; the page, pictures, sound and words go out.

mod options;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use unbraid::factorize::FactorizeConfig;
use unbraid::stems::StemBlocks;

use crate::assets::ASSETS;
use crate::edits::Edits;
use crate::export::Order;
use crate::failure::Failure;
use crate::fitted::Drawn;
use crate::guard::Guard;
use crate::music::Music;
use crate::project::Refit;
use crate::ranges::{Wanted, wanted};
use crate::separated::SEPARATED;
use crate::studio::{Settings, Studio};
use crate::upload::{plain_name, store, tempfile_path};

/// Pictures and sounds made at once; the others wait.
const MOST_RENDERS: usize = 4;

/// The longest request that is no upload.
const MOST_JSON_BYTES: usize = 16 << 20;

/// The most sets of components in one request.
const MOST_SETS: usize = 256;

/// What the page may load: itself, and nothing from anywhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug)]
struct App {
    studio: Studio,
    guard: Guard,
    renders: Semaphore,
}

type Shared = State<Arc<App>>;
type Answer<T> = Result<T, Failure>;

/// A studio that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    app: Arc<App>,
    address: SocketAddr,
    token: String,
}

/// Bind the server and open what was asked for; then [`Server::run`].
///
/// # Errors
///
/// [`Failure`] if the port is taken or something cannot be opened.
pub async fn serve(
    settings: Settings,
    open: Vec<PathBuf>,
) -> Result<(Server, Option<usize>), Failure> {
    let port = settings.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(Failure::system(format!("cannot listen on port {port}")))?;
    let address = listener
        .local_addr()
        .map_err(Failure::system("cannot listen"))?;
    let token = format!("{:032x}", rand::rng().random::<u128>());
    let app = Arc::new(App {
        studio: Studio::new(settings),
        guard: Guard::new(address.port(), token.clone()),
        renders: Semaphore::new(MOST_RENDERS),
    });
    let mut first = None;
    for path in open {
        let app = app.clone();
        let project = blocking(move || app.studio.open_path(&path)).await?;
        first = first.or(Some(project.id));
    }
    Ok((
        Server {
            listener,
            app,
            address,
            token,
        },
        first,
    ))
}

impl Server {
    /// The address of the page, with the token that it needs; opens this project.
    #[must_use]
    pub fn url(&self, project: Option<usize>) -> String {
        let project = project.map_or_else(String::new, |id| format!("&project={id}"));
        format!("http://{}/#token={}{project}", self.address, self.token)
    }

    /// Answer requests until the program ends.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the system takes the port away.
    pub async fn run(self) -> io::Result<()> {
        axum::serve(self.listener, router(self.app)).await
    }
}

fn router(app: Arc<App>) -> Router {
    let uploads = app.studio.settings.most_upload_bytes as usize;
    let mut router = Router::new()
        .route("/api/studio", get(studio))
        .route("/api/options", get(options::options))
        .route("/api/open", post(open))
        .route(
            "/api/upload",
            post(upload).layer(DefaultBodyLimit::max(uploads)),
        )
        .route("/api/projects/{id}", get(project).delete(close))
        .route("/api/projects/{id}/tiles/{width}/{index}", get(tile))
        .route("/api/projects/{id}/factors", get(factors))
        .route("/api/projects/{id}/sound/{segment}", get(sound_segment))
        .route("/api/projects/{id}/edits", put(edit))
        .route("/api/projects/{id}/fit", post(fit))
        .route("/api/projects/{id}/refit", post(refit))
        .route("/api/projects/{id}/music", post(music))
        .route(
            "/api/projects/{id}/given",
            post(options::give).layer(DefaultBodyLimit::max(uploads)),
        )
        .route("/api/projects/{id}/own", post(options::own))
        .route("/api/projects/{id}/told", post(options::told))
        .route("/api/projects/{id}/settings", post(options::settings))
        .route("/api/projects/{id}/separate", post(options::separate))
        .route("/api/projects/{id}/restore", post(restore))
        .route("/api/projects/{id}/export", post(export))
        .route("/api/projects/{id}/job", get(job).delete(cancel))
        .route("/api/projects/{id}/files/{*path}", get(file));
    for asset in &ASSETS {
        let answer = move || async move { ([(header::CONTENT_TYPE, asset.kind)], asset.bytes) };
        router = router.route(asset.path, get(answer));
    }
    router
        .fallback(|| async { Failure::Missing("there is nothing here".to_owned()) })
        .layer(DefaultBodyLimit::max(MOST_JSON_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), guarded))
        .with_state(app)
}

async fn guarded(State(app): Shared, request: Request, next: Next) -> Response {
    let mut response = match app.guard.check(request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, reason)) => (status, Json(json!({ "error": reason }))).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Work that computes or waits for the disk, off the threads that answer.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Failure::Refused(format!("this failed inside: {error}"))))
}

/// The same for pictures and sounds, of which only some are made at a time.
async fn rendering<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let _permit = app.renders.acquire().await;
    blocking(work).await
}

async fn studio(State(app): Shared) -> Answer<Json<Value>> {
    blocking(move || Ok(Json(app.studio.describe()))).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Open {
    Recent(String),
    Demo,
}

async fn open(State(app): Shared, Json(what): Json<Open>) -> Answer<Json<Value>> {
    let project = blocking(move || match what {
        Open::Recent(name) => app.studio.open_recent(&name),
        Open::Demo => app.studio.open_demo(),
    });
    Ok(Json(json!({ "id": project.await?.id })))
}

#[derive(Debug, Deserialize)]
struct Upload {
    name: String,
}

async fn upload(
    State(app): Shared,
    Query(Upload { name }): Query<Upload>,
    body: Body,
) -> Answer<Json<Value>> {
    let name = plain_name(&name)?;
    let folder = app.studio.settings.folder.clone();
    let most = app.studio.settings.most_upload_bytes;
    let (path, fresh) = store(&folder, &name, body, most).await?;
    let stored = path.clone();
    let opened = blocking(move || app.studio.open_path(&stored)).await;
    if opened.is_err() && fresh {
        // What is no recording is not kept.
        tokio::fs::remove_file(&path).await.ok();
    }
    Ok(Json(json!({ "id": opened?.id })))
}

async fn project(State(app): Shared, UrlPath(id): UrlPath<usize>) -> Answer<Json<Value>> {
    blocking(move || Ok(Json(app.studio.project(id)?.describe()?))).await
}

async fn close(State(app): Shared, UrlPath(id): UrlPath<usize>) -> Answer<StatusCode> {
    app.studio.close(id)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
struct Sets {
    /// Sets of components, such as `0,3;1,2`: their shares are wanted; without, the levels.
    sets: Option<String>,
}

/// `0,3;1,2` as numbers.
fn parse_sets(text: &str) -> Answer<Vec<Vec<usize>>> {
    let set = |text: &str| -> Option<Vec<usize>> {
        let items = text.split(',').filter(|item| !item.is_empty());
        items.map(|item| item.parse().ok()).collect()
    };
    let sets: Option<Vec<Vec<usize>>> = text.split(';').take(MOST_SETS + 1).map(set).collect();
    match sets {
        Some(sets) if sets.len() <= MOST_SETS => Ok(sets),
        _ => Err(Failure::Refused(format!(
            "`sets` is {text}, but is to be up to {MOST_SETS} sets of components such as 0,3;1,2"
        ))),
    }
}

async fn tile(
    State(app): Shared,
    UrlPath((id, width, index)): UrlPath<(usize, usize, usize)>,
    Query(Sets { sets }): Query<Sets>,
) -> Answer<Response> {
    let project = app.studio.project(id)?;
    let bytes = rendering(&app, move || {
        let picture = &project.picture;
        let tile = picture.tile(width, index);
        let tile = tile.ok_or_else(|| Failure::Missing("there is no such tile".to_owned()))?;
        let Some(sets) = sets else { return Ok(tile) };
        let state = project.fitted_state()?;
        let sets = parse_sets(&sets)?;
        // A merge can be done before the page knows of it: of components that are gone there is nothing to draw.
        if sets
            .iter()
            .flatten()
            .any(|&component| component >= state.fitted.components())
        {
            return Ok(Vec::new());
        }
        let drawn = Drawn {
            hints: &state.sound.hints,
            owners: &state.sound.owners,
        };
        Ok(state.fitted.shares(picture, width, index, &sets, &drawn))
    });
    Ok(binary(bytes.await?))
}

fn binary(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

async fn factors(State(app): Shared, UrlPath(id): UrlPath<usize>) -> Answer<Response> {
    let project = app.studio.project(id)?;
    let bytes = rendering(&app, move || Ok(project.fitted_state()?.fitted.factors()));
    Ok(binary(bytes.await?))
}

/// One second of every component, then of the stems that were separated (or of the recording, before there is anything), as 32-bit floats: component by component, channel by channel.
async fn sound_segment(
    State(app): Shared,
    UrlPath((id, segment)): UrlPath<(usize, usize)>,
) -> Answer<Response> {
    let project = app.studio.project(id)?;
    let bytes = rendering(&app, move || {
        let audio = &project.audio;
        let len = audio.sample_rate() as usize;
        let start = segment
            .checked_mul(len)
            .filter(|&start| start < audio.len_samples());
        let start = start.ok_or_else(|| Failure::Missing("the recording is over".to_owned()))?;
        let span = start..(start + len).min(audio.len_samples());
        let samples: Vec<f32> = match project.state() {
            Some(state) => {
                let components = StemBlocks::span(audio, &state.sound.sharing, span.clone())?;
                let separated = match project.separated() {
                    Some(separated) => separated.span(span)?,
                    None => Vec::new(),
                };
                components.into_iter().chain(separated).collect()
            }
            None => (0..audio.channels())
                .flat_map(|channel| audio.channel(channel)[span.clone()].iter().copied())
                .collect(),
        };
        Ok(samples.into_iter().flat_map(f32::to_le_bytes).collect())
    });
    Ok(binary(bytes.await?))
}

async fn edit(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(edits): Json<Edits>,
) -> Answer<Json<Value>> {
    let project = app.studio.project(id)?;
    blocking(move || Ok(Json(project.edit(edits)?))).await
}

async fn fit(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(settings): Json<FactorizeConfig>,
) -> Answer<Json<Value>> {
    app.studio.may_compute()?;
    Ok(Json(json!(app.studio.project(id)?.fit(settings)?)))
}

async fn refit(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(order): Json<Refit>,
) -> Answer<Json<Value>> {
    app.studio.may_compute()?;
    Ok(Json(json!(app.studio.project(id)?.refit(order)?)))
}

/// What a file says of notes, pitch or words; nothing is kept of it until the page sends it among its edits.
async fn music(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    body: Bytes,
) -> Answer<Json<Value>> {
    let project = app.studio.project(id)?;
    blocking(move || {
        let file = tempfile_path(&project.folder);
        std::fs::write(&file, &body).map_err(Failure::system("cannot keep what was given"))?;
        let music = Music::read(&file);
        std::fs::remove_file(&file).ok();
        let Ok(music) = music else {
            return Err(Failure::Refused(
                "this is no MIDI file, no pitch track (seconds and Hz), and no timed words (LRC, UltraStar, TextGrid, labels)"
                    .to_owned(),
            ));
        };
        Ok(Json(json!(music)))
    })
    .await
}

#[derive(Debug, Deserialize)]
struct Restore {
    revision: usize,
}

async fn restore(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(Restore { revision }): Json<Restore>,
) -> Answer<Json<Value>> {
    let project = app.studio.project(id)?;
    blocking(move || Ok(Json(project.restore(revision)?))).await
}

async fn export(
    State(app): Shared,
    UrlPath(id): UrlPath<usize>,
    Json(order): Json<Order>,
) -> Answer<Json<Value>> {
    app.studio.may_compute()?;
    Ok(Json(json!(app.studio.project(id)?.export(order)?)))
}

async fn job(State(app): Shared, UrlPath(id): UrlPath<usize>) -> Answer<Json<Value>> {
    Ok(Json(json!(app.studio.project(id)?.report())))
}

async fn cancel(State(app): Shared, UrlPath(id): UrlPath<usize>) -> Answer<StatusCode> {
    app.studio.project(id)?.cancel();
    Ok(StatusCode::NO_CONTENT)
}

/// A file that was exported, whole or in part.
async fn file(
    State(app): Shared,
    UrlPath((id, path)): UrlPath<(usize, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let project = app.studio.project(id)?;
    let range = headers
        .get(header::RANGE)
        .map(|value| value.to_str().unwrap_or("?").to_owned());
    blocking(move || {
        let path = exported(&project.folder, &path)?;
        read_part(&path, range.as_deref())
    })
    .await
}

/// The folders of a project that hold what was exported or separated.
const EXPORTED: [&str; 4] = ["stems", "components", "music", SEPARATED];

/// A path below one of [`EXPORTED`] of a project, and really there.
fn exported(folder: &Path, path: &str) -> Answer<PathBuf> {
    let missing = || Failure::Missing(format!("`{path}` was not exported"));
    let parts: Vec<Component<'_>> = Path::new(path).components().collect();
    let [Component::Normal(kind), Component::Normal(name)] = parts[..] else {
        return Err(missing());
    };
    if !EXPORTED.iter().any(|known| kind == *known) {
        return Err(missing());
    }
    let inside = folder.join(kind);
    let file = inside.join(name);
    // Neither may a link lead outside.
    let (real, home) = (file.canonicalize(), inside.canonicalize());
    match (real, home) {
        (Ok(real), Ok(home)) if real.starts_with(&home) && real.is_file() => Ok(real),
        _ => Err(missing()),
    }
}

fn read_part(path: &Path, range: Option<&str>) -> Answer<Response> {
    use std::io::{Read, Seek, SeekFrom};

    let failed = |error| Failure::system(format!("cannot read {}", path.display()))(error);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let (status, first, count) = match wanted(range, len) {
        Wanted::Whole => (StatusCode::OK, 0, len),
        Wanted::Part(part) => (
            StatusCode::PARTIAL_CONTENT,
            *part.start(),
            part.end() - part.start() + 1,
        ),
        Wanted::Nothing => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    file.seek(SeekFrom::Start(first)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes).map_err(failed)?;
    let kind = match path.extension().and_then(|ending| ending.to_str()) {
        Some("flac") => "audio/flac",
        Some("mid") => "audio/midi",
        Some("csv") => "text/csv; charset=utf-8",
        _ => "audio/wav",
    };
    let mut response = (status, bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{len}", first + count - 1);
        if let Ok(value) = range.parse() {
            headers.insert(header::CONTENT_RANGE, value);
        }
    }
    Ok(response)
}
