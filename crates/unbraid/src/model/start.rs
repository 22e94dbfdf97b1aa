//! A spectrogram and a number of components come in; factors to start the fit from go out.

use faer::{Mat, MatRef};
use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::LowRank;
use crate::{Error, Spectrogram};

/// Where the fit of free components starts.
///
/// NMF ends in a local minimum, so the start decides which.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start<'a> {
    /// Uniform random templates; activations follow every frame's level. Restart with other
    /// seeds and keep the best.
    Random,
    /// The positive halves of the singular vectors, with zeros filled by small random values
    /// (Boutsidis and Gallopoulos, *SVD based initialization*, Pattern Recognition 2008, variant "ar"):
    /// needs no luck, and often fewer iterations.
    Nndsvdar,
    /// Examples: given templates, `(bins, components)`, with random activations.
    Templates(ArrayView2<'a, f32>),
    /// Known envelopes: given activations, `(components, frames)`, with random templates.
    Activations(ArrayView2<'a, f32>),
}

impl LowRank {
    /// A part of free components that starts as asked.
    ///
    /// The same seed gives the same bits on every machine (`ChaCha8`).
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if `components` is zero or above the number of frames.
    /// - [`Error::Shape`] or [`Error::NotNonNegative`] if given factors do not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::Array3;
    /// use unbraid::model::{LowRank, Start};
    /// use unbraid::spectrogram::{Quantity, Spectrogram};
    ///
    /// let values = Array3::from_elem((1, 9, 20), 1.0);
    /// let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude)?;
    /// let part = LowRank::free(&spectrogram, 4, Start::Random, 0)?;
    /// assert_eq!(part.templates().dim(), (9, 4));
    /// # Ok::<(), unbraid::Error>(())
    /// ```
    pub fn free(
        spectrogram: &Spectrogram,
        components: usize,
        start: Start<'_>,
        seed: u64,
    ) -> Result<Self, Error> {
        let (bins, frames) = (spectrogram.bins(), spectrogram.frames());
        if components == 0 || components > frames {
            let requirement = format!("between 1 and the number of frames ({frames})");
            return Err(Error::config("components", components, requirement));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (templates, activations) = match start {
            Start::Random => (
                random_templates(bins, components, &mut rng),
                random_activations(spectrogram, components, &mut rng),
            ),
            Start::Nndsvdar => nndsvdar(spectrogram, components, &mut rng),
            Start::Templates(templates) => {
                check_shape("the array of templates", [bins, components], templates)?;
                (
                    templates.to_owned(),
                    random_activations(spectrogram, components, &mut rng),
                )
            }
            Start::Activations(activations) => {
                check_shape(
                    "the array of activations",
                    [components, frames],
                    activations,
                )?;
                (
                    random_templates(bins, components, &mut rng),
                    activations.to_owned(),
                )
            }
        };
        Self::from_factors(
            "free",
            templates.view(),
            activations.view(),
            spectrogram.channels(),
        )
    }
}

fn check_shape(
    what: &'static str,
    expected: [usize; 2],
    actual: ArrayView2<'_, f32>,
) -> Result<(), Error> {
    if actual.shape() == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        expected: expected.to_vec(),
        actual: actual.shape().to_vec(),
    })
}

/// Uniform in (0, 1]: a zero could never be left again.
fn uniform(rng: &mut ChaCha8Rng) -> f32 {
    const STEPS: u32 = 1 << 24;
    ((rng.next_u32() >> 8) + 1) as f32 / STEPS as f32
}

/// Random templates, `(bins, components)`, each with a sum of one.
fn random_templates(bins: usize, components: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let mut templates = Array2::from_shape_simple_fn((components, bins), || uniform(rng));
    for mut template in templates.outer_iter_mut() {
        let sum = template.sum();
        template /= sum;
    }
    templates.reversed_axes()
}

/// Random activations, `(components, frames)`, that give each frame about its own level.
fn random_activations(
    spectrogram: &Spectrogram,
    components: usize,
    rng: &mut ChaCha8Rng,
) -> Array2<f32> {
    let channels = spectrogram.channels();
    let mut activations = Array2::zeros((spectrogram.frames(), components));
    for (frame, mut row) in activations.outer_iter_mut().enumerate() {
        let level: f32 = (0..channels)
            .map(|channel| {
                spectrogram
                    .rows(channel, frame..frame + 1)
                    .iter()
                    .sum::<f32>()
            })
            .sum::<f32>()
            / channels as f32;
        // The mean of a uniform value is one half.
        let scale = 2.0 * level / components as f32;
        row.iter_mut()
            .for_each(|activation| *activation = scale * uniform(rng));
    }
    activations.reversed_axes()
}

