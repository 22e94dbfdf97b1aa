//! What a person decided: the sources, which components are theirs, how loud they are, and what was drawn.

use serde::{Deserialize, Serialize};
use unbraid::factorize::Factorization;
use unbraid::group::{
    Basis, DecidedBy, Grouping, Kind, Overrides, Source, group_by, parse_sources,
};
use unbraid::knowledge::hints::{Hints, Regions};
use unbraid::refit::Wish;

use crate::failure::Failure;
use crate::fitted::Fitted;
use crate::music::Music;

/// The most sources of a project: more than anybody tells apart, and a bound for the server.
const MOST_SOURCES: usize = 64;

/// The most boxes and strokes, and the most corners of all strokes.
const MOST_REGIONS: usize = 5000;
const MOST_POINTS: usize = 200_000;

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
    /// Where a person says that sources are.
    #[serde(default)]
    pub(crate) regions: Regions,
    /// Notes, pitch and words, given or corrected.
    #[serde(default)]
    pub(crate) music: Music,
}

impl Edits {
    /// Drums and the rest, as `unbraid separate` without `--sources`.
    pub(crate) fn new() -> Self {
        Self {
            sources: vec![Source::of(Kind::Drums), Source::of(Kind::Rest)],
            assignment: Vec::new(),
            source_gains: Vec::new(),
            component_gains: Vec::new(),
            regions: Regions::default(),
            music: Music::default(),
        }
    }

    /// Nothing by hand, for so many components.
    pub(crate) fn cleared(mut self, components: usize) -> Self {
        self.assignment = vec![None; components];
        self.component_gains = Vec::new();
        self
    }

    /// The same for the components that a refit makes of these.
    pub(crate) fn carried(mut self, wish: &Wish) -> Self {
        let sources = self.sources.len();
        let components = self.assignment.len();
        self.assignment = wish.carried(self.assignment, sources, Some);
        self.component_gains.resize(components, 1.0);
        self.component_gains = wish.carried(self.component_gains, sources, |_| 1.0);
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
        let names: Vec<&str> = self.sources.iter().map(|s| s.name.as_str()).collect();
        if let Some(name) = self.regions.sources().iter().find(|n| !names.contains(n)) {
            return refuse(format!("a region is of `{name}`, which is no source"));
        }
        let strokes = &self.regions.strokes;
        let points: usize = strokes.iter().map(|stroke| stroke.points.len()).sum();
        if self.regions.boxes.len() + strokes.len() > MOST_REGIONS || points > MOST_POINTS {
            return refuse(format!(
                "more than {MOST_REGIONS} regions, or {MOST_POINTS} points, were drawn"
            ));
        }
        self.music.check()?;
        let gains = self.source_gains.iter().chain(&self.component_gains);
        if let Some(gain) = gains.into_iter().find(|gain| !(0.0..=16.0).contains(*gain)) {
            return refuse(format!("a gain is {gain}, but must be between 0 and 16"));
        }
        Ok(self)
    }

    /// What was drawn, on the frames and bins of the fit.
    pub(crate) fn hints(&self, factorization: &Factorization) -> Result<Hints, Failure> {
        let names: Vec<&str> = self.sources.iter().map(|s| s.name.as_str()).collect();
        Ok(Hints::new(factorization.grid(), &names)?.with_regions(&self.regions)?)
    }

