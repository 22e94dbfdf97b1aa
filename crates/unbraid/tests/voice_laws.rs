//! The joint fit of a voice and further parts, and the recipe for one singer and one piano.

#![expect(clippy::unwrap_used, reason = "a test")]

use ndarray::{Array2, Array3, Axis};
use unbraid::fit::{Term, divergences, fit_jointly};
use unbraid::knowledge::{Grain, Lyrics, Melody, Note, Pitch, Score, Sung};
use unbraid::model::{Bands, LowRank, Room, Update, Voice};
use unbraid::recipe::Instrument;
use unbraid::separate::SeparateConfig;
use unbraid::testsignals::{mix, positive};
use unbraid::{Audio, separate};

const FRAMES: usize = 53;
const BINS: usize = 70;
const FLOOR: f32 = 1e-4;

fn terms(learning: bool) -> Vec<Term> {
    let part = |seed, update| {
        let mut templates = positive((BINS, 4), seed);
        for mut column in templates.columns_mut() {
            let sum = column.sum();
            column /= sum;
        }
        let h = positive((4, FRAMES), seed + 1);
        LowRank::from_factors("part", templates.view(), h.view(), 1)
            .unwrap()
            .with_templates(update)
    };
    let mut terms = vec![Term {
        part: part(20, Update::Fixed),
        price: 0.1,
    }];
    if learning {
        terms.push(Term {
            part: part(30, Update::Learn),
            price: 0.3,
        });
    }
    terms
}

fn voices() -> Vec<Voice> {
    let mut e = positive((FRAMES, BINS), 5);
    // A comb, and a pause.
    e.indexed_iter_mut().for_each(|((t, f), x)| {
        if f % 5 != t % 3 || (20..30).contains(&t) {
            *x = 0.0;
        }
    });
    let bands = Bands::mel(8, BINS, 60.0);
    vec![
        Voice::with_shapes(e.clone(), bands.clone(), 3, 0.5, 1),
        Voice::with_free_filter(e, bands, 0.5),
    ]
}

/// The divergence and the prices, in f64.
fn objective(v: &Array2<f32>, voice: &Voice, terms: &[Term]) -> f64 {
    let divergence: f64 = divergences(v.view(), voice, terms, FLOOR, true)
        .iter()
        .sum();
    let breath = f64::from((voice.model() - voice.voiced_model()).sum());
    let price = |term: &Term| {
        let model = term.part.model(0);
        f64::from(term.price) * f64::from(model.sum())
    };
    divergence + 0.3 * breath + terms.iter().map(price).sum::<f64>()
}

#[test]
fn the_objective_of_the_joint_fit_never_rises() {
    let v = positive((FRAMES, BINS), 9);
    for mut voice in voices() {
        for learning in [false, true] {
            let mut terms = terms(learning);
            let mut last = f64::INFINITY;
            let first = objective(&v, &voice, &terms);
            for iteration in 0..15 {
                fit_jointly(v.view(), &mut voice, &mut terms, FLOOR, 1, true);
                let now = objective(&v, &voice, &terms);
                assert!(
                    now <= last * (1.0 + 1e-5),
                    "iteration {iteration}: {last} to {now}"
                );
                last = now;
            }
            assert!(last < 0.9 * first || learning, "{first} to {last}");
        }
    }
}

#[test]
fn one_step_of_a_part_is_that_of_a_naive_loop() {
    let v = positive((FRAMES, BINS), 9);
    let mut voice = voices().remove(1);
    let mut terms = terms(false);
    let before = terms[0].part.clone();
    // The part steps after the voice's filter, with the breath as it was.
    let breath = voice.model() - voice.voiced_model();
    fit_jointly(v.view(), &mut voice, &mut terms, FLOOR, 1, true);
    let voiced = voice.voiced_model();
    let (w, h) = (before.templates(), before.activations());
    for t in 0..FRAMES {
        for k in 0..4 {
            let mut pull = 0.0;
            for f in 0..BINS {
                let own: f32 = (0..4).map(|j| w[[f, j]] * h[[j, t]]).sum();
                let model = f64::from(own + voiced[[t, f]] + breath[[t, f]] + FLOOR);
                pull += f64::from(w[[f, k]] * v[[t, f]]) / model;
            }
            let expected = f64::from(h[[k, t]]) * pull / 1.1;
            let actual = f64::from(terms[0].part.activations()[[k, t]]);
            assert!(
                (actual / expected - 1.0).abs() < 1e-4,
                "{t} {k}: {actual} {expected}"
            );
        }
    }
}

