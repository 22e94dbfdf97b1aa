//! Activations come in; the same at several lags, side by side, go out, and their gradients back: templates that
//! last several frames (NMFD) through the loops that know only products.
//!
//! ```text
//! Λ[t,b] = floor + Σ over lags τ, components k   h[t−τ, k] · w[τ, k, b]
//! ```
//!
//! is a product of `lags · components` stacked components whose activations are those of `components`, delayed. So a
//! tile of delayed activations is made ([`delay`]), the [`Kernel`](crate::Kernel) computes the gradients as ever, and
//! that for the delayed activations is put back where it belongs ([`undelay`]). With three drums of 16 frames the
//! products have 48 components, at which they are as good as at the processor's limit; what is added is one copy of
//! the activations.
//!
//! # References
//!
//! - P. Smaragdis, *Non-negative matrix factor deconvolution*, ICA 2004, equation 3.

use crate::{Error, error::check_len};

/// The activations of some frames at lags from zero to `lags − 1`, side by side.
///
/// | | shape | |
/// |---|---|---|
/// | `h` | all frames × components | zero before the first frame |
/// | `out` | frames of the tile × (lags × components), lag by lag | overwritten |
///
/// `start` is the first frame of the tile.
///
/// # Errors
///
/// [`Error::Length`] if `out` is no whole number of frames, or these reach beyond those of `h`.
///
/// # Examples
///
/// ```
/// use unbraid_kernel::convolutive::delay;
///
/// let mut out = [0.0; 4];
/// delay(&[1.0, 2.0, 3.0], 1, 2, 0, &mut out[..])?;
/// assert_eq!(out, [1.0, 0.0, 2.0, 1.0]);
/// # Ok::<(), unbraid_kernel::Error>(())
/// ```
pub fn delay(
    h: &[f32],
    components: usize,
    lags: usize,
    start: usize,
    out: &mut [f32],
) -> Result<(), Error> {
    check(h.len(), components, lags, start, out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    for (frame, row) in out.chunks_exact_mut(components * lags).enumerate() {
        for (lag, part) in row.chunks_exact_mut(components).enumerate() {
            match (start + frame).checked_sub(lag) {
                Some(from) => part.copy_from_slice(&h[from * components..][..components]),
                None => part.fill(0.0),
            }
        }
    }
    Ok(())
}

/// Add the gradient for delayed activations to that for the activations themselves: the transpose of [`delay`].
///
/// Neighbouring tiles add to the same frames, `lags − 1` before their first: callers that run tiles in parallel
/// give each its own `out`, and add these up in order.
///
/// # Errors
///
/// As [`delay`], with `out` in the place of `h` and `delayed` in that of `out`.
pub fn undelay(
    delayed: &[f32],
    components: usize,
    lags: usize,
    start: usize,
    out: &mut [f32],
) -> Result<(), Error> {
    check(out.len(), components, lags, start, delayed.len())?;
    if delayed.is_empty() {
        return Ok(());
    }
    for (frame, row) in delayed.chunks_exact(components * lags).enumerate() {
        let lagged = row.chunks_exact(components).take(start + frame + 1);
        for (lag, part) in lagged.enumerate() {
            let to = &mut out[(start + frame - lag) * components..][..components];
            to.iter_mut().zip(part).for_each(|(to, part)| *to += part);
        }
    }
    Ok(())
}

fn check(
    all: usize,
    components: usize,
    lags: usize,
    start: usize,
    delayed: usize,
) -> Result<(), Error> {
    let row = components * lags;
    let frames = delayed / row.max(1);
    check_len("the delayed activations", frames * row, delayed)?;
    // At least as many frames as the tile reaches to.
    let needed = (start + frames) * components;
    check_len("the activations", needed, all.min(needed))
}
