//! Where the voice's harmonics are comes in; a source–filter model of one singer goes out.

use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Bands, Room, Update};

/// One singer: a glottal excitation along one pitch, through a smooth filter, and breath.
///
/// ```text
/// Λ[f, t] = e[f, t] · Σ_p bump_p(f) · (Σ_j g[t, j] · φ[j, p])  +  Σ_p bump_p(f) · b[t, p]
///           excitation   filter: vowels φ, as loud as g            unvoiced: breath, consonants
/// ```
///
/// The excitation is given ([`crate::analysis::glottal::excitation`]); filters, gains and breath are fitted. Without
/// shapes ([`Voice::with_free_filter`]) every frame has a filter of its own, one gain per band.
///
/// # Shapes
///
/// | | shape |
/// |---|---|
/// | `excitation` | `(frames, bins)` |
/// | `shapes` | `(shapes, bands)`, every row adds up to one |
/// | `gains` | `(frames, shapes)`, or `(frames, bands)` |
/// | `breath` | `(frames, bands)` |
///
/// # References
///
/// - J.-L. Durrieu, B. David, G. Richard, *A musically motivated mid-level representation for pitch
///   estimation and musical audio source separation*, IEEE JSTSP 2011.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    pub(crate) excitation: Array2<f32>,
    pub(crate) bands: Bands,
    pub(crate) shapes: Option<Array2<f32>>,
    /// Whether the shapes are learnt, and how fast.
    pub(crate) shapes_update: Update,
    pub(crate) gains: Array2<f32>,
    pub(crate) breath: Array2<f32>,
    /// What a room still gives back of earlier frames, `(frames, bins)`: part of the model, and as it is in a fit.
    pub(crate) rings: Option<Array2<f32>>,
    /// What breath costs in every frame on top of its share of the data: it could explain anything.
    pub(crate) breath_prices: Vec<f32>,
}

/// What breath costs where nothing is known.
const BREATH_PRICE: f32 = 0.3;

impl Voice {
    /// A voice whose filters are sums of `shapes` shapes, learnt on the recording.
    ///
    /// `level` is the mean of the data: where the gains start.
    #[must_use]
    pub fn with_shapes(
        excitation: Array2<f32>,
        bands: Bands,
        shapes: usize,
        level: f32,
        seed: u64,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (frames, count) = (excitation.nrows(), bands.count());
        let mut filters =
            Array2::from_shape_simple_fn((shapes, count), || 0.2 + rng.random::<f32>());
        for mut row in filters.rows_mut() {
            let sum = row.sum();
            row /= sum;
        }
        let start = level * 2.0 * count as f32 / shapes as f32;
        let gains = Array2::from_shape_simple_fn((frames, shapes), || {
            start * (1.0 + 0.1 * rng.random::<f32>())
        });
        Self {
            shapes: Some(filters),
            gains,
            ..Self::with_free_filter(excitation, bands, level)
        }
    }

    /// A voice with a filter of its own in every frame.
    #[must_use]
    pub fn with_free_filter(excitation: Array2<f32>, bands: Bands, level: f32) -> Self {
        let shape = (excitation.nrows(), bands.count());
        Self {
            excitation,
            bands,
            shapes: None,
            shapes_update: Update::Learn,
            gains: Array2::from_elem(shape, 2.0 * level),
            breath: Array2::from_elem(shape, 0.1 * level),
            rings: None,
            breath_prices: vec![BREATH_PRICE; shape.0],
        }
    }

    /// A voice whose filters are sums of shapes that are known, `(shapes, bands)` with rows that add up to one. Their gains start from
    /// how likely each is, `(shapes, frames)`: one of 0 never sounds. They follow the recording as far as `update` lets them.
    #[must_use]
    pub fn with_known_shapes(
        excitation: Array2<f32>,
        bands: Bands,
        shapes: Array2<f32>,
        likely: ArrayView2<'_, f32>,
        update: Update,
        level: f32,
    ) -> Self {
        let start = level * 2.0 * bands.count() as f32;
        let mut gains = likely.t().as_standard_layout().into_owned();
        for mut row in gains.outer_iter_mut() {
            let sum = row.sum();
            if sum > 0.0 {
                row *= start / sum;
            }
        }
        Self {
            shapes: Some(shapes),
            shapes_update: update,
            gains,
            ..Self::with_free_filter(excitation, bands, level)
        }
    }

    /// The same, silent in some frames, and with free breath in others: where consonants are known to be.
    #[must_use]
    pub fn gated(mut self, silent: &[bool], breathy: &[bool]) -> Self {
        for (frame, _) in silent.iter().enumerate().filter(|(_, silent)| **silent) {
            self.excitation.row_mut(frame).fill(0.0);
            self.gains.row_mut(frame).fill(0.0);
            self.breath.row_mut(frame).fill(0.0);
        }
        for (price, _) in self
            .breath_prices
            .iter_mut()
            .zip(breathy)
            .filter(|(_, on)| **on)
        {
            *price = 0.0;
        }
        self
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.excitation.nrows()
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.excitation.ncols()
    }

    /// The filter's gain in every band and frame, `(frames, bands)`.
    #[must_use]
    pub fn filters(&self) -> Array2<f32> {
        match &self.shapes {
            Some(shapes) => self.gains.dot(shapes),
            None => self.gains.clone(),
        }
    }

    /// The excitation, `(frames, bins)`.
    #[must_use]
    pub fn excitation(&self) -> ArrayView2<'_, f32> {
        self.excitation.view()
    }

    /// What the filtered excitation makes, `(frames, bins)`.
    #[must_use]
    pub fn voiced_model(&self) -> Array2<f32> {
        let (filters, bins) = (self.filters(), self.bins());
        let mut model = Array2::zeros(self.excitation.raw_dim());
        let rows = model.as_slice_mut().expect(ROWS).par_chunks_mut(bins);
        rows.enumerate().for_each(|(frame, out)| {
            self.bands
                .spread(filters.row(frame).to_slice().expect(ROWS), out);
            let excitation = self.excitation.row(frame);
            for (out, e) in out.iter_mut().zip(excitation.to_slice().expect(ROWS)) {
                *out *= e;
            }
        });
        model
    }

    /// The whole voice, `(frames, bins)`, with what a room gives back of it.
    #[must_use]
    pub fn model(&self) -> Array2<f32> {
        let mut model = self.dry_model();
        if let Some(rings) = &self.rings {
            model += rings;
        }
        model
    }

    /// Let a room give back what the voice is now: what of every frame is heard in those after it ([`Room::rings`]).
    pub fn ring(&mut self, room: &Room) {
        self.rings = Some(room.rings(&self.dry_model()));
    }

    /// The voice without its room, `(frames, bins)`.
    fn dry_model(&self) -> Array2<f32> {
        let mut model = self.voiced_model();
        let mut curve = vec![0.0; self.bins()];
        for (mut row, breath) in model.outer_iter_mut().zip(self.breath.outer_iter()) {
            self.bands
                .spread(breath.to_slice().expect(ROWS), &mut curve);
            row.iter_mut().zip(&curve).for_each(|(x, b)| *x += b);
        }
        model
    }
}

/// Why rows are slices.
pub(crate) const ROWS: &str = "arrays of the model are in standard layout";
