//! A mixture and its stems come in; a picture of all of them on one time axis goes out.

mod track;

use ndarray::ArrayView2;

use crate::Error;
use crate::canvas::{Canvas, Style, number};
use crate::color::{self, FAINT, INK, Rgb};
use crate::error::{config, shape, too_short};
use crate::frame::{self, HEADING, MARGIN, PAGE_WIDTH};
use crate::geometry::{Axis, Rect};
use track::Track;

/// A source rendered to audio.
#[derive(Debug, Clone, Copy)]
pub struct StemTrack<'a> {
    /// What the listener calls the source.
    pub name: &'a str,
    /// Its samples, `(channels, samples)` as the mixture's.
    pub samples: ArrayView2<'a, f32>,
}

/// What [`stems_svg`] draws.
#[derive(Debug, Clone, Copy)]
pub struct StemsPicture<'a> {
    /// The title, cut off where it is wider than the picture.
    pub title: &'a str,
    /// The recording that was taken apart, `(channels, samples)`.
    pub mixture: ArrayView2<'a, f32>,
    /// Its stems, in the order of the sources: the n-th has the colour `source_color(n)`.
    pub stems: &'a [StemTrack<'a>],
    /// The sample rate in Hz.
    pub sample_rate: u32,
}

/// Left of the panels, for frequencies.
const LABELS: f64 = 50.0;
/// Right of the panels, for colour bars.
const RIGHT: f64 = 52.0;
const GAP: f64 = 14.0;
/// Height of a waveform.
const WAVEFORM: f64 = 54.0;
/// Above a waveform, for the name.
const NAME: f64 = 36.0;
/// Height of all spectrograms together, as far as each stays within the next two.
const SPECTROGRAMS: f64 = 480.0;
const SPECTROGRAM_MOST: f64 = 150.0;
const SPECTROGRAM_LEAST: f64 = 56.0;

