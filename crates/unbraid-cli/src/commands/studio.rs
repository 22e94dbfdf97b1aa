//! Recordings or projects come in; a page on this computer goes out.

use anyhow::Context;
use unbraid_studio::{Settings, serve};

use crate::args::StudioArgs;
use crate::failure::Failure;

pub(crate) fn run(args: &StudioArgs) -> Result<(), Failure> {
    let settings = Settings {
        folder: args.folder.clone(),
        port: args.port,
        most_upload_bytes: args.most_upload.saturating_mul(1 << 20),
    };
    std::fs::create_dir_all(&args.folder)
        .with_context(|| format!("cannot make {}", args.folder.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server")?;
    runtime.block_on(async {
        let (server, project) = serve(settings, args.files.clone())
            .await
            .map_err(|failure| Failure::Other(failure.into()))?;
        let url = server.url(project);
        println!("The studio is at {url}");
        println!("Nothing leaves this computer. Ctrl-C ends it; projects are saved as you go.");
        if !args.no_open {
            show(&url);
        }
        tokio::select! {
            ended = server.run() => ended.context("the server ended").map_err(Failure::from),
            () = asked_to_stop() => Ok(()),
        }
    })
}

/// Until Ctrl-C.
async fn asked_to_stop() {
    while !crate::cancel::requested() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Open the page in the user's browser, if there is one; the address is printed anyway.
fn show(url: &str) {
    let (program, first): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = std::process::Command::new(program);
    command.args(first).arg(url);
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    command.spawn().ok();
}
