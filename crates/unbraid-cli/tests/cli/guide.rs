//! The guide's commands do what the guide says they do.

use std::fs;
use std::path::Path;

/// Copy the demo clip to where the guide's commands run.
fn sandbox() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let clip = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../demo/mixture.flac"
    ));
    fs::create_dir(dir.path().join("demo")).unwrap();
    fs::copy(clip, dir.path().join("demo/mixture.flac")).unwrap();
    dir
}

/// Run the console blocks of a page in order, in one folder.
fn follow(page: &str) {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide")).join(page);
    let dir = sandbox();
    // The page is followed inside of the folder it runs in, so that its blocks see each other's files.
    let copy = dir.path().join(page);
    fs::copy(source, &copy).unwrap();
    let folder = dir.path().join(page).with_extension("in");
    fs::create_dir_all(folder.join("demo")).unwrap();
    fs::copy(
        dir.path().join("demo/mixture.flac"),
        folder.join("demo/mixture.flac"),
    )
    .unwrap();
    trycmd::TestCases::new().case(copy).run();
}

#[test]
fn first_stems() {
    follow("first-stems.md");
}

#[test]
fn components_by_hand() {
    follow("components.md");
}
