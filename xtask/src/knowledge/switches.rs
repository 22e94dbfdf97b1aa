//! What the notes are worth, and each idea of the piano's part, on and off.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use ndarray::Array2;
use unbraid::baseline::{IdealMask, Method, Task, run};
use unbraid::group::parse_sources;
use unbraid::knowledge::{Dictionary, Example, Pedal, Tolerance, built_in_piano};
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid::recipe::{FreeKind, InformedConfig, note_stft};
use unbraid::{Audio, SeparateConfig};

use super::scene::{Figures, Known, Scene, Take, head, notes_and_rest, row};
use crate::piano::dictionary_of;
use crate::score::downmix;

fn free_voice(
    scene: &Scene,
    dictionary: &Dictionary,
    config: &InformedConfig,
) -> Result<Vec<String>> {
    scene.cells(dictionary, |take, known| take.free_voice(known, config))
}

fn voice_model(
    scene: &Scene,
    dictionary: &Dictionary,
    config: &VoicePianoConfig,
) -> Result<Vec<String>> {
    scene.cells(dictionary, |take, known| take.voice_model(known, config))
}

pub(super) fn worth(scene: &Scene) -> Result<String> {
    /// Of the chords and of the unison, by the clips' publisher.
    const SPLEETER: [(&str, &str); 2] = [("chords", "15.6"), ("unison", "3.1")];
    let mut table = head("", &scene.columns());
    let twice = |cells: Vec<String>| -> Vec<String> {
        let each = |cell| [String::clone(&cell), cell];
        cells.into_iter().flat_map(each).collect()
    };
    let (mut mixture, mut oracle, mut spleeter) = (Vec::new(), Vec::new(), Vec::new());
    for take in &scene.takes {
        let same: Vec<Audio> = take.truths.iter().map(|_| take.mixture.clone()).collect();
        mixture.push(take.figures(&same)?.cell());
        let config = SeparateConfig {
            sources: take.sources.clone(),
            ..SeparateConfig::default()
        };
        let task = Task::new(&take.mixture, &take.truths, &config);
        let mask = Method::IdealMask(IdealMask::Ratio { exponent: 1.0 });
        oracle.push(take.figures(&run(mask, &task, &mut ())?.stems)?.cell());
        let known = SPLEETER.iter().find(|(clip, _)| *clip == take.short());
        spleeter.push(known.map_or("", |(_, figure)| figure).to_owned());
    }
    table += &row("mixture as every stem", &twice(mixture));
    table += &row(
        "Spleeter, 2 stems (published with the clips)",
        &twice(spleeter),
    );
    let (notes, voiced) = (scene.usual.informed, scene.usual.voice_piano);
    let built_in = built_in_piano(note_stft(44_100), 44_100)?;
    let usual = free_voice(scene, &scene.dictionary, &notes)?;
    table += &row("**piano + free voice**", &usual);
    table += &row(
        "piano + free voice, the built-in piano",
        &free_voice(scene, &built_in, &notes)?,
    );
    let usual = voice_model(scene, &scene.dictionary, &voiced)?;
    table += &row("**voice model**", &usual);
    table += &row("ideal ratio mask (knows the stems)", &twice(oracle));
    Ok(table)
}

