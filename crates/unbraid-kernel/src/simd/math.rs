//! Positive numbers come in; logarithms, powers, pulls, pushes and divergences go out.
//!
//! The polynomials are minimax fits of the relative error over the intervals they are used on: below
//! 4e-8 for the logarithm and 2e-7 for the power of two.

use super::vector::Lanes;

/// ln(1 + f) = f + f² · P(f) for 1 + f from √½ to √2; highest power first.
const LOG: [f32; 8] = [
    0.089_795_32,
    -0.144_268_86,
    0.148_836_85,
    -0.165_517_87,
    0.199_634_78,
    -0.250_025_84,
    0.333_339_33,
    -0.499_999_82,
];

/// 2^f − 1 = f · P(f) for f from −½ to ½; highest power first (S. Moshier, Cephes `exp2f`).
const EXP2: [f32; 6] = [
    1.535_336_2e-4,
    1.339_887_5e-3,
    9.618_437e-3,
    5.550_332_5e-2,
    2.402_264_8e-1,
    std::f32::consts::LN_2,
];

/// Ratios of data to model count as at least this in powers, so that none overflows.
const LEAST_RATIO: f32 = 1e-30;

#[inline(always)]
fn polynomial<V: Lanes>(coefficients: &[f32], x: V) -> V {
    let (first, rest) = coefficients
        .split_first()
        .expect("polynomials have coefficients");
    let mut sum = V::splat(*first);
    for &c in rest {
        sum = sum.mul_add(x, V::splat(c));
    }
    sum
}

/// Exponents come out of [`Lanes::split`] as multiples of 2^23.
const PER_EXPONENT: f32 = 1.0 / 8_388_608.0;

/// ln x for normal x > 0; something finite for x = 0.
#[inline(always)]
pub(crate) fn ln_by_polynomial<V: Lanes>(x: V) -> V {
    let (e, m) = x.split();
    let f = m.sub(V::splat(1.0));
    let whole = e.mul_add(V::splat(std::f32::consts::LN_2 * PER_EXPONENT), f);
    log_tail(f, whole)
}

/// ln x from a table of sixteen pieces of the mantissa's range, for vectors that hold it in a register: half
/// the multiplications of the long polynomial. In the piece around one the logarithm is zero where x is one.
#[cfg(target_arch = "x86_64")]
pub(crate) struct LnTable;

#[cfg(target_arch = "x86_64")]
impl LnTable {
    /// Bits of the mantissa, counted from √½, below those that number the piece.
    pub(crate) const SHIFT: u32 = 19;
    /// One by the middle of the piece.
    pub(crate) const INVERSES: [f32; 16] = [
        1.383_639_2,
        1.326_292,
        1.273_509_4,
        1.224_767_1,
        1.179_618_4,
        1.137_68,
        1.098_621_3,
        1.062_155_5,
        1.028_032_7,
        1.0,
        0.934_174_7,
        0.882_640_96,
        0.836_495_64,
        0.794_935_6,
        0.757_309_8,
        0.723_084_9,
    ];
    /// The logarithm of the middle.
    pub(crate) const LOGS: [f32; 16] = [
        -0.324_717_13,
        -0.282_387_1,
        -0.241_776_38,
        -0.202_750_7,
        -0.165_190_97,
        -0.128_991_14,
        -0.094_055_98,
        -0.060_300_32,
        -0.027_646_938,
        0.0,
        0.068_091_795,
        0.124_836_78,
        0.178_533_97,
        0.229_494_2,
        0.277_982_86,
        0.324_228_67,
    ];
    /// ln(1 + f) = f · (1 + f · (a + b · f)), 8e-8 at most beside, for f in all pieces: −0.0292 to 0.0392.
    const SQUARE: f32 = -0.500_208_7;
    const CUBE: f32 = 0.330_466_3;

    /// From exponent (times 2^23), mantissa, and what the table says of its piece.
    #[inline(always)]
    pub(crate) fn finish<V: Lanes>(exponent: V, m: V, inverse: V, log: V) -> V {
        let one = V::splat(1.0);
        let f = m.mul_add(inverse, V::splat(-1.0));
        let tail = V::splat(Self::CUBE)
            .mul_add(f, V::splat(Self::SQUARE))
            .mul_add(f, one);
        let whole = exponent.mul_add(V::splat(std::f32::consts::LN_2 * PER_EXPONENT), log);
        tail.mul_add(f, whole)
    }
}

/// Two neighbouring coefficients of the logarithm.
#[inline(always)]
fn log_pair<V: Lanes>(first: usize, f: V) -> V {
    V::splat(LOG[first]).mul_add(f, V::splat(LOG[first + 1]))
}

/// f² · P(f) + `rest`, by Estrin's scheme: the chain of Horner's is so long that the processor
/// would wait for it.
#[inline(always)]
fn log_tail<V: Lanes>(f: V, rest: V) -> V {
    let square = f.mul(f);
    let high = log_pair(0, f).mul_add(square, log_pair(2, f));
    let low = log_pair(4, f).mul_add(square, log_pair(6, f));
    high.mul_add(square.mul(square), low).mul_add(square, rest)
}

/// log₂ x as a whole number and a rest, so that multiples of it keep their precision.
#[derive(Clone, Copy)]
struct Log2<V> {
    whole: V,
    rest: V,
}

impl<V: Lanes> Log2<V> {
    #[inline(always)]
    fn of(x: V) -> Self {
        let (e, m) = x.split();
        let f = m.sub(V::splat(1.0));
        let whole = e.mul(V::splat(PER_EXPONENT));
        Self {
            whole,
            rest: log_tail(f, f).mul(V::splat(std::f32::consts::LOG2_E)),
        }
    }

