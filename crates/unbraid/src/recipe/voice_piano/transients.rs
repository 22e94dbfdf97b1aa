//! A recording comes in; the spectrogram of what does not hold its pitch goes out.

use ndarray::{Array2, Axis, s};

use super::view::{MODELLED_HZ, View, stft};
use crate::analysis::hpss;
use crate::spectrogram::{Channels, Quantity};
use crate::stft::OverlapAdd;
use crate::{Audio, Error, Spectrogram};

/// The spectrogram of what does not hold its pitch (a voice is rarely as steady as a piano), by
/// median filters over frames of 372 ms.
pub(super) fn transients(audio: &Audio, view: &View) -> Result<Array2<f32>, Error> {
    let stft = stft(16, view.sample_rate)?;
    let mono = audio
        .samples()
        .mean_axis(Axis(0))
        .expect("audio has at least one channel")
        .insert_axis(Axis(0));
    let mono = Audio::new(mono, view.sample_rate)?;
    let bin_hz = f64::from(view.sample_rate) / stft.config().fft_len as f64;
    let hop_secs = stft.config().hop_len as f64 / f64::from(view.sample_rate);
    let bins = stft.bins();
    let modelled = bins.min((MODELLED_HZ / bin_hz) as usize + 1);
    let frames = stft.frames(mono.len_samples());
    let mut v = Array2::<f32>::zeros((frames, modelled));
    let blocks = (0..frames).step_by(256).map(|a| a..(a + 256).min(frames));
    for block in blocks.clone() {
        let spectrum = stft.forward_block(&mono, block.clone());
        let rows = spectrum.channel_rows(0).chunks_exact(bins);
        for (frame, row) in block.zip(rows) {
            for (out, value) in v.row_mut(frame).iter_mut().zip(row) {
                *out = value.norm();
            }
        }
    }
    let settings = hpss::Settings {
        half_secs: 15.0 * hop_secs,
        half_hz: 15.0 * bin_hz,
    };
    let share = hpss::percussive_share(v.t(), bin_hz, hop_secs, &settings)?;
    let mut overlap = OverlapAdd::new(&stft, mono.len_samples());
    let mut samples = Vec::with_capacity(mono.len_samples());
    for block in blocks {
        let spectrum = stft.forward_block(&mono, block.clone());
        let mut weights = vec![0.0; block.len() * bins];
        for (frame, weights) in block.zip(weights.chunks_exact_mut(bins)) {
            for (weight, share) in weights.iter_mut().zip(share.column(frame)) {
                *weight = *share;
            }
        }
        samples.extend_from_slice(overlap.push_weighted(spectrum.channel_rows(0), &weights));
    }
    let shape = (1, samples.len());
    let samples = Array2::from_shape_vec(shape, samples).expect("one row of all samples");
    let rest = Audio::new(samples, view.sample_rate)?;
    let spectrogram = Spectrogram::of(
        &rest,
        &view.stft,
        Quantity::Magnitude,
        Channels::Sum,
        &mut (),
    )?;
    let values = spectrogram.view();
    Ok(values
        .index_axis(Axis(0), 0)
        .slice(s![..view.v.ncols(), ..])
        .t()
        .as_standard_layout()
        .into_owned())
}
