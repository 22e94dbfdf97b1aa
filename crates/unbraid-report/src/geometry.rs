//! Values on an axis come in; positions on the page, and the ticks to label, go out. Pure numbers:
//! nothing here knows of SVG.

/// A rectangle on the page, in units of the picture; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    /// A rectangle from its upper left corner and size.
    pub(crate) fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The right edge.
    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }

    /// The lower edge.
    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
}

/// An axis from its lowest to its highest value; positions along it run from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
}

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Where on the axis, 0 to 1.
    pub(crate) at: f64,
    /// What it says; empty for a minor tick.
    pub(crate) label: String,
}

/// The lowest frequency worth drawing, where the bins reach it: below it recordings hold rumble.
const LOWEST_HZ: f64 = 30.0;

impl Axis {
    /// A linear axis; `low < high`.
    pub(crate) fn linear(low: f64, high: f64) -> Self {
        debug_assert!(low < high);
        Self {
            low,
            high,
            scale: Scale::Linear,
        }
    }

    /// A logarithmic axis; `0 < low < high`.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        debug_assert!(0.0 < low && low < high);
        Self {
            low,
            high,
            scale: Scale::Logarithmic,
        }
    }

    /// The frequency axis of a spectrum in Hz: logarithmic, up to half the sample rate. A bin
    /// covers half a bin to either side of its frequency, so DC never shows.
    pub(crate) fn frequency(sample_rate: u32, fft_len: usize) -> Self {
        let nyquist = f64::from(sample_rate) / 2.0;
        let half_bin = nyquist / fft_len as f64;
        Self::logarithmic(LOWEST_HZ.min(nyquist / 4.0).max(half_bin), nyquist)
    }

    /// Where a value lies, 0 at the low end and 1 at the high end; may lie outside.
    pub(crate) fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic if value <= 0.0 => f64::NEG_INFINITY,
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// Ticks at round values: of a linear axis at most about `count` of them.
    pub(crate) fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        self.linear_ticks_every(round_step((self.high - self.low) / count.max(1) as f64))
    }

    /// Ticks at the multiples of `step` on a linear axis, with as many decimals as it needs.
    pub(crate) fn linear_ticks_every(&self, step: f64) -> Vec<Tick> {
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let slack = 1e-9 * step;
        let first = ((self.low - slack) / step).ceil() as i64;
        let last = ((self.high + slack) / step).floor() as i64;
        (first..=last)
            .map(|index| {
                let value = index as f64 * step;
                Tick {
                    at: self.position(value),
                    label: format!("{value:.decimals$}"),
                }
            })
            .collect()
    }

    /// Ticks in Hz for an axis `length` units long: 1, 2 and 5 of every decade are labelled as far
    /// as labels stay `spacing` units apart (1 goes first); the other digits are minor.
    pub(crate) fn frequency_ticks(&self, length: f64, spacing: f64) -> Vec<Tick> {
        let mut ticks: Vec<Tick> = Vec::new();
        let decades = self.low.log10().floor() as i32..=self.high.log10().floor() as i32;
        for digit in [1_i32, 5, 2, 3, 4, 6, 7, 8, 9] {
            for decade in decades.clone() {
                let hz = f64::from(digit) * 10_f64.powi(decade);
                let at = self.position(hz);
                if !(-1e-9..=1.0 + 1e-9).contains(&at) {
                    continue;
                }
                let crowded = ticks
                    .iter()
                    .any(|tick| !tick.label.is_empty() && (tick.at - at).abs() * length < spacing);
                let named = matches!(digit, 1 | 2 | 5) && !crowded;
                ticks.push(Tick {
                    at,
                    label: if named { hertz(hz) } else { String::new() },
                });
            }
        }
        ticks.sort_by(|a, b| a.at.total_cmp(&b.at));
        ticks
    }
}

/// The least of 1, 2, 5 × 10ⁿ that is not below `least`.
pub(crate) fn round_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * decade)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * decade)
}

/// A frequency as a tick says it: `50`, `2k`.
fn hertz(hz: f64) -> String {
    if hz >= 1000.0 {
        format!("{}k", (hz / 100.0).round() / 10.0)
    } else {
        format!("{}", (hz * 1000.0).round() / 1000.0)
    }
}

