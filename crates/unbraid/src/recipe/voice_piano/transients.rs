//! A recording comes in; the spectrogram of what does not hold its pitch goes out.

use ndarray::{Array2, Axis, s};

use super::masked::{mono, through};
use super::view::{MODELLED_HZ, View, stft};
use crate::analysis::hpss;
use crate::spectrogram::{Channels, Quantity};
use crate::{Audio, Error, Spectrogram};

/// The spectrogram of what does not hold its pitch (a voice is rarely as steady as a piano), by
/// median filters over frames of 372 ms.
pub(super) fn transients(audio: &Audio, view: &View) -> Result<Array2<f32>, Error> {
    let stft = stft(16, view.sample_rate)?;
    let mono = mono(audio)?;
    let bin_hz = f64::from(view.sample_rate) / stft.config().fft_len as f64;
    let hop_secs = stft.config().hop_len as f64 / f64::from(view.sample_rate);
    let bins = stft.bins();
    let modelled = bins.min((MODELLED_HZ / bin_hz) as usize + 1);
    let frames = stft.frames(mono.len_samples());
    let mut v = Array2::<f32>::zeros((frames, modelled));
    let blocks = (0..frames).step_by(256).map(|a| a..(a + 256).min(frames));
    for block in blocks {
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
    let share = share.t().as_standard_layout().into_owned();
    let rest = through(&mono, &stft, &share, 0.0)?;
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
