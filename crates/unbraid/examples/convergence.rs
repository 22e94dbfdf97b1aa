//! How many iterations, and how much work, the fit takes to come as low as 200 exact iterations.
//!
//! ```console
//! $ cargo run --release --package unbraid --example convergence -- --components 64 --seeds 3 song.wav
//! $ cargo run --release --package unbraid --example convergence -- song.wav drums.wav guitar.wav
//! ```
//!
//! Work is counted, not timed: 1 is what an exact iteration takes, and a joint one takes 0.75, with
//! three products of the size bins × frames × components instead of four. The ratio of times comes from fits that take turns.
//! With the true stems behind the mixture (WAV as well), each component goes to the stem that is loudest where it
//! is, and the mean SDR (BSS Eval 3) of the stems is printed too: a lower objective must not be a worse separation.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::{Duration, Instant};

use ndarray::{Array1, Array2, ArrayView2, Axis};
use unbraid::divergence::KULLBACK_LEIBLER;
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};
use unbraid::fit::{Fit, FitConfig, fit};
use unbraid::model::{LowRank, Start};
use unbraid::sharing::{Components, Explanation, StemsConfig};
use unbraid::spectrogram::{Channels, Quantity, Spectrogram};
use unbraid::stems::StemBlocks;
use unbraid::{Audio, Stft, StftConfig};

type Failure = Box<dyn std::error::Error>;

const EXACT_ITERATIONS: usize = 200;

struct Settings {
    components: usize,
    beta: f64,
    seeds: u64,
    files: Vec<String>,
}

/// A mixture, its spectrogram and, perhaps, the stems it is the sum of.
struct Song {
    stft: Stft,
    mixture: Audio,
    spectrogram: Spectrogram,
    stems: Vec<Audio>,
}

fn main() -> Result<(), Failure> {
    let settings = settings()?;
    let (mixture, stems) = settings.files.split_first().ok_or("name a WAV file")?;
    let mixture = read(mixture)?;
    let stft = Stft::new(StftConfig::for_sample_rate(mixture.sample_rate()))?;
    let song = Song {
        spectrogram: spectrogram(&stft, &mixture)?,
        stems: stems
            .iter()
            .map(|path| read(path))
            .collect::<Result<_, _>>()?,
        stft,
        mixture,
    };
    println!(
        "{}: {} bins × {} frames, {} components, β = {}\n",
        settings.files[0],
        song.spectrogram.bins(),
        song.spectrogram.frames(),
        settings.components,
        settings.beta
    );
    println!(
        "| seed | objective of {EXACT_ITERATIONS} exact | reached in | work | time | \
         share of it at 50 | 100 | {EXACT_ITERATIONS} | idle | SDR exact | SDR |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for seed in 0..settings.seeds {
        println!("{}", row(&settings, &song, seed)?);
    }
    Ok(())
}

fn settings() -> Result<Settings, Failure> {
    let mut settings = Settings {
        components: 16,
        beta: KULLBACK_LEIBLER,
        seeds: 3,
        files: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--components" => settings.components = value()?.parse()?,
            "--beta" => settings.beta = value()?.parse()?,
            "--seeds" => settings.seeds = value()?.parse()?,
            _ => settings.files.push(argument),
        }
    }
    Ok(settings)
}

