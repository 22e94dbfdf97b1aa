//! The settings and the length of a recording come in; the memory that separating it takes goes out.
//!
//! The constants were measured (`cargo xtask hours`); `info` prints what they give, and long recordings are cut
//! into pieces that stay below `--memory`.

use unbraid::separate::{Recipe, recipe};
use unbraid::spectrogram::Channels;
use unbraid::{SeparateConfig, StftConfig};

/// The program itself, its tables and the threads' working space.
const PROGRAM_BYTES: f64 = 60e6;

/// The shape of a recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) sample_rate: u32,
    pub(crate) channels: usize,
    pub(crate) len_samples: u64,
}

/// The most that is in memory at once, in bytes, while a recording is separated in one piece.
pub(crate) fn separating(config: &SeparateConfig, shape: Shape) -> u64 {
    let Shape {
        sample_rate,
        channels,
        len_samples,
    } = shape;
    let stft = config
        .factorize
        .stft
        .unwrap_or_else(|| StftConfig::for_sample_rate(sample_rate));
    let samples = 4.0 * len_samples as f64 * channels as f64;
    let frames = len_samples as f64 / stft.hop_len as f64;
    // V of one channel.
    let plane = 4.0 * frames * (stft.fft_len / 2 + 1) as f64;
    let planes = match config.factorize.channels {
        Channels::Sum => 1.0,
        Channels::Pan => channels as f64,
    };
    // Beside V: arrays of its size at the recipe's widest point.
    let beside = match recipe(config) {
        Recipe::Blind => 2.0,
        Recipe::Drums | Recipe::Hits => DRUMS_PLANES,
        Recipe::Informed => INFORMED_PLANES,
        Recipe::SingerAndPiano => SINGER_AND_PIANO_PLANES,
    };
    // Samples are there twice while they are sorted by channel.
    (PROGRAM_BYTES + (2.0 * samples).max(samples + plane * (planes + beside))) as u64
}

const DRUMS_PLANES: f64 = 8.0;
const INFORMED_PLANES: f64 = 6.0;
const SINGER_AND_PIANO_PLANES: f64 = 12.0;

/// The longest piece whose separation stays within so many bytes, in samples; none if not even a short one does.
pub(crate) fn longest_within(config: &SeparateConfig, shape: Shape, bytes: u64) -> Option<u64> {
    let of = |len_samples| {
        separating(
            config,
            Shape {
                len_samples,
                ..shape
            },
        )
    };
    // What is beside the program grows in proportion to the length.
    let (fixed, second) = (of(0), u64::from(shape.sample_rate));
    let per_second = (of(second) - fixed).max(1);
    let secs = bytes.checked_sub(fixed)? / per_second;
    (secs > 0).then_some(secs * second)
}

/// Understand a size such as `2G`, `512M` or `1500000000`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1_u64,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        _ => return Err("a size such as 2G or 800M is wanted".to_owned()),
    };
    let number: f64 = digits
        .trim()
        .parse()
        .map_err(|_| "a size such as 2G or 800M is wanted".to_owned())?;
    let bytes = number * unit as f64;
    if bytes >= 1.0 && bytes < 2e18 {
        return Ok(bytes as u64);
    }
    Err("a size above zero is wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_understood() {
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        assert_eq!(parse_size("1.5 GiB"), Ok(3 << 29));
        assert_eq!(parse_size("800m"), Ok(800 << 20));
        assert_eq!(parse_size("1000"), Ok(1000));
        for wrong in ["", "G", "-2G", "2X", "nan", "inf", "0"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_longest_piece_just_fits() {
        let config = SeparateConfig::default();
        let shape = Shape {
            sample_rate: 44_100,
            channels: 2,
            len_samples: 0,
        };
        let len_samples = longest_within(&config, shape, 1 << 30).unwrap();
        let of = |len_samples| {
            separating(
                &config,
                Shape {
                    len_samples,
                    ..shape
                },
            )
        };
        assert!(of(len_samples) <= 1 << 30);
        assert!(of(len_samples + 2 * 44_100) > 1 << 30);
        assert_eq!(longest_within(&config, shape, 1 << 20), None);
    }
}
