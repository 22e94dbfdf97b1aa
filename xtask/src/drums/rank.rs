//! Clips come in; how many components `-k auto` takes for them, and what that is worth beside 16, goes out.

use std::path::Path;

use anyhow::Result;
use unbraid::baseline::{Assign, Method};
use unbraid::factorize::FactorizeConfig;
use unbraid::recipe::{DrumEvidence, DrumsConfig, RANKS, choose_rank};
use unbraid::{Spectrogram, Stft, StftConfig};

use super::ways::{How, Way, audible};
use crate::clips;
use crate::score::{downmix, ours_mono};

pub(super) fn table(folder: &Path) -> Result<String> {
    let mut text = "What `-k auto` chooses by cross-validation, and SDR with so many and with 16: by features, by the default, and with the \
        right groups.\n\n| | -k auto | features: 16 | auto | default: 16 | auto | oracle groups: 16 | auto |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for clip in clips::find_drums(folder)? {
        let mut config = FactorizeConfig::default();
        config.blind.components = RANKS[RANKS.len() - 1];
        let stft = Stft::new(StftConfig::for_sample_rate(clip.mixture.sample_rate()))?;
        let spectrogram = Spectrogram::of(
            &clip.mixture,
            &stft,
            config.quantity,
            config.channels,
            &mut (),
        )?;
        let rank = choose_rank(&spectrogram, &config.blind, &mut ())?;
        for trial in &rank.trials {
            println!("{} {trial:?}", clip.name);
        }
        let truths = downmix(&clip.truths);
        let mut cells = vec![clip.name.clone(), rank.components.to_string()];
        let features = DrumsConfig {
            evidence: DrumEvidence::Features,
            ..DrumsConfig::DEFAULT
        };
        let oracle = Method::Nmf(Assign::Oracle);
        for how in [
            How::Recipe(features),
            How::Recipe(DrumsConfig::DEFAULT),
            How::Baseline(oracle, 0),
        ] {
            for components in [16, rank.components] {
                let stems = Way::of(how).make_with(&clip, components)?;
                let score = ours_mono(&truths, &audible(&truths, downmix(&stems)))?;
                cells.push(format!("{score:.2}"));
            }
        }
        let row = format!("| {} |\n", cells.join(" | "));
        print!("{row}");
        text.push_str(&row);
    }
    Ok(text)
}
