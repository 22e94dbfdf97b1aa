//! A sharing and what is hinted come in; the sharing with the hints weighed in goes out.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis};
use rayon::prelude::*;

use super::Sharing;
use crate::knowledge::hints::Hints;
use crate::mask::{Render, winner_takes_all};
use crate::stft::Spectrum;
use crate::{Audio, Error, Stft};

/// Another sharing, with what is hinted weighed in:
///
/// ```text
/// share ∝ share^w · claim
/// ```
///
/// For regions w = 1: of components that were fitted under them, these are the posteriors that their fit has
/// ([`crate::fit::Guidance`]). Beside a stem w is [`Hints::own_weight`]: two opinions about one thing. Where nothing is hinted, not
/// a bit changes.
///
/// # References
///
/// - N. J. Bryan, G. J. Mysore, *An efficient posterior regularized latent variable model for interactive sound
///   source separation*, ICML 2013, section 5.
#[derive(Debug)]
pub struct Hinted {
    sharing: Box<dyn Sharing>,
    hints: Hints,
    /// For each share, the source whose claim counts; shares behind these are a residual.
    owners: Vec<usize>,
    render: Render,
}

impl Hinted {
    /// Weigh hints in.
    ///
    /// With one source more than is hinted about, the last is a residual, which nothing is said of.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if the hints are for other frames, bins or sources.
    /// - [`Error::Config`] for [`Render::Model`]: hints say how a bin is shared out, and a model's parts share nothing out.
    pub fn new(sharing: Box<dyn Sharing>, hints: Hints, render: Render) -> Result<Self, Error> {
        check_render(render)?;
        check_hints(&hints, sharing.as_ref())?;
        Ok(Self {
            owners: (0..hints.sources()).collect(),
            sharing,
            hints,
            render,
        })
    }

    /// Weigh what a person drew into the shares of parts of the sources, such as single components; `owners` holds the source
    /// of each.
    ///
    /// With one share more than owners, the last is a residual. With shares in proportion (exponent 1), those of a source's parts
    /// add up to the share that [`Hinted::new`] gives the source.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if the hints are for other frames or bins, or there is not one owner per share, or one is no source.
    /// - [`Error::Config`] for [`Render::Model`].
    pub fn of_parts(
        sharing: Box<dyn Sharing>,
        hints: Hints,
        owners: Vec<usize>,
        render: Render,
    ) -> Result<Self, Error> {
        check_render(render)?;
        let sources = sharing.sources();
        let expected = vec![sources, sharing.stft().bins(), sharing.frames()];
        let actual = vec![owners.len(), hints.bins(), hints.frames()];
        let fits = expected[1..] == actual[1..]
            && (owners.len()..=owners.len() + 1).contains(&sources)
            && owners.iter().all(|&owner| owner < hints.sources());
        if !fits {
            return Err(Error::Shape {
                what: "the owners and hints (parts, bins, frames)",
                expected,
                actual,
            });
        }
        Ok(Self {
            sharing,
            hints,
            owners,
            render,
        })
    }
}

impl Sharing for Hinted {
    fn stft(&self) -> &Stft {
        self.sharing.stft()
    }

    fn sources(&self) -> usize {
        self.sharing.sources()
    }

    fn channels(&self) -> usize {
        self.sharing.channels()
    }

    fn frames(&self) -> usize {
        self.sharing.frames()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        self.sharing
            .share(spectrum, frames.clone(), channel, shares);
        let (_, rows, bins) = shares.dim();
        let mut claims = vec![1.0; self.hints.sources() * rows * bins];
        if !self.hints.claims(frames, &mut claims) {
            return;
        }
        let own = self.hints.own_weight();
        let claims = Array3::from_shape_vec((self.hints.sources(), rows, bins), claims)
            .expect("as many as claims were asked for");
        shares
            .axis_iter_mut(Axis(1))
            .into_par_iter()
            .zip(claims.axis_iter(Axis(1)))
            .for_each(|(mut row, claims)| {
                for (mut bin, claims) in row.columns_mut().into_iter().zip(claims.columns()) {
                    // Nothing is said of this bin: it keeps every bit.
                    if own >= 1.0 && claims.iter().all(|&claim| claim >= 1.0) {
                        continue;
                    }
                    if own < 1.0 {
                        bin.mapv_inplace(|share| share.max(LEAST_SHARE).powf(own));
                    }
                    bin.iter_mut()
                        .zip(&self.owners)
                        .for_each(|(share, &owner)| *share *= claims[owner]);
                    let total = bin.sum();
                    if total > 0.0 {
                        bin /= total;
                    }
                }
            });
        if self.render == Render::Binary {
            winner_takes_all(shares).expect("shares and claims are finite and not negative");
        }
    }
}

/// Refuse what hints cannot be weighed into.
///
/// # Errors
///
/// [`Error::Config`] for [`Render::Model`].
pub(crate) fn check_render(render: Render) -> Result<(), Error> {
    if render == Render::Model {
        let requirement = "ratio or binary beside hints, which say how a bin is shared out";
        return Err(Error::config("stems.render", "model", requirement));
    }
    Ok(())
}

/// What a stem can make something of, though nothing was heard.
const LEAST_SHARE: f32 = 1e-4;

/// Weigh hints against how a recording is shared out without them: stems are believed as far as they agree with it
/// ([`Hints::compared`]), and regions change no more of it than they have to ([`Hints::as_needed`]).
///
/// # Errors
///
/// [`Error::Shape`] if the hints are for other frames, bins or sources.
pub fn compared(hints: Hints, sharing: &dyn Sharing, audio: &Audio) -> Result<Hints, Error> {
    check_hints(&hints, sharing)?;
    let hints = hints.compared(|frames, add| {
        hear(sharing, audio, frames, add);
        Ok(())
    })?;
    hints.as_needed(|frames, add| {
        hear(sharing, audio, frames, add);
        Ok(())
    })
}

/// Some frames' shares of the sources `(sources, frames, bins)`, and the recording's loudness there `(frames, bins)`, for every
/// channel that is shared out by itself.
fn hear(
    sharing: &dyn Sharing,
    audio: &Audio,
    frames: Range<usize>,
    add: &mut dyn FnMut(ArrayView3<'_, f32>, ArrayView2<'_, f32>),
) {
    let channels = sharing.channels();
    let spectrum = sharing.stft().forward_block(audio, frames.clone());
    let shape = (frames.len(), sharing.stft().bins());
    let mut shares = Array3::zeros((sharing.sources(), shape.0, shape.1));
    for channel in 0..channels {
        sharing.share(&spectrum, frames.clone(), channel, &mut shares.view_mut());
        let heard = if channels == 1 {
            0..spectrum.channels()
        } else {
            channel..channel + 1
        };
        let mut loudness = Array2::<f32>::zeros(shape);
        for channel in heard {
            for (sum, x) in loudness.iter_mut().zip(spectrum.channel_rows(channel)) {
                *sum += x.norm();
            }
        }
        add(shares.view(), loudness.view());
    }
}

fn check_hints(hints: &Hints, sharing: &dyn Sharing) -> Result<(), Error> {
    let sources = sharing.sources();
    let expected = vec![sources, sharing.stft().bins(), sharing.frames()];
    let actual = vec![hints.sources(), hints.bins(), hints.frames()];
    if expected[1..] != actual[1..] || !(hints.sources()..=hints.sources() + 1).contains(&sources) {
        return Err(Error::Shape {
            what: "the hints (sources, bins, frames)",
            expected,
            actual,
        });
    }
    Ok(())
}
