//! What the pictures hold, read back from their SVG, and what is refused.

mod common;

use std::collections::BTreeMap;

use common::{Known, known};
use ndarray::{Array2, s};
use unbraid_report::{
    Error, FactorizationPicture, SourceOfComponents, StemTrack, StemsPicture, factorization_svg,
    png, source_color, stems_svg,
};

/// What is promised of every SVG.
const MOST_BYTES: usize = 1_500_000;

fn picture<'a>(
    known: &'a Known,
    sources: &'a [SourceOfComponents<'a>],
) -> FactorizationPicture<'a> {
    FactorizationPicture {
        title: "a known factorisation",
        spectrogram: known.spectrogram.view(),
        model: None,
        templates: known.templates.view(),
        activations: known.activations.view(),
        sample_rate: common::SAMPLE_RATE,
        fft_len: known.fft_len,
        hop_len: common::HOP_LEN,
        sources,
    }
}

fn sources(known: &Known) -> [SourceOfComponents<'_>; 2] {
    [
        SourceOfComponents {
            name: "drums",
            components: &known.drums,
        },
        SourceOfComponents {
            name: "guitar",
            components: &known.tones,
        },
    ]
}

/// Every label of a picture and how often it stands there.
fn labels(svg: &str) -> BTreeMap<String, usize> {
    let document = roxmltree::Document::parse(svg).expect("the picture is XML");
    let mut labels = BTreeMap::new();
    for node in document.descendants() {
        if let Some(label) = node.attribute("aria-label") {
            *labels.entry(label.to_owned()).or_default() += 1;
        }
    }
    labels
}

/// Labels, embedded images and references are all in place, and the file is small.
fn assert_sound(svg: &str, images: usize) {
    assert!(svg.len() < MOST_BYTES, "{} bytes", svg.len());
    let document = roxmltree::Document::parse(svg).expect("the picture is XML");
    assert_eq!(document.root_element().tag_name().name(), "svg");
    let named = |name: &'static str| {
        document
            .descendants()
            .filter(move |node| node.has_tag_name(name))
    };
    let ids: Vec<&str> = document
        .descendants()
        .filter_map(|node| node.attribute("id"))
        .collect();
    for node in named("use") {
        let target = node.attribute("href").unwrap_or_default();
        assert!(
            ids.contains(&target.trim_start_matches('#')),
            "{target} is not defined"
        );
    }
    let hrefs: Vec<&str> = named("image")
        .filter_map(|node| node.attribute("href"))
        .collect();
    assert_eq!(hrefs.len(), images);
    assert!(
        hrefs
            .iter()
            .all(|href| href.starts_with("data:image/png;base64,"))
    );
    let coordinates = document
        .descendants()
        .flat_map(|node| node.attributes())
        .filter(|attribute| !matches!(attribute.name(), "href" | "aria-label"));
    for attribute in coordinates {
        let (name, value) = (attribute.name(), attribute.value());
        let finite = !value.contains("NaN") && !value.contains("inf");
        assert!(finite, "{name}=\"{value}\" left the finite numbers");
    }
    assert_eq!(
        named("text").count(),
        0,
        "text must not depend on the viewer's fonts"
    );
    let bitmap = png(svg, 1600).expect("the picture renders");
    let width = bitmap[16..20]
        .iter()
        .fold(0, |width, byte| width << 8 | u32::from(*byte));
    assert_eq!(width, 1600);
}

/// V, W, the key of W, the model, and two colour bars.
const FACTORIZATION_IMAGES: usize = 6;

#[test]
fn a_factorization_has_all_panels_labels_and_sources() {
    let known = known(16, 400, 2048);
    let svg = factorization_svg(&picture(&known, &sources(&known))).unwrap();
    assert_sound(&svg, FACTORIZATION_IMAGES);
    let labels = labels(&svg);
    for label in [
        "a known factorisation",
        "Spectrogram V",
        "Templates W",
        "Activations H",
        "Model W·H",
        "time in seconds",
        "Hz",
        "dB",
        "−80",
        "100",
        "10k",
        "drums",
        "guitar",
        "0–3",
        "4–15",
    ] {
        assert!(
            labels.contains_key(label),
            "`{label}` is missing among {labels:?}"
        );
    }
    // Once below its template and once beside its activation.
    for component in [6, 7, 13, 15] {
        assert_eq!(
            labels.get(&component.to_string()),
            Some(&2),
            "component {component}"
        );
    }
    let [r, g, b] = source_color(1);
    assert!(svg.contains(&format!("#{r:02x}{g:02x}{b:02x}")));
    assert!(!labels.contains_key("no source"));
}

