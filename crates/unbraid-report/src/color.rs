//! Levels and source numbers come in; colours go out.

/// Red, green, blue in sRGB.
pub(crate) type Rgb = [u8; 3];

/// Text and axes.
pub(crate) const INK: Rgb = [0x22, 0x22, 0x22];
/// Minor ticks, hints, frames.
pub(crate) const SOFT: Rgb = [0x6b, 0x6b, 0x6b];
/// Lines behind the data.
pub(crate) const FAINT: Rgb = [0xdd, 0xdd, 0xdd];
/// The page.
pub(crate) const PAPER: Rgb = [0xff, 0xff, 0xff];
/// Components that belong to no source.
pub(crate) const UNASSIGNED: Rgb = [0x7a, 0x7a, 0x7a];

/// Okabe and Ito's colours without black (the ink), those that stand out on white first.
const SOURCES: [Rgb; 7] = [
    [0x00, 0x72, 0xb2], // blue
    [0xd5, 0x5e, 0x00], // vermillion
    [0x00, 0x9e, 0x73], // bluish green
    [0xcc, 0x79, 0xa7], // reddish purple
    [0xe6, 0x9f, 0x00], // orange
    [0x56, 0xb4, 0xe9], // sky blue
    [0xf0, 0xe4, 0x42], // yellow
];

/// How many sources have a colour of their own; further ones start again from the first.
pub(crate) const DISTINCT_SOURCES: usize = SOURCES.len();

/// The colour in which every picture draws a source: red, green and blue in sRGB.
///
/// `source` is its index among the sources. There are seven colours, then they repeat: names and
/// component numbers always stand beside them.
///
/// # Examples
///
/// ```
/// assert_eq!(unbraid_report::source_color(0), [0x00, 0x72, 0xb2]);
/// assert_eq!(unbraid_report::source_color(7), unbraid_report::source_color(0));
/// ```
///
/// # References
///
/// - M. Okabe, K. Ito, *Color universal design: how to make figures and presentations that are
///   friendly to colorblind people*, 2002, revised 2008.
#[must_use]
pub fn source_color(source: usize) -> [u8; 3] {
    SOURCES[source % SOURCES.len()]
}

/// The steps of magma, dark to light, as a palette of `levels` colours.
pub(crate) fn magma(levels: usize) -> Vec<Rgb> {
    (0..levels)
        .map(|level| colorous::MAGMA.eval_rational(level, levels).into_array())
        .collect()
}

/// From paper over `color` to a darker shade of it, `levels` colours whose lightness falls evenly.
pub(crate) fn ramp(color: Rgb, levels: usize) -> Vec<Rgb> {
    // Up to here the colour gains on the paper, from here it darkens.
    const KNEE: f64 = 0.72;
    let dark = mix(color, [0, 0, 0], 0.45);
    (0..levels)
        .map(|level| {
            let at = level as f64 / (levels - 1).max(1) as f64;
            if at <= KNEE {
                mix(PAPER, color, at / KNEE)
            } else {
                mix(color, dark, (at - KNEE) / (1.0 - KNEE))
            }
        })
        .collect()
}

/// A colour dark enough to be read as text on paper.
pub(crate) fn for_text(color: Rgb) -> Rgb {
    let light =
        0.299 * f64::from(color[0]) + 0.587 * f64::from(color[1]) + 0.114 * f64::from(color[2]);
    mix(
        color,
        [0, 0, 0],
        ((light - 105.0) / light.max(1.0)).clamp(0.0, 1.0),
    )
}

/// `share` of `to`, the rest `from`.
fn mix(from: Rgb, to: Rgb, share: f64) -> Rgb {
    std::array::from_fn(|i| {
        (f64::from(from[i]) * (1.0 - share) + f64::from(to[i]) * share).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lightness(color: Rgb) -> f64 {
        0.299 * f64::from(color[0]) + 0.587 * f64::from(color[1]) + 0.114 * f64::from(color[2])
    }

    #[test]
    fn magma_grows_lighter_from_level_to_level() {
        let palette = magma(96);
        assert!(lightness(palette[0]) < 2.0 && lightness(palette[95]) > 230.0);
        assert!(
            palette
                .windows(2)
                .all(|pair| lightness(pair[1]) > lightness(pair[0]) - 0.5)
        );
    }

    #[test]
    fn ramps_run_from_paper_to_dark_and_only_get_darker() {
        for source in 0..DISTINCT_SOURCES {
            let palette = ramp(source_color(source), 28);
            assert_eq!(palette[0], PAPER);
            assert!(
                palette
                    .windows(2)
                    .all(|pair| lightness(pair[1]) < lightness(pair[0]))
            );
        }
    }

    #[test]
    fn text_in_a_source_color_is_dark_enough_to_read() {
        for source in 0..DISTINCT_SOURCES {
            assert!(lightness(for_text(source_color(source))) < 106.0);
        }
        assert_eq!(for_text(INK), INK);
    }
}
