//! A clip and a length come in; a recording of that length goes out, take by take, with its true stems.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ndarray::{Array2, Array3, Axis, concatenate, s};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unbraid::Audio;
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};

use crate::root;

/// A clip's stems, again and again: each take a little faster or slower, its stems louder or softer by themselves, and now and
/// then one of them silent.
pub(crate) struct Takes {
    /// The stems, each with all channels.
    stems: Vec<Array2<f32>>,
    rng: ChaCha8Rng,
    take: usize,
    left: usize,
}

impl Takes {
    /// Takes of the demo.
    pub(crate) fn of_demo(len_samples: usize) -> Result<Self> {
        let stems = ["drums", "guitar"].map(|stem| {
            let path = root().join("demo/stems").join(stem).with_extension("flac");
            Ok(read_audio(&path, Span::default())?.audio)
        });
        let stems: Vec<Audio> = stems.into_iter().collect::<Result<_>>()?;
        Ok(Self::of(&stems, len_samples))
    }

    pub(super) fn of(stems: &[Audio], len_samples: usize) -> Self {
        Self {
            stems: stems.iter().map(|stem| stem.samples().to_owned()).collect(),
            rng: ChaCha8Rng::seed_from_u64(1),
            take: 0,
            left: len_samples,
        }
    }

    /// A number between two others.
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.rng.next_u32() >> 8) as f32 / (1 << 24) as f32
    }
}

impl Iterator for Takes {
    /// `(stems, channels, samples)`, whole steps of 16 bits.
    type Item = Array3<f32>;

    fn next(&mut self) -> Option<Array3<f32>> {
        if self.left == 0 {
            return None;
        }
        let speed = self.between(0.97, 1.03);
        let stems: Vec<Array2<f32>> = (0..self.stems.len())
            .map(|stem| {
                let silent = match stem {
                    0 => self.take % 7 == 3,
                    1 => self.take % 7 == 5,
                    _ => false,
                };
                let level = 10.0_f32.powf(self.between(-6.0, -0.5) / 20.0);
                played(&self.stems[stem], speed, if silent { 0.0 } else { level })
            })
            .collect();
        self.take += 1;
        let len = stems[0].ncols().min(self.left);
        self.left -= len;
        let views: Vec<_> = stems
            .iter()
            .map(|stem| stem.slice(s![.., ..len]).insert_axis(Axis(0)))
            .collect();
        Some(concatenate(Axis(0), &views).expect("stems of one shape"))
    }
}

/// A stem at another speed and level, rounded to 16 bits.
fn played(stem: &Array2<f32>, speed: f32, level: f32) -> Array2<f32> {
    let (channels, len) = stem.dim();
    let count = ((len - 1) as f64 / f64::from(speed)) as usize;
    Array2::from_shape_fn((channels, count), |(channel, n)| {
        let at = n as f64 * f64::from(speed);
        let (whole, share) = (at as usize, (at - at.floor()) as f32);
        let here = stem[[channel, whole]];
        let there = stem[[channel, (whole + 1).min(len - 1)]];
        ((here + share * (there - here)) * level * 32768.0).round() / 32768.0
    })
}

/// Write takes as `mixture.flac`, and their true stems beside it if they are wanted; the recording's path.
pub(crate) fn write(
    folder: &Path,
    takes: Takes,
    rate: u32,
    names: Option<&[&str]>,
) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let (channels, len) = (takes.stems[0].nrows(), takes.left);
    let file = |name: &str| folder.join(name).with_extension("flac");
    let create =
        |paths: &[PathBuf]| StemSet::create(paths, OutputFormat::Flac16, rate, channels, len, 1.0);
    let mixture = file("mixture");
    let mut mixed = create(std::slice::from_ref(&mixture))?;
    let mut truths = match names {
        Some(names) => {
            let paths: Vec<PathBuf> = names.iter().map(|name| file(name)).collect();
            Some(create(&paths)?)
        }
        None => None,
    };
    for take in takes {
        mixed.write(take.sum_axis(Axis(0)).insert_axis(Axis(0)).view())?;
        if let Some(truths) = &mut truths {
            truths.write(take.view())?;
        }
    }
    mixed.finish()?;
    if let Some(truths) = truths {
        truths.finish()?;
    }
    Ok(mixture)
}

/// The SDR of stems in files against takes, plainly: the energy of the truth over that of the error, in dB.
pub(super) fn sdr(takes: Takes, files: &[PathBuf]) -> Result<Vec<f64>> {
    use unbraid_io::audio::AudioStream;
    let mut streams = files
        .iter()
        .map(|file| AudioStream::open(file, Span::default()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sums = vec![(0.0_f64, 0.0_f64); files.len()];
    for take in takes {
        for ((truth, stream), sums) in take.outer_iter().zip(&mut streams).zip(&mut sums) {
            let found = stream.next(truth.ncols())?.context("a stem is too short")?;
            ndarray::Zip::from(truth)
                .and(found.samples())
                .for_each(|&truth, &found| {
                    sums.0 += f64::from(truth) * f64::from(truth);
                    sums.1 += f64::from(truth - found) * f64::from(truth - found);
                });
        }
    }
    Ok(sums
        .iter()
        .map(|(truth, error)| 10.0 * (truth / error.max(1e-12)).log10())
        .collect())
}

/// Write a third of a second of the demo's drums, which begins with a stroke; its path.
pub(super) fn stroke(folder: &Path) -> Result<PathBuf> {
    let drums = read_audio(&root().join("demo/stems/drums.flac"), Span::default())?.audio;
    let len = drums.sample_rate() as usize / 3;
    let one = drums.samples().slice_move(s![.., ..len]);
    let path = folder.join("stroke.wav");
    let mut set = StemSet::create(
        std::slice::from_ref(&path),
        OutputFormat::Wav16,
        drums.sample_rate(),
        drums.channels(),
        len,
        1.0,
    )?;
    set.write(one.insert_axis(Axis(0)))?;
    set.finish()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_are_as_long_as_asked_vary_and_score_themselves() {
        let len = 35 * 44_100;
        let takes: Vec<_> = Takes::of_demo(len).unwrap().collect();
        assert_eq!(
            takes.iter().map(|take| take.len_of(Axis(2))).sum::<usize>(),
            len
        );
        assert!(takes.len() > 2 && takes[0] != takes[1]);
        let dir = tempfile::tempdir().unwrap();
        let takes = || Takes::of_demo(3 * 44_100).unwrap();
        let mixture = write(dir.path(), takes(), 44_100, Some(&["drums", "guitar"])).unwrap();
        assert!(mixture.exists());
        let truths = ["drums", "guitar"].map(|stem| dir.path().join(stem).with_extension("flac"));
        assert!(
            sdr(takes(), &truths)
                .unwrap()
                .iter()
                .all(|sdr| *sdr > 100.0)
        );
        let mixed = [mixture.clone(), mixture];
        assert!(
            sdr(takes(), &mixed)
                .unwrap()
                .iter()
                .all(|sdr| sdr.abs() < 6.0)
        );
    }
}
