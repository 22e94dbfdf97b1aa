//! Settings come in; the command line that does the same goes out.

use std::path::Path;

use unbraid::factorize::FactorizeConfig;
use unbraid::group::Grouping;
use unbraid::mask::Render;
use unbraid::recipe::FirstFactors;
use unbraid::refit::Wish;
use unbraid::sharing::StemsConfig;
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::{StftConfig, Window};
use unbraid_io::audio::OutputFormat;
use unbraid_io::project::Input;

use crate::edits::assignments;
use crate::state::Made;

/// One word, quoted for a shell where that is needed.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn line(words: &[String]) -> String {
    words
        .iter()
        .map(|text| word(text))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The options that differ from what the command line does by itself.
pub(crate) fn model_options(config: &FactorizeConfig, sample_rate: u32) -> Vec<String> {
    let (usual, mut words) = (FactorizeConfig::default(), Vec::new());
    let mut put = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    let (blind, plain) = (&config.blind, &usual.blind);
    if config.choose_rank {
        put("-k", "auto".to_owned());
    } else if blind.components != plain.components {
        put("-k", blind.components.to_string());
    }
    if blind.fit.beta.to_bits() != plain.fit.beta.to_bits() {
        put("--beta", blind.fit.beta.to_string());
    }
    if blind.fit.iterations != plain.fit.iterations {
        put("--iterations", blind.fit.iterations.to_string());
    }
    if let Some(tolerance) = blind.fit.tolerance {
        put("--tolerance", tolerance.to_string());
    }
    if blind.seed != plain.seed {
        put("--seed", blind.seed.to_string());
    }
    if blind.restarts != plain.restarts {
        put("--restarts", blind.restarts.to_string());
    }
    match blind.init {
        FirstFactors::Random => {}
        FirstFactors::Nndsvdar => put("--init", "nndsvdar".to_owned()),
        FirstFactors::Subsampled => put("--init", "subsampled".to_owned()),
    }
    if config.quantity == Quantity::Power {
        put("--quantity", "power".to_owned());
    }
    if config.channels == Channels::Pan {
        put("--channels", "pan".to_owned());
    }
    if blind.penalties.activations_l1 > 0.0 {
        put("--sparsity", blind.penalties.activations_l1.to_string());
    }
    if blind.penalties.continuity > 0.0 {
        put("--continuity", blind.penalties.continuity.to_string());
    }
    let stft_usual = StftConfig::for_sample_rate(sample_rate);
    let stft = config.stft.unwrap_or(stft_usual);
    if stft.fft_len != stft_usual.fft_len {
        put("--fft-len", stft.fft_len.to_string());
    }
    if stft.hop_len != (stft.fft_len / 4).max(1) {
        put("--hop-len", stft.hop_len.to_string());
    }
    if stft.window != Window::Hann {
        put("--window", stft.window.to_string());
    }
    if blind.fit.exact {
        words.push("--exact".to_owned());
    }
    if blind.fit.portable {
        words.push("--portable".to_owned());
    }
    words
}

fn stem_options(stems: &StemsConfig, format: OutputFormat) -> Vec<String> {
    let mut words = Vec::new();
    let mut put = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    match stems.render {
        Render::Ratio { exponent } => {
            if exponent.to_bits() != unbraid::sharing::DEFAULT_EXPONENT.to_bits() {
                put("--exponent", exponent.to_string());
            }
        }
        Render::Binary => put("--render", "binary".to_owned()),
        Render::Model => put("--render", "model".to_owned()),
    }
    if format != OutputFormat::default() {
        put("--format", format.name().to_owned());
    }
    if stems.residual {
        words.push("--residual".to_owned());
    }
    words
}

/// The sources that have components, and which.
pub(crate) fn sources(grouping: &Grouping) -> Vec<String> {
    source_options(grouping, false)
}

/// The same with those that have none: where their number counts.
pub(crate) fn all_sources(grouping: &Grouping) -> Vec<String> {
    source_options(grouping, true)
}

