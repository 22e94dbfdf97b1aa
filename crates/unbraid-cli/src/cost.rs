//! The size of a recording and what is wanted of it come in; the memory that it takes goes out.

use unbraid::recipe::note_stft;
use unbraid::separate::{Recipe, recipe};
use unbraid::spectrogram::Channels;
use unbraid::{SeparateConfig, StftConfig};
use unbraid_io::audio::{Probe, Span};

/// The memory of the program itself.
///
/// All figures here are from the most memory that runs over 30 to 300 s took; `docs/long.md` has what is foretold and what is
/// taken side by side.
pub(crate) const PROGRAM_BYTES: u64 = 25_000_000;

/// Values per bin and frame that the recipe for strokes holds at once, beside one for each source.
const PLANES_OF_HITS: f64 = 4.6;

/// The same while the network listens.
const PLANES_OF_NETWORK: f64 = 3.0;

/// The same for instruments that are known, on the transform for notes, and for a singer and a piano.
const PLANES_OF_INSTRUMENTS: f64 = 2.1;
const PLANES_OF_VOICE_AND_PIANO: f64 = 5.2;
const PLANES_OF_FAST_VOICE_AND_PIANO: f64 = 4.3;

/// What templates of all notes take while they are made for a transform, per bin of it, however long the recording.
const NOTES_BYTES_PER_BIN: f64 = 96_000.0;

/// The same where a singer's pitch is looked for beside them.
const NOTES_BESIDE_VOICE_BYTES_PER_BIN: f64 = 39_000.0;

/// How large a recording and its spectrogram are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) samples: usize,
    pub(crate) channels: usize,
    pub(crate) frames: usize,
    pub(crate) bins: usize,
}

impl Size {
    /// The bytes of all samples.
    fn audio_bytes(self) -> u64 {
        (4 * self.channels as u64).saturating_mul(self.samples as u64)
    }

    /// The bytes of one value per bin and frame.
    fn plane_bytes(self) -> u64 {
        (4 * self.bins as u64).saturating_mul(self.frames as u64)
    }
}

/// The most that factorising takes at once, beside the program: samples, the spectrogram, and what the grouping derives
/// from it.
pub(crate) fn factorize_bytes(size: Size, channels: Channels) -> u64 {
    // With a spectrogram of each channel, their mean is wanted as well.
    let planes = match channels {
        Channels::Sum => 1,
        Channels::Pan => size.channels as u64 + 1,
    };
    let audio = size.audio_bytes();
    let derived = size.plane_bytes().saturating_mul(planes + 2);
    audio.saturating_mul(2).max(audio.saturating_add(derived))
}

/// The shape of a recording, or of a span of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) sample_rate: u32,
    pub(crate) channels: usize,
    pub(crate) len_samples: u64,
}

impl Shape {
    /// Of the span of a file, as far as its header says; without an end where it does not.
    pub(crate) fn of(found: &Probe, span: Span) -> Self {
        let rate = f64::from(found.sample_rate);
        let behind = |secs: f64| (secs * rate).round() as u64;
        let whole = found.len_samples.unwrap_or(u64::MAX);
        let len = whole.saturating_sub(behind(span.start_secs));
        Self {
            sample_rate: found.sample_rate,
            channels: found.channels,
            len_samples: span.duration_secs.map_or(len, |secs| len.min(behind(secs))),
        }
    }
}

/// The most memory that the program takes while it separates a recording in one piece.
///
/// At another rate the recording is there twice.
pub(crate) fn separate_bytes(shape: Shape, working_rate: u32, config: &SeparateConfig) -> u64 {
    let recipe = recipe(config);
    let usual = || match recipe {
        Recipe::Informed | Recipe::SingerAndPiano => note_stft(working_rate),
        _ => StftConfig::for_sample_rate(working_rate),
    };
    let stft = match recipe {
        Recipe::Blind | Recipe::Drums | Recipe::Informed => {
            config.factorize.stft.unwrap_or_else(usual)
        }
        Recipe::SingerAndPiano | Recipe::Hits => usual(),
    };
    let original = shape.len_samples.saturating_mul(4 * shape.channels as u64);
    let len = shape.len_samples as f64 * f64::from(working_rate) / f64::from(shape.sample_rate);
    // Settings that are refused later cost nothing.
    let hop = stft.hop_len.max(1) as f64;
    let size = Size {
        samples: len.ceil() as usize,
        channels: shape.channels,
        frames: (len / hop).ceil() as usize + 1,
        bins: stft.fft_len / 2 + 1,
    };
    let of_channels = match config.factorize.channels {
        Channels::Sum => 0,
        Channels::Pan => size.channels,
    };
    let planes = |count: f64| {
        let planes = size.plane_bytes() as f64 * count;
        size.audio_bytes().saturating_add(planes as u64)
    };
    let blind = factorize_bytes(size, config.factorize.channels);
    let notes = |bytes_per_bin: f64| (bytes_per_bin * size.bins as f64) as u64;
    let separated = match recipe {
        Recipe::Blind => blind,
        Recipe::Informed => {
            planes(PLANES_OF_INSTRUMENTS).saturating_add(notes(NOTES_BYTES_PER_BIN))
        }
        Recipe::Drums => {
            let count = config.drums.planes(&config.sources) + of_channels;
            let listening = planes(PLANES_OF_NETWORK).saturating_add(network_bytes(size.frames));
            planes(count as f64).max(blind).max(listening)
        }
        Recipe::Hits => planes(PLANES_OF_HITS + config.sources.len() as f64),
        // Layers of loudness are made into one before there is anything to fit.
        Recipe::SingerAndPiano if config.voice_piano.one_layer => {
            planes(PLANES_OF_FAST_VOICE_AND_PIANO)
                .saturating_add(notes(0.7 * NOTES_BESIDE_VOICE_BYTES_PER_BIN))
                .max(notes(1.08 * NOTES_BYTES_PER_BIN))
        }
        Recipe::SingerAndPiano => planes(PLANES_OF_VOICE_AND_PIANO)
            .saturating_add(notes(NOTES_BESIDE_VOICE_BYTES_PER_BIN)),
    };
    let resampled = if working_rate == shape.sample_rate {
        0
    } else {
        original
    };
    PROGRAM_BYTES
        .saturating_add(separated)
        .saturating_add(resampled)
}

/// What the network's layers take while it listens: so much for each segment that a thread has.
fn network_bytes(frames: usize) -> u64 {
    const BYTES_PER_SEGMENT: u64 = 70_000_000;
    const FRAMES_PER_SEGMENT: usize = 448;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let at_once = frames.div_ceil(FRAMES_PER_SEGMENT).min(threads);
    at_once as u64 * BYTES_PER_SEGMENT
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
    if (1.0..2e18).contains(&bytes) {
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
    fn a_recording_of_no_stated_length_takes_more_than_any_memory() {
        let shape = Shape {
            sample_rate: 44_100,
            channels: 2,
            len_samples: u64::MAX,
        };
        assert!(separate_bytes(shape, 44_100, &SeparateConfig::default()) > 1 << 50);
    }
}
