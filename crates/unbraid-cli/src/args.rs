//! What a user types comes in; settings of the library go out.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use unbraid::factorize::FactorizeConfig;
use unbraid::fit::FitConfig;
use unbraid::mask::Render;
use unbraid::model::Penalties;
use unbraid::recipe::{BlindConfig, DrumEvidence, FirstFactors, RANKS};
use unbraid::sharing::StemsConfig;
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::{StftConfig, Window};
use unbraid_io::audio::{OutputFormat, Span};

use crate::cost;
use crate::failure::Failure;

/// Take one recording apart into the sources mixed into it.
///
/// Unbraid explains a recording's spectrogram as a sum of components, each a spectrum that sounds at certain
/// times (non-negative matrix factorisation), groups the components into sources, and gives every source back as audio.
/// The sources add up to the recording.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Start with: unbraid separate song.wav --sources drums,guitar\n\
    Exit codes: 0 done, 1 something failed, 2 the command makes no sense."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Separate recordings into sources: one stem per source
    Separate(SeparateArgs),
    /// Factorise a recording into components, to look at, listen to and group by hand
    Factorize(FactorizeArgs),
    /// Group the components of a factorisation into sources, without fitting again
    Group(GroupArgs),
    /// Learn a dictionary from single notes: how an instrument sounds
    Learn(LearnArgs),
    /// Go on from a project's fit: with hints, with more iterations, with components split or merged
    Refit(RefitArgs),
    /// Score stems against the true ones: SDR, SIR, SAR, ISR, SI-SDR
    Evaluate(EvaluateArgs),
    /// Set factorisation beside other ways of separating the same recording, and measure why it works
    Compare(CompareArgs),
    /// Write a page that explains a factorisation in pictures and sound
    Explain(ExplainArgs),
    /// Say what a recording or a project is, and what separating it would cost
    Info(InfoArgs),
    /// Open a page on this computer to see, hear and decide what belongs to which source
    Studio(StudioArgs),
    /// Print the licences of everything inside this program
    Licenses,
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SeparateArgs {
    /// Recordings (WAV, AIFF, FLAC, MP3, Ogg Vorbis, M4A, CAF), or folders of them, subfolders included; `-` reads
    /// standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,

    /// The sources to find, separated by commas: drums, guitar, voice, piano, bass, rest; kick, snare, hihat,
    /// cymbals, percussion, of the recording or of a stem of drums; or a name of your own with one of them (`solo=guitar`) or with --assign [default: drums,rest]
    #[arg(short, long, value_name = "LIST")]
    pub(crate) sources: Option<String>,

    /// Give components to a source by hand, such as `drums=0,3,7-9` or `guitar=rest`; the others stay
    /// grouped automatically. Can be repeated
    #[arg(long, value_name = "SOURCE=COMPONENTS")]
    pub(crate) assign: Vec<String>,

    /// Write the backing track without this source: two stems, the source and `no_<source>`
    #[arg(long, value_name = "SOURCE", conflicts_with = "stem")]
    pub(crate) minus: Option<String>,

    /// Write this source's stem only
    #[arg(long, value_name = "SOURCE")]
    pub(crate) stem: Option<String>,

    /// The folder that holds a folder of stems per recording; `-` writes a single stem (--stem or
    /// --minus) to standard output
    #[arg(short, long, value_name = "DIR", default_value = "separated")]
    pub(crate) output: PathBuf,

    /// Separate at this rate: a lower one is faster. Stems still have the recording's rate and add up to it; what lies
    /// above half of this rate goes, moment by moment, to whom the octave below belongs [default: the recording's]
    #[arg(long, value_name = "HZ")]
    pub(crate) sample_rate: Option<u32>,

    /// Leave alone what an earlier run made of the same recordings with the same settings, and go on with one that was
    /// interrupted
    #[arg(long)]
    pub(crate) resume: bool,

    /// Separate so many recordings at once, as far as --memory allows
    #[arg(short, long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) jobs: usize,

    /// The memory that may be used, such as 800M: a recording that would take more is separated in pieces, and with -j several
    /// are in work only as far as they fit together
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = cost::parse_size)]
    pub(crate) memory: u64,

    /// Separate in pieces of at most so many seconds, each with a model of its own, even if more fits
    /// into memory: for recordings whose sound changes
    #[arg(long, value_name = "SECONDS", value_parser = parse_piece)]
    pub(crate) piece: Option<f64>,

    /// Print why each component went to its source
    #[arg(long)]
    pub(crate) why: bool,

    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// Take the stems that another program made of the recording further apart: a folder with files such as drums, bass,
    /// other and vocals. Every source is looked for in its stem, kick,snare,hihat in the drums; stems without one stay as they
    /// are, and all files add up to the recording
    #[arg(long, value_name = "DIR", conflicts_with_all = ["minus", "stem", "assign"])]
    pub(crate) stage_two: Option<PathBuf>,

    /// When drums are struck: a table (CSV) of seconds and a source's name, or a note of General MIDI's percussion. The
    /// sources, such as kick,snare,hihat, are then fitted as sounds that unfold the same way every time
    #[arg(long, value_name = "FILE", help_heading = "Knowledge")]
    pub(crate) onsets: Option<PathBuf>,

    /// How one stroke of a drum sounds, such as `snare=snare.wav`: fitted as with --onsets. Can be repeated
    #[arg(long, value_name = "SOURCE=FILE", help_heading = "Knowledge")]
    pub(crate) stroke: Vec<String>,

    #[command(flatten)]
    pub(crate) hints: HintArgs,

    #[command(flatten)]
    pub(crate) knowledge: KnowledgeArgs,

    #[command(flatten)]
    pub(crate) factorize: ModelArgs,

    #[command(flatten)]
    pub(crate) stems: StemArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