    /// x^power = 2^n · (1 + p): returns (n, p), with n from −126 to 127.
    #[inline(always)]
    fn power(self, power: Split) -> (V, V) {
        let (high, low) = (V::splat(power.high), V::splat(power.low));
        let estimate = self.whole.mul_add(high, self.rest.mul(high));
        let n = estimate.round().max(V::splat(-126.0)).min(V::splat(127.0));
        // whole · high − n is exact or nearly so: both are whole or short fractions.
        let rest = self.whole.mul_add(low, self.rest.mul(high));
        let f = self.whole.mul_add(high, n.mul(V::splat(-1.0))).add(rest);
        let f = f.max(V::splat(-1.0)).min(V::splat(1.0));
        (n, polynomial(&EXP2, f).mul(f))
    }
}

/// A number as the sum of two f32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    high: f32,
    low: f32,
}

impl Split {
    fn new(x: f64) -> Self {
        let high = x as f32;
        Self {
            high,
            low: (x - f64::from(high)) as f32,
        }
    }
}

/// The element-wise formulas of one divergence.
pub(crate) trait Formula: Copy {
    /// Whether the push is anything but one.
    const PUSH: bool = true;
    /// Whether data may have to be raised to a floor.
    const DATA_FLOOR: bool = false;
    /// (pull, push) of data `v` and model `m`.
    fn fields<V: Lanes>(self, v: V, m: V) -> (V, V);
    /// d(v | m); given the pull and push again, which may save work.
    fn divergence<V: Lanes>(self, v: V, m: V, pull: V, push: V) -> V;
}

/// β = 2.
#[derive(Clone, Copy)]
pub(crate) struct Euclidean;

impl Formula for Euclidean {
    #[inline(always)]
    fn fields<V: Lanes>(self, v: V, m: V) -> (V, V) {
        (v, m)
    }
    #[inline(always)]
    fn divergence<V: Lanes>(self, v: V, m: V, _: V, _: V) -> V {
        let difference = v.sub(m);
        difference.mul(difference).mul(V::splat(0.5))
    }
}

/// β = 1.
#[derive(Clone, Copy)]
pub(crate) struct KullbackLeibler;

impl Formula for KullbackLeibler {
    const PUSH: bool = false;
    #[inline(always)]
    fn fields<V: Lanes>(self, v: V, m: V) -> (V, V) {
        (v.ratio(m), V::splat(1.0))
    }
    #[inline(always)]
    fn divergence<V: Lanes>(self, v: V, m: V, pull: V, _: V) -> V {
        // Through the ratio, not through log v and log m: near v = m it does not cancel.
        // Where v = 0, so is v · log.
        v.mul_add(pull.ln(), m.sub(v))
    }
}

/// β = 0.
#[derive(Clone, Copy)]
pub(crate) struct ItakuraSaito;

impl Formula for ItakuraSaito {
    const DATA_FLOOR: bool = true;
    #[inline(always)]
    fn fields<V: Lanes>(self, v: V, m: V) -> (V, V) {
        let push = V::splat(1.0).ratio(m);
        (v.mul(push).mul(push), push)
    }
    #[inline(always)]
    fn divergence<V: Lanes>(self, v: V, _: V, _: V, push: V) -> V {
        let ratio = v.mul(push);
        ratio
            .sub(ratio.max(V::splat(LEAST_RATIO)).ln())
            .sub(V::splat(1.0))
    }
}

/// Any β but 0, 1 and 2.
#[derive(Clone, Copy)]
pub(crate) struct Power {
    /// β − 2
    pull: Split,
    /// β
    model: Split,
    /// The smaller in size of β and β − 1.
    near: Split,
    /// Whether that is β.
    near_zero: bool,
    per_near: f32,
    per_other: f32,
}

impl Power {
    pub(crate) fn new(beta: f64) -> Self {
        let near_zero = beta.abs() < (beta - 1.0).abs();
        let (near, other) = if near_zero {
            (beta, beta - 1.0)
        } else {
            (beta - 1.0, beta)
        };
        Self {
            pull: Split::new(beta - 2.0),
            model: Split::new(beta),
            near: Split::new(near),
            near_zero,
            per_near: (1.0 / near) as f32,
            per_other: (1.0 / other) as f32,
        }
    }
}

impl Formula for Power {
    const DATA_FLOOR: bool = true;
    #[inline(always)]
    fn fields<V: Lanes>(self, v: V, m: V) -> (V, V) {
        let (n, p) = Log2::of(m).power(self.pull);
        let power = p.add(V::splat(1.0)).scale(n);
        (v.mul(power), power.mul(m))
    }

    /// With r = v/m, d = m^β · φ(r), where φ is written so that nothing cancels as β → 0 or 1:
    ///
    /// ```text
    /// φ = [(r^β − 1)/β − (r − 1)] / (β − 1) = [r · (r^(β−1) − 1)/(β − 1) − (r − 1)] / β
    /// ```
    #[inline(always)]
    fn divergence<V: Lanes>(self, v: V, m: V, _: V, _: V) -> V {
        let one = V::splat(1.0);
        let ratio = v.ratio(m);
        let (n, p) = Log2::of(ratio.max(V::splat(LEAST_RATIO))).power(self.near);
        let power_minus_one = p.scale(n).add(one.scale(n).sub(one));
        let mut slope = power_minus_one.mul(V::splat(self.per_near));
        if !self.near_zero {
            slope = slope.mul(ratio);
        }
        let shape = slope.sub(ratio.sub(one)).mul(V::splat(self.per_other));
        let (n, p) = Log2::of(m).power(self.model);
        shape.mul(p.add(one).scale(n))
    }
}
