//! Sources come in; the groups of them that the network tells apart go out.

use ndarray::Array2;
use ndarray::ArrayView1;

use crate::evidence::Class;
use crate::group::claims::{Owner, owners};
use crate::group::{Grouping, Kind, Note, Source};

/// One source of drums or a bass, or all others together.
#[derive(Debug)]
pub(super) struct Group {
    /// What the network hears it as.
    pub(super) classes: Vec<Class>,
    /// The sources it consists of.
    pub(super) sources: Vec<usize>,
    pub(super) name: String,
}

/// The groups, in the order of their first sources.
#[derive(Debug)]
pub(super) struct Groups(Vec<Group>);

impl Groups {
    pub(super) fn of(sources: &[Source]) -> Self {
        let owners = owners(sources);
        let has_bass = matches!(owners[Class::Bass as usize], Owner::Source(_));
        let pitched: Vec<usize> = (0..sources.len())
            .filter(|&at| {
                let kind = sources[at].kind;
                !(kind.is_some_and(Kind::is_percussive) || has_bass && kind == Some(Kind::Bass))
            })
            .collect();
        let mut groups: Vec<Group> = Vec::new();
        for (class, owner) in Class::ALL.into_iter().zip(owners) {
            let members = match owner {
                Owner::Source(one) if !pitched.contains(&one) => vec![one],
                Owner::Source(_) | Owner::Pitched => pitched.clone(),
                Owner::Nobody => continue,
            };
            match groups.iter_mut().find(|group| group.sources == members) {
                Some(group) => group.classes.push(class),
                None => groups.push(Group {
                    classes: vec![class],
                    name: sources[members[0]].name.clone(),
                    sources: members,
                }),
            }
        }
        groups.sort_by_key(|group| group.sources[0]);
        Self(groups)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.0.iter()
    }

    /// The sources of each.
    pub(super) fn sources(&self) -> Vec<Vec<usize>> {
        self.iter().map(|group| group.sources.clone()).collect()
    }

    /// The group of each component, by the source it went to.
    pub(super) fn of_decisions(&self, grouping: &Grouping) -> Vec<usize> {
        let of = |source: usize| {
            let found = self
                .iter()
                .position(|group| group.sources.contains(&source));
            found.unwrap_or(0)
        };
        let decisions = grouping.components.iter();
        decisions.map(|decision| of(decision.source)).collect()
    }

    /// The group of each component, by what the network hears most of it as: `(components, classes)`.
    pub(super) fn of_classes(&self, shares: &Array2<f32>) -> Vec<usize> {
        let of = |row: ArrayView1<'_, f32>| {
            let share = |group: &Group| -> f32 {
                group.classes.iter().map(|&class| row[class as usize]).sum()
            };
            let best =
                (0..self.len()).max_by(|&a, &b| share(&self.0[a]).total_cmp(&share(&self.0[b])));
            best.unwrap_or(0)
        };
        shares.rows().into_iter().map(of).collect()
    }

    /// What a listener should know, now that every group has a part of its own.
    pub(super) fn notes(&self, grouping: &Grouping) -> Vec<String> {
        let grouped = |name: &str| {
            let source = grouping
                .sources
                .iter()
                .position(|source| source.name == name);
            self.iter()
                .any(|group| source.is_some_and(|it| group.sources.contains(&it)))
        };
        let holds = |note: &&Note| match note {
            Note::Silent { source } | Note::SameKind { source, .. } => !grouped(source),
            _ => true,
        };
        grouping
            .notes
            .iter()
            .filter(holds)
            .map(ToString::to_string)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::parse_sources;

    fn described(list: &str) -> Vec<(Vec<usize>, usize)> {
        let groups = Groups::of(&parse_sources(list, &[]).unwrap());
        groups
            .iter()
            .map(|group| (group.sources.clone(), group.classes.len()))
            .collect()
    }

    #[test]
    fn sources_the_network_cannot_tell_apart_are_together() {
        assert_eq!(described("drums,guitar"), [(vec![0], 4), (vec![1], 1)]);
        assert_eq!(
            described("voice,drums,piano"),
            [(vec![0, 2], 1), (vec![1], 4)]
        );
        assert_eq!(
            described("kick,snare,hihat,rest"),
            [(vec![0], 1), (vec![1], 1), (vec![2], 1), (vec![3], 3)]
        );
        assert_eq!(described("bass,drums"), [(vec![0], 2), (vec![1], 4)]);
        // Hi-hats and cymbals are one class: the second of them has nothing.
        assert_eq!(described("hihat,cymbals"), [(vec![0], 1)]);
    }

    #[test]
    fn components_go_where_most_of_them_is_heard() {
        let groups = Groups::of(&parse_sources("kick,snare,rest", &[]).unwrap());
        let shares = ndarray::array![
            [0.6, 0.1, 0.0, 0.0, 0.3, 0.0],
            [0.3, 0.1, 0.2, 0.2, 0.1, 0.1],
            [0.1, 0.8, 0.1, 0.0, 0.0, 0.0]
        ];
        assert_eq!(groups.of_classes(&shares), [0, 2, 1]);
    }
}
