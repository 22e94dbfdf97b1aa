//! What a person decided: the sources, which components are theirs, and how loud they are.

use serde::{Deserialize, Serialize};
use unbraid::factorize::Factorization;
use unbraid::group::{DecidedBy, Grouping, Kind, Overrides, Source, parse_sources};

use crate::failure::Failure;

/// The most sources of a project: more than anybody tells apart, and a bound for the server.
const MOST_SOURCES: usize = 64;

/// Everything a person decided; what undo and redo go through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edits {
    pub(crate) sources: Vec<Source>,
    /// The source that a person gave each component to, as an index; `None` leaves it to the
    /// features.
    pub(crate) assignment: Vec<Option<usize>>,
    /// How loud each source is played, 1 as it is; exported stems stay as they are.
    #[serde(default)]
    pub(crate) source_gains: Vec<f32>,
    /// The same for each component.
    #[serde(default)]
    pub(crate) component_gains: Vec<f32>,
}

impl Edits {
    /// Drums and the rest, as `unbraid separate` without `--sources`.
    pub(crate) fn new() -> Self {
        Self {
            sources: vec![Source::of(Kind::Drums), Source::of(Kind::Rest)],
            assignment: Vec::new(),
            source_gains: Vec::new(),
            component_gains: Vec::new(),
        }
    }

    /// Nothing by hand, for so many components.
    pub(crate) fn cleared(mut self, components: usize) -> Self {
        self.assignment = vec![None; components];
        self.component_gains = Vec::new();
        self
    }

    /// Check what came from outside.
    pub(crate) fn checked(self, components: usize) -> Result<Self, Failure> {
        let refuse = |reason: String| Err(Failure::Refused(reason));
        if self.sources.len() < 2 || self.sources.len() > MOST_SOURCES {
            return refuse(format!(
                "{} sources, but there must be 2 to {MOST_SOURCES}",
                self.sources.len()
            ));
        }
        for (at, source) in self.sources.iter().enumerate() {
            if source.name.contains([',', '=']) || source.name.trim() != source.name {
                return refuse(format!(
                    "a source cannot be called `{}`: no comma, no =, no space at the ends",
                    source.name
                ));
            }
            parse_sources(&source.name, &[&source.name])?;
            if source.name == "residual" {
                return refuse("`residual` is the name of what no component explains".to_owned());
            }
            if self.sources[..at]
                .iter()
                .any(|other| other.name == source.name)
            {
                return refuse(format!("two sources are called `{}`", source.name));
            }
        }
        if self.assignment.len() != components {
            return refuse(format!(
                "{} assignments for {components} components: the fit has changed meanwhile",
                self.assignment.len()
            ));
        }
        if let Some(source) = self
            .assignment
            .iter()
            .flatten()
            .find(|&&s| s >= self.sources.len())
        {
            return refuse(format!("there is no source {source}"));
        }
        let gains = self.source_gains.iter().chain(&self.component_gains);
        if let Some(gain) = gains.into_iter().find(|gain| !(0.0..=16.0).contains(*gain)) {
            return refuse(format!("a gain is {gain}, but must be between 0 and 16"));
        }
        Ok(self)
    }

    /// Which source every component belongs to, and why: a person's choice, or else the features'.
    ///
    /// Features choose among the sources of a known kind; those of a name alone have what a person
    /// gives them.
    pub(crate) fn group(&self, factorization: &Factorization) -> Result<Grouping, Failure> {
        let known: Vec<usize> = (0..self.sources.len())
            .filter(|&at| self.sources[at].kind.is_some())
            .collect();
        let candidates = if known.is_empty() {
            (0..self.sources.len()).collect()
        } else {
            known
        };
        let mut sources: Vec<Source> = candidates
            .iter()
            .map(|&at| self.sources[at].clone())
            .collect();
        if sources.len() == 1 && sources[0].kind != Some(Kind::Rest) {
            // The rest is whatever else there is.
            sources.push(Source::of(Kind::Rest));
        }
        let other = (0..self.sources.len())
            .find(|at| !candidates.contains(at))
            .unwrap_or(0);
        let place = |at: usize| candidates.get(at).copied().unwrap_or(other);
        let automatic = factorization.group(&sources, &Overrides::none())?;
        let components = automatic
            .components
            .into_iter()
            .zip(&self.assignment)
            .map(|(mut decision, by_hand)| {
                let mut posteriors = vec![0.0; self.sources.len()];
                for (at, posterior) in decision.posteriors.iter().enumerate() {
                    posteriors[place(at)] += posterior;
                }
                decision.posteriors = posteriors;
                decision.automatic = place(decision.automatic);
                decision.source = by_hand.unwrap_or(decision.automatic);
                if by_hand.is_some() {
                    decision.decided_by = DecidedBy::Person;
                }
                decision
            })
            .collect();
        Ok(Grouping {
            sources: self.sources.clone(),
            components,
            notes: automatic.notes,
        })
    }
}

