//! Recordings short enough to be separated whole come in; what cutting them into ten pieces costs, recipe by recipe, goes out.

use std::fs;
use std::path::Path;

use anyhow::Result;
use ndarray::{Axis, s};
use serde::{Deserialize, Serialize};
use unbraid::divergence::divergence;
use unbraid::factorize::{FactorizeConfig, factorize_after};
use unbraid::pieces::Cut;
use unbraid::recipe::WarmStart;
use unbraid::{Audio, StftConfig};
use unbraid_io::audio::{Span, read_audio};

use super::material::{self, Takes};
use super::process::separate;
use crate::root;

/// Each recording has so many pieces at least.
const PIECES: f64 = 10.0;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) recipe: String,
    pub(super) recording: String,
    pub(super) sources: Vec<String>,
    /// SDR of each source, in dB.
    pub(super) whole_db: Vec<f64>,
    pub(super) pieces_db: Vec<f64>,
    /// The objective of the pieces' free components over that of one fit to all, if the recipe has them: each piece from the
    /// one before, and from random factors.
    pub(super) objective: Option<[f64; 2]>,
}

struct Case {
    recipe: &'static str,
    clip: &'static str,
    /// The stems' files and what they are asked for as.
    stems: [(&'static str, &'static str); 2],
    secs: usize,
    more: &'static [&'static str],
}

const CASES: [Case; 8] = [
    Case {
        recipe: "drums and the rest",
        clip: "demo/stems",
        stems: [("drums", "drums"), ("guitar", "guitar")],
        secs: 200,
        more: &[],
    },
    Case {
        recipe: "blind (`--evidence features`)",
        clip: "demo/stems",
        stems: [("drums", "drums"), ("guitar", "guitar")],
        secs: 200,
        more: &["--evidence", "features"],
    },
    Case {
        recipe: "blind (`--evidence features`)",
        clip: "drums-guitar-groove",
        stems: [("drums", "drums"), ("guitar", "guitar")],
        secs: 200,
        more: &["--evidence", "features"],
    },
    Case {
        recipe: "stereo (`--channels pan`)",
        clip: "demo/stems",
        stems: [("drums", "drums"), ("guitar", "guitar")],
        secs: 200,
        more: &["--channels", "pan"],
    },
    Case {
        recipe: "strokes (`--stroke`)",
        clip: "demo/stems",
        stems: [("drums", "drums"), ("guitar", "guitar")],
        secs: 200,
        more: &["--stroke", "drums=STROKE"],
    },
    Case {
        recipe: "drums and the rest",
        clip: "drums-guitar-groove",
        stems: [("drums", "drums"), ("guitar", "guitar")],
        secs: 200,
        more: &[],
    },
    Case {
        recipe: "known piano",
        clip: "singer-piano-chords",
        stems: [("piano", "piano"), ("voice", "rest")],
        secs: 120,
        more: &[],
    },
    Case {
        recipe: "a singer and a piano (`--fast`)",
        clip: "singer-piano-chords",
        stems: [("voice", "voice"), ("piano", "piano")],
        secs: 120,
        more: &["--fast"],
    },
];

pub(super) fn run(work: &Path, clips: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for case in &CASES {
        let own = root().join(case.clip);
        let folder = if own.is_dir() {
            own
        } else {
            clips.join(case.clip)
        };
        if !folder.is_dir() {
            println!("{}: skipped, there is no {}", case.recipe, folder.display());
            continue;
        }
        let row = case.run(&work.join("quality"), &folder)?;
        println!("{row:?}");
        rows.push(row);
    }
    Ok(rows)
}

