//! A recording from upload to exported stems, and back after the server was gone.

use serde_json::{Value, json};

use crate::client::{Studio, recording};

/// The uploaded file has 16 bits.
const HALF_STEP: f32 = 1.0 / 65536.0;

fn open(studio: &Studio) -> Value {
    let wav = recording(studio.folder.path());
    let answer = studio.ask("POST", "/api/upload?name=song.wav", &wav);
    assert_eq!(answer.status, 200, "{}", answer.head);
    let id = answer.json()["id"].clone();
    assert_eq!(studio.finish(&id)["state"], "done");
    id
}

#[test]
fn decisions_are_kept_and_a_project_opens_again_exactly() {
    let studio = Studio::start();
    let id = open(&studio);
    let before = studio
        .ask("GET", &format!("/api/projects/{id}"), b"")
        .json();
    let mut edits = before["edits"].clone();
    edits["sources"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "shaker", "kind": null }));
    edits["assignment"][2] = json!(2);
    edits["source_gains"] = json!([1.0, 0.5, 1.25]);
    let path = format!("/api/projects/{id}/edits");
    let fit = studio.ask("PUT", &path, edits.to_string().as_bytes());
    assert_eq!(fit.status, 200);
    assert_eq!(fit.json()["components"][2]["source"], 2);
    let export = json!({ "what": "stems", "format": "wav16" });
    studio.ask(
        "POST",
        &format!("/api/projects/{id}/export"),
        export.to_string().as_bytes(),
    );
    let written = studio.finish(&id);
    assert_eq!(written["state"], "done", "{written}");
    let stems = studio.folder.path().join("song.unbraid/stems");
    let first = std::fs::read(stems.join("shaker.wav")).unwrap();
    let factors = studio
        .ask("GET", &format!("/api/projects/{id}/factors"), b"")
        .body;

    // The server is gone from one moment to the next; another one finds everything.
    let moved = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(studio.folder.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::rename(entry.path(), moved.path().join(entry.file_name())).unwrap();
    }
    let later = Studio::start_in(moved);
    let studio_says = later.ask("GET", "/api/studio", b"").json();
    assert_eq!(studio_says["recent"], json!(["song.unbraid"]));
    // The recording lies beside its project, wherever both are now.
    std::fs::write(
        studio.folder.path().join("song.wav"),
        std::fs::read(later.folder.path().join("song.wav")).unwrap(),
    )
    .unwrap();
    let id = later
        .ask("POST", "/api/open", b"{\"recent\":\"song.unbraid\"}")
        .json()["id"]
        .clone();
    let after = later.ask("GET", &format!("/api/projects/{id}"), b"").json();
    assert_eq!(after["edits"], edits);
    assert_eq!(after["fit"]["components"], fit.json()["components"]);
    assert!(
        later
            .ask("GET", &format!("/api/projects/{id}/factors"), b"")
            .body
            == factors,
        "the fit changed"
    );
    later.ask(
        "POST",
        &format!("/api/projects/{id}/export"),
        export.to_string().as_bytes(),
    );
    assert_eq!(later.finish(&id)["state"], "done");
    let second = std::fs::read(later.folder.path().join("song.unbraid/stems/shaker.wav")).unwrap();
    assert!(first == second, "the stems changed");
}

