//! A checked picture, reduced to pixels, comes in; its SVG goes out.

use std::fmt::Write as _;

use ndarray::{Array2, Axis as ArrayAxis};

use super::FactorizationPicture;
use super::layout::Layout;
use crate::Error;
use crate::canvas::{Anchor, Canvas, Style, number};
use crate::color::{self, DISTINCT_SOURCES, FAINT, INK, PAPER, Rgb, SOFT, UNASSIGNED};
use crate::frame::{self, HEADING, LABEL, NOTE, PAGE_WIDTH, half_capital};
use crate::geometry::{Axis, Rect, label_stride};
use crate::image::Indexed;
use crate::raster;

/// What templates show, in dB below the peak of each.
const TEMPLATE_RANGE_DB: f32 = 60.0;
/// Steps of a template's colours: with seven sources and grey, a palette of 248.
const TEMPLATE_LEVELS: usize = 31;
/// From a colour to its name in the legend.
const INDENT: f64 = 21.0;
/// Between two lines of the legend.
const LINE: f64 = 18.0;

/// Everything there is to draw.
pub(super) struct Drawing<'a, 'b> {
    pub(super) picture: &'a FactorizationPicture<'b>,
    pub(super) layout: &'a Layout,
    pub(super) frequency: Axis,
    pub(super) time: Axis,
    /// Pixels, row 0 the lowest.
    pub(super) spectrogram: Array2<f32>,
    pub(super) model: Array2<f32>,
    /// `(pixels, components)`.
    pub(super) templates: Array2<f32>,
}

pub(super) fn draw(drawing: &Drawing<'_, '_>) -> Result<String, Error> {
    let Drawing {
        picture, layout, ..
    } = drawing;
    let mut canvas = Canvas::new(PAGE_WIDTH, layout.height);
    let owners = owners(picture);
    frame::title(&mut canvas, picture.title);
    draw_templates(&mut canvas, drawing, &owners)?;
    draw_spectrograms(&mut canvas, drawing)?;
    draw_activations(&mut canvas, drawing, &owners);
    draw_legend(&mut canvas, picture, layout.legend, &owners);
    Ok(canvas.finish(picture.title))
}

/// The source of every component.
fn owners(picture: &FactorizationPicture<'_>) -> Vec<Option<usize>> {
    let mut owners = vec![None; picture.templates.ncols()];
    for (index, source) in picture.sources.iter().enumerate() {
        for component in source.components {
            owners[*component] = Some(index);
        }
    }
    owners
}

fn color_of(owner: Option<usize>) -> Rgb {
    owner.map_or(UNASSIGNED, color::source_color)
}

fn draw_spectrograms(canvas: &mut Canvas, drawing: &Drawing<'_, '_>) -> Result<(), Error> {
    let Drawing {
        picture,
        layout,
        frequency,
        time,
        spectrogram,
        model,
        ..
    } = drawing;
    let greatest = |pixels: &Array2<f32>| pixels.fold(0.0_f32, |peak, value| peak.max(*value));
    // One scale for both, so that the same colour is the same magnitude; a silent spectrogram
    // leaves it to the model.
    let peak = Some(greatest(spectrogram))
        .filter(|peak| *peak > 0.0)
        .unwrap_or(greatest(model));
    let model_title = if picture.model.is_some() {
        "Model"
    } else {
        "Model W·H"
    };
    for (panel, pixels, title, note, last) in [
        (
            layout.spectrogram,
            spectrogram,
            "Spectrogram V",
            "magnitude in dB below its peak",
            false,
        ),
        (
            layout.model,
            model,
            model_title,
            "same colours as the spectrogram",
            true,
        ),
    ] {
        frame::heading(canvas, panel, title, note);
        frame::spectrogram(canvas, panel, pixels, peak, title)?;
        frame::border(canvas, panel);
        frame::frequency_axis(canvas, panel, frequency);
        frame::time_axis(canvas, panel, time, last);
        frame::color_bar(canvas, layout.right, panel)?;
    }
    Ok(())
}

