//! A spectrogram, its templates and its activations come in; the picture of the factorisation goes
//! out.

mod draw;
mod layout;

use ndarray::ArrayView2;

use crate::Error;
use crate::error::{config, shape, too_short};
use crate::geometry::Axis;
use crate::raster::{self, Coverage};
use layout::Layout;

/// The components that make up one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceOfComponents<'a> {
    /// What the listener calls it.
    pub name: &'a str,
    /// Its components, numbered from 0.
    pub components: &'a [usize],
}

/// What [`factorization_svg`] draws.
///
/// # Shapes
///
/// | | shape | meaning |
/// |---|---|---|
/// | `spectrogram` | `(bins, frames)` | magnitude V, ≥ 0 |
/// | `templates` | `(bins, components)` | W, ≥ 0 |
/// | `activations` | `(components, frames)` | H, ≥ 0 |
/// | `model`, if given | `(bins, frames)` | ≥ 0 |
///
/// `bins` is `fft_len / 2 + 1`. The scale of the spectrogram does not matter: levels are shown
/// relative to its peak.
#[derive(Debug, Clone, Copy)]
pub struct FactorizationPicture<'a> {
    /// The title, cut off where it is wider than the picture.
    pub title: &'a str,
    /// V, the magnitude that was explained.
    pub spectrogram: ArrayView2<'a, f32>,
    /// The model, if it is more than `templates` times `activations`; without it their product is
    /// drawn, and never computed in full.
    pub model: Option<ArrayView2<'a, f32>>,
    /// W, one column per component.
    pub templates: ArrayView2<'a, f32>,
    /// H, one row per component.
    pub activations: ArrayView2<'a, f32>,
    /// The sample rate in Hz.
    pub sample_rate: u32,
    /// The length of the transform in samples; even.
    pub fft_len: usize,
    /// The distance of frames in samples; frame `t` is centred at sample `t * hop_len`.
    pub hop_len: usize,
    /// Who is who, where known: colours and legend. Components of no source are drawn grey.
    pub sources: &'a [SourceOfComponents<'a>],
}