#[test]
fn the_joint_fit_has_the_same_bits_on_any_number_of_threads() {
    let v = positive((FRAMES, BINS), 9);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let (mut voice, mut terms) = (voices().remove(0), terms(true));
            fit_jointly(v.view(), &mut voice, &mut terms, FLOOR, 5, true);
            (voice, terms[1].part.clone())
        })
    };
    assert_eq!(run(1), run(3));
}

const RATE: u32 = 16_000;

/// A struck chord that decays and a sung note with vibrato.
fn singer_and_piano() -> (Audio, Audio) {
    let len = 2 * RATE as usize;
    let tau = std::f64::consts::TAU;
    let time = |n: usize| n as f64 / f64::from(RATE);
    let piano = Array2::from_shape_fn((1, len), |(_, n)| {
        let t = time(n);
        let chord = [130.81, 196.0, 261.63].iter().map(|f0| {
            (1..12)
                .map(|m| {
                    let m = f64::from(m);
                    (tau * f0 * m * t).sin() * m.powf(-1.2) * (-t * (1.0 + 0.3 * m)).exp()
                })
                .sum::<f64>()
        });
        (0.1 * chord.sum::<f64>()) as f32
    });
    let mut phase = 0.0;
    let voice = Array2::from_shape_fn((1, len), |(_, n)| {
        let t = time(n);
        phase += tau * 311.1 * (1.0 + 0.025 * (tau * 5.5 * t).sin()) / f64::from(RATE);
        let formant = |hz: f64| 1.0 / (1.0 + ((hz - 700.0) / 300.0).powi(2)) + 0.05;
        let on = if (0.3..1.8).contains(&t) { 1.0 } else { 0.0 };
        let sum: f64 = (1..20)
            .map(|m| (f64::from(m) * phase).sin() * formant(311.1 * f64::from(m)))
            .sum();
        (0.1 * on * sum) as f32
    });
    let audio = |samples| Audio::new(samples, RATE).unwrap();
    (audio(voice), audio(piano))
}

fn config(sources: &str) -> SeparateConfig {
    let mut config = SeparateConfig {
        sources: unbraid::group::parse_sources(sources, &[]).unwrap(),
        ..Default::default()
    };
    config.voice_piano.tracking_iterations = 15;
    config
}

fn stems(audio: &Audio, sources: &str) -> Vec<Audio> {
    let separation = separate(audio, &config(sources), &mut ()).unwrap();
    separation.stems(audio).unwrap().collect_audio().unwrap()
}

fn snr_db(reference: &Audio, estimate: &Audio) -> f64 {
    let error = &reference.samples() - &estimate.samples();
    let energy = |x: &Array2<f32>| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    10.0 * (energy(&reference.samples().to_owned()) / energy(&error)).log10()
}

#[test]
fn a_singer_and_a_piano_come_apart_in_either_order() {
    let (voice, piano) = singer_and_piano();
    let mixture = mix(&[&voice, &piano]);
    let [sung, played] = <[Audio; 2]>::try_from(stems(&mixture, "voice,piano")).unwrap();
    let (a, b) = (snr_db(&voice, &sung), snr_db(&piano, &played));
    assert!(a > 8.0 && b > 8.0, "voice {a:.1} dB, piano {b:.1} dB");
    let sum = &sung.samples() + &played.samples();
    assert!(
        sum.iter()
            .zip(mixture.samples())
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );
    let [first, second] = <[Audio; 2]>::try_from(stems(&mixture, "piano,voice")).unwrap();
    assert_eq!((first, second), (played, sung));
}

#[test]
fn a_piano_that_is_not_there_is_silent_and_it_is_said() {
    let (voice, piano) = singer_and_piano();
    let silenced = |note: &String| note.starts_with("the piano is silent for 2.");
    let separation = separate(&voice, &config("voice,piano"), &mut ()).unwrap();
    assert!(
        separation.notes.iter().any(silenced),
        "{:?}",
        separation.notes
    );
    let stems = separation.stems(&voice).unwrap().collect_audio().unwrap();
    assert!(stems[1].samples().iter().all(|x| *x == 0.0));
    let mixture = mix(&[&voice, &piano]);
    let separation = separate(&mixture, &config("voice,piano"), &mut ()).unwrap();
    let silenced = |note: &String| note.contains("is silent");
    assert!(
        !separation.notes.iter().any(silenced),
        "{:?}",
        separation.notes
    );
}

