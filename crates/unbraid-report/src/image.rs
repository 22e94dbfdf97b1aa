//! Levels and colours come in, or a finished SVG; PNG files go out.

use base64::Engine as _;
use ndarray::Array2;
use resvg::{tiny_skia, usvg};

use crate::Error;
use crate::color::Rgb;

/// An image whose pixels are indices into a palette of at most 256 colours.
#[derive(Debug, Clone)]
pub(crate) struct Indexed {
    /// `(rows, columns)`, row 0 at the **bottom**, as frequency axes run.
    pub(crate) pixels: Array2<u8>,
    pub(crate) palette: Vec<Rgb>,
}

impl Indexed {
    /// The image as a PNG in a `data:` URI.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`].
    pub(crate) fn data_uri(&self) -> Result<String, Error> {
        let (rows, columns) = self.pixels.dim();
        debug_assert!(
            self.pixels
                .iter()
                .all(|pixel| usize::from(*pixel) < self.palette.len())
        );
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, columns as u32, rows as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(self.palette.concat());
        // Differences of indices mean nothing: indexed images compress best unfiltered.
        encoder.set_filter(png::Filter::NoFilter);
        let mut bytes = Vec::with_capacity(rows * columns);
        for row in self.pixels.rows().into_iter().rev() {
            bytes.extend(row.iter());
        }
        write(encoder, &bytes)?;
        Ok(format!(
            "data:image/png;base64,{}",
            base64::engine::general_purpose::STANDARD.encode(file)
        ))
    }
}

/// The greatest bitmap that is rendered, in pixels.
const MOST_PIXELS: f32 = 1e8;

/// Render an SVG picture as a PNG file, `width` pixels wide and as high as its shape asks for.
///
/// Made for the pictures of this crate, it draws other SVG files too, but no `<text>` (there are
/// no fonts) and no files they link to. 2400 pixels suit print and high-resolution screens: twice
/// the pictures' own unit.
///
/// # Errors
///
/// - [`Error::NotSvg`] if `svg` cannot be parsed.
/// - [`Error::Width`] if `width` is zero or the bitmap would have more than 10⁸ pixels.
/// - [`Error::Encode`] if the result cannot be encoded.
///
/// # Examples
///
/// ```
/// let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"><rect width="4" height="2" fill="#0072b2"/></svg>"##;
/// let file = unbraid_report::png(svg, 8)?;
/// assert_eq!(&file[1..4], b"PNG");
/// # Ok::<(), unbraid_report::Error>(())
/// ```
pub fn png(svg: &str, width: u32) -> Result<Vec<u8>, Error> {
    let mut options = usvg::Options::default();
    // A picture holds all it shows; links to files are not followed.
    options.image_href_resolver.resolve_string = Box::new(|_, _| None);
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| Error::NotSvg {
        reason: error.to_string(),
    })?;
    let size = tree.size();
    let scale = width as f32 / size.width();
    let height = (size.height() * scale).round().max(1.0);
    let most = (MOST_PIXELS * size.width() / size.height()).sqrt().floor() as u32;
    let pixmap = if width == 0 || width > most {
        None
    } else {
        tiny_skia::Pixmap::new(width, height as u32)
    };
    let mut pixmap = pixmap.ok_or(Error::Width { given: width, most })?;
    pixmap.fill(tiny_skia::Color::WHITE);
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(scale, scale),
        &mut pixmap.as_mut(),
    );
    // White lies below everything, so nothing is transparent and alpha can be dropped.
    let bytes: Vec<u8> = pixmap
        .data()
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    write(encoder, &bytes)?;
    Ok(file)
}

fn write(encoder: png::Encoder<'_, &mut Vec<u8>>, bytes: &[u8]) -> Result<(), Error> {
    let failed = |error: png::EncodingError| Error::Encode {
        reason: error.to_string(),
    };
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4" fill="#ff0000"/></svg>"##;

    #[test]
    fn a_png_has_the_width_asked_for_and_the_colors_drawn() {
        let file = png(SQUARE, 10).unwrap();
        let decoded = tiny_skia::Pixmap::decode_png(&file).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (10, 10));
        assert!(
            decoded
                .data()
                .chunks(4)
                .all(|pixel| pixel == [255, 0, 0, 255])
        );
    }

    #[test]
    fn impossible_widths_and_other_text_are_refused() {
        for width in [0, 10_001, u32::MAX] {
            assert_eq!(
                png(SQUARE, width),
                Err(Error::Width {
                    given: width,
                    most: 10_000
                })
            );
        }
        assert!(matches!(png("drums", 100), Err(Error::NotSvg { .. })));
    }

    #[test]
    fn row_zero_of_an_image_is_drawn_at_the_bottom() {
        let image = Indexed {
            pixels: ndarray::array![[0], [1]],
            palette: vec![[0, 0, 255], [255, 0, 0]],
        };
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="2"><image width="1" height="2" href="{}"/></svg>"#,
            image.data_uri().unwrap()
        );
        let decoded = tiny_skia::Pixmap::decode_png(&png(&svg, 1).unwrap()).unwrap();
        assert_eq!(decoded.data(), [255, 0, 0, 255, 0, 0, 255, 255]);
    }
}
