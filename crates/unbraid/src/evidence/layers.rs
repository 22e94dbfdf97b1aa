//! Planes of numbers come in; convolved planes go out: the few layers the network is made of.
//!
//! Legend: `c` channels, `h` rows (bands), `w` columns (frames); planes are `(h, w, c)`, the channels of a place together. A
//! convolution is a matrix product of the patches that the weights cover, place by place, with the weights: the kernel's product
//! of activations and templates.

use ndarray::parallel::prelude::*;
use ndarray::{Array3, Axis};
use unbraid_kernel::{Kernel, Scratch, Templates};

/// Places whose patches are gathered before they are multiplied: what the nearest cache holds.
const PLACES: usize = 32;

/// A convolution with zero padding of half its size, and an optional rectification behind it.
#[derive(Debug)]
pub(super) struct Convolution {
    kernel: Kernel,
    /// `(size · size · inputs, outputs)`: rows before columns before channels.
    weights: Templates,
    biases: Vec<f32>,
    inputs: usize,
    size: usize,
    /// Whether negative results become zero.
    rectified: bool,
}

impl Convolution {
    /// Of weights `(outputs, inputs, size, size)`, rows before columns, and a bias for each output.
    pub(super) fn new(
        weights: &[f32],
        biases: Vec<f32>,
        (inputs, size): (usize, usize),
        rectified: bool,
    ) -> Result<Self, unbraid_kernel::Error> {
        let (outputs, places) = (biases.len(), size * size);
        let mut turned = vec![0.0; weights.len()];
        for (at, weight) in weights.iter().enumerate() {
            let (place, channel) = (at % places, at / places % inputs);
            turned[(place * inputs + channel) * outputs + at / (places * inputs)] = *weight;
        }
        let kernel = Kernel::new(1.0, f32::MIN_POSITIVE)?;
        Ok(Self {
            kernel,
            weights: Templates::new(kernel.isa(), &turned, places * inputs, outputs)?,
            biases,
            inputs,
            size,
            rectified,
        })
    }

    #[cfg(test)]
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.biases.len()
    }

    /// Convolve at every place.
    pub(super) fn apply(&self, input: &Array3<f32>) -> Array3<f32> {
        self.convolve(input, 1)
    }

    /// Convolve at every other row and column: half as many of both, rounded up.
    pub(super) fn apply_halving(&self, input: &Array3<f32>) -> Array3<f32> {
        self.convolve(input, 2)
    }

    fn convolve(&self, input: &Array3<f32>, stride: usize) -> Array3<f32> {
        let (h, w, _) = input.dim();
        let (out_h, out_w) = (h.div_ceil(stride), w.div_ceil(stride));
        let outputs = self.outputs();
        let covered = self.inputs * self.size * self.size;
        let mut out = Array3::<f32>::zeros((out_h, out_w, outputs));
        let room = || (vec![0.0; PLACES * covered], Scratch::default());
        out.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each_init(room, |(patches, scratch), (y, mut row)| {
                let row = row.as_slice_mut().expect("rows are contiguous");
                for (block, out) in row.chunks_mut(PLACES * outputs).enumerate() {
                    let places = out.len() / outputs;
                    let patches = &mut patches[..places * covered];
                    self.gather(input, (y, block * PLACES), stride, patches);
                    for place in out.chunks_exact_mut(outputs) {
                        place.copy_from_slice(&self.biases);
                    }
                    self.kernel
                        .add_product(patches, &self.weights, out, scratch)
                        .expect("as many values as places, packed for this kernel");
                    if self.rectified {
                        for value in out {
                            *value = value.max(0.0);
                        }
                    }
                }
            });
        out
    }

    /// Write what the weights cover at some places of a row from `(y, first)` on, `(places, size · size · inputs)`.
    fn gather(
        &self,
        input: &Array3<f32>,
        (y, first): (usize, usize),
        stride: usize,
        patches: &mut [f32],
    ) {
        let (h, w, channels) = input.dim();
        let values = input.as_slice().expect("planes are made contiguous");
        let (pad, across) = (self.size / 2, self.size * channels);
        for (at, patch) in patches.chunks_exact_mut(self.size * across).enumerate() {
            // Where the patch begins, counted from the left edge of the padding.
            let left = stride * (first + at);
            let missing = pad.saturating_sub(left);
            let begin = left.saturating_sub(pad);
            let end = (left + self.size - pad).min(w);
            for (ky, line) in patch.chunks_exact_mut(across).enumerate() {
                let source = (stride * y + ky).checked_sub(pad);
                let Some(source) = source.filter(|&source| source < h) else {
                    line.fill(0.0);
                    continue;
                };
                let source =
                    &values[(source * w + begin) * channels..(source * w + end) * channels];
                if source.len() == across {
                    line.copy_from_slice(source);
                    continue;
                }
                let (before, line) = line.split_at_mut(missing * channels);
                let (met, behind) = line.split_at_mut(source.len());
                before.fill(0.0);
                met.copy_from_slice(source);
                behind.fill(0.0);
            }
        }
    }
}

