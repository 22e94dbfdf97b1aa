//! A singer alone comes in, with the words; the filters of every phoneme go out, and from a dictionary of them the shapes of a voice.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};

use super::path::{Path, Tracker};
use super::piano::Piano;
use super::transients::transients;
use super::view::View;
use super::{Known, VoicePianoConfig};
use crate::analysis::glottal::Grid;
use crate::knowledge::{
    Atom, Dictionary, Lyrics, Melody, Parts, Provenance, Score, Sound, midi_of_hz,
};
use crate::model::{Bands, Voice};
use crate::{Audio, Error};

/// Frames that a filter is the mean of, at least: a tenth of a second and a half.
const LEAST_FRAMES: usize = 6;

/// Layers of loudness of a phoneme, at most.
const MOST_LAYERS: usize = 3;

/// Iterations of the fit that filters are read off.
const ITERATIONS: usize = 40;

/// Learn a singer's filters from a recording of the voice alone: note × loudness × phoneme.
///
/// ```text
/// V ≈ e(f,t)·Σ_p bump_p(f)·g_p(t) + breath        pitch as in `voice_piano`, a filter g(t) for every frame
/// filter of (phoneme, register, layer) = mean of g(t) / Σ_p g_p(t) over the frames of one phoneme, one half of the
///                                        range it is sung in, one third of its loudnesses
/// ```
///
/// Without words, or where they are not phonemes, all frames are of one phoneme without a name. The dictionary's atoms are filters
/// ([`Atom::filter`]): smooth curves over frequency of unit sum, which serve every transform. Each atom's note is the mean pitch
/// it was sung on, its velocity how loud, from 1 to 127, and its label the phoneme.
///
/// # Examples
///
/// ```no_run
/// use unbraid::knowledge::{Lyrics, Provenance};
/// use unbraid::recipe::voice_piano::{VoicePianoConfig, learn_voice};
///
/// # fn learn(alone: &unbraid::Audio, phonemes: &Lyrics) -> Result<(), unbraid::Error> {
/// let config = VoicePianoConfig::default();
/// let singer = learn_voice(alone, Some(phonemes), None, Provenance::default(), &config)?;
/// for atom in singer.atoms() {
///     println!("{} on MIDI note {:?}, velocity {}", atom.label, atom.note, atom.velocity);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Silent`] if nothing sounds.
/// - [`Error::TooShort`] if no phoneme is sung on a pitch for a seventh of a second.
pub fn learn_voice(
    audio: &Audio,
    lyrics: Option<&Lyrics>,
    melody: Option<&Melody>,
    provenance: Provenance,
    config: &VoicePianoConfig,
) -> Result<Dictionary, Error> {
    config.check()?;
    let view = View::new(audio, 4, config.portable, &mut ())?;
    if view.level <= 0.0 {
        return Err(Error::Silent {
            what: "recording",
            index: 0,
        });
    }
    let silent_piano = Score::default();
    let known = Known {
        score: Some(&silent_piano),
        lyrics,
        melody,
        ..Known::default()
    };
    let tracker = Tracker {
        transients: transients(audio, &view)?,
        view: &view,
        piano: Piano::new(None, &view, config)?,
        grid: Grid::new(config.lowest_hz, config.highest_hz, 5),
        known: &known,
        config,
    };
    let path = tracker.track(0.0)?.path;
    let voice = Voice::with_free_filter(view.excite(&path, 0.0), view.bands.clone(), view.level);
    let mut voice = voice.gated(&path.silent, &path.breathy);
    view.fit(&mut voice, &mut [], ITERATIONS);
    let filters = filters(&view, &path, &voice.filters(), lyrics);
    if filters.is_empty() {
        return Err(Error::TooShort {
            what: "the list of phonemes that are sung on a pitch",
            needed: 1,
            actual: 0,
        });
    }
    let bins = view.stft.bins();
    let mut templates = Array2::zeros((bins, filters.len()));
    let mut curve = vec![0.0; view.v.ncols()];
    for ((_, filter), mut out) in filters.iter().zip(templates.columns_mut()) {
        view.bands.spread(filter, &mut curve);
        // What lies above the highest frequency that is modelled goes on as it ends.
        let last = curve.last().copied().unwrap_or(0.0);
        let values = curve.iter().copied().chain(std::iter::repeat(last));
        out.iter_mut().zip(values).for_each(|(out, x)| *out = x);
    }
    Dictionary::from_parts(Parts {
        kind: "voice".to_owned(),
        atoms: filters.into_iter().map(|(atom, _)| atom).collect(),
        stft: view.stft.config(),
        sample_rate: view.sample_rate,
        templates,
        means: None,
        examples: Vec::new(),
        provenance,
    })
}

