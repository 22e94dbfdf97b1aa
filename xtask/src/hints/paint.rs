//! True stems come in; boxes as a person would paint them, some of them wrong, go out.

use anyhow::Result;
use ndarray::s;
use unbraid::knowledge::hints::{Area, Regions};
use unbraid::{Stft, StftConfig};

use crate::clips::Clip;
use crate::score::downmix;

const BOX_SECS: f64 = 0.5;
const EDGES_HZ: [f64; 6] = [0.0, 300.0, 1000.0, 3000.0, 8000.0, 22_050.0];

/// What a source must have of a box's energy to be painted.
const MOST: f32 = 0.7;

/// Boxes over the first seconds of a clip, a share of them wrong.
pub(super) fn boxes(clip: &Clip, secs: f64, wrong: f64) -> Result<Regions> {
    let rate = clip.mixture.sample_rate();
    let stft = Stft::new(StftConfig::for_sample_rate(rate))?;
    let truths = downmix(&clip.truths);
    let powers: Vec<ndarray::Array2<f32>> = truths
        .outer_iter()
        .map(|truth| {
            let audio = unbraid::Audio::new(truth.insert_axis(ndarray::Axis(0)).to_owned(), rate)?;
            let spectrum = stft.forward(&audio);
            let own = spectrum.view();
            Ok(own.index_axis(ndarray::Axis(0), 0).mapv(|x| x.norm_sqr()))
        })
        .collect::<Result<_>>()?;
    let frames = powers[0].ncols();
    let frame = |secs: f64| {
        let at = secs * f64::from(rate) / stft.config().hop_len as f64;
        (at.round() as usize).min(frames)
    };
    let bin = |hz: f64| {
        let at = hz * stft.config().fft_len as f64 / f64::from(rate);
        (at.round() as usize).min(stft.bins())
    };
    // As loud as a box must be to be seen: a thousandth of the mean.
    let whole: f32 = powers.iter().map(|power| power.sum()).sum();
    let least = 1e-3 * whole / (powers[0].len() as f32);
    let mut boxes = Vec::new();
    let mut start = 0.0;
    while start + BOX_SECS <= secs.min(clip.mixture.duration_secs()) {
        for edges in EDGES_HZ.windows(2) {
            let cells = s![
                bin(edges[0])..bin(edges[1]),
                frame(start)..frame(start + BOX_SECS)
            ];
            let energies: Vec<f32> = powers
                .iter()
                .map(|power| power.slice(cells).sum())
                .collect();
            let count = powers[0].slice(cells).len().max(1) as f32;
            let sum: f32 = energies.iter().sum();
            let best = (0..energies.len())
                .max_by(|&a, &b| energies[a].total_cmp(&energies[b]))
                .unwrap_or(0);
            if sum > least * count && energies[best] > MOST * sum {
                boxes.push((best, start, edges.to_vec()));
            }
        }
        start += BOX_SECS;
    }
    // Every n-th of a fixed shuffle is wrong, so that more errors contain fewer.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut order: Vec<(u64, usize)> = (0..boxes.len())
        .map(|index| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state, index)
        })
        .collect();
    order.sort_unstable();
    let errors = (wrong * boxes.len() as f64).round() as usize;
    for &(_, index) in order.iter().take(errors) {
        boxes[index].0 = (boxes[index].0 + 1) % clip.sources.len();
    }
    let boxes = boxes
        .into_iter()
        .map(|(source, start, edges)| Area {
            source: clip.sources[source].name.clone(),
            strength: MOST,
            secs: [start, start + BOX_SECS],
            hz: [edges[0], edges[1]],
        })
        .collect();
    Ok(Regions {
        boxes,
        strokes: Vec::new(),
    })
}
