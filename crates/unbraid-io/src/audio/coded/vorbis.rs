//! The headers of a Vorbis stream come in; the same with their channel couplings in the order in which Symphonia undoes
//! them go out.
//!
//! Vorbis undoes couplings from the last to the first (*Vorbis I specification*, 4.3.5); Symphonia 0.6 goes from the first to
//! the last, which is another result where a channel is coupled twice, as in surround sound. Each step has as many bits as any
//! other, so that they can change places. A test compares a surround file with what libvorbis decodes: it will tell when
//! Symphonia has changed.

/// Bits, the lowest of every byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for bit in 0..count {
            let at = self.at + bit;
            let byte = self.bytes.get(at / 8)?;
            value |= u32::from(byte >> (at % 8) & 1) << bit;
        }
        self.at += count;
        Some(value)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        let at = self.at as u64 + count;
        self.at = usize::try_from(at)
            .ok()
            .filter(|at| at / 8 <= self.bytes.len())?;
        Some(())
    }

    /// A number of things, one more than is written.
    fn count(&mut self, bits: usize) -> Option<u32> {
        Some(self.read(bits)? + 1)
    }
}

/// The bits that it takes to write a number (9.2.1 of the specification).
fn ilog(number: u32) -> usize {
    (u32::BITS - number.leading_zeros()) as usize
}

/// The steps of one mapping: the place of the first, and how many.
struct Couplings {
    at: usize,
    steps: usize,
}

/// Bring the couplings of every mapping into the opposite order. `headers` are the identification and the setup header;
/// what is damaged stays as it is, for the decoder to refuse.
pub(super) fn reverse_couplings(headers: &mut [u8]) {
    /// Where the identification header has the number of channels, and how long it is.
    const CHANNELS: usize = 11;
    const IDENTIFICATION: usize = 30;
    let Some(&channels) = headers.get(CHANNELS) else {
        return;
    };
    let width = 2 * ilog(u32::from(channels.saturating_sub(1)));
    let Some(setup) = headers.get_mut(IDENTIFICATION..) else {
        return;
    };
    for Couplings { at, steps } in couplings(setup, channels).unwrap_or_default() {
        for step in 0..steps / 2 {
            let (one, other) = (at + step * width, at + (steps - 1 - step) * width);
            for bit in 0..width {
                swap(setup, one + bit, other + bit);
            }
        }
    }
}

fn swap(bytes: &mut [u8], one: usize, other: usize) {
    let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (at % 8) & 1;
    if bit(bytes, one) != bit(bytes, other) {
        bytes[one / 8] ^= 1 << (one % 8);
        bytes[other / 8] ^= 1 << (other % 8);
    }
}

/// Where couplings are in a setup header (4.2.4).
fn couplings(setup: &[u8], channels: u8) -> Option<Vec<Couplings>> {
    // The type of the packet, and `vorbis`.
    let mut bits = Bits {
        bytes: setup,
        at: 7 * 8,
    };
    for _ in 0..bits.count(8)? {
        skip_codebook(&mut bits)?;
    }
    let times = bits.count(6)?;
    bits.skip(16 * u64::from(times))?;
    for _ in 0..bits.count(6)? {
        skip_floor(&mut bits)?;
    }
    for _ in 0..bits.count(6)? {
        skip_residue(&mut bits)?;
    }
    let mut found = Vec::new();
    for _ in 0..bits.count(6)? {
        let _type = bits.read(16)?;
        let submaps = if bits.read(1)? == 1 {
            bits.count(4)?
        } else {
            1
        };
        if bits.read(1)? == 1 {
            let steps = bits.count(8)? as usize;
            found.push(Couplings { at: bits.at, steps });
            bits.skip((steps * 2 * ilog(u32::from(channels.saturating_sub(1)))) as u64)?;
        }
        let _reserved = bits.read(2)?;
        if submaps > 1 {
            bits.skip(4 * u64::from(channels))?;
        }
        bits.skip(24 * u64::from(submaps))?;
    }
    Some(found)
}

/// 3.2.1 of the specification.
fn skip_codebook(bits: &mut Bits<'_>) -> Option<()> {
    let _sync = bits.read(24)?;
    let (dimensions, entries) = (bits.read(16)?, bits.read(24)?);
    if bits.read(1)? == 0 {
        let is_sparse = bits.read(1)? == 1;
        for _ in 0..entries {
            if !is_sparse || bits.read(1)? == 1 {
                bits.skip(5)?;
            }
        }
    } else {
        let _first_len = bits.read(5)?;
        let mut entry = 0;
        while entry < entries {
            entry += bits.read(ilog(entries - entry))?;
            // None of this length is legal; none for ever is not.
            if bits.at / 8 >= bits.bytes.len() {
                return None;
            }
        }
    }
    let lookup = bits.read(4)?;
    if lookup == 0 {
        return Some(());
    }
    bits.skip(64)?;
    let value_bits = bits.count(4)?;
    let _is_sequence = bits.read(1)?;
    let values = match lookup {
        1 => lookup_values(entries, dimensions),
        _ => u64::from(entries) * u64::from(dimensions),
    };
    bits.skip(values * u64::from(value_bits))
}

/// The greatest number whose power of so many dimensions is at most so many entries (9.2.3).
fn lookup_values(entries: u32, dimensions: u32) -> u64 {
    let fits = |number: u64| {
        number
            .checked_pow(dimensions)
            .is_some_and(|power| power <= u64::from(entries))
    };
    let mut number = (f64::from(entries).powf(1.0 / f64::from(dimensions.max(1)))) as u64;
    while fits(number + 1) && dimensions > 0 {
        number += 1;
    }
    while number > 0 && !fits(number) {
        number -= 1;
    }
    number
}

/// 6.2.1 and 7.2.2.
fn skip_floor(bits: &mut Bits<'_>) -> Option<()> {
    if bits.read(16)? == 0 {
        bits.skip(8 + 16 + 16 + 6 + 8)?;
        let books = bits.count(4)?;
        return bits.skip(8 * u64::from(books));
    }
    let partitions = bits.read(5)?;
    let classes: Vec<usize> = (0..partitions)
        .map(|_| bits.read(4).map(|class| class as usize))
        .collect::<Option<_>>()?;
    let mut dimensions = [0; 16];
    for dimension in dimensions
        .iter_mut()
        .take(classes.iter().max().map_or(0, |most| most + 1))
    {
        *dimension = bits.count(3)?;
        let subclasses = bits.read(2)?;
        if subclasses > 0 {
            bits.skip(8)?;
        }
        bits.skip(8 << subclasses)?;
    }
    let _multiplier = bits.read(2)?;
    let range_bits = bits.read(4)?;
    let points: u32 = classes.iter().map(|&class| dimensions[class]).sum();
    bits.skip(u64::from(points) * u64::from(range_bits))
}

/// 8.6.1.
fn skip_residue(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(16 + 24 + 24 + 24)?;
    let classifications = bits.count(6)?;
    let _classbook = bits.read(8)?;
    let mut books = 0;
    for _ in 0..classifications {
        let low = bits.read(3)?;
        let high = if bits.read(1)? == 1 { bits.read(5)? } else { 0 };
        books += low.count_ones() + high.count_ones();
    }
    bits.skip(8 * u64::from(books))
}
