//! Lanes of `f32` come in; the arithmetic that all instruction sets share goes out.

/// A vector of `f32` with the arithmetic of the element-wise phase; `f32` itself is one.
///
/// The methods are safe to call only because values of a type exist only inside of functions
/// compiled for its instruction set, which only [`crate::phase::Phases`] hands out.
pub(crate) trait Lanes: Copy {
    fn splat(x: f32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self · factor + term`
    fn mul_add(self, factor: Self, term: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    /// `self / divisor`, to 2 units in the last place, for normal divisors.
    fn ratio(self, divisor: Self) -> Self;
    /// To the nearest whole number.
    fn round(self) -> Self;
    /// For normal x > 0: (e · 2^23, m) with x = m · 2^e and m from √½ up to √2; finite for x = 0.
    fn split(self) -> (Self, Self);
    /// ln x for normal x > 0, to 1e-7; something finite for x = 0.
    #[inline(always)]
    fn ln(self) -> Self {
        super::math::ln_by_polynomial(self)
    }
    /// `self · 2^n` for a whole n from −126 to 127.
    fn scale(self, n: Self) -> Self;
}

/// Bits of √½: subtracting them puts the border between exponents at √½.
pub(crate) const SQRT_HALF: i32 = 0x3f35_04f3;
/// Bits of the exponent (and sign).
pub(crate) const EXPONENT: i32 = 0xff80_0000_u32 as i32;

impl Lanes for f32 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        x
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // Without the instruction, a fused multiply-add is a slow library call.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            f32::mul_add(self, factor, term)
        } else {
            self * factor + term
        }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
    #[inline(always)]
    fn ratio(self, divisor: Self) -> Self {
        self / divisor
    }
    #[inline(always)]
    fn round(self) -> Self {
        // Adding 1.5 · 2^23 leaves no room for a fraction; exact for |x| < 2^22.
        const MAGIC: f32 = 12_582_912.0;
        (self + MAGIC) - MAGIC
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let bits = self.to_bits() as i32;
        let above = bits.wrapping_sub(SQRT_HALF);
        let exponent = above & EXPONENT;
        let mantissa = bits.wrapping_sub(exponent);
        (exponent as f32, f32::from_bits(mantissa as u32))
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY-free conversion: n is small, so the cast is exact.
        self * f32::from_bits((((n as i32) + 127) << 23) as u32)
    }
}

/// A register of `f32` with the memory access of the inner loops.
#[cfg(target_arch = "x86_64")]
pub(crate) trait Vector: Lanes {
    /// Number of lanes.
    const LEN: usize;
    /// The most vectors side by side in a register block.
    const GROUP: usize;
    /// The most rows of a register block.
    const ROWS: usize;

    /// # Safety
    ///
    /// `LEN` values are readable.
    unsafe fn load(from: *const f32) -> Self;
    /// Zero beyond `count`, which may exceed `LEN`.
    ///
    /// # Safety
    ///
    /// `count` values are readable.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;
    /// # Safety
    ///
    /// `LEN` values are writable.
    unsafe fn store(self, to: *mut f32);
    /// # Safety
    ///
    /// The first `count` values, or `LEN` if fewer, are writable.
    unsafe fn store_first(self, to: *mut f32, count: usize);
    /// `SPLIT` values, repeated.
    ///
    /// # Safety
    ///
    /// `SPLIT` values are readable.
    unsafe fn repeat<const SPLIT: usize>(from: *const f32) -> Self;
    /// Zero beyond `count`, which may exceed `LEN`.
    fn keep_first(self, count: usize) -> Self;
    /// The sum of all lanes in f64.
    fn sum(self) -> f64;
}