fn parse_piece(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(secs) if (1.0..1e9).contains(&secs) => Ok(secs),
        _ => Err("at least 1 second is wanted".to_owned()),
    }
}

/// Where the grouping's evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvidenceArg {
    None,
    Features,
    Learnt,
}

impl From<EvidenceArg> for DrumEvidence {
    fn from(evidence: EvidenceArg) -> Self {
        match evidence {
            EvidenceArg::None => Self::None,
            EvidenceArg::Features => Self::Features,
            EvidenceArg::Learnt => Self::Learnt,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct FactorizeArgs {
    /// A recording (WAV, AIFF, FLAC, MP3, Ogg Vorbis, M4A, CAF); `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The project folder to write [default: the recording's name with `.unbraid`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) factorize: ModelArgs,

    #[command(flatten)]
    pub(crate) stems: StemArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GroupArgs {
    /// A project folder that `unbraid factorize` wrote
    #[arg(value_name = "DIR")]
    pub(crate) project: PathBuf,

    /// Give components to a source, such as `drums=0,3,7-9` or `guitar=rest`. Can be repeated
    #[arg(long, value_name = "SOURCE=COMPONENTS")]
    pub(crate) assign: Vec<String>,

    /// The sources, as in `separate` [default: those of --assign, or drums,rest]
    #[arg(short, long, value_name = "LIST")]
    pub(crate) sources: Option<String>,

    /// Print why each component went to its source
    #[arg(long)]
    pub(crate) why: bool,

    /// The folder of stems to write [default: `stems` in the project]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// The recording, if it is no longer where it was
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// What decides how much of a component is drums, as in `separate`
    #[arg(long, value_enum, default_value_t = EvidenceArg::Learnt)]
    pub(crate) evidence: EvidenceArg,

    #[command(flatten)]
    pub(crate) hints: HintArgs,

    #[command(flatten)]
    pub(crate) stems: StemArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct LearnArgs {
    /// Folders of single notes (subfolders included), SFZ files, or single files. Names such as `A4v10.ogg` or
    /// `060-080.wav` tell note and loudness; pitches that no name tells are found by ear
    #[arg(value_name = "NOTES", required_unless_present_any = ["soundfont", "from"])]
    pub(crate) inputs: Vec<PathBuf>,

    /// Learn from a preset of a SoundFont
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inputs", "from"])]
    pub(crate) soundfont: Option<PathBuf>,

    /// The preset's number, as General MIDI counts from 0: 0 is the first piano
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..128))]
    pub(crate) preset: u8,

    /// The preset's bank
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..129))]
    pub(crate) bank: u8,

    /// Learn from a recording in which the source sounds alone, or from a span of one (--start, --duration)
    #[arg(long, value_name = "FILE", conflicts_with = "inputs")]
    pub(crate) from: Option<PathBuf>,

    /// Where that span begins, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "from",
        allow_negative_numbers = true
    )]
    pub(crate) start: Option<f64>,

    /// How long it is, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "from",
        allow_negative_numbers = true
    )]
    pub(crate) duration: Option<f64>,

    /// Learn the filters of a singer, for voice,piano: note by loudness by phoneme. What is sung when: TextGrid, HTS or Audacity
    /// labels of phonemes (coarser ones tell only where the voice sounds)
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) lyrics: Option<PathBuf>,

    /// The pitch of that singer, as in `separate`, where it should not be found by ear
    #[arg(long, value_name = "FILE", requires = "lyrics")]
    pub(crate) melody: Option<PathBuf>,

    /// The number of templates to learn from a recording
    #[arg(
        short = 'k',
        long,
        value_name = "COUNT",
        default_value_t = 16,
        requires = "from"
    )]
    pub(crate) components: usize,

    /// The dictionary to write
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "dictionary.safetensors"
    )]
    pub(crate) output: PathBuf,

    /// What kind of sound it is, such as piano, guitar, voice
    #[arg(long, value_name = "KIND", default_value = "piano")]
    pub(crate) kind: String,

    /// The licence of the recordings, kept in the file
    #[arg(long, value_name = "TEXT")]
    pub(crate) licence: Option<String>,

    /// Who made the recordings, kept in the file
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,

    /// Leave the sounds themselves out of the file: it then serves this transform and rate alone
    #[arg(long)]
    pub(crate) no_examples: bool,

    /// Samples of the Fourier transform that the templates are for; with the sounds in the file, any other can be had
    /// later [default: the power of two nearest to 93 ms]
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) fft_len: Option<usize>,

    /// Replace existing output
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Print what was learnt as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What a person or another program says about where the sources are.
#[derive(Debug, Args, Serialize)]
#[command(next_help_heading = "Hints")]
pub(crate) struct HintArgs {
    /// A source's stem by any separator, such as `voice=vocals.wav`: its share of every bin is weighed in as evidence.
    /// Can be repeated
    #[arg(long, value_name = "SOURCE=FILE")]
    pub(crate) hint: Vec<String>,

