//! A piano's notes come in; templates under a transform and at any tuning go out.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::{Error, Stft};

/// Spectra of an instrument's notes on a frequency grid of their own, from which templates are read off at any
/// tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct NoteTemplates {
    /// `(spectra, fine bins)`.
    fine: Array2<f32>,
    fine_hz: f64,
    bin_hz: f64,
    rows: Vec<Row>,
}

/// One template: a spectrum, moved along frequency.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    spectrum: usize,
    ratio: f64,
    note: u8,
}

/// The lowest and the highest key that is modelled: below and above there is hardly a note in a song.
const KEYS: std::ops::RangeInclusive<u8> = 24..=100;

/// The piano that comes with the program: the Salamander Grand Piano of Alexander Holm (CC BY 3.0), the notes A, C, D♯ and
/// F♯ of every octave, struck softly and hard. `cargo xtask piano` makes it.
static PIANO: &[u8] = include_bytes!("../../../assets/piano.templates");

/// How such a file begins.
const MAGIC: &[u8; 16] = b"UNBRAID PIANO 1\n";

/// The slices of a note's life that have a spectrum each, in frames of 23.2 ms after its onset.
pub const SLICES: [(usize, usize); 5] = [(0, 2), (2, 5), (5, 12), (12, 26), (26, 60)];

/// One spectrum in a file of templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The MIDI note.
    pub note: u8,
    /// The magnitudes, from zero frequency up.
    pub spectrum: Vec<f32>,
}

/// The bytes of a file of templates: for each window the length in seconds, the Hz from bin to bin, and the spectra.
#[must_use]
pub fn to_bytes(windows: &[(f32, f32, Vec<Sampled>)]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(windows.len() as u8);
    for (secs, fine_hz, spectra) in windows {
        out.extend(secs.to_le_bytes());
        out.extend(fine_hz.to_le_bytes());
        out.extend((spectra.len() as u16).to_le_bytes());
        for sampled in spectra {
            let most = sampled
                .spectrum
                .iter()
                .fold(f32::MIN_POSITIVE, |m, x| m.max(*x));
            // Quarters of a decibel below the largest; zero is nothing.
            let mut levels: Vec<u8> = sampled
                .spectrum
                .iter()
                .map(|x| {
                    (255.0 + 80.0 * (x / most).log10())
                        .round()
                        .clamp(0.0, 255.0) as u8
                })
                .collect();
            while levels.last() == Some(&0) {
                levels.pop();
            }
            out.push(sampled.note);
            out.extend((levels.len() as u16).to_le_bytes());
            out.extend(levels);
        }
    }
    out
}

/// The spectra of one window of a file.
struct Section {
    secs: f32,
    fine_hz: f32,
    spectra: Vec<Sampled>,
}

fn parse(bytes: &[u8]) -> Option<Vec<Section>> {
    struct Reader<'a>(&'a [u8]);
    impl<'a> Reader<'a> {
        fn take(&mut self, count: usize) -> Option<&'a [u8]> {
            let (head, rest) = self.0.split_at_checked(count)?;
            self.0 = rest;
            Some(head)
        }
        fn float(&mut self) -> Option<f32> {
            Some(f32::from_le_bytes(self.take(4)?.try_into().ok()?))
        }
        fn short(&mut self) -> Option<usize> {
            let bytes = self.take(2)?.try_into().ok()?;
            Some(usize::from(u16::from_le_bytes(bytes)))
        }
    }
    let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
    let count = reader.take(1)?[0];
    (0..count)
        .map(|_| {
            let (secs, fine_hz) = (reader.float()?, reader.float()?);
            let spectra = (0..reader.short()?)
                .map(|_| {
                    let note = reader.take(1)?[0];
                    let len = reader.short()?;
                    let levels = reader.take(len)?;
                    let spectrum = levels
                        .iter()
                        .map(|&b| {
                            if b == 0 {
                                0.0
                            } else {
                                10.0_f32.powf((f32::from(b) - 255.0) / 80.0)
                            }
                        })
                        .collect();
                    Some(Sampled { note, spectrum })
                })
                .collect::<Option<_>>()?;
            Some(Section {
                secs,
                fine_hz,
                spectra,
            })
        })
        .collect()
}

impl NoteTemplates {
    /// `fine` is `(templates, fine bins)`, the bins `fine_hz` apart; `bin_hz` is the distance of the transform's bins, and `notes`
    /// says which MIDI note every template belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if there is not one note per template, [`Error::TooShort`] if there is none.
    pub fn new(fine: Array2<f32>, fine_hz: f64, bin_hz: f64, notes: &[u8]) -> Result<Self, Error> {
        if notes.len() != fine.nrows() {
            return Err(Error::Shape {
                what: "the list of notes",
                expected: vec![fine.nrows()],
                actual: vec![notes.len()],
            });
        }
        if fine.is_empty() {
            return Err(Error::TooShort {
                what: "the piano's templates",
                needed: 1,
                actual: 0,
            });
        }
        let rows = notes.iter().enumerate().map(|(spectrum, &note)| Row {
            spectrum,
            ratio: 1.0,
            note,
        });
        Ok(Self {
            fine,
            fine_hz,
            bin_hz,
            rows: rows.collect(),
        })
    }

