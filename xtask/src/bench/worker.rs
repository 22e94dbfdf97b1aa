//! Questions come in, a line each; our times and objectives go out, a line of JSON each.

use std::fs;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use ndarray::Axis;
use ndarray_npy::write_npy;
use rayon::ThreadPoolBuilder;
use serde::Deserialize;
use serde_json::{Value, json};
use unbraid::fit::{FitConfig, fit, subsampled};
use unbraid::model::{LowRank, Start};
use unbraid::observe::Progress;
use unbraid::recipe::FirstFactors;
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::{Spectrogram, Stft, StftConfig};
use unbraid_io::audio::{Span, read_audio};
use unbraid_kernel::{
    Isa, Kernel, Objective, Scratch, Templates, Tile, fused_multiply_adds,
    half_precision_multiply_adds,
};

#[derive(Debug, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    /// Take the spectrogram of a file, and write it to `v` for the others.
    Load {
        path: PathBuf,
        secs: f64,
        fft_len: usize,
        v: Option<PathBuf>,
    },
    /// Take a start, and write its factors.
    Start {
        components: usize,
        seed: u64,
        #[serde(default)]
        init: FirstFactors,
        w: Option<PathBuf>,
        h: Option<PathBuf>,
    },
    /// Plain multiplicative iterations, or the usual solver up to a goal.
    Fit {
        beta: f64,
        iterations: usize,
        exact: bool,
        threads: usize,
        goal: Option<f64>,
    },
    /// The limit of the processor.
    Peak { threads: usize },
    /// The inner loops of one exact iteration in the cache, on one thread, without the objective.
    Kernel { components: usize, beta: f64 },
    /// The most memory in use since the question before; then begin anew.
    Memory,
}

struct State {
    spectrogram: Option<Spectrogram>,
    start: Option<LowRank>,
}

