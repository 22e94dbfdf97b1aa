//! Positive numbers come in; logarithms, powers, pulls, pushes and divergences go out.
//!
//! The polynomials are those of the Cephes library (S. Moshier, `logf` and `exp2f`, 1989), with a
//! relative error below 2e-7 on the intervals they are used on.

use super::vector::Lanes;

/// ln(1 + f) = f − f²/2 + f³ · P(f) for 1 + f from √½ to √2; highest power first.
const LOG: [f32; 9] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_8e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333e-1,
];

/// 2^f − 1 = f · P(f) for f from −½ to ½; highest power first.
const EXP2: [f32; 6] = [
    1.535_336_2e-4,
    1.339_887_5e-3,
    9.618_437e-3,
    5.550_332_5e-2,
    2.402_264_8e-1,
    std::f32::consts::LN_2,
];

/// Ratios of data to model count as at least this in logarithms, so that zeros have none.
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

/// ln m for m from √½ to √2, and with it the error-free part: (f², f·P…) are summed small first.
#[inline(always)]
fn log_mantissa<V: Lanes>(m: V) -> V {
    let f = m.sub(V::splat(1.0));
    let square = f.mul(f);
    let tail = polynomial(&LOG, f)
        .mul(f)
        .mul_add(square, square.mul(V::splat(-0.5)));
    f.add(tail)
}

/// ln x for normal x > 0.
#[inline(always)]
pub(crate) fn ln<V: Lanes>(x: V) -> V {
    let (e, m) = x.split();
    e.mul_add(V::splat(std::f32::consts::LN_2), log_mantissa(m))
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
        let (whole, m) = x.split();
        Self {
            whole,
            rest: log_mantissa(m).mul(V::splat(std::f32::consts::LOG2_E)),
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
        let log = ln(pull.max(V::splat(LEAST_RATIO)));
        v.mul_add(log, m.sub(v))
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
            .sub(ln(ratio.max(V::splat(LEAST_RATIO))))
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
