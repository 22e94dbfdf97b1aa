//! Folders or files of references and estimates come in; who is scored against whom goes out.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use unbraid_io::metrics::{Stem, StemFolder};

use crate::failure::Failure;

/// One source: the sum of some files against the sum of others, nearly always one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) references: Vec<PathBuf>,
    pub(super) estimates: Vec<PathBuf>,
}

/// Everything of one track.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pairing {
    pub(super) pairs: Vec<Pair>,
    pub(super) mixture: Option<PathBuf>,
    pub(super) notes: Vec<String>,
}

/// What `--map` says: the sum of some references is the sum of some estimates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    references: Vec<String>,
    estimates: Vec<String>,
}

impl Map {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let names = |side: &str| -> Vec<String> {
            side.split('+').map(|name| name.trim().to_owned()).collect()
        };
        let sides = text
            .split_once('=')
            .map(|(reference, estimate)| (names(reference), names(estimate)));
        match sides {
            Some((references, estimates))
                if !references.iter().chain(&estimates).any(String::is_empty) =>
            {
                Ok(Self {
                    references,
                    estimates,
                })
            }
            _ => Err(Failure::usage(format!(
                "--map is `{text}`, but must be REFERENCE=ESTIMATE, such as drums=drums_rest"
            ))),
        }
    }

    /// What the source is called: its reference, or the estimate of a sum of references.
    fn name(&self) -> String {
        match self.references.as_slice() {
            [one] => one.clone(),
            _ => self.estimates.join("+"),
        }
    }
}

/// Where the files of one track are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folders<'a> {
    pub(super) references: &'a Path,
    pub(super) estimates: &'a Path,
    /// Where the mixture is, if not beside the references.
    pub(super) mixture: &'a Path,
}

/// One file against another.
pub(super) fn of_files(reference: &Path, estimate: &Path) -> Pairing {
    Pairing {
        pairs: vec![Pair {
            name: Stem::new(reference).name,
            references: vec![reference.to_owned()],
            estimates: vec![estimate.to_owned()],
        }],
        ..Pairing::default()
    }
}

/// Match the files of folders, by `--map` and by name; with `any_order` by their number alone.
pub(super) fn of_folders(
    folders: Folders<'_>,
    maps: &[Map],
    any_order: bool,
) -> Result<Pairing, Failure> {
    let references = StemFolder::read(folders.references)?;
    let estimates = StemFolder::read(folders.estimates)?;
    for (folder, stems) in [
        (folders.references, &references.stems),
        (folders.estimates, &estimates.stems),
    ] {
        refuse_doubles(folder, stems)?;
    }
    let mut notes = Vec::new();
    for path in references.ignored.iter().chain(&estimates.ignored) {
        notes.push(format!(
            "ignored, not audio that can be read: {}",
            path.display()
        ));
    }
    let mixture = if folders.mixture == folders.references {
        references.mixture.clone()
    } else {
        StemFolder::read(folders.mixture)?.mixture
    };
    let mixture = mixture.or_else(|| estimates.mixture.clone());
    for path in [references.mixture, estimates.mixture]
        .into_iter()
        .flatten()
    {
        if mixture.as_ref() != Some(&path) {
            notes.push(format!("ignored, a mixture: {}", path.display()));
        }
    }

    let mut left = Left {
        references: references.stems,
        estimates: estimates.stems,
        folders,
    };
    let mut pairs = Vec::new();
    for map in maps {
        pairs.push(Pair {
            name: map.name(),
            references: take(&mut left.references, &map.references, folders.references)?,
            estimates: take(&mut left.estimates, &map.estimates, folders.estimates)?,
        });
    }
    pairs.extend(left.match_up(any_order, pairs.is_empty(), &mut notes)?);
    pairs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Pairing {
        pairs,
        mixture,
        notes,
    })
}

/// What no map has taken.
struct Left<'a> {
    references: Vec<Stem>,
    estimates: Vec<Stem>,
    folders: Folders<'a>,
}

