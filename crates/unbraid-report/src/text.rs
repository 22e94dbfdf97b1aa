//! Words come in; outlines of an embedded font go out, so that a picture reads the same everywhere.
//!
//! An SVG `<text>` is drawn in whatever font the viewer has: labels move, overlap or vanish. Here
//! text is shaped (kerning, accents) and drawn as paths of Noto Sans. Characters the font lacks are
//! drawn as boxes; the words themselves stay in the picture as `aria-label`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use harfrust::{ShapeOptions, ShaperData, UnicodeBuffer};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};

static REGULAR: &[u8] = include_bytes!("../fonts/NotoSans-Regular.subset.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("../fonts/NotoSans-SemiBold.subset.ttf");

/// How heavy the letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Regular,
    SemiBold,
}

/// One font, ready to shape text.
struct Face {
    font: FontRef<'static>,
    shaper: ShaperData,
    units_per_em: f64,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Self {
        let font = FontRef::new(bytes).expect("the embedded font is a font; a test draws with it");
        let shaper = ShaperData::new(&font);
        let units_per_em = f64::from(shaper.shaper(&font).build().units_per_em());
        Self {
            font,
            shaper,
            units_per_em,
        }
    }
}

/// A glyph where shaping put it, in units of the font.
struct Placed {
    glyph: u32,
    x: i32,
    y: i32,
}

/// Both weights of the font, and every glyph that was used.
pub(crate) struct Fonts {
    regular: Face,
    semi_bold: Face,
    used: BTreeMap<(Weight, u32), String>,
}

impl Fonts {
    pub(crate) fn new() -> Self {
        Self {
            regular: Face::new(REGULAR),
            semi_bold: Face::new(SEMI_BOLD),
            used: BTreeMap::new(),
        }
    }

    fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::SemiBold => &self.semi_bold,
        }
    }

    fn shape(&self, text: &str, weight: Weight) -> (Vec<Placed>, i32) {
        let face = self.face(weight);
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = face
            .shaper
            .shaper(&face.font)
            .build()
            .shape(buffer, ShapeOptions::new());
        let mut at = 0;
        let mut placed = Vec::with_capacity(shaped.len());
        for (info, position) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
            placed.push(Placed {
                glyph: info.glyph_id,
                x: at + position.x_offset,
                y: position.y_offset,
            });
            at += position.x_advance;
        }
        (placed, at)
    }

    /// How wide a text is at a size, both in units of the picture.
    pub(crate) fn width(&self, text: &str, size: f64, weight: Weight) -> f64 {
        f64::from(self.shape(text, weight).1) * size / self.face(weight).units_per_em
    }

    /// The text, its end replaced by an ellipsis where it is wider than `room`.
    pub(crate) fn fit(&self, text: &str, size: f64, weight: Weight, room: f64) -> String {
        if self.width(text, size, weight) <= room {
            return text.to_owned();
        }
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let shortened = |keep: usize| format!("{}…", text[..ends[keep]].trim_end());
        // Width grows with every character kept, so the longest that fits is found by halving.
        let keep = ends.partition_point(|end| {
            self.width(&format!("{}…", text[..*end].trim_end()), size, weight) <= room
        });
        shortened(keep.saturating_sub(1))
    }

    /// The glyphs of a text as SVG elements with its start on the baseline at the origin, in units
    /// of the font with y downwards; the factor to units of the picture; the width in them.
    pub(crate) fn outline(&mut self, text: &str, size: f64, weight: Weight) -> (String, f64, f64) {
        let (placed, advance) = self.shape(text, weight);
        let scale = size / self.face(weight).units_per_em;
        let mut elements = String::new();
        for Placed { glyph, x, y } in placed {
            if !self.used.contains_key(&(weight, glyph)) {
                let path = self.path(glyph, weight);
                self.used.insert((weight, glyph), path);
            }
            if self.used[&(weight, glyph)].is_empty() {
                continue; // a space
            }
            let id = glyph_id(weight, glyph);
            let _ = write!(elements, "<use href=\"#{id}\"");
            if x != 0 {
                let _ = write!(elements, " x=\"{x}\"");
            }
            if y != 0 {
                let _ = write!(elements, " y=\"{}\"", -y);
            }
            elements.push_str("/>");
        }
        (elements, scale, f64::from(advance) * scale)
    }

    fn path(&self, glyph: u32, weight: Weight) -> String {
        let mut pen = PathPen::default();
        if let Some(outline) = self
            .face(weight)
            .font
            .outline_glyphs()
            .get(GlyphId::new(glyph))
        {
            let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
            // A glyph that cannot be drawn is left out like a space.
            if outline.draw(settings, &mut pen).is_err() {
                pen.data.clear();
            }
        }
        pen.data
    }

    /// Every glyph that was used, as the content of `<defs>`.
    pub(crate) fn definitions(&self) -> String {
        let mut definitions = String::new();
        for ((weight, glyph), path) in self.used.iter().filter(|(_, path)| !path.is_empty()) {
            let _ = writeln!(
                definitions,
                "<path id=\"{}\" d=\"{path}\"/>",
                glyph_id(*weight, *glyph)
            );
        }
        definitions
    }
}