fn draw_templates(
    canvas: &mut Canvas,
    drawing: &Drawing<'_, '_>,
    owners: &[Option<usize>],
) -> Result<(), Error> {
    let Layout {
        templates: panel,
        column,
        ..
    } = *drawing.layout;
    let palette: Vec<Rgb> = (0..DISTINCT_SOURCES)
        .map(color::source_color)
        .chain([UNASSIGNED])
        .flat_map(|color| color::ramp(color, TEMPLATE_LEVELS))
        .collect();
    // Several pixels per column, so that smoothing between pixels stays at its edges.
    let repeat = frame::pixels(column).clamp(2, 16);
    let (rows, components) = drawing.templates.dim();
    let mut pixels = Array2::zeros((rows, components * repeat));
    for (component, template) in drawing.templates.axis_iter(ArrayAxis(1)).enumerate() {
        let template = template.to_owned().insert_axis(ArrayAxis(1));
        let peak = template.fold(0.0_f32, |peak, value| peak.max(*value));
        let levels = frame::levels(&template, peak, TEMPLATE_RANGE_DB, TEMPLATE_LEVELS);
        let ramp = owners[component].map_or(DISTINCT_SOURCES, |source| source % DISTINCT_SOURCES);
        for at in 0..repeat {
            for (pixel, level) in pixels
                .column_mut(component * repeat + at)
                .iter_mut()
                .zip(&levels)
            {
                *pixel = (ramp * TEMPLATE_LEVELS) as u8 + level;
            }
        }
    }
    frame::heading(canvas, panel, "Templates W", "");
    canvas.image(panel, &Indexed { pixels, palette }, "Templates W")?;
    let line = (column / 8.0).clamp(0.6, 2.0);
    let edges: Vec<[f64; 4]> = (1..components)
        .map(|edge| panel.x + edge as f64 * column)
        .map(|x| [x, panel.y, x, panel.bottom()])
        .collect();
    canvas.lines(&edges, PAPER, line + 0.8);
    canvas.lines(&edges, FAINT, 0.5);
    frame::border(canvas, panel);
    frame::frequency_marks(canvas, panel.right(), 1.0, panel, &drawing.frequency);

    let widest = canvas
        .fonts
        .width(&(components - 1).to_string(), LABEL.size, LABEL.weight);
    let stride = label_stride(column, widest + 4.0);
    for component in (0..components).step_by(stride) {
        let x = panel.x + (component as f64 + 0.5) * column;
        let color = label_color(owners[component]);
        let style = Style {
            anchor: Anchor::Middle,
            color,
            ..LABEL
        };
        canvas.text(x, panel.bottom() + 17.0, &component.to_string(), style);
    }
    template_key(
        canvas,
        Rect::new(panel.x, panel.bottom() + 30.0, 54.0, 10.0),
    )
}

/// How dark a template is at which level.
fn template_key(canvas: &mut Canvas, place: Rect) -> Result<(), Error> {
    let pixels = Array2::from_shape_fn((1, TEMPLATE_LEVELS), |(_, level)| level as u8);
    let palette = color::ramp(UNASSIGNED, TEMPLATE_LEVELS);
    canvas.image(
        place,
        &Indexed { pixels, palette },
        "colour scale of the templates",
    )?;
    canvas.outline(place, SOFT, 0.8);
    let text = format!("−{TEMPLATE_RANGE_DB}…0 dB of its peak");
    canvas.text(place.right() + 8.0, place.bottom() - 0.5, &text, NOTE);
    Ok(())
}

fn label_color(owner: Option<usize>) -> Rgb {
    owner.map_or(INK, |source| color::for_text(color::source_color(source)))
}

