//! Short clips come in; tracks as long as songs go out, made of their variations.

use std::f64::consts::PI;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ndarray::{Array2, Axis};
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};

use super::clips;
use crate::root;

/// Semitones by which the turns of a track are shifted: no two neighbours repeat each other.
const SHIFTS: [f64; 7] = [0.0, 3.0, -2.0, 5.0, -4.0, 1.0, -5.0];

const RATE_HZ: u32 = 44_100;

/// Make the tracks of a length, in stereo, unless they are there: one from the demo, and more where the clips are.
pub(super) fn make(folder: &Path, secs: f64) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).context("cannot make the folder of tracks")?;
    let shared = ["drums-guitar-rock", "voice-mallet-drums"];
    let clip = |name: &str| (name.to_owned(), clips().join(name).join("mixture.flac"));
    let mut sources = vec![("demo".to_owned(), root().join("demo/mixture.flac"))];
    sources.extend(
        shared
            .map(clip)
            .into_iter()
            .filter(|(_, path)| path.exists()),
    );
    sources
        .into_iter()
        .map(|(name, clip)| {
            let path = folder.join(format!("{name}-{secs}.wav"));
            if !path.exists() {
                write(&path, &vary(&stereo(&clip)?, secs))?;
            }
            Ok(path)
        })
        .collect()
}

fn stereo(path: &Path) -> Result<Array2<f32>> {
    let audio = read_audio(path, Span::default())?.audio;
    let samples = audio.samples();
    let last = audio.channels() - 1;
    Ok(samples.select(Axis(0), &[0, last.min(1)]))
}

/// Play a clip again and again, each turn at another speed and level, until the time is over.
fn vary(clip: &Array2<f32>, secs: f64) -> Array2<f32> {
    let len = (secs * f64::from(RATE_HZ)) as usize;
    let mut track = Array2::zeros((2, len));
    let (mut at, mut turn) = (0, 0);
    while at < len {
        let speed = (SHIFTS[turn % SHIFTS.len()] / 12.0).exp2();
        let level = 0.55 + 0.25 * (turn as f64 * PI / 3.7).sin();
        let count = ((clip.ncols() - 1) as f64 / speed) as usize;
        for n in 0..count.min(len - at) {
            let position = n as f64 * speed;
            let (before, share) = (position as usize, position.fract());
            for channel in 0..2 {
                let [a, b] = [before, before + 1].map(|i| f64::from(clip[[channel, i]]));
                track[[channel, at + n]] = (level * (a + share * (b - a))) as f32;
            }
        }
        at += count.max(1);
        turn += 1;
    }
    track
}

fn write(path: &Path, track: &Array2<f32>) -> Result<()> {
    let paths = [path.to_owned()];
    let (channels, len) = track.dim();
    let mut set = StemSet::create(&paths, OutputFormat::Wav16, RATE_HZ, channels, len, 1.0)?;
    set.write(track.view().insert_axis(Axis(0)))?;
    set.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_has_its_length_and_no_turn_like_the_one_before() {
        let clip = Array2::from_shape_fn((2, 22_050), |(_, n)| (n as f32 * 0.1).sin());
        let track = vary(&clip, 2.0);
        assert_eq!(track.dim(), (2, 88_200));
        let turn = |start: usize| {
            track
                .row(0)
                .iter()
                .skip(start)
                .take(1000)
                .copied()
                .collect::<Vec<_>>()
        };
        assert_ne!(turn(0), turn(22_049));
        assert!(track.iter().all(|x| x.abs() <= 1.0));
    }
}