    /// How much hinted stems count, 0 to 4: 0 is nothing, 1 as their shares are
    #[arg(long, value_name = "NUMBER", default_value_t = unbraid::knowledge::hints::STEM_STRENGTH, allow_negative_numbers = true)]
    pub(crate) hint_strength: f32,

    /// Where sources are, drawn over the spectrogram: labels exported from Audacity, or JSON with boxes and strokes.
    /// Can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) regions: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RefitArgs {
    /// A project folder that `unbraid factorize` wrote
    #[arg(value_name = "DIR")]
    pub(crate) project: PathBuf,

    /// The iterations to add
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) iterations: usize,

    /// Take a component apart into one for each source, by the regions; the others stay as they are
    #[arg(long, value_name = "COMPONENT", conflicts_with = "merge")]
    pub(crate) split: Option<usize>,

    /// Make one component of several, such as `3,16`
    #[arg(long, value_name = "COMPONENTS", value_delimiter = ',')]
    pub(crate) merge: Vec<usize>,

    /// The state to go on from [default: the current one]
    #[arg(long, value_name = "STATE")]
    pub(crate) from: Option<usize>,

    /// Fit nothing; return to this state, 0 being the project as it was made
    #[arg(long, value_name = "STATE", conflicts_with_all = ["from", "split", "merge", "hint", "regions", "assign", "sources"])]
    pub(crate) to: Option<usize>,

    /// Give components to a source, as in `group`; the others stay as they were. Can be repeated
    #[arg(long, value_name = "SOURCE=COMPONENTS")]
    pub(crate) assign: Vec<String>,

    /// The sources, as in `separate` [default: those of the state, or of --assign, or drums,rest]
    #[arg(short, long, value_name = "LIST")]
    pub(crate) sources: Option<String>,

    /// The recording, if it is no longer where it was
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// What decides how much of a component is drums, as in `separate`
    #[arg(long, value_enum, default_value_t = EvidenceArg::Learnt)]
    pub(crate) evidence: EvidenceArg,

    #[command(flatten)]
    pub(crate) hints: HintArgs,

    #[command(flatten)]
    pub(crate) stems: StemArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct EvaluateArgs {
    /// The true sources: a folder of stems, one file, or the root of MUSDB18-HQ or DSD100
    #[arg(value_name = "REFERENCES", required_unless_present = "aggregate")]
    pub(crate) references: Option<PathBuf>,

    /// What a separator made of the mixture: the same names in a folder, one file, or a folder of tracks
    #[arg(value_name = "ESTIMATES", required_unless_present = "aggregate")]
    pub(crate) estimates: Option<PathBuf>,

    /// Score an estimate against a reference of another name, such as `drums=drums_rest`; `+` adds
    /// files up, such as `drums+bass+other=accompaniment`. Can be repeated
    #[arg(long, value_name = "REFERENCE=ESTIMATE")]
    pub(crate) map: Vec<String>,

    /// The mixture, to compare with [default: the file called mixture or mix, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) mixture: Option<PathBuf>,

    /// Do not score the mixture: half the time, and no improvement over it
    #[arg(long, conflicts_with = "mixture")]
    pub(crate) no_baseline: bool,

    /// Compare notes instead of audio: both are MIDI files or tables of notes, such as notes.csv beside the stems
    #[arg(long, conflicts_with_all = ["map", "mixture", "no_baseline", "aggregate", "csv", "museval", "output"])]
    pub(crate) notes: bool,

    /// Sum up files of scores as museval or -o write them, instead of scoring audio
    #[arg(long, value_name = "DIR", conflicts_with_all = ["references", "map", "mixture", "no_baseline",
        "framewise", "window", "hop", "permute", "downmix", "pad", "museval", "output"])]
    pub(crate) aggregate: Option<PathBuf>,

    /// Print one line of CSV per source on standard output
    #[arg(long, conflicts_with_all = ["json", "museval"])]
    pub(crate) csv: bool,

    /// Print museval's JSON on standard output, with bare `NaN` where a frame has no score
    #[arg(long, conflicts_with = "json")]
    pub(crate) museval: bool,

    /// Write museval's JSON, one file per track: <DIR>/<subset>/<track>.json
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The recording
    #[arg(value_name = "MIXTURE")]
    pub(crate) mixture: PathBuf,

    /// The folder of its true stems; their names say what each source is
    #[arg(long, value_name = "DIR")]
    pub(crate) references: PathBuf,

    /// What the true stems are, where their names do not say it, such as `drums_rest=drums`; separated by commas, or repeated
    #[arg(long, value_name = "STEM=KIND", value_delimiter = ',')]
    pub(crate) map: Vec<String>,

    /// The methods, separated by commas [default: all that need nothing more]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) methods: Vec<String>,

    /// Filters of each bank [default: as many as components]
    #[arg(long, value_name = "COUNT")]
    pub(crate) filters: Option<usize>,

    /// The fundamentals of the comb filters in Hz, separated by commas [default: found in the recording]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) fundamentals: Vec<f64>,

    /// Give bands to a source by hand, such as `drums=0-3`, for band-pass-given. Can be repeated
    #[arg(long, value_name = "SOURCE=BANDS")]
    pub(crate) assign_bands: Vec<String>,

    /// Give combs to a source by hand, such as `guitar=0-14`, for comb-given. Can be repeated
    #[arg(long, value_name = "SOURCE=COMBS")]
    pub(crate) assign_combs: Vec<String>,

    /// Also measure why it works and when it cannot: rank, filters needed, sparseness, overlap, purity, onsets
    #[arg(long)]
    pub(crate) why: bool,

    /// Write the bar chart as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,

    /// Print Markdown
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub(crate) markdown: bool,

    /// Print one line of CSV per method and source
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    #[command(flatten)]
    pub(crate) factorize: ModelArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A recording, a folder that `unbraid factorize`, `group` or `separate` wrote, or a dictionary
    /// that `unbraid learn` wrote (.safetensors)
    #[arg(value_name = "MIXTURE|PROJECT|DICTIONARY")]
    pub(crate) input: PathBuf,

    /// The page to write
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub(crate) output: PathBuf,

    /// The folder of the true stems: the page then says how well it went
    #[arg(long, value_name = "DIR")]
    pub(crate) references: Option<PathBuf>,

    /// The sources, as in `separate` [default: those of the true stems or of --assign, or drums,rest]
    #[arg(short, long, value_name = "LIST")]
    pub(crate) sources: Option<String>,

    /// What the true stems are, as in `compare`. Can be repeated
    #[arg(
        long,
        value_name = "STEM=KIND",
        requires = "references",
        value_delimiter = ','
    )]
    pub(crate) map: Vec<String>,

    /// Give components to a source by hand, as in `group`. Can be repeated
    #[arg(long, value_name = "SOURCE=COMPONENTS")]
    pub(crate) assign: Vec<String>,

    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// The recording of a project, if it is no longer where it was
    #[arg(long = "input", value_name = "FILE")]
    pub(crate) recording: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) knowledge: KnowledgeArgs,

    #[command(flatten)]
    pub(crate) factorize: ModelArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What is measured, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measure")]