fn draw_activations(canvas: &mut Canvas, drawing: &Drawing<'_, '_>, owners: &[Option<usize>]) {
    let Drawing {
        picture,
        layout,
        time,
        ..
    } = drawing;
    let Layout {
        activations: panel,
        row,
        right,
        ..
    } = **layout;
    frame::heading(
        canvas,
        panel,
        "Activations H",
        "each component relative to its peak",
    );
    frame::ground(canvas, panel);
    let grid: Vec<[f64; 4]> = time
        .linear_ticks(10)
        .iter()
        .map(|tick| panel.x + tick.at * panel.width)
        .map(|x| [x, panel.y, x, panel.bottom()])
        .collect();
    canvas.lines(&grid, FAINT, 0.8);
    let rules: Vec<[f64; 4]> = (1..owners.len())
        .map(|index| panel.y + index as f64 * row)
        .map(|y| [panel.x, y, panel.right(), y])
        .collect();
    canvas.lines(&rules, FAINT, 0.8);

    let shares = shares(picture);
    let largest = shares.iter().copied().fold(0.0, f64::max);
    let size = LABEL.size.min(row + 0.5);
    for (component, owner) in owners.iter().enumerate() {
        let base = panel.y + (component as f64 + 1.0) * row;
        let color = color_of(*owner);
        let columns = panel.width.round() as usize;
        let curve = raster::envelope(&picture.activations.row(component), columns);
        let heights: Vec<f32> = curve.into_iter().map(|(_, greatest)| greatest).collect();
        let step = panel.width / columns as f64;
        if let Some(data) = steps(&heights, panel.x, base, step, 0.92 * row) {
            canvas.shape(&data, color);
        }
        let middle = base - row / 2.0 + half_capital(size);
        let label = Style {
            size,
            color: label_color(*owner),
            ..LABEL
        };
        canvas.text(panel.x - 10.0, middle, &component.to_string(), label);
        draw_share(
            canvas,
            right,
            base - row / 2.0,
            (row, size),
            shares[component],
            largest,
            color,
        );
    }
    frame::border(canvas, panel);
    frame::time_axis(canvas, panel, time, false);
    canvas.text(right, panel.y - 9.0, "share", NOTE);
}

/// A component's share of the model: a bar, and the number.
fn draw_share(
    canvas: &mut Canvas,
    x: f64,
    middle: f64,
    (row, size): (f64, f64),
    share: f64,
    largest: f64,
    color: Rgb,
) {
    const LONGEST: f64 = 34.0;
    let length = if largest > 0.0 {
        LONGEST * share / largest
    } else {
        0.0
    };
    let thickness = (0.55 * row).min(12.0);
    canvas.fill(
        Rect::new(x, middle - thickness / 2.0, length.max(0.8), thickness),
        color,
    );
    let percent = 100.0 * share;
    let text = if percent > 0.0 && percent < 0.95 {
        "<1%".to_owned()
    } else {
        format!("{percent:.0}%")
    };
    let style = Style {
        anchor: Anchor::Start,
        size,
        color: SOFT,
        ..LABEL
    };
    canvas.text(x + length + 5.0, middle + half_capital(size), &text, style);
}

/// Every component's share of the sum of all magnitudes of W·H; zeros if that is silent.
fn shares(picture: &FactorizationPicture<'_>) -> Vec<f64> {
    let sum =
        |values: ndarray::ArrayView1<'_, f32>| values.iter().copied().map(f64::from).sum::<f64>();
    let magnitudes: Vec<f64> = picture
        .templates
        .columns()
        .into_iter()
        .zip(picture.activations.rows())
        .map(|(template, activation)| sum(template) * sum(activation))
        .collect();
    let total: f64 = magnitudes.iter().sum();
    magnitudes
        .iter()
        .map(|magnitude| if total > 0.0 { magnitude / total } else { 0.0 })
        .collect()
}