/// The mean filters of phonemes: what each is, and its gains by bands.
fn filters(
    view: &View,
    path: &Path,
    gains: &Array2<f32>,
    lyrics: Option<&Lyrics>,
) -> Vec<(Atom, Vec<f32>)> {
    let mut frames = BTreeMap::<String, Vec<usize>>::new();
    let loudness = gains.sum_axis(Axis(1));
    let loudest = loudness.iter().fold(0.0_f32, |m, x| m.max(*x));
    for frame in 0..gains.nrows() {
        // A frame in a thousand's loudness is not sung.
        if !path.voiced[frame] || loudness[frame] < 1e-3 * loudest {
            continue;
        }
        let name = match lyrics {
            None => String::new(),
            Some(lyrics) => {
                let at = |away: f64| lyrics.phoneme((frame as f64 + away) * view.hop_secs());
                match (at(-1.0), at(0.0), at(1.0)) {
                    // Words without phonemes.
                    (None, None, None) => String::new(),
                    // In the midst of one, whose neighbours do not reach into the frame.
                    (a, Some(here), b) if a == b && a == Some(here) => here.to_owned(),
                    _ => continue,
                }
            }
        };
        if lyrics.is_some_and(|lyrics| lyrics.at(frame as f64 * view.hop_secs()) == Sound::Unvoiced)
        {
            continue;
        }
        frames.entry(name).or_default().push(frame);
    }
    let mut out = Vec::new();
    for (label, mut frames) in frames {
        let midi = |frame: usize| midi_of_hz(path.f0_hz[frame]);
        frames.sort_by(|&a, &b| midi(a).total_cmp(&midi(b)).then(a.cmp(&b)));
        let halves = if frames.len() >= 4 * LEAST_FRAMES {
            frames.chunks(frames.len().div_ceil(2)).collect::<Vec<_>>()
        } else {
            vec![&frames[..]]
        };
        for half in halves {
            let mut half = half.to_vec();
            half.sort_by(|&a, &b| loudness[a].total_cmp(&loudness[b]).then(a.cmp(&b)));
            let layers = (half.len() / LEAST_FRAMES).min(MOST_LAYERS);
            if layers == 0 {
                continue;
            }
            for layer in half.chunks(half.len().div_ceil(layers)) {
                let mut mean = vec![0.0_f32; gains.ncols()];
                let (mut loud, mut note) = (0.0, 0.0);
                for &frame in layer {
                    let share = 1.0 / layer.len() as f32;
                    loud += share * loudness[frame];
                    note += share * midi(frame);
                    for (mean, gain) in mean.iter_mut().zip(gains.row(frame)) {
                        *mean += share * gain / loudness[frame];
                    }
                }
                // 40 dB below the loudest frame is velocity 1.
                let below_db = 20.0 * (loudest / loud).log10();
                let atom = Atom {
                    note: Some(note),
                    velocity: (127.0 * (1.0 - below_db / 40.0)).clamp(1.0, 127.0).round(),
                    label: label.clone(),
                    level: loud / loudest,
                    filter: true,
                    ..Atom::default()
                };
                out.push((atom, mean));
            }
        }
    }
    out
}

/// The filters of a dictionary as shapes of a voice: `(shapes, bands)`, every row adding up to one.
pub(super) fn shapes(dictionary: &Dictionary, view: &View, bands: &Bands) -> Array2<f32> {
    let learnt_hz = f64::from(dictionary.sample_rate()) / dictionary.stft().fft_len as f64;
    let mut curve = vec![0.0; view.v.ncols()];
    let mut shapes = Array2::zeros((dictionary.atoms().len(), bands.count()));
    for (template, mut row) in dictionary
        .templates()
        .columns()
        .into_iter()
        .zip(shapes.outer_iter_mut())
    {
        for (bin, out) in curve.iter_mut().enumerate() {
            let place = bin as f64 * view.bin_hz() / learnt_hz;
            let below = (place as usize).min(template.len() - 1);
            let above = (below + 1).min(template.len() - 1);
            let share = (place - below as f64).clamp(0.0, 1.0) as f32;
            *out = template[below] + share * (template[above] - template[below]);
        }
        let mut gains = vec![0.0; bands.count()];
        bands.gather(&curve, &mut gains);
        for ((out, gain), sum) in row.iter_mut().zip(gains).zip(bands.sums()) {
            *out = gain / sum.max(f32::MIN_POSITIVE);
        }
        let sum = row.sum();
        if sum > 0.0 {
            row /= sum;
        }
    }
    shapes
}