fn source_options(grouping: &Grouping, all: bool) -> Vec<String> {
    let members = grouping.members();
    let names: Vec<String> = grouping
        .sources
        .iter()
        .zip(&members)
        .filter(|(_, members)| all || !members.is_empty())
        .map(|(source, members)| match source.kind {
            Some(kind) if kind.name() != source.name => format!("{}={kind}", source.name),
            // A name that nothing is said of must be something; as every component is given, it is none of them.
            None if members.is_empty() => format!("{}=rest", source.name),
            _ => source.name.clone(),
        })
        .collect();
    let mut words = vec!["--sources".to_owned(), names.join(",")];
    for assignment in assignments(grouping) {
        words.extend(["--assign".to_owned(), assignment]);
    }
    words
}

/// The stems of a project as it stands, under what is drawn in a file.
pub(crate) fn group(
    folder: &str,
    sources: &[String],
    regions: Option<&str>,
    stems: &StemsConfig,
    format: OutputFormat,
) -> String {
    let mut words: Vec<String> = ["unbraid", "group", folder].map(str::to_owned).to_vec();
    words.extend_from_slice(sources);
    words.extend(
        regions
            .iter()
            .flat_map(|file| ["--regions", file].map(str::to_owned)),
    );
    words.extend(stem_options(stems, format));
    line(&words)
}

/// The same from the recording, for a fit that nobody corrected.
pub(crate) fn separate(
    input: &Input,
    config: &FactorizeConfig,
    sources: &[String],
    stems: &StemsConfig,
    format: OutputFormat,
) -> String {
    let mut words = vec!["unbraid".to_owned(), "separate".to_owned()];
    words.extend(recording(input, config));
    words.extend_from_slice(sources);
    words.extend(stem_options(stems, format));
    line(&words)
}

/// The recording separated by words of the command line.
pub(crate) fn told(input: &Input, words: &[String]) -> String {
    let mut all = vec!["unbraid".to_owned(), "separate".to_owned()];
    all.extend(span(input));
    all.extend_from_slice(words);
    line(&all)
}

/// The fit of a recording.
pub(crate) fn factorize(input: &Input, config: &FactorizeConfig, folder: &str) -> String {
    let mut words = vec!["unbraid".to_owned(), "factorize".to_owned()];
    words.extend(recording(input, config));
    words.extend(["-o".to_owned(), folder.to_owned()]);
    line(&words)
}

/// One refit of a project; `home` is where the file of regions is looked for.
pub(crate) fn refit(folder: &str, made: &Made, home: &Path) -> String {
    let mut words: Vec<String> = ["unbraid", "refit", folder].map(str::to_owned).to_vec();
    match &made.wish {
        Wish::On => {}
        Wish::Split(component) => words.extend(["--split".to_owned(), component.to_string()]),
        Wish::Merge(components) => {
            let numbers: Vec<String> = components.iter().map(ToString::to_string).collect();
            words.extend(["--merge".to_owned(), numbers.join(",")]);
        }
    }
    words.extend(["--iterations".to_owned(), made.iterations.to_string()]);
    words.extend_from_slice(&made.sources);
    if let Some(file) = &made.regions {
        words.extend([
            "--regions".to_owned(),
            home.join(file).display().to_string(),
        ]);
    }
    line(&words)
}

fn recording(input: &Input, config: &FactorizeConfig) -> Vec<String> {
    let mut words = span(input);
    words.extend(model_options(config, input.sample_rate));
    words
}

/// The recording, and the part of it that is wanted.
pub(crate) fn span(input: &Input) -> Vec<String> {
    let mut words = vec![input.path.clone()];
    if input.start_secs > 0.0 {
        words.extend(["--start".to_owned(), input.start_secs.to_string()]);
    }
    if let Some(secs) = input.duration_secs {
        words.extend(["--duration".to_owned(), secs.to_string()]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_said() {
        assert!(model_options(&FactorizeConfig::default(), 44_100).is_empty());
        let mut config = FactorizeConfig::default();
        config.blind.components = 24;
        config.blind.fit.tolerance = Some(1e-4);
        config.channels = Channels::Pan;
        assert_eq!(
            line(&model_options(&config, 44_100)),
            "-k 24 --tolerance 0.0001 --channels pan"
        );
        assert!(stem_options(&StemsConfig::default(), OutputFormat::Wav24).is_empty());
    }

    #[test]
    fn a_shell_reads_back_every_word() {
        assert_eq!(word("song.wav"), "song.wav");
        assert_eq!(word("my song.wav"), "'my song.wav'");
        assert_eq!(word("it's; rm -rf"), r"'it'\''s; rm -rf'");
        assert_eq!(word("$HOME"), "'$HOME'");
    }
}