/// Draw a mixture and its stems below each other: of each the waveform over its spectrogram, all
/// on one time axis, one amplitude scale and one colour scale.
///
/// - Waveforms: the least and greatest sample of all channels under each pixel; full height is the
///   greatest sample of any track.
/// - Spectrograms: magnitude (Hann window of about 46 ms, mean of the channels) in dB below the
///   mixture's loudest pixel, 80 dB deep, mean over each pixel's area. They are made for the eye,
///   one frame at a time, and are not the ones a model was fitted to.
///
/// The SVG is 1200 units wide, self-contained and, up to ten tracks, below 1.5 MB.
///
/// # Errors
///
/// - [`unbraid::Error::TooShort`] if the mixture holds nothing.
/// - [`unbraid::Error::Shape`] if a stem's shape is not the mixture's.
/// - [`unbraid::Error::NotFinite`] if a sample is NaN or infinite.
/// - [`unbraid::Error::Config`] if the sample rate is zero.
/// - [`Error::Encode`] if an image cannot be encoded.
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid_report::{StemTrack, StemsPicture, stems_svg};
///
/// let drums = Array2::from_shape_fn((1, 4000), |(_, n)| if n % 1000 < 9 { 0.8 } else { 0.0 });
/// let bass = Array2::from_shape_fn((1, 4000), |(_, n)| 0.2 * (n as f32 * 0.1).sin());
/// let svg = stems_svg(&StemsPicture {
///     title: "half a second",
///     mixture: (&drums + &bass).view(),
///     stems: &[
///         StemTrack { name: "drums", samples: drums.view() },
///         StemTrack { name: "bass", samples: bass.view() },
///     ],
///     sample_rate: 8000,
/// })?;
/// assert!(svg.contains("aria-label=\"bass\""));
/// # Ok::<(), unbraid_report::Error>(())
/// ```
pub fn stems_svg(picture: &StemsPicture<'_>) -> Result<String, Error> {
    check(picture)?;
    let count = picture.stems.len() + 1;
    let height = (SPECTROGRAMS / count as f64).clamp(SPECTROGRAM_LEAST, SPECTROGRAM_MOST);
    let x = MARGIN + LABELS;
    let width = PAGE_WIDTH - MARGIN - RIGHT - GAP - x;
    let top = MARGIN + 30.0;
    let pitch = NAME + WAVEFORM + height + 10.0;
    let page_height = top + count as f64 * pitch + 44.0 + MARGIN / 2.0;

    let rate = f64::from(picture.sample_rate);
    let time = Axis::linear(0.0, picture.mixture.ncols() as f64 / rate);
    let fft_len = track::fft_len(picture.sample_rate);
    let frequency = Axis::frequency(picture.sample_rate, fft_len);

    let mut named: Vec<(&str, Rgb, ArrayView2<'_, f32>)> = vec![("mixture", INK, picture.mixture)];
    for (index, stem) in picture.stems.iter().enumerate() {
        named.push((stem.name, color::source_color(index), stem.samples));
    }
    let grid = track::Grid {
        width,
        height,
        fft_len,
        frequency,
        sample_rate: picture.sample_rate,
    };
    let tracks: Vec<Track> = named
        .iter()
        .map(|(_, _, samples)| Track::new(samples, &grid))
        .collect::<Result<_, _>>()?;
    let loudest = tracks
        .iter()
        .fold(0.0_f32, |peak, track| peak.max(track.sample_peak));
    let peak = Some(tracks[0].magnitude_peak)
        .filter(|peak| *peak > 0.0)
        .unwrap_or_else(|| {
            tracks
                .iter()
                .fold(0.0, |peak, track| peak.max(track.magnitude_peak))
        });

    let mut canvas = Canvas::new(PAGE_WIDTH, page_height);
    frame::title(&mut canvas, picture.title);
    for (index, ((name, color, _), track)) in named.iter().zip(&tracks).enumerate() {
        let y = top + index as f64 * pitch + NAME;
        let wave = Rect::new(x, y, width, WAVEFORM);
        let panel = Rect::new(x, wave.bottom(), width, height);
        let style = Style {
            color: color::for_text(*color),
            ..HEADING
        };
        let label = canvas.fonts.fit(name, style.size, style.weight, width);
        canvas.text(x, y - 9.0, &label, style);
        canvas.fill(
            Rect::new(MARGIN - 6.0, wave.y, 5.0, WAVEFORM + height),
            *color,
        );

        frame::ground(&mut canvas, wave);
        draw_time_grid(&mut canvas, wave, &time);
        draw_waveform(&mut canvas, wave, track, loudest, *color);
        frame::spectrogram(
            &mut canvas,
            panel,
            &track.magnitudes,
            peak,
            &format!("spectrogram: {name}"),
        )?;
        frame::border(&mut canvas, wave);
        frame::border(&mut canvas, panel);
        frame::frequency_axis(&mut canvas, panel, &frequency);
        frame::time_axis(&mut canvas, panel, &time, index + 1 == count);
        frame::color_bar(&mut canvas, panel.right() + GAP, panel)?;
    }
    Ok(canvas.finish(picture.title))
}

fn draw_time_grid(canvas: &mut Canvas, panel: Rect, time: &Axis) {
    let lines: Vec<[f64; 4]> = time
        .linear_ticks(10)
        .iter()
        .map(|tick| panel.x + tick.at * panel.width)
        .map(|x| [x, panel.y, x, panel.bottom()])
        .collect();
    canvas.lines(&lines, FAINT, 0.8);
}

/// The band between the least and the greatest sample, never thinner than a line.
fn draw_waveform(canvas: &mut Canvas, panel: Rect, track: &Track, loudest: f32, color: Rgb) {
    let middle = panel.y + panel.height / 2.0;
    let scale = if loudest > 0.0 {
        0.46 * panel.height / f64::from(loudest)
    } else {
        0.0
    };
    let step = panel.width / track.envelope.len() as f64;
    let point = |index: usize, y: f64| {
        format!(
            "{} {}",
            number(panel.x + (index as f64 + 0.5) * step),
            number(y)
        )
    };
    let upper = track.envelope.iter().enumerate();
    let upper = upper.map(|(i, (_, top))| point(i, middle - f64::from(*top) * scale - 0.4));
    let lower = track.envelope.iter().enumerate().rev();
    let lower = lower.map(|(i, (bottom, _))| point(i, middle - f64::from(*bottom) * scale + 0.4));
    let data = format!("M{}Z", upper.chain(lower).collect::<Vec<_>>().join("L"));
    canvas.shape(&data, color);
}

fn check(picture: &StemsPicture<'_>) -> Result<(), Error> {
    if picture.sample_rate == 0 {
        return Err(config("sample_rate", 0, "at least 1 Hz"));
    }
    let (channels, samples) = picture.mixture.dim();
    if channels == 0 {
        return Err(too_short("the channels of the mixture"));
    }
    if samples == 0 {
        return Err(too_short("the mixture"));
    }
    let stems = picture.stems.iter().map(|stem| ("a stem", stem.samples));
    for (what, array) in [("the mixture", picture.mixture)].into_iter().chain(stems) {
        if array.dim() != (channels, samples) {
            let (stem_channels, stem_samples) = array.dim();
            return Err(shape(
                what,
                &[channels, samples],
                &[stem_channels, stem_samples],
            ));
        }
        // Without an early exit the pass over legal samples, the usual case, is vectorised.
        if array.fold(true, |all, value| all & value.is_finite()) {
            continue;
        }
        let illegal = array.indexed_iter().find(|(_, value)| !value.is_finite());
        if let Some(((channel, sample), value)) = illegal {
            let value = f64::from(*value);
            return Err(Error::Input(unbraid::Error::NotFinite {
                what,
                value,
                channel,
                sample,
            }));
        }
    }
    Ok(())
}
