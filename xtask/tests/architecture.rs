//! ARCHITECTURE.md is true: the places it names exist.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn every_answer_of_where_is_names_a_file_and_something_in_it() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let list = text
        .split("## Where is …?")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let mut answers = 0;
    for line in list.lines().filter(|line| line.starts_with("| Where")) {
        let named: Vec<&str> = line
            .rsplit('|')
            .nth(1)
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        let [file, name] = named[..] else {
            panic!("not one file and one name: {line}")
        };
        let code =
            fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("no {file}: {line}"));
        let defined = [
            "fn ",
            "struct ",
            "enum ",
            "trait ",
            "const ",
            "mod ",
            "class ",
            "function ",
        ]
        .iter()
        .any(|keyword| code.contains(&format!("{keyword}{name}")));
        assert!(defined, "{file} defines no {name}: {line}");
        answers += 1;
    }
    assert!(answers >= 20, "only {answers} answers");
}

#[test]
fn every_link_of_the_papers_leads_somewhere() {
    let mut links = 0;
    for paper in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ] {
        let text = fs::read_to_string(root().join(paper)).unwrap();
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(
                root().join(target).exists(),
                "{paper} links to {target}, which does not exist"
            );
            links += 1;
        }
    }
    assert!(links > 5);
}

#[test]
fn every_crate_and_module_is_in_the_architecture() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            text.contains(&format!("`crates/{name}`")),
            "{name} is not described"
        );
    }
    let library = fs::read_to_string(root().join("crates/unbraid/src/lib.rs")).unwrap();
    for line in library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
    {
        let module = line.trim_end_matches(';');
        assert!(
            text.contains(&format!("`{module}`")),
            "the module {module} is not described"
        );
    }
}
