//! Samples at one rate come in; the same at another rate go out, and stems that were made there come back.
//!
//! A recording can be separated at another rate than its own: at a lower one faster, and with what is known of sounds at
//! that rate. [`resample`] makes the recording of that rate. [`AtOriginalRate`] takes the stems back: resampled to the
//! recording's rate, they add up to it but for what the way there and back has lost, which is mostly the band above half of
//! the lower rate. That difference is shared out among the stems, moment by moment, as the highest octave below it is:
//!
//! ```text
//! y[i] = up(x[i]) + g[i] · (recording − up(x[1]) − … − up(x[n]))
//! g[i] = the energy of x[i] in the octave below the working rate's half, over that of all, within about 512 samples
//! ```
//!
//! so that the stems add up to the recording whatever the working rate is, and a cymbal that sounds on above it stays
//! with the drums.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::{Audio, Error};

/// Samples of the lower rate that are transformed at once, at least: the more, the narrower the band that the filter
/// against aliases loses below half of that rate.
const TRANSFORMED: usize = 2048;

/// The highest ratio of two rates.
const MOST_RATIO: u32 = 64;

/// Resample a recording.
///
/// The result begins with the recording, and is as long, to the sample.
///
/// # Errors
///
/// [`Error::Config`] if the rate is zero, or more than 64 times the recording's, or less than a 64th.
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid::Audio;
/// use unbraid::resample::resample;
///
/// let tone = |rate: u32| {
///     let phase = |n: usize| std::f64::consts::TAU * 440.0 * n as f64 / f64::from(rate);
///     Audio::new(Array2::from_shape_fn((1, rate as usize), |(_, n)| phase(n).sin() as f32), rate)
/// };
/// let lower = resample(&tone(44_100)?, 16_000)?;
/// assert_eq!((lower.sample_rate(), lower.len_samples()), (16_000, 16_000));
/// assert!((lower.channel(0)[5000] - tone(16_000)?.channel(0)[5000]).abs() < 1e-5);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn resample(audio: &Audio, sample_rate: u32) -> Result<Audio, Error> {
    if sample_rate == audio.sample_rate() {
        return Ok(audio.clone());
    }
    let (from, to) = (u64::from(audio.sample_rate()), u64::from(sample_rate));
    let len = (audio.len_samples() as u64 * to)
        .div_ceil(from.max(1))
        .max(1);
    let mut channels = Channels::new(
        audio.sample_rate(),
        sample_rate,
        audio.channels(),
        len as usize,
    )?;
    let mut rows = channels.push(audio.samples())?;
    for (row, rest) in rows.iter_mut().zip(channels.finish()?) {
        row.extend(rest);
    }
    let samples = Array2::from_shape_vec((rows.len(), len as usize), rows.concat());
    Audio::new(samples.map_err(failed)?, sample_rate)
}

/// Nothing in a resampler can fail that was not checked before.
fn failed<E>(_: E) -> Error {
    Error::Numerical {
        stage: "resample",
        iteration: 0,
    }
}

/// Channels on their way from one rate to another.
struct Channels {
    channels: Vec<Channel>,
}

/// One channel: rubato's resampler, what it has not yet taken, and what is still to leave out.
struct Channel {
    fft: Fft<f32>,
    waiting: Vec<f32>,
    /// Samples at the beginning of its output that stand before the first.
    delay: usize,
    /// Samples that are still wanted of it.
    left: usize,
}

impl Channels {
    fn new(from: u32, to: u32, channels: usize, len_out: usize) -> Result<Self, Error> {
        let (low, high) = (from.min(to), from.max(to));
        if low == 0 || u64::from(high) > u64::from(low) * u64::from(MOST_RATIO) {
            let requirement = format!(
                "from {} to {} Hz for a recording at {from} Hz",
                from.div_ceil(MOST_RATIO),
                from.saturating_mul(MOST_RATIO)
            );
            return Err(Error::config("sample_rate", to, requirement));
        }
        let smallest = greatest_common_divisor(from, to);
        // An even number of the smallest blocks: then half a block, the filter's delay, is whole samples.
        let blocks = 2 * TRANSFORMED.div_ceil(2 * (low / smallest) as usize);
        let len_in = blocks * (from / smallest) as usize;
        let one = || {
            let made = Fft::new(from as usize, to as usize, len_in, 1, FixedSync::Both);
            let fft = made.map_err(|error| Error::config("sample_rate", to, error.to_string()))?;
            Ok(Channel {
                delay: fft.output_delay(),
                fft,
                waiting: Vec::new(),
                left: len_out,
            })
        };
        let channels = (0..channels).map(|_| one()).collect::<Result<_, Error>>()?;
        Ok(Self { channels })
    }

