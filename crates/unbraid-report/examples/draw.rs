//! Draws made-up factorisations and stems into a folder, to look at: `draw FOLDER`.
//!
//! Every drawing's time and size is printed.

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use unbraid_report::{
    FactorizationPicture, SourceOfComponents, StemTrack, StemsPicture, factorization_svg, png,
    stems_svg,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("which folder?")?;
    std::fs::create_dir_all(&folder)?;
    for components in [1, 4, 16, 64] {
        factorization(&folder, &format!("k{components}"), components, 862, 2048)?;
    }
    factorization(&folder, "one-frame", 4, 1, 2048)?;
    factorization(&folder, "short", 4, 40, 512)?;
    factorization(&folder, "long", 32, 15_504, 4096)?;
    for (name, secs) in [("stems", 8.0), ("stems-long", 180.0)] {
        stems(&folder, name, secs)?;
    }
    Ok(())
}

fn factorization(
    folder: &Path,
    name: &str,
    components: usize,
    frames: usize,
    fft_len: usize,
) -> Result<(), Box<dyn Error>> {
    let known = common::known(components, frames, fft_len);
    let (spare, tones) = known.tones.split_at(known.tones.len() / 5);
    let sources = [
        SourceOfComponents {
            name: "drums",
            components: &known.drums,
        },
        SourceOfComponents {
            name: "guitar",
            components: tones,
        },
    ];
    let title = format!("{name}: K = {components}, {} of no source", spare.len());
    let picture = FactorizationPicture {
        title: &title,
        spectrogram: known.spectrogram.view(),
        model: None,
        templates: known.templates.view(),
        activations: known.activations.view(),
        sample_rate: common::SAMPLE_RATE,
        fft_len: known.fft_len,
        hop_len: common::HOP_LEN,
        sources: &sources,
    };
    let start = Instant::now();
    let svg = factorization_svg(&picture)?;
    save(folder, name, &svg, start)
}

fn stems(folder: &Path, name: &str, secs: f32) -> Result<(), Box<dyn Error>> {
    let (mixture, clicks, tones) = common::recording(secs);
    let start = Instant::now();
    let svg = stems_svg(&StemsPicture {
        title: "drums and guitar taken apart",
        mixture: mixture.view(),
        stems: &[
            StemTrack {
                name: "drums",
                samples: clicks.view(),
            },
            StemTrack {
                name: "guitar",
                samples: tones.view(),
            },
        ],
        sample_rate: common::SAMPLE_RATE,
    })?;
    save(folder, name, &svg, start)
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what the example is for"
)]
fn save(folder: &Path, name: &str, svg: &str, start: Instant) -> Result<(), Box<dyn Error>> {
    let drawn = start.elapsed();
    let start = Instant::now();
    let bitmap = png(svg, 2400)?;
    let rendered = start.elapsed();
    println!(
        "{name:12} svg {:5} kB in {drawn:8.1?} · png {:5} kB in {rendered:8.1?}",
        svg.len() / 1000,
        bitmap.len() / 1000
    );
    std::fs::write(folder.join(format!("report-{name}.svg")), svg)?;
    std::fs::write(folder.join(format!("report-{name}.png")), bitmap)?;
    Ok(())
}
