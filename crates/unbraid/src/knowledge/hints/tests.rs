//! What hints say, and how far they are believed.

use super::*;
use crate::StftConfig;
use crate::testsignals::{drums_and_guitar, mix, noise};

const RATE: u32 = 8000;

fn stft() -> Stft {
    Stft::new(StftConfig::with_fft_len(256)).unwrap()
}

fn hints(stft: &Stft, frames: usize) -> Hints {
    let grid = Grid {
        stft,
        sample_rate: RATE,
        frames,
    };
    Hints::new(grid, &["drums", "guitar"]).unwrap()
}

fn overall(hints: &Hints) -> Vec<f32> {
    hints.trust().map(Trust::overall).collect()
}

fn stroke(points: &[[f64; 2]], width: [f64; 2]) -> Regions {
    Regions {
        boxes: Vec::new(),
        strokes: vec![Stroke {
            source: "guitar".into(),
            strength: 0.9,
            points: points.to_vec(),
            width,
        }],
    }
}

/// The bins that drums may no longer claim, as `(frame, bin)`.
fn taken(hints: &Hints) -> Vec<(usize, usize)> {
    let mut claims = vec![1.0; 2 * hints.frames() * hints.bins()];
    hints.claims(0..hints.frames(), &mut claims);
    let drums = claims[..hints.frames() * hints.bins()].iter().enumerate();
    drums
        .filter(|(_, claim)| **claim < 1.0)
        .map(|(cell, claim)| {
            assert!((claim - 0.1).abs() < 1e-6, "{claim}");
            (cell / hints.bins(), cell % hints.bins())
        })
        .collect()
}

#[test]
fn a_stroke_covers_the_line_once_even_where_it_crosses_itself() {
    let stft = stft();
    // 8 ms from frame to frame, 31.25 Hz from bin to bin.
    let line = stroke(&[[0.08, 312.5], [0.16, 312.5], [0.08, 312.5]], [0.0, 60.0]);
    let hints = hints(&stft, 50).with_regions(&line).unwrap();
    let expected: Vec<_> = (10..=20).map(|frame| (frame, 10)).collect();
    assert_eq!(taken(&hints), expected);
    assert!(hints.drawn[15] && !hints.drawn[30]);
}

#[test]
fn a_dot_and_a_box_smaller_than_a_bin_count_for_the_nearest() {
    let stft = stft();
    let dot = stroke(&[[0.0803, 320.0]], [0.0, 1.0]);
    assert_eq!(
        taken(&hints(&stft, 50).with_regions(&dot).unwrap()),
        [(10, 10)]
    );
    let beyond = stroke(&[[9.0, 320.0]], [0.0, 1.0]);
    assert!(hints(&stft, 50).with_regions(&beyond).unwrap().is_empty());
}

#[test]
fn a_stem_of_the_recording_is_trusted_and_one_of_another_is_not() {
    let (drums, guitar) = drums_and_guitar(2.0, RATE);
    let mixture = mix(&[&drums, &guitar]);
    let stft = stft();
    let frames = stft.frames(mixture.len_samples());
    let hinted = |stem: &Audio, strength| {
        let stem = HintedStem {
            source: "drums".into(),
            audio: stem.clone(),
            strength,
        };
        hints(&stft, frames).with_stem(&stem, &mixture, &stft)
    };
    let right = hinted(&drums, 1.0).unwrap();
    assert_eq!(overall(&right), [1.0]);
    let other = noise(mixture.len_samples(), 77);
    let other = ndarray::Array2::from_shape_vec((1, other.len()), other).unwrap();
    let wrong = hinted(&Audio::new(other, RATE).unwrap(), 1.0).unwrap();
    assert!(wrong.is_empty(), "{:?}", overall(&wrong));
    assert!(hinted(&drums, 0.0).unwrap().is_empty());
    let silence = Audio::new(ndarray::Array2::zeros((1, mixture.len_samples())), RATE).unwrap();
    assert!(hinted(&silence, 1.0).unwrap().is_empty());
    // In a hit nearly everything is the drums'; before it next to nothing.
    let mut claims = vec![0.0; 2 * frames * stft.bins()];
    right.claims(0..frames, &mut claims);
    let plane = frames * stft.bins();
    let sum = |frame: usize, source: usize| -> f32 {
        let at = source * plane + frame * stft.bins();
        claims[at..at + stft.bins()].iter().sum()
    };
    assert!(
        sum(32, 0) > 2.0 * sum(32, 1),
        "{} {}",
        sum(32, 0),
        sum(32, 1)
    );
    assert!(
        sum(59, 1) > 2.0 * sum(59, 0),
        "{} {}",
        sum(59, 0),
        sum(59, 1)
    );
}

