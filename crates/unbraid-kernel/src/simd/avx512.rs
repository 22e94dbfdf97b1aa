//! AVX-512 comes in: sixteen lanes, 32 registers; its phases of a sweep go out.

use std::arch::x86_64::{
    __m512, __mmask16, _mm_loadu_ps, _mm512_add_pd, _mm512_add_ps, _mm512_and_si512,
    _mm512_broadcast_f32x4, _mm512_castpd_ps, _mm512_castps_si512, _mm512_castps512_ps256,
    _mm512_castsi512_ps, _mm512_cvtepi32_ps, _mm512_cvtps_pd, _mm512_div_ps,
    _mm512_extractf32x8_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_permutexvar_ps, _mm512_reduce_add_pd, _mm512_roundscale_ps, _mm512_scalef_ps,
    _mm512_set1_epi32, _mm512_set1_pd, _mm512_set1_ps, _mm512_srli_epi32, _mm512_storeu_ps,
    _mm512_sub_epi32, _mm512_sub_ps,
};

use super::math::LnTable;
use super::vector::{EXPONENT, Lanes, SQRT_HALF, Vector};

phases!("avx512f,avx512dq,avx2,fma", __m512);

/// The mask of the first lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}

impl Lanes for __m512 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_sub_ps(self, other) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_mul_ps(self, other) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_fmadd_ps(self, factor, term) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_max_ps(self, other) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_min_ps(self, other) }
    }
    #[inline(always)]
    fn ratio(self, divisor: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_div_ps(self, divisor) }
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_roundscale_ps::<0x08>(self) }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe {
            let bits = _mm512_castps_si512(self);
            let above = _mm512_sub_epi32(bits, _mm512_set1_epi32(SQRT_HALF));
            let exponent = _mm512_and_si512(above, _mm512_set1_epi32(EXPONENT));
            (
                _mm512_cvtepi32_ps(exponent),
                _mm512_castsi512_ps(_mm512_sub_epi32(bits, exponent)),
            )
        }
    }
    #[inline(always)]
    fn ln(self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe {
            let bits = _mm512_castps_si512(self);
            let above = _mm512_sub_epi32(bits, _mm512_set1_epi32(SQRT_HALF));
            let exponent = _mm512_and_si512(above, _mm512_set1_epi32(EXPONENT));
            let m = _mm512_castsi512_ps(_mm512_sub_epi32(bits, exponent));
            // The permutation looks at the lowest four bits only.
            let piece = _mm512_srli_epi32::<{ LnTable::SHIFT }>(above);
            let (inverses, logs) = (LnTable::INVERSES.as_ptr(), LnTable::LOGS.as_ptr());
            let inverse = _mm512_permutexvar_ps(piece, _mm512_loadu_ps(inverses));
            let log = _mm512_permutexvar_ps(piece, _mm512_loadu_ps(logs));
            LnTable::finish(_mm512_cvtepi32_ps(exponent), m, inverse, log)
        }
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm512_scalef_ps(self, n) }
    }
}

impl Vector for __m512 {
    const LEN: usize = 16;
    const GROUP: usize = 4;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe {
            _mm512_storeu_ps(to, self);
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe {
            _mm512_mask_storeu_ps(to, first(count), self);
        }
    }
    #[inline(always)]
    unsafe fn repeat<const SPLIT: usize>(from: *const f32) -> Self {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe {
            match SPLIT {
                1 => _mm512_set1_ps(*from),
                2 => _mm512_castpd_ps(_mm512_set1_pd(from.cast::<f64>().read_unaligned())),
                _ => {
                    debug_assert!(SPLIT == 4);
                    _mm512_broadcast_f32x4(_mm_loadu_ps(from))
                }
            }
        }
    }
    #[inline(always)]
    fn keep_first(self, count: usize) -> Self {
        // SAFETY: as in `Lanes`.
        unsafe { _mm512_maskz_mov_ps(first(count), self) }
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        // SAFETY: as in `Lanes`.
        unsafe {
            let low = _mm512_cvtps_pd(_mm512_castps512_ps256(self));
            let high = _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(self));
            _mm512_reduce_add_pd(_mm512_add_pd(low, high))
        }
    }
}
