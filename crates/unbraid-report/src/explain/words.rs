//! What the page shows comes in; the sentences, tables and charts that depend on it go out.

use std::fmt::Write as _;

use super::{ExplainPage, OnsetScores, hex};
use crate::Error;
use crate::color::source_color;
use crate::comparison::{ComparisonBar, ComparisonPicture, comparison_svg};

/// What the page is about, in one paragraph.
pub(super) fn lead(page: &ExplainPage<'_>) -> String {
    let names: Vec<String> = page
        .grouping
        .sources
        .iter()
        .map(|source| format!("<b>{}</b>", escape(&source.name)))
        .collect();
    format!(
        "This recording of {:.1} seconds holds several sounds at once, mixed beyond recall: {}. Here it is taken apart again. The page shows how, \
         step by step, and lets you hear every step.",
        page.audio.duration_secs(),
        listed(&names),
    )
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The name and colour of a curve, and what it shows.
type Curve = (&'static str, &'static str, fn(&OnsetScores) -> f64);

/// The sources and their colours.
pub(super) fn legend(page: &ExplainPage<'_>) -> String {
    let sources = page.grouping.sources.iter().enumerate();
    let marked: Vec<String> = sources
        .map(|(index, source)| {
            let color = hex(source_color(index));
            let name = escape(&source.name);
            format!("<span style=\"--c:{color}\"><span class=\"key\"></span>{name}</span> ")
        })
        .collect();
    marked.concat()
}

/// How the recipe went on from the components, if it did.
pub(super) fn recipe(words: &str) -> String {
    if words.is_empty() {
        return "<p>The stems are just that: the sums of the components above.</p>".to_owned();
    }
    format!(
        "<p>{}</p>\n<p class=\"switch\" id=\"switch\" role=\"group\" aria-label=\"what the stems are made of\"></p>",
        escape(words)
    )
}

pub(super) fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let items = notes
        .iter()
        .map(|note| format!("<li>{}</li>", escape(note)));
    format!("<ul class=\"soft\">{}</ul>", items.collect::<String>())
}

/// What the true stems tell of this and other methods.
pub(super) fn scores(page: &ExplainPage<'_>) -> Result<String, Error> {
    let Some(truth) = page.truth else {
        return Ok(String::new());
    };
    let bars: Vec<ComparisonBar<'_>> = truth
        .methods
        .iter()
        .map(|method| ComparisonBar {
            name: method.name,
            value: method.mean_sdr_db(),
            oracle: method.oracle,
        })
        .collect();
    let chart = comparison_svg(&ComparisonPicture {
        title: "What each method reaches on this recording",
        unit: "mean SDR over the sources in dB",
        bars: &bars,
    })?;
    let mut text = format!(
        "<h2>How well did it go?</h2>\n<p>For this recording the true stems are known, so every method can be marked. The <b>signal-to-distortion ratio</b> \
         (SDR) compares what is right in a stem with everything that is wrong in it: at 0 dB there is as much wrong as right, at 10 dB a tenth of that, at 20 dB a \
         hundredth. Handing out the unchanged mixture scores about 0.</p>\n\
         <p>Light bars <i>look at the answer</i>. They are no rivals but bounds: how far filters, components or masks could go if somebody who knows the true stems \
         made every decision.</p>\n<div class=\"chart\">{chart}</div>\n<details><summary>Every source: SDR, SIR and SAR</summary>\n\
         <p>SIR counts only what leaked in from other sources, SAR only what was damaged or invented on the way. A stem can be clean and broken, or whole and full of the others; \
         SDR counts both.</p>\n<table><thead><tr><th>method</th>",
    );
    for source in &page.grouping.sources {
        let _ = write!(text, "<th>{}: SDR / SIR / SAR</th>", escape(&source.name));
    }
    text.push_str("<th>mean SDR</th></tr></thead><tbody>");
    for method in truth.methods {
        let _ = write!(
            text,
            "<tr><td><b>{}</b><span class=\"soft\"> {}</span></td>",
            escape(method.name),
            escape(method.about)
        );
        for ratios in method.sources_db {
            let _ = write!(text, "<td>{}</td>", ratios.map(decibels).join(" / "));
        }
        let _ = write!(text, "<td>{}</td></tr>", decibels(method.mean_sdr_db()));
    }
    text.push_str("</tbody></table></details>\n");
    Ok(text)
}

