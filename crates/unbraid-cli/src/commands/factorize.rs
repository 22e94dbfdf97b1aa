//! A recording comes in; a project folder goes out: components as audio, the fit, and a picture.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context;
use ndarray::Axis;
use unbraid::Spectrogram;
use unbraid::factorize::{Factorization, factorize_with_spectrogram};
use unbraid_io::atomic::OutputFolder;
use unbraid_io::project::{Manifest, write_fit, write_manifest};
use unbraid_report::{FactorizationPicture, factorization_svg, png};

use super::{describe, json, manifest, print_json};
use crate::args::FactorizeArgs;
use crate::failure::Failure;
use crate::input::{self, Loaded};
use crate::output::say;
use crate::progress::Line;
use crate::render::{Original, Rendering, StemFile};

/// The width of the picture in pixels.
const PICTURE_WIDTH: u32 = 2400;

pub(crate) fn run(args: &FactorizeArgs) -> Result<(), Failure> {
    let target = args.output.clone().unwrap_or_else(|| {
        let mut name = input::track_name(&args.file).into_os_string();
        name.push(".unbraid");
        PathBuf::from(name)
    });
    let folder = OutputFolder::create(&target, args.common.overwrite)?;
    let mut line = Line::new(&args.file.display().to_string(), args.common.quiet);
    let manifest = write(args, folder.path(), &mut line)?;
    folder.commit()?;
    line.finish();
    if args.common.json {
        return print_json(&manifest);
    }
    if !args.common.quiet {
        print(args, &target, &manifest, &line);
    }
    Ok(())
}

fn write(args: &FactorizeArgs, folder: &Path, line: &mut Line) -> Result<Manifest, Failure> {
    let Loaded {
        recording,
        input,
        metadata,
    } = input::load(&args.file, args.common.span()?)?;
    let audio = &recording.audio;
    let config = args.factorize.config(audio.sample_rate());
    let stems = args.stems.config(args.factorize.portable);
    let (factorization, spectrogram) = factorize_with_spectrogram(audio, &config, line)?;
    let components = factorization.fit.model.components();

    let sounds = folder.join("components");
    fs::create_dir(&sounds).context("cannot make the folder of components")?;
    let each: Vec<_> = (0..components).map(|component| vec![component]).collect();
    let rendering = Rendering {
        audio,
        sharing: &factorization.sharing(&each, stems)?,
        format: args.stems.format,
        adds_up: true,
    };
    let original = Original {
        audio: &recording.audio,
        metadata: &metadata,
    };
    let digits = (components - 1).to_string().len().max(2);
    let mut names: Vec<String> = (0..components)
        .map(|component| format!("{component:0digits$}"))
        .collect();
    if stems.residual {
        names.push("residual".to_owned());
    }
    // The picture and the fit are made beside the sound, which waits for the disk now and then.
    let (written, drawn) = thread::scope(|scope| {
        let drawing = scope.spawn(|| -> Result<(), Failure> {
            write_picture(folder, &args.file, &factorization, &spectrogram)?;
            Ok(write_fit(folder, &factorization)?)
        });
        let files = StemFile::each(names);
        let written = rendering.write(&sounds, &files, &original, line);
        (written, drawing.join())
    });
    let mut written = written?;
    drawn.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    for output in &mut written.outputs {
        output.path = format!("components/{}", output.path);
    }
    let settings = serde_json::json!({ "factorize": json(&config)?, "stems": json(&stems)? });
    let notes = factorization.rank.iter().map(ToString::to_string);
    let manifest = manifest(
        "factorize",
        input,
        settings,
        Some(&factorization.fit),
        None,
        notes.collect(),
        written,
    );
    write_manifest(folder, &manifest)?;
    Ok(manifest)
}

/// V, W, H and their product on shared axes, as SVG and PNG.
fn write_picture(
    folder: &Path,
    file: &Path,
    factorization: &Factorization,
    spectrogram: &Spectrogram,
) -> Result<(), Failure> {
    let model = &factorization.fit.model;
    let mean;
    let values = if spectrogram.channels() == 1 {
        spectrogram.view().index_axis_move(Axis(0), 0)
    } else {
        mean = spectrogram
            .view()
            .mean_axis(Axis(0))
            .context("a spectrogram has at least one channel")?;
        mean.view()
    };
    let title = input::track_name(file).display().to_string();
    let stft = factorization.stft.config();
    let picture = FactorizationPicture {
        title: &title,
        spectrogram: values,
        model: None,
        templates: model.templates(),
        activations: model.activations(),
        sample_rate: factorization.sample_rate,
        fft_len: stft.fft_len,
        hop_len: stft.hop_len,
        sources: &[],
    };
    let svg = factorization_svg(&picture).context("cannot draw the picture")?;
    let pixels = png(&svg, PICTURE_WIDTH).context("cannot draw the picture")?;
    fs::write(folder.join("picture.svg"), svg).context("cannot write the picture")?;
    fs::write(folder.join("picture.png"), pixels).context("cannot write the picture")?;
    Ok(())
}

fn print(args: &FactorizeArgs, target: &Path, manifest: &Manifest, line: &Line) {
    let secs = line.elapsed().as_secs_f64();
    say!("{}: {}", args.file.display(), describe(&manifest.input));
    if let Some(objective) = &manifest.objective {
        let components = manifest.outputs.len() - usize::from(args.stems.residual);
        say!(
            "  {components} components in {} iterations, objective {:.4e} → {:.4e}, {secs:.1} s",
            objective.iterations,
            objective.first,
            objective.last
        );
    }
    say!("  {}", target.display());
    say!("    components/   every component as audio");
    say!("    picture.png   spectrogram, templates, activations and model (also .svg)");
    say!("    fit.npz       the arrays for NumPy (fit.safetensors for unbraid)");
    for note in &manifest.notes {
        say!("  note: {note}");
    }
    say!(
        "next: unbraid group {} --assign drums=0,3 --assign guitar=rest",
        target.display()
    );
}
