//! Planes of numbers come in; convolved planes go out: the few layers the network is made of.
//!
//! Legend: `c` channels, `h` rows (bands), `w` columns (frames); planes are `(c, h, w)`, the columns of
//! a row together. A convolution is a matrix product of the weights with the patches that they cover.

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut2, Axis};

/// Values of a block of patches: enough to be worth a product, few enough for the cache.
const PATCH_VALUES: usize = 1 << 16;

/// A convolution with zero padding of half its size, and an optional rectification behind it.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    /// `(outputs, inputs, size, size)`, rows before columns.
    pub(super) weights: Vec<f32>,
    pub(super) biases: Vec<f32>,
    pub(super) inputs: usize,
    pub(super) size: usize,
    /// Whether negative results become zero.
    pub(super) rectified: bool,
}

impl Convolution {
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
        let (_, h, w) = input.dim();
        let (out_h, out_w) = (h.div_ceil(stride), w.div_ceil(stride));
        let covered = self.inputs * self.size * self.size;
        let weights = ArrayView2::from_shape((self.outputs(), covered), &self.weights)
            .expect("weights have the shape that was read");
        let mut out = Array2::<f32>::zeros((self.outputs(), out_h * out_w));
        let rows = (PATCH_VALUES / (covered * out_w).max(1)).clamp(1, out_h.max(1));
        out.axis_chunks_iter_mut(Axis(1), rows * out_w)
            .into_par_iter()
            .enumerate()
            .for_each_init(Vec::new, |patches, (block, mut out)| {
                patches.resize(covered * out.ncols(), 0.0);
                let first = block * rows;
                let shape = (covered, out.ncols());
                let mut patches = ArrayViewMut2::from_shape(shape, patches.as_mut_slice())
                    .expect("resized just above");
                self.patches(input, first, stride, out_w, &mut patches);
                for (mut row, bias) in out.outer_iter_mut().zip(&self.biases) {
                    row.fill(*bias);
                }
                general_mat_mul(1.0, &weights, &patches, 1.0, &mut out);
                if self.rectified {
                    out.mapv_inplace(|value| value.max(0.0));
                }
            });
        out.into_shape_with_order((self.outputs(), out_h, out_w))
            .expect("made with this size")
    }

    /// Write what each weight meets, `(inputs · size · size, places)`, for the places of some rows from `first` on.
    fn patches(
        &self,
        input: &Array3<f32>,
        first: usize,
        stride: usize,
        out_w: usize,
        patches: &mut ArrayViewMut2<'_, f32>,
    ) {
        let (_, h, w) = input.dim();
        let pad = self.size / 2;
        for (at, mut met) in patches.outer_iter_mut().enumerate() {
            let (kx, ky) = (at % self.size, at / self.size % self.size);
            let channel = at / (self.size * self.size);
            let met = met.as_slice_mut().expect("rows are contiguous");
            for (row, met) in met.chunks_exact_mut(out_w).enumerate() {
                let source = (stride * (first + row) + ky).checked_sub(pad);
                let Some(source) = source.filter(|&source| source < h) else {
                    met.fill(0.0);
                    continue;
                };
                let source = row_of(input, channel, source);
                // Column x reads stride · x + kx − pad.
                let begin = pad.saturating_sub(kx).div_ceil(stride).min(out_w);
                let end = ((w + pad).saturating_sub(kx)).div_ceil(stride).min(out_w);
                if begin >= end {
                    met.fill(0.0);
                    continue;
                }
                met[..begin].fill(0.0);
                met[end..].fill(0.0);
                let skip = stride * begin + kx - pad;
                if stride == 1 {
                    met[begin..end].copy_from_slice(&source[skip..skip + end - begin]);
                } else {
                    let values = source[skip..].iter().step_by(stride);
                    for (met, value) in met[begin..end].iter_mut().zip(values) {
                        *met = *value;
                    }
                }
            }
        }
    }
}

fn row_of(planes: &Array3<f32>, channel: usize, row: usize) -> &[f32] {
    let (_, h, w) = planes.dim();
    let all = planes.as_slice().expect("planes are made contiguous");
    &all[(channel * h + row) * w..][..w]
}

/// Repeat every row and column, and set `beside` behind.
pub(super) fn doubled_beside(input: &Array3<f32>, beside: &Array3<f32>) -> Array3<f32> {
    let channels = input.dim().0;
    let (more, h, w) = beside.dim();
    let mut out = Array3::<f32>::zeros((channels + more, h, w));
    let (mut doubled, mut behind) = out.view_mut().split_at(Axis(0), channels);
    behind.assign(beside);
    for (mut rows, input) in doubled.outer_iter_mut().zip(input.outer_iter()) {
        for (y, mut row) in rows.outer_iter_mut().enumerate() {
            let source = input.row(y / 2);
            let source = source.as_slice().expect("planes are made contiguous");
            let row = row.as_slice_mut().expect("made contiguous just above");
            for (pair, value) in row.chunks_mut(2).zip(source) {
                pair.fill(*value);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(convolution: &Convolution, input: &Array3<f32>, stride: usize) -> Array3<f32> {
        let (_, h, w) = input.dim();
        let size = convolution.size;
        let shape = (
            convolution.outputs(),
            h.div_ceil(stride),
            w.div_ceil(stride),
        );
        Array3::from_shape_fn(shape, |(o, y, x)| {
            let mut sum = convolution.biases[o];
            for i in 0..convolution.inputs {
                for ky in 0..size {
                    for kx in 0..size {
                        let row = (stride * y + ky).checked_sub(size / 2).filter(|&r| r < h);
                        let column = (stride * x + kx).checked_sub(size / 2).filter(|&c| c < w);
                        if let (Some(row), Some(column)) = (row, column) {
                            let at = ((o * convolution.inputs + i) * size + ky) * size + kx;
                            sum += convolution.weights[at] * input[[i, row, column]];
                        }
                    }
                }
            }
            if convolution.rectified {
                sum.max(0.0)
            } else {
                sum
            }
        })
    }

    fn numbers(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 1.37 + seed).sin()).collect()
    }

    #[test]
    fn convolutions_are_those_of_the_definition() {
        for (size, h, w) in [(1, 3, 4), (3, 6, 5), (3, 4, 8), (5, 5, 7), (3, 2, 1)] {
            let convolution = Convolution {
                weights: numbers(3 * 2 * size * size, 0.3),
                biases: numbers(3, 2.0),
                inputs: 2,
                size,
                rectified: size == 3,
            };
            let input = Array3::from_shape_vec((2, h, w), numbers(2 * h * w, 1.0)).unwrap();
            let mut pairs = vec![(convolution.apply(&input), naive(&convolution, &input, 1))];
            if size == 3 {
                pairs.push((
                    convolution.apply_halving(&input),
                    naive(&convolution, &input, 2),
                ));
            }
            for (fast, slow) in pairs {
                assert_eq!(fast.dim(), slow.dim());
                for ((at, a), b) in fast.indexed_iter().zip(&slow) {
                    assert!((a - b).abs() < 1e-5, "{at:?}: {a} is not {b}, size {size}");
                }
            }
        }
    }
}
