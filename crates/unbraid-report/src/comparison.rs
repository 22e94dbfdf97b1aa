//! Methods and what each reached come in; a bar chart goes out.

use crate::Error;
use crate::canvas::{Anchor, Canvas, Style};
use crate::color::{FAINT, INK, SOFT, source_color};
use crate::error::{config, too_short};
use crate::frame::{self, LABEL, MARGIN, NOTE, PAGE_WIDTH};
use crate::geometry::Rect;

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ComparisonBar<'a> {
    /// What the method is called.
    pub name: &'a str,
    /// What it reached, in the chart's unit.
    pub value: f64,
    /// Whether it looks at the answer: drawn light.
    pub oracle: bool,
}

/// What [`comparison_svg`] draws.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonPicture<'a> {
    /// The title, cut off where it is wider than the picture.
    pub title: &'a str,
    /// What the values are, such as `mean SDR in dB`.
    pub unit: &'a str,
    /// From top to bottom.
    pub bars: &'a [ComparisonBar<'a>],
}

const NAMES: f64 = 190.0;
const PITCH: f64 = 24.0;
const BAR: f64 = 16.0;

/// Draw a horizontal bar per method, from zero.
///
/// # Errors
///
/// [`unbraid::Error::TooShort`] if there is no bar, [`unbraid::Error::Config`] if a value is not finite.
///
/// # Examples
///
/// ```
/// use unbraid_report::{ComparisonBar, ComparisonPicture, comparison_svg};
///
/// let bars = [
///     ComparisonBar { name: "mixture", value: 0.0, oracle: false },
///     ComparisonBar { name: "nmf", value: 10.7, oracle: false },
/// ];
/// let svg = comparison_svg(&ComparisonPicture { title: "demo", unit: "mean SDR in dB", bars: &bars })?;
/// assert!(svg.starts_with("<svg"));
/// # Ok::<(), unbraid_report::Error>(())
/// ```
pub fn comparison_svg(picture: &ComparisonPicture<'_>) -> Result<String, Error> {
    if picture.bars.is_empty() {
        return Err(too_short("the list of methods"));
    }
    if let Some(bar) = picture.bars.iter().find(|bar| !bar.value.is_finite()) {
        return Err(config("value", bar.value, "a finite number"));
    }
    let least = picture
        .bars
        .iter()
        // What is written as 0.0 needs no room to the left of zero.
        .map(|bar| (10.0 * bar.value).round() / 10.0)
        .fold(0.0, f64::min);
    let most = picture
        .bars
        .iter()
        .fold(1.0_f64, |most, bar| most.max(bar.value));
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
        .into_iter()
        .find(|step| (most - least) / step <= 9.0)
        .unwrap_or(100.0);
    let (low, high) = ((least / step).floor() * step, (most / step).ceil() * step);
    let top = MARGIN + 66.0;
    let height = picture.bars.len() as f64 * PITCH;
    let panel = Rect::new(
        MARGIN + NAMES,
        top,
        PAGE_WIDTH - 2.0 * MARGIN - NAMES - 50.0,
        height,
    );
    let at = |value: f64| panel.x + (value - low) / (high - low) * panel.width;

    let mut canvas = Canvas::new(PAGE_WIDTH, top + height + 34.0 + MARGIN / 2.0);
    frame::title(&mut canvas, picture.title);
    let note = format!("{}; light: looks at the true stems", picture.unit);
    canvas.text(MARGIN, MARGIN + 40.0, &note, NOTE);
    let ticks = ((high - low) / step).round() as usize;
    for tick in 0..=ticks {
        let value = low + tick as f64 * step;
        let x = at(value);
        let color = if value == 0.0 { SOFT } else { FAINT };
        canvas.lines(&[[x, panel.y - 4.0, x, panel.bottom() + 4.0]], color, 1.0);
        let style = Style {
            anchor: Anchor::Middle,
            ..LABEL
        };
        canvas.text(x, panel.bottom() + 20.0, &signed(value, 0), style);
    }
    for (index, bar) in picture.bars.iter().enumerate() {
        let y = panel.y + index as f64 * PITCH + (PITCH - BAR) / 2.0;
        let (from, to) = (at(bar.value.min(0.0)), at(bar.value.max(0.0)));
        let color = source_color(if bar.oracle { 5 } else { 0 });
        canvas.fill(Rect::new(from, y, (to - from).max(1.0), BAR), color);
        let base = y + BAR / 2.0 + frame::half_capital(LABEL.size);
        canvas.text(panel.x - 12.0, base, bar.name, LABEL);
        let style = Style {
            anchor: Anchor::Start,
            color: INK,
            ..LABEL
        };
        canvas.text(to + 6.0, base, &signed(bar.value, 1), style);
    }
    Ok(canvas.finish(picture.title))
}

fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| c == '0' || c == '.') => zero.to_owned(),
        Some(number) => format!("−{number}"),
        None => text,
    }
}
