//! Shapes and words come in; an SVG document goes out.

use std::fmt::Write as _;

use crate::Error;
use crate::color::Rgb;
use crate::geometry::Rect;
use crate::image::Indexed;
use crate::text::{Fonts, Weight};

/// Which point of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) color: Rgb,
    pub(crate) anchor: Anchor,
}

/// A page that is being drawn.
pub(crate) struct Canvas {
    width: f64,
    height: f64,
    body: String,
    pub(crate) fonts: Fonts,
}

impl Canvas {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
            fonts: Fonts::new(),
        }
    }

    /// A filled rectangle.
    pub(crate) fn fill(&mut self, rect: Rect, color: Rgb) {
        let _ = writeln!(self.body, "<rect {} fill=\"{}\"/>", place(rect), hex(color));
    }

    /// The outline of a rectangle.
    pub(crate) fn outline(&mut self, rect: Rect, color: Rgb, width: f64) {
        let _ = writeln!(
            self.body,
            "<rect {} fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>",
            place(rect),
            hex(color),
            number(width)
        );
    }

    /// Straight lines of one colour and width, each from (x, y) to (x, y).
    pub(crate) fn lines(&mut self, lines: &[[f64; 4]], color: Rgb, width: f64) {
        if lines.is_empty() {
            return;
        }
        let mut data = String::new();
        for [x0, y0, x1, y1] in lines {
            let _ = write!(
                data,
                "M{} {}L{} {}",
                number(*x0),
                number(*y0),
                number(*x1),
                number(*y1)
            );
        }
        let _ = writeln!(
            self.body,
            "<path d=\"{data}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>",
            hex(color),
            number(width)
        );
    }

    /// A filled shape from path data.
    pub(crate) fn shape(&mut self, data: &str, color: Rgb) {
        let _ = writeln!(self.body, "<path d=\"{data}\" fill=\"{}\"/>", hex(color));
    }

    /// An image stretched over a rectangle; `label` says in words what it shows.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] if it cannot be encoded.
    pub(crate) fn image(&mut self, rect: Rect, image: &Indexed, label: &str) -> Result<(), Error> {
        let uri = image.data_uri()?;
        let _ = writeln!(
            self.body,
            "<image {} preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\" href=\"{uri}\"/>",
            place(rect),
            escape(label)
        );
        Ok(())
    }

    /// A line of text with its baseline at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, text: &str, style: Style) {
        let Style {
            size,
            weight,
            color,
            anchor,
        } = style;
        let (glyphs, scale, width) = self.fonts.outline(text, size, weight);
        let x = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let _ = writeln!(
            self.body,
            "<g role=\"img\" aria-label=\"{}\" fill=\"{}\" transform=\"translate({} {}) scale({:.5})\">{glyphs}</g>",
            escape(text),
            hex(color),
            number(x),
            number(y),
            scale
        );
    }

    /// The document, named by `title`.
    pub(crate) fn finish(self, title: &str) -> String {
        let (width, height) = (number(self.width), number(self.height.ceil()));
        let paper = hex(crate::color::PAPER);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<defs>\n{}</defs>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{paper}\"/>\n{}</svg>\n",
            escape(title),
            self.fonts.definitions(),
            self.body
        )
    }
}

/// A coordinate with at most two decimals.
pub(crate) fn number(value: f64) -> String {
    let mut text = format!("{value:.2}");
    let kept = text.trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(kept);
    if text == "-0" { "0".to_owned() } else { text }
}

fn place(rect: Rect) -> String {
    format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(rect.x),
        number(rect.y),
        number(rect.width),
        number(rect.height)
    )
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text as XML may hold it; characters XML 1.0 forbids become the replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (1.0, "1"),
            (-0.001, "0"),
            (0.126, "0.13"),
            (-2.50, "-2.5"),
            (100.0, "100"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn text_that_looks_like_markup_or_is_no_xml_stays_text() {
        assert_eq!(escape("a<b>&\"\u{1}"), "a&lt;b&gt;&amp;&quot;\u{fffd}");
    }
}