fn row(settings: &Settings, song: &Song, seed: u64) -> Result<String, Failure> {
    let run = |exact| -> Result<(Fit, Duration), Failure> {
        let start = LowRank::free(&song.spectrogram, settings.components, Start::Random, seed)?;
        let config = FitConfig {
            beta: settings.beta,
            iterations: EXACT_ITERATIONS,
            exact,
            ..FitConfig::default()
        };
        let began = Instant::now();
        let fitted = fit(start, &song.spectrogram, &config, &mut ())?;
        Ok((fitted, began.elapsed()))
    };
    let (exact, exact_time) = run(true)?;
    let (fast, fast_time) = run(false)?;
    let goal = exact.final_objective();
    // The first ten iterations step in turn, whatever follows.
    let joint = settings.beta == KULLBACK_LEIBLER;
    let work = |iterations: usize| {
        let cost = if joint { 0.75 } else { 1.0 };
        iterations.min(10) as f64 + iterations.saturating_sub(10) as f64 * cost
    };
    let reached = fast.objective.iter().position(|&value| value <= goal);
    let (iterations, work, time) = reached.map_or_else(Default::default, |reached| {
        let share = reached as f64 / EXACT_ITERATIONS as f64;
        let ratio = exact_time.as_secs_f64() / fast_time.as_secs_f64();
        (
            reached.to_string(),
            format!("{:.0}", work(reached)),
            format!("1/{:.1}", ratio / share),
        )
    });
    let share = |iterations: usize| fast.objective[iterations] / goal;
    // Iterations that found no lower point, and returned.
    let idle = fast
        .objective
        .windows(2)
        .filter(|w| w[0].to_bits() == w[1].to_bits())
        .count();
    let sdr = |fitted: &Fit| -> Result<String, Failure> {
        if song.stems.is_empty() {
            return Ok(String::new());
        }
        Ok(format!("{:.2}", mean_sdr_db(song, &fitted.model)?))
    };
    Ok(format!(
        "| {seed} | {goal:.1} | {iterations} | {work} | {time} | {:.4} | {:.4} | {:.4} | {idle} | {} | {} |",
        share(50),
        share(100),
        share(EXACT_ITERATIONS),
        sdr(&exact)?,
        sdr(&fast)?
    ))
}

/// The mean SDR over the stems, when the true stems say which component is whose.
fn mean_sdr_db(song: &Song, model: &LowRank) -> Result<f64, Failure> {
    let truths = song
        .stems
        .iter()
        .map(|stem| {
            let truth = spectrogram(&song.stft, stem)?;
            Ok(truth
                .view()
                .index_axis(Axis(0), 0)
                .mapv(|v| v * truth.scale()))
        })
        .collect::<Result<Vec<Array2<f32>>, Failure>>()?;
    let whole = model.model(0) + f32::MIN_POSITIVE;
    // The part of every truth that a mask of one component alone would let through is a quadratic form.
    let held: Vec<Array1<f32>> = truths
        .iter()
        .map(|truth| {
            let shares = (truth / &whole).dot(&model.activations().t());
            (&shares * &model.templates()).sum_axis(Axis(0))
        })
        .collect();
    let mut sources = vec![Vec::new(); truths.len()];
    let strongest = |k: usize| (0..truths.len()).max_by(|&a, &b| held[a][k].total_cmp(&held[b][k]));
    for (k, most) in (0..model.components()).map(|k| (k, strongest(k))) {
        sources[most.ok_or("there are no stems")?].push(k);
    }
    let explanation = Explanation {
        stft: &song.stft,
        model,
        quantity: Quantity::Magnitude,
        scale: song.spectrogram.scale(),
    };
    let config = StemsConfig::default();
    let sharing = Components::new(explanation, &sources, config)?;
    let estimates = StemBlocks::new(&song.mixture, &sharing)?.collect_audio()?;
    let references: Vec<ArrayView2<'_, f32>> = song.stems.iter().map(Audio::samples).collect();
    let estimates: Vec<ArrayView2<'_, f32>> = estimates.iter().map(Audio::samples).collect();
    let scores = bss_eval_sources(&references, &estimates, &BssEvalConfig::default())?;
    let sum: f64 = scores.sources.iter().map(|source| source.sdr_db).sum();
    Ok(sum / references.len() as f64)
}

fn spectrogram(stft: &Stft, audio: &Audio) -> Result<Spectrogram, Failure> {
    let (quantity, channels) = (Quantity::Magnitude, Channels::Sum);
    Ok(Spectrogram::of(audio, stft, quantity, channels, &mut ())?)
}

fn read(path: &str) -> Result<Audio, Failure> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
            let samples = reader.samples::<i32>();
            samples
                .map(|sample| Ok(sample? as f32 / full))
                .collect::<Result<_, hound::Error>>()?
        }
    };
    let channels = usize::from(spec.channels);
    let frames = samples.len() / channels;
    let samples = Array2::from_shape_vec((frames, channels), samples)?;
    let samples = samples.t().as_standard_layout().into_owned();
    Ok(Audio::new(samples, spec.sample_rate)?)
}