#[test]
fn exported_files_are_served_in_parts() {
    let studio = Studio::start();
    let id = open(&studio);
    studio.ask(
        "POST",
        &format!("/api/projects/{id}/export"),
        br#"{"what":"stems"}"#,
    );
    let job = studio.finish(&id);
    let file = job["result"]["files"][0].as_str().unwrap();
    let path = format!("/api/projects/{id}/files/{file}");
    let whole = studio.ask("GET", &path, b"").body;
    assert!(whole.starts_with(b"RIFF"));
    let part = |range: &str| {
        studio.send(
            "GET",
            &path,
            &format!(
                "Authorization: Bearer {}\r\nRange: {range}\r\n",
                studio.token
            ),
            b"",
        )
    };
    let answer = part("bytes=4-9");
    assert_eq!((answer.status, &answer.body[..]), (206, &whole[4..10]));
    assert!(
        answer
            .head
            .to_lowercase()
            .contains(&format!("content-range: bytes 4-9/{}", whole.len()))
    );
    assert_eq!(part(&format!("bytes={}-", whole.len())).status, 416);
    for malformed in [
        "bytes=9-4",
        "bytes=a-b",
        "bytes=0-1,4-5",
        "elephants=1-2",
        "bytes=-",
    ] {
        let answer = part(malformed);
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, whole.len()),
            "{malformed}"
        );
    }
}

#[test]
fn the_sounds_of_all_components_add_up_to_the_recording() {
    let studio = Studio::start();
    let id = open(&studio);
    let bytes = studio
        .ask("GET", &format!("/api/projects/{id}/sound/1"), b"")
        .body;
    let samples: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect();
    let (drums, guitar) = unbraid::testsignals::drums_and_guitar(2.0, 8000);
    let mixture = unbraid::testsignals::mix(&[&drums, &guitar]);
    assert_eq!(samples.len(), 16 * 8000);
    for n in 0..8000 {
        let sum: f32 = (0..16).map(|component| samples[component * 8000 + n]).sum();
        let expected = mixture.channel(0)[8000 + n];
        assert!(
            (sum - expected).abs() < 1.1 * HALF_STEP,
            "{sum} for {expected} at {n}"
        );
    }
    assert_eq!(
        studio
            .ask("GET", &format!("/api/projects/{id}/sound/2"), b"")
            .status,
        404
    );
}

#[test]
fn a_fit_can_be_cancelled_and_an_earlier_one_taken_back() {
    let studio = Studio::start();
    let id = open(&studio);
    let project = |part: &str| {
        studio
            .ask("GET", &format!("/api/projects/{id}"), b"")
            .json()[part]
            .clone()
    };
    let before = (project("fit"), project("edits"));
    let mut settings = project("settings");
    settings["blind"]["fit"]["iterations"] = json!(100_000);
    let path = format!("/api/projects/{id}/fit");
    studio.ask("POST", &path, settings.to_string().as_bytes());
    assert_eq!(
        studio
            .ask("POST", &path, settings.to_string().as_bytes())
            .status,
        409
    );
    studio.ask("DELETE", &format!("/api/projects/{id}/job"), b"");
    assert_eq!(studio.finish(&id)["state"], "cancelled");
    assert_eq!((project("fit"), project("edits")), before);

    settings["blind"]["fit"]["iterations"] = json!(10);
    settings["blind"]["components"] = json!(5);
    studio.ask("POST", &path, settings.to_string().as_bytes());
    assert_eq!(studio.finish(&id)["state"], "done");
    assert_eq!(project("fit")["components"].as_array().unwrap().len(), 5);
    let restore = json!({ "revision": before.0["revision"] });
    let back = studio.ask(
        "POST",
        &format!("/api/projects/{id}/restore"),
        restore.to_string().as_bytes(),
    );
    assert_eq!(back.status, 200);
    assert_eq!((project("fit"), project("edits")), before);
}

#[test]
fn settings_that_are_not_allowed_are_said_to_be() {
    let studio = Studio::start();
    let id = open(&studio);
    let mut settings = studio
        .ask("GET", &format!("/api/projects/{id}"), b"")
        .json()["settings"]
        .clone();
    settings["blind"]["components"] = json!(0);
    studio.ask(
        "POST",
        &format!("/api/projects/{id}/fit"),
        settings.to_string().as_bytes(),
    );
    let job = studio.finish(&id);
    assert_eq!(job["state"], "failed");
    assert!(
        job["error"].as_str().unwrap().contains("components"),
        "{job}"
    );
}
