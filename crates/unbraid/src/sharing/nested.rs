//! A sharing of groups and one within them come in; one of all sources goes out.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayViewMut3, Axis, s};

use super::{Components, Sharing};
use crate::stft::Spectrum;
use crate::{Error, Stft};

/// Groups of sources shared out by one sharing, and the sources of each group by another.
///
/// ```text
/// share_s = share of the group of s · inner_s / Σ_{r in the group} inner_r
/// ```
#[derive(Debug)]
pub struct Nested {
    groups: Box<dyn Sharing>,
    /// The sources of each group.
    members: Vec<Vec<usize>>,
    within: Components,
    /// No source stands alone: groups of one source need no inner sharing.
    plain: bool,
}

impl Nested {
    /// `groups` shares out the groups; `within`, all sources. A source in no group gets nothing. If `groups` has one
    /// source more than there are groups, that is a residual, and stays the last.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the two are not for the same bins and frames, or `groups` not for so many groups.
    pub fn new(
        groups: Box<dyn Sharing>,
        members: Vec<Vec<usize>>,
        within: Components,
    ) -> Result<Self, Error> {
        let known = groups.sources().min(members.len());
        let expected = vec![known, within.stft().bins(), within.frames()];
        let actual = vec![members.len(), groups.stft().bins(), groups.frames()];
        let residuals = groups.sources().saturating_sub(members.len());
        if expected != actual || residuals > 1 {
            return Err(Error::Shape {
                what: "the groups (groups, bins, frames)",
                expected,
                actual,
            });
        }
        let plain = members.iter().all(|members| members.len() < 2);
        Ok(Self {
            groups,
            members,
            within,
            plain,
        })
    }
}

impl Sharing for Nested {
    fn stft(&self) -> &Stft {
        self.groups.stft()
    }

    fn sources(&self) -> usize {
        self.within.sources() + self.groups.sources() - self.members.len()
    }

    fn channels(&self) -> usize {
        self.groups.channels()
    }

    fn frames(&self) -> usize {
        self.groups.frames()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let (_, rows, bins) = shares.dim();
        let mut groups = Array3::<f32>::zeros((self.groups.sources(), rows, bins));
        self.groups
            .share(spectrum, frames.clone(), channel, &mut groups.view_mut());
        let sources = self.within.sources();
        if self.plain {
            shares.fill(0.0);
        } else {
            let mut inner = shares.slice_mut(s![..sources, .., ..]);
            self.within.share(spectrum, frames, channel, &mut inner);
        }
        for (members, group) in self.members.iter().zip(groups.outer_iter()) {
            if let [one] = members[..] {
                shares.index_axis_mut(Axis(0), one).assign(&group);
                continue;
            }
            let mut total = Array2::<f32>::zeros((rows, bins));
            for &member in members {
                total += &shares.index_axis(Axis(0), member);
            }
            let equal = 1.0 / members.len() as f32;
            for &member in members {
                ndarray::Zip::from(shares.index_axis_mut(Axis(0), member))
                    .and(&total)
                    .and(&group)
                    .for_each(|share, &total, &group| {
                        *share = group * if total > 0.0 { *share / total } else { equal };
                    });
            }
        }
        let ungrouped =
            (0..sources).filter(|source| !self.members.iter().flatten().any(|it| it == source));
        for source in ungrouped {
            shares.index_axis_mut(Axis(0), source).fill(0.0);
        }
        if self.groups.sources() > self.members.len() {
            let residual = groups.index_axis(Axis(0), self.members.len());
            shares.index_axis_mut(Axis(0), sources).assign(&residual);
        }
    }
}