/// The measured experiment beside the reader's own.
pub(super) fn onsets(page: &ExplainPage<'_>) -> String {
    let Some(truth) = page.truth.filter(|truth| !truth.onsets.is_empty()) else {
        return String::new();
    };
    format!(
        "<p>The same experiment with sound instead of a toy picture, measured: two made instruments on one pitch, two components, each given to the instrument it holds most of.</p>\n\
         <div class=\"chart\">{}</div>\n",
        onset_chart(truth.onsets)
    )
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;

/// SI-SDR against the time between onsets; the steps of time stand at equal distances.
fn onset_chart(points: &[OnsetScores]) -> String {
    let most = points
        .iter()
        .map(|point| point.ideal_db.max(point.nmf_db))
        .fold(5.0_f64, f64::max);
    let least = points
        .iter()
        .map(|point| point.nmf_db)
        .fold(0.0_f64, f64::min);
    let step = if most - least > 12.0 { 5.0 } else { 2.0 };
    let (high, low) = ((most / step).ceil() * step, (least / step).floor() * step);
    let (left, right, top, bottom) = (60.0, WIDTH - 190.0, 20.0, HEIGHT - 70.0);
    let x = |at: usize| left + (at as f64 + 0.5) * (right - left) / points.len() as f64;
    let y = |value: f64| bottom - (value - low) / (high - low) * (bottom - top);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"SI-SDR against the time between onsets\" class=\"lines\">"
    );
    let steps = ((high - low) / step).round() as usize;
    for tick in 0..=steps {
        let value = low + tick as f64 * step;
        let _ = write!(
            svg,
            "<path d=\"M{left} {0:.1}H{right}\" stroke=\"#e3e3e3\"/><text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{value:.0} dB</text>",
            y(value),
            left - 8.0,
            y(value) + 5.0
        );
    }
    for (at, point) in points.iter().enumerate() {
        let _ = write!(
            svg,
            "<text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2:.0} ms</text><text x=\"{0:.1}\" y=\"{3}\" text-anchor=\"middle\" fill=\"#6b6b6b\">{4:.0} % pure</text>",
            x(at),
            bottom + 24.0,
            1000.0 * point.gap_secs,
            bottom + 46.0,
            100.0 * point.purity
        );
    }
    let lines: [Curve; 2] = [
        ("ideal mask", "#56b4e9", |point| point.ideal_db),
        ("two components", "#0072b2", |point| point.nmf_db),
    ];
    for (name, color, of) in lines {
        let path: Vec<String> = points
            .iter()
            .enumerate()
            .map(|(at, point)| format!("{:.1} {:.1}", x(at), y(of(point))))
            .collect();
        let _ = write!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"3\"/>",
            path.join("L")
        );
        for (at, point) in points.iter().enumerate() {
            let _ = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{color}\"/>",
                x(at),
                y(of(point))
            );
        }
        if let Some(last) = points.last() {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"600\">{name}: {}</text>",
                x(points.len() - 1) + 14.0,
                y(of(last)) + 5.0,
                decibels(of(last))
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// One decimal, a real minus, and no sign before zero.
fn decibels(value: f64) -> String {
    if value.abs() > 99.0 {
        return if value > 0.0 { "&gt; 99" } else { "&lt; −99" }.to_owned();
    }
    let text = format!("{value:.1}");
    if text == "-0.0" {
        "0.0".to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// Put the fields into the text in one pass, so that no field's content is taken for a field.
pub(super) fn filled(text: &str, fields: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(
        text.len() + fields.iter().map(|(_, value)| value.len()).sum::<usize>(),
    );
    let mut rest = text;
    while let Some((at, (name, value))) = fields
        .iter()
        .filter_map(|field| Some((rest.find(field.0)?, field)))
        .min_by_key(|(at, _)| *at)
    {
        out.push_str(&rest[..at]);
        out.push_str(value);
        rest = &rest[at + name.len()..];
    }
    out.push_str(rest);
    out
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Digits in threes.
pub(super) fn thousands(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
