//! Clips of a singer and a piano, its notes, and other pianos come in; what knowledge is worth goes out, as `docs/knowledge.md`.

mod foreign;
mod notes;
mod scene;
mod switches;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use unbraid::SeparateConfig;
use unbraid::recipe::InformedConfig;
use unbraid::recipe::voice_piano::VoicePianoConfig;

use self::scene::Scene;
use crate::page::with_sections;
use crate::{clips, root};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of clips with known stems, and of the notes of their piano in `train/piano-salamander`;
    /// the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Only these tables (worth, switches, free, pedal, score, notes, foreign, cost); the page keeps the others as they are
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    table: Vec<String>,
    /// Only clips whose name contains this; prints the tables instead of writing the page
    #[arg(long, value_name = "TEXT")]
    clip: Option<String>,
    /// Settings of the informed recipe as JSON, such as `{"free":20}`; prints the tables instead of writing the page
    #[arg(long, value_name = "JSON", default_value = "{}")]
    set: String,
    /// Settings of the recipe for a voice and a piano as JSON; prints the tables instead of writing the page
    #[arg(long, value_name = "JSON", default_value = "{}")]
    set_voice: String,
    /// A folder that holds `usr/share/…` of the Debian package `fluid-soundfont-gm`; without it, it is taken from this system,
    /// or else fetched by `apt-get download`
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/knowledge.md"))]
    output: PathBuf,
}

/// A table of the page: its name, its heading, and what makes it.
type Table = (
    &'static str,
    &'static str,
    fn(&Scene, &Arguments) -> Result<String>,
);

const TABLES: [Table; 8] = [
    ("worth", "What knowing the notes is worth", |scene, _| {
        switches::worth(scene)
    }),
    ("switches", "Each idea on and off", |scene, _| {
        switches::switches(scene)
    }),
    (
        "free",
        "Free components: any templates, or combs",
        |scene, _| switches::free(scene),
    ),
    ("pedal", "The sustain pedal", |scene, _| {
        switches::pedal(scene)
    }),
    (
        "score",
        "Scores that are not in time, or wrong",
        |scene, _| notes::scores(scene),
    ),
    ("notes", "Notes heard", |scene, _| notes::heard(scene)),
    (
        "foreign",
        "A dictionary of another piano",
        |scene, given| foreign::foreign(scene, given.packages.as_deref()),
    ),
    ("cost", "A large library", |scene, _| foreign::cost(scene)),
];

const HEAD: &str = "# What dictionaries and scores are worth\n\n\
    Made by `cargo run --release -p xtask -- knowledge`. Cells are SDR in dB: the mean of both sources, and (voice, piano); BSS Eval 3 sources (512 taps), whole file, mono \
    downmix, fixed order, seed 0. The dictionary is learnt from the loudness layers 1, 4 and 16 of the piano; the clips play 7, 10 and 13.\n\n\
    *Piano + free voice* is what `separate --sources piano,rest` does with `--dictionary`: notes, and 60 free components for whatever is not a note. *Voice model* is \
    `--sources voice,piano`. Without a score, the notes are heard. Settings were chosen on these clips, which flatters; differences below 0.3 dB are noise.\n";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let config = SeparateConfig {
        informed: with::<InformedConfig>(&arguments.set)?,
        voice_piano: with::<VoicePianoConfig>(&arguments.set_voice)?,
        ..SeparateConfig::default()
    };
    let mut scene = Scene::read(&arguments.clips, config)?;
    if let Some(part) = &arguments.clip {
        scene.takes.retain(|take| take.name.contains(part.as_str()));
    }
    ensure!(!scene.takes.is_empty(), "no clip is left");
    let as_usual = arguments.set == "{}" && arguments.set_voice == "{}";
    let to_write = arguments.clip.is_none() && as_usual;
    let before = fs::read_to_string(&arguments.output).unwrap_or_default();
    let mut sections = Vec::new();
    for (name, heading, make) in TABLES {
        let wanted =
            arguments.table.is_empty() || arguments.table.iter().any(|table| table == name);
        let new = wanted.then(|| make(&scene, arguments)).transpose()?;
        sections.push((heading, new));
    }
    if to_write {
        fs::write(&arguments.output, with_sections(HEAD, &before, &sections))
            .with_context(|| format!("cannot write {}", arguments.output.display()))?;
        println!("wrote {}", arguments.output.display());
    }
    Ok(())
}

/// The usual settings but for those that a JSON object names.
fn with<T: Default + serde::de::DeserializeOwned>(changes: &str) -> Result<T> {
    serde_json::from_str(changes).with_context(|| format!("`{changes}` is no setting"))
}
