//! Scores out of time, scores that are wrong, and notes that were heard.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use unbraid::evaluate::{NoteConfig, note_scores};
use unbraid::group::parse_sources;
use unbraid::knowledge::{Note, Score, Tolerance, align};
use unbraid::recipe::InformedConfig;

use super::scene::{Known, Scene, head, notes_and_rest, row};

/// A score that runs at another tempo, and begins elsewhere.
fn moved(score: &Score, tempo: f64, shift_secs: f64) -> Score {
    let mut moved = score.clone();
    for note in &mut moved.notes {
        note.onset_secs = note.onset_secs / tempo + shift_secs;
        note.offset_secs = note.offset_secs / tempo + shift_secs;
    }
    moved
}

/// The median of how far onsets are from where they belong, in milliseconds.
fn median_ms(truth: &[Note], found: impl Iterator<Item = f64>) -> f64 {
    let mut errors: Vec<f64> = truth
        .iter()
        .zip(found)
        .map(|(note, found)| 1000.0 * (note.onset_secs - found).abs())
        .collect();
    errors.sort_by(f64::total_cmp);
    errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Every tenth note at another pitch.
fn wrong(score: &Score) -> Score {
    let mut wrong = score.clone();
    for (at, note) in wrong.notes.iter_mut().enumerate() {
        if at % 10 == 4 {
            note.key = if at % 20 == 4 {
                note.key + 3
            } else {
                note.key.saturating_sub(2)
            };
        }
    }
    wrong
}

fn without_every_tenth(score: &Score) -> Score {
    let mut fewer = score.clone();
    let mut at = 0;
    fewer.notes.retain(|_| {
        at += 1;
        at % 10 != 5
    });
    fewer
}

/// Scores that are moved by alignment, and such as are wrong.
pub(super) fn scores(scene: &Scene) -> Result<String> {
    let cells = scene.takes.iter().flat_map(|take| {
        let columns = [
            "median error of onsets, ms",
            "piano + free voice",
            "voice model",
        ];
        columns.map(|column| format!("{}: {column}", take.short()))
    });
    let mut table = head("the score", &cells.collect::<Vec<_>>());
    let (notes, voiced) = (&scene.usual.informed, &scene.usual.voice_piano);
    let dictionary = &scene.dictionary;
    let in_time = |score: &Score| score.clone();
    let mut line = |name: &str, change: &dyn Fn(&Score) -> Score, moved: bool| -> Result<()> {
        let mut cells = Vec::new();
        for take in &scene.takes {
            let mut score = change(&take.score);
            let mut error = String::new();
            if moved {
                let alignment = align(&take.mixture, &score)?;
                let onsets = score.notes.iter().map(|note| alignment.at(note.onset_secs));
                error = format!("{:.0}", median_ms(&take.score.notes, onsets));
                score = score.aligned(&alignment);
            }
            let mut known = Known::new(dictionary, Some(&score));
            if moved {
                known.tolerance = Some(Tolerance::aligned());
            }
            cells.push(error);
            cells.push(take.free_voice(known, notes)?.cell());
            cells.push(take.voice_model(known, voiced)?.cell());
        }
        table += &row(name, &cells);
        Ok(())
    };
    line("in time, not aligned", &in_time, false)?;
    for (tempo, shift_secs) in [
        (1.0, 0.0),
        (1.2, 0.0),
        (0.8, 0.0),
        (1.0, 3.0),
        (1.0, -3.0),
        (1.2, -3.0),
        (0.8, 3.0),
    ] {
        let name = format!("tempo × {tempo}, {shift_secs:+} s, aligned");
        line(&name, &|score| moved(score, tempo, shift_secs), true)?;
    }
    line("every tenth note at a wrong pitch", &wrong, false)?;
    line("every tenth note missing", &without_every_tenth, false)?;
    table += "\n";
    table += &confidences(scene)?;
    Ok(table)
}

/// How sure the notes of a score with wrong ones are said to be.
fn confidences(scene: &Scene) -> Result<String> {
    let mut text = String::new();
    for take in &scene.takes {
        let score = wrong(&take.score);
        let known = Known::new(&scene.dictionary, Some(&score));
        let found = notes_and_rest(&take.mixture, &take.sources, known, &scene.usual.informed)?;
        let weighed = found.heard.score.context("no notes")?.notes;
        let is_right = |note: &Note| {
            let mut truths = take.score.notes.iter();
            truths.any(|truth| {
                truth.key == note.key && (truth.onset_secs - note.onset_secs).abs() < 0.01
            })
        };
        let mean = |right: bool| {
            let chosen = weighed.iter().filter(|note| is_right(note) == right);
            let confidences: Vec<f64> = chosen.map(|note| f64::from(note.confidence)).collect();
            confidences.iter().sum::<f64>() / confidences.len().max(1) as f64
        };
        write!(
            text,
            "{}: with every tenth note wrong, the mean confidence of right notes is {:.2}, of wrong ones {:.2}. ",
            take.short(),
            mean(true),
            mean(false)
        )?;
    }
    Ok(text + "\n")
}

/// How many of the notes are heard.
pub(super) fn heard(scene: &Scene) -> Result<String> {
    let columns = ["precision", "recall", "F1", "F1 with offsets"].map(str::to_owned);
    let mut table = String::from(
        "`mir_eval`'s definitions: a note is right if one of the same key was struck within 50 ms; with offsets, if it also ends within a fifth of its length or 50 ms. \
         Baseline: one fit of the same dictionary as it is, and the same threshold.\n\n",
    );
    table += &head("", &columns);
    let usual = scene.usual.informed;
    let rounds = InformedConfig {
        coupled: false,
        ..usual
    };
    let baseline = InformedConfig {
        coupled: false,
        rounds: 0,
        tune: false,
        ..usual
    };
    for take in &scene.takes {
        let known = Known::new(&scene.dictionary, None);
        let mut line = |name: &str, score: Option<Score>| -> Result<()> {
            let notes = score.context("no notes")?.notes;
            let truth = &take.score.notes;
            let onsets = note_scores(truth, &notes, &NoteConfig::default());
            let both = note_scores(truth, &notes, &NoteConfig::with_offsets());
            let cells = [onsets.precision, onsets.recall, onsets.f1, both.f1]
                .map(|value| format!("{value:.3}"));
            table += &row(&format!("{}, {name}", take.short()), &cells);
            Ok(())
        };
        let alone = (
            &take.truths[take.piano()?],
            parse_sources("piano,rest", &[])?,
            4,
        );
        let mixed = (&take.mixture, take.sources.clone(), usual.free);
        for (what, (audio, sources, free)) in [("piano alone", alone), ("mixture", mixed)] {
            for (name, config) in [
                ("baseline", baseline),
                ("piano + free voice, rounds of a threshold", rounds),
                ("**piano + free voice**, paths", usual),
            ] {
                let config = InformedConfig { free, ..config };
                let found = notes_and_rest(audio, &sources, known, &config)?;
                line(&format!("{what}: {name}"), found.heard.score)?;
            }
        }
        let found = take.with_voice_model(&take.mixture, known, &scene.usual.voice_piano)?;
        line("mixture: **voice model**, paths", found.heard.score)?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score() -> Score {
        let note = |at: u8| Note {
            onset_secs: f64::from(at),
            offset_secs: f64::from(at) + 0.5,
            key: 60 + at,
            velocity: 64,
            track: 0,
            confidence: 1.0,
        };
        Score {
            notes: (0..20).map(note).collect(),
            ..Score::default()
        }
    }

    #[test]
    fn scores_are_moved_and_spoilt_as_the_table_says() {
        let truth = score();
        let late = moved(&truth, 1.25, 3.0);
        assert!((late.notes[10].onset_secs - 11.0).abs() < 1e-12);
        let onsets = truth.notes.iter().map(|note| note.onset_secs + 0.02);
        assert!((median_ms(&truth.notes, onsets) - 20.0).abs() < 1e-9);
        let changed = wrong(&truth);
        let wrong = truth.notes.iter().zip(&changed.notes);
        assert_eq!(wrong.filter(|(a, b)| a.key != b.key).count(), 2);
        assert_eq!(without_every_tenth(&truth).notes.len(), 18);
    }
}
