//! Figures come in; the page goes out.

use std::fmt::Write;

use super::{Figures, Measured};

const HEAD: &str = "# One singer and one piano, measured

`unbraid separate mixture.flac --sources voice,piano` and what each piece of knowledge adds. SDR of BSS Eval 3 (sources, 512 taps, whole clip, mono) in dB. Made by

```text
cargo run --release -p xtask -- singer --make
```

The piano that plays is the one the built-in templates were made of (other loudness layers: 4 and 16 are learnt from, 7, 10, 13 and 5, 6, 9, 11, 14, 15 are played), which flatters; the two recorded clips were also used to
choose settings.

";

pub(super) fn page(measured: &[Measured]) -> String {
    let mut text = HEAD.to_owned();
    let (made, recorded): (Vec<_>, Vec<_>) = measured.iter().partition(|clip| clip.made);
    if !recorded.is_empty() {
        text.push_str("## Recorded clips\n\nMean of both sources (voice, piano), and the change beside the default.\n\n");
        clips_table(&mut text, &recorded);
    }
    if !made.is_empty() {
        text.push_str("\n## Mixtures made from the training singer\n\n");
        made_table(&mut text, &made);
    }
    text
}

const CANNOT: &str = "a string does not refuse";

/// Rows by clips.
fn clips_table(text: &mut String, clips: &[&Measured]) {
    let row = |text: &mut String, cells: Vec<String>| {
        writeln!(text, "| {} |", cells.join(" | ")).expect(CANNOT);
    };
    let names = clips.iter().map(|clip| clip.name.clone());
    row(text, std::iter::once(String::new()).chain(names).collect());
    row(text, vec!["---".to_owned(); clips.len() + 1]);
    let mixture = clips.iter().map(|clip| {
        let [voice, piano] = clip.mixture_db;
        format!("{:.1} ({voice:.1}, {piano:.1})", 0.5 * (voice + piano))
    });
    row(
        text,
        std::iter::once("the mixture as either".to_owned())
            .chain(mixture)
            .collect(),
    );
    let peers = [
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
    for (name, scores) in peers {
        let of = clips.iter().map(|clip| {
            let at = usize::from(clip.name.contains("unison"));
            scores[at].unwrap_or_default().to_owned()
        });
        row(text, std::iter::once(name.to_owned()).chain(of).collect());
    }
    let longest = clips.iter().map(|clip| clip.rows.len()).max().unwrap_or(0);
    for index in 0..longest {
        let Some(first) = clips.iter().find_map(|clip| clip.rows.get(index)) else {
            continue;
        };
        let cells = clips.iter().map(|clip| {
            let Some(figures) = clip.rows.get(index) else {
                return String::new();
            };
            let [voice, piano] = figures.sdr_db;
            let change = figures.mean() - clip.rows[0].mean();
            let change = if index == 0 {
                String::new()
            } else {
                format!(" {change:+.2}")
            };
            format!("{:.2}{change} ({voice:.1}, {piano:.1})", figures.mean())
        });
        let name = if index == 0 {
            format!("**{}**", first.row.name)
        } else {
            first.row.name.to_owned()
        };
        row(text, std::iter::once(name).chain(cells).collect());
    }
    text.push('\n');
    for clip in clips {
        pitch_line(text, clip);
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "?".to_owned(), |share| format!("{:.0} %", 100.0 * share))
}

fn pitch_line(text: &mut String, clip: &Measured) {
    let ours = clip.rows.first().and_then(|figures| figures.pitch_right);
    let secs = clip.rows.first().map_or(f64::NAN, |figures| figures.secs);
    writeln!(
        text,
        "{}: pitch within 50 cents of the clean voice's (pYIN) in {} of its voiced frames; pYIN on the mixture {}. {secs:.1} s for {:.0} s.",
        clip.name,
        percent(ours),
        percent(clip.pyin_right),
        clip.secs
    )
    .expect(CANNOT);
}

/// The first row on every clip, and the mean and the worst.
fn made_table(text: &mut String, clips: &[&Measured]) {
    text.push_str("| mixture | voice | piano | mean | mixture itself | pitch right | pYIN on the mixture |\n|---|---|---|---|---|---|---|\n");
    let firsts: Vec<(&Measured, &Figures)> = clips
        .iter()
        .filter_map(|clip| Some((*clip, clip.rows.first()?)))
        .collect();
    for (clip, figures) in &firsts {
        let ([voice, piano], [v, p]) = (figures.sdr_db, clip.mixture_db);
        writeln!(
            text,
            "| {} | {voice:.1} | {piano:.1} | {:.1} | {v:.1}, {p:.1} | {} | {} |",
            clip.name,
            figures.mean(),
            percent(figures.pitch_right),
            percent(clip.pyin_right)
        )
        .expect(CANNOT);
    }
    let means = || firsts.iter().map(|(_, figures)| figures.mean());
    let gains = firsts.iter().flat_map(|(clip, figures)| {
        (0..2).map(|source| figures.sdr_db[source] - clip.mixture_db[source])
    });
    writeln!(
        text,
        "\n{} mixtures: mean {:.2}, worst {:.2}; the least that a source gains over the mixture is {:.1} dB.",
        firsts.len(),
        means().sum::<f64>() / firsts.len().max(1) as f64,
        means().fold(f64::INFINITY, f64::min),
        gains.fold(f64::INFINITY, f64::min)
    )
    .expect(CANNOT);
}
