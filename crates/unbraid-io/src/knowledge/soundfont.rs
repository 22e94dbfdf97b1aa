//! A SoundFont comes in; one of its presets' notes go out, as examples to learn from.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rustysynth::{Preset, SoundFont, Synthesizer, SynthesizerSettings};
use unbraid::knowledge::{Example, LIFE_SECS};

use crate::Error;
use crate::error::reading;

/// The rate that notes are rendered at.
const SAMPLE_RATE: u32 = 44_100;

/// Semitones from one rendered key to the next: those between are made from their neighbours.
const KEY_STEP: usize = 3;

/// Layers of loudness that are rendered, at most.
const MOST_LAYERS: usize = 6;

/// A preset's name, and its notes.
#[derive(Debug, Clone)]
pub struct Played {
    /// What the SoundFont calls the preset.
    pub name: String,
    /// Its notes.
    pub examples: Vec<Example>,
}

/// Render the notes of one preset of a SoundFont (`.sf2`): every third key of a piano's range that sounds, once in each
/// layer of loudness the preset has (two where it has but one), without reverb and chorus.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::SoundFont`] if it is damaged, has no such preset, or the preset plays no notes.
pub fn read_soundfont(path: &Path, bank: u8, preset: u8) -> Result<Played, Error> {
    let refuse = |reason: String| Error::SoundFont {
        path: path.to_owned(),
        reason,
    };
    let mut file = File::open(path).map_err(reading(path))?;
    check_chunks(&mut file)
        .map_err(reading(path))?
        .map_err(&refuse)?;
    // Damaged files can make the reader, or the synthesizer, index out of bounds.
    let guarded = |action: &mut dyn FnMut() -> Result<Played, String>| {
        catch_unwind(AssertUnwindSafe(action)).unwrap_or_else(|_| Err("it is damaged".to_owned()))
    };
    let mut reader = BufReader::new(file);
    guarded(&mut || {
        let font = SoundFont::new(&mut reader).map_err(|error| error.to_string())?;
        play(&Arc::new(font), bank, preset)
    })
    .map_err(refuse)
}

/// Check that the file is a SoundFont whose chunks lie within it, and go back to its beginning.
fn check_chunks(file: &mut File) -> io::Result<Result<(), String>> {
    let len = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut head = [0_u8; 12];
    if file.read_exact(&mut head).is_err() || &head[..4] != b"RIFF" || &head[8..] != b"sfbk" {
        return Ok(Err("it does not begin as one".to_owned()));
    }
    let mut at = 12;
    let mut lists = 0;
    while at + 8 <= len {
        let mut chunk = [0_u8; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut chunk)?;
        let size = u64::from(u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]));
        if at + 8 + size > len {
            return Ok(Err(format!(
                "it ends at {len} bytes, but a part of it at {}",
                at + 8 + size
            )));
        }
        lists += usize::from(&chunk[..4] == b"LIST");
        // Chunks begin at even bytes.
        at += 8 + size + size % 2;
    }
    file.rewind()?;
    Ok(if lists < 3 {
        Err("its information, samples or presets are missing".to_owned())
    } else {
        Ok(())
    })
}

fn play(font: &Arc<SoundFont>, bank: u8, number: u8) -> Result<Played, String> {
    let wanted = |preset: &&Preset| {
        (preset.get_bank_number(), preset.get_patch_number())
            == (i32::from(bank), i32::from(number))
    };
    let Some(preset) = font.get_presets().iter().find(wanted) else {
        let mut there: Vec<i32> = font
            .get_presets()
            .iter()
            .filter(|preset| preset.get_bank_number() == i32::from(bank))
            .map(Preset::get_patch_number)
            .collect();
        there.sort_unstable();
        let there: Vec<String> = there.iter().map(ToString::to_string).collect();
        return Err(format!(
            "bank {bank} has no preset {number}; it has {}",
            if there.is_empty() {
                "none".to_owned()
            } else {
                there.join(", ")
            }
        ));
    };
    let layers = layers(font, preset);
    let mut settings = SynthesizerSettings::new(SAMPLE_RATE as i32);
    settings.enable_reverb_and_chorus = false;
    let mut synthesizer = Synthesizer::new(font, &settings).map_err(|error| error.to_string())?;
    let len = (LIFE_SECS * f64::from(SAMPLE_RATE)) as usize;
    let (mut left, mut right) = (vec![0.0_f32; len], vec![0.0_f32; len]);
    let mut examples = Vec::new();
    for key in (21..=108).step_by(KEY_STEP) {
        for &velocity in &layers {
            synthesizer.reset();
            // Bank select, then program change.
            synthesizer.process_midi_message(0, 0xB0, 0, i32::from(bank));
            synthesizer.process_midi_message(0, 0xC0, i32::from(number), 0);
            synthesizer.note_on(0, key, velocity);
            synthesizer.render(&mut left, &mut right);
            let mono: Vec<f32> = left
                .iter()
                .zip(&right)
                .map(|(a, b)| 0.5 * (a + b))
                .collect();
            // A key outside of the preset's range is silent.
            if let Ok(example) = Example::new(mono, SAMPLE_RATE) {
                examples.push(example.with_note(key as f32).with_velocity(velocity as f32));
            }
        }
    }
    if examples.is_empty() {
        return Err(format!("preset {number} of bank {bank} plays no note"));
    }
    Ok(Played {
        name: preset.get_name().trim().to_owned(),
        examples,
    })
}

/// A velocity in each layer of a preset: the middle of each range of velocities that a region of it is for.
fn layers(font: &SoundFont, preset: &Preset) -> Vec<i32> {
    let mut ranges = BTreeSet::new();
    for region in preset.get_regions() {
        let whole = (
            region.get_velocity_range_start(),
            region.get_velocity_range_end(),
        );
        let Some(instrument) = font.get_instruments().get(region.get_instrument_id()) else {
            continue;
        };
        for own in instrument.get_regions() {
            let low = own.get_velocity_range_start().max(whole.0);
            let high = own.get_velocity_range_end().min(whole.1);
            if low <= high {
                ranges.insert(i32::midpoint(low, high).clamp(1, 127));
            }
        }
    }
    let middles: Vec<i32> = ranges.into_iter().collect();
    match middles.len() {
        0 | 1 => vec![45, 100],
        count if count <= MOST_LAYERS => middles,
        count => (0..MOST_LAYERS)
            .map(|layer| middles[layer * (count - 1) / (MOST_LAYERS - 1)])
            .collect(),
    }
}
