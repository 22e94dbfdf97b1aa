use ndarray::array;
use unbraid::factorize::{FactorizeConfig, factorize};
use unbraid::group::{Overrides, parse_sources};
use unbraid::sharing::StemsConfig;
use unbraid::{Audio, StftConfig};

use super::*;

/// Two tones that take turns, with the page made of them.
struct Made {
    stems: [Audio; 2],
    mixture: Audio,
    factorization: Factorization,
    grouping: Grouping,
}

fn made(fft_len: usize) -> Made {
    let tone = |hz: f32, on: usize| {
        let samples = Array2::from_shape_fn((2, 8000), |(_, n)| {
            let sounds = (n / 1000) % 2 == on;
            f32::from(u8::from(sounds))
                * 0.4
                * (std::f32::consts::TAU * hz * n as f32 / 8000.0).sin()
        });
        Audio::new(samples, 8000).unwrap()
    };
    let stems = [tone(300.0, 0), tone(1000.0, 1)];
    let mixture = Audio::new(&stems[0].samples() + &stems[1].samples(), 8000).unwrap();
    let mut config = FactorizeConfig {
        stft: Some(StftConfig::with_fft_len(fft_len)),
        ..FactorizeConfig::default()
    };
    config.blind.components = 2;
    let factorization = factorize(&mixture, &config, &mut ()).unwrap();
    let mut sources = parse_sources("one=guitar,other=piano", &[]).unwrap();
    // No command line lets it through; a page must not rely on that.
    sources[0].name = "</script>".to_owned();
    let grouping = factorization.group(&sources, &Overrides::none()).unwrap();
    Made {
        stems,
        mixture,
        factorization,
        grouping,
    }
}

impl Made {
    fn html(&self, members: &[Vec<usize>], energies: &Array2<f64>) -> Result<String, Error> {
        let sharing = self
            .factorization
            .sharing(members, StemsConfig::default())
            .unwrap();
        explain_html(&ExplainPage {
            title: "<b>Mine & yours</b>",
            audio: &self.mixture,
            factorization: &self.factorization,
            grouping: &self.grouping,
            sharing: &sharing,
            recipe: "It went on from there.",
            notes: &["@DATA@".to_owned()],
            truth: Some(Truth {
                stems: &self.stems,
                energies,
                methods: &[MethodScores {
                    name: "mixture",
                    about: "nothing done",
                    oracle: false,
                    sources_db: &[[1.0, 2.0, 99.5], [-3.0, 4.0, 5.0]],
                }],
                onsets: &[OnsetScores {
                    gap_secs: 0.02,
                    nmf_db: 3.0,
                    ideal_db: 9.0,
                    purity: 0.8,
                }],
            }),
            made: "by a test",
        })
    }
}

#[test]
fn a_page_is_whole_loads_nothing_and_no_name_breaks_out() {
    let made = made(256);
    let energies = array![[3.0, 1.0], [0.0, 0.0]];
    let html = made.html(&made.grouping.members(), &energies).unwrap();
    assert!(html.contains("<h1>&lt;b&gt;Mine &amp; yours&lt;/b&gt;"));
    assert_eq!(html.matches("</script>").count(), 2);
    assert!(
        !html.contains("src=\"http") && !html.contains("href=\"http") && !html.contains("url(http")
    );
    for field in ["@K@", "@CSS@", "@LEGEND@", "@SCORES@", "@PROGRAM@"] {
        assert!(!html.contains(field), "{field}");
    }
    assert!(html.contains("<td>−3.0 / 4.0 / 5.0</td><td>−1.0</td>"));
    assert!(html.contains("20 ms") && html.contains("80 % pure"));
    assert!(html.contains("\"shares\":[0.75,0.25]") && html.contains("\"lastIsRest\":true"));
}

#[test]
fn masks_are_stored_only_where_they_say_more_than_the_components() {
    let made = made(256);
    let energies = Array2::ones((2, 2));
    let mut members = made.grouping.members();
    let sums = made.html(&members, &energies).unwrap();
    assert!(sums.contains("\"masks\":null") && !sums.contains("It went on"));
    members.reverse();
    let others = made.html(&members, &energies).unwrap();
    assert!(others.contains("\"levels\":\"") && others.contains("It went on"));
}

#[test]
fn what_the_page_cannot_show_is_refused() {
    let made = made(250);
    let members = made.grouping.members();
    let error = made.html(&members, &Array2::ones((2, 2))).unwrap_err();
    assert!(error.to_string().contains("power of two"), "{error}");
    let made = self::made(256);
    let error = made.html(&members, &Array2::ones((3, 2))).unwrap_err();
    assert!(error.to_string().contains("energies"), "{error}");
    assert_eq!(words::thousands(1_178_112), "1\u{202f}178\u{202f}112");
}