/// Draw a factorisation: the spectrogram V, the templates W beside it on the same frequency axis,
/// the activations H below it on the same time axis, and the model W·H on the same axes and colour
/// scale as V.
///
/// - V and W·H: magnitude in dB below the loudest pixel of V, 80 dB deep, in magma; every pixel is
///   the mean magnitude over its area, so that both stay comparable in recordings of any length.
/// - W: each column in dB below its own peak, 60 dB deep, white to its source's colour.
/// - H: each row relative to its own peak, linear; an envelope where frames are finer than the
///   picture. As that hides how strong a component is, its share of the model's magnitude stands
///   beside it.
///
/// The SVG is 1200 units wide, self-contained and below 1.5 MB. Time goes with the size of the
/// spectrogram, which is read once and not copied.
///
/// # Errors
///
/// - [`unbraid::Error::Shape`], [`unbraid::Error::TooShort`] if arrays do not fit together or
///   hold nothing.
/// - [`unbraid::Error::NotNonNegative`] if an array holds a negative value, NaN or an infinity.
/// - [`unbraid::Error::Config`] if a length or rate is zero, `fft_len` is odd, or a source names
///   a component that does not exist or that another source has.
/// - [`Error::Encode`] if an image cannot be encoded.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid_report::{FactorizationPicture, SourceOfComponents, factorization_svg};
///
/// let templates = array![[0.0, 0.1], [1.0, 0.2], [0.5, 0.9]];
/// let activations = array![[1.0, 0.5, 0.2, 0.1], [0.0, 1.0, 0.0, 1.0]];
/// let svg = factorization_svg(&FactorizationPicture {
///     title: "two components",
///     spectrogram: templates.dot(&activations).view(),
///     model: None,
///     templates: templates.view(),
///     activations: activations.view(),
///     sample_rate: 8000,
///     fft_len: 4,
///     hop_len: 2,
///     sources: &[SourceOfComponents { name: "drums", components: &[1] }],
/// })?;
/// assert!(svg.starts_with("<svg"));
/// # Ok::<(), unbraid_report::Error>(())
/// ```
///
/// # References
///
/// - P. Smaragdis, J. C. Brown, *Non-negative matrix factorization for polyphonic music
///   transcription*, WASPAA 2003, figures 2 to 4: templates beside, activations along time.
pub fn factorization_svg(picture: &FactorizationPicture<'_>) -> Result<String, Error> {
    check(picture)?;
    let (bins, frames) = picture.spectrogram.dim();
    let layout = Layout::new(picture.templates.ncols());

    let frequency = Axis::frequency(picture.sample_rate, picture.fft_len);
    let bin_hz = f64::from(picture.sample_rate) / picture.fft_len as f64;
    let hop_secs = picture.hop_len as f64 / f64::from(picture.sample_rate);
    let time = Axis::linear(-0.5 * hop_secs, (frames as f64 - 0.5) * hop_secs);

    // A bin or frame reaches halfway to its neighbours.
    let edges = |cells: usize| (0..=cells).map(|edge| edge as f64 - 0.5);
    let panel = layout.spectrogram;
    let bin_edges = edges(bins).map(|edge| frequency.position(edge * bin_hz));
    let bin_coverage = Coverage::new(crate::frame::pixels(panel.height), bin_edges);
    let frame_edges = edges(frames).map(|edge| time.position(edge * hop_secs));
    let frame_coverage = Coverage::new(crate::frame::pixels(panel.width), frame_edges);

    let spectrogram = raster::area_mean(
        "the spectrogram",
        &picture.spectrogram,
        &bin_coverage,
        &frame_coverage,
    )?;
    let templates = raster::reduce_templates(&picture.templates, &bin_coverage);
    let model = match picture.model {
        Some(model) => raster::area_mean("the model", &model, &bin_coverage, &frame_coverage)?,
        None => templates.dot(&raster::reduce_activations(
            &picture.activations,
            &frame_coverage,
        )),
    };
    draw::draw(&draw::Drawing {
        picture,
        layout: &layout,
        frequency,
        time,
        spectrogram,
        model,
        templates,
    })
}

fn check(picture: &FactorizationPicture<'_>) -> Result<(), Error> {
    let FactorizationPicture {
        spectrogram,
        templates,
        activations,
        ..
    } = picture;
    for (field, given) in [
        ("sample_rate", picture.sample_rate as usize),
        ("stft.fft_len", picture.fft_len),
        ("stft.hop_len", picture.hop_len),
    ] {
        if given == 0 {
            return Err(config(field, given, "at least 1"));
        }
    }
    if picture.fft_len % 2 == 1 {
        return Err(config("stft.fft_len", picture.fft_len, "even"));
    }
    let (bins, frames) = spectrogram.dim();
    let components = templates.ncols();
    if frames == 0 {
        return Err(too_short("the spectrogram"));
    }
    if components == 0 {
        return Err(too_short("the components of the templates"));
    }
    let expected_bins = picture.fft_len / 2 + 1;
    let mut shapes = vec![
        ("the spectrogram", [expected_bins, frames], [bins, frames]),
        (
            "the templates",
            [expected_bins, components],
            templates.dim().into(),
        ),
        (
            "the activations",
            [components, frames],
            activations.dim().into(),
        ),
    ];
    shapes.extend(
        picture
            .model
            .map(|model| ("the model", [bins, frames], model.dim().into())),
    );
    for (what, expected, actual) in shapes {
        if expected != actual {
            return Err(shape(what, &expected, &actual));
        }
    }
    // The spectrogram and the model are checked while they are read, once.
    raster::check("the templates", templates)?;
    raster::check("the activations", activations)?;

    let mut owner = vec![None; components];
    for source in picture.sources {
        for component in source.components {
            let given = || format!("component {component} in `{}`", source.name);
            match owner.get_mut(*component) {
                None => {
                    return Err(config(
                        "sources",
                        given(),
                        format!("a component below {components}"),
                    ));
                }
                Some(Some(())) => return Err(config("sources", given(), "in one source only")),
                Some(free) => *free = Some(()),
            }
        }
    }
    Ok(())
}