#[test]
fn a_voice_in_a_room_is_explained_better_with_the_room() {
    let (mut played, bands) = (positive((FRAMES, BINS), 5), Bands::mel(8, BINS, 60.0));
    // A comb that moves at every tenth frame.
    played.indexed_iter_mut().for_each(|((t, f), x)| {
        *x = if f % 7 == (t / 10) % 7 { 1.0 } else { 0.0 };
    });
    let room = Room::new(1.0, -6.0, 0.02, BINS, 60.0);
    let voice = || Voice::with_free_filter(played.clone(), bands.clone(), 0.5);
    let v = &played + &room.rings(&played);
    let misfit = |rings: bool| {
        let mut voice = voice();
        for _ in 0..6 {
            fit_jointly(v.view(), &mut voice, &mut [], FLOOR, 5, true);
            if rings {
                voice.ring(&room);
            }
        }
        let all = divergences(v.view(), &voice, &[], FLOOR, true);
        all.iter().sum::<f64>()
    };
    let (with, without) = (misfit(true), misfit(false));
    assert!(with < 0.5 * without, "{with} {without}");
}

#[test]
fn what_is_known_takes_the_place_of_what_is_heard() {
    let (voice, piano) = singer_and_piano();
    let mixture = mix(&[&voice, &piano]);
    let mut known = config("voice,piano");
    let notes = (0..2).flat_map(|bar| [48, 55, 60].map(|key| (bar, key)));
    known.instruments = vec![Instrument {
        source: "piano".to_owned(),
        dictionary: None,
        score: Some(Score {
            notes: notes
                .map(|(bar, key)| Note {
                    onset_secs: f64::from(bar),
                    offset_secs: f64::from(bar) + 1.0,
                    key,
                    velocity: 64,
                    track: 0,
                    confidence: 1.0,
                })
                .collect(),
            ..Score::default()
        }),
    }];
    let point = |n: u32| Pitch {
        time_secs: f64::from(n) * 0.01,
        hz: if (30..150).contains(&n) { 300.0 } else { 0.0 },
        confidence: 1.0,
    };
    known.melody = Some(Melody::new((0..200).map(point).collect()).unwrap());
    let sung = Sung {
        onset_secs: 0.3,
        offset_secs: 1.5,
        text: "la".to_owned(),
        note: Some(62.0),
    };
    known.lyrics = Some(Lyrics::new(vec![sung], Grain::Syllables).unwrap());
    let separation = separate(&mixture, &known, &mut ()).unwrap();
    // The score comes back as it was but for how sure each of its notes is, the melody as it was given.
    let heard = &separation.heard;
    let mut score = heard.score.clone().unwrap();
    assert!(score.notes.iter().any(|note| note.confidence < 0.9));
    for note in &mut score.notes {
        note.confidence = 1.0;
    }
    assert_eq!(Some(score), known.instruments[0].score);
    for pitch in heard.melody.as_ref().unwrap().points() {
        let inside = (0.35..1.45).contains(&pitch.time_secs);
        let outside = !(0.25..1.55).contains(&pitch.time_secs);
        assert!(!inside || (pitch.hz - 300.0).abs() < 1e-6, "{pitch:?}");
        assert!(!outside || pitch.hz == 0.0, "{pitch:?}");
    }
    // Where the lyrics are silent, so is the voice.
    let stems = separation.stems(&mixture).unwrap().collect_audio().unwrap();
    let from = (1.75 * f64::from(RATE)) as usize;
    let late = stems[0].channel(0).iter().skip(from);
    let peak = late.fold(0.0_f32, |peak, x| peak.max(x.abs()));
    assert!(peak < 1e-6, "{peak}");
}

#[test]
fn silence_one_sample_and_two_channels_have_answers() {
    let silence = Audio::new(Array2::zeros((1, 3000)), 8000).unwrap();
    let click = Audio::new(Array2::ones((1, 1)), 44_100).unwrap();
    let noise = positive((1, 4000), 3) - 0.5;
    let stereo = Audio::new(
        ndarray::concatenate(Axis(0), &[noise.view(), (&noise * 0.3).view()]).unwrap(),
        11_025,
    )
    .unwrap();
    for audio in [silence, click, stereo] {
        let stems = stems(&audio, "voice,piano");
        let mut sum = Array3::zeros((2, audio.channels(), audio.len_samples()));
        for (mut out, stem) in sum.outer_iter_mut().zip(&stems) {
            out.assign(&stem.samples());
        }
        let sum = sum.sum_axis(Axis(0));
        assert!(
            sum.iter()
                .zip(audio.samples())
                .all(|(a, b)| (a - b).abs() < 1e-5)
        );
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let (voice, _) = singer_and_piano();
    let mut bad = config("voice,piano");
    bad.voice_piano.highest_hz = 10.0;
    let error = separate(&voice, &bad, &mut ()).unwrap_err();
    assert!(
        error.to_string().contains("voice_piano.highest_hz"),
        "{error}"
    );
    let mut bad = config("voice,piano");
    bad.stems.residual = true;
    let error = separate(&voice, &bad, &mut ()).unwrap_err();
    assert!(error.to_string().contains("stems.residual"), "{error}");
}
