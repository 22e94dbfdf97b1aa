//! A dictionary comes in; a picture of its templates goes out, and a page that shows it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ndarray::{Array2, Axis as ArrayAxis};
use unbraid::knowledge::{Dictionary, SLICES_SECS};

use crate::Error;
use crate::canvas::{Anchor, Canvas, Style, escape};
use crate::color::INK;
use crate::frame::{self, LABEL, MARGIN, PAGE_WIDTH};
use crate::geometry::{Axis, Rect};
use crate::raster::{self, Coverage};

/// Room for the labels of frequencies, and for the colour bar.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 66.0;
const PANEL: f64 = 200.0;
const HEADING: f64 = 40.0;
/// Between two labels of notes.
const NOTE_SPACING: f64 = 34.0;

/// Draw a dictionary: for every slice of life a panel, in it a column for every template, from the lowest note to the highest,
/// the layers of loudness of each note side by side from soft to loud; each in dB below its own peak, in magma.
///
/// # Errors
///
/// [`Error::Encode`] if an image cannot be encoded.
///
/// # Examples
///
/// ```
/// use unbraid::StftConfig;
/// use unbraid::knowledge::{Example, Provenance, learn};
/// use unbraid_report::dictionary_svg;
///
/// let samples = (0..16_000)
///     .map(|n| (f64::from(n) * 0.345_575).sin() as f32 * (-f64::from(n) / 4000.0).exp() as f32)
///     .collect();
/// let example = Example::new(samples, 8000)?.with_note(69.0);
/// let piano = learn("piano", vec![example], StftConfig::with_fft_len(512), 8000, Provenance::default())?;
/// let svg = dictionary_svg("one note", &piano).unwrap();
/// assert!(svg.contains("aria-label=\"A4\""));
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn dictionary_svg(title: &str, dictionary: &Dictionary) -> Result<String, Error> {
    let atoms = dictionary.atoms();
    let slices: BTreeSet<usize> = atoms.iter().map(|atom| atom.slice).collect();
    let height = MARGIN + 30.0 + slices.len() as f64 * (PANEL + HEADING) + 44.0;
    let mut canvas = Canvas::new(PAGE_WIDTH, height);
    frame::title(&mut canvas, title);
    let fft_len = dictionary.stft().fft_len;
    let axis = Axis::frequency(dictionary.sample_rate(), fft_len);
    let bin_hz = f64::from(dictionary.sample_rate()) / fft_len as f64;
    let bins = dictionary.templates().nrows();
    let edges = (0..=bins).map(|edge| axis.position((edge as f64 - 0.5) * bin_hz));
    let rows = Coverage::new(frame::pixels(PANEL), edges);
    let width = PAGE_WIDTH - 2.0 * MARGIN - LEFT - RIGHT;
    for (place, &slice) in slices.iter().enumerate() {
        let top = MARGIN + 30.0 + HEADING + place as f64 * (PANEL + HEADING);
        let panel = Rect::new(MARGIN + LEFT, top, width, PANEL);
        let mut shown: Vec<usize> = (0..atoms.len())
            .filter(|&k| atoms[k].slice == slice)
            .collect();
        // What has no pitch stands last.
        let order = |k: usize| (atoms[k].note.unwrap_or(f32::INFINITY), atoms[k].velocity);
        shown.sort_by(|&a, &b| {
            let ((a, soft), (b, loud)) = (order(a), order(b));
            a.total_cmp(&b).then(soft.total_cmp(&loud))
        });
        let label = life(slice);
        frame::heading(
            &mut canvas,
            panel,
            &label,
            "each template in dB below its own peak",
        );
        let templates = dictionary.templates().select(ArrayAxis(1), &shown);
        let mut pixels = raster::reduce_templates(&templates.view(), &rows);
        for mut column in pixels.columns_mut() {
            let peak = column.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(*x));
            column /= peak;
        }
        let columns = frame::pixels(width).max(shown.len());
        let wide = Array2::from_shape_fn((pixels.nrows(), columns), |(row, x)| {
            pixels[[row, x * shown.len() / columns]]
        });
        frame::spectrogram(&mut canvas, panel, &wide, 1.0, &label)?;
        frame::border(&mut canvas, panel);
        frame::frequency_axis(&mut canvas, panel, &axis);
        frame::color_bar(&mut canvas, panel.right() + 14.0, panel)?;
        if place + 1 == slices.len() {
            let keys: Vec<Option<u8>> = shown.iter().map(|&k| atoms[k].key()).collect();
            note_axis(&mut canvas, panel, &keys);
        }
    }
    Ok(canvas.finish(title))
}

/// The page that `explain` writes of a dictionary: what it is, line by line, and its picture.
///
/// # Errors
///
/// As [`dictionary_svg`].
pub fn dictionary_html(
    title: &str,
    lines: &[String],
    dictionary: &Dictionary,
) -> Result<String, Error> {
    let svg = dictionary_svg(title, dictionary)?;
    let mut list = String::new();
    for line in lines {
        let _ = writeln!(list, "<li>{}</li>", escape(line));
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}}svg{{width:100%;height:auto}}</style>\n\
         </head>\n<body>\n<h1>{0}</h1>\n<ul>\n{list}</ul>\n\
         <p>A template says how much of each frequency a sound has. Every note has one for each slice of its life and each layer of loudness: \
         a separation adds them up, each as loud as it is heard.</p>\n{svg}</body>\n</html>\n",
        escape(title)
    ))
}

/// A slice of life in words.
fn life(slice: usize) -> String {
    let names = ["Attack", "Early decay", "Decay", "Late decay", "Ringing"];
    let name = names.get(slice).copied().unwrap_or("Later");
    match SLICES_SECS.get(slice) {
        Some((from, to)) => format!("{name}: {:.0} to {:.0} ms", 1000.0 * from, 1000.0 * to),
        None => name.to_owned(),
    }
}

/// The names of notes under the columns, as many as there is room for.
fn note_axis(canvas: &mut Canvas, panel: Rect, keys: &[Option<u8>]) {
    const NAMES: [&str; 12] = [
        "C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B",
    ];
    let style = Style {
        anchor: Anchor::Middle,
        ..LABEL
    };
    let step = panel.width / keys.len().max(1) as f64;
    let mut lines = Vec::new();
    let mut last = f64::NEG_INFINITY;
    let mut first = 0;
    while first < keys.len() {
        let count = keys[first..]
            .iter()
            .take_while(|key| **key == keys[first])
            .count();
        let x = panel.x + (first as f64 + 0.5 * count as f64) * step;
        if x - last >= NOTE_SPACING {
            let name = keys[first].map_or("no pitch".to_owned(), |key| {
                let octave = i32::from(key) / 12 - 1;
                format!("{}{octave}", NAMES[usize::from(key % 12)])
            });
            lines.push([x, panel.bottom(), x, panel.bottom() + 6.0]);
            canvas.text(x, panel.bottom() + 20.0, &name, style);
            last = x;
        }
        first += count;
    }
    canvas.lines(&lines, INK, 1.0);
}
