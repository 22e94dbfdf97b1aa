//! The definitions of the command line come in; the options that the studio offers go out.
//!
//! There is no second list: what an option is called, what it is for, what it takes and what holds without it are read off
//! [`crate::args`], and so is every option that is added there.

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, CommandFactory};
use unbraid_studio::{OfSource, Offered, Value};

use crate::args::Cli;

/// What of `separate` the studio does not offer, and why.
const KEPT: [(&str, &str); 10] = [
    ("files", "the recording is the one that is open"),
    ("output", "stems are written into the project"),
    ("start", "a project is of its span of the recording"),
    ("duration", "a project is of its span of the recording"),
    ("overwrite", "new stems take the place of the old ones"),
    ("resume", "there is one recording, which is done at once"),
    ("jobs", "there is one recording"),
    ("why", "the page always says why"),
    ("json", "the page reads the manifest"),
    ("quiet", "the page shows how far it is"),
];

/// The group of options that stand under no heading of the help.
const PLAIN: &str = "Sources";

/// Every option of `separate` that is about one recording.
pub(crate) fn offered() -> Vec<Offered> {
    let mut program = Cli::command();
    program.build();
    let separate = program
        .find_subcommand("separate")
        .expect("it is a command of this program");
    separate
        .get_arguments()
        .filter(|arg| !is_kept(arg))
        .filter_map(offer)
        .collect()
}

fn is_kept(arg: &Arg) -> bool {
    let of_clap = ["help", "version"];
    let id = arg.get_id().as_str();
    of_clap.contains(&id) || KEPT.iter().any(|(kept, _)| *kept == id)
}

fn offer(arg: &Arg) -> Option<Offered> {
    let value_name = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map_or_else(String::new, ToString::to_string);
    let usual = arg.get_default_values().first();
    Some(Offered {
        name: arg.get_long()?.to_owned(),
        short: arg.get_short(),
        group: arg.get_help_heading().unwrap_or(PLAIN).to_owned(),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        value: value(arg, &value_name),
        usual: usual.map(|usual| usual.to_string_lossy().into_owned()),
        repeats: matches!(arg.get_action(), ArgAction::Append),
        value_name,
    })
}

/// What an option takes, by what the help calls it.
fn value(arg: &Arg, value_name: &str) -> Value {
    if !arg.get_action().takes_values() {
        return Value::Flag;
    }
    let file = |source| Value::File {
        source,
        track: value_name.ends_with("[#TRACK]"),
    };
    let choices: Vec<PossibleValue> = arg.get_possible_values();
    match value_name {
        _ if !choices.is_empty() => Value::Choice {
            choices: choices
                .iter()
                .map(|choice| choice.get_name().to_owned())
                .collect(),
        },
        "FILE" => file(OfSource::No),
        "SOURCE=FILE" => file(OfSource::Needed),
        "[SOURCE=]FILE" | "[SOURCE=]FILE[#TRACK]" => file(OfSource::Perhaps),
        "DIR" => Value::Folder,
        "COUNT" | "HZ" | "NUMBER" | "SAMPLES" | "SECONDS" | "SHARE" | "WEIGHT" => Value::Number,
        _ => Value::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_separate_is_offered_or_kept_for_a_reason() {
        let program = Cli::command();
        let separate = program.find_subcommand("separate").unwrap();
        let offered = offered();
        for arg in separate.get_arguments() {
            let kept = is_kept(arg);
            let here = offered
                .iter()
                .filter(|one| Some(one.name.as_str()) == arg.get_long());
            assert_eq!(here.count(), usize::from(!kept), "{}", arg.get_id());
        }
        for (kept, why) in KEPT {
            let known = separate.get_arguments().any(|arg| arg.get_id() == kept);
            assert!(known && !why.is_empty(), "`{kept}` is no option");
        }
        for one in &offered {
            assert!(!one.help.is_empty() && !one.group.is_empty(), "{one:?}");
        }
    }

    #[test]
    fn an_option_takes_what_the_command_line_takes() {
        let offered = offered();
        let of = |name: &str| offered.iter().find(|one| one.name == name).unwrap();
        let text = |names: &[&str]| Value::Choice {
            choices: names.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(of("align").value, Value::Flag);
        assert_eq!(of("seed").value, Value::Number);
        assert_eq!(of("beta").value, Value::Text);
        assert_eq!(of("components").short, Some('k'));
        assert_eq!(of("components").value, Value::Text);
        assert_eq!(of("adapt").value, text(&["none", "transfer", "slow"]));
        assert_eq!(of("evidence").usual.as_deref(), Some("learnt"));
        assert_eq!(of("stage-two").value, Value::Folder);
        let file = |source, track| Value::File { source, track };
        assert_eq!(of("score").value, file(OfSource::Perhaps, true));
        assert_eq!(of("hint").value, file(OfSource::Needed, false));
        assert_eq!(of("regions").value, file(OfSource::No, false));
        // What takes files is told by the names in the help: none may be overlooked.
        for one in &offered {
            let names_file = ["FILE", "DIR"]
                .iter()
                .any(|word| one.value_name.contains(word));
            let takes_file = matches!(one.value, Value::File { .. } | Value::Folder);
            assert_eq!(names_file, takes_file, "{one:?}");
        }
    }
}
