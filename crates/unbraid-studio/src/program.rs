//! What the command line can be told comes in, as the command line itself defines it; what a person gave goes out, as its words.
//!
//! The page has no list of options of its own: it draws the one that the program hands over, and the program takes the words
//! apart again.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unbraid::factorize::FactorizeConfig;
use unbraid::observe::Progress;
use unbraid_io::project::Manifest;

use crate::failure::Failure;
use crate::given;

/// Is told how far long work has come; says whether it is to go on.
pub type Watch = Arc<dyn Fn(&Progress) -> ControlFlow<()> + Send + Sync>;

/// The command line that the studio is a part of.
pub trait Program: Debug + Send + Sync {
    /// What `separate` can be told about one recording, in the order of its help.
    fn options(&self) -> Vec<Offered>;

    /// Whether `separate` understands these words (`--beta=is`, …), before any file is read.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] says which word is not understood, and why.
    fn check(&self, words: &[String]) -> Result<(), Failure>;

    /// The settings that `factorize` would take from these words, for a recording of this rate in Hz.
    ///
    /// # Errors
    ///
    /// As [`Program::check`].
    fn settings(&self, words: &[String], sample_rate: u32) -> Result<FactorizeConfig, Failure>;

    /// `separate` itself: a recording into a folder of stems, whose manifest is returned. The folder appears whole, in the
    /// place of what was there.
    ///
    /// # Errors
    ///
    /// [`Failure`] with what the command line would say; [`unbraid::Error::Cancelled`] if `watch` wants it.
    fn separate(
        &self,
        recording: &Path,
        words: &[String],
        folder: &Path,
        watch: Watch,
    ) -> Result<Manifest, Failure>;
}

/// One option of the command line, as the page offers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Offered {
    /// The long name, without its dashes.
    pub name: String,
    /// The short name, without its dash.
    pub short: Option<char>,
    /// The heading in the help that it stands under.
    pub group: String,
    /// What the help says.
    pub help: String,
    /// What it takes.
    #[serde(flatten)]
    pub value: Value,
    /// What its value is called in the help, such as `SECONDS`.
    pub value_name: String,
    /// What holds if it is not given.
    pub usual: Option<String>,
    /// Whether it can be given several times.
    pub repeats: bool,
}

/// What an option takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Value {
    /// Nothing: it is there or not.
    Flag,
    /// A number.
    Number,
    /// Words.
    Text,
    /// One of some words.
    Choice {
        /// These.
        choices: Vec<String>,
    },
    /// A file, perhaps of one of the sources.
    File {
        /// Whether a source goes with it: `SOURCE=FILE`.
        source: OfSource,
        /// Whether one of its tracks can be chosen: `FILE#TRACK`.
        track: bool,
    },
    /// A folder of files.
    Folder,
}

/// Whether a file is given for one of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OfSource {
    /// It is of the recording.
    No,
    /// It can be.
    Perhaps,
    /// It must be.
    Needed,
}

/// One option that a person gave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// The option's long name.
    pub name: String,
    /// A number, words, or one of the choices.
    pub value: Option<String>,
    /// The name of a file, or of a folder, among those that were given to the project.
    pub file: Option<String>,
    /// Whose the file is.
    pub source: Option<String>,
    /// Which of its tracks.
    pub track: Option<String>,
}

/// What was given, as words of the command line (`--beta=is`). Files are those of the project's folder, and no others.
pub(crate) fn words(
    offered: &[Offered],
    given: &[Given],
    project: &Path,
) -> Result<Vec<String>, Failure> {
    given
        .iter()
        .map(|one| word(offered, one, project))
        .collect()
}

