//! Bytes come in; the frames of MPEG audio (layers 1 to 3, AAC in ADTS) among them go out, and what the
//! first frame says of the whole.
//!
//! Such streams have no mark at their beginning: they are told by frames that follow each other.

use super::timeline::Timeline;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) codec: Codec,
    /// Bytes, with the header.
    pub(super) len: usize,
    /// Samples per channel.
    pub(super) samples: u32,
    pub(super) sample_rate: u32,
    /// Bytes between the header and where an information tag would stand.
    side_len: usize,
}

/// What a frame is decoded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// MPEG audio of this layer, 1 to 3.
    Layer(u8),
    /// AAC in ADTS frames.
    Adts,
}

/// The most bytes that are searched for the first frame.
pub(super) const SEARCHED: usize = 1 << 17;

/// Frames in a row that make a stream.
const ENOUGH: usize = 4;

/// Bits of a second in thousands, by version and layer.
const KILOBITS: [[u32; 15]; 5] = [
    [
        0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

impl Frame {
    /// The header that these bytes begin with, if they do.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, ..] = *bytes else {
            return None;
        };
        if a != 0xFF || b & 0xE0 != 0xE0 {
            return None;
        }
        if b & 0xF6 == 0xF0 {
            return Self::adts([b, c, d, e, f]);
        }
        // MPEG 1, or its halved and quartered rates (MPEG 2, and "2.5").
        let (first, divisor) = match b >> 3 & 3 {
            0 => (false, 4),
            2 => (false, 2),
            3 => (true, 1),
            _ => return None,
        };
        let layer = 4 - (b >> 1 & 3);
        let rate = [44_100, 48_000, 32_000].get(usize::from(c >> 2 & 3))? / divisor;
        let table = match (first, layer) {
            (true, 1..=3) => usize::from(layer) - 1,
            (false, 1) => 3,
            (false, 2 | 3) => 4,
            _ => return None,
        };
        let bits = 1000
            * KILOBITS[table]
                .get(usize::from(c >> 4))
                .filter(|&&bits| bits > 0)?;
        let padding = u32::from(c >> 1 & 1);
        let (samples, len) = match (layer, first) {
            (1, _) => (384, 4 * (12 * bits / rate + padding)),
            (3, false) => (576, 72 * bits / rate + padding),
            _ => (1152, 144 * bits / rate + padding),
        };
        let mono = d >> 6 == 3;
        let side_len = match (first, mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        Some(Self {
            codec: Codec::Layer(layer),
            len: len as usize,
            samples,
            sample_rate: rate,
            side_len,
        })
    }

    fn adts([b, c, d, e, f]: [u8; 5]) -> Option<Self> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8000, 7350,
        ];
        let len = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let header = if b & 1 == 0 { 9 } else { 7 };
        Some(Self {
            codec: Codec::Adts,
            len: (len > header).then_some(len)?,
            samples: 1024,
            sample_rate: *RATES.get(usize::from(c >> 2 & 15))?,
            side_len: 0,
        })
    }

    /// Whether another frame may belong to the same stream.
    fn is_like(&self, other: &Self) -> bool {
        (self.codec, self.sample_rate) == (other.codec, other.sample_rate)
    }
}

/// Find the first of several frames in a row; `whole` says that the file ends with these bytes.
pub(super) fn find(bytes: &[u8], whole: bool) -> Option<(usize, Frame)> {
    let starts = (0..bytes.len()).filter(|&at| bytes[at] == 0xFF);
    starts
        .filter_map(|at| Some((at, Frame::parse(&bytes[at..])?)))
        .find(|&(begin, frame)| {
            let mut at = begin;
            let mut count = 0;
            while count < ENOUGH {
                match bytes.get(at..).and_then(Frame::parse) {
                    Some(next) if next.is_like(&frame) => at += next.len,
                    // A short file ends before; one that begins with a frame is taken for what it seems.
                    _ if count > 1 => return whole && at >= bytes.len(),
                    _ => return whole && at == bytes.len() && begin == 0,
                }
                count += 1;
            }
            true
        })
}

/// What the first frame of a stream may say instead of sounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Info {
    /// Frames of the stream, this one not among them.
    pub(super) frames: Option<u32>,
    /// Bytes of the stream, with this frame.
    pub(super) bytes: Option<u32>,
    /// Samples of delay and padding that the encoder added.
    pub(super) delay_and_padding: Option<(u32, u32)>,
}

/// Samples that every decoder of layer 3 is late by.
const DECODER_DELAY: u64 = 529;

