//! The built page: made by `npm run build` in `web/`, checked by `cargo xtask test web`.

/// A file of the page.
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// Everything the page is made of.
pub(crate) const ASSETS: [Asset; 4] = [
    Asset {
        path: "/",
        kind: "text/html; charset=utf-8",
        bytes: include_bytes!("../assets/index.html"),
    },
    Asset {
        path: "/app.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/app.css"),
    },
    Asset {
        path: "/app.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/app.js"),
    },
    Asset {
        path: "/mixer.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/mixer.js"),
    },
];

/// The demo clip, for the guided start.
pub(crate) const DEMO: &[u8] = include_bytes!("../../../demo/mixture.flac");
