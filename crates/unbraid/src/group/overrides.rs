//! A person's assignment comes in, as text; which component it puts where goes out.

use serde::{Deserialize, Serialize};

use super::Source;
use crate::Error;

/// The word for "every component that nobody else was given".
const REST: &str = "rest";

/// What a person assigned by hand: it beats the automatic grouping, which keeps everything else.
///
/// # Examples
///
/// ```
/// use unbraid::group::Overrides;
///
/// let overrides = Overrides::parse(&["drums=0,3-5", "guitar=rest"])?;
/// assert_eq!(overrides.names(), ["drums", "guitar"]);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides {
    claims: Vec<Claim>,
}

/// What one source was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    source: String,
    /// First and last component of every span, both included.
    #[serde(default)]
    spans: Vec<(usize, usize)>,
    /// Whether it takes every component that is in no span.
    #[serde(default)]
    rest: bool,
}

impl Overrides {
    /// Nothing by hand.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Read assignments of the form `source=0,3,7`, `source=2-5` or `source=rest`.
    ///
    /// Components are counted from 0; the last of a range belongs to it. `rest` gives a source
    /// every component that no assignment names, so that nothing is left to the automatic
    /// grouping. A source may be given several times.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] that quotes the part that cannot be read. Whether the components and
    /// sources exist is only known, and checked, when grouping.
    pub fn parse<S: AsRef<str>>(assignments: &[S]) -> Result<Self, Error> {
        let mut claims = Vec::new();
        for assignment in assignments {
            let assignment = assignment.as_ref();
            let (source, items) = assignment.split_once('=').ok_or_else(|| {
                Error::config(
                    "assign",
                    format!("`{assignment}`"),
                    "a source and its components, such as `drums=0,3,7` or `guitar=rest`",
                )
            })?;
            let mut claim = Claim {
                source: source.trim().to_owned(),
                spans: Vec::new(),
                rest: false,
            };
            for item in items.split(',').map(str::trim) {
                if item == REST {
                    claim.rest = true;
                } else {
                    claim.spans.push(span(item, assignment)?);
                }
            }
            claims.push(claim);
        }
        Ok(Self { claims })
    }

    /// Whether nothing was assigned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// The sources that were given something, in the order given, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for claim in &self.claims {
            if !names.contains(&claim.source.as_str()) {
                names.push(&claim.source);
            }
        }
        names
    }

    /// What holds when more is assigned: the later word counts, and what it does not speak of stays as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use unbraid::group::{Overrides, parse_sources};
    ///
    /// let before = Overrides::parse(&["drums=0-3"])?;
    /// let both = before.followed_by(Overrides::parse(&["guitar=2"])?);
    /// let sources = parse_sources("drums,guitar", &[])?;
    /// assert_eq!(both.resolve(&sources, 5)?, [Some(0), Some(0), Some(1), Some(0), None]);
    /// # Ok::<(), unbraid::Error>(())
    /// ```
    #[must_use]
    pub fn followed_by(mut self, later: Self) -> Self {
        if later.claims.iter().any(|claim| claim.rest) {
            return later;
        }
        for &(first, last) in later.claims.iter().flat_map(|claim| &claim.spans) {
            for claim in &mut self.claims {
                let left = claim.spans.iter().flat_map(|&(from, to)| {
                    let below = first.checked_sub(1).map(|end| (from, to.min(end)));
                    let above = last.checked_add(1).map(|start| (from.max(start), to));
                    [below, above].into_iter().flatten()
                });
                claim.spans = left.filter(|(from, to)| from <= to).collect();
            }
        }
        self.claims
            .retain(|claim| claim.rest || !claim.spans.is_empty());
        self.claims.extend(later.claims);
        self
    }

    /// Only what was given to some sources.
    #[must_use]
    pub fn only(mut self, sources: &[Source]) -> Self {
        let known = |claim: &Claim| sources.iter().any(|source| source.name == claim.source);
        self.claims.retain(known);
        self
    }

    /// The index of the source that each component was given to, if it was.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a source or component does not exist, if a component was given to two
    /// sources, or if two sources take the rest.
    pub fn resolve(
        &self,
        sources: &[Source],
        components: usize,
    ) -> Result<Vec<Option<usize>>, Error> {
        let mut given: Vec<Option<usize>> = vec![None; components];
        let mut rest: Option<usize> = None;
        for claim in &self.claims {
            let source = sources
                .iter()
                .position(|source| source.name == claim.source);
            let source = source.ok_or_else(|| {
                let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
                Error::config(
                    "assign",
                    format!("`{}`", claim.source),
                    format!("one of the sources {}", names.join(", ")),
                )
            })?;
            for &(first, last) in &claim.spans {
                // The bounds come first: a span as long as a number can be must not be walked.
                if last >= components || first > last {
                    return Err(missing(first, last, components));
                }
                for (component, held) in given.iter_mut().enumerate().take(last + 1).skip(first) {
                    if let Some(other) = held.filter(|other| *other != source) {
                        return Err(Error::config(
                            "assign",
                            format!("component {component} to `{}`", claim.source),
                            format!("for one source only: `{}` has it too", sources[other].name),
                        ));
                    }
                    *held = Some(source);
                }
            }
            if claim.rest {
                if let Some(other) = rest.filter(|other| *other != source) {
                    return Err(Error::config(
                        "assign",
                        format!("`{}={REST}`", claim.source),
                        format!(
                            "for one source only: `{}` takes the rest too",
                            sources[other].name
                        ),
                    ));
                }
                rest = Some(source);
            }
        }
        Ok(given.into_iter().map(|held| held.or(rest)).collect())
    }
}

