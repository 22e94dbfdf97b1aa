//! Recorded hits come in; loops made of them, and how well kick, snare and hi-hat come apart, go out.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ndarray::{Array2, Axis};
use unbraid::baseline::{Assign, IdealMask, Method, Task, run as baseline};
use unbraid::factorize::FactorizeConfig;
use unbraid::group::{Overrides, Source};
use unbraid::knowledge::hints::Regions;
use unbraid::knowledge::onsets::Onset;
use unbraid::recipe::{DrumsConfig, DrumsTask, HitsConfig, HitsTask, drums, hits};
use unbraid::sharing::StemsConfig;
use unbraid::{Audio, SeparateConfig};
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::parse_onsets;

use super::{of_stems, row};
use crate::clips::Clip;
use crate::demo::packages;

const RATE: u32 = 44_100;
const DRUMS: [&str; 3] = ["kick", "snare", "hihat"];

/// The hits of a kit: for each drum its samples, the softest first.
struct Kit {
    name: &'static str,
    samples: [&'static [&'static str]; 3],
}

const ACOUSTIC: Kit = Kit {
    name: "acoustic",
    samples: [
        &["drum_bass_soft", "drum_bass_hard"],
        &["drum_snare_soft", "drum_snare_hard"],
        &[
            "drum_cymbal_closed",
            "drum_cymbal_closed",
            "drum_cymbal_open",
        ],
    ],
};
const ELECTRONIC: Kit = Kit {
    name: "electronic",
    samples: [
        &["bd_haus"],
        &["sn_generic"],
        &["drum_cymbal_closed", "drum_cymbal_pedal"],
    ],
};
const HEAVY: Kit = Kit {
    name: "heavy",
    samples: [
        &["drum_heavy_kick"],
        &["drum_snare_hard"],
        &["drum_cymbal_pedal", "drum_cymbal_open"],
    ],
};

/// Sixteenths of a bar; digits are loudness from 1 to 9.
const FUNK: [&str; 3] = ["9..5..7...6..4..", "....9..2.2..9..3", "7575767575757678"];
const HOUSE: [&str; 3] = ["9...9...9...9...", "....9.......9.3.", "3.7.3.7.3.7.3.79"];
const ROCK: [&str; 3] = ["9......69.8.....", "....9.......9...", "8.6.8.6.8.6.8.6."];

/// Someone's loop.
struct Loop {
    name: String,
    clip: Clip,
    onsets: Vec<Onset>,
    strokes: Vec<(String, Audio)>,
}

/// Kick, snare and hi-hat of every loop, by several ways.
pub(super) fn table(given: Option<&Path>, clips: &Path) -> Result<String> {
    let samples = packages(given, &["sonic-pi-samples"])?.join("usr/share/sonic-pi/samples");
    let mut loops = vec![
        patterned("funk", &FUNK, 104.0, &ACOUSTIC, &samples)?,
        patterned("house", &HOUSE, 124.0, &ELECTRONIC, &samples)?,
        patterned("rock", &ROCK, 92.0, &HEAVY, &samples)?,
    ];
    let played = clips.join("drums-guitar-groove/drum_onsets.csv");
    if played.is_file() {
        let text = fs::read_to_string(&played)
            .with_context(|| format!("cannot read {}", played.display()))?;
        let onsets = parse_onsets(&text).map_err(anyhow::Error::msg)?;
        loops.push(rendered(
            "played by a drummer",
            onsets,
            &ACOUSTIC,
            &samples,
            13.7,
        )?);
    }
    let mut text = String::from(
        "## Kick, snare and hi-hat of a loop\n\n\
         Loops of recorded hits (Debian `sonic-pi-samples`, CC0), some softer, some louder, some of another recording; the drummer's is the performance beside a shared \
         clip. NMF: 3 and 16 components, each given to the true stem that has most of it. NMFD: what `separate` does for \
         kick, snare and hi-hat, with onsets heard; with `--onsets`; with `--onsets` and one `--stroke` of each drum (the loudest).\n\n\
         | loop | mixture | NMF K3, oracle | NMF K16, oracle | parts | NMFD | with onsets | with onsets and strokes | ideal ratio mask |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for each in &loops {
        let cells = cells(each)?;
        row(&mut text, &[&each.name], &cells);
    }
    writeln!(text)?;
    Ok(text)
}

