//! A recording and its factorisation come in; one self-contained page that explains both, with pictures and
//! sound, goes out.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ndarray::ArrayView2;
use serde_json::json;

use crate::Error;
use crate::color::source_color;
use crate::error::{config, shape, too_short};
use crate::factorization::SourceOfComponents;

const HTML: &str = include_str!("../assets/explain.html");
const CSS: &str = include_str!("../assets/explain.css");
const DSP: &str = include_str!("../assets/dsp.js");
const PAGE: &str = include_str!("../assets/page.js");

/// What [`explain_html`] shows.
///
/// # Shapes
///
/// | | shape | meaning |
/// |---|---|---|
/// | `samples` | `(channels, samples)` | the recording; channels from the third on are not played |
/// | `templates` | `(bins, components)` | W, ≥ 0 |
/// | `activations` | `(components, frames)` | H, ≥ 0 |
#[derive(Debug, Clone, Copy)]
pub struct ExplainPage<'a> {
    /// What the recording is called.
    pub title: &'a str,
    /// The recording.
    pub samples: ArrayView2<'a, f32>,
    /// W.
    pub templates: ArrayView2<'a, f32>,
    /// H.
    pub activations: ArrayView2<'a, f32>,
    /// The sample rate in Hz.
    pub sample_rate: u32,
    /// The length of the transform and of its Hann window in samples; a power of two.
    pub fft_len: usize,
    /// The distance of frames in samples.
    pub hop_len: usize,
    /// Who is who; every component belongs to one source.
    pub sources: &'a [SourceOfComponents<'a>],
    /// Why each component went where it went.
    pub reasons: &'a [String],
    /// With true stems: how much of each component belongs to one of them, 0 to 1.
    pub purities: Option<&'a [f64]>,
    /// With true stems: a chart of methods ([`comparison_svg`](crate::comparison_svg)).
    pub comparison_svg: Option<&'a str>,
    /// With true stems: a table about two sources on one pitch: milliseconds between onsets, SI-SDR in dB, purity.
    pub onsets: &'a [[f64; 3]],
    /// How the factorisation was made, for the last lines.
    pub made: &'a str,
}