impl Case {
    fn run(&self, work: &Path, clip: &Path) -> Result<Row> {
        let stems = self.stems.map(|(file, _)| {
            let path = clip.join(file).with_extension("flac");
            Ok(read_audio(&path, Span::default())?.audio)
        });
        let stems: Vec<Audio> = stems.into_iter().collect::<Result<_>>()?;
        let rate = stems[0].sample_rate();
        let takes = || Takes::of(&stems, self.secs * rate as usize);
        let recording = material::write(work, takes(), rate, None)?;
        let stroke = format!("drums={}", material::stroke(work)?.display());
        let sources = self.stems.map(|(_, source)| source).join(",");
        let piece = format!("{}", (self.secs as f64 / PIECES).floor());
        let scores = |more: &[&str]| -> Result<Vec<f64>> {
            let out = work.join("out");
            let mut arguments = vec!["-s", &sources, "--format", "wav32f", "--memory", "16G"];
            arguments.extend(self.more.iter().map(|&word| match word {
                "drums=STROKE" => stroke.as_str(),
                word => word,
            }));
            arguments.extend(more);
            separate(&recording, &out, &arguments)?;
            let files = self
                .stems
                .map(|(_, source)| out.join("mixture").join(source).with_extension("wav"));
            material::sdr(takes(), &files)
        };
        let row = Row {
            recipe: self.recipe.to_owned(),
            recording: self.clip.split('/').next().unwrap_or("").to_owned(),
            sources: self.stems.map(|(_, source)| source.to_owned()).to_vec(),
            whole_db: scores(&[])?,
            pieces_db: scores(&["--piece", &piece])?,
            objective: match self.more {
                [] if self.recipe.starts_with("drums") => {
                    Some(objectives(&recording, self.secs as f64 / PIECES)?)
                }
                _ => None,
            },
        };
        fs::remove_dir_all(work)?;
        Ok(row)
    }
}

/// What the free components of all pieces leave unexplained, over what those of one fit do: pieces that start from the one
/// before, and pieces that start from nothing.
fn objectives(recording: &Path, piece_secs: f64) -> Result<[f64; 2]> {
    let audio = read_audio(recording, Span::default())?.audio;
    let rate = audio.sample_rate();
    let hop = StftConfig::for_sample_rate(rate).hop_len as u64;
    let cut = Cut {
        len_samples: (piece_secs * f64::from(rate)) as u64 / hop * hop,
        fade_samples: u64::from(rate),
        margin_samples: (2.0 * f64::from(rate)) as u64 / hop * hop,
        grid_samples: hop,
    };
    let config = FactorizeConfig::default();
    // The divergence of frames, in the recording's own scale.
    let left = |audio: &Audio, before: Option<&WarmStart>, frames: std::ops::Range<usize>| {
        let (found, values) = factorize_after(before, audio, &config, &mut ())?;
        let scale = f64::from(values.scale());
        let model = found.fit.model.model(0);
        let values = values.view().index_axis_move(Axis(0), 0);
        let frames = frames.start..frames.end.min(model.ncols());
        let (v, m) = (
            values.slice(s![.., frames.clone()]),
            model.slice(s![.., frames]),
        );
        let sum: f64 = v
            .iter()
            .zip(m)
            .map(|(&v, &m)| divergence(f64::from(v), f64::from(m) + 1e-7, 1.0))
            .sum();
        let after = WarmStart::after(&found.fit.model, before);
        anyhow::Ok((sum * scale, after))
    };
    let (whole, _) = left(&audio, None, 0..usize::MAX)?;
    let mut ratios = [0.0; 2];
    for (warm, ratio) in [true, false].into_iter().zip(&mut ratios) {
        let mut before = None;
        for piece in cut.pieces(audio.len_samples() as u64)? {
            let read = piece.read.start as usize..piece.read.end as usize;
            let part = Audio::new(audio.samples().slice(s![.., read]).to_owned(), rate)?;
            let own = (piece.own.start - piece.read.start) / hop
                ..(piece.own.end - piece.read.start).div_ceil(hop);
            let own = own.start as usize..own.end as usize;
            let (sum, after) = left(&part, before.as_ref(), own)?;
            *ratio += sum / whole;
            before = warm.then_some(after);
        }
    }
    Ok(ratios)
}
