//! What was measured comes in; `docs/long.md` and its plot go out.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use super::Results;
use super::scale::{Row, Way};
use crate::root;

const PLOT: &str = "images/long.svg";

pub(super) fn write(results: &Results) -> Result<()> {
    let docs = root().join("docs");
    fs::write(docs.join("long.md"), text(results)?)?;
    fs::write(docs.join(PLOT), plot(&results.scale)?)?;
    println!("wrote docs/long.md");
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e6)
}

fn numbers(values: &[f64]) -> String {
    let words: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
    words.join(" / ")
}

fn len(secs: usize) -> String {
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        _ => format!("{} h", secs / 3600),
    }
}

fn text(results: &Results) -> Result<String> {
    let mut page = format!(
        "# Long recordings, measured\n\n\
         Made by `cargo run --release -p xtask -- long …` ({}), a part at a time: `time hours quality kills memory peer`. Two cores, the default \
         `--memory 2G`, release build. Recordings are the [demo](../demo/README.md)'s stems again and again, each take up to 3 % faster or slower, each stem 0.5 to 6 dB \
         softer by itself, drums or guitar silent in every seventh; stereo, 44.1 kHz, 16 bit, FLAC in and (`--format flac16`) out. How it works is in [the \
         guide](guide/long.md).\n\n",
        results.date
    );
    if !results.scale.is_empty() {
        page += "## Time and memory\n\n![Peak memory and time against length](images/long.svg)\n\n\
                 | recipe | recording | pieces | peak memory, MB | time, s | × real time | SDR drums / guitar, dB | recording, GB | stems, GB | most on disk, GB | |\n\
                 |---|---|---|---|---|---|---|---|---|---|---|\n";
        for row in &results.scale {
            let gigabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e9);
            let killed = row.killed_secs.map_or_else(String::new, |secs| {
                format!("killed after {secs:.0} s, then `--resume`")
            });
            writeln!(
                page,
                "| {} | {} | {} | {} | {:.0} | {:.1} | {} | {} | {} | {} | {killed} |",
                row.way.name(),
                len(row.len_secs),
                row.pieces,
                megabytes(row.most_bytes),
                row.secs,
                row.len_secs as f64 / row.secs,
                numbers(&row.sdr_db),
                gigabytes(row.recording_bytes),
                gigabytes(row.stems_bytes),
                gigabytes(row.most_disk_bytes),
            )?;
        }
        page += "\nThe time is that of the whole command: reading the file through for damage and its checksum, separating, writing. On disk are the growing stems, and the \
                 pieces that are not yet in them.\n\n";
    }
    page += &quality(results)?;
    if let Some(kills) = &results.kills {
        writeln!(
            page,
            "## Killed\n\n{} of demo takes in pieces of 10 s, {:.1} s of work, killed (`kill -9`) {} times at random moments and resumed each time: the stems have the \
             same bytes as without. Killed after {} s.\n",
            len(kills.len_secs),
            kills.uninterrupted_secs,
            kills.killed_secs.len(),
            kills
                .killed_secs
                .iter()
                .map(|secs| format!("{secs:.2}"))
                .collect::<Vec<_>>()
                .join(", "),
        )?;
    }
    if !results.memory.is_empty() {
        page += "## What `info` foretells\n\n| recipe | length | foretold, MB | most taken, MB | foretold / taken |\n|---|---|---|---|---|\n";
        for row in &results.memory {
            writeln!(
                page,
                "| {} | {} s | {} | {} | {:.2} |",
                row.recipe,
                row.len_secs,
                megabytes(row.foretold_bytes),
                megabytes(row.most_bytes),
                row.foretold_bytes as f64 / row.most_bytes as f64,
            )?;
        }
        page += "\n";
    }
    page += &peers(results)?;
    page += "\nWhat the trackers of deep separators say of long recordings:\n\n\
             - Demucs: 25 minutes took 10 GB of swap beyond 8 GB of memory; the way out named is to split the file by hand ([#498](https://github.com/facebookresearch/demucs/issues/498)). 1.5 \
             hours froze the machine, then failed when writing ([#580](https://github.com/facebookresearch/demucs/issues/580)); half an hour is killed for memory in a container \
             ([#463](https://github.com/facebookresearch/demucs/issues/463)).\n\
             - Spleeter: separates the first ten minutes, and says nothing of the rest, unless `-d` asks for more ([#274](https://github.com/deezer/spleeter/issues/274), \
             [#628](https://github.com/deezer/spleeter/issues/628)); then it needs memory in proportion: an array of 307 499 frames could not be had \
             ([#836](https://github.com/deezer/spleeter/issues/836)), two hours ended without output ([#871](https://github.com/deezer/spleeter/issues/871)).\n\
             - audio-separator: an hour or two runs out of memory, “no plan to solve that”, cut it yourself ([#120](https://github.com/nomadkaraoke/python-audio-separator/issues/120)).\n";
    Ok(page)
}