/// Of labels at equal distances, how many steps from one that is written to the next, so that each
/// has `needed` units of room: 1, 2, 4, 5, 8, 10, 16, 20, ….
pub(crate) fn label_stride(distance: f64, needed: f64) -> usize {
    let mut strides = [1_usize, 2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100].into_iter();
    strides
        .find(|stride| *stride as f64 * distance >= needed)
        .unwrap_or_else(|| {
            let least = (needed / distance).ceil();
            if least.is_finite() {
                round_step(least) as usize
            } else {
                usize::MAX
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks
            .iter()
            .map(|tick| tick.label.as_str())
            .filter(|label| !label.is_empty())
            .collect()
    }

    #[test]
    fn an_octave_is_equally_long_everywhere_on_a_logarithmic_axis() {
        let axis = Axis::logarithmic(50.0, 20_000.0);
        let low = axis.position(200.0) - axis.position(100.0);
        let high = axis.position(16_000.0) - axis.position(8_000.0);
        assert!((low - high).abs() < 1e-12, "{low} and {high}");
        assert!(axis.position(50.0).abs() < 1e-12 && (axis.position(20_000.0) - 1.0).abs() < 1e-12);
        assert!(axis.position(0.0) < 0.0);
    }

    #[test]
    fn a_linear_axis_maps_its_ends_to_zero_and_one() {
        let axis = Axis::linear(-2.0, 6.0);
        assert!(axis.position(-2.0).abs() < 1e-12);
        assert!((axis.position(6.0) - 1.0).abs() < 1e-12);
        assert!((axis.position(0.0) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_frequency_axis_ends_at_half_the_rate_and_is_legal_for_any_spectrum() {
        let axis = Axis::frequency(44_100, 2048);
        assert!((axis.position(22_050.0) - 1.0).abs() < 1e-12);
        assert!(axis.position(30.0).abs() < 1e-12);
        for (rate, len) in [
            (1, 2),
            (8_000, 2),
            (48_000, 4),
            (44_100, 65_536),
            (u32::MAX, 16),
        ] {
            let axis = Axis::frequency(rate, len);
            assert!(
                0.0 < axis.low && axis.low < axis.high,
                "{rate} {len}: {axis:?}"
            );
            let last_bin = f64::from(rate) / 2.0;
            assert!(
                (axis.position(last_bin) - 1.0).abs() < 1e-12,
                "{rate} {len}: {axis:?}"
            );
        }
    }

    #[test]
    fn frequency_ticks_are_round_and_do_not_crowd() {
        let axis = Axis::frequency(44_100, 2048);
        let ticks = axis.frequency_ticks(280.0, 20.0);
        assert_eq!(
            labels(&ticks),
            ["50", "100", "200", "500", "1k", "2k", "5k", "10k", "20k"]
        );
        let few = axis.frequency_ticks(110.0, 20.0);
        assert_eq!(labels(&few), ["100", "1k", "10k"]);
        let named: Vec<f64> = few
            .iter()
            .filter(|tick| !tick.label.is_empty())
            .map(|tick| tick.at * 110.0)
            .collect();
        assert!(
            named.windows(2).all(|pair| pair[1] - pair[0] >= 20.0),
            "{named:?}"
        );
    }

    #[test]
    fn linear_ticks_are_round_and_inside() {
        let ticks = |low, high| Axis::linear(low, high).linear_ticks(6);
        assert_eq!(labels(&ticks(0.0, 10.0)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            labels(&ticks(-0.01, 0.9)),
            ["0.0", "0.2", "0.4", "0.6", "0.8"]
        );
        assert_eq!(
            labels(&ticks(0.0, 0.012)),
            [
                "0.000", "0.002", "0.004", "0.006", "0.008", "0.010", "0.012"
            ]
        );
        assert_eq!(labels(&ticks(0.0, 180.0)), ["0", "50", "100", "150"]);
        for tick in ticks(-0.01, 0.9) {
            assert!((0.0..=1.0).contains(&tick.at), "{tick:?}");
        }
    }

    #[test]
    fn labels_are_skipped_only_where_they_would_touch() {
        assert_eq!(label_stride(20.0, 14.0), 1);
        assert_eq!(label_stride(8.0, 14.0), 2);
        assert_eq!(label_stride(4.5, 14.0), 4);
        assert_eq!(label_stride(0.01, 14.0), 2000);
    }
}
