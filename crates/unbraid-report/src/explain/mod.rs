//! A recording and what took it apart come in; one self-contained page that explains both, with pictures and
//! sound, goes out.
//!
//! The page holds the recording, the factors and the masks, and computes every picture and every sound from them itself:
//! `assets/explain/` is its text and its program, this module packs what it works on.

mod masks;
mod sound;
mod words;

use ndarray::Array2;
use serde_json::{Value, json};
use unbraid::factorize::Factorization;
use unbraid::group::Grouping;
use unbraid::sharing::Sharing;
use unbraid::spectrogram::Quantity;
use unbraid::{Audio, Stft, Window};

use crate::Error;
use crate::color::source_color;
use crate::error::{config, shape};
use masks::Masks;
use sound::base64;

const HTML: &str = include_str!("../../assets/explain/page.html");
const CSS: &str = include_str!("../../assets/explain/page.css");
/// One module, in the order in which its parts need each other.
const PROGRAM: [&str; 6] = [
    include_str!("../../assets/explain/dsp.js"),
    include_str!("../../assets/explain/pictures.js"),
    include_str!("../../assets/explain/player.js"),
    include_str!("../../assets/explain/page.js"),
    include_str!("../../assets/explain/experiment.js"),
    include_str!("../../assets/explain/filters.js"),
];

/// What [`explain_html`] shows.
#[derive(Debug, Clone, Copy)]
pub struct ExplainPage<'a> {
    /// What the recording is called.
    pub title: &'a str,
    /// The recording; channels from the third on are not played.
    pub audio: &'a Audio,
    /// The components.
    pub factorization: &'a Factorization,
    /// The source of each component, and why.
    pub grouping: &'a Grouping,
    /// What the stems are made with, its sources in the order of the grouping's.
    pub sharing: &'a dyn Sharing,
    /// How the stems come out of the components, or why they do not: a paragraph for somebody who has just met
    /// the components. Shown where the stems are not simply the sums of the components.
    pub recipe: &'a str,
    /// What the user should know of the result.
    pub notes: &'a [String],
    /// What is known if the true stems are.
    pub truth: Option<Truth<'a>>,
    /// How it was made, for the last lines.
    pub made: &'a str,
}

/// The true stems, and what was measured with them.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    /// The true stems, in the order of the sources.
    pub stems: &'a [Audio],
    /// The energy of every true source under every component's mask, `(components, sources)`.
    pub energies: &'a Array2<f64>,
    /// What several methods reached, in the order of the table.
    pub methods: &'a [MethodScores<'a>],
    /// Two made sources on one pitch: how well they come apart.
    pub onsets: &'a [OnsetScores],
}

/// What a method reached.
#[derive(Debug, Clone, Copy)]
pub struct MethodScores<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it does, in a few words.
    pub about: &'a str,
    /// Whether it looks at the true stems.
    pub oracle: bool,
    /// SDR, SIR and SAR of each source, in dB.
    pub sources_db: &'a [[f64; 3]],
}

impl MethodScores<'_> {
    /// The mean SDR over the sources, in dB.
    fn mean_sdr_db(&self) -> f64 {
        self.sources_db.iter().map(|it| it[0]).sum::<f64>() / self.sources_db.len().max(1) as f64
    }
}

/// How well two sources on one pitch come apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnsetScores {
    /// From the onset of the first to that of the second, in seconds.
    pub gap_secs: f64,
    /// SI-SDR of two components, in dB.
    pub nmf_db: f64,
    /// SI-SDR of the ideal ratio mask, in dB.
    pub ideal_db: f64,
    /// How much of the components' energy belongs to their main sources, 0.5 to 1.
    pub purity: f64,
}

