//! Planes of numbers come in; convolved planes go out: the few layers the network is made of.
//!
//! Legend: `c` channels, `h` rows (bands), `w` columns (frames); planes are `(c, h, w)`, the columns of
//! a row together, so that the innermost loops run along time.

use ndarray::Array3;
use rayon::prelude::*;

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
        let (_, h, w) = input.dim();
        let pad = self.size / 2;
        let rows = |channel: usize, row: usize, kx: usize| {
            // Column x reads x + kx − pad.
            let source = row_of(input, channel, row);
            let (first, skip) = (pad.saturating_sub(kx), kx.saturating_sub(pad));
            (first, &source[skip.min(w)..w - first.min(w)])
        };
        self.run(h, w, |out_row, ky| (out_row + ky).checked_sub(pad), h, rows)
    }

    /// Convolve at every other row and column: half as many of both, rounded up.
    pub(super) fn apply_halving(&self, input: &Array3<f32>) -> Array3<f32> {
        let (channels, h, w) = input.dim();
        let (out_h, out_w) = (h.div_ceil(2), w.div_ceil(2));
        // Columns apart by parity, so that reading every other one is reading them all.
        let mut even = Array3::<f32>::zeros((channels, h, out_w));
        let mut odd = Array3::<f32>::zeros((channels, h, out_w));
        for c in 0..channels {
            for y in 0..h {
                let source = row_of(input, c, y);
                for (x, &value) in source.iter().enumerate() {
                    let plane = if x % 2 == 0 { &mut even } else { &mut odd };
                    plane[[c, y, x / 2]] = value;
                }
            }
        }
        let pad = self.size / 2;
        let rows = |channel: usize, row: usize, kx: usize| {
            // Column x reads 2x + kx − pad; pad is 1.
            match kx {
                0 => (1, &row_of(&odd, channel, row)[..out_w - 1]),
                1 => (0, row_of(&even, channel, row)),
                _ => (0, row_of(&odd, channel, row)),
            }
        };
        debug_assert_eq!(pad, 1, "only convolutions of size 3 halve");
        self.run(
            out_h,
            out_w,
            |out_row, ky| (2 * out_row + ky).checked_sub(pad),
            h,
            rows,
        )
    }

    /// `rows(channel, row, kx)` is the first column that is written and the values that go there and
    /// behind.
    fn run<'a>(
        &self,
        out_h: usize,
        out_w: usize,
        in_row: impl Fn(usize, usize) -> Option<usize> + Sync,
        in_h: usize,
        rows: impl Fn(usize, usize, usize) -> (usize, &'a [f32]) + Sync,
    ) -> Array3<f32> {
        let (outputs, size) = (self.outputs(), self.size);
        let mut out = Array3::<f32>::zeros((outputs, out_h, out_w));
        let values = out.as_slice_mut().expect("made contiguous just above");
        values
            .par_chunks_mut(out_w)
            .enumerate()
            .for_each(|(index, out)| {
                let (output, out_row) = (index / out_h, index % out_h);
                out.fill(self.biases[output]);
                for ky in 0..size {
                    let Some(row) = in_row(out_row, ky).filter(|&row| row < in_h) else {
                        continue;
                    };
                    for input in 0..self.inputs {
                        let at = ((output * self.inputs + input) * size + ky) * size;
                        for (kx, &weight) in self.weights[at..at + size].iter().enumerate() {
                            let (first, source) = rows(input, row, kx);
                            for (out, value) in out[first..].iter_mut().zip(source) {
                                *out += weight * value;
                            }
                        }
                    }
                }
                if self.rectified {
                    for out in out {
                        *out = out.max(0.0);
                    }
                }
            });
        out
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
    Array3::from_shape_fn((channels + more, h, w), |(c, y, x)| {
        if c < channels {
            input[[c, y / 2, x / 2]]
        } else {
            beside[[c - channels, y, x]]
        }
    })
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
