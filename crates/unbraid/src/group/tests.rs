//! Whole groupings of signals whose answer is known.

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use proptest::prelude::*;

use super::*;

const BINS: usize = 1_025;
const FRAMES: usize = 400;
const BIN_HZ: f64 = 44_100.0 / 2_048.0;

/// A component: its template and its activations.
type Component = (Array2<f32>, Array2<f32>);

fn template(value: impl Fn(f64) -> f64) -> Array2<f32> {
    Array2::from_shape_fn((BINS, 1), |(bin, _)| value(bin as f64 * BIN_HZ) as f32)
}

fn row(value: impl Fn(usize) -> f64) -> Array2<f32> {
    Array2::from_shape_fn((1, FRAMES), |(_, frame)| value(frame) as f32)
}

/// Every `period` frames a hit that falls by 1/e within `decay` frames.
fn hits(period: usize, decay: f64) -> Array2<f32> {
    row(|frame| (-((frame % period) as f64) / decay).exp())
}

/// Held notes: half of the time on, with a soft start.
fn held(period: usize) -> Array2<f32> {
    row(|frame| {
        let at = (frame % (2 * period)) as f64;
        if at < period as f64 {
            (at / 4.0).min(1.0) * (1.0 - 0.3 * at / period as f64)
        } else {
            0.0
        }
    })
}

fn comb(f0: f64) -> Array2<f32> {
    template(|hz| {
        let off = ((hz / f0).round().max(1.0) * f0 - hz).abs() / BIN_HZ;
        (1.0 - 0.5 * off).max(0.0) * (-hz / 2_000.0).exp()
    })
}

fn hi_hat() -> Component {
    (
        template(|hz| if hz > 6_000.0 { 1.0 } else { 0.01 }),
        hits(25, 3.0),
    )
}

fn snare() -> Component {
    (
        template(|hz| 1.0 / (1.0 + (hz / 6_000.0).powi(2))),
        hits(100, 8.0),
    )
}

fn kick() -> Component {
    (
        template(|hz| (-(hz - 60.0).powi(2) / 1_200.0).exp()),
        hits(50, 8.0),
    )
}

fn note(f0: f64, period: usize) -> Component {
    (comb(f0), held(period))
}

/// A bass line: few partials above the first.
fn bass() -> Component {
    let (mut template, activations) = note(82.4, 50);
    for (bin, value) in template.iter_mut().enumerate() {
        *value *= (-(bin as f64) * BIN_HZ / 400.0).exp() as f32;
    }
    (template, activations)
}

struct Factors {
    templates: Array2<f32>,
    activations: Array2<f32>,
}

impl Factors {
    fn of(components: &[Component]) -> Self {
        let templates: Vec<ArrayView2<'_, f32>> =
            components.iter().map(|(w, _)| w.view()).collect();
        let rows: Vec<ArrayView2<'_, f32>> = components.iter().map(|(_, h)| h.view()).collect();
        Self {
            templates: concatenate(Axis(1), &templates).unwrap(),
            activations: concatenate(Axis(0), &rows).unwrap(),
        }
    }

    fn view(&self) -> FactorView<'_> {
        FactorView {
            templates: self.templates.view(),
            activations: self.activations.view(),
            gains: None,
            percussive_shares: None,
            sample_rate: 44_100,
            fft_len: 2_048,
            hop_len: 512,
        }
    }

    fn group(&self, list: &str, assignments: &[&str]) -> Grouping {
        let sources = parse_sources(list, &["mine"]).unwrap();
        group(
            &self.view(),
            &sources,
            &Overrides::parse(assignments).unwrap(),
        )
        .unwrap()
    }
}

/// Three drums and four notes.
fn band() -> Factors {
    Factors::of(&[
        hi_hat(),
        note(196.0, 60),
        snare(),
        note(330.0, 45),
        kick(),
        note(440.0, 70),
        note(262.0, 35),
    ])
}

