//! Band densities come in; the share of every class in every band goes out.
//!
//! A U-Net over (bands, frames): four halvings, two convolutions a level, shares by a softmax over the
//! classes (O. Ronneberger et al., *U-Net*, MICCAI 2015; A. Jansson et al., *Singing voice separation with
//! deep U-Net convolutional networks*, ISMIR 2017). Trained by `xtask/python/drums/train.py`
//! (`net.py` beside it is the same in Python); its batch normalisations are folded into the
//! convolutions.

use std::sync::OnceLock;

use ndarray::Array3;
use safetensors::SafeTensors;

use super::bands::BANDS;
use super::layers::{Convolution, doubled_beside};

/// The number of classes ([`super::Class`]).
pub(super) const CLASSES: usize = 6;

/// Halvings of bands and frames: both must be a multiple of 2 to this power.
const LEVELS: usize = 4;

/// What densities are raised by before the logarithm, relative to their mean.
const FLOOR: f32 = 1e-6;

/// The weights that are shipped; `drums.json` beside them says how they were made.
const SHIPPED: &[u8] = include_bytes!("drums.safetensors");

/// The network that this process listens with.
static NET: OnceLock<Net> = OnceLock::new();

/// The network.
#[derive(Debug)]
pub(super) struct Net {
    first: Convolution,
    down: Vec<Convolution>,
    along: Vec<Convolution>,
    middle: Convolution,
    narrow: Vec<Convolution>,
    up: Vec<Convolution>,
    last: Convolution,
}

impl Net {
    /// The one that this process listens with: the shipped one, unless another was chosen before.
    pub(super) fn chosen() -> &'static Self {
        NET.get_or_init(|| Self::parse(SHIPPED).expect("a test reads the shipped weights"))
    }

    /// Listen with other weights from now on; `false` if something was listened to already.
    pub(super) fn choose(bytes: &[u8]) -> Result<bool, String> {
        Ok(NET.set(Self::parse(bytes)?).is_ok())
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let floats = |name: &str| -> Result<(Vec<usize>, Vec<f32>), String> {
            let tensor = file.tensor(name).map_err(|error| error.to_string())?;
            let (chunks, _) = tensor.data().as_chunks::<4>();
            let values = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk));
            Ok((tensor.shape().to_vec(), values.collect()))
        };
        let layer = |name: &str, rectified| -> Result<Convolution, String> {
            let (shape, weights) = floats(&format!("{name}.weight"))?;
            let (_, biases) = floats(&format!("{name}.bias"))?;
            let [outputs, inputs, size, _] = shape[..] else {
                return Err(format!("`{name}` has the shape {shape:?}"));
            };
            if outputs != biases.len() || weights.iter().chain(&biases).any(|w| !w.is_finite()) {
                return Err(format!("`{name}` is damaged"));
            }
            Convolution::new(&weights, biases, (inputs, size), rectified)
                .map_err(|error| error.to_string())
        };
        let levels = |name: &str, rectified| -> Result<Vec<Convolution>, String> {
            (0..LEVELS)
                .map(|level| layer(&format!("{name}.{level}"), rectified))
                .collect()
        };
        Ok(Self {
            first: layer("first", true)?,
            down: levels("down", true)?,
            along: levels("along", true)?,
            middle: layer("middle", true)?,
            narrow: levels("narrow", false)?,
            up: levels("up", true)?,
            last: layer("last", false)?,
        })
    }

    /// Shares `(bands, frames, classes)`, adding up to one, of densities `(bands, frames)` above zero.
    pub(super) fn shares(&self, densities: &Array3<f32>) -> Array3<f32> {
        let (_, bands, frames) = densities.dim();
        debug_assert_eq!(bands, BANDS);
        let multiple = 1 << LEVELS;
        let padded = frames.next_multiple_of(multiple);
        let mean = f64::from(densities.sum()) / (bands * frames) as f64;
        let scale = 1.0 / mean.max(1e-12) as f32;
        let input = Array3::from_shape_fn((bands, padded, 2), |(band, frame, channel)| {
            if channel == 1 {
                return 2.0 * band as f32 / (bands - 1) as f32 - 1.0;
            }
            // Beyond the end the last frame goes on.
            let density = densities[[0, band, frame.min(frames - 1)]] * scale;
            ((density + FLOOR).ln() + 6.0) / 4.0
        });
        let mut logits = self.logits(&input);
        let places = logits.as_slice_mut().expect("planes are made contiguous");
        for logits in places.chunks_exact_mut(CLASSES) {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for logit in &mut *logits {
                *logit = (*logit - most).exp();
                sum += *logit;
            }
            for share in logits {
                *share /= sum;
            }
        }
        logits.slice_move(ndarray::s![.., ..frames, ..])
    }

    fn logits(&self, input: &Array3<f32>) -> Array3<f32> {
        let mut levels = vec![self.first.apply(input)];
        for (down, along) in self.down.iter().zip(&self.along) {
            let halved = down.apply_halving(&levels[levels.len() - 1]);
            levels.push(along.apply(&halved));
        }
        let mut values = self.middle.apply(&levels[LEVELS]) + &levels[LEVELS];
        for level in (0..LEVELS).rev() {
            let wide = self.narrow[level].apply(&values);
            values = self.up[level].apply(&doubled_beside(&wide, &levels[level]));
        }
        self.last.apply(&values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_whole() {
        let net = Net::chosen();
        assert_eq!(net.first.inputs(), 2);
        assert_eq!(net.last.outputs(), CLASSES);
    }

    #[test]
    fn shares_are_those_that_the_training_program_computes() {
        // Of `xtask/python/drums/reference.py`, for the same densities.
        let expected: Vec<Vec<f32>> =
            serde_json::from_str(include_str!("drums_reference.json")).unwrap();
        let densities = Array3::from_shape_fn((1, BANDS, 24), |(_, band, frame)| {
            1.0 + (band as f32 * 0.37).sin() * (frame as f32 * 0.9).cos()
        });
        let shares = Net::chosen().shares(&densities);
        let places = [(3, 2), (40, 11), (200, 23), (300, 0), (575, 16)];
        for ((band, frame), expected) in places.into_iter().zip(expected) {
            for (class, expected) in expected.into_iter().enumerate() {
                let share = shares[[band, frame, class]];
                assert!(
                    (share - expected).abs() < 1e-4,
                    "class {class} of band {band}, frame {frame}: {share} is not {expected}"
                );
            }
        }
    }
}
