//! Arrays of any length come in; as many values as the picture has pixels go out.
//!
//! A pixel of a spectrogram is the **mean magnitude** over the area it covers, bins and frames cut
//! off at its edges included. The mean, not the maximum, because it is linear: the pixels of W·H
//! are then exactly the pixels' templates times the pixels' activations, so that the model is drawn
//! without ever being computed in full, and the spectrogram and its model stay comparable at any
//! zoom (the maximum of a noisy spectrogram grows with the number of frames under a pixel, that
//! of its smooth model does not). Where pixels are smaller than bins or frames, they show them as
//! the boxes they are: no detail is invented. An activation's curve is an envelope instead, the
//! **maximum** under each pixel as in any waveform display, so that a single hit keeps its height.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::Error;

/// Which pixels every cell (bin or frame) of an axis falls on, and how much of each it fills.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    pixels: usize,
    /// Of every cell the first pixel and its weights; the weights of a pixel add up to one.
    cells: Vec<(usize, Vec<f32>)>,
}

impl Coverage {
    /// The coverage of `pixels` equal pixels by cells whose edges lie at `edges` (rising, one more
    /// than cells), as positions of which 0 to 1 is in the picture.
    pub(crate) fn new(pixels: usize, edges: impl IntoIterator<Item = f64>) -> Self {
        let mut edges = edges
            .into_iter()
            .map(|edge| edge.clamp(0.0, 1.0) * pixels as f64);
        let mut low = edges.next().unwrap_or(0.0);
        let mut covered = vec![0.0_f64; pixels];
        let mut cells = Vec::new();
        for high in edges {
            let (first, last) = (low.floor() as usize, high.ceil() as usize);
            let mut weights = Vec::new();
            for (pixel, covered) in covered.iter_mut().enumerate().take(last).skip(first) {
                let weight = (high.min(pixel as f64 + 1.0) - low.max(pixel as f64)).max(0.0);
                *covered += weight;
                weights.push(weight as f32);
            }
            cells.push((first, weights));
            low = high;
        }
        // Rounding, and pixels that the cells reach only in part.
        for (first, weights) in &mut cells {
            for (weight, covered) in weights.iter_mut().zip(&covered[*first..]) {
                *weight = if *covered > 0.0 {
                    (f64::from(*weight) / covered) as f32
                } else {
                    0.0
                };
            }
        }
        Self { pixels, cells }
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Add one line of cells to its pixels.
    fn reduce<'a>(&self, line: impl Iterator<Item = &'a f32>, pixels: &mut [f32]) {
        for ((first, weights), value) in self.cells.iter().zip(line) {
            for (pixel, weight) in pixels[*first..].iter_mut().zip(weights) {
                *pixel += weight * value;
            }
        }
    }
}

/// Mean magnitudes on the pixels of a picture, collected line by line; row 0 is the lowest bin.
#[derive(Debug, Clone)]
pub(crate) struct AreaMean<'a> {
    bins: &'a Coverage,
    frames: &'a Coverage,
    pixels: Array2<f32>,
    line: Vec<f32>,
}

impl<'a> AreaMean<'a> {
    pub(crate) fn new(bins: &'a Coverage, frames: &'a Coverage) -> Self {
        let line = vec![0.0; bins.pixels.max(frames.pixels)];
        Self {
            bins,
            frames,
            pixels: Array2::zeros((bins.pixels, frames.pixels)),
            line,
        }
    }

    /// Add all frames of a bin.
    pub(crate) fn add_bin(&mut self, bin: usize, values: &ArrayView1<'_, f32>) {
        let line = &mut self.line[..self.frames.pixels];
        let (first, weights) = &self.bins.cells[bin];
        if weights.is_empty() {
            return;
        }
        line.fill(0.0);
        self.frames.reduce(values.iter(), line);
        for (row, weight) in weights.iter().enumerate() {
            for (pixel, value) in self.pixels.row_mut(first + row).iter_mut().zip(&*line) {
                *pixel += weight * value;
            }
        }
    }

    /// Add all bins of a frame.
    pub(crate) fn add_frame(&mut self, frame: usize, values: &ArrayView1<'_, f32>) {
        let line = &mut self.line[..self.bins.pixels];
        let (first, weights) = &self.frames.cells[frame];
        if weights.is_empty() {
            return;
        }
        line.fill(0.0);
        self.bins.reduce(values.iter(), line);
        for (column, weight) in weights.iter().enumerate() {
            for (pixel, value) in self
                .pixels
                .column_mut(first + column)
                .iter_mut()
                .zip(&*line)
            {
                *pixel += weight * value;
            }
        }
    }

