//! The number of components comes in; where everything stands goes out.

use crate::frame::{MARGIN, PAGE_WIDTH};
use crate::geometry::Rect;

/// Room for labels between the left and the right column; frequencies serve both neighbours.
const LABELS: f64 = 58.0;
/// Between the time panels and what explains them at the right.
const GAP: f64 = 14.0;
/// Colour bars, and the components' shares.
const RIGHT: f64 = 66.0;
/// Height of the spectrograms.
const SPECTROGRAM: f64 = 290.0;
/// Above a panel, for its heading.
const HEADING: f64 = 40.0;

/// Places of all panels.
///
/// ```text
/// title
/// templates   Hz  spectrogram  dB
/// legend      k   activations  share
/// …           Hz  model        dB
///                 time
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Layout {
    pub(crate) height: f64,
    pub(crate) templates: Rect,
    pub(crate) spectrogram: Rect,
    pub(crate) activations: Rect,
    pub(crate) model: Rect,
    pub(crate) legend: Rect,
    /// Where colour bars and shares begin.
    pub(crate) right: f64,
    /// The width of one template.
    pub(crate) column: f64,
    /// The height of one activation.
    pub(crate) row: f64,
}

impl Layout {
    /// The layout for `components ≥ 1`: columns and rows grow narrower the more there are, down to
    /// what can still be read; beyond 64 rows the picture grows instead.
    pub(crate) fn new(components: usize) -> Self {
        let count = components as f64;
        let left_width = (20.0 * count).clamp(190.0, 300.0);
        let row = (380.0 / count).clamp(9.0, 36.0);
        let column = left_width / count;

        let time_x = MARGIN + left_width + LABELS;
        let time_width = PAGE_WIDTH - MARGIN - RIGHT - GAP - time_x;
        let top = MARGIN + 30.0 + HEADING;
        let templates = Rect::new(MARGIN, top, left_width, SPECTROGRAM);
        let spectrogram = Rect::new(time_x, top, time_width, SPECTROGRAM);
        let below = spectrogram.bottom() + HEADING + 4.0;
        let activations = Rect::new(time_x, below, time_width, row * count);
        let model_y = activations.bottom() + HEADING + 4.0;
        let model = Rect::new(time_x, model_y, time_width, SPECTROGRAM);
        let legend_y = below + 36.0;
        let legend = Rect::new(MARGIN, legend_y, left_width, model.bottom() - legend_y);
        Self {
            height: model.bottom() + 48.0 + MARGIN / 2.0,
            templates,
            spectrogram,
            activations,
            model,
            legend,
            right: spectrogram.right() + GAP,
            column,
            row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_share_their_axes_and_do_not_overlap() {
        for components in [1, 2, 4, 16, 64, 200] {
            let layout = Layout::new(components);
            let Layout {
                templates,
                spectrogram,
                activations,
                model,
                legend,
                ..
            } = layout;
            for panel in [activations, model] {
                assert_eq!((panel.x, panel.width), (spectrogram.x, spectrogram.width));
            }
            assert_eq!(
                (templates.y, templates.height),
                (spectrogram.y, spectrogram.height)
            );
            assert!((model.height - spectrogram.height).abs() < 1e-9);
            assert!(templates.right() + 40.0 < spectrogram.x);
            assert!(spectrogram.bottom() < activations.y && activations.bottom() < model.y);
            assert!(legend.y > templates.bottom() && legend.bottom() <= layout.height);
            assert!(layout.right + 40.0 < PAGE_WIDTH && model.bottom() < layout.height);
            assert!(spectrogram.width > 600.0);
            assert!((layout.row * components as f64 - activations.height).abs() < 1e-9);
        }
    }
}