#[test]
fn what_is_no_hint_is_refused_by_name() {
    let stft = stft();
    let regions = |source: &str, strength, secs, hz| Regions {
        boxes: vec![Area {
            source: source.into(),
            strength,
            secs,
            hz,
        }],
        strokes: Vec::new(),
    };
    for (regions, word) in [
        (regions("flute", 0.9, [0.0, 1.0], [0.0, 1.0]), "flute"),
        (regions("drums", 1.5, [0.0, 1.0], [0.0, 1.0]), "1.5"),
        (
            regions("drums", 0.9, [1.0, 0.5], [0.0, 1.0]),
            "from 1 to 0.5",
        ),
        (regions("drums", 0.9, [0.0, 1.0], [0.0, f64::NAN]), "NaN"),
        (stroke(&[], [0.1, 0.1]), "0 points"),
    ] {
        let error = hints(&stft, 50).with_regions(&regions).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

/// Two sources: hints about the drums, with what is heard said to be the true shares but for some noise.
fn compared(stem: &Audio, drums: &Audio, mixture: &Audio) -> Hints {
    let stft = stft();
    let frames = stft.frames(mixture.len_samples());
    let stem = HintedStem {
        source: "drums".into(),
        audio: stem.clone(),
        strength: 1.0,
    };
    let hints = hints(&stft, frames)
        .with_stem(&stem, mixture, &stft)
        .unwrap();
    hints
        .compared(|frames, add| {
            let (part, whole) = (
                stft.forward_block(drums, frames.clone()),
                stft.forward_block(mixture, frames.clone()),
            );
            let shape = (2, frames.len(), stft.bins());
            let share = |(source, frame, bin): (usize, usize, usize)| {
                let at = frame * stft.bins() + bin;
                let (s, x) = (part.channel_rows(0)[at], whole.channel_rows(0)[at]);
                let share = s.norm() / (s.norm() + (x - s).norm()).max(f32::MIN_POSITIVE);
                let unsure = 0.25 + 0.5 * share;
                if source == 0 { unsure } else { 1.0 - unsure }
            };
            let loudness = ndarray::Array2::from_shape_fn((frames.len(), stft.bins()), |(t, f)| {
                whole.channel_rows(0)[t * stft.bins() + f].norm()
            });
            add(
                ndarray::Array3::from_shape_fn(shape, share).view(),
                loudness.view(),
            );
            Ok(())
        })
        .unwrap()
}

#[test]
fn what_leaks_is_found_and_a_swapped_stem_is_noticed() {
    let (drums, guitar) = drums_and_guitar(2.0, RATE);
    let mixture = mix(&[&drums, &guitar]);
    let leaking = |leak: f32| {
        let sum = &drums.samples() + &guitar.samples().mapv(|sample| leak * sample);
        Audio::new(sum, RATE).unwrap()
    };
    for leak in [0.0, 0.3, 0.6] {
        let hints = compared(&leaking(leak), &drums, &mixture);
        let trust = hints.trust().next().unwrap();
        assert!(trust.overall() > 0.99, "{leak}: {trust:?}");
        assert!((trust.range[0] - leak).abs() < 0.06, "{leak}: {trust:?}");
        assert!(trust.range[1] > 0.95, "{leak}: {trust:?}");
    }
    let hints = compared(&guitar, &drums, &mixture);
    assert!(hints.is_empty(), "{:?}", hints.trust().next());
    assert!(
        hints.notes()[0].contains("another source"),
        "{:?}",
        hints.notes()
    );
    assert!(hints.own_weight() >= 1.0);
    // The recording itself tells nothing apart.
    let hints = compared(&mixture, &drums, &mixture);
    assert!(hints.is_empty(), "{:?}", hints.trust().next());
}

#[test]
fn regions_change_no_more_than_they_must() {
    let stft = stft();
    let area = |source: &str, secs| Area {
        source: source.into(),
        strength: 0.9,
        secs,
        hz: [300.0, 600.0],
    };
    let regions = Regions {
        boxes: vec![area("drums", [0.08, 0.16]), area("guitar", [0.24, 0.32])],
        strokes: Vec::new(),
    };
    let drawn = hints(&stft, 50).with_regions(&regions).unwrap();
    // Everything is heard as drums, to 95 %.
    let needed = drawn
        .as_needed(|frames, add| {
            let shape = (2, frames.len(), stft.bins());
            let shares = ndarray::Array3::from_shape_fn(shape, |(source, ..)| [0.95, 0.05][source]);
            add(
                shares.view(),
                Array2::ones((frames.len(), stft.bins())).view(),
            );
            Ok(())
        })
        .unwrap();
    // The drums have what is asked; the guitar gets what a person's word counts.
    assert!(taken(&needed).iter().all(|&(frame, _)| frame >= 30));
    assert!(!taken(&needed).is_empty());
    assert_eq!(
        needed.notes(),
        ["1 of 2 regions change nothing: their sources have as much of them without being told"]
    );
}

#[test]
fn what_is_drawn_moves_the_parts_of_a_source_as_it_moves_the_source() {
    use crate::factorize::{FactorizeConfig, factorize};
    use crate::sharing::{Hinted, Sharing, StemsConfig};

    let (drums, guitar) = drums_and_guitar(1.0, RATE);
    let mixture = mix(&[&drums, &guitar]);
    let mut config = FactorizeConfig::default();
    config.blind.components = 4;
    config.blind.fit.iterations = 20;
    let factorization = factorize(&mixture, &config, &mut ()).unwrap();
    let area = Area {
        source: "drums".into(),
        strength: 0.8,
        secs: [0.2, 0.6],
        hz: [900.0, 4000.0],
    };
    let regions = Regions {
        boxes: vec![area],
        strokes: Vec::new(),
    };
    let hints = Hints::new(factorization.grid(), &["drums", "guitar"]).unwrap();
    let hints = hints.with_regions(&regions).unwrap();
    let (members, owners) = (vec![vec![0, 2], vec![1, 3]], vec![0, 1, 0, 1]);
    let each: Vec<Vec<usize>> = (0..4).map(|component| vec![component]).collect();
    let sharing = |members: &[Vec<usize>]| -> Box<dyn Sharing> {
        let sharing = factorization.sharing(members, StemsConfig::default());
        Box::new(sharing.unwrap())
    };
    let render = StemsConfig::default().render;
    let whole = Hinted::new(sharing(&members), hints.clone(), render).unwrap();
    let parts = Hinted::of_parts(sharing(&each), hints.clone(), owners, render).unwrap();
    let spectrum = factorization.stft.forward_block(&mixture, 8..20);
    let share = |sharing: &dyn Sharing| {
        let shape = (sharing.sources(), 12, factorization.stft.bins());
        let mut shares = ndarray::Array3::zeros(shape);
        sharing.share(&spectrum, 8..20, 0, &mut shares.view_mut());
        shares
    };
    let (whole, parts) = (share(&whole), share(&parts));
    for (source, members) in members.iter().enumerate() {
        for ((frame, bin), expected) in whole.index_axis(ndarray::Axis(0), source).indexed_iter() {
            let sum: f32 = members.iter().map(|&part| parts[[part, frame, bin]]).sum();
            assert!((sum - expected).abs() < 1e-5, "{sum} for {expected}");
        }
    }
    assert!(Hinted::of_parts(sharing(&each), hints.clone(), vec![0, 1], render).is_err());
    assert!(Hinted::of_parts(sharing(&each), hints, vec![0, 1, 2, 0], render).is_err());
}