    /// Which source every component belongs to, and why: a person's choice, or else what features, the network and the
    /// regions say.
    ///
    /// These choose among the sources of a known kind; those of a name alone have what a person
    /// gives them, or draws.
    pub(crate) fn group(&self, fitted: &Fitted) -> Result<Grouping, Failure> {
        let factorization = &fitted.factorization;
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
        let basis = Basis::Network(fitted.classes.view());
        let mut grouping = group_by(
            &factorization.factors(),
            &sources,
            &Overrides::none(),
            basis,
        )?;
        grouping.sources.clone_from(&self.sources);
        for decision in &mut grouping.components {
            let mut posteriors = vec![0.0; self.sources.len()];
            for (at, posterior) in decision.posteriors.iter().enumerate() {
                posteriors[place(at)] += posterior;
            }
            decision.posteriors = posteriors;
            decision.automatic = place(decision.automatic);
            decision.source = decision.automatic;
        }
        let hints = self.hints(factorization)?;
        if !hints.is_empty() {
            grouping.lean(hints.leanings(&factorization.fit.model)?.view());
        }
        for (decision, by_hand) in grouping.components.iter_mut().zip(&self.assignment) {
            // What the regions make likely is suggested too.
            decision.automatic = decision.source;
            if let Some(source) = *by_hand {
                decision.source = source;
                decision.decided_by = DecidedBy::Person;
            }
        }
        Ok(grouping)
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
    use unbraid::knowledge::hints::Area;
    use unbraid::testsignals::{drums_and_guitar, mix};

    use super::*;

    fn fitted() -> Fitted {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mut config = FactorizeConfig::default();
        config.blind.components = 6;
        config.blind.fit.iterations = 60;
        let mixture = mix(&[&drums, &guitar]);
        let factorization = factorize(&mixture, &config, &mut ()).unwrap();
        Fitted::new(0, factorization, &mixture, None).unwrap()
    }

    fn named(name: &str, kind: Option<Kind>) -> Source {
        Source {
            name: name.to_owned(),
            kind,
        }
    }

    #[test]
    fn adding_a_source_of_ones_own_changes_no_suggestion() {
        let fitted = fitted();
        let before = Edits::new().cleared(6);
        let mut after = before.clone();
        after.sources.push(named("shaker", None));
        let (a, b) = (
            before.group(&fitted).unwrap(),
            after.group(&fitted).unwrap(),
        );
        assert_eq!(a.members(), b.members()[..2]);
        assert!(b.members()[2].is_empty());
    }

    #[test]
    fn the_command_line_groups_the_same() {
        let fitted = fitted();
        let mut edits = Edits::new().cleared(6);
        edits.sources = vec![
            named("beat", Some(Kind::Drums)),
            named("riff", None),
            named("rest", Some(Kind::Rest)),
        ];
        edits.assignment[3] = Some(1);
        edits.assignment[0] = Some(2);
        let ours = edits.group(&fitted).unwrap();
        let overrides = Overrides::parse(&assignments(&ours)).unwrap();
        let theirs = (fitted.factorization)
            .group(&edits.sources, &overrides)
            .unwrap();
        assert_eq!(ours.members(), theirs.members());
    }

    #[test]
    fn edits_that_make_no_sense_are_refused() {
        let good = Edits::new().cleared(4);
        assert!(good.clone().checked(4).is_ok());
        assert!(good.clone().checked(5).is_err());
        let wrong: [fn(&mut Edits); 8] = [
            |e| e.sources.truncate(1),
            |e| e.sources[0].name = "rest".to_owned(),
            |e| e.sources[0].name = "../up".to_owned(),
            |e| e.sources[0].name = "a,b".to_owned(),
            |e| e.sources[0].name = "residual".to_owned(),
            |e| e.assignment[0] = Some(2),
            |e| e.source_gains = vec![f32::NAN],
            |e| e.regions.boxes.push(area("nobody")),
        ];
        for change in wrong {
            let mut edits = good.clone();
            change(&mut edits);
            assert!(edits.clone().checked(4).is_err(), "{edits:?}");
        }
    }

    fn area(source: &str) -> Area {
        Area {
            source: source.to_owned(),
            strength: 1.0,
            secs: [0.0, 2.0],
            hz: [0.0, 4000.0],
        }
    }

    #[test]
    fn what_is_drawn_is_suggested_and_what_is_decided_stays() {
        let fitted = fitted();
        let mut edits = Edits::new().cleared(6);
        edits.assignment[1] = Some(1);
        edits.regions.boxes.push(area("drums"));
        let grouping = edits.group(&fitted).unwrap();
        for (component, decision) in grouping.components.iter().enumerate() {
            assert_eq!(decision.source, usize::from(component == 1), "{component}");
            assert_eq!(decision.automatic, 0, "{component}");
        }
        edits.regions.boxes[0].strength = 2.0;
        assert!(edits.group(&fitted).is_err());
    }

    #[test]
    fn decisions_go_with_their_components() {
        let mut edits = Edits::new().cleared(3);
        edits.assignment[2] = Some(1);
        edits.component_gains = vec![1.0, 0.5];
        let split = edits.clone().carried(&Wish::Split(0));
        assert_eq!(split.assignment, [Some(0), None, Some(1), Some(1)]);
        assert_eq!(split.component_gains, [1.0, 0.5, 1.0, 1.0]);
        let merged = edits.carried(&Wish::Merge(vec![1, 0]));
        assert_eq!(merged.assignment, [None, Some(1)]);
        assert_eq!(merged.component_gains, [0.5, 1.0]);
    }

    #[test]
    fn runs_are_written_as_spans() {
        assert_eq!(spans(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9,10");
    }
}
