//! The chunks before the samples of an AIFF file come in; what they say of them goes out.
//!
//! *Audio Interchange File Format* 1.3 (Apple 1989) and *AIFF-C* (1991 draft), whose samples may be stored in other
//! ways, named by four letters.

use std::io::Read;
use std::path::Path;

use super::chunks::Chunks;
use super::sample::{Encoding, Layout};
use crate::Error;
use crate::audio::SourceFormat;
use crate::audio::read::{Header, MOST_CHANNELS};
use crate::audio::timeline::Delay;

/// Lengths from here on are no lengths: writers to a pipe leave them.
const PLACEHOLDERS_FROM: u32 = 0x7F00_0000;

/// What the `COMM` chunk says.
struct Common {
    sample_rate: u32,
    channels: usize,
    frames: u32,
    bits: u32,
    layout: Layout,
}

/// Read up to the first sample.
pub(super) fn read(
    source: &mut dyn Read,
    len_bytes: Option<u64>,
    path: &Path,
) -> Result<(Header, Layout), Error> {
    let mut chunks = Chunks::new(source, path);
    chunks.skip(8)?;
    let is_compressed = &chunks.take::<4>()? == b"AIFC";
    let mut common = None;
    let data_len = loop {
        let (name, len) = (chunks.take::<4>()?, u32::from_be_bytes(chunks.take()?));
        let padded = u64::from(len) + u64::from(len & 1);
        match &name {
            b"COMM" => {
                let (parsed, passed) = read_common(&mut chunks, len, is_compressed)?;
                common = Some(parsed);
                chunks.skip(padded - passed)?;
            }
            b"SSND" if len >= 8 => {
                let offset = u32::from_be_bytes(chunks.take()?);
                chunks.skip(4 + u64::from(offset))?;
                break len.saturating_sub(8).saturating_sub(offset);
            }
            _ => chunks.skip(padded)?,
        }
    };
    let Some(common) = common else {
        return Err(chunks.refuse("no `COMM` chunk before its samples"));
    };
    let begin = chunks.position();
    let frame = (common.layout.bytes() * common.channels) as u64;
    let there = len_bytes.map(|len| len.saturating_sub(begin) / frame);
    let stated = u64::from(data_len) / frame;
    let counted = u64::from(common.frames);
    let is_open = data_len >= PLACEHOLDERS_FROM && there.is_none_or(|there| there < stated);
    let declared = match (is_open || data_len == 0, counted) {
        (true, 0) => None,
        (true, counted) if there.is_some_and(|there| there >= counted) => Some(counted),
        (true, _) => None,
        // Some writers fill in one of the two lengths only.
        (false, 0) => Some(stated),
        (false, counted) => Some(counted.min(stated)),
    };
    let header = Header {
        format: SourceFormat {
            container: "aiff".to_owned(),
            codec: common.layout.name(),
            bits_per_sample: Some(common.bits),
        },
        sample_rate: common.sample_rate,
        channels: common.channels,
        declared,
        estimated: there,
        delay: Delay::None,
    };
    Ok((header, common.layout))
}

/// Read the `COMM` chunk, as far as it is of use; say how many bytes that was.
fn read_common(
    chunks: &mut Chunks<'_>,
    len: u32,
    is_compressed: bool,
) -> Result<(Common, u64), Error> {
    let needed = if is_compressed { 22 } else { 18 };
    if len < needed {
        return Err(chunks.refuse(format!(
            "a `COMM` chunk of {len} bytes, not at least {needed}"
        )));
    }
    let channels = usize::from(u16::from_be_bytes(chunks.take()?));
    let frames = u32::from_be_bytes(chunks.take()?);
    let bits = u32::from(u16::from_be_bytes(chunks.take()?));
    let rate = extended(chunks.take()?);
    let kind = if is_compressed {
        chunks.take()?
    } else {
        *b"NONE"
    };
    if channels == 0 || channels > MOST_CHANNELS {
        return Err(chunks.refuse(format!("{channels} channels, not 1 to {MOST_CHANNELS}")));
    }
    let sample_rate = rate.round();
    if !(1.0..=f64::from(u32::MAX)).contains(&sample_rate) {
        return Err(chunks.refuse(format!("a sample rate of {rate} Hz")));
    }
    let whole = |bits: u32| match bits {
        1..=8 => Some(Encoding::Signed8),
        9..=32 => Some(Encoding::Integer(bits.div_ceil(8) as usize)),
        _ => None,
    };
    let (encoding, is_big_endian) = match &kind {
        b"NONE" | b"twos" => (whole(bits), true),
        b"sowt" => (whole(bits), false),
        b"raw " => (Some(Encoding::Integer(1)), true),
        b"in24" => (whole(24), true),
        b"in32" => (whole(32), true),
        b"fl32" | b"FL32" => (Some(Encoding::Float32), true),
        b"fl64" | b"FL64" => (Some(Encoding::Float64), true),
        b"alaw" | b"ALAW" => (Some(Encoding::ALaw), true),
        b"ulaw" | b"ULAW" => (Some(Encoding::MuLaw), true),
        _ => (None, true),
    };
    let Some(encoding) = encoding else {
        let kind = kind.escape_ascii();
        return Err(chunks.refuse(format!(
            "unsupported: AIFF encoding `{kind}` with {bits} bits"
        )));
    };
    let layout = Layout {
        encoding,
        is_big_endian,
    };
    let common = Common {
        sample_rate: sample_rate as u32,
        channels,
        frames,
        bits,
        layout,
    };
    Ok((common, u64::from(needed)))
}

/// A number in the 80 bits of IEEE 754 "extended": sign and exponent, then a mantissa with its first one.
fn extended(bytes: [u8; 10]) -> f64 {
    let exponent = i32::from(u16::from_be_bytes([bytes[0], bytes[1]]) & 0x7FFF);
    let mantissa = u64::from_be_bytes(bytes[2..].try_into().expect("eight bytes"));
    let value = mantissa as f64 * 2.0_f64.powi(exponent - 16_383 - 63);
    if bytes[0] & 0x80 != 0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_80_bits_are_read() {
        for (bytes, expected) in [
            ([0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0], 44_100.0),
            ([0x3F, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], 1.0),
            ([0x40, 0x12, 0xBB, 0x80, 0, 0, 0, 0, 0, 0], 768_000.0),
            ([0; 10], 0.0),
        ] {
            assert!((extended(bytes) - expected).abs() < 1e-9, "{expected}");
        }
        assert!(extended([0xFF; 10]) < 0.0);
    }
}