    /// Take `(channels, samples)`; what has become of it so far, channel by channel.
    fn push(&mut self, block: ArrayView2<'_, f32>) -> Result<Vec<Vec<f32>>, Error> {
        let rows: Vec<_> = block.outer_iter().collect();
        let channels = self.channels.par_iter_mut().zip(rows);
        let done = channels.map(|(channel, row)| {
            channel.waiting.extend(row.iter());
            channel.run(false)
        });
        done.collect()
    }

    /// What is left after the last sample.
    fn finish(&mut self) -> Result<Vec<Vec<f32>>, Error> {
        let channels = self.channels.par_iter_mut();
        channels.map(|channel| channel.run(true)).collect()
    }
}

impl Channel {
    fn run(&mut self, is_end: bool) -> Result<Vec<f32>, Error> {
        let (len_in, len_out) = (self.fft.input_frames_next(), self.fft.output_frames_next());
        let mut out = Vec::new();
        let mut block = vec![vec![0.0; len_out]];
        let mut taken = 0;
        while self.left > 0 && (self.waiting.len() - taken >= len_in || is_end) {
            let end = (taken + len_in).min(self.waiting.len());
            let mut input = self.waiting[taken..end].to_vec();
            // Behind the last sample is silence.
            input.resize(len_in, 0.0);
            taken = end;
            let input = [input];
            let input = SequentialSliceOfVecs::new(&input, 1, len_in).map_err(failed)?;
            let mut output =
                SequentialSliceOfVecs::new_mut(&mut block, 1, len_out).map_err(failed)?;
            self.fft
                .process_into_buffer(&input, &mut output, None)
                .map_err(failed)?;
            let skipped = self.delay.min(len_out);
            self.delay -= skipped;
            let wanted = (len_out - skipped).min(self.left);
            out.extend_from_slice(&block[0][skipped..skipped + wanted]);
            self.left -= wanted;
        }
        self.waiting.drain(..taken);
        Ok(out)
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// Stems on their way back to the rate of their recording.
///
/// # Examples
///
/// ```
/// use ndarray::{Array3, Axis, s};
/// use unbraid::resample::{AtOriginalRate, resample};
/// use unbraid::testsignals::drums_and_guitar;
///
/// let (recording, _) = drums_and_guitar(1.0, 44_100);
/// let working = resample(&recording, 16_000)?;
/// // Two stems of equal level, for want of a separation.
/// let half = working.samples().mapv(|x| x / 2.0).insert_axis(Axis(0));
/// let stems = ndarray::concatenate(Axis(0), &[half.view(), half.view()]).unwrap();
///
/// let mut back = AtOriginalRate::new(&recording, 16_000, 2, true)?;
/// let first = back.push(stems.view())?;
/// let last = back.finish()?;
/// let all = ndarray::concatenate(Axis(2), &[first.view(), last.view()]).unwrap();
/// assert_eq!(all.dim(), (2, 1, recording.len_samples()));
/// let sum = all[[0, 0, 10_000]] + all[[1, 0, 10_000]];
/// assert!((sum - recording.channel(0)[10_000]).abs() < 1e-6);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub struct AtOriginalRate<'a> {
    recording: &'a Audio,
    stems: usize,
    /// Whether the stems are to add up to the recording.
    adds_up: bool,
    up: Channels,
    shares: Shares,
    /// Stems at the recording's rate that wait for their shares: the channels of the first, of the second, …
    waiting: Vec<Vec<f32>>,
    /// Samples per channel that went out.
    done: usize,
    /// Samples of the working rate in one of the recording's.
    ratio: f64,
}

impl<'a> AtOriginalRate<'a> {
    /// For as many stems of this recording, made at another rate.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the rates are too far apart.
    pub fn new(
        recording: &'a Audio,
        working_rate: u32,
        stems: usize,
        adds_up: bool,
    ) -> Result<Self, Error> {
        let rows = stems * recording.channels();
        let (rate, len) = (recording.sample_rate(), recording.len_samples());
        Ok(Self {
            recording,
            stems,
            adds_up,
            up: Channels::new(working_rate, rate, rows, len)?,
            shares: Shares::new(stems, recording.channels()),
            waiting: vec![Vec::new(); rows],
            done: 0,
            ratio: f64::from(working_rate) / f64::from(rate),
        })
    }