#[test]
fn pictures_are_drawn_from_one_to_sixty_four_components() {
    for components in [1, 2, 4, 64] {
        let known = known(components, 120, 1024);
        let svg = factorization_svg(&picture(&known, &sources(&known))).unwrap();
        assert_sound(&svg, FACTORIZATION_IMAGES);
        let last = (components - 1).to_string();
        assert!(
            labels(&svg).contains_key(&last),
            "component {last} has no label"
        );
    }
}

#[test]
fn one_frame_and_the_shortest_transform_are_drawn() {
    for (frames, fft_len) in [(1, 2048), (1, 2), (3, 4)] {
        let known = known(2, frames, fft_len);
        let svg = factorization_svg(&picture(&known, &[])).unwrap();
        assert_sound(&svg, FACTORIZATION_IMAGES);
    }
}

#[test]
fn silence_is_drawn() {
    let mut known = known(4, 50, 512);
    known.spectrogram.fill(0.0);
    let loud_model = factorization_svg(&picture(&known, &sources(&known))).unwrap();
    assert_sound(&loud_model, FACTORIZATION_IMAGES);
    known.templates.fill(0.0);
    known.activations.fill(0.0);
    let silent = factorization_svg(&picture(&known, &sources(&known))).unwrap();
    assert_sound(&silent, FACTORIZATION_IMAGES);
    assert_eq!(labels(&silent).get("0%"), Some(&4));
    assert_ne!(loud_model, silent);
}

#[test]
fn extreme_magnitudes_are_drawn() {
    for scale in [1e-42_f32, 1e38] {
        let mut known = known(2, 20, 512);
        known
            .spectrogram
            .mapv_inplace(|value| value.min(1.0) * scale);
        known.templates.mapv_inplace(|value| value.min(1.0) * scale);
        known
            .activations
            .mapv_inplace(|value| value.min(1.0) * scale);
        assert_sound(
            &factorization_svg(&picture(&known, &[])).unwrap(),
            FACTORIZATION_IMAGES,
        );
    }
}