/// A filled curve of steps above a baseline, its greatest value `height` high; `None` if flat.
fn steps(values: &[f32], x: f64, base: f64, step: f64, height: f64) -> Option<String> {
    let peak = values.iter().copied().fold(0.0_f32, f32::max);
    if peak <= 0.0 {
        return None;
    }
    // In tenths of a unit: what can be seen, and equal steps compare as equal.
    let tops: Vec<i64> = values
        .iter()
        .map(|value| (10.0 * height * f64::from(value / peak)).round() as i64)
        .collect();
    let mut data = format!("M{} {}", number(x), number(base));
    for (index, top) in tops.iter().enumerate() {
        if index == 0 || tops[index - 1] != *top {
            let _ = write!(data, "V{}", number(base - *top as f64 / 10.0));
        }
        if tops.get(index + 1) != Some(top) {
            let _ = write!(data, "H{}", number(x + (index as f64 + 1.0) * step));
        }
    }
    let _ = write!(data, "V{}Z", number(base));
    Some(data)
}

/// The sources with their colours and components; nothing if there are none.
fn draw_legend(
    canvas: &mut Canvas,
    picture: &FactorizationPicture<'_>,
    place: Rect,
    owners: &[Option<usize>],
) {
    if picture.sources.is_empty() {
        return;
    }
    let free: Vec<usize> = (0..owners.len())
        .filter(|index| owners[*index].is_none())
        .collect();
    let mut entries: Vec<(&str, Option<usize>, Vec<usize>)> = picture
        .sources
        .iter()
        .enumerate()
        .map(|(index, source)| (source.name, Some(index), source.components.to_vec()))
        .collect();
    if !free.is_empty() {
        entries.push(("no source", None, free));
    }
    let room = place.width - INDENT;
    let mut y = place.y + LINE;
    canvas.text(place.x, y, "Sources", HEADING);
    let count = entries.len();
    for (index, (name, owner, mut components)) in entries.into_iter().enumerate() {
        components.sort_unstable();
        let lines = wrap(&ranges(&components), |text| {
            canvas.fonts.width(text, NOTE.size, NOTE.weight) <= room
        });
        let height = LINE * (1.0 + lines.len() as f64) + 8.0;
        if y + height > place.bottom() {
            canvas.text(
                place.x,
                y + LINE + 4.0,
                &format!("and {} more", count - index),
                NOTE,
            );
            return;
        }
        y += LINE + 8.0;
        canvas.fill(Rect::new(place.x, y - 11.0, 13.0, 13.0), color_of(owner));
        let style = Style {
            anchor: Anchor::Start,
            size: 14.0,
            ..LABEL
        };
        let name = canvas.fonts.fit(name, style.size, style.weight, room);
        canvas.text(place.x + INDENT, y, &name, style);
        for line in lines {
            y += LINE;
            canvas.text(place.x + INDENT, y, &line, NOTE);
        }
    }
}

/// Rising numbers with runs of three and more drawn together: `0`, `3–6`, `9`.
fn ranges(numbers: &[usize]) -> Vec<String> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    runs.into_iter()
        .flat_map(|(first, last)| match last - first {
            0 => vec![first.to_string()],
            1 => vec![first.to_string(), last.to_string()],
            _ => vec![format!("{first}–{last}")],
        })
        .collect()
}

/// Words joined by commas in as few lines as fit.
fn wrap(words: &[String], fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let word = if index + 1 < words.len() {
            format!("{word},")
        } else {
            word.clone()
        };
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_lists_are_short_and_complete() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 8, 10]), ["0–3", "7", "8", "10"]);
        assert!(ranges(&[]).is_empty());
        let words: Vec<String> = ["0–3", "7", "8", "10"].map(String::from).to_vec();
        assert_eq!(
            wrap(&words, |line| line.chars().count() <= 7),
            ["0–3, 7,", "8, 10"]
        );
    }

    #[test]
    fn equal_steps_are_drawn_as_one_and_silence_not_at_all() {
        let data = steps(&[0.0, 1.0, 1.0, 0.5], 10.0, 100.0, 2.0, 8.0);
        assert_eq!(data.as_deref(), Some("M10 100V100H12V92H16V96H18V100Z"));
        assert_eq!(steps(&[0.0, 0.0], 10.0, 100.0, 2.0, 8.0), None);
    }
}
