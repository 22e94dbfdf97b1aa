//! Sources come in; which of the sounds that a network tells apart belong to which of them goes out.

use super::{Kind, Source};
use crate::evidence::Class;

/// Who has a class of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// One source.
    Source(usize),
    /// The sources that are neither drums nor, where a bass is named, the bass: features tell them from each other.
    Pitched,
    /// None of those named: what is heard as it speaks for none.
    Nobody,
}

/// The owner of each of [`Class::ALL`].
///
/// A drum belongs to the source of its own kind, else to `drums`, else to `rest`. A bass belongs to `bass`, else to what
/// else is pitched if that includes `rest`; where a guitar, say, is all there is beside drums, what is heard as a bass is
/// low notes of the one or ringing of the others, and speaks for neither.
pub(crate) fn owners(sources: &[Source]) -> [Owner; Class::ALL.len()] {
    let first = |kind: Kind| sources.iter().position(|source| source.kind == Some(kind));
    let drum = |kinds: &[Kind]| {
        let named = kinds.iter().find_map(|&kind| first(kind));
        let found = named.or(first(Kind::Drums)).or(first(Kind::Rest));
        found.map_or(Owner::Nobody, Owner::Source)
    };
    let pitched = |source: &Source| !source.kind.is_some_and(Kind::is_percussive);
    let beside_bass = |source: &Source| pitched(source) && source.kind != Some(Kind::Bass);
    let other = if sources.iter().any(beside_bass) {
        Owner::Pitched
    } else {
        first(Kind::Bass).map_or(Owner::Nobody, Owner::Source)
    };
    Class::ALL.map(|class| match class {
        Class::Kick => drum(&[Kind::Kick]),
        Class::Snare => drum(&[Kind::Snare]),
        Class::Cymbals => drum(&[Kind::Hihat, Kind::Cymbals]),
        Class::Percussion => drum(&[Kind::Percussion]),
        Class::Bass => match first(Kind::Bass) {
            Some(bass) => Owner::Source(bass),
            None if first(Kind::Rest).is_some() => other,
            None => Owner::Nobody,
        },
        Class::Other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::parse_sources;

    #[test]
    fn every_class_goes_to_who_names_it() {
        let one = Owner::Source;
        let nobody = Owner::Nobody;
        let pitched = Owner::Pitched;
        for (list, expected) in [
            (
                "drums,guitar",
                [one(0), one(0), one(0), one(0), nobody, pitched],
            ),
            (
                "guitar,bass,drums",
                [one(2), one(2), one(2), one(2), one(1), pitched],
            ),
            (
                "bass,drums",
                [one(1), one(1), one(1), one(1), one(0), one(0)],
            ),
            (
                "kick,snare,hihat,rest",
                [one(0), one(1), one(2), one(3), pitched, pitched],
            ),
            (
                "kick,snare,hihat",
                [one(0), one(1), one(2), nobody, nobody, nobody],
            ),
            (
                "kick,drums",
                [one(0), one(1), one(1), one(1), nobody, nobody],
            ),
            (
                "cymbals,percussion,voice,piano",
                [nobody, nobody, one(0), one(1), nobody, pitched],
            ),
        ] {
            let sources = parse_sources(list, &[]).unwrap();
            assert_eq!(owners(&sources), expected, "{list}");
        }
    }
}
