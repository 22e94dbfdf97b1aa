//! AVX2 with FMA comes in: eight lanes, 16 registers; its phases of a sweep go out.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi32, _mm256_add_pd, _mm256_add_ps, _mm256_and_ps,
    _mm256_and_si256, _mm256_castpd_ps, _mm256_castps_si256, _mm256_castps256_ps128,
    _mm256_castsi256_ps, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_cvtps_pd, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
    _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_pd, _mm256_set1_ps, _mm256_slli_epi32,
    _mm256_storeu_pd, _mm256_storeu_ps, _mm256_sub_epi32, _mm256_sub_ps,
};

use super::vector::{EXPONENT, Lanes, SQRT_HALF, Vector};

phases!("avx2,fma", __m256);

/// The mask of the first lanes.
#[inline(always)]
fn first(count: usize) -> __m256i {
    static LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let from = &LANES[8 - count.min(8)..][..8];
    // SAFETY: eight values are there; the instruction set is there as in `Lanes`.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

impl Lanes for __m256 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_add_ps(self, other) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_sub_ps(self, other) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_mul_ps(self, other) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_fmadd_ps(self, factor, term) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_max_ps(self, other) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_min_ps(self, other) }
    }
    #[inline(always)]
    fn ratio(self, divisor: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_div_ps(self, divisor) }
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe { _mm256_round_ps::<0x08>(self) }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe {
            let bits = _mm256_castps_si256(self);
            let above = _mm256_sub_epi32(bits, _mm256_set1_epi32(SQRT_HALF));
            let exponent = _mm256_and_si256(above, _mm256_set1_epi32(EXPONENT));
            (
                _mm256_cvtepi32_ps(exponent),
                _mm256_castsi256_ps(_mm256_sub_epi32(bits, exponent)),
            )
        }
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY: a value of this type exists only where its instruction set does.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(self, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }
}

impl Vector for __m256 {
    const LEN: usize = 8;
    const GROUP: usize = 2;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe { _mm256_maskload_ps(from, first(count)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe {
            _mm256_storeu_ps(to, self);
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe {
            _mm256_maskstore_ps(to, first(count), self);
        }
    }
    #[inline(always)]
    unsafe fn repeat<const SPLIT: usize>(from: *const f32) -> Self {
        // SAFETY: the caller's contract; the instruction set is there as in `Lanes`.
        unsafe {
            if SPLIT == 1 {
                _mm256_set1_ps(*from)
            } else {
                debug_assert!(SPLIT == 2);
                _mm256_castpd_ps(_mm256_set1_pd(from.cast::<f64>().read_unaligned()))
            }
        }
    }
    #[inline(always)]
    fn keep_first(self, count: usize) -> Self {
        // SAFETY: as in `Lanes`.
        unsafe { _mm256_and_ps(self, _mm256_castsi256_ps(first(count))) }
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        // SAFETY: as in `Lanes`.
        unsafe {
            let low = _mm256_cvtps_pd(_mm256_castps256_ps128(self));
            let high = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(self));
            let mut lanes = [0.0; 4];
            _mm256_storeu_pd(lanes.as_mut_ptr(), _mm256_add_pd(low, high));
            (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        }
    }
}
