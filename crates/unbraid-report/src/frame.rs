//! What every picture shares comes from here: text styles, spectrogram panels, axes, colour bars.

use ndarray::Array2;

use crate::Error;
use crate::canvas::{Anchor, Canvas, Style};
use crate::color::{self, INK, PAPER, Rgb, SOFT};
use crate::geometry::{Axis, Rect};
use crate::image::Indexed;
use crate::text::Weight;

/// The width of every picture in its own units; heights follow from the content.
pub(crate) const PAGE_WIDTH: f64 = 1200.0;
/// White around the picture.
pub(crate) const MARGIN: f64 = 28.0;
/// Pixels of embedded images per unit: sharp at the usual two pixels per unit, and small enough.
pub(crate) const PIXELS_PER_UNIT: f64 = 1.5;
/// What spectrograms show, in dB below the loudest pixel.
pub(crate) const RANGE_DB: f32 = 80.0;
/// Steps of the colour scale: 0.63 dB each, below what the eye tells apart.
const LEVELS: usize = 128;
/// Between tick labels above each other.
const LABEL_SPACING: f64 = 15.5;
/// Width of a colour bar.
const BAR_WIDTH: f64 = 13.0;

const fn style(size: f64, weight: Weight, color: Rgb, anchor: Anchor) -> Style {
    Style {
        size,
        weight,
        color,
        anchor,
    }
}

/// The picture's title.
pub(crate) const TITLE: Style = style(21.0, Weight::SemiBold, INK, Anchor::Start);
/// The title of a panel.
pub(crate) const HEADING: Style = style(15.0, Weight::SemiBold, INK, Anchor::Start);
/// Tick labels.
pub(crate) const LABEL: Style = style(12.5, Weight::Regular, INK, Anchor::End);
/// Units and remarks.
pub(crate) const NOTE: Style = style(12.5, Weight::Regular, SOFT, Anchor::Start);

/// Half the height of a capital letter: how far a baseline lies below the middle of a label.
pub(crate) fn half_capital(size: f64) -> f64 {
    0.357 * size
}

/// Pixels of an image that covers a length.
pub(crate) fn pixels(length: f64) -> usize {
    (length * PIXELS_PER_UNIT).round().max(1.0) as usize
}

/// A heading over a panel with a remark after it, cut to the panel's width.
pub(crate) fn heading(canvas: &mut Canvas, panel: Rect, title: &str, note: &str) {
    let y = panel.y - 9.0;
    canvas.text(panel.x, y, title, HEADING);
    let x = panel.x + canvas.fonts.width(title, HEADING.size, HEADING.weight) + 10.0;
    let note = canvas
        .fonts
        .fit(note, NOTE.size, NOTE.weight, panel.right() - x);
    if !note.is_empty() && note != "…" {
        canvas.text(x, y, &note, NOTE);
    }
}

/// The title line of a picture, cut to its width.
pub(crate) fn title(canvas: &mut Canvas, text: &str) {
    let text = canvas
        .fonts
        .fit(text, TITLE.size, TITLE.weight, PAGE_WIDTH - 2.0 * MARGIN);
    canvas.text(MARGIN, MARGIN + 16.0, &text, TITLE);
}

/// Magnitudes as levels of the colour scale, `RANGE_DB` below `peak` and less being the lowest.
pub(crate) fn levels(
    magnitudes: &Array2<f32>,
    peak: f32,
    range_db: f32,
    levels: usize,
) -> Array2<u8> {
    let top = (levels - 1) as f32;
    magnitudes.mapv(|magnitude| {
        if magnitude <= 0.0 || peak <= 0.0 {
            return 0;
        }
        let below_db = 20.0 * (magnitude / peak).log10();
        (top * (1.0 + below_db / range_db)).round().clamp(0.0, top) as u8
    })
}

/// A spectrogram in its panel: the image and its outline. Row 0 of `magnitudes` is the lowest.
///
/// # Errors
///
/// [`Error::Encode`].
pub(crate) fn spectrogram(
    canvas: &mut Canvas,
    panel: Rect,
    magnitudes: &Array2<f32>,
    peak: f32,
    label: &str,
) -> Result<(), Error> {
    let pixels = levels(magnitudes, peak, RANGE_DB, LEVELS);
    canvas.image(
        panel,
        &Indexed {
            pixels,
            palette: color::magma(LEVELS),
        },
        label,
    )
}

/// Frequency ticks at the left edge of a panel, labelled; the unit stands above.
pub(crate) fn frequency_axis(canvas: &mut Canvas, panel: Rect, axis: &Axis) {
    frequency_marks(canvas, panel.x, -1.0, panel, axis);
    for tick in axis.frequency_ticks(panel.height, LABEL_SPACING) {
        if !tick.label.is_empty() {
            let y = panel.bottom() - tick.at * panel.height + half_capital(LABEL.size);
            canvas.text(panel.x - 10.0, y, &tick.label, LABEL);
        }
    }
    canvas.text(
        panel.x - 10.0,
        panel.y - 9.0,
        "Hz",
        Style {
            color: SOFT,
            ..LABEL
        },
    );
}

