//! Templates, activations and pan gains come in; their sum of products goes out.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

use super::{Column, Penalties, Update};
use crate::spectrogram::check_non_negative;
use crate::{Error, Spectrogram};

/// A run of components with a name: one term of the model's sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it stands for, such as `free` or `piano`.
    pub name: String,
    /// Its components.
    pub components: Range<usize>,
}

/// A sum of components, each a template times activations, with a pan gain per channel.
///
/// ```text
/// Λ[c, f, t] = Σ_k g[k, c] · w[f, k] · h[k, t]
/// ```
///
/// One type serves free components, dictionaries and notes: what sets them apart is the role of
/// each column ([`Column`]), where its activations may be other than zero ([`LowRank::allow`]),
/// and what it starts from. [`LowRank::stack`] sets parts side by side.
///
/// # Shapes
///
/// | | shape | memory |
/// |---|---|---|
/// | [`LowRank::templates`] | `(bins, components)` | the bins of one template together |
/// | [`LowRank::activations`] | `(components, frames)` | the components of one frame together |
/// | [`LowRank::pan_gains`] | `(components, channels)` | the components of one channel together |
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::model::LowRank;
///
/// let part = LowRank::from_factors(
///     "free",
///     array![[1.0, 0.0], [0.0, 1.0]].view(),          // two bins, two components
///     array![[1.0, 2.0, 3.0], [0.5, 0.5, 0.0]].view(), // two components, three frames
///     1,
/// )?;
/// assert_eq!((part.bins(), part.components(), part.frames()), (2, 2, 3));
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// `(components, bins)`.
    pub(crate) templates: Array2<f32>,
    /// `(frames, components)`.
    pub(crate) activations: Array2<f32>,
    /// `(channels, components)`.
    pub(crate) pan_gains: Array2<f32>,
    pub(crate) columns: Vec<Column>,
    parts: Vec<Part>,
}

impl LowRank {
    /// A part from its factors; every channel gets them alike.
    ///
    /// Templates are `(bins, components)`, activations `(components, frames)`.
    ///
    /// # Errors
    ///
    /// - [`Error::TooShort`] if an axis is empty.
    /// - [`Error::Shape`] if the factors disagree on the number of components.
    /// - [`Error::NotNonNegative`] if a value is negative or not finite.
    pub fn from_factors(
        name: &str,
        templates: ArrayView2<'_, f32>,
        activations: ArrayView2<'_, f32>,
        channels: usize,
    ) -> Result<Self, Error> {
        let (bins, components) = templates.dim();
        let frames = activations.ncols();
        for (what, actual) in [
            ("the model's components", components),
            ("the model's bins", bins),
            ("the model's frames", frames),
            ("the model's channels", channels),
        ] {
            if actual == 0 {
                return Err(Error::TooShort {
                    what,
                    needed: 1,
                    actual,
                });
            }
        }
        if activations.nrows() != components {
            return Err(Error::Shape {
                what: "the array of activations",
                expected: vec![components, frames],
                actual: activations.shape().to_vec(),
            });
        }
        check_non_negative(
            "the array of templates",
            templates.indexed_iter().map(|((f, k), &v)| ([f, k], v)),
        )?;
        check_non_negative(
            "the array of activations",
            activations.indexed_iter().map(|((k, t), &v)| ([k, t], v)),
        )?;
        Ok(Self {
            templates: templates.t().as_standard_layout().into_owned(),
            activations: activations.t().as_standard_layout().into_owned(),
            pan_gains: Array2::ones((channels, components)),
            columns: vec![Column::default(); components],
            parts: vec![Part {
                name: name.to_owned(),
                components: 0..components,
            }],
        })
    }

    /// One part from factors as they lie in memory.
    pub(super) fn of_parts(
        name: &str,
        templates: Array2<f32>,
        activations: Array2<f32>,
        pan_gains: Array2<f32>,
        columns: Vec<Column>,
    ) -> Self {
        let parts = vec![Part {
            name: name.to_owned(),
            components: 0..columns.len(),
        }];
        Self {
            templates,
            activations,
            pan_gains,
            columns,
            parts,
        }
    }

