//! Nothing comes in; the notices of everything inside the binary go out.

use crate::output::say;

/// What is said, and where each text stands.
const TEXTS: [(&str, &str); 9] = [
    (
        "Unbraid, under the MIT licence or the Apache licence, as you choose",
        "",
    ),
    ("The MIT licence", include_str!("../../../../LICENSE-MIT")),
    (
        "The Apache licence",
        include_str!("../../../../LICENSE-APACHE"),
    ),
    (
        "The built-in piano",
        include_str!("../../../unbraid/assets/README.md"),
    ),
    (
        "The network that hears drums, and what it was trained on",
        include_str!("../../../unbraid/src/evidence/drums.json"),
    ),
    (
        "The weights of the grouping, and what they were learnt from",
        include_str!("licenses/grouping.txt"),
    ),
    (
        "The demo clip of the studio: its guitar (its drums are CC0 1.0, by menegass)",
        include_str!("../../../../demo/LICENSE-GUITAR-EXPAT.txt"),
    ),
    (
        "The letters in pictures: Noto Sans",
        include_str!("../../../unbraid-report/fonts/OFL.txt"),
    ),
    (
        "Other people's code, in the order of the names of packages",
        include_str!("licenses/dependencies.txt"),
    ),
];

pub(crate) fn run() {
    for (title, text) in TEXTS {
        let rule = "=".repeat(72);
        say!("{rule}\n{title}\n{rule}\n\n{text}");
    }
}