pub(super) fn switches(scene: &Scene) -> Result<String> {
    let usual = scene.usual.informed;
    let mut table = head("piano + free voice", &scene.columns());
    let anywhere = Tolerance {
        slice_secs: None,
        ..usual.tolerance
    };
    let rows: [(&str, InformedConfig); 8] = [
        ("as it is", usual),
        (
            "onset → decay coupling off with the score",
            InformedConfig {
                tolerance: anywhere,
                ..usual
            },
        ),
        (
            "onset → decay coupling off without the score",
            InformedConfig {
                coupled: false,
                ..usual
            },
        ),
        (
            "velocity interpolation: one layer made between each two",
            InformedConfig {
                velocities_between: 1,
                ..usual
            },
        ),
        (
            "velocity interpolation: three layers made between each two",
            InformedConfig {
                velocities_between: 3,
                ..usual
            },
        ),
        (
            "inharmonicity off for notes made from neighbours",
            InformedConfig {
                inharmonicity: false,
                ..usual
            },
        ),
        (
            "tuning off",
            InformedConfig {
                tune: false,
                ..usual
            },
        ),
        ("20 free components", InformedConfig { free: 20, ..usual }),
    ];
    for (name, config) in rows {
        table += &row(name, &free_voice(scene, &scene.dictionary, &config)?);
    }
    let loudest = dictionary_of(loudest_layer(&scene.notes))?;
    let cells = free_voice(scene, &loudest, &usual)?;
    table += &row("layer 16 alone", &cells);
    let usual = scene.usual.voice_piano;
    table.push('\n');
    table += &head("voice model", &scene.columns());
    let rows: [(&str, VoicePianoConfig); 4] = [
        ("as it is", usual),
        (
            "onset → decay coupling off without the score",
            VoicePianoConfig {
                coupled: false,
                ..usual
            },
        ),
        (
            "coupled to onsets above a threshold, not to paths",
            VoicePianoConfig {
                paths: false,
                ..usual
            },
        ),
        (
            "velocity interpolation: one layer between all",
            VoicePianoConfig {
                one_layer: true,
                ..usual
            },
        ),
    ];
    for (name, config) in rows {
        table += &row(name, &voice_model(scene, &scene.dictionary, &config)?);
    }
    Ok(table)
}

pub(super) fn free(scene: &Scene) -> Result<String> {
    let mut table = head("", &scene.columns());
    for free in [20, 60] {
        for (name, free_kind) in [("any", FreeKind::Plain), ("combs", FreeKind::Harmonic)] {
            let config = InformedConfig {
                free,
                free_kind,
                ..scene.usual.informed
            };
            let cells = free_voice(scene, &scene.dictionary, &config)?;
            table += &row(&format!("{free}, {name}"), &cells);
        }
    }
    Ok(table)
}

fn loudest_layer(notes: &[Example]) -> Vec<Example> {
    let most = notes.iter().map(Example::velocity).fold(0.0, f32::max);
    let loud = notes.iter().filter(|note| note.velocity() >= most);
    loud.cloned().collect()
}

/// The clips have no pedal, so a piece with one is made ([`pedalled`]); the dictionary is learnt from the two softer layers.
pub(super) fn pedal(scene: &Scene) -> Result<String> {
    let take = scene
        .takes
        .iter()
        .max_by_key(|take| take.score.notes.len())
        .context("there is no clip")?;
    let pedalled = pedalled(take, &loudest_layer(&scene.notes))?;
    let most = scene
        .notes
        .iter()
        .map(Example::velocity)
        .fold(0.0, f32::max);
    let softer: Vec<Example> = scene
        .notes
        .iter()
        .filter(|note| note.velocity() < most)
        .cloned()
        .collect();
    let dictionary = dictionary_of(softer)?;
    let usual = scene.usual.informed;
    let mut deaf = usual;
    deaf.pedal = false;
    deaf.hear.pedal = false;
    let mut table = String::from(
        "The clips have no pedal, so a piece with one is made: the notes of the chords, held by a pedal that comes up every two seconds, played on layer 16, with the clip's \
         voice as loud; the dictionary is learnt from layers 1 and 4.\n\n",
    );
    table += &head(
        "piano + free voice",
        &["no score".to_owned(), "score".to_owned()],
    );
    for (name, config) in [("pedal used", usual), ("pedal ignored", deaf)] {
        let mut cells = Vec::new();
        for score in [None, Some(&pedalled.score)] {
            let known = Known::new(&dictionary, score);
            let figures: Figures = pedalled.free_voice(known, &config)?;
            cells.push(figures.cell());
        }
        table += &row(name, &cells);
    }
    let known = Known::new(&dictionary, None);
    let found = notes_and_rest(&pedalled.mixture, &pedalled.sources, known, &usual)?;
    let told = found.heard.score.context("no notes")?.pedals;
    let ups: Vec<f64> = told
        .iter()
        .filter(|pedal| !pedal.down)
        .map(|pedal| pedal.time_secs)
        .collect();
    let truth: Vec<f64> = pedalled
        .score
        .pedals
        .iter()
        .filter(|pedal| !pedal.down)
        .map(|pedal| pedal.time_secs)
        .collect();
    let close = |a: &f64, others: &[f64]| others.iter().any(|b| (a - b).abs() < 0.15);
    let right = ups.iter().filter(|up| close(up, &truth)).count();
    write!(
        table,
        "\nWithout the score the pedal was told to come up {} times, {right} of them within 150 ms of one of the {} times it did.\n",
        ups.len(),
        truth.len()
    )?;
    Ok(table)
}

