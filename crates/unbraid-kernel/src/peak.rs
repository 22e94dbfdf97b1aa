//! An instruction set comes in; a loop that reaches the processor's limit goes out, for benchmarks to compare with.

use std::hint::black_box;

use crate::Isa;

/// Independent sums, more than any processor needs to keep its units busy.
const SUMS: usize = 12;

/// Fused multiply-adds of every sum in one call.
const STEPS: usize = 1000;

/// Run a short loop of independent fused multiply-adds in f32; the number of floating-point operations it did.
///
/// Without such instructions, or without a loop for this instruction set, `None`: there is no limit to compare with.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use unbraid_kernel::{Isa, fused_multiply_adds};
///
/// let start = Instant::now();
/// if let Some(flops) = fused_multiply_adds(Isa::detect()) {
///     assert!(flops / start.elapsed().as_secs_f64() > 1e6);
/// }
/// ```
#[must_use]
pub fn fused_multiply_adds(isa: Isa) -> Option<f64> {
    if !isa.is_available() {
        return None;
    }
    match isa {
        // SAFETY: the instruction set was checked to be available.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512() },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2() },
        _ => return None,
    }
    let lanes = if isa == Isa::Avx512 { 16 } else { 8 };
    Some((2 * lanes * SUMS * STEPS) as f64)
}

/// Run a short loop of independent multiply-adds of bf16 factors into f32 sums; the number of floating-point operations it
/// did, or `None` without such instructions.
///
/// # Examples
///
/// ```
/// // No processor without AVX-512 has them.
/// if !unbraid_kernel::Isa::Avx512.is_available() {
///     assert!(unbraid_kernel::half_precision_multiply_adds().is_none());
/// }
/// ```
#[must_use]
pub fn half_precision_multiply_adds() -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512bf16") && Isa::Avx512.is_available() {
        // SAFETY: the instructions were checked to be available.
        unsafe { avx512_bf16() };
        return Some((2 * 32 * SUMS * STEPS) as f64);
    }
    None
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn avx512_bf16() {
    use std::arch::x86_64::{_mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_set1_ps};
    let x = _mm512_set1_ps(black_box(0.5));
    let factors = _mm512_cvtne2ps_pbh(x, x);
    let mut sums = [x; SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, factors, factors);
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512() {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let (x, y) = (
        _mm512_set1_ps(black_box(0.5)),
        _mm512_set1_ps(black_box(0.25)),
    );
    let mut sums = [x; SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(x, *sum, y);
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2() {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let (x, y) = (
        _mm256_set1_ps(black_box(0.5)),
        _mm256_set1_ps(black_box(0.25)),
    );
    let mut sums = [x; SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(x, *sum, y);
        }
    }
    black_box(sums);
}
