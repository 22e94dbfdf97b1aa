//! The bins of a transform come in; the rows of a picture with a logarithmic frequency axis go out.

/// The lowest frequency shown: C1, below which hardly any instrument has a fundamental.
pub(crate) const LOW_HZ: f64 = 32.703;

/// The highest frequency shown, if the sample rate reaches it.
pub(crate) const HIGH_HZ: f64 = 20_000.0;

/// Rows of a picture: about 42 per octave.
pub(crate) const ROWS: usize = 384;

/// Which bins every row shows.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) low_hz: f64,
    pub(crate) high_hz: f64,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
enum Span {
    /// Narrower than a bin: between two neighbours.
    Between { bin: usize, fraction: f32 },
    /// Wider than one.
    Several { first: usize, count: usize },
}

impl Rows {
    /// Rows from the lowest frequency up.
    pub(crate) fn new(sample_rate: u32, fft_len: usize) -> Self {
        let width = f64::from(sample_rate) / fft_len as f64;
        let last = fft_len / 2;
        let high_hz = HIGH_HZ.min(f64::from(sample_rate) / 2.0).max(2.0 * LOW_HZ);
        let hz = |row: f64| LOW_HZ * (high_hz / LOW_HZ).powf(row / ROWS as f64);
        let spans = (0..ROWS)
            .map(|row| {
                let (low, high) = (hz(row as f64) / width, hz(row as f64 + 1.0) / width);
                let (first, end) = (low.ceil() as usize, (high.ceil() as usize).min(last + 1));
                if end >= first + 2 {
                    Span::Several {
                        first,
                        count: end - first,
                    }
                } else {
                    let middle = (0.5 * (low + high)).min(last as f64);
                    let bin = (middle as usize).min(last.saturating_sub(1));
                    Span::Between {
                        bin,
                        fraction: (middle - bin as f64).min(1.0) as f32,
                    }
                }
            })
            .collect();
        Self {
            low_hz: LOW_HZ,
            high_hz,
            spans,
        }
    }

    /// Write the rows of one spectrum: of several bins, the loudest, so that a partial stays as bright as it is.
    pub(crate) fn peaks(&self, spectrum: &[f32], out: &mut [f32]) {
        self.fill(spectrum, out, |bins| {
            bins.iter().copied().fold(0.0, f32::max)
        });
    }

    /// Write the rows of one spectrum: of several bins, the mean, so that shares stay shares.
    pub(crate) fn means(&self, spectrum: &[f32], out: &mut [f32]) {
        self.fill(spectrum, out, |bins| {
            bins.iter().sum::<f32>() / bins.len() as f32
        });
    }

    fn fill(&self, spectrum: &[f32], out: &mut [f32], several: impl Fn(&[f32]) -> f32) {
        for (out, span) in out.iter_mut().zip(&self.spans) {
            *out = match *span {
                Span::Between { bin, fraction } => {
                    let next = spectrum.get(bin + 1).copied().unwrap_or(0.0);
                    spectrum[bin] * (1.0 - fraction) + next * fraction
                }
                Span::Several { first, count } => several(&spectrum[first..first + count]),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_shows_in_the_row_of_its_frequency() {
        for (rate, fft_len) in [(44_100, 4096), (8000, 1024), (96_000, 8192), (1000, 64)] {
            let rows = Rows::new(rate, fft_len);
            let width = f64::from(rate) / fft_len as f64;
            for bin in [(4.0 * LOW_HZ / width).ceil() as usize, fft_len / 8] {
                let mut spectrum = vec![0.0; fft_len / 2 + 1];
                spectrum[bin] = 1.0;
                let mut out = vec![0.0; ROWS];
                rows.means(&spectrum, &mut out);
                let row = (0..ROWS)
                    .max_by(|&a, &b| out[a].total_cmp(&out[b]))
                    .unwrap();
                let hz = rows.low_hz
                    * (rows.high_hz / rows.low_hz).powf((row as f64 + 0.5) / ROWS as f64);
                assert!(
                    (hz - bin as f64 * width).abs() < width.max(0.02 * hz),
                    "{rate}: {hz} for {}",
                    bin as f64 * width
                );
            }
        }
    }

    #[test]
    fn a_flat_spectrum_is_flat() {
        let rows = Rows::new(44_100, 4096);
        let mut out = vec![0.0; ROWS];
        rows.means(&vec![1.0; 2049], &mut out);
        assert!(out.iter().all(|value| (value - 1.0).abs() < 1e-5));
    }
}