    /// The pixels, `(rows from the lowest bin, columns)`.
    pub(crate) fn into_pixels(self) -> Array2<f32> {
        self.pixels
    }
}

/// The mean magnitude on every pixel of a spectrogram `(bins, frames)`, read once in the order it
/// lies in memory.
///
/// # Errors
///
/// [`unbraid::Error::NotNonNegative`], naming `what`.
pub(crate) fn area_mean(
    what: &'static str,
    spectrogram: &ArrayView2<'_, f32>,
    bins: &Coverage,
    frames: &Coverage,
) -> Result<Array2<f32>, Error> {
    debug_assert_eq!(spectrogram.dim(), (bins.len(), frames.len()));
    let mut pixels = AreaMean::new(bins, frames);
    let by_bins = spectrogram.strides()[1].abs() <= spectrogram.strides()[0].abs();
    for (index, line) in spectrogram
        .axis_iter(Axis(usize::from(!by_bins)))
        .enumerate()
    {
        check_line(what, &line, |at| {
            if by_bins {
                vec![index, at]
            } else {
                vec![at, index]
            }
        })?;
        if by_bins {
            pixels.add_bin(index, &line);
        } else {
            pixels.add_frame(index, &line);
        }
    }
    Ok(pixels.into_pixels())
}

/// The mean over the pixels' bins of every column of `templates`: `(pixels, components)`.
pub(crate) fn reduce_templates(templates: &ArrayView2<'_, f32>, bins: &Coverage) -> Array2<f32> {
    let mut reduced = Array2::zeros((bins.pixels, templates.ncols()));
    let mut line = vec![0.0; bins.pixels];
    for (template, mut column) in templates.columns().into_iter().zip(reduced.columns_mut()) {
        line.fill(0.0);
        bins.reduce(template.iter(), &mut line);
        column
            .iter_mut()
            .zip(&line)
            .for_each(|(pixel, value)| *pixel = *value);
    }
    reduced
}

/// The mean over the pixels' frames of every row of `activations`: `(components, pixels)`.
pub(crate) fn reduce_activations(
    activations: &ArrayView2<'_, f32>,
    frames: &Coverage,
) -> Array2<f32> {
    reduce_templates(&activations.t(), frames).reversed_axes()
}

/// The least and the greatest value under each of `pixels` pixels that cover all values evenly.
pub(crate) fn envelope(values: &ArrayView1<'_, f32>, pixels: usize) -> Vec<(f32, f32)> {
    let len = values.len();
    let under = |pixel: usize| {
        let (low, high) = (pixel * len / pixels, ((pixel + 1) * len).div_ceil(pixels));
        let part = values.slice(ndarray::s![low..high]);
        (
            part.fold(f32::INFINITY, |a, b| a.min(*b)),
            part.fold(f32::NEG_INFINITY, |a, b| a.max(*b)),
        )
    };
    (0..pixels).map(under).collect()
}

/// Refuse anything but finite values of at least zero.
///
/// # Errors
///
/// [`unbraid::Error::NotNonNegative`], naming `what`.
pub(crate) fn check(what: &'static str, values: &ArrayView2<'_, f32>) -> Result<(), Error> {
    for (index, line) in values.rows().into_iter().enumerate() {
        check_line(what, &line, |at| vec![index, at])?;
    }
    Ok(())
}

fn check_line(
    what: &'static str,
    line: &ArrayView1<'_, f32>,
    at: impl Fn(usize) -> Vec<usize>,
) -> Result<(), Error> {
    let legal = |value: &f32| *value >= 0.0 && value.is_finite();
    // Without an early exit the pass over legal data, the usual case, is vectorised.
    if line.iter().fold(true, |all, value| all & legal(value)) {
        return Ok(());
    }
    let (index, value) = line
        .iter()
        .enumerate()
        .find(|(_, value)| !legal(value))
        .unwrap_or((0, &line[0]));
    Err(Error::Input(unbraid::Error::NotNonNegative {
        what,
        value: f64::from(*value),
        at: at(index),
    }))
}

#[cfg(test)]
mod tests {
    use ndarray::{ShapeBuilder, array};

    use super::*;

    /// Sums of a few f32 products.
    const TOLERANCE: f32 = 1e-5;

