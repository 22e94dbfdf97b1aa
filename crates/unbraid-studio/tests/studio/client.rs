//! A studio on a free port, and a client that sends exactly what it is told.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use unbraid::Audio;
use unbraid::factorize::FactorizeConfig;
use unbraid_io::audio::{OutputFormat, StemSet};
use unbraid_io::project::Manifest;
use unbraid_studio::{Failure, OfSource, Offered, Program, Settings, Watch, serve};

pub(crate) struct Studio {
    pub(crate) host: String,
    pub(crate) token: String,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Studio {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    pub(crate) fn start_in(folder: tempfile::TempDir) -> Self {
        let settings = Settings {
            folder: folder.path().to_owned(),
            port: 0,
            most_upload_bytes: 4 << 20,
            program: Arc::new(Short),
        };
        let (say, hear) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (server, _) = serve(settings, Vec::new()).await.unwrap();
                say.send(server.url(None)).unwrap();
                server.run().await.unwrap();
            });
        });
        let url = hear.recv().unwrap();
        let (host, token) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once("/#token=")
            .unwrap();
        Self {
            host: host.to_owned(),
            token: token.to_owned(),
            folder,
        }
    }

    /// Send a request as it is written, and read the answer to its end.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        // A server that refuses early may close before everything is sent.
        stream.write_all(request).ok();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        Answer {
            status,
            head,
            body: bytes.split_off((end + 4).min(bytes.len())),
        }
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.host,
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// As the page asks.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let headers = format!(
            "Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
            self.token
        );
        self.send(method, path, &headers, body)
    }

    /// Wait for the end of a project's job.
    pub(crate) fn finish(&self, id: &Value) -> Value {
        let began = Instant::now();
        loop {
            let job = self
                .ask("GET", &format!("/api/projects/{id}/job"), b"")
                .json();
            if job["state"] != "running" {
                return job;
            }
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "still running: {job}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A command line of three options that separates nothing: the real one is tested with the program itself.
#[derive(Debug)]
struct Short;

impl Program for Short {
    fn options(&self) -> Vec<Offered> {
        let file = unbraid_studio::Value::File {
            source: OfSource::No,
            track: false,
        };
        let option = |(name, value): (&str, unbraid_studio::Value)| Offered {
            name: name.to_owned(),
            short: None,
            group: "All".to_owned(),
            help: format!("What {name} is"),
            value,
            value_name: String::new(),
            usual: None,
            repeats: false,
        };
        [
            ("sources", unbraid_studio::Value::Text),
            ("melody", file.clone()),
            ("lyrics", file),
        ]
        .map(option)
        .to_vec()
    }

    fn check(&self, words: &[String]) -> Result<(), Failure> {
        match words.iter().find(|word| word.contains("wrong")) {
            Some(word) => Err(Failure::Refused(format!("`{word}` is not understood"))),
            None => Ok(()),
        }
    }

    fn settings(&self, words: &[String], _: u32) -> Result<FactorizeConfig, Failure> {
        self.check(words).map(|()| FactorizeConfig::default())
    }

    fn separate(&self, _: &Path, _: &[String], _: &Path, _: Watch) -> Result<Manifest, Failure> {
        Err(Failure::Refused("this separates nothing".to_owned()))
    }
}

/// A short recording as a file's bytes.
pub(crate) fn recording(folder: &Path) -> Vec<u8> {
    let (drums, guitar) = unbraid::testsignals::drums_and_guitar(2.0, 8000);
    let mixture: Audio = unbraid::testsignals::mix(&[&drums, &guitar]);
    let path = folder.join("made.wav");
    let paths = [path.clone()];
    let mut file = StemSet::create(
        &paths,
        OutputFormat::Wav16,
        8000,
        1,
        mixture.len_samples(),
        1.0,
    )
    .unwrap();
    file.write(mixture.samples().insert_axis(ndarray::Axis(0)))
        .unwrap();
    file.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    bytes
}