fn glyph_id(weight: Weight, glyph: u32) -> String {
    match weight {
        Weight::Regular => format!("r{glyph}"),
        Weight::SemiBold => format!("b{glyph}"),
    }
}

/// Collects an outline as SVG path data; SVG's y axis points down, the font's up.
#[derive(Default)]
struct PathPen {
    data: String,
}

impl OutlinePen for PathPen {
    fn move_to(&mut self, x: f32, y: f32) {
        let _ = write!(self.data, "M{x} {}", -y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let _ = write!(self.data, "L{x} {}", -y);
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let _ = write!(self.data, "Q{cx0} {} {x} {}", -cy0, -y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let _ = write!(self.data, "C{cx0} {} {cx1} {} {x} {}", -cy0, -cy1, -y);
    }

    fn close(&mut self) {
        self.data.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_the_pictures_use_is_in_both_fonts() {
        let fonts = Fonts::new();
        for weight in [Weight::Regular, Weight::SemiBold] {
            let charmap = fonts.face(weight).font.charmap();
            for character in "0123456789−·…–%(),.:kHzdBVWsÄéßøžőΛя".chars() {
                assert!(
                    charmap.map(character).is_some(),
                    "{character} in {weight:?}"
                );
            }
        }
    }

    #[test]
    fn width_grows_with_size_and_length() {
        let fonts = Fonts::new();
        let width = |text, size| fonts.width(text, size, Weight::Regular);
        assert!(width("", 12.0).abs() < 1e-12);
        assert!((width("drums", 24.0) - 2.0 * width("drums", 12.0)).abs() < 1e-9);
        assert!(width("drumsticks", 12.0) > width("drums", 12.0));
    }

    #[test]
    fn a_text_too_wide_ends_in_an_ellipsis_and_fits() {
        let fonts = Fonts::new();
        let fit = |text: &str, room| fonts.fit(text, 12.0, Weight::Regular, room);
        assert_eq!(fit("drums", 100.0), "drums");
        let short = fit("a very long name of a recording – größer", 100.0);
        assert!(
            short.starts_with("a very") && short.ends_with('…'),
            "{short}"
        );
        assert!(fonts.width(&short, 12.0, Weight::Regular) <= 100.0);
        assert_eq!(fit("drums", 0.0), "…");
    }

    #[test]
    fn accents_typed_as_separate_characters_sit_where_composed_ones_do() {
        let fonts = Fonts::new();
        let composed = fonts.width("é", 12.0, Weight::Regular);
        let separate = fonts.width("e\u{301}", 12.0, Weight::Regular);
        assert!(
            (composed - separate).abs() < 1e-9,
            "{composed} and {separate}"
        );
    }

    #[test]
    fn a_glyph_used_twice_is_defined_once() {
        let mut fonts = Fonts::new();
        let (elements, _, _) = fonts.outline("oo o", 12.0, Weight::Regular);
        assert_eq!(elements.matches("<use").count(), 3);
        assert_eq!(fonts.definitions().matches("<path").count(), 1);
    }
}
