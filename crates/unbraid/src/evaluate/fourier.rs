//! Blocks of real samples come in; spectra as two planes, real and imaginary, go out, and back.
//!
//! Two planes instead of interleaved pairs let the compiler turn the products of spectra,
//! where most of the time goes, into vector instructions.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// A pair of transforms of one length. Cheap to clone.
#[derive(Clone)]
pub(super) struct Fourier {
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

/// Working memory of one thread for [`Fourier`].
pub(super) struct Workspace {
    packed: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Fourier {
    pub(super) fn new(len: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(len),
            inverse: planner.plan_fft_inverse(len),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.forward.len()
    }

    pub(super) fn bins(&self) -> usize {
        self.forward.complex_len()
    }

    pub(super) fn workspace(&self) -> Workspace {
        let scratch = self
            .forward
            .get_scratch_len()
            .max(self.inverse.get_scratch_len());
        Workspace {
            packed: vec![Complex::default(); self.bins()],
            scratch: vec![Complex::default(); scratch],
        }
    }

    /// Transform `samples`, which are overwritten with rubbish.
    pub(super) fn forward(
        &self,
        samples: &mut [f64],
        (re, im): (&mut [f64], &mut [f64]),
        workspace: &mut Workspace,
    ) {
        let Workspace { packed, scratch } = workspace;
        self.forward
            .process_with_scratch(
                samples,
                packed,
                &mut scratch[..self.forward.get_scratch_len()],
            )
            .expect("all lengths come from the same plan");
        for ((re, im), value) in re.iter_mut().zip(im).zip(packed) {
            *re = value.re;
            *im = value.im;
        }
    }

    /// Transform back without the factor `1 / len`.
    pub(super) fn inverse(
        &self,
        (re, im): (&[f64], &[f64]),
        samples: &mut [f64],
        workspace: &mut Workspace,
    ) {
        let Workspace { packed, scratch } = workspace;
        for ((value, &re), &im) in packed.iter_mut().zip(re).zip(im) {
            *value = Complex::new(re, im);
        }
        // The spectrum of a real signal is real at both ends; rounding may say otherwise.
        let last = packed.len() - 1;
        packed[0].im = 0.0;
        packed[last].im = 0.0;
        self.inverse
            .process_with_scratch(
                packed,
                samples,
                &mut scratch[..self.inverse.get_scratch_len()],
            )
            .expect("all lengths come from the same plan");
    }
}

/// `sum += x · y`, spectrum by spectrum.
#[inline]
pub(super) fn multiply_add(
    (x_re, x_im): (&[f64], &[f64]),
    (y_re, y_im): (&[f64], &[f64]),
    (sum_re, sum_im): (&mut [f64], &mut [f64]),
) {
    let n = sum_re.len();
    let (x_re, x_im, y_re, y_im) = (&x_re[..n], &x_im[..n], &y_re[..n], &y_im[..n]);
    let sum_im = &mut sum_im[..n];
    for k in 0..n {
        sum_re[k] += x_re[k] * y_re[k] - x_im[k] * y_im[k];
        sum_im[k] += x_re[k] * y_im[k] + x_im[k] * y_re[k];
    }
}

/// `sum += conj(x) · y`, spectrum by spectrum.
#[inline]
pub(super) fn conjugate_multiply_add(
    (x_re, x_im): (&[f64], &[f64]),
    (y_re, y_im): (&[f64], &[f64]),
    (sum_re, sum_im): (&mut [f64], &mut [f64]),
) {
    let n = sum_re.len();
    let (x_re, x_im, y_re, y_im) = (&x_re[..n], &x_im[..n], &y_re[..n], &y_im[..n]);
    let sum_im = &mut sum_im[..n];
    for k in 0..n {
        sum_re[k] += x_re[k] * y_re[k] + x_im[k] * y_im[k];
        sum_im[k] += x_re[k] * y_im[k] - x_im[k] * y_re[k];
    }
}
