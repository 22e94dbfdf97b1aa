//! Slices of one block of frames come in; a checked tile goes out.

use crate::{
    Error, Templates,
    error::check_len,
    pack::{Aligned, BLOCK, Layout},
};

/// One block of frames of one channel: data, factors, and what else the model holds.
///
/// About 48 frames are best: a multiple of twelve, small enough that the tile of the spectrogram
/// stays in the second-level cache between two calls. Any number works. Tiles that follow each other
/// in memory are best taken in that order: the next one's data are fetched ahead.
///
/// # Shapes
///
/// | | shape |
/// |---|---|
/// | `v` | frames × bins |
/// | `h` | frames × components |
/// | `templates` | components × bins |
/// | `base` | frames × bins |
///
/// All values must be finite and ≥ 0.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    pub(crate) v: &'a [f32],
    pub(crate) h: &'a [f32],
    pub(crate) templates: &'a Templates,
    pub(crate) base: Option<&'a [f32]>,
    pub(crate) frames: usize,
}

impl<'a> Tile<'a> {
    /// Put a tile together.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if a slice does not have the shape above.
    pub fn new(
        v: &'a [f32],
        h: &'a [f32],
        templates: &'a Templates,
        base: Option<&'a [f32]>,
        frames: usize,
    ) -> Result<Self, Error> {
        let cells = frames * templates.bins();
        check_len("the spectrogram of the tile", cells, v.len())?;
        check_len(
            "the activations of the tile",
            frames * templates.components(),
            h.len(),
        )?;
        if let Some(base) = base {
            check_len("the base of the tile", cells, base.len())?;
        }
        debug_assert!(
            v.iter().all(|&x| x >= 0.0 && x.is_finite()),
            "spectrogram ≥ 0"
        );
        debug_assert!(
            h.iter().all(|&x| x >= 0.0 && x.is_finite()),
            "activations ≥ 0"
        );
        Ok(Self {
            v,
            h,
            templates,
            base,
            frames,
        })
    }

    /// The data, frames × bins.
    #[must_use]
    pub fn data(&self) -> &'a [f32] {
        self.v
    }

    /// The activations, frames × components.
    #[must_use]
    pub fn activations(&self) -> &'a [f32] {
        self.h
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.templates.bins()
    }

    /// Number of components.
    #[must_use]
    pub fn components(&self) -> usize {
        self.templates.components()
    }
}

/// Working memory of one thread: about 40 kB for 48 frames; grows to the largest tile it has seen.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    pull: Aligned,
    push: Aligned,
    pull_sums: Aligned,
    push_sums: Aligned,
}

/// The parts of a [`Scratch`], cut to size.
pub(crate) struct Buffers<'a> {
    /// frames × `BLOCK`: the model, then the pull.
    pub(crate) pull: &'a mut [f32],
    /// frames × `BLOCK`.
    pub(crate) push: &'a mut [f32],
    /// frames × [`Layout::row`].
    pub(crate) pull_sums: &'a mut [f32],
    /// frames × [`Layout::row`].
    pub(crate) push_sums: &'a mut [f32],
}

impl Scratch {
    pub(crate) fn cut(&mut self, frames: usize, layout: Layout) -> Buffers<'_> {
        self.pull.resize(frames * BLOCK);
        self.push.resize(frames * BLOCK);
        self.pull_sums.resize(frames * layout.row());
        self.push_sums.resize(frames * layout.row());
        Buffers {
            pull: self.pull.get_mut(),
            push: self.push.get_mut(),
            pull_sums: self.pull_sums.get_mut(),
            push_sums: self.push_sums.get_mut(),
        }
    }
}