/// Frequency ticks without labels at `x`, pointing to the left (−1) or the right (1).
pub(crate) fn frequency_marks(canvas: &mut Canvas, x: f64, side: f64, panel: Rect, axis: &Axis) {
    let ticks = axis.frequency_ticks(panel.height, LABEL_SPACING);
    let lines = |named: bool, length: f64| -> Vec<[f64; 4]> {
        ticks
            .iter()
            .filter(|tick| tick.label.is_empty() != named)
            .map(|tick| {
                let y = panel.bottom() - tick.at * panel.height;
                [x, y, x + side * length, y]
            })
            .collect()
    };
    canvas.lines(&lines(true, 6.0), INK, 1.0);
    canvas.lines(&lines(false, 3.0), SOFT, 0.8);
}

/// Time ticks at the lower edge of a panel, and if `labelled` what they say, the unit below.
pub(crate) fn time_axis(canvas: &mut Canvas, panel: Rect, axis: &Axis, labelled: bool) {
    let ticks = axis.linear_ticks(10);
    let length = if labelled { 6.0 } else { 4.0 };
    let lines: Vec<[f64; 4]> = ticks
        .iter()
        .map(|tick| {
            let x = panel.x + tick.at * panel.width;
            [x, panel.bottom(), x, panel.bottom() + length]
        })
        .collect();
    canvas.lines(&lines, INK, 1.0);
    if !labelled {
        return;
    }
    for tick in &ticks {
        let x = panel.x + tick.at * panel.width;
        canvas.text(
            x,
            panel.bottom() + 20.0,
            &minus(&tick.label),
            Style {
                anchor: Anchor::Middle,
                ..LABEL
            },
        );
    }
    let middle = panel.x + panel.width / 2.0;
    canvas.text(
        middle,
        panel.bottom() + 39.0,
        "time in seconds",
        Style {
            anchor: Anchor::Middle,
            ..LABEL
        },
    );
}

/// The colour scale of spectrograms at `x`, as high as a panel.
///
/// # Errors
///
/// [`Error::Encode`].
pub(crate) fn color_bar(canvas: &mut Canvas, x: f64, panel: Rect) -> Result<(), Error> {
    let bar = Rect::new(x, panel.y, BAR_WIDTH, panel.height);
    let pixels = Array2::from_shape_fn((LEVELS, 1), |(level, _)| level as u8);
    canvas.image(
        bar,
        &Indexed {
            pixels,
            palette: color::magma(LEVELS),
        },
        "colour scale in dB",
    )?;
    canvas.outline(bar, INK, 1.0);
    let range = f64::from(RANGE_DB);
    let axis = Axis::linear(-range, 0.0);
    // Steps of 20 dB, of 40 where a short bar has no room for them.
    let ticks = axis.linear_ticks_every(if panel.height < 100.0 { 40.0 } else { 20.0 });
    let mut lines = Vec::new();
    for tick in &ticks {
        let y = bar.bottom() - tick.at * bar.height;
        lines.push([bar.right(), y, bar.right() + 4.0, y]);
        let text = minus(&tick.label);
        let label = Style {
            anchor: Anchor::Start,
            ..LABEL
        };
        canvas.text(
            bar.right() + 8.0,
            y + half_capital(LABEL.size),
            &text,
            label,
        );
    }
    canvas.lines(&lines, INK, 1.0);
    canvas.text(bar.x, panel.y - 9.0, "dB", NOTE);
    Ok(())
}

/// A number with a true minus sign.
pub(crate) fn minus(text: &str) -> String {
    if text == "-0" {
        "0".to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// An outline round a panel whose content reaches its edges.
pub(crate) fn border(canvas: &mut Canvas, panel: Rect) {
    canvas.outline(panel, INK, 1.0);
}

/// A panel's white ground.
pub(crate) fn ground(canvas: &mut Canvas, panel: Rect) {
    canvas.fill(panel, PAPER);
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn levels_count_decibels_below_the_peak() {
        let magnitudes = array![[1.0, 0.1, 0.01, 1e-9, 0.0, 5.0]];
        assert_eq!(
            levels(&magnitudes, 1.0, 80.0, 81),
            array![[80, 60, 40, 0, 0, 80]]
        );
    }

    #[test]
    fn silence_is_the_lowest_level() {
        assert_eq!(levels(&array![[0.0, 0.0]], 0.0, 80.0, 128), array![[0, 0]]);
    }
}