fn cells(each: &Loop) -> Result<Vec<f64>> {
    let clip = &each.clip;
    let mut config = SeparateConfig {
        sources: clip.sources.clone(),
        ..SeparateConfig::default()
    };
    let mut cells = Vec::new();
    let oracle = |config: &SeparateConfig, method| -> Result<f64> {
        let task = Task::new(&clip.mixture, &clip.truths, config);
        of_stems(clip, &baseline(method, &task, &mut ())?.stems)
    };
    cells.push(oracle(&config, Method::Mixture)?);
    for components in [3, 16] {
        config.factorize.blind.components = components;
        cells.push(oracle(&config, Method::Nmf(Assign::Oracle))?);
    }
    let factorize = FactorizeConfig::default();
    let task = DrumsTask {
        sources: &clip.sources,
        overrides: &Overrides::none(),
        factorize: &factorize,
        before: None,
        regions: &Regions::default(),
        stems: StemsConfig::default(),
    };
    let parts = drums(&clip.mixture, &task, &DrumsConfig::default(), &mut ())?;
    cells.push(of_stems(
        clip,
        &parts.stems(&clip.mixture)?.collect_audio()?,
    )?);
    for (onsets, strokes) in [(false, false), (true, false), (true, true)] {
        let task = HitsTask {
            sources: &clip.sources,
            onsets: onsets.then_some(&each.onsets[..]),
            strokes: if strokes { &each.strokes } else { &[] },
            seed: 0,
            stems: StemsConfig::default(),
        };
        let separation = hits(&clip.mixture, &task, &HitsConfig::default(), &mut ())?;
        cells.push(of_stems(
            clip,
            &separation.stems(&clip.mixture)?.collect_audio()?,
        )?);
    }
    cells.push(oracle(
        &config,
        Method::IdealMask(IdealMask::Ratio { exponent: 1.0 }),
    )?);
    Ok(cells)
}

/// A pattern, four bars long.
fn patterned(
    name: &str,
    pattern: &[&str; 3],
    beats_per_minute: f64,
    kit: &Kit,
    samples: &Path,
) -> Result<Loop> {
    const BARS: usize = 4;
    let step = 60.0 / beats_per_minute / 4.0;
    let mut onsets = Vec::new();
    for bar in 0..BARS {
        for (drum, steps) in DRUMS.iter().zip(pattern) {
            for (at, mark) in steps.chars().enumerate() {
                if let Some(loud) = mark.to_digit(10) {
                    // Nobody is on the grid: up to 6 ms early or late, the same every time it is made.
                    let away = ((bar * 37 + at * 17 + drum.len() * 5) % 13) as f64 / 1000.0 - 0.006;
                    onsets.push(Onset {
                        secs: (0.05 + (bar * 16 + at) as f64 * step + away).max(0.0),
                        source: (*drum).to_owned(),
                        strength: loud as f32 / 9.0,
                    });
                }
            }
        }
    }
    let secs = 0.05 + (BARS * 16) as f64 * step;
    let name = format!("{name}, {} kit", kit.name);
    rendered(&name, onsets, kit, samples, secs)
}

/// What the hits of a kit sound like at some onsets.
fn rendered(name: &str, onsets: Vec<Onset>, kit: &Kit, samples: &Path, secs: f64) -> Result<Loop> {
    let len = (secs * f64::from(RATE)) as usize;
    let hit = |file: &str| -> Result<Vec<f32>> {
        let path = samples.join(file).with_extension("flac");
        let audio = read_audio(&path, Span::default())?.audio;
        let mono = audio.samples().mean_axis(Axis(0)).context("no channel")?;
        Ok(mono.to_vec())
    };
    let source = |name: &str| Source {
        name: name.to_owned(),
        kind: name.parse().ok(),
    };
    let sources: Vec<Source> = DRUMS.map(source).to_vec();
    let mut truths = vec![Array2::<f32>::zeros((1, len)); DRUMS.len()];
    let mut strokes = Vec::new();
    let mut kept = Vec::new();
    for (drum, files) in kit.samples.iter().enumerate() {
        let hits: Vec<Vec<f32>> = files.iter().map(|file| hit(file)).collect::<Result<_>>()?;
        let loudest = &hits[hits.len().min(2) - 1];
        let stroke = Array2::from_shape_vec((1, loudest.len()), loudest.clone())?;
        strokes.push((DRUMS[drum].to_owned(), Audio::new(stroke, RATE)?));
        for onset in onsets
            .iter()
            .filter(|onset| onset.source == DRUMS[drum] || (drum == 2 && onset.source == "cymbals"))
        {
            let level = (onset.strength * hits.len() as f32) as usize;
            let samples = &hits[level.min(hits.len() - 1)];
            let gain = 0.25 * (0.2 + 0.8 * onset.strength);
            let start = (onset.secs * f64::from(RATE)) as usize;
            let mut row = truths[drum].row_mut(0);
            for (at, sample) in samples.iter().enumerate().take(len.saturating_sub(start)) {
                row[start + at] += gain * sample;
            }
            kept.push(onset.clone());
        }
    }
    let mixture = truths
        .iter()
        .fold(Array2::zeros((1, len)), |sum, t| sum + t);
    let truths = truths
        .into_iter()
        .map(|truth| Ok(Audio::new(truth, RATE)?))
        .collect::<Result<_>>()?;
    Ok(Loop {
        name: name.to_owned(),
        clip: Clip {
            name: name.to_owned(),
            mixture: Audio::new(mixture, RATE)?,
            truths,
            sources,
            folder: samples.to_owned(),
        },
        onsets: kept,
        strokes,
    })
}