fn quality(results: &Results) -> Result<String> {
    let mut page = String::new();
    if !results.quality.is_empty() {
        page += "## Ten pieces against one fit\n\n\
                 SDR (energy of the truth over that of the error, whole file) of each source. The objective is that of the free components: what all pieces leave \
                 unexplained, each frame once, over what one fit to everything does. Below 1 the pieces explain more: each has as many components as the whole.\n\n\
                 | recipe | clip | sources | one fit, dB | ten pieces, dB | difference, dB | objective, pieces from the one before | from random factors |\n\
                 |---|---|---|---|---|---|---|---|\n";
        for row in &results.quality {
            let change: Vec<String> = row
                .whole_db
                .iter()
                .zip(&row.pieces_db)
                .map(|(whole, pieces)| format!("{:+.2}", pieces - whole))
                .collect();
            let [warm, cold] = row.objective.map_or(["", ""].map(String::from), |both| {
                both.map(|ratio| format!("{ratio:.3}"))
            });
            writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {warm} | {cold} |",
                row.recipe,
                row.recording,
                row.sources.join(", "),
                numbers(&row.whole_db),
                numbers(&row.pieces_db),
                change.join(" / "),
            )?;
        }
        page += "\nWith templates that are fixed there is nothing to learn, and pieces equal one fit to −90 dB and better; a test holds that (`crates/unbraid/tests/stems_laws.rs`).\n\n\
                 Three rows differ by more than 0.3 dB for the worse. In two it is not the cut. By features alone, one loud component of the demo (a low string of the guitar) is put to the \
                 guitar at a probability of about 0.6, in pieces as in one fit of other takes: whether it goes right is a matter of chance, and worth 6 dB either way; on the groove, \
                 whose components are told apart, pieces lose 0.4 dB. And one stroke for a whole kit is too little to go by, which is why one fit stays far behind the other \
                 recipes too.\n\n";
    }
    Ok(page)
}

fn peers(results: &Results) -> Result<String> {
    let mut page = String::new();
    if !results.peer.is_empty() {
        page += "## Other programs\n\nlibrosa and scikit-learn (`NMF`, Kullback–Leibler, 16 components, 200 iterations, the same transform, masks, two stems; \
                 [`xtask/python/long_peer.py`](../xtask/python/long_peer.py)), given 14 GiB:\n\n| recording | peak memory, MB | time, s | |\n|---|---|---|---|\n";
        for row in &results.peer {
            writeln!(
                page,
                "| {} | {} | {:.0} | {} |",
                len(row.len_secs),
                megabytes(row.most_bytes),
                row.secs,
                row.stopped.as_deref().map_or_else(
                    || "separated".to_owned(),
                    |why| format!("out of memory: {why}")
                ),
            )?;
        }
    }
    Ok(page)
}

/// What is plotted of a row.
type Value = fn(&Row) -> f64;