/// The assignment that says all of a grouping, as `--assign` takes it: one text per source that has
/// components.
pub(crate) fn assignments(grouping: &Grouping) -> Vec<String> {
    grouping
        .sources
        .iter()
        .zip(grouping.members())
        .filter(|(_, members)| !members.is_empty())
        .map(|(source, members)| format!("{}={}", source.name, spans(&members)))
        .collect()
}

/// Rising numbers with spans for runs, such as `0-3,7`.
fn spans(members: &[usize]) -> String {
    let runs = members.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] if run.len() > 2 => format!("{first}-{last}"),
        _ => run
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
    });
    runs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use unbraid::factorize::{FactorizeConfig, factorize};
    use unbraid::testsignals::{drums_and_guitar, mix};

    use super::*;

    fn factorization() -> Factorization {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mut config = FactorizeConfig::default();
        config.blind.components = 6;
        config.blind.fit.iterations = 60;
        factorize(&mix(&[&drums, &guitar]), &config, &mut ()).unwrap()
    }

    fn named(name: &str, kind: Option<Kind>) -> Source {
        Source {
            name: name.to_owned(),
            kind,
        }
    }

    #[test]
    fn adding_a_source_of_ones_own_changes_no_suggestion() {
        let factorization = factorization();
        let before = Edits::new().cleared(6);
        let mut after = before.clone();
        after.sources.push(named("shaker", None));
        let (a, b) = (
            before.group(&factorization).unwrap(),
            after.group(&factorization).unwrap(),
        );
        assert_eq!(a.members(), b.members()[..2]);
        assert!(b.members()[2].is_empty());
    }

    #[test]
    fn the_command_line_groups_the_same() {
        let factorization = factorization();
        let mut edits = Edits::new().cleared(6);
        edits.sources = vec![
            named("beat", Some(Kind::Drums)),
            named("riff", None),
            named("rest", Some(Kind::Rest)),
        ];
        edits.assignment[3] = Some(1);
        edits.assignment[0] = Some(2);
        let ours = edits.group(&factorization).unwrap();
        let overrides = Overrides::parse(&assignments(&ours)).unwrap();
        let theirs = factorization.group(&edits.sources, &overrides).unwrap();
        assert_eq!(ours.members(), theirs.members());
    }

    #[test]
    fn edits_that_make_no_sense_are_refused() {
        let good = Edits::new().cleared(4);
        assert!(good.clone().checked(4).is_ok());
        assert!(good.clone().checked(5).is_err());
        let wrong: [fn(&mut Edits); 7] = [
            |e| e.sources.truncate(1),
            |e| e.sources[0].name = "rest".to_owned(),
            |e| e.sources[0].name = "../up".to_owned(),
            |e| e.sources[0].name = "a,b".to_owned(),
            |e| e.sources[0].name = "residual".to_owned(),
            |e| e.assignment[0] = Some(2),
            |e| e.source_gains = vec![f32::NAN],
        ];
        for change in wrong {
            let mut edits = good.clone();
            change(&mut edits);
            assert!(edits.clone().checked(4).is_err(), "{edits:?}");
        }
    }

    #[test]
    fn runs_are_written_as_spans() {
        assert_eq!(spans(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9,10");
    }
}