fn missing(first: usize, last: usize, components: usize) -> Error {
    let given = if first == last {
        format!("component {first}")
    } else {
        format!("components {first}-{last}")
    };
    let allowed = if components == 1 {
        "component 0, the only one".to_owned()
    } else {
        format!(
            "from 0 to {}: there are {components} components",
            components - 1
        )
    };
    Error::config("assign", given, allowed)
}

/// Read `7` or `2-5`.
fn span(item: &str, assignment: &str) -> Result<(usize, usize), Error> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let ends = match item.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)),
        None => number(item).map(|only| (only, only)),
    };
    ends.filter(|(first, last)| first <= last).ok_or_else(|| {
        Error::config(
            "assign",
            format!("`{item}` (in `{assignment}`)"),
            "a component's number, a rising range such as 2-5, or `rest`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::parse_sources;

    fn resolve(assignments: &[&str], components: usize) -> Result<Vec<Option<usize>>, Error> {
        let sources = parse_sources("drums,guitar,rest", &[])?;
        Overrides::parse(assignments)?.resolve(&sources, components)
    }

    #[test]
    fn lists_ranges_and_the_rest_are_understood() {
        for (assignments, expected) in [
            (&[][..], [None, None, None, None]),
            (&["drums=0,3"], [Some(0), None, None, Some(0)]),
            (
                &[" drums = 1 - 2 ", "drums=3"],
                [None, Some(0), Some(0), Some(0)],
            ),
            (&["drums=0,0-1,1"], [Some(0), Some(0), None, None]),
            (
                &["guitar=rest", "drums=2"],
                [Some(1), Some(1), Some(0), Some(1)],
            ),
            (&["drums=1,rest", "drums=rest"], [Some(0); 4]),
            (
                &["rest=rest", "guitar=3-3"],
                [Some(2), Some(2), Some(2), Some(1)],
            ),
        ] {
            assert_eq!(
                resolve(assignments, 4).unwrap(),
                expected,
                "{assignments:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_part() {
        for (assignments, given, allowed) in [
            (&["drums"][..], "`drums`", "`drums=0,3,7`"),
            (&["drums="], "``", "a component's number"),
            (&["drums=1,,2"], "``", "a component's number"),
            (&["drums=x"], "`x` (in `drums=x`)", "a component's number"),
            (&["drums=-1"], "`-1`", "a component's number"),
            (&["drums=3-1"], "`3-1`", "rising range"),
            (&["drums=1.5"], "`1.5`", "a component's number"),
            (&["kazoo=1"], "`kazoo`", "drums, guitar, rest"),
            (
                &["drums=4"],
                "component 4",
                "from 0 to 3: there are 4 components",
            ),
            (
                &["drums=0-18446744073709551615"],
                "components 0-18446744073709551615",
                "there are 4",
            ),
            (
                &["drums=18446744073709551616"],
                "`18446744073709551616`",
                "a component's number",
            ),
            (
                &["drums=1", "guitar=0-2"],
                "component 1 to `guitar`",
                "`drums` has it too",
            ),
            (
                &["drums=rest", "guitar=rest"],
                "`guitar=rest`",
                "`drums` takes the rest too",
            ),
        ] {
            let error = resolve(assignments, 4).unwrap_err().to_string();
            assert!(error.starts_with("`assign` is"), "{error}");
            assert!(
                error.contains(given),
                "{assignments:?}: {error} should contain {given}"
            );
            assert!(
                error.contains(allowed),
                "{assignments:?}: {error} should contain {allowed}"
            );
        }
    }

    #[test]
    fn they_survive_json() {
        let overrides = Overrides::parse(&["drums=0,3-5", "guitar=rest"]).unwrap();
        let json = serde_json::to_string(&overrides).unwrap();
        assert_eq!(serde_json::from_str::<Overrides>(&json).unwrap(), overrides);
        assert!(Overrides::none().is_empty() && !overrides.is_empty());
    }
}
