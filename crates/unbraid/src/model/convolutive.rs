//! Sounds that unfold the same way every time come in; a model of when each of them starts goes out.

use ndarray::{Array2, ArrayView2, ArrayView3, s};

use crate::Error;

/// Events with a fixed unfolding, such as drum hits:
///
/// ```text
/// Λ[t, f] = Σ over events k, lags τ   w[τ, k, f] · h[t − τ, k]
/// ```
///
/// An activation that is zero stays zero while it is fitted: that is how onsets are given.
///
/// # Shapes
///
/// | | shape |
/// |---|---|
/// | templates | `(lags · events, bins)`, lag by lag; those of an event add up to one |
/// | activations | `(frames, events)` |
///
/// # References
///
/// - P. Smaragdis, *Non-negative matrix factor deconvolution*, ICA 2004.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolutive {
    pub(crate) templates: Array2<f32>,
    pub(crate) activations: Array2<f32>,
    /// Whether the templates of each event are learnt.
    pub(crate) learns: Vec<bool>,
    lags: usize,
}

impl Convolutive {
    /// Events that unfold as given `(lags, events, bins)` and start as given `(frames, events)`, to be learnt on.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if the two speak of different numbers of events, or there is no lag.
    /// - [`Error::NotNonNegative`] if a value is negative or not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::{Array3, array};
    /// use unbraid::model::Convolutive;
    ///
    /// // One sound of two frames, in two bins, that starts in frames 0 and 3.
    /// let unfolding = Array3::from_shape_vec((2, 1, 2), vec![1.0, 0.0, 0.5, 0.5]).unwrap();
    /// let hits = Convolutive::new(unfolding.view(), array![[2.0], [0.0], [0.0], [4.0]].view())?;
    /// let model = hits.model();
    /// for (found, wanted) in model.iter().zip([2.0, 0.0, 1.0, 1.0, 0.0, 0.0, 4.0, 0.0]) {
    ///     assert!((found - wanted).abs() < 1e-6);
    /// }
    /// # Ok::<(), unbraid::Error>(())
    /// ```
    pub fn new(
        templates: ArrayView3<'_, f32>,
        activations: ArrayView2<'_, f32>,
    ) -> Result<Self, Error> {
        let (lags, events, bins) = templates.dim();
        if events != activations.ncols() || lags == 0 {
            return Err(Error::Shape {
                what: "the unfolding (lags, events, bins)",
                expected: vec![lags.max(1), activations.ncols(), bins],
                actual: vec![lags, events, bins],
            });
        }
        check("the unfolding", templates.iter())?;
        check("the activations", activations.iter())?;
        let templates = templates
            .to_shape((lags * events, bins))
            .expect("the two first axes together")
            .into_owned();
        let mut part = Self {
            templates,
            activations: activations.as_standard_layout().into_owned(),
            learns: vec![true; events],
            lags,
        };
        part.normalize();
        Ok(part)
    }

    /// Hold the unfolding of some events as it is.
    ///
    /// # Panics
    ///
    /// If an event does not exist.
    #[must_use]
    pub fn holding(mut self, events: &[usize]) -> Self {
        for &event in events {
            self.learns[event] = false;
        }
        self
    }

    /// The number of events.
    #[must_use]
    pub fn events(&self) -> usize {
        self.activations.ncols()
    }

    /// How many frames an event lasts.
    #[must_use]
    pub fn lags(&self) -> usize {
        self.lags
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.activations.nrows()
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.templates.ncols()
    }

    /// When events start, and how loud they are in all, `(frames, events)`.
    #[must_use]
    pub fn activations(&self) -> ArrayView2<'_, f32> {
        self.activations.view()
    }

    /// How an event unfolds, `(lags, bins)`.
    ///
    /// # Panics
    ///
    /// If the event does not exist.
    #[must_use]
    pub fn unfolding(&self, event: usize) -> ArrayView2<'_, f32> {
        assert!(event < self.events(), "event {event} of {}", self.events());
        self.templates.slice(s![event..;self.events(), ..])
    }

    /// What it says the spectrogram is, `(frames, bins)`.
    #[must_use]
    pub fn model(&self) -> Array2<f32> {
        let mut model = Array2::zeros((self.frames(), self.bins()));
        for lag in 0..self.lags.min(self.frames()) {
            let rows = lag * self.events()..(lag + 1) * self.events();
            let delayed = self.activations.slice(s![..self.frames() - lag, ..]);
            let mut later = model.slice_mut(s![lag.., ..]);
            later += &delayed.dot(&self.templates.slice(s![rows, ..]));
        }
        model
    }

    /// Let the unfolding of every event add up to one; the model stays the same.
    pub(crate) fn normalize(&mut self) {
        let events = self.events();
        for event in 0..events {
            let mut own = self.templates.slice_mut(s![event..;events, ..]);
            let sum = own.sum();
            if sum > 0.0 {
                own /= sum;
                self.activations.column_mut(event).mapv_inplace(|h| h * sum);
            }
        }
    }
}

fn check<'a>(what: &'static str, values: impl Iterator<Item = &'a f32>) -> Result<(), Error> {
    for (at, value) in values.enumerate() {
        if !(value.is_finite() && *value >= 0.0) {
            return Err(Error::NotNonNegative {
                what,
                value: f64::from(*value),
                at: vec![at],
            });
        }
    }
    Ok(())
}
