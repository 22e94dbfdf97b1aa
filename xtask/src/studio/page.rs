//! What was measured comes in; the text of `docs/studio.md` goes out.

use std::fmt::Write as _;

use anyhow::Result;

use super::{Figures, LISTEN_SECS, Results, Zoomed};

/// What is asked for, of the song of three minutes.
const SONG: &str = "song";
const MOST_SEEN_SECS: f64 = 1.0;
const MOST_ASSIGNED_SECS: f64 = 1.0;
const MOST_TASK_MS: f64 = 50.0;
const MOST_PAGE_BYTES: u64 = 500_000;

fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn secs(values: &[f64]) -> String {
    let value = middle(values);
    if value < 1.0 {
        format!("{:.0} ms", 1000.0 * value)
    } else {
        format!("{value:.1} s")
    }
}

fn longest(zoomed: &[Zoomed]) -> f64 {
    middle(&zoomed.iter().map(|it| it.longest_ms).collect::<Vec<_>>())
}

fn above(zoomed: &[Zoomed]) -> usize {
    zoomed.iter().map(|it| it.above50).sum()
}

/// A limit in words, and whether it was kept.
type Limit = (&'static str, fn(&Figures) -> bool);

/// A line of the table: what it is; what is asked of the song, and whether that was kept; what a recording took.
struct Line {
    what: &'static str,
    asked: Option<Limit>,
    found: fn(&Figures) -> String,
}

const LINES: [Line; 9] = [
    Line {
        what: "waveform and spectrogram seen, from the file being dropped or chosen",
        asked: Some(("≤ 1 s", |it| middle(&it.seen_secs) <= MOST_SEEN_SECS)),
        found: |it| secs(&it.seen_secs),
    },
    Line {
        what: "the same, from the start of `unbraid studio FILE`",
        asked: None,
        found: |it| secs(&it.started_secs),
    },
    Line {
        what: "components seen, from the file being dropped or chosen",
        asked: None,
        found: |it| secs(&it.components_secs),
    },
    Line {
        what: "component given to a source, until it is heard there",
        asked: Some(("≤ 1 s", |it| {
            middle(&it.assigned_secs) <= MOST_ASSIGNED_SECS
        })),
        found: |it| secs(&it.assigned_secs),
    },
    Line {
        what: "box drawn, until it is heard",
        asked: None,
        found: |it| secs(&it.drawn_secs),
    },
    Line {
        what: "longest task of the page's thread while zooming and panning, median of three",
        asked: Some(("≤ 50 ms", |it| longest(&it.zoomed) <= MOST_TASK_MS)),
        found: |it| format!("{:.0} ms", longest(&it.zoomed)),
    },
    Line {
        what: "the same while a refit keeps both cores busy; tasks above 50 ms in all three",
        asked: None,
        found: |it| match &it.zoomed_busy[..] {
            [] => "–".to_owned(),
            busy => format!("{:.0} ms; {}", longest(busy), above(busy)),
        },
    },
    Line {
        what: "stems exported",
        asked: None,
        found: |it| secs(&[it.exported.secs]),
    },
    Line {
        what: "most memory of the server (`VmHWM`)",
        asked: None,
        found: |it| format!("{:.0} MB", it.most_bytes as f64 / 1e6),
    },
];

/// A limit, and that it was missed where it was.
fn judged(limit: &str, kept: bool) -> String {
    format!("{limit}{}", if kept { "" } else { ", missed" })
}

pub(super) fn text(results: &Results) -> Result<String> {
    let figures = &results.found.figures;
    let song = figures.iter().find(|it| it.name == SONG);
    let mut page = format!(
        "# The studio, measured\n\n\
         Made by `cargo xtask studio-measure` ({}). A script works with the page by clicks and keys in {} (headless, without a graphics processor, 1280×720) and reads the times off the \
         page's own clock. The release build; two cores, shared by the browser, the script and the server; other programs had {:.0} % of them just before. The songs are the [demo](../demo/README.md)'s stems again and again, \
         each take at another speed and level: stereo, 44.1 kHz, FLAC. Times are medians. How the studio is used is in [the guide](guide/studio.md).\n\n| | asked |",
        results.date,
        results.found.browser,
        100.0 * results.busy
    );
    for it in figures {
        let length = match it.name.as_str() {
            "demo" => "13 s",
            SONG => "3 min",
            _ => "5 min",
        };
        write!(page, " {}, {length} |", it.name)?;
    }
    writeln!(page, "\n|---|---|{}", "---:|".repeat(figures.len()))?;
    let mut row = |what: &str, asked: &str, found: Vec<String>| {
        writeln!(page, "| {what} | {asked} | {} |", found.join(" | "))
    };
    for Line { what, asked, found } in &LINES {
        let asked = match (asked, song) {
            (Some((limit, holds)), Some(song)) => judged(limit, holds(song)),
            _ => String::new(),
        };
        row(what, &asked, figures.iter().map(found).collect())?;
    }
    let same = results.same.iter().map(|ways| format!("{ways} of {ways}"));
    let what = "command lines named by the export that write the same bytes";
    row(what, "all", same.collect())?;
    let size = format!("{:.0} kB", results.page_bytes as f64 / 1e3);
    let asked = judged("< 500 kB", results.page_bytes < MOST_PAGE_BYTES);
    row("size of the page", &asked, vec![size; figures.len()])?;
    page += "\nThe longest task is from Chromium's trace of five seconds with the wheel (in, out, to the sides, frequencies) and the hand. What is heard is what an analyser behind the page's last gain \
             measures, read every 4 ms; the sound card comes after it. The component goes to a source that is heard alone and had none; the box takes all that is heard.\n\n";
    page += &work(results);
    Ok(page)
}

/// What a person made of the demo.
fn work(results: &Results) -> String {
    let work = &results.found.work;
    let score = |scores: &[f64]| {
        let each: Vec<String> = scores.iter().map(|db| format!("{db:.2}")).collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        format!("{} | {mean:.2} |", each.join(" | "))
    };
    let [grouped, person, separated] = &results.scores;
    let corrected: Vec<String> = work.corrected.iter().map(ToString::to_string).collect();
    let better = grouped
        .iter()
        .zip(person)
        .all(|(before, after)| after > before);
    let verdict = match (work.corrected.len(), better) {
        (0, _) => "Nothing was in the wrong place: a person cannot group these components better."
            .to_owned(),
        (_, true) => format!(
            "Corrected: component {}. Both stems are better for it.",
            corrected.join(", ")
        ),
        (_, false) => format!(
            "Corrected: component {}. Not both stems are better for it.",
            corrected.join(", ")
        ),
    };
    format!(
        "## The task of the founding notebook\n\n\
         A person opens the demo clip (*Try the demo clip*), goes through the sixteen components with ↓ and Enter, listens to each for {LISTEN_SECS} s, gives those that are suggested to the wrong source \
         to the other by its key, and exports (E, *Write files*). The script knows what a listener hears: for every component, with which of the true stems it goes along more.\n\n\
         **{} clicks, {} keys, {:.0} s** from opening to two files, {:.0} s of it listening. {verdict}\n\n\
         | SDR in dB (BSS Eval 3, as `unbraid evaluate`) | drums | guitar | mean |\n|---|---:|---:|---:|\n\
         | the components, grouped automatically (`unbraid group`) | {}\n\
         | the same components, grouped by the person | {}\n\
         | `unbraid separate`, which fits again after grouping | {}\n",
        work.clicks,
        work.keys,
        work.secs,
        work.listened_secs,
        score(grouped),
        score(person),
        score(separated),
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Exported, Found, Work};
    use super::*;

    fn figures(name: &str) -> Figures {
        let busy = Zoomed {
            longest_ms: 93.0,
            above50: 2,
        };
        Figures {
            name: name.to_owned(),
            seen_secs: vec![0.5, 1.7, 0.6],
            components_secs: vec![3.0],
            started_secs: vec![0.4],
            assigned_secs: vec![0.031],
            drawn_secs: vec![0.2],
            zoomed: vec![Zoomed {
                longest_ms: 18.0,
                above50: 0,
            }],
            zoomed_busy: vec![busy],
            exported: exported(),
            most_bytes: 321_000_000,
        }
    }

    fn exported() -> Exported {
        Exported {
            folder: PathBuf::from("stems"),
            files: vec!["drums.wav".to_owned()],
            commands: vec!["unbraid group x".to_owned(); 2],
            secs: 1.26,
        }
    }

    fn results() -> Results {
        let work = Work {
            clicks: 2,
            keys: 34,
            secs: 41.4,
            listened_secs: 24.0,
            corrected: vec![3],
            exported: exported(),
        };
        Results {
            found: Found {
                browser: "Chromium 1".to_owned(),
                figures: vec![figures("demo"), figures(SONG)],
                work,
            },
            same: vec![2, 2],
            scores: [vec![9.0, 8.0], vec![10.0, 9.5], vec![11.0, 10.0]],
            page_bytes: 100_499,
            busy: 0.01,
            date: "2000-01-01".to_owned(),
        }
    }

    #[test]
    fn the_page_sets_what_was_found_beside_what_is_asked() {
        let text = text(&results()).unwrap();
        for line in [
            "| | asked | demo, 13 s | song, 3 min |",
            "| waveform and spectrogram seen, from the file being dropped or chosen | ≤ 1 s | 600 ms | 600 ms |",
            "| component given to a source, until it is heard there | ≤ 1 s | 31 ms | 31 ms |",
            "median of three | ≤ 50 ms | 18 ms | 18 ms |",
            "in all three |  | 93 ms; 2 | 93 ms; 2 |",
            "| stems exported |  | 1.3 s | 1.3 s |",
            "| size of the page | < 500 kB | 100 kB | 100 kB |",
            "**2 clicks, 34 keys, 41 s** from opening",
            "Corrected: component 3. Both stems are better for it.",
            "| the same components, grouped by the person | 10.00 | 9.50 | 9.75 |",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn what_was_missed_is_said_to_be() {
        let mut results = results();
        results.found.figures[1].seen_secs = vec![1.2];
        results.found.figures[1].zoomed[0].longest_ms = 93.0;
        results.page_bytes = 500_000;
        results.scores[1] = vec![10.0, 7.5];
        let text = text(&results).unwrap();
        assert_eq!(text.matches(", missed |").count(), 3, "{text}");
        assert!(text.contains("Not both stems are better"), "{text}");
    }
}