/// Write the page.
///
/// It holds the recording in 16 bits and the factors, and computes every component's and every stem's sound when it is
/// played (Web Audio); it loads nothing from anywhere. For 15 seconds of stereo at 44.1 kHz it is below 5 MB.
///
/// # Errors
///
/// - [`unbraid::Error::Shape`], [`unbraid::Error::TooShort`] if arrays do not fit together or hold nothing.
/// - [`unbraid::Error::Config`] if `fft_len` is no power of two.
pub fn explain_html(page: &ExplainPage<'_>) -> Result<String, Error> {
    let (bins, components) = page.templates.dim();
    let frames = page.activations.ncols();
    if page.samples.is_empty() || components == 0 || frames == 0 {
        return Err(too_short("the recording or its factorisation"));
    }
    if !page.fft_len.is_power_of_two() {
        return Err(config(
            "stft.fft_len",
            page.fft_len,
            "a power of two, for the page to transform sound",
        ));
    }
    if bins != page.fft_len / 2 + 1 {
        return Err(shape(
            "the array of templates",
            &[page.fft_len / 2 + 1, components],
            &[bins, components],
        ));
    }
    if page.activations.nrows() != components {
        return Err(shape(
            "the array of activations",
            &[components, frames],
            page.activations.shape(),
        ));
    }
    let channels = page.samples.nrows().min(2);
    let mut pcm = Vec::with_capacity(2 * channels * page.samples.ncols());
    for sample in page.samples.columns() {
        for value in sample.iter().take(channels) {
            let value = (value * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
            pcm.extend_from_slice(&value.to_le_bytes());
        }
    }
    let floats = |values: &mut dyn Iterator<Item = f32>| {
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        STANDARD.encode(bytes)
    };
    let sources: Vec<_> = page
        .sources
        .iter()
        .enumerate()
        .map(|(index, source)| {
            json!({ "name": source.name, "color": hex(source_color(index)), "components": source.components })
        })
        .collect();
    let data = json!({
        "sampleRate": page.sample_rate,
        "fftLen": page.fft_len,
        "hopLen": page.hop_len,
        "channels": channels,
        "components": components,
        "bins": bins,
        "frames": frames,
        "sources": sources,
        "reasons": page.reasons,
        "purities": page.purities,
        "samples": STANDARD.encode(pcm),
        // Component after component.
        "templates": floats(&mut page.templates.t().iter().copied()),
        "activations": floats(&mut page.activations.iter().copied()),
    });
    // A name may hold anything; no text can end the element it stands in.
    let data = data.to_string().replace('<', "\\u003c");
    let legend: Vec<String> = page
        .sources
        .iter()
        .enumerate()
        .map(|(index, source)| {
            format!(
                "<div style=\"--c:{}\"><span class=\"key\"></span>{}</div>",
                hex(source_color(index)),
                escape(source.name)
            )
        })
        .collect();
    let fields = [
        ("@TITLE@", escape(page.title)),
        ("@K@", components.to_string()),
        ("@CELLS@", thousands(bins * frames)),
        ("@FREE@", thousands(components * (bins + frames))),
        ("@LEGEND@", legend.concat()),
        ("@NUMBERS@", numbers(page)),
        ("@MADE@", escape(page.made)),
        ("@CSS@", CSS.to_owned()),
        ("@DSP@", DSP.to_owned()),
        ("@PAGE@", PAGE.to_owned()),
        ("@DATA@", data),
    ];
    Ok(filled(HTML, &fields))
}

/// Put the fields into the text in one pass, so that no field's content is taken for a field.
fn filled(text: &str, fields: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(
        text.len() + fields.iter().map(|(_, value)| value.len()).sum::<usize>(),
    );
    let mut rest = text;
    while let Some((at, (name, value))) = fields
        .iter()
        .filter_map(|field| Some((rest.find(field.0)?, field)))
        .min_by_key(|(at, _)| *at)
    {
        out.push_str(&rest[..at]);
        out.push_str(value);
        rest = &rest[at + name.len()..];
    }
    out.push_str(rest);
    out
}

/// What the true stems tell.
fn numbers(page: &ExplainPage<'_>) -> String {
    let Some(chart) = page.comparison_svg else {
        return String::new();
    };
    let mut text = format!(
        "<h2>How well did it go?</h2>\n<p>For this recording the true stems are known. The bars are the mean \
         signal-to-distortion ratio (SDR) of the stems of several methods, in dB: 0 is what the unchanged mixture scores, \
         10 means that the wrong is ten times weaker than the right. Light bars look at the answer: they show what \
         filters, groups of components and masks can reach at best.</p>\n<div class=\"chart\">{chart}</div>\n"
    );
    if !page.onsets.is_empty() {
        text.push_str(
            "<p>And the experiment of the next section, measured on made signals: two sources on one pitch, two components, \
             given to the sources by the true stems.</p>\n<table><tr><th>onsets apart</th><th>SI-SDR</th><th>purity</th></tr>",
        );
        for [gap_ms, sdr_db, purity] in page.onsets {
            let _ = write!(
                text,
                "<tr><td>{gap_ms:.0} ms</td><td>{sdr_db:.1} dB</td><td>{:.0} %</td></tr>",
                100.0 * purity
            );
        }
        text.push_str("</table>\n");
    }
    text
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Such as 1 178 112.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn page(title: &str, fft_len: usize) -> Result<String, Error> {
        let samples = Array2::from_elem((2, 64), 0.5_f32);
        let (templates, activations) = (Array2::ones((9, 2)), Array2::ones((2, 9)));
        explain_html(&ExplainPage {
            title,
            samples: samples.view(),
            templates: templates.view(),
            activations: activations.view(),
            sample_rate: 8000,
            fft_len,
            hop_len: 8,
            sources: &[SourceOfComponents {
                name: "</script>",
                components: &[0, 1],
            }],
            reasons: &["@DATA@".to_owned()],
            purities: Some(&[0.5, 1.0]),
            comparison_svg: Some("<svg></svg>"),
            onsets: &[[20.0, 3.0, 0.8]],
            made: "by a test",
        })
    }

    #[test]
    fn a_page_is_whole_loads_nothing_and_no_name_breaks_out() {
        let html = page("<b>Mine & yours</b>", 16).unwrap();
        assert!(html.contains("<h1>&lt;b&gt;Mine &amp; yours&lt;/b&gt;, taken apart</h1>"));
        assert_eq!(html.matches("</script>").count(), 3);
        assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));
        for field in ["@K@", "@CSS@", "@LEGEND@", "@NUMBERS@"] {
            assert!(!html.contains(field), "{field}");
        }
        assert!(html.contains("<td>20 ms</td><td>3.0 dB</td><td>80 %</td>"));
    }

    #[test]
    fn what_the_page_cannot_transform_is_refused() {
        let error = page("x", 15).unwrap_err();
        assert!(error.to_string().contains("power of two"), "{error}");
        assert!(page("x", 32).unwrap_err().to_string().contains("templates"));
        assert_eq!(thousands(1_178_112), "1\u{202f}178\u{202f}112");
    }
}
