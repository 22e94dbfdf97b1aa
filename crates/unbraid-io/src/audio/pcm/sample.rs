//! Bytes of samples come in; floating-point numbers of full scale ±1 go out.

/// How the samples of a file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) encoding: Encoding,
    /// Whether a sample's highest byte comes first.
    pub(super) is_big_endian: bool,
}

impl Layout {
    /// Bytes of one sample.
    pub(super) fn bytes(self) -> usize {
        self.encoding.bytes()
    }

    /// The name that `ffmpeg` and others have for it.
    pub(super) fn name(self) -> String {
        let name = self.encoding.name();
        if self.is_big_endian && self.bytes() > 1 {
            name.replace("le", "be")
        } else {
            name.to_owned()
        }
    }

    /// Append the samples of whole frames.
    pub(super) fn decode(self, bytes: &mut [u8], samples: &mut Vec<f32>) {
        if self.is_big_endian && self.bytes() > 1 {
            bytes
                .chunks_exact_mut(self.bytes())
                .for_each(<[u8]>::reverse);
        }
        self.encoding.decode(bytes, samples);
    }
}

/// How a sample is stored, its least byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Integers of 1 to 4 bytes; of one byte without a sign, as WAV has it.
    Integer(usize),
    /// Integers of one byte with a sign, as AIFF has it.
    Signed8,
    /// 32-bit floating point.
    Float32,
    /// 64-bit floating point.
    Float64,
    /// 8 bits, logarithmic (ITU-T G.711).
    ALaw,
    /// 8 bits, logarithmic (ITU-T G.711).
    MuLaw,
}

impl Encoding {
    /// Bytes of one sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Integer(bytes) => bytes,
            Self::Float32 => 4,
            Self::Float64 => 8,
            Self::Signed8 | Self::ALaw | Self::MuLaw => 1,
        }
    }

    /// The name that `ffmpeg` and others have for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integer(1) => "pcm_u8",
            Self::Signed8 => "pcm_s8",
            Self::Integer(2) => "pcm_s16le",
            Self::Integer(3) => "pcm_s24le",
            Self::Integer(_) => "pcm_s32le",
            Self::Float32 => "pcm_f32le",
            Self::Float64 => "pcm_f64le",
            Self::ALaw => "pcm_alaw",
            Self::MuLaw => "pcm_mulaw",
        }
    }

    /// Append the samples of whole frames.
    pub(super) fn decode(self, bytes: &[u8], samples: &mut Vec<f32>) {
        /// One over 2^31: full scale of integers that were moved up to the highest bit.
        const STEP: f32 = 1.0 / (1_u32 << 31) as f32;
        let whole = |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("four bytes"));
        match self {
            Self::Integer(1) => {
                samples.extend(bytes.iter().map(|&byte| (f32::from(byte) - 128.0) / 128.0));
            }
            Self::Signed8 => {
                samples.extend(
                    bytes
                        .iter()
                        .map(|&byte| f32::from(byte.cast_signed()) / 128.0),
                );
            }
            Self::Integer(2) => samples.extend(
                bytes
                    .chunks_exact(2)
                    .map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32768.0),
            ),
            Self::Integer(3) => samples.extend(
                bytes
                    .chunks_exact(3)
                    .map(|b| whole(&[0, b[0], b[1], b[2]]) as f32 * STEP),
            ),
            Self::Integer(_) => {
                samples.extend(bytes.chunks_exact(4).map(|b| whole(b) as f32 * STEP));
            }
            Self::Float32 => samples.extend(
                bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_bits(whole(b).cast_unsigned())),
            ),
            Self::Float64 => samples.extend(
                bytes
                    .chunks_exact(8)
                    .map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")) as f32),
            ),
            Self::ALaw => samples.extend(bytes.iter().map(|&byte| a_law(byte))),
            Self::MuLaw => samples.extend(bytes.iter().map(|&byte| mu_law(byte))),
        }
    }
}

/// ITU-T G.711, table 1a: sign, three bits of exponent, four of mantissa, every other bit inverted.
fn a_law(byte: u8) -> f32 {
    let bits = byte ^ 0x55;
    let (exponent, mantissa) = ((bits >> 4) & 7, i32::from(bits & 15) << 4);
    let level = match exponent {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (exponent - 1),
    };
    let signed = if bits & 0x80 != 0 { level } else { -level };
    signed as f32 / 32768.0
}

/// ITU-T G.711, table 2a: the same, with all bits inverted and a bias of 33 steps.
fn mu_law(byte: u8) -> f32 {
    let bits = !byte;
    let (exponent, mantissa) = ((bits >> 4) & 7, i32::from(bits & 15) << 3);
    let level = ((mantissa + 0x84) << exponent) - 0x84;
    let signed = if bits & 0x80 != 0 { -level } else { level };
    signed as f32 / 32768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_has_its_full_scale() {
        let cases: [(Encoding, &[u8], &[f32]); 9] = [
            (
                Encoding::Signed8,
                &[0x80, 0, 127],
                &[-1.0, 0.0, 127.0 / 128.0],
            ),
            (
                Encoding::Integer(1),
                &[0, 128, 255],
                &[-1.0, 0.0, 127.0 / 128.0],
            ),
            (
                Encoding::Integer(2),
                &[0, 0x80, 1, 0],
                &[-1.0, 1.0 / 32768.0],
            ),
            (
                Encoding::Integer(3),
                &[0, 0, 0x80, 1, 0, 0],
                &[-1.0, 1.0 / 8_388_608.0],
            ),
            (
                Encoding::Integer(4),
                &[0, 0, 0, 0x80, 0, 0, 0, 0x40],
                &[-1.0, 0.5],
            ),
            (Encoding::Float32, &1.5_f32.to_le_bytes(), &[1.5]),
            (Encoding::Float64, &(-0.25_f64).to_le_bytes(), &[-0.25]),
            (
                Encoding::ALaw,
                &[0xD5, 0x55, 0x2A],
                &[8.0 / 32768.0, -8.0 / 32768.0, -32256.0 / 32768.0],
            ),
            (
                Encoding::MuLaw,
                &[0xFF, 0x00, 0x80],
                &[0.0, -32124.0 / 32768.0, 32124.0 / 32768.0],
            ),
        ];
        for (encoding, bytes, expected) in cases {
            let mut samples = Vec::new();
            encoding.decode(bytes, &mut samples);
            assert_eq!(samples, expected, "{encoding:?}");
        }
    }

    #[test]
    fn the_highest_byte_may_come_first() {
        for (encoding, bytes, expected) in [
            (
                Encoding::Integer(2),
                &mut [0x80, 0, 0, 1][..],
                [-1.0, 1.0 / 32768.0],
            ),
            (
                Encoding::Integer(3),
                &mut [0x80, 0, 0, 0, 0, 1],
                [-1.0, 1.0 / 8_388_608.0],
            ),
            (Encoding::Signed8, &mut [0x80, 0x40], [-1.0, 0.5]),
        ] {
            let layout = Layout {
                encoding,
                is_big_endian: true,
            };
            let mut samples = Vec::new();
            layout.decode(bytes, &mut samples);
            assert_eq!(samples, expected, "{encoding:?}");
        }
        let layout = |encoding| {
            Layout {
                encoding,
                is_big_endian: true,
            }
            .name()
        };
        assert_eq!(layout(Encoding::Float64), "pcm_f64be");
        assert_eq!(layout(Encoding::ALaw), "pcm_alaw");
    }
}