    /// Take the next samples of all stems, `(stems, channels, samples)` at the working rate; those that are ready come
    /// back, at the recording's rate.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if it is not as many stems and channels.
    pub fn push(&mut self, block: ArrayView3<'_, f32>) -> Result<Array3<f32>, Error> {
        let (stems, channels, len) = block.dim();
        let expected = (self.stems, self.recording.channels());
        if (stems, channels) != expected {
            return Err(Error::Shape {
                what: "the stems",
                expected: vec![expected.0, expected.1, len],
                actual: vec![stems, channels, len],
            });
        }
        let rows = block.to_shape((stems * channels, len)).map_err(failed)?;
        self.shares.push(rows.view());
        let up = self.up.push(rows.view())?;
        Ok(self.take(up, false))
    }

    /// The samples that are left after the last of the stems'.
    ///
    /// # Errors
    ///
    /// As [`AtOriginalRate::push`].
    pub fn finish(mut self) -> Result<Array3<f32>, Error> {
        self.shares.finish();
        let up = self.up.finish()?;
        Ok(self.take(up, true))
    }

    fn take(&mut self, up: Vec<Vec<f32>>, is_end: bool) -> Array3<f32> {
        for (row, new) in self.waiting.iter_mut().zip(up) {
            row.extend(new);
        }
        let there = self.waiting.first().map_or(0, Vec::len);
        let ready = if is_end || !self.adds_up {
            there
        } else {
            let known = (self.shares.known() / self.ratio) as usize;
            there.min(known.saturating_sub(self.done))
        };
        let channels = self.recording.channels();
        let mut stems = Array3::zeros((self.stems, channels, ready));
        for (index, row) in self.waiting.iter_mut().enumerate() {
            let mut place = stems.slice_mut(s![index / channels, index % channels, ..]);
            let ready = row.drain(..ready);
            place
                .iter_mut()
                .zip(ready)
                .for_each(|(to, from)| *to = from);
        }
        if self.adds_up {
            let recording = self.recording.samples();
            let recording = recording.slice(s![.., self.done..self.done + ready]);
            let (shares, begin, ratio) = (&self.shares, self.done, self.ratio);
            stems
                .axis_iter_mut(Axis(1))
                .into_par_iter()
                .enumerate()
                .for_each(|(channel, mut stems)| {
                    let mut gains = shares.of(channel);
                    for (n, mut column) in stems.axis_iter_mut(Axis(1)).enumerate() {
                        let gains = gains.at((begin + n) as f64 * ratio);
                        let rest = recording[[channel, n]] - column.sum();
                        column
                            .iter_mut()
                            .zip(gains)
                            .for_each(|(x, gain)| *x += gain * rest);
                    }
                });
        }
        self.done += ready;
        stems
    }
}

/// Samples over which energy is measured, before it is smoothed with that before and behind.
const HOP: usize = 256;

/// The fourth difference: a filter without delay that takes low frequencies away, 48 dB at a quarter of the rate's half.
const HIGH: [f32; 5] = [1.0, -4.0, 6.0, -4.0, 1.0];

/// Which share of a channel's highest octave each stem has, moment by moment.
struct Shares {
    stems: usize,
    channels: usize,
    /// The last samples of every row.
    tails: Vec<Vec<f32>>,
    /// The energy of every row, hop by hop.
    energy: Vec<Vec<f32>>,
    /// Samples of the hop that is being measured, and its energy so far.
    measured: usize,
    sums: Vec<f32>,
}

impl Shares {
    fn new(stems: usize, channels: usize) -> Self {
        let rows = stems * channels;
        Self {
            stems,
            channels,
            // The first sample has two of silence before it.
            tails: vec![vec![0.0; 2]; rows],
            energy: vec![Vec::new(); rows],
            measured: 0,
            sums: vec![0.0; rows],
        }
    }

