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
        let path = format!("/api/projects/{id}");
        let mut part = studio.ask("GET", &path, b"").json()[part].clone();
        if let Some(fit) = part.as_object_mut() {
            // It counts up, wherever one goes.
            fit.remove("sound");
        }
        part
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

/// Two sources told apart by what a person draws: everything above 1.5 kHz is drums.
fn drawn(edits: &Value) -> Value {
    let mut edits = edits.clone();
    edits["regions"]["boxes"] = json!([
        { "source": "drums", "strength": 1.0, "secs": [0.0, 2.0], "hz": [1500.0, 4000.0] },
    ]);
    edits["regions"]["strokes"] = json!([
        { "source": "rest", "strength": 0.75, "points": [[0.2, 300.0], [0.9, 420.0]], "width": [0.1, 80.0] },
    ]);
    edits
}

#[test]
fn what_is_drawn_is_heard_at_once_fitted_on_and_taken_back() {
    let studio = Studio::start();
    let id = open(&studio);
    let ask = |method: &str, path: &str, body: &Value| {
        let body = body.to_string();
        studio.ask(
            method,
            &format!("/api/projects/{id}/{path}"),
            body.as_bytes(),
        )
    };
    let project = || {
        studio
            .ask("GET", &format!("/api/projects/{id}"), b"")
            .json()
    };
    let sound = || {
        studio
            .ask("GET", &format!("/api/projects/{id}/sound/0"), b"")
            .body
    };
    let (before, silent) = (project(), sound());
    assert_eq!(before["history"], json!([{ "revision": 0, "what": "fit" }]));

    let edits = drawn(&before["edits"]);
    let fit = ask("PUT", "edits", &edits).json();
    assert_eq!(fit["sound"], 1);
    assert!(sound() != silent, "what was drawn is not heard");

    let refit = |wish: Value| {
        ask("POST", "refit", &json!({ "wish": wish, "iterations": 4 }));
        studio.finish(&id)
    };
    assert_eq!(refit(json!("on"))["result"]["revision"], 1);
    let after = project();
    assert_eq!(after["edits"]["regions"], edits["regions"]);
    assert!(after["fit"]["objective"] != before["fit"]["objective"]);
    assert_eq!(refit(json!({ "split": 3 }))["result"]["revision"], 2);
    assert_eq!(project()["fit"]["components"].as_array().unwrap().len(), 17);
    assert_eq!(refit(json!({ "merge": [3, 16] }))["result"]["revision"], 3);
    let merged = project();
    assert_eq!(merged["fit"]["components"].as_array().unwrap().len(), 16);
    let whats: Vec<&Value> = (merged["history"].as_array().unwrap().iter())
        .map(|step| &step["what"])
        .collect();
    assert_eq!(
        whats,
        [
            "fit",
            "refit",
            "component 3 split",
            "components 3, 16 merged"
        ]
    );

    // The command line goes on from any of these states, and back is where it was.
    let folder = studio.folder.path().join("song.unbraid");
    assert_eq!(unbraid_io::project::current_state(&folder).unwrap(), 3);
    assert!(folder.join("states/1/regions.json").is_file());
    let back = ask("POST", "restore", &json!({ "revision": 0 }));
    assert_eq!(back.status, 200);
    ask("PUT", "edits", &before["edits"]);
    assert!(sound() == silent, "the sound is not what it was");

    for refused in [
        json!({ "wish": { "split": 99 }, "iterations": 4 }),
        json!({ "wish": { "merge": [1] }, "iterations": 4 }),
    ] {
        ask("POST", "refit", &refused);
        assert_eq!(studio.finish(&id)["state"], "failed", "{refused}");
    }
    assert_eq!(ask("POST", "refit", &json!({ "wish": "off" })).status, 422);
    assert_eq!(project()["history"].as_array().unwrap().len(), 4);
}