pub(crate) fn run() -> Result<()> {
    let mut state = State {
        spectrogram: None,
        start: None,
    };
    for line in std::io::stdin().lock().lines() {
        let answer = state.answer(serde_json::from_str(&line?)?)?;
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

impl State {
    fn answer(&mut self, question: Question) -> Result<Value> {
        match question {
            Question::Load {
                path,
                secs,
                fft_len,
                v,
            } => self.load(&path, secs, fft_len, v.as_deref()),
            Question::Start {
                components,
                seed,
                init,
                w,
                h,
            } => {
                let spectrogram = self.spectrogram.as_ref().context("nothing loaded")?;
                let kind = match init {
                    FirstFactors::Nndsvdar => Start::Nndsvdar,
                    FirstFactors::Random | FirstFactors::Subsampled => Start::Random,
                };
                let part = |v: &Spectrogram| LowRank::free(v, components, kind, seed);
                let begun = Instant::now();
                let start = if init == FirstFactors::Subsampled {
                    subsampled(spectrogram, &part, &FitConfig::default())?
                } else {
                    part(spectrogram)?
                };
                let seconds = begun.elapsed().as_secs_f64();
                if let (Some(w), Some(h)) = (w, h) {
                    write_npy(w, &start.templates().as_standard_layout())?;
                    write_npy(h, &start.activations().as_standard_layout())?;
                }
                self.start = Some(start);
                Ok(json!({ "seconds": seconds }))
            }
            Question::Fit {
                beta,
                iterations,
                exact,
                threads,
                goal,
            } => {
                let config = FitConfig {
                    beta,
                    iterations,
                    exact,
                    ..FitConfig::default()
                };
                let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
                pool.install(|| self.fit(&config, goal))
            }
            Question::Peak { threads } => {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
                let rates = pool.broadcast(|_| peak());
                let half = pool.broadcast(|_| rate(half_precision_multiply_adds));
                Ok(json!({
                    "gflops": rates.iter().sum::<f64>(),
                    "half": half.into_iter().sum::<Option<f64>>(),
                    "isa": Isa::detect().to_string(),
                }))
            }
            Question::Kernel { components, beta } => kernel(components, beta),
            Question::Memory => memory(),
        }
    }

    fn load(&mut self, path: &Path, secs: f64, fft_len: usize, v: Option<&Path>) -> Result<Value> {
        self.start = None;
        self.spectrogram = None;
        let span = Span {
            start_secs: 0.0,
            duration_secs: Some(secs),
        };
        let audio = read_audio(path, span)?.audio;
        let before = memory()?;
        let start = Instant::now();
        let stft = Stft::new(StftConfig::with_fft_len(fft_len))?;
        let spectrogram =
            Spectrogram::of(&audio, &stft, Quantity::Magnitude, Channels::Sum, &mut ())?;
        let seconds = start.elapsed().as_secs_f64();
        if let Some(v) = v {
            // Frames × bins, as it lies in memory: the others take its transpose as they like.
            let values = spectrogram.view().index_axis_move(Axis(0), 0);
            write_npy(v, &values.t().as_standard_layout())?;
        }
        let (bins, frames) = (spectrogram.bins(), spectrogram.frames());
        self.spectrogram = Some(spectrogram);
        Ok(json!({ "bins": bins, "frames": frames, "seconds": seconds, "before": before }))
    }

    fn fit(&self, config: &FitConfig, goal: Option<f64>) -> Result<Value> {
        let spectrogram = self.spectrogram.as_ref().context("nothing loaded")?;
        let model = self.start.clone().context("no start")?;
        let start = Instant::now();
        let mut reached = None;
        let mut ends = Vec::new();
        let mut observer = |progress: &Progress| {
            ends.push(start.elapsed().as_secs_f64());
            if let (Some(goal), Some(value)) = (goal, progress.objective)
                && value <= goal
                && reached.is_none()
            {
                reached = Some((start.elapsed().as_secs_f64(), progress.done));
            }
            ControlFlow::Continue(())
        };
        let fitted = fit(model, spectrogram, config, &mut observer)?;
        let seconds = start.elapsed().as_secs_f64();
        // The last of all is no iteration: it only computes the objective.
        ends.pop();
        let each: Vec<f64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok(json!({
            "seconds": seconds,
            "each": each,
            "objective": fitted.final_objective(),
            "reached": reached,
        }))
    }
}

/// Multiply-adds of this thread in GFLOP/s, by a loop that says how many it did: the median of short measurements.
fn rate(run: fn() -> Option<f64>) -> Option<f64> {
    let mut rates = Vec::new();
    for _ in 0..201 {
        let start = Instant::now();
        let mut flops = 0.0;
        while start.elapsed().as_secs_f64() < 3e-4 {
            flops += run()?;
        }
        rates.push(flops / start.elapsed().as_secs_f64() / 1e9);
    }
    rates.sort_by(f64::total_cmp);
    Some(rates[rates.len() / 2])
}

fn peak() -> f64 {
    rate(|| fused_multiply_adds(Isa::detect())).unwrap_or(f64::NAN)
}

/// One tile of 48 frames × 1025 bins in the second-level cache, in turn with the limit.
fn kernel(components: usize, beta: f64) -> Result<Value> {
    const FRAMES: usize = 48;
    const BINS: usize = 1025;
    let kernel = Kernel::new(beta, 1e-6)?;
    let number = |i: usize| ((i * 7919) % 1000) as f32 / 1000.0 + 0.01;
    let numbers = |len: usize| (0..len).map(number).collect::<Vec<f32>>();
    let (v, h, w) = (
        numbers(FRAMES * BINS),
        numbers(FRAMES * components),
        numbers(components * BINS),
    );
    let templates = Templates::new(kernel.isa(), &w, components, BINS)?;
    let (mut pull_h, mut push_h) = (h.clone(), h.clone());
    let one_push = (beta - 1.0).abs() < f64::EPSILON;
    let (mut pull_w, mut push_w) = (
        w.clone(),
        vec![0.0; if one_push { components } else { w.len() }],
    );
    let mut scratch = Scratch::default();
    let tile = Tile::new(&v, &h, &templates, None, FRAMES)?;
    let skip = Objective::Skip;
    let projections = if one_push { 1 } else { 2 };
    let work = ((2 + 2 * projections) * 2 * FRAMES * BINS * components) as f64;
    let mut shares = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        let mut flops = 0.0;
        while start.elapsed().as_secs_f64() < 5e-4 {
            kernel.gradient_activations(&tile, &mut pull_h, &mut push_h, skip, &mut scratch)?;
            kernel.gradient_templates(&tile, &mut pull_w, &mut push_w, skip, &mut scratch)?;
            flops += work;
        }
        let rate = flops / start.elapsed().as_secs_f64() / 1e9;
        rates.push(rate);
        let start = Instant::now();
        let mut flops = 0.0;
        while start.elapsed().as_secs_f64() < 3e-4 {
            flops += fused_multiply_adds(kernel.isa()).context("no limit to compare with")?;
        }
        shares.push(rate / (flops / start.elapsed().as_secs_f64() / 1e9));
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(json!({ "gflops": median(rates), "share": median(shares) }))
}

/// The most memory since the last question in MB, where the system tells.
fn memory() -> Result<Value> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return Ok(Value::Null);
    };
    let megabytes = |key: &str| -> Result<f64> {
        let line = status.lines().find(|line| line.starts_with(key));
        let Some(kilobytes) = line.and_then(|line| line.split_whitespace().nth(1)) else {
            bail!("`{key}` is not in /proc/self/status");
        };
        Ok(kilobytes.parse::<f64>()? * 1024.0 / 1e6)
    };
    let answer = json!({ "most": megabytes("VmHWM:")?, "now": megabytes("VmRSS:")? });
    // Where this is not allowed, the most stays that of the whole life.
    fs::write("/proc/self/clear_refs", "5").ok();
    Ok(answer)
}
