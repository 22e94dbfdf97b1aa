//! A request's body comes in; a file under a free name goes out.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use axum::body::{Body, HttpBody};
use rand::RngExt;
use tokio::io::AsyncWriteExt;

use crate::failure::Failure;
use crate::server::blocking;

/// A file's name without any folder: the only part of a path that the page may choose.
pub(crate) fn plain_name(name: &str) -> Result<String, Failure> {
    let unfit = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c);
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || name.contains(unfit) {
        return Err(Failure::Refused(format!(
            "`{name}` cannot be a file's name: not empty, no leading dot, none of / \\ : * ? \" < > |"
        )));
    }
    Ok(name.to_owned())
}

/// Write an upload under a free name; what arrives only in part leaves nothing behind.
pub(crate) async fn store(
    folder: &Path,
    name: &str,
    body: Body,
    most: u64,
) -> Result<(PathBuf, bool), Failure> {
    let temporary = tempfile_path(folder);
    let failed = |error| Failure::system(format!("cannot keep `{name}`"))(error);
    let mut file = tokio::fs::File::create_new(&temporary)
        .await
        .map_err(failed)?;
    let mut body = body;
    let mut len = 0_u64;
    let written: Result<(), Failure> = async {
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.map_err(|error| {
                Failure::Refused(format!("`{name}` did not arrive whole: {error}"))
            })?;
            if let Ok(data) = frame.into_data() {
                len += data.len() as u64;
                if len > most {
                    return Err(Failure::Refused(format!(
                        "`{name}` is longer than {most} bytes: open it by its path on the command line"
                    )));
                }
                file.write_all(&data).await.map_err(failed)?;
            }
        }
        file.sync_all().await.map_err(failed)
    }
    .await;
    let kept = match written {
        Ok(()) => {
            let (folder, name, temporary) = (folder.to_owned(), name.to_owned(), temporary.clone());
            blocking(move || settle(&folder, &name, &temporary)).await
        }
        Err(error) => Err(error),
    };
    tokio::fs::remove_file(&temporary).await.ok();
    kept
}

/// Give an upload its name; the same recording again is the file that is there already.
pub(crate) fn settle(
    folder: &Path,
    name: &str,
    temporary: &Path,
) -> Result<(PathBuf, bool), Failure> {
    let sha256 = unbraid_io::project::sha256_of_file(temporary)?;
    let given = Path::new(name);
    let stem = given.file_stem().unwrap_or_default().to_string_lossy();
    let ending = given
        .extension()
        .map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    for number in 1.. {
        let name = if number == 1 {
            name.to_owned()
        } else {
            format!("{stem}-{number}{ending}")
        };
        let path = folder.join(name);
        if !path.exists() {
            std::fs::rename(temporary, &path)
                .map_err(Failure::system(format!("cannot keep {}", path.display())))?;
            return Ok((path, true));
        }
        if path.is_file() && unbraid_io::project::sha256_of_file(&path)? == sha256 {
            return Ok((path, false));
        }
    }
    unreachable!("some number is free")
}

pub(crate) fn tempfile_path(folder: &Path) -> PathBuf {
    let number: u64 = rand::rng().random();
    folder.join(format!(".upload-{number:016x}.partial"))
}
