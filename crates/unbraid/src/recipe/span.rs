//! A recording of one source alone, or a span of it, comes in; a dictionary of its templates goes out.

use ndarray::{Array2, Axis};

use crate::fit::{FitConfig, fit};
use crate::knowledge::{Atom, Dictionary, FINENESS, Parts, Provenance};
use crate::model::{LowRank, Start, Update};
use crate::observe::Observer;
use crate::spectrogram::{Channels, Quantity};
use crate::{Audio, Error, Spectrogram, Stft, StftConfig};

/// Learn templates from a recording in which one source sounds alone: free components, fitted to it.
///
/// They have no notes, so they may sound anywhere and are used as they are; the dictionary can be retuned, but serves this
/// transform and rate alone.
///
/// # Errors
///
/// - [`Error::Config`] if the transform is not allowed, or `components` is zero.
/// - [`Error::Silent`] if nothing sounds.
/// - [`Error::TooShort`] if the recording has fewer than two frames.
/// - [`Error::Cancelled`] if the observer says so.
pub fn learn_span(
    kind: &str,
    audio: &Audio,
    (stft, components): (StftConfig, usize),
    provenance: Provenance,
    observer: &mut dyn Observer,
) -> Result<Dictionary, Error> {
    // The same windows, with zeros behind them: the templates can then be read off between bins.
    let fine = StftConfig {
        fft_len: stft.fft_len * FINENESS,
        ..stft
    };
    let transform = Stft::new(fine)?;
    let spectrogram = Spectrogram::of(
        audio,
        &transform,
        Quantity::Magnitude,
        Channels::Sum,
        observer,
    )?;
    if spectrogram.mean() <= 0.0 {
        return Err(Error::Silent {
            what: "recording",
            index: 0,
        });
    }
    let components = components.min(spectrogram.frames().saturating_sub(1));
    let free = LowRank::free(&spectrogram, components, Start::Random, 0)?.with_pan(Update::Fixed);
    let config = FitConfig {
        iterations: 100,
        tolerance: Some(1e-4),
        ..FitConfig::default()
    };
    let model = fit(free, &spectrogram, &config, observer)?.model;
    let means = model.templates().to_owned();
    let bins = stft.fft_len / 2 + 1;
    let templates =
        Array2::from_shape_fn((bins, components), |(bin, k)| means[[bin * FINENESS, k]]);
    let loudness = model.activations().sum_axis(Axis(1));
    let total = loudness.sum().max(1e-20);
    let atoms = loudness
        .iter()
        .enumerate()
        .map(|(k, &loud)| Atom {
            label: format!("component {k}"),
            level: loud / total,
            ..Atom::default()
        })
        .collect();
    Dictionary::from_parts(Parts {
        kind: kind.to_owned(),
        atoms,
        stft,
        sample_rate: audio.sample_rate(),
        templates,
        means: Some(means),
        examples: Vec::new(),
        provenance,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testsignals::drums_and_guitar;

    #[test]
    fn a_source_alone_is_explained_by_what_was_learnt_from_it() {
        let (_, guitar) = drums_and_guitar(2.0, 8000);
        let stft = StftConfig::with_fft_len(512);
        let learnt =
            learn_span("guitar", &guitar, (stft, 6), Provenance::default(), &mut ()).unwrap();
        assert_eq!(learnt.templates().dim(), (257, 6));
        assert!(learnt.retuned(10.0).is_ok());
        let transform = Stft::new(stft).unwrap();
        let spectrogram = Spectrogram::of(
            &guitar,
            &transform,
            Quantity::Magnitude,
            Channels::Sum,
            &mut (),
        )
        .unwrap();
        let start = Array2::from_elem((6, spectrogram.frames()), 1.0);
        let known = LowRank::from_factors("known", learnt.templates(), start.view(), 1)
            .unwrap()
            .with_templates(Update::Fixed)
            .with_pan(Update::Fixed);
        let one = Array2::from_elem((257, 1), 1.0 / 257.0);
        let flat = LowRank::from_factors("flat", one.view(), start.row(0).insert_axis(Axis(0)), 1)
            .unwrap()
            .with_templates(Update::Fixed)
            .with_pan(Update::Fixed);
        let config = FitConfig {
            iterations: 50,
            ..FitConfig::default()
        };
        let cost = |part| {
            fit(part, &spectrogram, &config, &mut ())
                .unwrap()
                .final_objective()
        };
        assert!(cost(known) < 0.2 * cost(flat));
    }

    #[test]
    fn silence_is_refused() {
        let silence = Audio::new(Array2::zeros((1, 8000)), 8000).unwrap();
        let stft = StftConfig::with_fft_len(512);
        let error = learn_span("x", &silence, (stft, 4), Provenance::default(), &mut ());
        assert!(matches!(error, Err(Error::Silent { .. })));
    }
}
