//! What the studio makes of every option: the program serves its page, a client asks as the page does, and the stems are the
//! command line's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::helpers::{unbraid, worst_difference, write_mixture};

/// The program with one recording open.
struct Studio {
    process: Child,
    host: String,
    token: String,
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Studio {
    fn open(folder: &Path, recording: &str) -> Self {
        let mut process = Command::new(assert_cmd::cargo::cargo_bin("unbraid"))
            .args(["studio", "--no-open", recording])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap();
        let (host, rest) = address.split_once("/#token=").unwrap();
        let token = rest.split('&').next().unwrap();
        let studio = Self {
            process,
            host: host.to_owned(),
            token: token.to_owned(),
        };
        let first = studio.finish();
        // A project that is there already has nothing to do.
        assert!(first.is_null() || first["state"] == "done", "{first}");
        studio
    }

    fn bytes(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "{method} /api/projects/1{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\n\r\n",
            self.host,
            body.len(),
            self.token
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        answer.split_off(end + 4)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        serde_json::from_slice(&self.bytes(method, path, body.as_bytes())).unwrap()
    }

    fn finish(&self) -> Value {
        let began = Instant::now();
        loop {
            let job = self.ask("GET", "/job", &Value::Null);
            if job["state"] != "running" {
                return job;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{job}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One second of the tracks from `first` on, 8000 samples each.
    fn tracks(&self, first: usize) -> Vec<f32> {
        let bytes = self.bytes("GET", "/sound/0", b"");
        let samples = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        samples.skip(first * 8000).collect()
    }
}

/// The command line that the studio names, run: the same files must come out.
fn same_by_command(folder: &Path, told: &Value, files: &[&str]) {
    let line = told["command"].as_str().unwrap();
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    unbraid(folder)
        .args(words)
        .args(["-o", "again", "--quiet", "--overwrite"])
        .assert()
        .success();
    for file in files {
        let ours = std::fs::read(folder.join("song.unbraid/separated").join(file)).unwrap();
        let theirs = std::fs::read(folder.join("again/song").join(file)).unwrap();
        assert!(ours == theirs, "{line}: {file} differs");
    }
}

#[test]
fn a_singer_and_a_piano_are_separated_beside_the_components_by_what_was_corrected() {
    let folder = tempfile::tempdir().unwrap();
    let mixture = write_mixture(&folder.path().join("song.wav"));
    let studio = Studio::open(folder.path(), "song.wav");
    let separate = |given: Value| {
        let begun = studio.ask("POST", "/separate", &given);
        assert_eq!(begun["what"], "separate", "{begun}");
        studio.finish()
    };
    let quickly = [
        json!({ "name": "sources", "value": "voice,piano" }),
        json!({ "name": "fast" }),
    ];
    let job = separate(json!(quickly));
    assert_eq!(job["state"], "done", "{job}");
    let heard = &job["result"]["music"];
    assert!(!heard["pitches"].as_array().unwrap().is_empty());
    let project = studio.ask("GET", "", &Value::Null);
    assert_eq!(project["separated"]["sources"], json!(["voice", "piano"]));

    // They sound beside the components, and add up to what these do.
    let tracks = studio.tracks(0);
    assert_eq!(tracks.len(), 18 * 8000);
    let sum = |tracks: &[f32], n: usize| -> f32 { tracks.iter().skip(n).step_by(8000).sum() };
    let (components, stems) = tracks.split_at(16 * 8000);
    for n in 0..8000 {
        assert!((sum(components, n) - sum(stems, n)).abs() < 1e-4, "{n}");
    }

    // What was heard is corrected on the page, and goes in again as files.
    let mut edits = project["edits"].clone();
    edits["music"] = heard.clone();
    edits["music"]["words"] =
        json!([{ "onset_secs": 0.1, "offset_secs": 0.4, "text": "la", "note": null }]);
    studio.ask("PUT", "/edits", &edits);
    let own = studio.ask("POST", "/own", &Value::Null)["own"].clone();
    let mut given = quickly.to_vec();
    for (name, file) in own.as_object().unwrap() {
        given.push(json!({ "name": name, "file": file }));
    }
    assert_eq!(own["lyrics"], "words.txt");
    let again = separate(json!(given));
    assert_eq!(again["state"], "done", "{again}");
    let separated = studio.ask("GET", "", &Value::Null)["separated"].clone();
    let command = separated["command"].as_str().unwrap();
    assert!(
        command.contains("--melody ./song.unbraid/given/f0.csv"),
        "{command}"
    );
    same_by_command(folder.path(), &separated, &["voice.wav", "piano.wav"]);
    let stems = ["voice.wav", "piano.wav"]
        .map(|stem| folder.path().join("song.unbraid/separated").join(stem));
    assert!(worst_difference(&mixture, &stems) < 2e-6);
    let file = studio.bytes("GET", "/files/separated/voice.wav", b"");
    assert!(file.starts_with(b"RIFF"));

    // Another server finds them again.
    drop(studio);
    let later = Studio::open(folder.path(), "song.unbraid");
    let project = later.ask("GET", "", &Value::Null);
    assert_eq!(project["separated"], separated);
    assert_eq!(later.tracks(0).len(), 18 * 8000);
}

#[test]
fn any_option_runs_with_progress_and_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    write_mixture(&folder.path().join("song.wav"));
    let studio = Studio::open(folder.path(), "song.wav");
    let long = json!([{ "name": "iterations", "value": "1000000" }, { "name": "evidence", "value": "none" }]);
    studio.ask("POST", "/separate", &long);
    studio.bytes("DELETE", "/job", b"");
    assert_eq!(studio.finish()["state"], "cancelled");
    assert!(studio.ask("GET", "", &Value::Null)["separated"].is_null());

    // A stem of another program, given as a file; pieces; another mask; a backing track.
    let stem = std::fs::read(folder.path().join("song.wav")).unwrap();
    let kept = studio.bytes("POST", "/given?name=drums.wav", &stem);
    assert!(String::from_utf8_lossy(&kept).contains("drums.wav"));
    let given = json!([
        { "name": "sources", "value": "drums,rest" }, { "name": "minus", "value": "drums" },
        { "name": "hint", "source": "drums", "file": "drums.wav" }, { "name": "hint-strength", "value": "0.5" },
        { "name": "piece", "value": "1" }, { "name": "evidence", "value": "features" }, { "name": "iterations", "value": "10" },
        { "name": "exponent", "value": "2" }, { "name": "format", "value": "flac16" },
    ]);
    studio.ask("POST", "/separate", &given);
    let job = studio.finish();
    assert_eq!(job["state"], "done", "{job}");
    let separated = studio.ask("GET", "", &Value::Null)["separated"].clone();
    assert_eq!(separated["sources"], json!(["no_drums", "drums"]));
    assert_eq!(separated["given"].as_array().unwrap().len(), 9);
    assert!(!separated["why"].as_array().unwrap().is_empty());
    same_by_command(folder.path(), &separated, &["no_drums.flac", "drums.flac"]);

    // The stems of another program go into a folder together, and are taken further apart.
    for name in ["drums", "other"] {
        let kept = studio.bytes(
            "POST",
            &format!("/given?name={name}.wav&folder=theirs"),
            &stem,
        );
        assert!(String::from_utf8_lossy(&kept).contains("theirs"));
    }
    let given = json!([
        { "name": "sources", "value": "kick,snare" }, { "name": "stage-two", "file": "theirs" }, { "name": "fast" },
    ]);
    studio.ask("POST", "/separate", &given);
    let job = studio.finish();
    assert_eq!(job["state"], "done", "{job}");
    let separated = studio.ask("GET", "", &Value::Null)["separated"].clone();
    let sources = separated["sources"].as_array().unwrap();
    assert!(
        sources.contains(&json!("kick")) && sources.contains(&json!("other")),
        "{separated}"
    );
    same_by_command(folder.path(), &separated, &["kick.wav", "other.wav"]);

    // What the library refuses is said, and the stems of before stay.
    let long_hint = json!([{ "name": "sources", "value": "voice,piano" }, { "name": "exponent", "value": "-1" }]);
    studio.ask("POST", "/separate", &long_hint);
    let failed = studio.finish();
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(
        failed["error"].as_str().unwrap().contains("exponent"),
        "{failed}"
    );
    assert_eq!(studio.ask("GET", "", &Value::Null)["separated"], separated);
}