#[test]
fn a_long_noisy_recording_stays_small() {
    // Noise compresses worst.
    let mut known = known(64, 6_000, 512);
    let speckle = known.spectrogram.mapv(|value| (value * 1e4).fract() + 0.01);
    known.spectrogram.assign(&speckle);
    known
        .activations
        .mapv_inplace(|value| (value * 1e3).fract());
    assert_sound(
        &factorization_svg(&picture(&known, &[])).unwrap(),
        FACTORIZATION_IMAGES,
    );
    // Fewer frames than pixels: nothing is averaged, so nothing is smoothed.
    known.spectrogram = known.spectrogram.slice(s![.., ..1_000]).to_owned();
    known.activations = known.activations.slice(s![.., ..1_000]).to_owned();
    assert_sound(
        &factorization_svg(&picture(&known, &[])).unwrap(),
        FACTORIZATION_IMAGES,
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let known = known(8, 100, 1024);
    let first = factorization_svg(&picture(&known, &sources(&known))).unwrap();
    let again = factorization_svg(&picture(&known, &sources(&known))).unwrap();
    assert_eq!(first, again);
    assert_eq!(png(&first, 1600).unwrap(), png(&again, 1600).unwrap());
}

#[test]
fn a_given_model_is_drawn_instead_of_the_product() {
    let known = known(4, 60, 512);
    let product = factorization_svg(&picture(&known, &[])).unwrap();
    let model = Array2::from_elem(known.spectrogram.dim(), 0.5_f32);
    let given = FactorizationPicture {
        model: Some(model.view()),
        ..picture(&known, &[])
    };
    let given = factorization_svg(&given).unwrap();
    assert!(labels(&given).contains_key("Model") && !labels(&given).contains_key("Model W·H"));
    assert_ne!(product, given);
}

#[test]
fn components_without_a_source_are_named_so() {
    let known = known(8, 30, 512);
    let some = [SourceOfComponents {
        name: "<drums & \"more\">",
        components: &[5, 0],
    }];
    let svg = factorization_svg(&picture(&known, &some)).unwrap();
    assert_sound(&svg, FACTORIZATION_IMAGES);
    let labels = labels(&svg);
    assert!(labels.contains_key("<drums & \"more\">") && labels.contains_key("0, 5"));
    assert!(
        labels.contains_key("no source") && labels.contains_key("1–4, 6, 7"),
        "{labels:?}"
    );
}

#[test]
fn more_sources_than_colors_or_room_are_drawn() {
    let known = known(64, 30, 512);
    let numbers: Vec<usize> = (0..64).collect();
    let names: Vec<String> = numbers
        .iter()
        .map(|number| format!("source {number}"))
        .collect();
    let many: Vec<SourceOfComponents<'_>> = names
        .iter()
        .zip(numbers.chunks(1))
        .map(|(name, components)| SourceOfComponents { name, components })
        .collect();
    let svg = factorization_svg(&picture(&known, &many)).unwrap();
    assert_sound(&svg, FACTORIZATION_IMAGES);
    let labels = labels(&svg);
    assert!(labels.contains_key("source 9"));
    assert!(
        labels
            .keys()
            .any(|label| label.starts_with("and ") && label.ends_with(" more"))
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let known = known(4, 20, 512);
    let good = picture(&known, &[]);
    let empty = Array2::<f32>::zeros((257, 0));
    let cases: Vec<(FactorizationPicture<'_>, &str)> = vec![
        (
            FactorizationPicture {
                sample_rate: 0,
                ..good
            },
            "`sample_rate` is 0",
        ),
        (
            FactorizationPicture { hop_len: 0, ..good },
            "`stft.hop_len` is 0",
        ),
        (
            FactorizationPicture { fft_len: 0, ..good },
            "`stft.fft_len` is 0",
        ),
        (
            FactorizationPicture {
                fft_len: 513,
                ..good
            },
            "`stft.fft_len` is 513",
        ),
        (
            FactorizationPicture {
                fft_len: 514,
                ..good
            },
            "the spectrogram has shape [257, 20], but [258, 20]",
        ),
        (
            FactorizationPicture {
                spectrogram: empty.view(),
                ..good
            },
            "the spectrogram has length 0",
        ),
        (
            FactorizationPicture {
                templates: empty.view(),
                ..good
            },
            "the components of the templates has length 0",
        ),
        (
            FactorizationPicture {
                templates: good.templates.slice(s![1.., ..]),
                ..good
            },
            "the templates has shape [256, 4], but [257, 4]",
        ),
        (
            FactorizationPicture {
                activations: good.activations.slice(s![1.., ..]),
                ..good
            },
            "the activations has shape [3, 20], but [4, 20]",
        ),
        (
            FactorizationPicture {
                model: Some(good.spectrogram.slice(s![.., 1..])),
                ..good
            },
            "the model has shape [257, 19], but [257, 20]",
        ),
        (
            FactorizationPicture {
                sources: &[SourceOfComponents {
                    name: "drums",
                    components: &[4],
                }],
                ..good
            },
            "`sources` is component 4 in `drums`, but must be a component below 4",
        ),
        (
            FactorizationPicture {
                sources: &[SourceOfComponents {
                    name: "drums",
                    components: &[1, 1],
                }],
                ..good
            },
            "`sources` is component 1 in `drums`, but must be in one source only",
        ),
    ];
    for (bad, expected) in cases {
        let text = factorization_svg(&bad).unwrap_err().to_string();
        assert!(text.contains(expected), "`{text}` instead of `{expected}`");
    }
}

#[test]
fn values_that_are_no_magnitudes_are_refused_with_their_place() {
    for value in [f32::NAN, f32::NEG_INFINITY, -0.5] {
        for (what, index) in [
            ("the spectrogram", 0),
            ("the templates", 1),
            ("the activations", 2),
        ] {
            let mut known = known(4, 20, 512);
            // The lowest bin is not visible, and refused all the same.
            [
                &mut known.spectrogram,
                &mut known.templates,
                &mut known.activations,
            ][index][[0, 3]] = value;
            let error = factorization_svg(&picture(&known, &[])).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("{what} holds")) && text.contains("[0, 3]"),
                "{text}"
            );
        }
        let good = known(4, 20, 512);
        let mut model = good.spectrogram.clone();
        model[[2, 3]] = value;
        let bad = FactorizationPicture {
            model: Some(model.view()),
            ..picture(&good, &[])
        };
        assert!(
            factorization_svg(&bad)
                .unwrap_err()
                .to_string()
                .contains("the model holds")
        );
    }
}