/// Write the page.
///
/// It holds the recording in 16 bits (FLAC), the factors and, where the stems are more than sums of components, their
/// masks; every component's and every stem's sound is computed when it is played (Web Audio). It loads nothing
/// from anywhere. Fifteen seconds of stereo at 44.1 kHz with two true stems make about 7 MB.
///
/// # Errors
///
/// - [`unbraid::Error::Config`] if a transform's length is no power of two, or its window is not a Hann window of that
///   length, which is all that the page can compute.
/// - [`unbraid::Error::Shape`] if sources, true stems or scores do not fit together.
/// - [`Error::Encode`] if the sound cannot be packed.
pub fn explain_html(page: &ExplainPage<'_>) -> Result<String, Error> {
    check(page)?;
    let model = &page.factorization.fit.model;
    let (bins, components, frames) = (model.bins(), model.components(), model.frames());
    let members = page.grouping.members();
    let alone = page
        .factorization
        .sharing(&members, unbraid::sharing::StemsConfig::default())?;
    let masks = Masks::of(page.audio, page.sharing);
    // Where the stems are the sums of their components, the page has all it needs.
    let masks = (!masks.are_of(page.audio, &alone)).then_some(masks);

    let sources: Vec<Value> = page
        .grouping
        .sources
        .iter()
        .enumerate()
        .map(|(index, source)| json!({ "name": source.name, "color": hex(source_color(index)) }))
        .collect();
    let truth = page
        .truth
        .map(|truth| truth_data(page, &truth))
        .transpose()?;
    let data = json!({
        "sampleRate": page.audio.sample_rate(),
        "samples": page.audio.len_samples(),
        "channels": page.audio.channels().min(2),
        "recording": base64(&sound::flac(page.audio)?),
        "transform": transform(&page.factorization.stft, page.audio),
        "power": page.factorization.quantity == Quantity::Power,
        // Component after component.
        "templates": sound::floats(model.templates().t().iter().copied()),
        "activations": sound::floats(model.activations().iter().copied()),
        "gains": (model.channels() > 1).then(|| sound::floats(model.pan_gains().iter().copied())),
        "sources": sources,
        "components": (0..components).map(|k| component(page, k)).collect::<Vec<_>>(),
        "masks": masks.as_ref().map(|masks| json!({
            "transform": transform(page.sharing.stft(), page.audio),
            "channels": masks.channels(),
            "levels": base64(&masks.packed()),
        })),
        "truth": truth,
    });
    // A name may hold anything; no text can end the element it stands in.
    let data = data.to_string().replace('<', "\\u003c");
    let recipe = if masks.is_some() { page.recipe } else { "" };
    let fields = [
        ("@TITLE@", words::escape(page.title)),
        ("@LEAD@", words::lead(page)),
        ("@K@", components.to_string()),
        ("@CELLS@", words::thousands(bins * frames)),
        ("@FREE@", words::thousands(components * (bins + frames))),
        ("@LEGEND@", words::legend(page)),
        ("@RECIPE@", words::recipe(recipe)),
        ("@NOTES@", words::notes(page.notes)),
        ("@SCORES@", words::scores(page)?),
        ("@ONSETS@", words::onsets(page)),
        ("@MADE@", words::escape(page.made)),
        ("@CSS@", CSS.to_owned()),
        ("@PROGRAM@", PROGRAM.concat()),
        ("@DATA@", data),
    ];
    Ok(words::filled(HTML, &fields))
}

fn check(page: &ExplainPage<'_>) -> Result<(), Error> {
    let sources = page.grouping.sources.len();
    for stft in [&page.factorization.stft, page.sharing.stft()] {
        let given = stft.config();
        if !given.fft_len.is_power_of_two() {
            let requirement = "a power of two, for the page to transform sound";
            return Err(config("stft.fft_len", given.fft_len, requirement));
        }
        if given.window != Window::Hann || given.window_len != given.fft_len {
            let requirement =
                "a Hann window as long as the transform, for the page to transform sound";
            return Err(config(
                "stft.window",
                format!("{:?}", given.window),
                requirement,
            ));
        }
    }
    if page.sharing.sources() != sources {
        return Err(shape(
            "the sharing (sources)",
            &[sources],
            &[page.sharing.sources()],
        ));
    }
    let Some(truth) = page.truth else {
        return Ok(());
    };
    let components = page.factorization.fit.model.components();
    if truth.energies.dim() != (components, sources) {
        let expected = [components, sources];
        return Err(shape(
            "the energies (components, sources)",
            &expected,
            truth.energies.shape(),
        ));
    }
    for stem in truth.stems {
        if stem.samples().dim() != page.audio.samples().dim() {
            let (expected, actual) = (page.audio.samples(), stem.samples());
            return Err(shape(
                "a true stem (channels, samples)",
                expected.shape(),
                actual.shape(),
            ));
        }
    }
    let lens = truth.methods.iter().map(|method| method.sources_db.len());
    for len in lens.chain([truth.stems.len()]) {
        if len != sources {
            return Err(shape(
                "what is known of the true stems (sources)",
                &[sources],
                &[len],
            ));
        }
    }
    Ok(())
}

/// What the page must know to transform a recording.
fn transform(stft: &Stft, audio: &Audio) -> Value {
    let config = stft.config();
    json!({
        "fftLen": config.fft_len,
        "hopLen": config.hop_len,
        "bins": stft.bins(),
        "frames": stft.frames(audio.len_samples()),
    })
}

/// Where a component went, and why.
fn component(page: &ExplainPage<'_>, component: usize) -> Value {
    let decision = &page.grouping.components[component];
    let evidence: Vec<Value> = decision
        .evidence
        .iter()
        .take(4)
        .map(|part| json!([part.words, part.log_odds]))
        .collect();
    let shares = page.truth.map(|truth| {
        let row = truth.energies.row(component);
        let total = row.sum();
        let share = |energy: &f64| if total > 0.0 { energy / total } else { 0.0 };
        row.iter().map(share).collect::<Vec<f64>>()
    });
    json!({
        "source": decision.source,
        "decidedBy": decision.decided_by,
        "automatic": decision.automatic,
        "probability": decision.posteriors.get(decision.automatic),
        "evidence": evidence,
        "shares": shares,
    })
}

/// The true stems' sound. The last is not stored if it is what the others leave of the recording.
fn truth_data(page: &ExplainPage<'_>, truth: &Truth<'_>) -> Result<Value, Error> {
    let mut left = page.audio.samples().to_owned();
    for stem in truth.stems {
        left -= &stem.samples();
    }
    let peak = left
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let adds_up = peak < 1e-3;
    let stored = truth.stems.len() - usize::from(adds_up);
    let stems = truth.stems[..stored]
        .iter()
        .map(|stem| Ok(base64(&sound::flac(stem)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(json!({ "stems": stems, "lastIsRest": adds_up }))
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests;
