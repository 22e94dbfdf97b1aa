//! The demo comes in; how far our spectrum is from librosa's goes out.

use anyhow::Result;
use ndarray::Axis;
use serde::{Deserialize, Serialize};
use unbraid::{Audio, Stft, StftConfig};
use unbraid_io::audio::{Span, read_audio};

use super::other::{Other, Question};
use super::report::{Section, small, table, within};
use crate::root;

/// The largest difference allowed, relative to the largest magnitude: f32 rounds at 6e-8, and a
/// transform adds some ten such errors up.
const TOLERANCE: f64 = 1e-6;

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "named as in `StftConfig`")]
struct Settings {
    fft_len: usize,
    window_len: usize,
    hop_len: usize,
}

#[derive(Deserialize)]
struct Answer {
    /// Frames that librosa makes of the signal.
    frames: usize,
    /// The largest absolute difference in any bin of these frames.
    largest_difference: f64,
    /// The largest magnitude.
    largest: f64,
}

pub(super) fn section(other: &Other) -> Result<Section> {
    println!("spectrum");
    let audio = read_audio(&root().join("demo/mixture.flac"), Span::default())?.audio;
    let sample_rate = audio.sample_rate();
    let left = audio.samples().index_axis(Axis(0), 0).to_owned();
    let mono = Audio::new(left.clone().insert_axis(Axis(0)), sample_rate)?;
    let padded = StftConfig {
        window_len: 1500,
        hop_len: 441,
        ..StftConfig::with_fft_len(2048)
    };
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for config in [
        StftConfig::for_sample_rate(sample_rate),
        StftConfig::with_fft_len(1024),
        padded,
    ] {
        let stft = Stft::new(config)?;
        let spectrum = stft.forward(&mono);
        let values = spectrum.view().index_axis_move(Axis(0), 0);
        let question = Question::new()?;
        question.put("signal", &left)?;
        question.put("real", &values.mapv(|value| value.re))?;
        question.put("imaginary", &values.mapv(|value| value.im))?;
        let settings = Settings {
            fft_len: config.fft_len,
            window_len: config.window_len,
            hop_len: config.hop_len,
        };
        let theirs: Answer = other.ask("spectrum", &question, &settings)?;
        let relative = theirs.largest_difference / theirs.largest;
        let lengths = format!(
            "{} / {} / {}",
            config.window_len, config.fft_len, config.hop_len
        );
        if !within(relative, TOLERANCE) {
            failures.push(format!(
                "{lengths}: the spectra differ by {}",
                small(relative)
            ));
        }
        rows.push(vec![
            lengths,
            spectrum.frames().to_string(),
            theirs.frames.to_string(),
            small(relative),
        ]);
    }
    let heads = [
        "window / transform / hop",
        "our frames",
        "librosa's",
        "difference",
    ];
    let body = format!(
        "The largest difference in any bin of the frames that both have, relative to the largest \
         magnitude; the demo's left channel, Hann window, against `librosa.stft(center=True, \
         pad_mode=\"constant\")` in f64. Allowed: {}. Both centre frame t on sample t · hop; we add a frame \
         behind the last sample, where librosa does not. librosa pads a window shorter than the transform \
         on both sides, we on the right: the frame is the same, its phase turns by the shift, which the \
         script undoes.\n\n{}",
        small(TOLERANCE),
        table(&heads, &rows)
    );
    Ok(Section {
        title: "Spectrum against librosa",
        body,
        failures,
    })
}