#[test]
fn stems_are_drawn_with_their_names_on_one_time_axis() {
    let (mixture, clicks, tones) = common::recording(1.5);
    let stems = [
        StemTrack {
            name: "drums",
            samples: clicks.view(),
        },
        StemTrack {
            name: "guitar",
            samples: tones.view(),
        },
    ];
    let picture = StemsPicture {
        title: "taken apart",
        mixture: mixture.view(),
        stems: &stems,
        sample_rate: common::SAMPLE_RATE,
    };
    let svg = stems_svg(&picture).unwrap();
    assert_eq!(svg, stems_svg(&picture).unwrap());
    assert_sound(&svg, 6);
    let labels = labels(&svg);
    for label in ["taken apart", "mixture", "drums", "guitar"] {
        assert_eq!(labels.get(label), Some(&1), "`{label}` in {labels:?}");
    }
    assert_eq!(labels.get("time in seconds"), Some(&1));
    assert_eq!(labels.get("dB"), Some(&3));
}

#[test]
fn stems_of_one_sample_of_silence_or_many_are_drawn() {
    let silence = Array2::<f32>::zeros((1, 1));
    let names: Vec<String> = (0..9).map(|index| format!("stem {index}")).collect();
    let stems: Vec<StemTrack<'_>> = names
        .iter()
        .map(|name| StemTrack {
            name,
            samples: silence.view(),
        })
        .collect();
    for (count, sample_rate) in [(0, 44_100), (1, 1), (9, 8_000)] {
        let picture = StemsPicture {
            title: "",
            mixture: silence.view(),
            stems: &stems[..count],
            sample_rate,
        };
        assert_sound(&stems_svg(&picture).unwrap(), 2 * (count + 1));
    }
}

#[test]
fn stems_that_cannot_be_drawn_are_refused() {
    let mixture = Array2::<f32>::zeros((2, 100));
    let short = Array2::<f32>::zeros((2, 99));
    let mut broken = mixture.clone();
    broken[[1, 7]] = f32::NAN;
    let empty = Array2::<f32>::zeros((2, 0));
    let draw = |mixture: &Array2<f32>, stem: &Array2<f32>, sample_rate| -> Error {
        stems_svg(&StemsPicture {
            title: "",
            mixture: mixture.view(),
            stems: &[StemTrack {
                name: "drums",
                samples: stem.view(),
            }],
            sample_rate,
        })
        .unwrap_err()
    };
    let cases = [
        (
            draw(&mixture, &short, 8_000),
            "a stem has shape [2, 99], but [2, 100]",
        ),
        (
            draw(&mixture, &broken, 8_000),
            "a stem holds NaN in channel 1 at sample 7",
        ),
        (
            draw(&broken, &mixture, 8_000),
            "the mixture holds NaN in channel 1 at sample 7",
        ),
        (draw(&mixture, &mixture, 0), "`sample_rate` is 0"),
        (draw(&empty, &empty, 8_000), "the mixture has length 0"),
    ];
    for (error, expected) in cases {
        let text = error.to_string();
        assert!(text.contains(expected), "`{text}` instead of `{expected}`");
    }
}
