//! Arrays of a factorisation, or the samples of stems, come in; pictures as SVG and PNG go out.
//!
//! - [`factorization_svg`] draws V ≈ W·H as the field does: the spectrogram, the templates beside
//!   it, the activations and the model below it, on shared axes.
//! - [`stems_svg`] draws a mixture and its stems, waveform and spectrogram, on one time axis.
//! - [`comparison_svg`] draws what several methods reached as bars.
//! - [`dictionary_svg`] draws the templates of a dictionary, [`dictionary_html`] a page of them.
//! - [`explain_html`] writes a page that explains a factorisation, with players.
//! - [`png()`] turns either into a bitmap.
//!
//! The pictures need nothing from the machine they are drawn or looked at on: text is drawn as
//! outlines of an embedded font (Noto Sans, SIL Open Font License 1.1, in `fonts/`),
//! spectrograms are embedded images, and no file is read or written. Colours of sources are Okabe
//! and Ito's, which colour-blind readers can tell apart; levels are drawn in magma, whose lightness
//! rises evenly. Same input, same bytes.

mod canvas;
mod color;
mod comparison;
mod dictionary;
mod error;
mod explain;
mod factorization;
mod frame;
mod geometry;
mod image;
mod raster;
mod stems;
mod text;

pub use color::source_color;
pub use comparison::{ComparisonBar, ComparisonPicture, comparison_svg};
pub use dictionary::{dictionary_html, dictionary_svg};
pub use error::Error;
pub use explain::{ExplainPage, MethodScores, OnsetScores, Truth, explain_html};
pub use factorization::{FactorizationPicture, SourceOfComponents, factorization_svg};
pub use image::png;
pub use stems::{StemTrack, StemsPicture, stems_svg};
