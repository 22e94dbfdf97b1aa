//! A request's headers come in; whether the page itself sent it goes out.
//!
//! Any page in the browser can send requests to this computer. Three things keep it from driving the
//! studio: the `Host` must be this server's own address, so that a name that is rebound to 127.0.0.1
//! does not pass; an `Origin` must be this page's, and the browser must not call the request
//! cross-site; and everything below `/api` needs the token, which only the printed address carries
//! (behind `#`, which browsers never send).

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

/// What is asked of every request.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    hosts: [String; 3],
    token: String,
}

/// How the browser says where a request came from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    pub(crate) fn new(port: u16, token: String) -> Self {
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        Self { hosts, token }
    }

    /// Let a request through, or say why not.
    pub(crate) fn check(
        &self,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), (StatusCode, &'static str)> {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = text(header::HOST).unwrap_or_default();
        if !self.hosts.iter().any(|known| known == host) {
            return Err((
                StatusCode::MISDIRECTED_REQUEST,
                "this address is not the studio's: open the one it printed",
            ));
        }
        let ours = |origin: &str| {
            origin
                .strip_prefix("http://")
                .is_some_and(|origin| origin == host)
        };
        if text(header::ORIGIN).is_some_and(|origin| !ours(origin)) {
            return Err((
                StatusCode::FORBIDDEN,
                "other pages may not talk to the studio",
            ));
        }
        let site = text(SEC_FETCH_SITE).unwrap_or("none");
        let inside = path.starts_with("/api/");
        // A link from elsewhere may open the page; it holds no token and sees nothing.
        if inside && !matches!(site, "same-origin" | "none") {
            return Err((
                StatusCode::FORBIDDEN,
                "other pages may not talk to the studio",
            ));
        }
        if inside {
            let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
            if !given.is_some_and(|given| same(given.as_bytes(), self.token.as_bytes())) {
                return Err((
                    StatusCode::UNAUTHORIZED,
                    "the token is missing or old: open the address the studio printed",
                ));
            }
        }
        Ok(())
    }
}

/// Whether two byte strings are equal, in a time that does not say where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(path: &str, headers: &[(&'static str, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let guard = Guard::new(4000, "secret".to_owned());
        guard
            .check(path, &map)
            .err()
            .map(|(status, _)| status.as_u16())
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4000");
    const TOKEN: (&str, &str) = ("authorization", "Bearer secret");

    #[test]
    fn the_page_itself_passes() {
        assert_eq!(status("/", &[HOST]), None);
        let origin = ("origin", "http://127.0.0.1:4000");
        let site = ("sec-fetch-site", "same-origin");
        assert_eq!(status("/api/studio", &[HOST, TOKEN, origin, site]), None);
        assert_eq!(
            status("/api/studio", &[("host", "localhost:4000"), TOKEN]),
            None
        );
    }

    #[test]
    fn a_name_rebound_to_this_computer_is_refused() {
        for host in [
            "evil.example",
            "evil.example:4000",
            "127.0.0.1:4001",
            "127.0.0.1",
            "",
        ] {
            assert_eq!(status("/", &[("host", host)]), Some(421), "{host}");
            assert_eq!(
                status("/api/studio", &[("host", host), TOKEN]),
                Some(421),
                "{host}"
            );
        }
        assert_eq!(status("/", &[]), Some(421));
    }

    #[test]
    fn another_page_is_refused_even_with_the_token() {
        for origin in [
            "http://evil.example",
            "null",
            "https://127.0.0.1:4000",
            "http://127.0.0.1:4001",
        ] {
            assert_eq!(
                status("/api/studio", &[HOST, TOKEN, ("origin", origin)]),
                Some(403),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(
                status("/api/studio", &[HOST, TOKEN, ("sec-fetch-site", site)]),
                Some(403)
            );
        }
    }

    #[test]
    fn nothing_is_said_without_the_token() {
        assert_eq!(status("/api/studio", &[HOST]), Some(401));
        for token in [
            "Bearer secre",
            "Bearer secret2",
            "secret",
            "Basic secret",
            "Bearer ",
        ] {
            assert_eq!(
                status("/api/studio", &[HOST, ("authorization", token)]),
                Some(401),
                "{token}"
            );
        }
    }
}
