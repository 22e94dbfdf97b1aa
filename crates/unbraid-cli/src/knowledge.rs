//! What a user knows of instruments comes in, as arguments; instruments for the library go out.

use std::path::Path;

use unbraid::group::{Kind, Source};
use unbraid::knowledge::Score;
use unbraid::recipe::Instrument;
use unbraid_io::knowledge::{read_dictionary, read_score};

use crate::args::KnowledgeArgs;
use crate::failure::Failure;

impl KnowledgeArgs {
    /// The instruments that dictionaries and scores tell of.
    pub(crate) fn instruments(&self, sources: &[Source]) -> Result<Vec<Instrument>, Failure> {
        let mut known = Instruments {
            sources,
            known: Vec::new(),
        };
        for given in &self.dictionary {
            known.add_dictionary(given)?;
        }
        for given in &self.score {
            known.add_score(given)?;
        }
        Ok(known.known)
    }
}

/// The file of `[SOURCE=]FILE[#TRACK]`: a `#` belongs to the file's name where there is such a file.
pub(crate) fn score_file(given: &str) -> (&str, Option<&str>) {
    match given.rsplit_once('#') {
        Some((file, track)) if !Path::new(given).exists() => (file, Some(track)),
        _ => (given, None),
    }
}

struct Instruments<'a> {
    sources: &'a [Source],
    known: Vec<Instrument>,
}

impl Instruments<'_> {
    fn add_dictionary(&mut self, given: &str) -> Result<(), Failure> {
        let (source, file) = match given.split_once('=') {
            Some((source, file)) => (Some(source.trim().to_owned()), file),
            None => (None, given),
        };
        let dictionary = read_dictionary(Path::new(file))?;
        let source = source.unwrap_or_else(|| dictionary.kind().to_owned());
        if !self.sources.iter().any(|known| known.name == source) {
            return Err(Failure::usage(format!(
                "--dictionary is for `{source}`, which is none of the sources {}",
                names(self.sources)
            )));
        }
        if self.known.iter().any(|known| known.source == source) {
            return Err(Failure::usage(format!("`{source}` has two dictionaries")));
        }
        self.known.push(Instrument {
            source,
            dictionary: Some(dictionary),
            score: None,
        });
        Ok(())
    }

    /// A score without a source goes to the only dictionary there is, or the only piano; with several, each of its tracks that
    /// is called like a source goes to that source.
    fn add_score(&mut self, given: &str) -> Result<(), Failure> {
        let (source, file) = match given.split_once('=') {
            Some((source, file)) if self.sources.iter().any(|known| known.name == source) => {
                (Some(source.to_owned()), file)
            }
            _ => (None, given),
        };
        let (file, track) = score_file(file);
        let whole = read_score(Path::new(file))?;
        let score = match track {
            Some(track) => one_track(&whole, track, file)?,
            None => whole.clone(),
        };
        if let Some(source) = source {
            return self.set_score(source, score);
        }
        let of_track = |source: &Source| {
            let mut names = whole.tracks.iter();
            names.position(|track| track.eq_ignore_ascii_case(&source.name))
        };
        let named: Vec<(String, usize)> = self
            .sources
            .iter()
            .filter_map(|source| Some((source.name.clone(), of_track(source)?)))
            .collect();
        let mut pianos = self
            .sources
            .iter()
            .filter(|known| known.kind == Some(Kind::Piano));
        match (&self.known[..], pianos.next(), pianos.next()) {
            // Several tracks, several sources.
            _ if named.len() > 1 && track.is_none() => {
                for (source, number) in named {
                    self.set_score(source, whole.track(number))?;
                }
                Ok(())
            }
            ([only], ..) => self.set_score(only.source.clone(), score),
            // The piano comes with the program.
            ([], Some(piano), None) => self.set_score(piano.name.clone(), score),
            ([], ..) => needs_dictionary(),
            _ => Err(Failure::usage(format!(
                "--score {file} does not say whose it is: its tracks are {}, the sources {}; say which, such as --score {}={file}#1",
                tracks(&whole),
                names(self.sources),
                self.sources.first().map_or("piano", |source| &source.name)
            ))),
        }
    }

    fn set_score(&mut self, source: String, score: Score) -> Result<(), Failure> {
        if let Some(instrument) = self.known.iter_mut().find(|known| known.source == source) {
            if instrument.score.is_some() {
                return Err(Failure::usage(format!("`{source}` has two scores")));
            }
            instrument.score = Some(score);
            return Ok(());
        }
        let piano = |known: &&Source| known.name == source && known.kind == Some(Kind::Piano);
        if !self.sources.iter().any(|known| piano(&known)) {
            return needs_dictionary();
        }
        self.known.push(Instrument {
            source,
            dictionary: None,
            score: Some(score),
        });
        Ok(())
    }
}

fn needs_dictionary() -> Result<(), Failure> {
    Err(Failure::usage(
        "--score says what an instrument plays, and needs to know how it sounds: add --dictionary (a piano alone needs none)",
    ))
}

/// The notes of the track with a number, from 1, or a name.
fn one_track(score: &Score, track: &str, file: &str) -> Result<Score, Failure> {
    let number = track
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_sub(1))
        .filter(|&number| number < score.tracks.len());
    let named =
        || (0..score.tracks.len()).find(|&number| score.tracks[number].eq_ignore_ascii_case(track));
    let found = number.or_else(named).ok_or_else(|| {
        Failure::usage(format!(
            "{file} has no track `{track}`; it has {}",
            tracks(score)
        ))
    })?;
    Ok(score.track(found))
}

fn tracks(score: &Score) -> String {
    let one = |(number, name): (usize, &String)| match &name[..] {
        "" => format!("{}", number + 1),
        name => format!("{} `{name}`", number + 1),
    };
    let all: Vec<String> = score.tracks.iter().enumerate().map(one).collect();
    all.join(", ")
}

fn names(sources: &[Source]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    names.join(", ")
}
