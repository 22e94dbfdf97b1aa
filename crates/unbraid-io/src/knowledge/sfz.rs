//! An SFZ file comes in; its samples with note and velocity go out.

use std::fs;
use std::path::Path;

use super::naming::{NoteName, note_name};
use super::notes::Place;
use crate::Error;
use crate::error::reading;

/// The opcodes that matter here, as a header inherits them from those above it.
#[derive(Debug, Clone, Default)]
struct Opcodes {
    sample: Option<String>,
    keycenter: Option<u8>,
    key: Option<u8>,
    lovel: Option<u8>,
    hivel: Option<u8>,
    release: bool,
}

/// The regions of an SFZ file that sound when a key is struck, one per sample.
pub(super) fn read_sfz(path: &Path) -> Result<Vec<Place>, Error> {
    let text = fs::read_to_string(path).map_err(reading(path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut default_path = String::new();
    // <control>, <global>, <master>, <group> and <region>: each level starts from the one above.
    let mut levels = vec![Opcodes::default(); 4];
    let mut level = 0;
    let mut regions = Vec::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for token in tokens(line) {
            match token {
                Token::Header(name) => {
                    if level == 3 {
                        regions.push(levels[3].clone());
                    }
                    level = match name {
                        "region" => 3,
                        "group" => 2,
                        "master" => 1,
                        _ => 0,
                    };
                    if level > 0 {
                        levels[level] = levels[level - 1].clone();
                    }
                    // A region whose group was left out starts from what is there.
                    for below in level + 1..4 {
                        levels[below] = levels[level].clone();
                    }
                }
                Token::Opcode(name, value) => {
                    if name == "default_path" {
                        default_path = value.replace('\\', "/");
                    }
                    set(&mut levels[level], name, value);
                    for below in level + 1..4 {
                        levels[below] = levels[level].clone();
                    }
                }
            }
        }
    }
    if level == 3 {
        regions.push(levels[3].clone());
    }
    let mut places: Vec<Place> = Vec::new();
    for region in regions.into_iter().filter(|region| !region.release) {
        let Some(sample) = region.sample else {
            continue;
        };
        let file = folder.join(format!("{default_path}{}", sample.replace('\\', "/")));
        if places.iter().any(|place| place.path == file) {
            continue;
        }
        let told = note_name(&file);
        let velocity = match (region.lovel, region.hivel) {
            (None, None) => None,
            (low, high) => {
                Some((low.unwrap_or(0) / 2).saturating_add(high.unwrap_or(127).div_ceil(2)))
            }
        };
        let name = NoteName {
            note: region.keycenter.or(region.key).or(told.note),
            velocity: velocity.or(told.velocity),
            layer: told.layer,
        };
        places.push(Place { path: file, name });
    }
    if places.is_empty() {
        return Err(Error::Notes {
            path: path.to_owned(),
            reason: "no region in it has a sample".to_owned(),
        });
    }
    Ok(places)
}

/// A piece of a line.
enum Token<'a> {
    Header(&'a str),
    Opcode(&'a str, &'a str),
}

/// Headers and opcodes of a line; a value may hold spaces, up to the next opcode.
fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('<') {
            let Some((name, after)) = inner.split_once('>') else {
                break;
            };
            found.push(Token::Header(name.trim()));
            rest = after.trim_start();
            continue;
        }
        let Some((name, after)) = rest.split_once('=') else {
            break;
        };
        // The value ends before the word in front of the next `=`, or before a header.
        let header = after.find('<').unwrap_or(after.len());
        let next = after[..header].find('=').map_or(header, |equals| {
            after[..equals].rfind(char::is_whitespace).unwrap_or(equals)
        });
        found.push(Token::Opcode(name.trim(), after[..next].trim()));
        rest = after[next..].trim_start();
    }
    found
}

fn set(opcodes: &mut Opcodes, name: &str, value: &str) {
    let key = || {
        value
            .parse::<u8>()
            .ok()
            .filter(|&key| key < 128)
            .or_else(|| note_name(Path::new(value)).note)
    };
    match name {
        "sample" => opcodes.sample = Some(value.to_owned()),
        "pitch_keycenter" => opcodes.keycenter = key(),
        "key" => opcodes.key = key(),
        "lovel" => opcodes.lovel = value.parse().ok(),
        "hivel" => opcodes.hivel = value.parse().ok(),
        "trigger" => opcodes.release = value.starts_with("release"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_inherit_and_name_note_and_velocity() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("piano.sfz");
        let text = "<control> default_path=samples/\n<group> lovel=1 hivel=26 // soft\n\
            <region> sample=A 0 v1.wav lokey=21 hikey=22 pitch_keycenter=21\n\
            <region> sample=c4.wav key=c4\n\
            <group> trigger=release\n<region> sample=rel.wav key=60\n";
        fs::write(&path, text).unwrap();
        let places = read_sfz(&path).unwrap();
        let told: Vec<_> = places
            .iter()
            .map(|place| {
                let file = place.path.file_name().unwrap().to_str().unwrap().to_owned();
                (file, place.name.note, place.name.velocity)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("A 0 v1.wav".to_owned(), Some(21), Some(13)),
                ("c4.wav".to_owned(), Some(60), Some(13))
            ]
        );
        assert!(places[0].path.parent().unwrap().ends_with("samples"));
    }
}
