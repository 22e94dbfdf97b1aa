//! Several sharings come in; their mean goes out.

use std::ops::Range;

use ndarray::ArrayViewMut3;

use super::Sharing;
use crate::stft::Spectrum;
use crate::{Error, Stft};

/// The mean of the shares of several, on one transform.
///
/// Fits that differ in seed, rank or model err in different bins; the mean of their masks is better
/// than any of them on average.
///
/// # Examples
///
/// ```
/// use unbraid::factorize::{FactorizeConfig, factorize};
/// use unbraid::sharing::{Ensemble, Sharing, StemsConfig};
/// use unbraid::stems::StemBlocks;
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let mut members: Vec<Box<dyn Sharing>> = Vec::new();
/// for seed in 0..3 {
///     let mut config = FactorizeConfig::default();
///     (config.blind.components, config.blind.seed) = (4, seed);
///     let factorization = factorize(&mixture, &config, &mut ())?;
///     members.push(Box::new(factorization.sharing(&[vec![0, 1], vec![2, 3]], StemsConfig::default())?));
/// }
/// let ensemble = Ensemble::new(members)?;
/// assert_eq!(StemBlocks::new(&mixture, &ensemble)?.stems(), 2);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug)]
pub struct Ensemble {
    members: Vec<Box<dyn Sharing>>,
}

impl Ensemble {
    /// Share out by the mean of several.
    ///
    /// # Errors
    ///
    /// - [`Error::TooShort`] if there are none.
    /// - [`Error::Shape`] if they differ in sources, channels, bins or frames.
    pub fn new(members: Vec<Box<dyn Sharing>>) -> Result<Self, Error> {
        let shape = |member: &dyn Sharing| {
            vec![
                member.sources(),
                member.channels(),
                member.stft().bins(),
                member.frames(),
            ]
        };
        let Some(first) = members.first() else {
            return Err(Error::TooShort {
                what: "the ensemble",
                needed: 1,
                actual: 0,
            });
        };
        let expected = shape(first.as_ref());
        for member in &members {
            let actual = shape(member.as_ref());
            if actual != expected {
                return Err(Error::Shape {
                    what: "a member of the ensemble",
                    expected,
                    actual,
                });
            }
        }
        Ok(Self { members })
    }
}

impl Sharing for Ensemble {
    fn stft(&self) -> &Stft {
        self.members[0].stft()
    }

    fn sources(&self) -> usize {
        self.members[0].sources()
    }

    fn channels(&self) -> usize {
        self.members[0].channels()
    }

    fn frames(&self) -> usize {
        self.members[0].frames()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let (first, others) = self
            .members
            .split_first()
            .expect("an ensemble has at least one member");
        first.share(spectrum, frames.clone(), channel, shares);
        let mut one = shares.to_owned();
        for member in others {
            member.share(spectrum, frames.clone(), channel, &mut one.view_mut());
            *shares += &one;
        }
        let scale = 1.0 / self.members.len() as f32;
        shares.mapv_inplace(|share| share * scale);
    }
}