    /// The templates W, `(bins, components)`.
    #[must_use]
    pub fn templates(&self) -> ArrayView2<'_, f32> {
        self.templates.t()
    }

    /// The activations H, `(components, frames)`.
    #[must_use]
    pub fn activations(&self) -> ArrayView2<'_, f32> {
        self.activations.t()
    }

    /// The pan gains, `(components, channels)`; their mean over the channels is one.
    #[must_use]
    pub fn pan_gains(&self) -> ArrayView2<'_, f32> {
        self.pan_gains.t()
    }

    /// The roles and penalties of every component.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The parts that were stacked, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The number of components.
    #[must_use]
    pub fn components(&self) -> usize {
        self.templates.nrows()
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.templates.ncols()
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.activations.nrows()
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.pan_gains.nrows()
    }

    /// Give the part another name; the parts that were stacked become one.
    #[must_use]
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.parts = vec![Part {
            name: name.to_owned(),
            components: 0..self.components(),
        }];
        self
    }

    /// Multiply all activations.
    pub(crate) fn scale_activations(&mut self, factor: f32) {
        self.activations.mapv_inplace(|h| h * factor);
    }

    /// Set the role of all templates.
    #[must_use]
    pub fn with_templates(mut self, update: Update) -> Self {
        self.columns
            .iter_mut()
            .for_each(|column| column.templates = update);
        self
    }

    /// Set the role of all activations.
    #[must_use]
    pub fn with_activations(mut self, update: Update) -> Self {
        self.columns
            .iter_mut()
            .for_each(|column| column.activations = update);
        self
    }

    /// Set the role of all pan gains.
    #[must_use]
    pub fn with_pan(mut self, update: Update) -> Self {
        self.columns
            .iter_mut()
            .for_each(|column| column.pan = update);
        self
    }

    /// Set the penalties of all components.
    #[must_use]
    pub fn with_penalties(mut self, penalties: Penalties) -> Self {
        self.columns
            .iter_mut()
            .for_each(|column| column.penalties = penalties);
        self
    }

    /// Set the roles and penalties of every component.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if there are not as many as components.
    pub fn with_columns(mut self, columns: &[Column]) -> Result<Self, Error> {
        if columns.len() != self.components() {
            return Err(Error::Shape {
                what: "the list of columns",
                expected: vec![self.components()],
                actual: vec![columns.len()],
            });
        }
        self.columns = columns.to_vec();
        Ok(self)
    }

    /// Start from given pan gains, `(components, channels)`.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if their shape is another.
    /// - [`Error::NotNonNegative`] if a value is negative or not finite.
    pub fn with_pan_gains(mut self, gains: ArrayView2<'_, f32>) -> Result<Self, Error> {
        let expected = [self.components(), self.channels()];
        if gains.shape() != expected {
            return Err(Error::Shape {
                what: "the array of pan gains",
                expected: expected.to_vec(),
                actual: gains.shape().to_vec(),
            });
        }
        check_non_negative(
            "the array of pan gains",
            gains.indexed_iter().map(|((k, c), &v)| ([k, c], v)),
        )?;
        self.pan_gains = gains.t().as_standard_layout().into_owned();
        Ok(self)
    }

    /// Let activations be other than zero only where `allowed` says so, `(components, frames)`.
    ///
    /// Multiplicative steps keep a zero a zero, so setting the others to zero once is all it takes.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the mask's shape is not that of the activations.
    pub fn allow(mut self, allowed: ArrayView2<'_, bool>) -> Result<Self, Error> {
        if allowed.shape() != self.activations().shape() {
            return Err(Error::Shape {
                what: "the permission mask",
                expected: self.activations().shape().to_vec(),
                actual: allowed.shape().to_vec(),
            });
        }
        self.activations
            .zip_mut_with(&allowed.t(), |activation, allowed| {
                if !allowed {
                    *activation = 0.0;
                }
            });
        Ok(self)
    }

    /// Set another part's components behind this one's.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the parts differ in bins, frames or channels.
    pub fn stack(mut self, other: &Self) -> Result<Self, Error> {
        let shape = |part: &Self| vec![part.channels(), part.bins(), part.frames()];
        if shape(&self) != shape(other) {
            return Err(Error::Shape {
                what: "the part to be stacked",
                expected: shape(&self),
                actual: shape(other),
            });
        }
        let before = self.components();
        let join = |axis, a: &Array2<f32>, b: &Array2<f32>| {
            concatenate(Axis(axis), &[a.view(), b.view()])
                .expect("the shapes were compared just above")
                .as_standard_layout()
                .into_owned()
        };
        self.templates = join(0, &self.templates, &other.templates);
        self.activations = join(1, &self.activations, &other.activations);
        self.pan_gains = join(1, &self.pan_gains, &other.pan_gains);
        self.columns.extend_from_slice(&other.columns);
        self.parts.extend(other.parts.iter().map(|part| Part {
            name: part.name.clone(),
            components: part.components.start + before..part.components.end + before,
        }));
        Ok(self)
    }

    /// Check that the model can explain a spectrogram.
    pub(crate) fn check(&self, spectrogram: &Spectrogram) -> Result<(), Error> {
        let expected = [
            spectrogram.channels(),
            spectrogram.bins(),
            spectrogram.frames(),
        ];
        let actual = [self.channels(), self.bins(), self.frames()];
        if expected != actual {
            return Err(Error::Shape {
                what: "the model",
                expected: expected.to_vec(),
                actual: actual.to_vec(),
            });
        }
        for column in &self.columns {
            column.templates.check("templates.rate")?;
            column.activations.check("activations.rate")?;
            column.pan.check("pan.rate")?;
            column.penalties.check()?;
        }
        Ok(())
    }

    /// The templates as one channel hears them, `(components, bins)`.
    pub(crate) fn templates_heard(&self, channel: usize) -> Array2<f32> {
        let gains = self.pan_gains.row(channel);
        &self.templates * &gains.insert_axis(Axis(1))
    }

    /// The model of one channel, `(bins, frames)`: for teaching and small data, as it is as
    /// large as the spectrogram.
    ///
    /// # Panics
    ///
    /// If there is no such channel.
    #[must_use]
    pub fn model(&self, channel: usize) -> Array2<f32> {
        self.templates_heard(channel).t().dot(&self.activations.t())
    }

    /// Bring templates to a sum of one and pan gains to a mean of one; activations take the scale.
    ///
    /// Columns whose activations are fixed keep theirs. The model stays the same to rounding.
    pub(crate) fn normalize(&mut self) {
        let channels = self.channels() as f64;
        let mut loudness = vec![1.0_f32; self.components()];
        for (k, (column, loudness)) in self.columns.iter().zip(&mut loudness).enumerate() {
            if column.activations == Update::Fixed {
                continue;
            }
            let mut scale = 1.0;
            if column.templates != Update::Fixed {
                let mut row = self.templates.row_mut(k);
                let sum = sum(row.as_slice().expect("templates are contiguous"));
                if sum > 0.0 {
                    let inverse = 1.0 / sum;
                    row.mapv_inplace(|w| (f64::from(w) * inverse) as f32);
                    scale *= sum;
                }
            }
            if column.pan != Update::Fixed {
                let mean = self
                    .pan_gains
                    .column(k)
                    .iter()
                    .map(|&g| f64::from(g))
                    .sum::<f64>()
                    / channels;
                if mean > 0.0 {
                    self.pan_gains
                        .column_mut(k)
                        .mapv_inplace(|g| (f64::from(g) / mean) as f32);
                    scale *= mean;
                }
            }
            *loudness = scale as f32;
        }
        // Multiplying by one leaves every bit of a fixed column in place.
        for mut row in self.activations.outer_iter_mut() {
            row.iter_mut()
                .zip(&loudness)
                .for_each(|(h, loudness)| *h *= loudness);
        }
    }
}

/// The sum in f64, eight numbers side by side: a single sum would wait for itself.
pub(crate) fn sum(values: &[f32]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&x| f64::from(x)).sum::<f64>()
}