#[test]
fn music_is_read_kept_and_written() {
    let studio = Studio::start();
    let id = open(&studio);
    let path = |part: &str| format!("/api/projects/{id}/{part}");
    let read = studio.ask("POST", &path("music"), b"0.0,220.0\n0.1,221.0\n0.2,0\n");
    assert_eq!(read.json()["pitches"].as_array().unwrap().len(), 3);
    assert_eq!(studio.ask("POST", &path("music"), b"\x00\x01").status, 422);
    let project = studio
        .ask("GET", &format!("/api/projects/{id}"), b"")
        .json();
    let mut edits = project["edits"].clone();
    edits["music"] = read.json();
    edits["music"]["notes"] = json!([{ "onset_secs": 0.5, "offset_secs": 1.0, "key": 57,
        "velocity": 90, "track": 0, "confidence": 1.0 }]);
    let saved = studio.ask("PUT", &path("edits"), edits.to_string().as_bytes());
    assert_eq!(saved.status, 200);
    studio.ask("POST", &path("export"), b"{\"what\":\"music\"}");
    let job = studio.finish(&id);
    let files = job["result"]["files"].as_array().unwrap();
    for file in ["music/notes.mid", "music/notes.csv", "music/f0.csv"] {
        assert!(files.contains(&json!(file)), "{file} is not in {job}");
    }
    let f0 = studio.ask("GET", &path("files/music/f0.csv"), b"");
    assert!(
        f0.body
            .starts_with(b"time_secs,hz,confidence\n0.000000,220.000")
    );
    edits["music"]["notes"][0]["offset_secs"] = json!(0.1);
    let refused = studio.ask("PUT", &path("edits"), edits.to_string().as_bytes());
    assert_eq!(refused.status, 422);
}

#[test]
fn what_an_option_needs_is_given_to_the_project_and_named_in_the_command() {
    let studio = Studio::start();
    let id = open(&studio);
    let path = |part: &str| format!("/api/projects/{id}/{part}");
    let names: Vec<Value> = {
        let options = studio.ask("GET", "/api/options", b"").json();
        let options = options.as_array().unwrap().iter();
        options.map(|option| option["name"].clone()).collect()
    };
    assert_eq!(names, ["sources", "melody", "lyrics"]);

    // The same file again is the one that is there; another of its name gets a number.
    let give = |part: &str, text: &str| {
        let answer = studio.ask(
            "POST",
            &path(&format!("given?name={part}")),
            text.as_bytes(),
        );
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["name"].clone()
    };
    assert_eq!(give("f0.csv", "0.0,220\n0.1,221\n"), "f0.csv");
    assert_eq!(give("f0.csv", "0.0,220\n0.1,221\n"), "f0.csv");
    assert_eq!(give("f0.csv", "0.0,110\n0.1,111\n"), "f0-2.csv");
    assert_eq!(give("drums.wav&folder=stems", "RIFF"), "drums.wav");
    let given = json!([{ "name": "sources", "value": "voice,piano" }, { "name": "melody", "file": "f0-2.csv" }]);
    let told = studio.ask("POST", &path("told"), given.to_string().as_bytes());
    let command = told.json()["command"].as_str().unwrap().to_owned();
    let home = studio.folder.path().display().to_string();
    assert!(command.starts_with(&format!(
        "unbraid separate {home}/song.wav --sources voice,piano --melody "
    )));
    assert!(
        command.ends_with("song.unbraid/given/f0-2.csv"),
        "{command}"
    );

    // What is not understood is said before anything is begun.
    for wrong in [
        json!([{ "name": "sources", "value": "wrong" }]),
        json!([{ "name": "output", "value": "/tmp" }]),
        json!([{ "name": "melody", "file": "../song.wav" }]),
        json!([{ "name": "melody", "value": "/etc/passwd" }]),
    ] {
        for part in ["told", "separate"] {
            let answer = studio.ask("POST", &path(part), wrong.to_string().as_bytes());
            assert!(
                matches!(answer.status, 404 | 422),
                "{wrong}: {}",
                answer.status
            );
        }
    }
    studio.ask("POST", &path("separate"), b"[]");
    let job = studio.finish(&id);
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["error"].as_str().unwrap().contains("separates nothing"));

    // What was drawn and given on the page is there as files, too.
    let project = studio
        .ask("GET", &format!("/api/projects/{id}"), b"")
        .json();
    let mut edits = project["edits"].clone();
    edits["music"]["words"] =
        json!([{ "onset_secs": 0.1, "offset_secs": 0.4, "text": "la", "note": null }]);
    studio.ask("PUT", &path("edits"), edits.to_string().as_bytes());
    let own = studio.ask("POST", &path("own"), b"").json();
    assert_eq!(own["own"], json!({ "lyrics": "words.txt" }));
    assert_eq!(
        own["given"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["f0-2.csv", "f0.csv", "stems", "words.txt"]
    );
}
