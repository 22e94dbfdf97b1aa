//! The size of a recording and what is wanted of it come in; the memory that it takes goes out.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use unbraid::recipe::DrumEvidence;
use unbraid::separate::is_singer_and_piano;
use unbraid::spectrogram::Channels;
use unbraid::{SeparateConfig, Stft, StftConfig};
use unbraid_io::audio::{Probe, Span};

/// The memory of the program itself.
pub(crate) const PROGRAM_BYTES: u64 = 30_000_000;

/// Values per bin and frame that the recipe for drums holds at once. Both were measured as the most memory of runs
/// over 30 and 90 s, and rounded up.
const PLANES_OF_DRUMS: u64 = 9;

/// The same for a singer and a piano.
const PLANES_OF_VOICE_AND_PIANO: u64 = 13;

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
        4 * (self.samples as u64).saturating_mul(self.channels as u64)
    }

    /// The bytes of one value per bin and frame.
    fn plane_bytes(self) -> u64 {
        4 * (self.frames as u64).saturating_mul(self.bins as u64)
    }
}

/// The most that factorising takes at once, beside the program: samples, the spectrogram, and what the grouping derives
/// from it.
pub(crate) fn factorize_bytes(size: Size, channels: Channels) -> u64 {
    let planes = match channels {
        Channels::Sum => 1,
        Channels::Pan => size.channels as u64,
    };
    let audio = size.audio_bytes();
    (2 * audio).max(audio + size.plane_bytes().saturating_mul(planes + 2))
}

/// The most that separating a span of a recording takes at once, beside the program; none where its length or its
/// transform cannot be told.
///
/// At another rate the recording is there twice.
pub(crate) fn separate_bytes(
    found: &Probe,
    span: Span,
    working_rate: u32,
    config: &SeparateConfig,
) -> Option<u64> {
    let rate = f64::from(found.sample_rate);
    let behind = |secs: f64| (secs * rate).round() as u64;
    let len = found.len_samples?.saturating_sub(behind(span.start_secs));
    let len = usize::try_from(span.duration_secs.map_or(len, |secs| len.min(behind(secs)))).ok()?;
    let original = 4 * (len as u64).saturating_mul(found.channels as u64);
    let len = (len as f64 * f64::from(working_rate) / rate).ceil() as usize;
    let stft = config
        .factorize
        .stft
        .unwrap_or_else(|| StftConfig::for_sample_rate(working_rate));
    let stft = Stft::new(stft).ok()?;
    let size = Size {
        samples: len,
        channels: found.channels,
        frames: stft.frames(len),
        bins: stft.bins(),
    };
    let of_channels = match config.factorize.channels {
        Channels::Sum => 0,
        Channels::Pan => size.channels as u64,
    };
    let planes = |count: u64| size.audio_bytes() + (count + of_channels) * size.plane_bytes();
    let blind = factorize_bytes(size, config.factorize.channels);
    let resampled = if working_rate == found.sample_rate {
        0
    } else {
        original
    };
    let separated = if is_singer_and_piano(config) {
        planes(PLANES_OF_VOICE_AND_PIANO).max(blind)
    } else if config.drums.evidence == DrumEvidence::Learnt {
        planes(PLANES_OF_DRUMS).max(blind)
    } else {
        blind
    };
    Some(resampled + separated)
}

/// The memory that is free on this machine, or in the part of it that this program may use.
pub(crate) fn free_memory_bytes() -> u64 {
    let wanted = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(wanted);
    let limits = system.cgroup_limits();
    limits.map_or(system.available_memory(), |limits| {
        limits.free_memory.min(system.available_memory())
    })
}