    fn even(cells: usize, pixels: usize) -> Coverage {
        Coverage::new(pixels, (0..=cells).map(|edge| edge as f64 / cells as f64))
    }

    fn assert_close(actual: &Array2<f32>, expected: &Array2<f32>) {
        assert_eq!(actual.dim(), expected.dim());
        for ((at, a), e) in actual.indexed_iter().zip(expected) {
            assert!(
                (a - e).abs() <= TOLERANCE * e.abs().max(1.0),
                "{at:?}: {a} instead of {e}"
            );
        }
    }

    #[test]
    fn a_pixel_is_the_mean_over_the_area_it_covers() {
        let values = array![[1.0, 3.0, 0.0, 0.0], [5.0, 7.0, 0.0, 12.0]];
        let pixels = area_mean("v", &values.view(), &even(2, 1), &even(4, 2)).unwrap();
        assert_close(&pixels, &array![[4.0, 3.0]]);
        // Three cells on two pixels: the middle one is shared.
        let pixels = area_mean(
            "v",
            &array![[2.0, 4.0, 8.0]].view(),
            &even(1, 1),
            &even(3, 2),
        )
        .unwrap();
        assert_close(
            &pixels,
            &array![[(2.0 + 4.0 / 2.0) / 1.5, (4.0 / 2.0 + 8.0) / 1.5]],
        );
    }

    #[test]
    fn few_cells_are_drawn_as_boxes() {
        let pixels = area_mean("v", &array![[1.0, 2.0]].view(), &even(1, 2), &even(2, 4)).unwrap();
        assert_close(&pixels, &array![[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]);
    }

    #[test]
    fn the_order_in_memory_makes_no_difference() {
        let rows = Array2::from_shape_fn((5, 7), |(f, t)| (f * 7 + t) as f32);
        let mut columns = Array2::zeros((5, 7).f());
        columns.assign(&rows);
        let of = |v: &Array2<f32>| area_mean("v", &v.view(), &even(5, 3), &even(7, 4)).unwrap();
        assert_close(&of(&rows), &of(&columns));
    }

    #[test]
    fn pixels_of_the_product_are_the_product_of_the_pixels() {
        let w = Array2::from_shape_fn((9, 2), |(f, k)| (f * (k + 1)) as f32);
        let h = Array2::from_shape_fn((2, 11), |(k, t)| ((t * 3 + k) % 5) as f32);
        let (bins, frames) = (even(9, 4), even(11, 3));
        let product = area_mean("v", &w.dot(&h).view(), &bins, &frames).unwrap();
        let reduced =
            reduce_templates(&w.view(), &bins).dot(&reduce_activations(&h.view(), &frames));
        assert_close(&reduced, &product);
    }

    #[test]
    fn cells_outside_the_picture_do_not_show() {
        let coverage = Coverage::new(2, [-1.0, 0.0, 0.5, 1.0, 2.0]);
        let pixels = area_mean(
            "v",
            &array![[9.0, 1.0, 2.0, 9.0]].view(),
            &even(1, 1),
            &coverage,
        )
        .unwrap();
        assert_close(&pixels, &array![[1.0, 2.0]]);
    }

    #[test]
    fn a_single_hit_keeps_its_height_in_an_envelope() {
        let mut values = ndarray::Array1::<f32>::zeros(1000);
        values[501] = 0.75;
        let envelope = envelope(&values.view(), 10);
        assert_eq!(envelope[5], (0.0, 0.75));
        assert!(
            envelope
                .iter()
                .enumerate()
                .all(|(i, pair)| i == 5 || *pair == (0.0, 0.0))
        );
    }

    #[test]
    fn an_envelope_of_few_values_repeats_them() {
        let pairs = envelope(&array![1.0, -2.0].view(), 4);
        assert_eq!(pairs, [(1.0, 1.0), (1.0, 1.0), (-2.0, -2.0), (-2.0, -2.0)]);
    }

    #[test]
    fn illegal_values_are_refused_with_their_place() {
        for value in [f32::NAN, f32::INFINITY, -1.0] {
            let mut values = Array2::zeros((3, 4));
            values[[2, 1]] = value;
            let error = area_mean("v", &values.view(), &even(3, 2), &even(4, 2)).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("[2, 1]"), "{text}");
            assert_eq!(check("v", &values.view()).unwrap_err().to_string(), text);
        }
    }
}
