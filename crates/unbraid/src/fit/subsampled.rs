//! A spectrogram comes in; components that already explain every eighth of its frames go out, for a fit of all of them to
//! start from.

use ndarray::{Array2, Axis, s};

use super::{FitConfig, fit};
use crate::model::LowRank;
use crate::{Error, Spectrogram};

/// Of so many frames one is taken, in a recording that is long enough.
const EVERY: usize = 8;

/// Frames that each component is to be learnt from, at least.
const FRAMES_OF_EACH: usize = 32;

/// Below this, what is saved is less than what the detour costs.
const LEAST_EVERY: usize = 4;

/// Iterations on the frames that are taken.
const ITERATIONS: usize = 60;

/// What a component has of a frame's level beside what was found in its neighbours: a zero could never be left again.
const LEAST_SHARE: f32 = 1e-4;

/// Components to start from, fitted to some of the frames: neighbours say nearly the same.
///
/// `start` says where that fit itself starts from. Between the frames that are taken, activations go straight from one to the
/// next, at every frame's own level. Of a recording that is too short to leave frames out (fewer than 128 frames for each
/// component), this is `start` itself.
///
/// In a recording of three minutes, this reaches what 200 exact iterations reach in two thirds of the time that random factors
/// need, in the median (`docs/speed.md`); as with any start, another minimum may be the end.
///
/// # Errors
///
/// Those of `start` and of [`fit`].
///
/// # Examples
///
/// ```
/// use unbraid::fit::{FitConfig, fit, subsampled};
/// use unbraid::model::{LowRank, Start};
/// use unbraid::spectrogram::{Channels, Quantity};
/// use unbraid::testsignals::{drums_and_guitar, mix};
/// use unbraid::{Spectrogram, Stft, StftConfig};
///
/// let (drums, guitar) = drums_and_guitar(4.0, 8000);
/// let stft = Stft::new(StftConfig::with_fft_len(256))?;
/// let v = Spectrogram::of(&mix(&[&drums, &guitar]), &stft, Quantity::Magnitude, Channels::Sum, &mut ())?;
/// let config = FitConfig { iterations: 5, ..FitConfig::default() };
/// let random = |v: &Spectrogram| LowRank::free(v, 3, Start::Random, 0);
/// let from_random = fit(random(&v)?, &v, &config, &mut ())?;
/// let from_some = fit(subsampled(&v, &random, &config)?, &v, &config, &mut ())?;
/// assert!(from_some.final_objective() < from_random.final_objective());
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - R. Serizel, S. Essid, G. Richard, *Mini-batch stochastic approaches for accelerated multiplicative updates in nonnegative
///   matrix factorisation with beta-divergence*, MLSP 2016: templates are learnt from some of the frames long before all were
///   seen.
pub fn subsampled(
    spectrogram: &Spectrogram,
    start: &dyn Fn(&Spectrogram) -> Result<LowRank, Error>,
    config: &FitConfig,
) -> Result<LowRank, Error> {
    let whole = start(spectrogram)?;
    let (frames, components) = (spectrogram.frames(), whole.components());
    let every = EVERY.min(frames / (FRAMES_OF_EACH * components));
    if every < LEAST_EVERY || spectrogram.mean() <= 0.0 {
        return Ok(whole);
    }
    let view = spectrogram.view();
    let some = Spectrogram::from_values(view.slice(s![.., .., ..;every]), spectrogram.quantity())?;
    if some.mean() <= 0.0 {
        return Ok(whole);
    }
    let config = FitConfig {
        iterations: ITERATIONS,
        tolerance: None,
        ..*config
    };
    let mut model = fit(start(&some)?, &some, &config, &mut ())?.model;
    model.activations = between(&model, spectrogram, every);
    Ok(model)
}

/// Activations of all frames, `(frames, components)`, from those of every so many-th.
fn between(model: &LowRank, spectrogram: &Spectrogram, every: usize) -> Array2<f32> {
    let channels = spectrogram.channels();
    let gains = model.pan_gains.mean_axis(Axis(0)).expect("one at least");
    // What one unit of activation adds to the level of a frame.
    let units: Vec<f32> = model
        .templates
        .sum_axis(Axis(1))
        .iter()
        .zip(&gains)
        .map(|(sum, gain)| (sum * gain).max(f32::MIN_POSITIVE))
        .collect();
    let known = &model.activations;
    let mut all = Array2::zeros((spectrogram.frames(), units.len()));
    for (frame, mut row) in all.outer_iter_mut().enumerate() {
        let before = frame / every;
        let after = (before + 1).min(known.nrows() - 1);
        let way = (frame % every) as f32 / every as f32;
        let mut explained = 0.0;
        for (k, h) in row.iter_mut().enumerate() {
            *h = (1.0 - way) * known[[before, k]] + way * known[[after, k]];
            explained += *h * units[k];
        }
        let level: f32 = (0..channels)
            .flat_map(|channel| spectrogram.rows(channel, frame..frame + 1))
            .sum::<f32>()
            / channels as f32;
        let scale = if explained > 0.0 {
            level / explained
        } else {
            0.0
        };
        let least = LEAST_SHARE * level / units.len() as f32;
        for (h, unit) in row.iter_mut().zip(&units) {
            *h = *h * scale + least / unit;
        }
    }
    all
}