pub(crate) struct MeasureArgs {
    /// v3: BSS Eval 3, sources; forgives filtering. v3-images: BSS Eval 3, images; forgives nothing.
    /// v4: BSS Eval 4, images, frame by frame, as museval. SI-SDR comes with each
    #[arg(long, value_enum, default_value_t = MetricArg::V3)]
    pub(crate) metric: MetricArg,

    /// Score frame by frame and print the medians; v4 always does
    #[arg(long)]
    pub(crate) framewise: bool,

    /// Length of a frame in seconds; implies --framewise [default: 1 for v4, 30 for v3 and v3-images]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) window: Option<f64>,

    /// From the beginning of a frame to that of the next, in seconds; implies --framewise [default:
    /// the window for v4, half of it for v3 and v3-images]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) hop: Option<f64>,

    /// Let the best mean SIR decide which estimate belongs to which reference, not the names
    #[arg(long)]
    pub(crate) permute: bool,

    /// mono: score the mean of the channels. none: score all channels [default: mono for v3, none for
    /// v3-images and v4]
    #[arg(long, value_enum)]
    pub(crate) downmix: Option<DownmixArg>,

    /// Cut estimates to the length of the references, or pad them with silence, as museval does
    #[arg(long)]
    pub(crate) pad: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// A recording, a dictionary, or a folder that `separate` or `factorize` wrote
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,

