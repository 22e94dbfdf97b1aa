//! What other pages, other names and broken clients try.

use crate::client::{Studio, recording};

fn names(studio: &Studio) -> Vec<String> {
    let entries = std::fs::read_dir(studio.folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn another_page_cannot_drive_the_studio() {
    let studio = Studio::start();
    let token = format!("Authorization: Bearer {}\r\n", studio.token);
    let cross = [
        String::new(),
        "Authorization: Bearer wrong\r\n".to_owned(),
        format!("{token}Origin: http://evil.example\r\n"),
        format!("{token}Origin: null\r\n"),
        format!("{token}Sec-Fetch-Site: cross-site\r\n"),
    ];
    for headers in cross {
        for (method, path) in [
            ("GET", "/api/studio"),
            ("POST", "/api/open"),
            ("POST", "/api/upload?name=a.wav"),
        ] {
            let answer = studio.send(method, path, &headers, b"\"demo\"");
            assert!(
                matches!(answer.status, 401 | 403),
                "{method} {path} {headers:?}: {}",
                answer.status
            );
        }
    }
    assert!(names(&studio).is_empty());
}

#[test]
fn a_rebound_name_does_not_pass() {
    let studio = Studio::start();
    for host in ["evil.example", "evil.example:80", "127.0.0.1", "0.0.0.0"] {
        for path in ["/", "/app.js", "/api/studio"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
                studio.token
            );
            assert_eq!(studio.raw(request.as_bytes()).status, 421, "{host} {path}");
        }
    }
}

#[test]
fn the_page_may_load_nothing_from_elsewhere_and_be_framed_by_nobody() {
    let studio = Studio::start();
    let answer = studio.send("GET", "/", "", b"");
    assert_eq!(answer.status, 200);
    let head = answer.head.to_lowercase();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "nosniff",
        "no-referrer",
    ] {
        assert!(head.contains(part), "{part} in {head}");
    }
    assert!(!head.contains("access-control-allow"), "{head}");
}

#[test]
fn no_path_leads_out_of_the_opened_folders() {
    let studio = Studio::start();
    let wav = recording(studio.folder.path());
    std::fs::write(studio.folder.path().join("secret.txt"), "secret").unwrap();
    let id = studio.ask("POST", "/api/upload?name=song.wav", &wav).json()["id"].clone();
    studio.finish(&id);
    for path in [
        "../secret.txt",
        "..%2fsecret.txt",
        "stems/../../secret.txt",
        "stems/..%2f..%2fsecret.txt",
        "stems%2f..%2f..%2fsecret.txt",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "stems/%2fetc%2fpasswd",
        "unbraid.json",
        "fit.safetensors",
        "stems",
        "stems/",
        "stems/%00",
        "components/..",
        "stems/..\\..\\secret.txt",
    ] {
        let answer = studio.ask("GET", &format!("/api/projects/{id}/files/{path}"), b"");
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("root:"),
            "{path}"
        );
    }
    for name in [
        "..%2fup.wav",
        "%2ftmp%2fup.wav",
        ".hidden",
        "",
        "a%00b",
        "a%5Cb",
    ] {
        let answer = studio.ask("POST", &format!("/api/upload?name={name}"), &wav);
        assert!(
            matches!(answer.status, 400 | 422),
            "{name}: {}",
            answer.status
        );
    }
    for recent in [
        "\"../x.unbraid\"",
        "\"secret.txt\"",
        "\"/etc\"",
        "\"song.wav\"",
    ] {
        let answer = studio.ask(
            "POST",
            "/api/open",
            format!("{{\"recent\":{recent}}}").as_bytes(),
        );
        assert_eq!(answer.status, 404, "{recent}");
    }
    #[cfg(unix)]
    {
        let stems = studio.folder.path().join("song.unbraid/stems");
        std::fs::create_dir_all(&stems).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", stems.join("drums.wav")).unwrap();
        assert_eq!(
            studio
                .ask(
                    "GET",
                    &format!("/api/projects/{id}/files/stems/drums.wav"),
                    b""
                )
                .status,
            404
        );
    }
}

#[test]
fn uploads_that_are_no_recording_or_too_long_leave_nothing_behind() {
    let studio = Studio::start();
    let wav = recording(studio.folder.path());
    for (what, bytes) in [
        ("empty", &b""[..]),
        ("text", b"dear diary"),
        ("cut", &wav[..20]),
        ("header alone", &wav[..44]),
    ] {
        let answer = studio.ask("POST", "/api/upload?name=song.wav", bytes);
        assert_eq!(answer.status, 422, "{what}");
        assert!(
            answer.json()["error"]
                .as_str()
                .unwrap()
                .contains("song.wav"),
            "{what}"
        );
    }
    let answer = studio.ask("POST", "/api/upload?name=song.wav", &vec![0; (4 << 20) + 1]);
    assert!(matches!(answer.status, 413 | 422 | 0), "{}", answer.status);
    // Said to be long, and cut off.
    let request = format!(
        "POST /api/upload?name=song.wav HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 100000\r\n\r\nRIFF",
        studio.host, studio.token
    );
    {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(&studio.host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
    }
    for _ in 0..100 {
        if names(&studio).is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{:?} is left", names(&studio));
}

#[test]
fn malformed_requests_get_an_answer_and_the_server_lives_on() {
    let studio = Studio::start();
    for (method, path, body) in [
        ("POST", "/api/open", &b"{"[..]),
        ("POST", "/api/open", b"{\"path\":\"/etc/passwd\"}"),
        ("GET", "/api/projects/7", b""),
        ("GET", "/api/projects/x", b""),
        ("GET", "/api/projects/99999999999999999999999", b""),
        ("PUT", "/api/projects/1/edits", b"[]"),
        ("GET", "/api/nothing", b""),
        ("DELETE", "/api/projects/1/job", b""),
    ] {
        let answer = studio.ask(method, path, body);
        assert!(
            (400..500).contains(&answer.status),
            "{method} {path}: {}",
            answer.status
        );
    }
    let long = vec![b' '; 17 << 20];
    assert!(matches!(
        studio.ask("POST", "/api/open", &long).status,
        413 | 0
    ));
    assert_eq!(studio.ask("GET", "/api/studio", b"").status, 200);
}
