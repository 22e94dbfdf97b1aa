//! The caller's arrays come in; checked signals that the kernels read in `f64` go out.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::Error;

/// A type of sample that can be scored: `f32`, `f64`, `i16` and whatever else turns into `f64`.
pub trait Sample: Copy + Into<f64> + Send + Sync {}

impl<T: Copy + Into<f64> + Send + Sync> Sample for T {}

/// Signals as the kernels see them: rows of samples, where row `source * channels + channel`
/// is one channel of one source.
///
/// A trait object keeps the kernels free of the sample type, so that they are compiled once.
pub(super) trait Signals: Sync {
    /// The number of sources.
    fn sources(&self) -> usize;

    /// The number of channels of every source.
    fn channels(&self) -> usize;

    /// The number of samples of every channel.
    fn len_samples(&self) -> usize;

    /// Fill `out` with the samples from `start` on, as if there were zeros outside `range`.
    fn read(&self, row: usize, range: &Range<usize>, start: isize, out: &mut [f64]);

    /// Whether the channels of a source add up to zero in every sample of the range.
    ///
    /// This is the test of `mir_eval` and museval. It also calls a source silent whose
    /// channels cancel each other out, which is odd, but is what published scores go by.
    fn is_silent(&self, source: usize, range: &Range<usize>) -> bool;

    /// The number of rows.
    fn rows(&self) -> usize {
        self.sources() * self.channels()
    }
}

/// Checked views of one list of sources, each `(channels, samples)`.
struct Checked<'a, T> {
    views: &'a [ArrayView2<'a, T>],
    channels: usize,
    len: usize,
}

impl<T: Sample> Signals for Checked<'_, T> {
    fn sources(&self) -> usize {
        self.views.len()
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn len_samples(&self) -> usize {
        self.len
    }

    fn read(&self, row: usize, range: &Range<usize>, start: isize, out: &mut [f64]) {
        let view = &self.views[row / self.channels];
        let samples = view.row(row % self.channels);
        let end = start + out.len() as isize;
        let from = start.max(range.start as isize).min(end);
        let to = end.min(range.end as isize).max(from);
        let (before, rest) = out.split_at_mut((from - start) as usize);
        let (inside, after) = rest.split_at_mut((to - from) as usize);
        before.fill(0.0);
        after.fill(0.0);
        if inside.is_empty() {
            return;
        }
        let (from, to) = (from as usize, to as usize);
        if let Some(samples) = samples.to_slice() {
            for (out, &sample) in inside.iter_mut().zip(&samples[from..to]) {
                *out = sample.into();
            }
        } else {
            for (out, at) in inside.iter_mut().zip(from..to) {
                *out = samples[at].into();
            }
        }
    }

    fn is_silent(&self, source: usize, range: &Range<usize>) -> bool {
        let view = &self.views[source];
        range.clone().all(|at| {
            let sum: f64 = view.column(at).iter().map(|&sample| sample.into()).sum();
            sum == 0.0
        })
    }
}

/// Check references and estimates against each other and hand them to the kernels.
///
/// All sources have the same number of channels and samples, at least one of each, and every
/// sample is finite.
pub(super) fn with_checked<T: Sample, Output>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    use_them: impl FnOnce(&dyn Signals, &dyn Signals) -> Result<Output, Error>,
) -> Result<Output, Error> {
    let Some(first) = references.first() else {
        return Err(Error::TooShort {
            what: "the list of references",
            needed: 1,
            actual: 0,
        });
    };
    let (channels, len) = first.dim();
    if channels == 0 || len == 0 {
        let what = "the channels and samples of a reference";
        return Err(Error::TooShort {
            what,
            needed: 1,
            actual: 0,
        });
    }
    if estimates.len() != references.len() {
        return Err(Error::Shape {
            what: "the list of estimates",
            expected: vec![references.len()],
            actual: vec![estimates.len()],
        });
    }
    check("a reference", references, (channels, len))?;
    check("an estimate", estimates, (channels, len))?;
    use_them(
        &Checked {
            views: references,
            channels,
            len,
        },
        &Checked {
            views: estimates,
            channels,
            len,
        },
    )
}

fn check<T: Sample>(
    what: &'static str,
    views: &[ArrayView2<'_, T>],
    (channels, len): (usize, usize),
) -> Result<(), Error> {
    for view in views {
        if view.dim() != (channels, len) {
            return Err(Error::Shape {
                what,
                expected: vec![channels, len],
                actual: view.shape().to_vec(),
            });
        }
        for (channel, row) in view.rows().into_iter().enumerate() {
            let not_finite = row.iter().position(|&sample| !sample.into().is_finite());
            if let Some(sample) = not_finite {
                return Err(Error::NotFinite {
                    what,
                    value: row[sample].into(),
                    channel,
                    sample,
                });
            }
        }
    }
    Ok(())
}

/// Refuse sources that are silent over the whole signal.
pub(super) fn refuse_silence(
    references: &dyn Signals,
    estimates: &dyn Signals,
) -> Result<(), Error> {
    for (what, signals) in [("reference", references), ("estimate", estimates)] {
        let whole = 0..signals.len_samples();
        if let Some(index) = (0..signals.sources()).find(|&index| signals.is_silent(index, &whole))
        {
            return Err(Error::Silent { what, index });
        }
    }
    Ok(())
}

/// Whether any reference or estimate is silent in a range: such a frame is not scored.
pub(super) fn any_silent(
    references: &dyn Signals,
    estimates: &dyn Signals,
    range: &Range<usize>,
) -> bool {
    [references, estimates]
        .iter()
        .any(|signals| (0..signals.sources()).any(|source| signals.is_silent(source, range)))
}