/// Templates and activations from the leading singular vectors of the channels' mean.
fn nndsvdar(
    spectrogram: &Spectrogram,
    components: usize,
    rng: &mut ChaCha8Rng,
) -> (Array2<f32>, Array2<f32>) {
    /// Zeros become uniform values up to this share of the mean (scikit-learn's choice too).
    const FILL: f32 = 0.01;
    let (bins, frames) = (spectrogram.bins(), spectrogram.frames());
    // (bins, frames), the channels' mean.
    let mean = spectrogram
        .view()
        .mean_axis(Axis(0))
        .expect("there is a channel");
    let (left, values, right) = leading_singular(mean.view(), components, rng);
    // The data have fewer singular vectors than asked for only if an axis is that short.
    let fill = FILL * spectrogram.mean();
    let mut templates = Array2::from_shape_simple_fn((bins, components), || fill * uniform(rng));
    let mut activations =
        Array2::from_shape_simple_fn((components, frames), || fill * uniform(rng));
    for (k, value) in values.iter().enumerate().take(components) {
        let (u, v) = (left.column(k), right.column(k));
        let norm = |x: &ndarray::ArrayView1<'_, f64>, sign: f64| {
            x.iter()
                .map(|value| (value * sign).max(0.0).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        // The half of the singular pair that carries more: u⁺v⁺ᵀ or u⁻v⁻ᵀ.
        let strength = |sign| norm(&u, sign) * norm(&v, sign);
        let sign = if strength(1.0) >= strength(-1.0) {
            1.0
        } else {
            -1.0
        };
        let (nu, nv) = (norm(&u, sign), norm(&v, sign));
        if nu * nv <= 0.0 {
            continue;
        }
        let scale = (value * nu * nv).sqrt();
        for (template, value) in templates.column_mut(k).iter_mut().zip(u) {
            let value = (value * sign).max(0.0) / nu * scale;
            if value > 0.0 {
                *template = value as f32;
            }
        }
        for (activation, value) in activations.row_mut(k).iter_mut().zip(v) {
            let value = (value * sign).max(0.0) / nv * scale;
            if value > 0.0 {
                *activation = value as f32;
            }
        }
    }
    (templates, activations)
}

/// The `count` leading singular triplets of a matrix, by randomised subspace iteration
/// (Halko, Martinsson and Tropp, *Finding structure with randomness*, SIAM Review 2011, algorithm 4.4).
///
/// Returns (rows × n, n, columns × n), n at most `count`.
fn leading_singular(
    matrix: ArrayView2<'_, f32>,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> (Array2<f64>, Vec<f64>, Array2<f64>) {
    const OVERSAMPLING: usize = 8;
    const POWER_ITERATIONS: usize = 3;
    let (rows, columns) = matrix.dim();
    let width = (count + OVERSAMPLING).min(rows.min(columns));
    let start = Array2::from_shape_simple_fn((columns, width), || uniform(rng) - 0.5);
    let mut range = orthonormal(matrix.dot(&start).view());
    for _ in 0..POWER_ITERATIONS {
        let back = orthonormal(matrix.t().dot(&range).view());
        range = orthonormal(matrix.dot(&back).view());
    }
    let small = range.t().dot(&matrix); // width × columns
    let svd = to_faer(small.view()).thin_svd();
    let Ok(svd) = svd else {
        // The matrix is finite, so this does not happen; random filling is still a legal start.
        return (
            Array2::zeros((rows, 0)),
            Vec::new(),
            Array2::zeros((columns, 0)),
        );
    };
    let kept = count.min(width);
    let left = Array2::from_shape_fn((width, kept), |(i, k)| svd.U()[(i, k)]);
    let left = range.mapv(f64::from).dot(&left);
    let values = (0..kept).map(|k| svd.S()[k]).collect();
    let right = Array2::from_shape_fn((columns, kept), |(j, k)| svd.V()[(j, k)]);
    (left, values, right)
}

/// An orthonormal basis of a tall matrix's columns.
fn orthonormal(matrix: ArrayView2<'_, f32>) -> Array2<f32> {
    let q = to_faer(matrix).qr().compute_thin_Q();
    let q: MatRef<'_, f64> = q.as_ref();
    Array2::from_shape_fn((q.nrows(), q.ncols()), |(i, j)| q[(i, j)] as f32)
}

fn to_faer(matrix: ArrayView2<'_, f32>) -> Mat<f64> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        f64::from(matrix[[i, j]])
    })
}
