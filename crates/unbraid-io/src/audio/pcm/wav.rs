//! The chunks before a WAV file's data come in; what they say of the data goes out.
//!
//! The order and the meaning of chunks are those of Microsoft's *Multimedia Programming Interface and
//! Data Specifications 1.0* (1991), `WAVEFORMATEXTENSIBLE`, and EBU Tech 3306 (RF64).

use std::io::Read;
use std::path::Path;

use super::chunks::Chunks;
use super::sample::{Encoding, Layout};
use crate::Error;
use crate::audio::SourceFormat;
use crate::audio::read::{Header, MOST_CHANNELS};
use crate::audio::timeline::Delay;

/// What comes after the number of the encoding in `WAVEFORMATEXTENSIBLE`'s identifiers.
pub(super) const SUBTYPE: [u8; 14] = [0, 0, 0, 0, 16, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

/// Lengths from here on are no lengths: writers to a pipe leave 2^32 − 1, some less their header.
const PLACEHOLDERS_FROM: u32 = 0xFFFF_FF00;

/// What else writers to a pipe leave: `SoX`; counters that stop at 2^31 − 1; `arecord`.
const PLACEHOLDERS: [u32; 3] = [0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000];

fn is_placeholder(len: u32) -> bool {
    len >= PLACEHOLDERS_FROM || PLACEHOLDERS.contains(&len)
}

/// What the `fmt ` chunk says.
struct Format {
    sample_rate: u32,
    channels: usize,
    encoding: Encoding,
    valid_bits: u32,
}

/// Read up to the first byte of data.
pub(super) fn read(
    source: &mut dyn Read,
    len_bytes: Option<u64>,
    path: &Path,
) -> Result<(Header, Layout), Error> {
    let mut chunks = Chunks::new(source, path);
    let (start, riff_len, _form) = (chunks.take::<4>()?, chunks.take()?, chunks.take::<4>()?);
    let riff_len = u32::from_le_bytes(riff_len);
    let mut format = None;
    let mut wide_len = None;
    let data_len = loop {
        let (name, len) = (chunks.take::<4>()?, u32::from_le_bytes(chunks.take()?));
        let padded = u64::from(len) + u64::from(len & 1);
        match &name {
            b"fmt " => {
                let (parsed, passed) = read_format(&mut chunks, len)?;
                format = Some(parsed);
                chunks.skip(padded - passed)?;
            }
            // The lengths of files past 4 GiB: of the whole, and of the data.
            b"ds64" if len >= 16 => {
                let [_whole, data] = [chunks.take::<8>()?, chunks.take::<8>()?];
                wide_len = Some(u64::from_le_bytes(data));
                chunks.skip(padded - 16)?;
            }
            b"data" => break len,
            _ => chunks.skip(padded)?,
        }
    };
    let Some(format) = format else {
        return Err(chunks.refuse("no `fmt ` chunk before its data"));
    };
    let begin = chunks.position();
    let is_there = |len: u64| len_bytes.is_some_and(|all| begin.saturating_add(len) <= all);
    let bytes = match (data_len, wide_len) {
        (u32::MAX, Some(wide)) if &start != b"RIFF" => Some(wide),
        // A writer that never came back to fill it in left the outer length open too; otherwise
        // nothing is what was meant, and what follows are other chunks.
        (0, _) if u64::from(riff_len) + 8 <= begin || is_placeholder(riff_len) => None,
        (len, _) if is_placeholder(len) && !is_there(u64::from(len)) => None,
        (len, _) => Some(u64::from(len)),
    };
    let frame = (format.encoding.bytes() * format.channels) as u64;
    let source_format = SourceFormat {
        container: "wave".to_owned(),
        codec: format.encoding.name().to_owned(),
        bits_per_sample: Some(format.valid_bits),
    };
    let header = Header {
        format: source_format,
        sample_rate: format.sample_rate,
        channels: format.channels,
        declared: bytes.map(|bytes| bytes / frame),
        estimated: len_bytes.map(|len| len.saturating_sub(begin) / frame),
        delay: Delay::None,
    };
    let layout = Layout {
        encoding: format.encoding,
        is_big_endian: false,
    };
    Ok((header, layout))
}

/// Read the `fmt ` chunk, as far as it is of use; say how many bytes that was.
fn read_format(chunks: &mut Chunks<'_>, len: u32) -> Result<(Format, u64), Error> {
    if len < 16 {
        return Err(chunks.refuse(format!("a `fmt ` chunk of {len} bytes, not at least 16")));
    }
    let first = chunks.take::<16>()?;
    let short = |at: usize| u16::from_le_bytes([first[at], first[at + 1]]);
    let (mut tag, channels, block) = (short(0), usize::from(short(2)), usize::from(short(12)));
    let sample_rate = u32::from_le_bytes([first[4], first[5], first[6], first[7]]);
    let bits = u32::from(short(14));
    let mut valid_bits = bits;
    let mut passed = 16;
    if tag == 0xFFFE {
        if len < 40 {
            return Err(chunks.refuse("its extensible `fmt ` chunk is too short"));
        }
        let rest = chunks.take::<24>()?;
        passed = 40;
        valid_bits = u32::from(u16::from_le_bytes([rest[2], rest[3]]));
        if valid_bits == 0 || valid_bits > bits {
            valid_bits = bits;
        }
        if rest[10..] != SUBTYPE {
            return Err(chunks.refuse("unsupported: a WAV encoding known only by its identifier"));
        }
        tag = u16::from_le_bytes([rest[8], rest[9]]);
    }
    if channels == 0 || channels > MOST_CHANNELS {
        return Err(chunks.refuse(format!("{channels} channels, not 1 to {MOST_CHANNELS}")));
    }
    if sample_rate == 0 {
        return Err(chunks.refuse("a sample rate of 0 Hz"));
    }
    let encoding = match (tag, bits) {
        // The container may be wider than its samples, which then fill its upper bits.
        (1, 1..=32) => {
            let container = block / channels;
            let fits = container * 8 >= bits as usize && container <= 4;
            Encoding::Integer(if fits {
                container
            } else {
                bits.div_ceil(8) as usize
            })
        }
        (3, 32) => Encoding::Float32,
        (3, 64) => Encoding::Float64,
        (6, 8) => Encoding::ALaw,
        (7, 8) => Encoding::MuLaw,
        (1 | 3 | 6 | 7, _) => {
            return Err(chunks.refuse(format!("unsupported: WAV encoding {tag} with {bits} bits")));
        }
        _ => return Err(chunks.refuse(format!("unsupported: WAV encoding {tag}"))),
    };
    // Read with a wrong stride, a recording is noise.
    if encoding.bytes() * channels != block {
        let reason = format!(
            "its header contradicts itself: {channels} channels of {bits} bits in {block} bytes"
        );
        return Err(chunks.refuse(reason));
    }
    Ok((
        Format {
            sample_rate,
            channels,
            encoding,
            valid_bits,
        },
        passed,
    ))
}