    /// The sources, as in `separate`, whose cost is estimated [default: drums,rest]
    #[arg(short, long, value_name = "LIST", default_value = "drums,rest")]
    pub(crate) sources: String,

    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// As in `separate`
    #[arg(long, value_name = "HZ")]
    pub(crate) sample_rate: Option<u32>,

    /// As in `separate`
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = cost::parse_size)]
    pub(crate) memory: u64,

    /// As in `separate`
    #[arg(long, value_name = "SECONDS", value_parser = parse_piece)]
    pub(crate) piece: Option<f64>,

    /// As in `separate`
    #[arg(long, value_name = "FILE", help_heading = "Knowledge")]
    pub(crate) onsets: Option<PathBuf>,

    /// As in `separate`
    #[arg(long, value_name = "SOURCE=FILE", help_heading = "Knowledge")]
    pub(crate) stroke: Vec<String>,

    #[command(flatten)]
    pub(crate) knowledge: KnowledgeArgs,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) factorize: ModelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StudioArgs {
    /// Recordings or project folders to open; without, the page offers what there is and the demo clip
    #[arg(value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,

    /// The port on this computer; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,

    /// Print the page's address only; do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,

    /// Where projects, and recordings dropped on the page, are kept
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,

    /// The longest recording that may be dropped on the page, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub(crate) most_upload: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// What is known of the sources.
#[derive(Debug, Args, Serialize)]
#[command(next_help_heading = "Knowledge")]
pub(crate) struct KnowledgeArgs {
    /// How a source's notes sound, such as `piano=piano.safetensors`, from `unbraid learn`; FILE alone is the source its
    /// kind names. Can be repeated
    #[arg(long, value_name = "[SOURCE=]FILE")]
    pub(crate) dictionary: Vec<String>,

    /// The notes that the piano, or a source with a dictionary, plays: a MIDI file, a table of notes, or one of its tracks by
    /// number or name (`piano=song.mid#2`). Without a source it is for the only dictionary, or its tracks are for the sources of
    /// their names. Can be repeated
    #[arg(long, value_name = "[SOURCE=]FILE[#TRACK]")]
    pub(crate) score: Vec<String>,

    /// Move scores into the recording's time first: they may begin elsewhere, and run faster or slower
    #[arg(long, requires = "score")]
    pub(crate) align: bool,

    /// What pitch is sung, for voice,piano: lines of seconds, Hz and perhaps a confidence, as Sonic Visualiser, Tony,
    /// pYIN and CREPE write them, and as `f0.csv` beside the stems. Below a confidence of 0.5 the recording decides
    #[arg(long, value_name = "FILE")]
    pub(crate) melody: Option<PathBuf>,

    /// Which words are sung when, for voice,piano: LRC, UltraStar, TextGrid, HTS or Audacity labels. They say where the
    /// voice is silent, phonemes also where it has no pitch, and UltraStar's pitches on which note it sings
    #[arg(long, value_name = "FILE")]
    pub(crate) lyrics: Option<PathBuf>,

    /// The room, for voice,piano: in how many seconds its tail falls by 60 dB, 0 for none [default: as heard]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) t60: Option<f64>,

    /// The number of free components for what no dictionary covers
    #[arg(long, value_name = "COUNT", default_value_t = unbraid::recipe::InformedConfig::default().free)]
    pub(crate) free: usize,

    /// Take every dictionary's tuning as it is
    #[arg(long)]
    pub(crate) no_tuning: bool,

    /// How dictionaries of another instrument than the recording's follow it: `transfer` learns one filter for the whole
    /// instrument and its room, `slow` lets every template follow slowly too, which wants a score
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub(crate) adapt: AdaptArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AdaptArg {
    None,
    Transfer,
    Slow,
}

impl AdaptArg {
    pub(crate) fn transfer(self) -> bool {
        self != Self::None
    }

    /// The exponent of templates' steps.
    pub(crate) fn rate(self) -> f32 {
        if self == Self::Slow { 0.1 } else { 0.0 }
    }
}

/// What is asked beside the model, and how long it may take.
#[derive(Debug, Args)]
pub(crate) struct EffortArgs {
    /// What decides how much is drums: none, only how percussive the recording is where a component sounds; features, the
    /// components' own, that can be read; learnt, a small network as well, and the sources are fitted again from what it hears
    #[arg(long, value_enum, default_value_t = EvidenceArg::Learnt)]
    pub(crate) evidence: EvidenceArg,

    /// Average the masks of so many of these fits in parts, from the seeds that follow: each takes its time again. 0: share out
    /// by what they would start from [default: 3]
    #[arg(long, value_name = "COUNT")]
    pub(crate) fits: Option<usize>,

    /// A first listen: one quick fit instead of several, for voice,piano; 50 iterations at most
    /// otherwise
    #[arg(long)]
    pub(crate) fast: bool,
}

/// How many components a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Components {
    /// As many as cross-validation says.
    Auto,
    /// So many.
    Count(usize),
}

/// The transform, the model and its fit.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArgs {
    /// The number of components; auto: as many as foretell best what the fit was not shown
    #[arg(short = 'k', long, value_name = "COUNT|auto", default_value = "16", value_parser = parse_components)]
    pub(crate) components: Components,

    /// What misfit is measured by: kl (Kullback–Leibler), is (Itakura–Saito), euclidean, or any β
    /// from -1 to 3
    #[arg(long, value_name = "β", default_value = "kl", value_parser = parse_beta, allow_negative_numbers = true)]
    pub(crate) beta: f64,

    /// The most iterations of the fit
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub(crate) iterations: usize,

    /// Take plain multiplicative steps only, as the literature describes: the same objective then
    /// needs several times the iterations
    #[arg(long)]
    pub(crate) exact: bool,

    /// Stop when ten iterations improve the objective by less than this share
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) tolerance: Option<f64>,

    /// The seed of everything random: the same seed gives the same bytes
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Fit this many times more, from other seeds, and keep the best
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) restarts: usize,

    /// Where components start from
    #[arg(long, value_enum, default_value_t = Init::Random)]
    pub(crate) init: Init,

    /// What is factorised: magnitudes, or their squares (the usual choice with --beta is)
    #[arg(long, value_enum, default_value_t = QuantityArg::Magnitude)]
    pub(crate) quantity: QuantityArg,

    /// How channels are looked at. sum: one spectrogram, the channels' mean. pan: a gain per component and channel, so that
    /// the place between the loudspeakers helps to tell sources apart
    #[arg(long, value_enum, default_value_t = ChannelsArg::Sum)]
    pub(crate) channels: ChannelsArg,

    /// How much sparse activations are worth; start with 0.1
    #[arg(
        long,
        value_name = "WEIGHT",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) sparsity: f32,

    /// How much smooth activations are worth; start with 1
    #[arg(
        long,
        value_name = "WEIGHT",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) continuity: f32,

    /// Samples of the Fourier transform [default: the power of two nearest to 93 ms, for known instruments to 186 ms]
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) fft_len: Option<usize>,

    /// Samples from frame to frame [default: a quarter of --fft-len]
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) hop_len: Option<usize>,

    /// The window that a frame is seen through
    #[arg(long, value_name = "NAME", default_value = "hann", value_parser = windows())]
    pub(crate) window: Window,

    /// Use no special instructions of this processor: the same bytes on every machine, slower
    #[arg(long)]
    pub(crate) portable: bool,
}