    fn push(&mut self, rows: ArrayView2<'_, f32>) {
        let begin = self.measured;
        let mut measured = begin;
        for (row, samples) in rows.outer_iter().enumerate() {
            let tail = &mut self.tails[row];
            tail.extend(samples.iter());
            measured = begin;
            for window in tail.windows(HIGH.len()) {
                let high: f32 = window.iter().zip(HIGH).map(|(x, h)| x * h).sum();
                self.sums[row] += high * high;
                measured += 1;
                if measured == HOP {
                    self.energy[row].push(std::mem::take(&mut self.sums[row]));
                    measured = 0;
                }
            }
            let keep = tail.len().min(HIGH.len() - 1);
            tail.drain(..tail.len() - keep);
        }
        self.measured = measured;
    }

    fn finish(&mut self) {
        let silence = Array2::zeros((self.tails.len(), 2));
        self.push(silence.view());
        for (energy, sum) in self.energy.iter_mut().zip(&mut self.sums) {
            energy.push(std::mem::take(sum));
        }
    }

    /// Up to which sample of the working rate shares are known.
    fn known(&self) -> f64 {
        // Between the middles of two hops, both smoothed with their neighbours.
        let hops = self.energy.first().map_or(0, Vec::len);
        (hops as f64 - 1.5).max(0.0) * HOP as f64
    }

    /// The shares of the stems in a channel.
    fn of(&self, channel: usize) -> Gains<'_> {
        let none = vec![0.0; self.stems];
        Gains {
            shares: self,
            channel,
            hop: usize::MAX,
            ends: [none.clone(), none],
        }
    }

    /// The shares in the middle of a hop.
    fn in_hop(&self, hop: usize, channel: usize, gains: &mut [f32]) {
        for (stem, gain) in gains.iter_mut().enumerate() {
            let energy = &self.energy[stem * self.channels + channel];
            let last = energy.len().saturating_sub(1);
            let at = |hop: usize| energy.get(hop.min(last)).copied().unwrap_or(0.0);
            *gain = at(hop.saturating_sub(1)) + 2.0 * at(hop) + at(hop + 1);
        }
        let all: f32 = gains.iter().sum();
        let equal = 1.0 / gains.len() as f32;
        for gain in gains {
            *gain = if all > 0.0 { *gain / all } else { equal };
        }
    }
}

/// The shares of one channel, for one sample after the other.
struct Gains<'a> {
    shares: &'a Shares,
    channel: usize,
    /// The hop whose middle, and that of the next, `ends` are of.
    hop: usize,
    ends: [Vec<f32>; 2],
}