/// Repeat every row and column, and set `beside` behind its channels.
pub(super) fn doubled_beside(input: &Array3<f32>, beside: &Array3<f32>) -> Array3<f32> {
    let channels = input.dim().2;
    let (h, w, more) = beside.dim();
    let mut out = Array3::<f32>::zeros((h, w, channels + more));
    for (y, (mut out, beside)) in out.outer_iter_mut().zip(beside.outer_iter()).enumerate() {
        let source = input.index_axis(Axis(0), y / 2);
        let source = source.as_slice().expect("planes are made contiguous");
        let beside = beside.as_slice().expect("planes are made contiguous");
        let out = out.as_slice_mut().expect("made contiguous just above");
        let places = out.chunks_exact_mut(channels + more).enumerate();
        for ((x, out), beside) in places.zip(beside.chunks_exact(more)) {
            out[..channels].copy_from_slice(&source[x / 2 * channels..][..channels]);
            out[channels..].copy_from_slice(beside);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Weights {
        values: Vec<f32>,
        biases: Vec<f32>,
        inputs: usize,
        size: usize,
        rectified: bool,
    }

    fn naive(of: &Weights, input: &Array3<f32>, stride: usize) -> Array3<f32> {
        let (h, w, _) = input.dim();
        let size = of.size;
        let shape = (h.div_ceil(stride), w.div_ceil(stride), of.biases.len());
        Array3::from_shape_fn(shape, |(y, x, o)| {
            let mut sum = of.biases[o];
            for i in 0..of.inputs {
                for ky in 0..size {
                    for kx in 0..size {
                        let row = (stride * y + ky).checked_sub(size / 2).filter(|&r| r < h);
                        let column = (stride * x + kx).checked_sub(size / 2).filter(|&c| c < w);
                        if let (Some(row), Some(column)) = (row, column) {
                            let at = ((o * of.inputs + i) * size + ky) * size + kx;
                            sum += of.values[at] * input[[row, column, i]];
                        }
                    }
                }
            }
            if of.rectified { sum.max(0.0) } else { sum }
        })
    }

    fn numbers(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 1.37 + seed).sin()).collect()
    }

    #[test]
    fn convolutions_are_those_of_the_definition() {
        for (size, h, w) in [
            (1, 3, 4),
            (3, 6, 5),
            (3, 4, 8),
            (5, 5, 7),
            (3, 2, 1),
            (3, 2, 150),
        ] {
            let weights = Weights {
                values: numbers(3 * 2 * size * size, 0.3),
                biases: numbers(3, 2.0),
                inputs: 2,
                size,
                rectified: size == 3,
            };
            let convolution = Convolution::new(
                &weights.values,
                weights.biases.clone(),
                (2, size),
                weights.rectified,
            )
            .unwrap();
            let input = Array3::from_shape_vec((h, w, 2), numbers(2 * h * w, 1.0)).unwrap();
            let mut pairs = vec![(convolution.apply(&input), naive(&weights, &input, 1))];
            if size == 3 {
                let halved = convolution.apply_halving(&input);
                pairs.push((halved, naive(&weights, &input, 2)));
            }
            for (fast, slow) in pairs {
                assert_eq!(fast.dim(), slow.dim());
                for ((at, a), b) in fast.indexed_iter().zip(&slow) {
                    assert!((a - b).abs() < 1e-5, "{at:?}: {a} is not {b}, size {size}");
                }
            }
        }
    }

    #[test]
    fn doubling_repeats_every_place_and_sets_the_other_behind() {
        let input = Array3::from_shape_fn((1, 2, 2), |(_, x, c)| (10 * x + c) as f32);
        let beside = Array3::from_shape_fn((2, 4, 1), |(y, x, _)| -((4 * y + x) as f32));
        let out = doubled_beside(&input, &beside);
        assert_eq!(out.dim(), (2, 4, 3));
        for ((y, x, c), value) in out.indexed_iter() {
            let expected = if c < 2 {
                input[[y / 2, x / 2, c]]
            } else {
                beside[[y, x, 0]]
            };
            assert!((value - expected).abs() < 1e-9, "{y}, {x}, {c}");
        }
    }
}