/// The notes of a clip, held by a pedal that comes up every two seconds, with the clip's voice.
fn pedalled(take: &Take, notes: &[Example]) -> Result<Take> {
    const UP_SECS: f64 = 2.0;
    const GAP_SECS: f64 = 0.08;
    let rate = f64::from(take.mixture.sample_rate());
    let len = take.mixture.len_samples();
    let mut score = take.score.clone();
    score.pedals = (0..(len as f64 / rate / UP_SECS) as usize)
        .flat_map(|bar| {
            let at = bar as f64 * UP_SECS;
            [(at + GAP_SECS, true), (at + UP_SECS, false)]
        })
        .map(|(time_secs, down)| Pedal {
            time_secs,
            down,
            track: score.notes.first().map_or(0, |note| note.track),
        })
        .collect();
    let mut piano = vec![0.0_f32; len];
    for note in &score.notes {
        let near = notes.iter().min_by(|a, b| {
            let apart =
                |example: &Example| (example.note().unwrap_or(0.0) - f32::from(note.key)).abs();
            apart(a).total_cmp(&apart(b))
        });
        let near = near.context("there are no notes to play")?;
        let cents = f64::from(f32::from(note.key) - near.note().unwrap_or(60.0));
        let step = (cents / 12.0).exp2() * f64::from(near.sample_rate()) / rate;
        let first = (note.onset_secs * rate) as usize;
        let end = score.held_until(note).min(len as f64 / rate);
        for n in 0.. {
            let place = n as f64 * step;
            let at = place as usize;
            let (Some(out), Some(&low)) = (piano.get_mut(first + n), near.samples().get(at)) else {
                break;
            };
            let high = near.samples().get(at + 1).copied().unwrap_or(low);
            let after = (first + n) as f64 / rate - end;
            let damped = if after > 0.0 {
                (-after / 0.04).exp()
            } else {
                1.0
            };
            *out += 0.3 * damped as f32 * (low + place.fract() as f32 * (high - low));
        }
    }
    let voice = &take.truths[1 - take.piano()?];
    let mono = downmix(std::slice::from_ref(voice)).row(0).to_vec();
    // As loud as the voice.
    let energy = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
    let gain = (energy(&mono) / energy(&piano).max(1e-9)) as f32;
    for sample in &mut piano {
        *sample *= gain;
    }
    let audio = |samples: Vec<f32>| -> Result<Audio> {
        let array = Array2::from_shape_vec((1, samples.len()), samples)?;
        Ok(Audio::new(array, take.mixture.sample_rate())?)
    };
    let mixture = piano.iter().zip(&mono).map(|(a, b)| a + b).collect();
    Ok(Take {
        name: "pedal".to_owned(),
        mixture: audio(mixture)?,
        truths: vec![audio(piano)?, audio(mono)?],
        sources: parse_sources("piano,voice", &[])?,
        score,
    })
}