/// How likely each filter of a dictionary is to sound, `(filters, frames)`: those of the phoneme that is sung before all others, and
/// all alike if no phonemes are known or none of the filters is of it.
pub(super) fn likely(dictionary: &Dictionary, view: &View, lyrics: Option<&Lyrics>) -> Array2<f32> {
    /// Beside those of the phoneme: labels are not exact, and a phoneme has more colours than were learnt.
    const OTHERS: f32 = 0.1;
    let atoms = dictionary.atoms();
    let mut likely = Array2::from_elem((atoms.len(), view.v.nrows()), 1.0);
    let Some(lyrics) = lyrics else { return likely };
    // The window reaches into the neighbours.
    let reach_secs = 0.4 * view.stft.config().window_len as f64 / f64::from(view.sample_rate);
    for (frame, mut column) in likely.columns_mut().into_iter().enumerate() {
        let secs = frame as f64 * view.hop_secs();
        let near = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|away| lyrics.phoneme(secs + away * reach_secs));
        let fits = |atom: &Atom| near.contains(&Some(atom.label.as_str()));
        if atoms.iter().any(fits) && lyrics.phoneme(secs).is_some() {
            let others = column.iter_mut().zip(atoms).filter(|(_, atom)| !fits(atom));
            others.for_each(|(out, _)| *out = OTHERS);
        }
    }
    likely
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::{Grain, Pitch, Sung};

    const RATE: u32 = 16_000;

    /// Two vowels after each other, one with its formant at 600 Hz, the other at 1800 Hz; and how they are written.
    fn sung() -> (Audio, Lyrics) {
        let tau = std::f64::consts::TAU;
        let samples = (0..2 * RATE)
            .map(|n| {
                let t = f64::from(n) / f64::from(RATE);
                let formant = if t < 1.0 { 600.0 } else { 1800.0 };
                let partial = |m: u32| {
                    let hz = 220.0 * f64::from(m);
                    let gain = 1.0 / (1.0 + ((hz - formant) / 200.0).powi(2));
                    (tau * hz * t + 0.3 * f64::from(m * m)).sin() * (gain + 0.02)
                };
                (0.1 * (1..20).map(partial).sum::<f64>()) as f32
            })
            .collect();
        let samples = Array2::from_shape_vec((1, 2 * RATE as usize), samples).unwrap();
        let piece = |onset_secs, offset_secs, text: &str| Sung {
            onset_secs,
            offset_secs,
            text: text.to_owned(),
            note: None,
        };
        let pieces = vec![piece(0.0, 1.0, "a"), piece(1.0, 2.0, "i1")];
        let lyrics = Lyrics::new(pieces, Grain::Phonemes).unwrap();
        (Audio::new(samples, RATE).unwrap(), lyrics)
    }

    #[test]
    fn every_phoneme_has_filters_of_its_own_and_sounds_where_it_is_written() {
        let (audio, lyrics) = sung();
        let config = VoicePianoConfig {
            tracking_iterations: 15,
            ..VoicePianoConfig::default()
        };
        let point = |n: u32| Pitch {
            time_secs: f64::from(n) * 0.02,
            hz: 220.0,
            confidence: 1.0,
        };
        let melody = Melody::new((0..100).map(point).collect()).unwrap();
        let known = (Some(&lyrics), Some(&melody));
        let learnt = learn_voice(&audio, known.0, known.1, Provenance::default(), &config).unwrap();
        assert!(learnt.is_of_filters());
        let bin_hz = f64::from(RATE) / learnt.stft().fft_len as f64;
        for (atom, filter) in learnt.atoms().iter().zip(learnt.templates().columns()) {
            let peak = (0..filter.len())
                .max_by(|&a, &b| filter[a].total_cmp(&filter[b]))
                .unwrap();
            let formant = if atom.label == "a" { 600.0 } else { 1800.0 };
            let hz = peak as f64 * bin_hz;
            assert!((hz - formant).abs() < 250.0, "{}: {hz} Hz", atom.label);
            assert!((atom.note.unwrap() - 57.0).abs() < 0.5, "{:?}", atom.note);
        }
        let view = View::new(&audio, 8, false, &mut ()).unwrap();
        let shapes = shapes(&learnt, &view, &view.bands);
        assert!(
            shapes
                .rows()
                .into_iter()
                .all(|row| (row.sum() - 1.0).abs() < 1e-4)
        );
        let likely = likely(&learnt, &view, Some(&lyrics));
        let sounds = |secs: f64, label: &str| {
            let frame = (secs / view.hop_secs()) as usize;
            let mut atoms = learnt.atoms().iter().zip(likely.column(frame));
            atoms.any(|(atom, likely)| *likely > 0.5 && atom.label == label)
        };
        assert!(sounds(0.5, "a") && !sounds(0.5, "i"));
        assert!(sounds(1.5, "i") && !sounds(1.5, "a"));
        assert!(sounds(1.0, "i") && sounds(1.0, "a"));
    }
}