fn word(offered: &[Offered], given: &Given, project: &Path) -> Result<String, Failure> {
    let name = &given.name;
    let refused = |why: &str| Failure::Refused(format!("--{name} {why}"));
    let Some(option) = offered.iter().find(|option| option.name == *name) else {
        return Err(refused("is no option that can be given here"));
    };
    let plain = |text: &Option<String>| -> Option<String> {
        let text = text.as_deref().map(str::trim).unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let file = |is_folder: bool| -> Result<String, Failure> {
        let file = plain(&given.file).ok_or_else(|| refused("wants a file"))?;
        let path = given::find(project, &file, is_folder)?;
        Ok(path.display().to_string())
    };
    let value = match &option.value {
        Value::Flag => return Ok(format!("--{name}")),
        Value::Number | Value::Text | Value::Choice { .. } => {
            plain(&given.value).ok_or_else(|| refused("wants a value"))?
        }
        Value::Folder => file(true)?,
        Value::File { source, track } => {
            let mut value = file(false)?;
            if let (true, Some(track)) = (*track, plain(&given.track)) {
                // It must not make another path of the file's.
                if track.contains(['/', '\\', '#']) {
                    return Err(refused("is of a track whose name has none of / \\ #"));
                }
                value = format!("{value}#{track}");
            }
            match (source, plain(&given.source)) {
                // What stands before a `=` would be taken for a source.
                (OfSource::Perhaps, None) if value.contains('=') => {
                    return Err(refused(
                        "is in a file whose path has a `=`: say whose it is",
                    ));
                }
                (OfSource::No, _) | (OfSource::Perhaps, None) => value,
                (OfSource::Needed, None) => return Err(refused("wants a source")),
                (_, Some(source)) if source.contains('=') => {
                    return Err(refused("is of a source whose name has no `=`"));
                }
                (_, Some(source)) => format!("{source}={value}"),
            }
        }
    };
    Ok(format!("--{name}={value}"))
}

/// The same words as a person types them: `--beta is`.
pub(crate) fn typed(words: &[String]) -> Vec<String> {
    let each = words.iter().flat_map(|word| match word.split_once('=') {
        Some((name, value)) if !value.starts_with('-') => {
            vec![name.to_owned(), value.to_owned()]
        }
        _ => vec![word.clone()],
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, value: Value) -> Offered {
        Offered {
            name: name.to_owned(),
            short: None,
            group: String::new(),
            help: String::new(),
            value,
            value_name: String::new(),
            usual: None,
            repeats: false,
        }
    }

    fn offered() -> Vec<Offered> {
        let (no, needed) = (OfSource::No, OfSource::Needed);
        vec![
            option("align", Value::Flag),
            option("beta", Value::Text),
            option(
                "melody",
                Value::File {
                    source: no,
                    track: false,
                },
            ),
            option(
                "score",
                Value::File {
                    source: OfSource::Perhaps,
                    track: true,
                },
            ),
            option(
                "hint",
                Value::File {
                    source: needed,
                    track: false,
                },
            ),
            option("stage-two", Value::Folder),
        ]
    }

    fn given(text: &str) -> Given {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_was_given_becomes_words_with_the_projects_files() {
        let project = tempfile::tempdir().unwrap();
        let home = project.path().join("given");
        std::fs::create_dir_all(home.join("stems")).unwrap();
        std::fs::write(home.join("my song.mid"), "").unwrap();
        let all = [
            r#"{"name":"align"}"#,
            r#"{"name":"beta","value":" -1 "}"#,
            r#"{"name":"score","file":"my song.mid","source":"piano","track":"2"}"#,
            r#"{"name":"score","file":"my song.mid"}"#,
            r#"{"name":"stage-two","file":"stems"}"#,
        ]
        .map(given);
        let words = words(&offered(), &all, project.path()).unwrap();
        let file = home.join("my song.mid").display().to_string();
        let stems = home.join("stems").display().to_string();
        assert_eq!(
            words,
            [
                "--align".to_owned(),
                "--beta=-1".to_owned(),
                format!("--score=piano={file}#2"),
                format!("--score={file}"),
                format!("--stage-two={stems}"),
            ]
        );
        let typed = typed(&words[..3]);
        assert_eq!(typed[..2], ["--align", "--beta=-1"]);
        assert_eq!(typed[2..], ["--score", &format!("piano={file}#2")]);
    }

    #[test]
    fn nothing_but_what_is_offered_and_files_that_were_given_pass() {
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(project.path().join("given/stems")).unwrap();
        std::fs::write(project.path().join("given/f0.csv"), "").unwrap();
        std::fs::write(project.path().join("given/piano=x.mid"), "").unwrap();
        std::fs::write(project.path().join("secret"), "").unwrap();
        for refused in [
            r#"{"name":"output","value":"/tmp"}"#,
            r#"{"name":"beta"}"#,
            r#"{"name":"beta","value":"  "}"#,
            r#"{"name":"melody","value":"/etc/passwd"}"#,
            r#"{"name":"melody","file":"/etc/passwd"}"#,
            r#"{"name":"melody","file":"../secret"}"#,
            r#"{"name":"melody","file":"stems"}"#,
            r#"{"name":"melody","file":"gone.csv"}"#,
            r#"{"name":"hint","file":"f0.csv"}"#,
            r#"{"name":"hint","file":"f0.csv","source":"a=/etc/passwd"}"#,
            r#"{"name":"score","file":"piano=x.mid"}"#,
            r#"{"name":"score","file":"f0.csv","track":"/../../secret"}"#,
            r#"{"name":"stage-two","file":".."}"#,
            r#"{"name":"stage-two","file":"f0.csv"}"#,
        ] {
            let answer = words(&offered(), &[given(refused)], project.path());
            assert!(answer.is_err(), "{refused} gave {answer:?}");
        }
    }
}