impl Info {
    /// What a first frame says, if it is one that does not sound.
    ///
    /// The tag is Xing's, with LAME's extension (*MP3 Info Tag*, revision 1), or Fraunhofer's `VBRI`.
    pub(super) fn parse(bytes: &[u8], frame: &Frame) -> Option<Self> {
        if frame.codec != Codec::Layer(3) {
            return None;
        }
        let bytes = &bytes[..frame.len.min(bytes.len())];
        let number = |at: usize| {
            let word = bytes.get(at..at + 4)?;
            Some(u32::from_be_bytes(word.try_into().expect("four bytes")))
        };
        if bytes.get(36..40) == Some(b"VBRI") {
            return Some(Self {
                frames: number(50),
                bytes: number(46),
                delay_and_padding: None,
            });
        }
        let tag = 4 + frame.side_len;
        if !matches!(bytes.get(tag..tag + 4), Some(b"Xing" | b"Info")) {
            return None;
        }
        let flags = number(tag + 4)?;
        let mut at = tag + 8;
        let mut field = |flag: u32, len: usize| {
            let there = flags & flag != 0;
            let value = there.then(|| number(at)).flatten();
            at += if there { len } else { 0 };
            value
        };
        let (frames, stated_bytes) = (field(1, 4), field(2, 4));
        field(4, 100);
        field(8, 4);
        // Others write something else there.
        let encoder = bytes.get(at..at + 4);
        let delay_and_padding = match (encoder, number(at + 20)) {
            (Some(b"LAME" | b"Lavf" | b"Lavc"), Some(word)) => {
                let both = word & 0xFF_FFFF;
                Some((both >> 12, both & 0xFFF))
            }
            _ => None,
        };
        Some(Self {
            frames: frames.filter(|&frames| frames > 0),
            bytes: stated_bytes.filter(|&bytes| bytes > 0),
            delay_and_padding,
        })
    }

    /// Samples before the recording, the decoder's own among them.
    pub(super) fn delay(&self) -> Option<u64> {
        self.delay_and_padding
            .map(|(delay, _)| u64::from(delay) + DECODER_DELAY)
    }

    /// Which samples do not belong to the recording, and how many there are before those are taken out.
    pub(super) fn timeline(&self, frame: &Frame) -> (Timeline, Option<u64>) {
        let all = self
            .frames
            .map(|frames| u64::from(frames) * u64::from(frame.samples));
        let (Some(delay), Some((_, padding))) = (self.delay(), self.delay_and_padding) else {
            return (Timeline::default(), all);
        };
        let mut dropped = Vec::new();
        dropped.push(0..delay);
        if let Some(all) = all {
            // Only up to where the frames were counted: what was appended to the file afterwards stays.
            let padding = u64::from(padding).saturating_sub(DECODER_DELAY);
            dropped.push(all.saturating_sub(padding).max(dropped[0].end)..all);
        }
        (Timeline::without(dropped), all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 128 kbit/s, 44.1 kHz, stereo: 417 bytes.
    const HEADER: [u8; 6] = [0xFF, 0xFB, 0x90, 0x00, 0, 0];

    fn stream(frames: usize) -> Vec<u8> {
        let mut frame = vec![0; 417];
        frame[..6].copy_from_slice(&HEADER);
        frame.repeat(frames)
    }

    #[test]
    fn headers_say_how_long_a_frame_is() {
        for (header, codec, len, samples, rate) in [
            ([0xFF, 0xFB, 0x90, 0x00], Codec::Layer(3), 417, 1152, 44_100),
            ([0xFF, 0xFB, 0x92, 0x00], Codec::Layer(3), 418, 1152, 44_100),
            ([0xFF, 0xF3, 0x84, 0xC0], Codec::Layer(3), 192, 576, 24_000),
            ([0xFF, 0xFD, 0xC4, 0x00], Codec::Layer(2), 768, 1152, 48_000),
            ([0xFF, 0xFF, 0xC8, 0x00], Codec::Layer(1), 576, 384, 32_000),
        ] {
            let bytes = [header.as_slice(), &[0; 2]].concat();
            let frame = Frame::parse(&bytes).unwrap();
            let found = (frame.codec, frame.len, frame.samples, frame.sample_rate);
            assert_eq!(found, (codec, len, samples, rate), "{header:x?}");
        }
        let adts = Frame::parse(&[0xFF, 0xF1, 0x50, 0x80, 0x2E, 0x7F, 0xFC]).unwrap();
        assert_eq!(
            (adts.codec, adts.len, adts.sample_rate),
            (Codec::Adts, 371, 44_100)
        );
    }

    #[test]
    fn a_stream_is_found_behind_what_is_not_one() {
        let noise: Vec<u8> = (0..2000_u32)
            .map(|n| (n * n / 7) as u8)
            .chain(HEADER)
            .collect();
        let found = |bytes: &[u8]| find(bytes, true).map(|(at, _)| at);
        assert_eq!(found(&stream(9)), Some(0));
        assert_eq!(
            found(&[noise.clone(), stream(9)].concat()),
            Some(noise.len())
        );
        assert_eq!(found(&stream(1)), Some(0), "one frame is a file");
        assert_eq!(found(&noise), None);
        assert_eq!(found(&stream(1)[..400]), None);
        assert_eq!(find(&stream(3)[..1100], false), None);
    }

    #[test]
    fn delay_and_padding_come_from_the_tag() {
        let mut bytes = stream(1);
        bytes[36..40].copy_from_slice(b"Info");
        bytes[43] = 3;
        bytes[44..48].copy_from_slice(&100_u32.to_be_bytes());
        bytes[48..52].copy_from_slice(&41_700_u32.to_be_bytes());
        bytes[52..56].copy_from_slice(b"LAME");
        bytes[73..76].copy_from_slice(&[0x24, 0x05, 0x00]);
        let frame = Frame::parse(&bytes).unwrap();
        let info = Info::parse(&bytes, &frame).unwrap();
        assert_eq!(info.delay_and_padding, Some((0x240, 0x500)));
        let (timeline, all) = info.timeline(&frame);
        assert_eq!(all, Some(115_200));
        assert_eq!(timeline.kept(115_200), 115_200 - 0x240 - 0x500);
        assert_eq!(Info::parse(&stream(1), &frame), None);
    }
}