/// Masks and files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stems")]
pub(crate) struct StemArgs {
    /// How bins are shared out. ratio: every source gets its share of each. binary: the strongest gets it whole. model: the
    /// source's model itself, without a mask; such stems do not add up to the recording
    #[arg(long, value_enum, default_value_t = RenderArg::Ratio)]
    pub(crate) render: RenderArg,

    /// The exponent of ratio masks: 1 shares in proportion, 2 is the Wiener filter, more is sharper [default: 1, or 1.5
    /// where a dictionary is given]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) exponent: Option<f32>,

    /// Write what no component explains as one more stem, `residual`
    #[arg(long)]
    pub(crate) residual: bool,

    /// The format of the stems; flac has 24 bits
    #[arg(long, value_name = "FORMAT", default_value = "wav24", value_parser = formats())]
    pub(crate) format: OutputFormat,
}

/// What every command that works on a recording has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input and output")]
pub(crate) struct CommonArgs {
    /// Begin here, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) start: f64,

    /// Take at most so much, in seconds [default: to the end]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) duration: Option<f64>,

    /// Replace existing output
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Print what was done as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Init {
    Random,
    Nndsvdar,
    Subsampled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QuantityArg {
    Magnitude,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelsArg {
    Sum,
    Pan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RenderArg {
    Ratio,
    Binary,
    Model,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricArg {
    V3,
    V3Images,
    V4,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DownmixArg {
    Mono,
    None,
}

fn parse_beta(text: &str) -> Result<f64, String> {
    use unbraid::divergence::{EUCLIDEAN, ITAKURA_SAITO, KULLBACK_LEIBLER};
    match text.to_lowercase().as_str() {
        "kl" | "kullback-leibler" => Ok(KULLBACK_LEIBLER),
        "is" | "itakura-saito" => Ok(ITAKURA_SAITO),
        "euclidean" | "frobenius" => Ok(EUCLIDEAN),
        other => other
            .parse()
            .map_err(|_| "neither kl, is, euclidean nor a number".to_owned()),
    }
}

fn parse_components(text: &str) -> Result<Components, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Components::Auto);
    }
    let count = text.parse();
    count
        .map(Components::Count)
        .map_err(|_| "neither auto nor a number".to_owned())
}

fn windows() -> impl TypedValueParser<Value = Window> {
    PossibleValuesParser::new(Window::ALL.map(Window::name))
        .map(|name| name.parse().expect("it is one of them"))
}

fn formats() -> impl TypedValueParser<Value = OutputFormat> {
    PossibleValuesParser::new(OutputFormat::ALL.map(OutputFormat::name))
        .map(|name| name.parse().expect("it is one of them"))
}

impl ModelArgs {
    /// The transform, if anything of it was asked for: every recipe has a usual one of its own.
    fn stft(&self, sample_rate: u32) -> Option<StftConfig> {
        if self.fft_len.is_none() && self.hop_len.is_none() && self.window == Window::Hann {
            return None;
        }
        let usual = StftConfig::for_sample_rate(sample_rate);
        let fft_len = self.fft_len.unwrap_or(usual.fft_len);
        Some(StftConfig {
            window: self.window,
            window_len: fft_len,
            fft_len,
            hop_len: self.hop_len.unwrap_or((fft_len / 4).max(1)),
        })
    }

    /// The settings for a recording of this rate.
    pub(crate) fn config(&self, sample_rate: u32) -> FactorizeConfig {
        FactorizeConfig {
            stft: self.stft(sample_rate),
            quantity: match self.quantity {
                QuantityArg::Magnitude => Quantity::Magnitude,
                QuantityArg::Power => Quantity::Power,
            },
            channels: match self.channels {
                ChannelsArg::Sum => Channels::Sum,
                ChannelsArg::Pan => Channels::Pan,
            },
            blind: BlindConfig {
                components: match self.components {
                    Components::Count(count) => count,
                    Components::Auto => RANKS[RANKS.len() - 1],
                },
                init: match self.init {
                    Init::Random => FirstFactors::Random,
                    Init::Nndsvdar => FirstFactors::Nndsvdar,
                    Init::Subsampled => FirstFactors::Subsampled,
                },
                seed: self.seed,
                restarts: self.restarts,
                penalties: Penalties {
                    activations_l1: self.sparsity,
                    continuity: self.continuity,
                    ..Penalties::default()
                },
                fit: FitConfig {
                    beta: self.beta,
                    iterations: self.iterations,
                    tolerance: self.tolerance,
                    portable: self.portable,
                    exact: self.exact,
                },
            },
            choose_rank: self.components == Components::Auto,
        }
    }
}

impl StemArgs {
    pub(crate) fn config(&self, portable: bool) -> StemsConfig {
        StemsConfig {
            render: match self.render {
                RenderArg::Ratio => Render::Ratio {
                    exponent: self.exponent.unwrap_or(unbraid::sharing::DEFAULT_EXPONENT),
                },
                RenderArg::Binary => Render::Binary,
                RenderArg::Model => Render::Model,
            },
            residual: self.residual,
            portable,
        }
    }
}

impl CommonArgs {
    /// The part of the recording that is wanted.
    pub(crate) fn span(&self) -> Result<Span, Failure> {
        if !(self.start.is_finite() && self.start >= 0.0) {
            return Err(Failure::usage(format!(
                "--start is {}, but must be at least 0",
                self.start
            )));
        }
        if let Some(duration) = self.duration
            && !(duration.is_finite() && duration > 0.0)
        {
            return Err(Failure::usage(format!(
                "--duration is {duration}, but must be above 0"
            )));
        }
        Ok(Span {
            start_secs: self.start,
            duration_secs: self.duration,
        })
    }
}