    /// The piano that comes with the program.
    #[must_use]
    pub fn built_in(stft: &Stft, sample_rate: u32) -> Self {
        Self::from_bytes(PIANO, stft, sample_rate)
            .expect("the file that comes with the program is whole")
    }

    /// A piano from a file of templates; `None` if it is not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], stft: &Stft, sample_rate: u32) -> Option<Self> {
        let config = stft.config();
        let secs = config.window_len as f32 / sample_rate as f32;
        let apart = |section: &Section| (section.secs / secs).ln().abs();
        let section = parse(bytes)?
            .into_iter()
            .min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
        let width = section.spectra.iter().map(|s| s.spectrum.len()).max()?;
        let mut fine = Array2::zeros((section.spectra.len(), width));
        for (mut row, sampled) in fine.outer_iter_mut().zip(&section.spectra) {
            for (out, x) in row.iter_mut().zip(&sampled.spectrum) {
                *out = *x;
            }
        }
        let notes: Vec<u8> = section.spectra.iter().map(|s| s.note).collect();
        let whole = Self::new(
            fine,
            f64::from(section.fine_hz),
            f64::from(sample_rate) / config.fft_len as f64,
            &notes,
        );
        Some(whole.ok()?.completed())
    }

    /// With every key that has no spectra made from its nearest neighbour, moved along frequency.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let mut rows = Vec::new();
        for key in KEYS {
            let near = self
                .rows
                .iter()
                .map(|row| row.note)
                .min_by_key(|note| (note.abs_diff(key), *note));
            let ratio = |note: u8| ((f64::from(key) - f64::from(note)) / 12.0).exp2();
            let of_near = self.rows.iter().filter(|row| Some(row.note) == near);
            rows.extend(of_near.map(|row| Row {
                ratio: row.ratio * ratio(row.note),
                note: key,
                ..*row
            }));
        }
        self.rows = rows;
        self
    }

    /// The MIDI note of every template.
    #[must_use]
    pub fn notes(&self) -> Vec<u8> {
        self.rows.iter().map(|row| row.note).collect()
    }

    /// Some of the templates.
    #[must_use]
    pub fn select(&self, keep: &[usize]) -> Self {
        Self {
            rows: keep.iter().map(|&k| self.rows[k]).collect(),
            ..self.clone()
        }
    }

    /// The templates under the transform, tuned up by `cents`: `(templates, bins)`, every row adding up to one.
    #[must_use]
    pub fn tuned(&self, cents: f64, bins: usize) -> Array2<f32> {
        let mut out = Array2::<f32>::zeros((self.rows.len(), bins));
        let jobs: Vec<_> = out.axis_iter_mut(Axis(0)).zip(&self.rows).collect();
        jobs.into_par_iter().for_each(|(mut out, row)| {
            let fine = self.fine.row(row.spectrum);
            let step = self.bin_hz / self.fine_hz / row.ratio / (cents / 1200.0).exp2();
            for (bin, out) in out.iter_mut().enumerate() {
                let place = bin as f64 * step;
                let (at, share) = (place as usize, place.fract() as f32);
                if at + 1 < fine.len() {
                    *out = fine[at] * (1.0 - share) + fine[at + 1] * share;
                }
            }
            let sum = out.sum();
            if sum > 0.0 {
                out /= sum;
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StftConfig;

    #[test]
    fn a_file_of_templates_comes_back_to_a_quarter_of_a_decibel() {
        let spectrum: Vec<f32> = (0..50).map(|f| 1.0 / (1.0 + f as f32)).collect();
        let windows = [(
            0.1,
            10.0,
            vec![Sampled {
                note: 60,
                spectrum: spectrum.clone(),
            }],
        )];
        let sections = parse(&to_bytes(&windows)).unwrap();
        assert_eq!(sections[0].spectra[0].note, 60);
        for (a, b) in sections[0].spectra[0].spectrum.iter().zip(&spectrum) {
            assert!((20.0 * (a / b).log10()).abs() < 0.13, "{a} {b}");
        }
        let bytes = to_bytes(&windows);
        assert!((0..bytes.len()).all(|len| parse(&bytes[..len]).is_none()));
    }

    #[test]
    fn the_built_in_piano_has_its_partials_where_the_key_says() {
        let stft = Stft::new(StftConfig::with_fft_len(8192)).unwrap();
        let piano = NoteTemplates::built_in(&stft, 44_100);
        let templates = piano.tuned(0.0, 2049);
        let sharp = piano.tuned(50.0, 2049);
        for (k, &note) in piano.notes().iter().enumerate() {
            // From the middle of the keyboard on, the fundamental is among the strongest partials.
            if !(57..=90).contains(&note) || k % 5 != 2 {
                continue;
            }
            let f0 = 440.0 * ((f64::from(note) - 69.0) / 12.0).exp2() * 8192.0 / 44_100.0;
            let near = |templates: &Array2<f32>, bin: f64| {
                let bin = bin.round() as usize;
                templates.row(k).iter().skip(bin - 2).take(5).sum::<f32>()
            };
            assert!(near(&templates, f0) > 0.02, "{note}");
            assert!(
                near(&sharp, f0 * (50.0_f64 / 1200.0).exp2()) > 0.02,
                "{note}"
            );
        }
    }
}
