//! Single notes, or a recording of one source alone, come in; a dictionary goes out.

use std::path::Path;

use unbraid::knowledge::{Dictionary, Example, Grain, Provenance, learn};
use unbraid::recipe::voice_piano::{VoicePianoConfig, learn_voice};
use unbraid::recipe::{learn_span, note_stft};
use unbraid::{Audio, StftConfig};
use unbraid_io::atomic::OutputFile;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::{
    dictionary_bytes, read_lyrics, read_melody, read_notes, read_soundfont,
};

use super::print_json;
use crate::args::LearnArgs;
use crate::failure::Failure;
use crate::output::say;
use crate::progress::Line;

/// The kind of a singer's dictionary.
const VOICE: &str = "voice";

pub(crate) fn run(args: &LearnArgs) -> Result<(), Failure> {
    // Before the long work: whether there is a place for the result.
    let file = OutputFile::create(&args.output, args.overwrite)?;
    let (dictionary, notes) = if let Some(file) = &args.soundfont {
        learn_soundfont(args, file)?
    } else if let Some(file) = &args.from {
        learn_recording(args, file)?
    } else {
        learn_notes(args)?
    };
    let dictionary = if args.no_examples && !dictionary.examples().is_empty() {
        dictionary.without_examples()?
    } else {
        dictionary
    };
    let bytes = dictionary_bytes(&args.output, &dictionary)?;
    std::fs::write(file.path(), bytes).map_err(|source| unbraid_io::Error::Write {
        path: args.output.clone(),
        source,
    })?;
    file.commit()?;
    if args.json {
        return print_json(&super::info::DictionaryInfo::of(&dictionary));
    }
    if !args.quiet {
        super::info::print_dictionary(&args.output, &dictionary);
        for note in notes {
            say!("  note: {note}");
        }
    }
    Ok(())
}

fn learn_notes(args: &LearnArgs) -> Result<(Dictionary, Vec<String>), Failure> {
    let mut examples = Vec::new();
    let mut notes = Vec::new();
    for path in &args.inputs {
        let found = read_notes(path)?;
        if found.detected > 0 {
            notes.push(format!(
                "{} pitches in {} were told by ear, not by name",
                found.detected,
                path.display()
            ));
        }
        if let [first, others @ ..] = &found.unpitched[..] {
            notes.push(format!(
                "{} files without a pitch were left out: {}{}",
                others.len() + 1,
                first.display(),
                if others.is_empty() { "" } else { ", …" }
            ));
        }
        examples.extend(found.examples);
    }
    let dictionary = learn_examples(args, examples, names(&args.inputs))?;
    Ok((dictionary, notes))
}

/// Learn from a preset of a SoundFont.
fn learn_soundfont(args: &LearnArgs, file: &Path) -> Result<(Dictionary, Vec<String>), Failure> {
    let played = read_soundfont(file, args.bank, args.preset)?;
    let origin = format!(
        "{}, bank {}, preset {} ({})",
        names(&[file]),
        args.bank,
        args.preset,
        played.name
    );
    Ok((learn_examples(args, played.examples, origin)?, Vec::new()))
}

fn learn_examples(
    args: &LearnArgs,
    examples: Vec<Example>,
    origin: String,
) -> Result<Dictionary, Failure> {
    let rate = examples.iter().map(Example::sample_rate).max();
    let rate = rate.unwrap_or(44_100);
    let stft = args.fft_len.map_or_else(
        || StftConfig::for_sample_rate(rate),
        StftConfig::with_fft_len,
    );
    let provenance = provenance(args, origin);
    Ok(learn(&args.kind, examples, stft, rate, provenance)?)
}

/// Learn from a recording of one source alone, or a span of it.
fn learn_recording(args: &LearnArgs, file: &Path) -> Result<(Dictionary, Vec<String>), Failure> {
    let span = Span {
        start_secs: args.start.unwrap_or(0.0),
        duration_secs: args.duration,
    };
    let audio = read_audio(file, span)?.audio;
    if let Some(lyrics) = &args.lyrics {
        return learn_singer(args, file, &audio, lyrics);
    }
    let rate = audio.sample_rate();
    let stft = args
        .fft_len
        .map_or_else(|| note_stft(rate), StftConfig::with_fft_len);
    let mut line = Line::new(&file.display().to_string(), args.quiet || args.json);
    let provenance = provenance(args, names(&[file]));
    let settings = (stft, args.components);
    let dictionary = learn_span(&args.kind, &audio, settings, provenance, &mut line)?;
    line.finish();
    let note =
        "its templates have no notes: they may sound anywhere, and serve this transform and rate";
    Ok((dictionary, vec![note.to_owned()]))
}

/// Learn a singer's filters from a recording of the voice alone and what it sings.
fn learn_singer(
    args: &LearnArgs,
    file: &Path,
    audio: &Audio,
    lyrics: &Path,
) -> Result<(Dictionary, Vec<String>), Failure> {
    if args.kind != VOICE {
        return Err(Failure::usage(format!(
            "--lyrics are of a singer, but --kind is `{}`: say --kind {VOICE}",
            args.kind
        )));
    }
    let start_secs = args.start.unwrap_or(0.0);
    let end_secs = start_secs + audio.duration_secs();
    let lyrics = read_lyrics(lyrics)?.between(start_secs, end_secs);
    let melody = args.melody.as_deref().map(read_melody).transpose()?;
    let melody = melody.map(|melody| melody.between(start_secs, end_secs));
    let dictionary = learn_voice(
        audio,
        Some(&lyrics),
        melody.as_ref(),
        provenance(args, names(&[file])),
        &VoicePianoConfig::default(),
    )?;
    let mut notes = vec![
        "its templates are filters of a singer: --dictionary voice=FILE with --sources voice,piano"
            .to_owned(),
    ];
    if lyrics.grain() != Grain::Phonemes {
        notes.push(
            "the lyrics are not phonemes: its filters are told by pitch and loudness alone"
                .to_owned(),
        );
    }
    Ok((dictionary, notes))
}

fn provenance(args: &LearnArgs, origin: String) -> Provenance {
    Provenance {
        origin,
        author: args.author.clone().unwrap_or_default(),
        licence: args.licence.clone().unwrap_or_default(),
        program: concat!("unbraid ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// The last parts of some paths: what a person calls them.
fn names(paths: &[impl AsRef<Path>]) -> String {
    let names = paths.iter().map(|path| {
        let path = path.as_ref();
        path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        )
    });
    names.collect::<Vec<_>>().join(", ")
}