impl Left<'_> {
    fn match_up(
        mut self,
        any_order: bool,
        needed: bool,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Pair>, Failure> {
        for (folder, stems) in [
            (self.folders.references, &self.references),
            (self.folders.estimates, &self.estimates),
        ] {
            if needed && stems.is_empty() {
                return Err(Failure::Other(anyhow!(
                    "no stem (audio that is not called mixture or mix) in {}: name the folder that \
                     holds the stems themselves",
                    folder.display()
                )));
            }
        }
        let mut pairs = Vec::new();
        if any_order {
            if self.references.len() != self.estimates.len() {
                return Err(Failure::Other(anyhow!(
                    "{} references ({}) and {} estimates ({}) cannot be matched by --permute: take \
                     away or --map what is too much; in {} and {}",
                    self.references.len(),
                    names(&self.references),
                    self.estimates.len(),
                    names(&self.estimates),
                    self.folders.references.display(),
                    self.folders.estimates.display()
                )));
            }
            let both = self.references.into_iter().zip(self.estimates);
            return Ok(both.map(|(one, other)| pair(one, other)).collect());
        }
        let mut missing = Vec::new();
        for reference in self.references {
            match self
                .estimates
                .iter()
                .position(|estimate| estimate.name == reference.name)
            {
                Some(at) => pairs.push(pair(reference, self.estimates.remove(at))),
                None => missing.push(reference),
            }
        }
        if let Some(first) = missing.first() {
            let there = if self.estimates.is_empty() {
                "nothing else".to_owned()
            } else {
                names(&self.estimates)
            };
            return Err(Failure::Other(anyhow!(
                "no estimate for {} in {} ({there} is left there): if it has another name, pass --map \
                 {}=NAME; otherwise take the reference away",
                names(&missing),
                self.folders.estimates.display(),
                first.name
            )));
        }
        for estimate in self.estimates {
            notes.push(format!(
                "ignored, no reference of this name: {}",
                estimate.path.display()
            ));
        }
        Ok(pairs)
    }
}

fn pair(reference: Stem, estimate: Stem) -> Pair {
    Pair {
        name: reference.name,
        references: vec![reference.path],
        estimates: vec![estimate.path],
    }
}

fn names(stems: &[Stem]) -> String {
    let names: Vec<String> = stems
        .iter()
        .map(|stem| format!("`{}`", stem.name))
        .collect();
    names.join(", ")
}

/// Take stems that a map names.
fn take(stems: &mut Vec<Stem>, wanted: &[String], folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    wanted
        .iter()
        .map(
            |name| match stems.iter().position(|stem| stem.name == *name) {
                Some(at) => Ok(stems.remove(at).path),
                None => Err(Failure::Other(anyhow!(
                    "--map names `{name}`, but there is only {} in {}",
                    if stems.is_empty() {
                        "nothing left".to_owned()
                    } else {
                        names(stems)
                    },
                    folder.display()
                ))),
            },
        )
        .collect()
}

/// Refuse `drums.wav` beside `drums.flac`.
fn refuse_doubles(folder: &Path, stems: &[Stem]) -> Result<(), Failure> {
    // Stems are sorted by name.
    match stems.windows(2).find(|two| two[0].name == two[1].name) {
        Some(two) => Err(Failure::Other(anyhow!(
            "two stems are called `{}` in {}: take one of {} and {} away",
            two[0].name,
            folder.display(),
            two[0].path.display(),
            two[1].path.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_have_two_sides_of_names() {
        let map = Map::parse("drums + bass=rest").unwrap();
        assert_eq!(map.references, ["drums", "bass"]);
        assert_eq!(map.name(), "rest");
        assert_eq!(Map::parse("drums=drums_rest").unwrap().name(), "drums");
        for text in ["drums", "=drums", "drums=", "a+=b", ""] {
            let message = Map::parse(text).unwrap_err().to_string();
            assert!(message.contains("--map"), "{text}: {message}");
        }
    }
}