impl Gains<'_> {
    /// The shares of the stems at a sample of the working rate: between the middles of hops they change evenly.
    fn at(&mut self, sample: f64) -> impl Iterator<Item = f32> {
        let place = (sample / HOP as f64 - 0.5).max(0.0);
        let hop = place as usize;
        if hop != self.hop {
            self.hop = hop;
            for (end, hop) in self.ends.iter_mut().zip([hop, hop + 1]) {
                self.shares.in_hop(hop, self.channel, end);
            }
        }
        let weight = place.fract() as f32;
        let [from, to] = &self.ends;
        from.iter()
            .zip(to)
            .map(move |(from, to)| from + weight * (to - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testsignals::noise;

    fn audio(rate: u32, len: usize, seed: u64) -> Audio {
        let samples = [noise(len, seed), noise(len, seed + 1)].concat();
        Audio::new(Array2::from_shape_vec((2, len), samples).unwrap(), rate).unwrap()
    }

    /// Stems of a working rate, taken back in blocks.
    fn back(recording: &Audio, rate: u32, stems: ArrayView3<'_, f32>, block: usize) -> Array3<f32> {
        let mut way = AtOriginalRate::new(recording, rate, stems.len_of(Axis(0)), true).unwrap();
        let mut parts: Vec<Array3<f32>> = stems
            .axis_chunks_iter(Axis(2), block)
            .map(|part| way.push(part).unwrap())
            .collect();
        parts.push(way.finish().unwrap());
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        ndarray::concatenate(Axis(2), &views).unwrap()
    }

    #[test]
    fn stems_of_any_working_rate_add_up_to_the_recording() {
        for (rate, working, len) in [
            (44_100, 22_050, 30_001),
            (44_100, 16_000, 20_000),
            (44_100, 48_000, 9999),
            (8000, 44_100, 5000),
            (44_101, 22_050, 7000),
            (96_000, 44_100, 300),
            (44_100, 32_000, 1),
        ] {
            let recording = audio(rate, len, 1);
            let lower = resample(&recording, working).unwrap();
            let expected = (len as u64 * u64::from(working)).div_ceil(u64::from(rate)) as usize;
            assert_eq!(lower.len_samples(), expected);
            // Any stems at all.
            let stems = Array3::from_shape_fn((3, 2, expected), |(stem, channel, n)| {
                lower.samples()[[channel, n]] * [0.5, 0.3, 0.2][stem] + (n % 7) as f32 * 0.01
            });
            for block in [1000, expected] {
                let back = back(&recording, working, stems.view(), block);
                assert_eq!(back.dim(), (3, 2, len));
                let worst = (back.sum_axis(Axis(0)) - recording.samples())
                    .fold(0.0_f32, |worst, x| worst.max(x.abs()));
                assert!(worst < 1e-6, "{rate} → {working}: {worst}");
            }
        }
    }

    #[test]
    fn the_way_there_and_back_moves_nothing_and_loses_only_the_highest_band() {
        for working in [16_000, 22_050, 32_000, 48_000] {
            // Low sounds: what is above half of the working rate does not matter.
            let samples = Array2::from_shape_fn((1, 40_000), |(_, n)| {
                let phase = |hz: f64| (std::f64::consts::TAU * hz * n as f64 / 44_100.0).sin();
                (0.3 * phase(100.0) + 0.3 * phase(1234.5) + 0.3 * phase(6000.0)) as f32
            });
            let recording = Audio::new(samples, 44_100).unwrap();
            let lower = resample(&recording, working).unwrap();
            let again = resample(&lower, 44_100).unwrap();
            for n in 4000..36_000 {
                let difference = (again.channel(0)[n] - recording.channel(0)[n]).abs();
                assert!(difference < 1e-5, "{working}, at {n}: {difference}");
            }
        }
    }

    #[test]
    fn what_is_above_the_working_rate_goes_to_whom_the_octave_below_belongs() {
        let (rate, working, len) = (44_100, 16_000, 44_100);
        let tone = |hz: f64, sounds: fn(usize) -> bool| {
            Array2::from_shape_fn((1, len), |(_, n)| {
                let phase = std::f64::consts::TAU * hz * n as f64 / f64::from(rate);
                if sounds(n) {
                    0.2 * phase.sin() as f32
                } else {
                    0.0
                }
            })
        };
        let early: fn(usize) -> bool = |n| n < 22_050;
        let late: fn(usize) -> bool = |n| n >= 22_050;
        // Two sources with a band above 8 kHz, one after the other, over a low tone of a third.
        let sources = [
            tone(6000.0, early) + tone(12_000.0, early),
            tone(7000.0, late) + tone(15_000.0, late),
            tone(300.0, |_| true),
        ];
        let recording = Audio::new(&sources[0] + &sources[1] + &sources[2], rate).unwrap();
        let lower: Vec<Array3<f32>> = sources
            .iter()
            .map(|source| {
                let audio = Audio::new(source.clone(), rate).unwrap();
                let lower = resample(&audio, working).unwrap();
                lower.into_samples().insert_axis(Axis(0))
            })
            .collect();
        let views: Vec<_> = lower.iter().map(|stem| stem.view()).collect();
        let stems = ndarray::concatenate(Axis(0), &views).unwrap();
        let back = back(&recording, working, stems.view(), 5000);
        for (stem, source) in sources.iter().enumerate() {
            let wrong: f32 = back
                .index_axis(Axis(0), stem)
                .iter()
                .zip(source)
                .map(|(a, b)| (a - b).powi(2))
                .sum();
            let energy: f32 = source.iter().map(|x| x * x).sum();
            assert!(wrong < 0.02 * energy, "stem {stem}: {}", wrong / energy);
        }
    }

    #[test]
    fn rates_that_are_too_far_apart_are_refused() {
        let recording = audio(44_100, 100, 3);
        for rate in [0, 1, 600, 44_100 * 65] {
            assert!(matches!(
                resample(&recording, rate),
                Err(Error::Config {
                    field: "sample_rate",
                    ..
                })
            ));
        }
    }
}