/// Memory and time against length, both axes by powers of ten.
fn plot(rows: &[Row]) -> Result<String> {
    const WIDTH: f64 = 760.0;
    const HEIGHT: f64 = 320.0;
    const INK: &str = "#333";
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let panels: [(f64, &str, &str, Value, [i32; 2]); 2] = [
        (
            60.0,
            "peak memory, MB",
            "#1f6f8b",
            |row| row.most_bytes as f64 / 1e6,
            [1, 4],
        ),
        (440.0, "time, s", "#b4462b", |row| row.secs, [0, 5]),
    ];
    for (left, title, color, value, [low, high]) in panels {
        let (top, wide, tall) = (40.0, 290.0, 220.0);
        let x = |secs: f64| left + wide * (secs.log10() - 2.0) / 3.0;
        let y = |value: f64| {
            let share = (value.max(1e-9).log10() - f64::from(low)) / f64::from(high - low);
            top + tall * (1.0 - share)
        };
        writeln!(
            svg,
            "<text x=\"{left}\" y=\"24\" font-size=\"14\" fill=\"{INK}\">{title}</text>"
        )?;
        for power in low..=high {
            let tick = 10.0_f64.powi(power);
            let at = y(tick);
            writeln!(
                svg,
                "<path d=\"M{left} {at:.1}h{wide}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{INK}\">{tick}</text>",
                left - 6.0,
                at + 4.0
            )?;
        }
        for (secs, word) in [(600.0, "10 min"), (3600.0, "1 h"), (36_000.0, "10 h")] {
            let at = x(secs);
            writeln!(
                svg,
                "<path d=\"M{at:.1} {top}v{tall}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"{INK}\">{word}</text>",
                top + tall + 18.0
            )?;
        }
        if title.starts_with("time") {
            let (from, to) = (120.0, 90_000.0);
            writeln!(
                svg,
                "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#888\" stroke-dasharray=\"5 4\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#666\">20 × real time</text>",
                x(from),
                y(from / 20.0),
                x(to),
                y(to / 20.0),
                x(2000.0),
                y(20.0)
            )?;
        } else {
            writeln!(
                svg,
                "<path d=\"M{left} {:.1}h{wide}\" stroke=\"#888\" stroke-dasharray=\"5 4\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#666\">the budget, 2 GiB</text>",
                y(2147.0),
                left + 8.0,
                y(2147.0) - 6.0
            )?;
        }
        for (way, dash) in Way::ALL.into_iter().zip(["none", "2 4"]) {
            let rows = rows.iter().filter(|row| row.way == way);
            let points: Vec<(f64, f64, f64)> = rows
                .map(|row| (x(row.len_secs as f64), y(value(row)), value(row)))
                .collect();
            svg += &curve(&points, way, dash, color)?;
        }
    }
    svg += "</svg>\n";
    Ok(svg)
}

/// The line of one recipe, with its values beside its points.
fn curve(points: &[(f64, f64, f64)], way: Way, dash: &str, color: &str) -> Result<String> {
    let Some((last_x, last_y, _)) = points.last() else {
        return Ok(String::new());
    };
    let mut svg = String::new();
    let line: Vec<String> = points
        .iter()
        .map(|(x, y, _)| format!("{x:.1} {y:.1}"))
        .collect();
    let (name, below) = match way {
        Way::Drums => ("drums and the rest", -10.0),
        Way::Blind => ("blind", 18.0),
    };
    writeln!(
        svg,
        "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{color}\">{name}</text>",
        line.join("L"),
        last_x + 20.0,
        last_y + 1.9 * below,
    )?;
    for (x, y, value) in points {
        writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{color}\"/>\
                     <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{color}\">{value:.0}</text>",
            y + below,
        )?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_a_plot_of_what_there_is() {
        assert!(text(&Results::default()).unwrap().contains("Spleeter"));
        assert!(plot(&[]).unwrap().ends_with("</svg>\n"));
    }
}
