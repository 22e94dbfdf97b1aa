//! Single notes come in; a dictionary goes out.

use std::path::Path;

use unbraid::StftConfig;
use unbraid::knowledge::{Dictionary, Provenance, learn};
use unbraid_io::atomic::OutputFile;
use unbraid_io::knowledge::{dictionary_bytes, read_notes};

use super::print_json;
use crate::args::LearnArgs;
use crate::failure::Failure;

pub(crate) fn run(args: &LearnArgs) -> Result<(), Failure> {
    // Before the long work: whether there is a place for the result.
    let file = OutputFile::create(&args.output, args.overwrite)?;
    let (dictionary, notes) = learn_notes(args)?;
    let dictionary = if args.no_examples {
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
            println!("  note: {note}");
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
    let rate = examples
        .iter()
        .map(unbraid::knowledge::Example::sample_rate)
        .max()
        .unwrap_or(44_100);
    let stft = args.fft_len.map_or_else(
        || StftConfig::for_sample_rate(rate),
        StftConfig::with_fft_len,
    );
    let provenance = Provenance {
        origin: names(&args.inputs),
        author: args.author.clone().unwrap_or_default(),
        licence: args.licence.clone().unwrap_or_default(),
        program: concat!("unbraid ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let dictionary = learn(&args.kind, examples, stft, rate, provenance)?;
    Ok((dictionary, notes))
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