#[test]
fn hits_go_to_the_drums_and_held_notes_to_the_guitar() {
    let grouping = band().group("drums,guitar", &[]);
    assert_eq!(
        grouping.members(),
        [vec![0, 2, 4], vec![1, 3, 5, 6]],
        "{}",
        grouping.why(4)
    );
    for decision in &grouping.components {
        assert!(decision.posterior() > 0.5);
        assert!((decision.posteriors.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn what_the_mixture_says_is_weighed_too() {
    let factors = band();
    let sources = parse_sources("drums,guitar", &[]).unwrap();
    let posterior = |share: f32| {
        let shares = [share; 7];
        let view = FactorView {
            percussive_shares: Some(&shares),
            ..factors.view()
        };
        group(&view, &sources, &Overrides::none())
            .unwrap()
            .components[2]
            .posteriors[0]
    };
    assert!(posterior(0.9) > posterior(0.1));
}

#[test]
fn the_order_of_the_sources_changes_nothing_but_their_order() {
    let one = band().group("drums,guitar", &[]).members();
    let other = band().group("guitar,drums", &[]).members();
    assert_eq!((&one[0], &one[1]), (&other[1], &other[0]));
}

#[test]
fn a_low_line_of_notes_goes_to_the_bass() {
    let grouping = Factors::of(&[bass(), note(440.0, 60), snare(), note(523.0, 60)])
        .group("drums,bass,guitar", &[]);
    assert_eq!(
        grouping.members(),
        [vec![2], vec![0], vec![1, 3]],
        "{}",
        grouping.why(0)
    );
}

#[test]
fn every_list_of_sources_is_served() {
    let factors = band();
    for list in [
        "drums",
        "guitar",
        "voice",
        "piano",
        "bass",
        "rest",
        "voice,piano",
        "piano,voice,drums",
        "drums,guitar,bass,voice,piano,rest",
        "mine",
        "drums,mine",
        "a=drums,b=drums",
        "rest,drums",
    ] {
        let grouping = factors.group(list, &[]);
        let members = grouping.members();
        assert_eq!(members.iter().map(Vec::len).sum::<usize>(), 7, "{list}");
        for (source, members) in grouping.sources.iter().zip(&members) {
            let noted = grouping.notes.contains(&Note::Silent {
                source: source.name.clone(),
            });
            assert_eq!(noted, members.is_empty(), "{list}: {source}");
        }
    }
}

#[test]
fn notes_say_what_was_blind_and_what_is_left_over() {
    let notes = |list: &str, assignments: &[&str]| -> Vec<String> {
        band()
            .group(list, assignments)
            .notes
            .iter()
            .map(Note::to_string)
            .collect()
    };
    assert_eq!(
        notes("drums,guitar", &[]),
        ["`guitar` is what no other source claimed"]
    );
    let blind = notes("voice,piano", &[]);
    assert!(
        blind.contains(&"`voice` was grouped blind: no special model for voice yet".to_owned()),
        "{blind:?}"
    );
    // Where a person decided everything, nothing was blind.
    assert!(notes("voice,piano", &["voice=0-3", "piano=rest"]).is_empty());
    let twins = notes("a=drums,b=drums", &["a=rest"]);
    assert!(
        twins[0].starts_with("`b` is of the same kind as `a`"),
        "{twins:?}"
    );
}

#[test]
fn a_person_beats_the_features_and_the_reasons_stay() {
    let automatic = band().group("drums,guitar", &[]);
    let grouping = band().group("drums,guitar", &["guitar=0,2"]);
    assert_eq!(grouping.members(), [vec![4], vec![0, 1, 2, 3, 5, 6]]);
    let decision = &grouping.components[0];
    assert_eq!(
        (decision.decided_by, decision.automatic),
        (DecidedBy::Person, 0)
    );
    assert_eq!(decision.evidence, automatic.components[0].evidence);
    assert!(
        grouping
            .why(0)
            .starts_with("0 → guitar, by hand; by its features drums (")
    );
    // Everything else is as it was.
    assert_eq!(grouping.components[3..], automatic.components[3..]);
}

#[test]
fn reasons_speak_for_the_source_and_add_up_to_its_odds() {
    let grouping = band().group("drums,guitar", &[]);
    for (component, decision) in grouping.components.iter().enumerate() {
        let sum: f64 = decision.evidence.iter().map(|part| part.log_odds).sum();
        let sign = if decision.source == 0 { 1.0 } else { -1.0 };
        let odds = sign * weights::PERCUSSIVE_WITHOUT_MIXTURE.intercept + sum;
        let posterior = decision.posterior();
        assert!(
            (additive::probability(odds) - posterior).abs() < 1e-9,
            "component {component}"
        );
    }
}

#[test]
fn silent_components_go_where_they_do_no_harm() {
    let mut factors = band();
    factors.activations.row_mut(2).fill(0.0);
    let grouping = factors.group("drums,guitar", &[]);
    assert_eq!(grouping.components[2].decided_by, DecidedBy::Silence);
    assert_eq!(
        (grouping.components[2].source, grouping.why(2).as_str()),
        (1, "2 → guitar: silent")
    );
    factors.activations.fill(0.0);
    let silence = factors.group("drums,guitar", &[]);
    assert!(
        silence
            .components
            .iter()
            .all(|decision| decision.decided_by == DecidedBy::Silence)
    );
}

#[test]
fn what_a_component_was_before_counts_beside_what_it_is_like_now() {
    let first = band().group("drums,guitar", &[]);
    let sources = |grouping: &Grouping| -> Vec<usize> {
        grouping.components.iter().map(|it| it.source).collect()
    };
    let mut again = first.clone();
    again.go_on_from(first.posteriors().view());
    assert_eq!(sources(&again), sources(&first));
    // Twice the same evidence is surer.
    for (twice, once) in again.components.iter().zip(&first.components) {
        assert!(twice.posterior() >= once.posterior());
    }
    // Surely the other source before, and hardly told now: as before. By hand stays by hand.
    let mut hardly = band().group("drums,guitar", &["drums=0"]);
    for decision in &mut hardly.components {
        decision.posteriors = vec![0.5; 2];
    }
    let before = Array2::from_shape_fn((first.components.len(), 2), |(k, s)| {
        if s == first.components[k].source {
            0.1
        } else {
            0.9
        }
    });
    hardly.go_on_from(before.view());
    assert_eq!(hardly.components[0].decided_by, DecidedBy::Person);
    for (decision, first) in hardly.components.iter().zip(&first.components).skip(1) {
        assert_eq!(decision.decided_by, DecidedBy::Before);
        assert_ne!(decision.source, first.source);
    }
    // Of other sources nothing is handed on.
    let mut other = first.clone();
    other.go_on_from(Array2::ones((first.components.len(), 3)).view());
    assert_eq!(other, first);
}

#[test]
fn loudness_and_the_scale_of_templates_do_not_matter() {
    let grouping = band().group("drums,guitar", &[]);
    let mut scaled = band();
    scaled.templates *= 1_024.0;
    scaled.activations *= 0.25;
    assert_eq!(
        scaled.group("drums,guitar", &[]).members(),
        grouping.members()
    );
}

#[test]
fn a_grouping_survives_json_and_is_the_same_every_time() {
    let grouping = band().group("drums,guitar,voice", &["voice=1"]);
    assert_eq!(band().group("drums,guitar,voice", &["voice=1"]), grouping);
    let json = serde_json::to_string(&grouping).unwrap();
    let read: Grouping = serde_json::from_str(&json).unwrap();
    assert_eq!(read.members(), grouping.members());
    assert_eq!(read.notes, grouping.notes);
}

#[test]
fn no_source_is_refused() {
    let error = group(&band().view(), &[], &Overrides::none())
        .unwrap_err()
        .to_string();
    assert!(error.contains("`sources` is empty"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_override_is_obeyed_and_moves_nothing_else(
        given in prop::collection::vec(prop::option::of(0_usize..3), 7),
    ) {
        let factors = band();
        let names = ["drums", "guitar", "voice"];
        let assignments: Vec<String> = given
            .iter()
            .enumerate()
            .filter_map(|(component, source)| Some(format!("{}={component}", names[(*source)?])))
            .collect();
        let assignments: Vec<&str> = assignments.iter().map(String::as_str).collect();
        let automatic = factors.group("drums,guitar,voice", &[]);
        let grouping = factors.group("drums,guitar,voice", &assignments);
        for (component, source) in given.iter().enumerate() {
            let expected = source.unwrap_or(automatic.components[component].source);
            prop_assert_eq!(grouping.components[component].source, expected);
        }
    }
}

#[test]
fn kinds_of_drums_are_told_by_eye_where_no_network_listened() {
    let factors = band();
    let grouping = factors.group("kick,snare,hihat,guitar", &[]);
    assert_eq!(
        grouping.members(),
        [vec![4], vec![2], vec![0], vec![1, 3, 5, 6]],
        "{}\n{}\n{}",
        grouping.why(0),
        grouping.why(2),
        grouping.why(4)
    );
    assert!(
        grouping.why(4).contains("below 200 Hz"),
        "{}",
        grouping.why(4)
    );
    for decision in &grouping.components {
        assert!((decision.posteriors.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn what_a_network_heard_decides_and_is_said() {
    let factors = band();
    let mut heard = Array2::<f32>::from_elem((7, 6), 0.02);
    // It hears the snare as a tom, and a note as a bass.
    for (component, class) in [(0, 2), (1, 5), (2, 3), (3, 5), (4, 0), (5, 5), (6, 4)] {
        heard[[component, class]] = 0.9;
    }
    let group = |list: &str| {
        let sources = parse_sources(list, &[]).unwrap();
        let basis = Basis::Network(heard.view());
        group_by(&factors.view(), &sources, &Overrides::none(), basis).unwrap()
    };
    let grouping = group("kick,percussion,hihat,bass,rest");
    let expected = [vec![4], vec![2], vec![0], vec![6], vec![1, 3, 5]];
    assert_eq!(grouping.members(), expected);
    let why = grouping.why(2);
    assert!(
        why.contains("a network hears 90 % of it as other drums"),
        "{why}"
    );
    // Nobody has the snare's sounds, so they are whatever else is struck; and nothing else is there.
    let drums_only = group("kick,snare,hihat");
    assert!(
        drums_only
            .components
            .iter()
            .all(|it| it.posterior().is_finite())
    );
    assert_eq!(drums_only.components[4].source, 0);
    let wrong = heard.slice(ndarray::s![1.., ..]);
    let sources = parse_sources("drums", &[]).unwrap();
    let basis = Basis::Network(wrong);
    let error = group_by(&factors.view(), &sources, &Overrides::none(), basis).unwrap_err();
    assert!(error.to_string().contains("the learnt shares"), "{error}");
}

#[test]
fn nothing_learnt_means_the_mixture_alone_decides() {
    let factors = band();
    let shares = [0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9];
    let mut view = factors.view();
    view.percussive_shares = Some(&shares);
    let sources = parse_sources("drums,guitar", &[]).unwrap();
    let grouping = group_by(&view, &sources, &Overrides::none(), Basis::Percussive).unwrap();
    assert_eq!(grouping.members(), [vec![1, 3, 5, 6], vec![0, 2, 4]]);
    assert_eq!(grouping.components[0].evidence.len(), 1);
}
