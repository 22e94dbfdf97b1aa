//! The names of sources come in, as text; sources that can be grouped go out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What a source can be known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything that is struck and has no pitch, or a falling one; beside some of the next four, the other ones.
    Drums,
    /// The bass drum.
    Kick,
    /// Snare drums, claps and rims.
    Snare,
    /// Hi-hats; as nothing tells them from other cymbals yet, those too.
    Hihat,
    /// Hi-hats and cymbals.
    Cymbals,
    /// Toms, hand drums, shakers, tambourines: every other drum.
    Percussion,
    /// Plucked or strummed strings, clean or distorted.
    Guitar,
    /// A singer or a choir.
    Voice,
    /// Struck strings.
    Piano,
    /// The lowest pitched line.
    Bass,
    /// What nothing else claims.
    Rest,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Drums,
        Self::Kick,
        Self::Snare,
        Self::Hihat,
        Self::Cymbals,
        Self::Percussion,
        Self::Guitar,
        Self::Voice,
        Self::Piano,
        Self::Bass,
        Self::Rest,
    ];

    /// Its name, as in `--sources`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drums => "drums",
            Self::Kick => "kick",
            Self::Snare => "snare",
            Self::Hihat => "hihat",
            Self::Cymbals => "cymbals",
            Self::Percussion => "percussion",
            Self::Guitar => "guitar",
            Self::Voice => "voice",
            Self::Piano => "piano",
            Self::Bass => "bass",
            Self::Rest => "rest",
        }
    }

    /// Whether it is drums, or some of them.
    #[must_use]
    pub fn is_percussive(self) -> bool {
        use Kind::{Cymbals, Drums, Hihat, Kick, Percussion, Snare};
        matches!(self, Drums | Kick | Snare | Hihat | Cymbals | Percussion)
    }

    /// The names of every kind, for messages.
    fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Config`] that lists the known kinds.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| {
                Error::config(
                    "sources",
                    format!("`{text}`"),
                    format!("one of {}", Self::list()),
                )
            })
    }
}

/// A source the listener names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The name its stem gets.
    pub name: String,
    /// What it is; `None` if only a person's assignment says what belongs to it.
    pub kind: Option<Kind>,
}

impl Source {
    /// A source named after its kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            name: kind.name().to_owned(),
            kind: Some(kind),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.name)
    }
}

/// Read a list of sources such as `drums,guitar` or `drums,solo=guitar,rest`.
///
/// A name alone must be a [`Kind`], or one of `with_evidence`: the names that something else
/// explains, such as a person's assignment. If a single source is named, `rest` is added, for
/// the stems to add up to the mixture.
///
/// # Errors
///
/// [`Error::Config`] if a name is empty, given twice, no file could bear it, or nothing says what
/// it is; the message names the part of the list and what is known.
///
/// # Examples
///
/// ```
/// use unbraid::group::{Kind, parse_sources};
///
/// let sources = parse_sources("solo=guitar", &[])?;
/// assert_eq!(sources[0].name, "solo");
/// assert_eq!(sources[1].kind, Some(Kind::Rest));
///
/// let error = parse_sources("drums,kazoo", &[]).unwrap_err();
/// assert!(error.to_string().contains("guitar, voice, piano, bass, rest"));
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn parse_sources(list: &str, with_evidence: &[&str]) -> Result<Vec<Source>, Error> {
    let mut sources: Vec<Source> = Vec::new();
    for item in list.split(',').map(str::trim) {
        let (name, kind) = match item.split_once('=') {
            Some((name, kind)) => (name.trim(), Some(kind.trim().parse::<Kind>()?)),
            None => (item, item.parse().ok()),
        };
        check_name(name)?;
        if kind.is_none() && !with_evidence.contains(&name) {
            return Err(Error::config(
                "sources",
                format!("`{name}`"),
                format!(
                    "a known source ({}), a name of your own with one of them (`{name}=guitar`), \
                     or a name with components assigned to it",
                    Kind::list()
                ),
            ));
        }
        if sources.iter().any(|other| other.name == name) {
            return Err(Error::config(
                "sources",
                format!("`{name}`"),
                "named only once",
            ));
        }
        sources.push(Source {
            name: name.to_owned(),
            kind,
        });
    }
    complete(&mut sources);
    Ok(sources)
}

/// Add `rest` to a single source that is not itself the rest.
pub(crate) fn complete(sources: &mut Vec<Source>) {
    if let [only] = sources.as_slice()
        && only.kind != Some(Kind::Rest)
        && only.name != Kind::Rest.name()
    {
        sources.push(Source::of(Kind::Rest));
    }
}

/// Names become file names: refuse what no file system, or no other list, could carry.
fn check_name(name: &str) -> Result<(), Error> {
    let unfit = |character: char| character.is_control() || r#"/\:*?"<>|"#.contains(character);
    if name.is_empty() || name.starts_with('.') || name.contains(unfit) {
        return Err(Error::config(
            "sources",
            format!("`{name}`"),
            "names that can be file names: not empty, no leading dot, none of / \\ : * ? \" < > |",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(list: &str) -> Vec<(String, Option<Kind>)> {
        let sources = parse_sources(list, &["mine"]).unwrap();
        sources
            .into_iter()
            .map(|source| (source.name, source.kind))
            .collect()
    }

    fn own(name: &str, kind: Kind) -> (String, Option<Kind>) {
        (name.to_owned(), Some(kind))
    }

    #[test]
    fn kinds_names_with_kinds_and_names_with_evidence_are_sources() {
        assert_eq!(
            parsed("drums, guitar"),
            [own("drums", Kind::Drums), own("guitar", Kind::Guitar)]
        );
        assert_eq!(
            parsed("Größe 1 = voice,mine"),
            [own("Größe 1", Kind::Voice), ("mine".to_owned(), None)]
        );
    }

    #[test]
    fn a_single_source_gets_the_rest_beside_it_unless_it_is_the_rest() {
        assert_eq!(
            parsed("bass"),
            [own("bass", Kind::Bass), own("rest", Kind::Rest)]
        );
        assert_eq!(parsed("rest"), [own("rest", Kind::Rest)]);
        assert_eq!(parsed("all=rest"), [own("all", Kind::Rest)]);
    }

    #[test]
    fn refused_lists_name_the_item_and_what_is_known() {
        for (list, given, allowed) in [
            ("", "``", "not empty"),
            ("drums,,voice", "``", "not empty"),
            ("=drums", "``", "not empty"),
            (
                "kazoo",
                "`kazoo`",
                "drums, kick, snare, hihat, cymbals, percussion, guitar, voice, piano, bass, rest",
            ),
            (
                "solo=kazoo",
                "`kazoo`",
                "drums, kick, snare, hihat, cymbals, percussion, guitar, voice, piano, bass, rest",
            ),
            ("Drums", "`Drums`", "drums, kick"),
            ("drums,drums", "`drums`", "only once"),
            ("a=drums,a=voice", "`a`", "only once"),
            ("../x=drums", "`../x`", "file names"),
            ("a/b=drums", "`a/b`", "file names"),
            ("a\u{7}=drums", "`a\u{7}`", "file names"),
        ] {
            let error = parse_sources(list, &[]).unwrap_err().to_string();
            assert!(
                error.contains(given),
                "{list}: {error} should contain {given}"
            );
            assert!(
                error.contains(allowed),
                "{list}: {error} should contain {allowed}"
            );
        }
    }

    #[test]
    fn kinds_are_written_as_they_are_read() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
