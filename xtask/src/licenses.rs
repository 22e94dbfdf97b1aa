//! Everything that the binary is made of comes in; the texts of its licences go out, for `unbraid licenses`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::root;

/// What to do with the texts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Do not write; fail if the file is not what would be written
    #[arg(long)]
    check: bool,
}

/// The file that the binary prints.
const FILE: &str = "crates/unbraid-cli/src/commands/licenses/dependencies.txt";

/// Between two texts.
const RULE: &str = "\n------------------------------------------------------------------------\n\n";

/// The dedication of the one package that has it in no file.
const UNLICENSE: &str = "This is free and unencumbered software released into the public domain.\n\n\
Anyone is free to copy, modify, publish, use, compile, sell, or distribute this software, either in source code form or\n\
as a compiled binary, for any purpose, commercial or non-commercial, and by any means.\n\n\
For more information, please refer to <https://unlicense.org/>\n";

/// A package that is in the binary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    license: String,
    authors: Vec<String>,
    repository: String,
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let text = page(&packages(&[])?)?;
    let path = root().join(FILE);
    if arguments.check {
        let there = fs::read_to_string(&path).unwrap_or_default();
        ensure!(
            there == text,
            "{FILE} is not of these dependencies: run `cargo xtask licenses`"
        );
    } else {
        fs::write(&path, text).with_context(|| format!("cannot write {FILE}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The packages, other than ours, that are linked into the binary, on any system unless the options say otherwise.
fn packages(options: &[&str]) -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(options)
        .current_dir(root())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let by_id = |field: &Value| -> BTreeMap<String, Value> {
        let all = list(field).into_iter();
        all.map(|one| (text(&one["id"]), one)).collect()
    };
    let (known, nodes) = (
        by_id(&metadata["packages"]),
        by_id(&metadata["resolve"]["nodes"]),
    );
    let is_macro = |package: &Value| {
        list(&package["targets"])
            .iter()
            .any(|target| list(&target["kind"]).contains(&"proc-macro".into()))
    };
    let mut todo: Vec<String> = known
        .iter()
        .filter(|(_, package)| package["name"] == "unbraid-cli")
        .map(|(id, _)| id.clone())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dependency in list(&nodes[&id]["deps"]) {
            // What only builds or tests is not in the binary, nor are macros.
            let is_linked = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"].is_null());
            let id = text(&dependency["pkg"]);
            if is_linked && !is_macro(&known[&id]) {
                todo.push(id);
            }
        }
    }
    let mut packages: Vec<Package> = seen
        .iter()
        .map(|id| &known[id])
        .filter(|package| !package["source"].is_null())
        .map(|package| Package {
            name: text(&package["name"]),
            version: text(&package["version"]),
            license: text(&package["license"]),
            authors: list(&package["authors"]).iter().map(text).collect(),
            repository: text(&package["repository"]),
            folder: Path::new(&text(&package["manifest_path"])).with_file_name(""),
        })
        .collect();
    packages.sort();
    Ok(packages)
}

/// The files of a package that hold its licence: of several to choose from, one; notices always.
fn license_files(package: &Package) -> Result<Vec<PathBuf>> {
    let mut licenses = Vec::new();
    let mut notices = Vec::new();
    for entry in fs::read_dir(&package.folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if !path.is_file() {
            continue;
        }
        if name.starts_with("notice") {
            notices.push(path);
        } else if ["license", "licence", "copying", "unlicense"]
            .iter()
            .any(|word| name.starts_with(word))
        {
            licenses.push(path);
        }
    }
    licenses.sort();
    notices.sort();
    let named = |word: &str| -> Vec<PathBuf> {
        let has = |path: &&PathBuf| {
            path.to_string_lossy()
                .to_lowercase()
                .rsplit('/')
                .next()
                .is_some_and(|n| n.contains(word))
        };
        licenses.iter().filter(has).cloned().collect()
    };
    let is_choice = package.license.contains('/') || package.license.contains(" OR ");
    let is_choice = is_choice && !package.license.contains("AND");
    let chosen = ["mit", "apache"]
        .into_iter()
        .map(named)
        .find(|found| is_choice && !found.is_empty());
    let mut files = chosen.unwrap_or(licenses);
    files.extend(notices);
    Ok(files)
}

/// The text of a licence for a package that ships none.
fn standard(package: &Package) -> Result<String> {
    if package.license.contains("MIT") {
        let ours = fs::read_to_string(root().join("LICENSE-MIT"))?;
        let terms = ours
            .find("Permission is hereby")
            .map_or("", |at| &ours[at..]);
        let authors = if package.authors.is_empty() {
            format!("the authors of {}", package.name)
        } else {
            package.authors.join(", ")
        };
        return Ok(format!("MIT License\n\nCopyright (c) {authors}\n\n{terms}"));
    }
    ensure!(
        package.license == "Unlicense",
        "{} ships no text of its licence {}",
        package.name,
        package.license
    );
    Ok(UNLICENSE.to_owned())
}

fn page(packages: &[Package]) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        let mut all = Vec::new();
        for file in license_files(package)? {
            let bytes = fs::read(&file)?;
            let text = String::from_utf8_lossy(&bytes).replace('\r', "");
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            all.push(lines.join("\n").trim().to_owned());
        }
        if all.is_empty() {
            all.push(standard(package)?.trim().to_owned());
        }
        for text in all {
            texts.entry(text).or_default().push(package);
        }
    }
    let mut page = String::from("Packages (name, version, licence, source):\n\n");
    // Writing to a string cannot fail.
    for package in packages {
        let Package {
            name,
            version,
            license,
            repository,
            ..
        } = package;
        writeln!(page, "{name} {version}: {license} {repository}").ok();
    }
    let mut sorted: Vec<_> = texts.into_iter().collect();
    sorted.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    for (text, of) in sorted {
        let names: Vec<&str> = of.iter().map(|package| package.name.as_str()).collect();
        write!(page, "{RULE}{}:\n\n{text}\n", names.join(", ")).ok();
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_that_is_linked_here_is_in_the_file_with_its_version() {
        let text = fs::read_to_string(root().join(FILE)).unwrap();
        let host = std::process::Command::new("rustc")
            .arg("-vV")
            .output()
            .unwrap()
            .stdout;
        let host = String::from_utf8(host).unwrap();
        let host = host
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .unwrap();
        // What was built is there; nothing is fetched.
        let here = packages(&["--offline", "--filter-platform", host]).unwrap();
        assert!(here.len() > 50, "{}", here.len());
        for Package { name, version, .. } in here {
            assert!(
                text.contains(&format!("\n{name} {version}: ")),
                "{name} {version} is not in {FILE}: run `cargo xtask licenses`"
            );
        }
    }
}
