//! True stems and estimates of them come in; how well they match goes out.

mod aggregate;
mod export;
mod load;
mod notes;
mod pairs;
mod score;
mod table;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unbraid_io::Error as IoError;
use unbraid_io::metrics::{Dataset, Layout, Track};

use super::print_json;
use crate::args::{DownmixArg, EvaluateArgs, MetricArg};
use crate::cancel;
use crate::failure::Failure;
use crate::output::{self, say};
use pairs::{Folders, Map, Pairing};
use score::{Settings, TrackMeasures};

/// One track, and where its files are.
struct Job {
    label: String,
    files: Files,
}

enum Files {
    /// One file each.
    Single(PathBuf, PathBuf),
    Folders {
        references: PathBuf,
        estimates: PathBuf,
        mixture: PathBuf,
    },
}

/// What is to be scored.
struct Plan {
    jobs: Vec<Job>,
    is_dataset: bool,
    notes: Vec<String>,
}

/// One track that has been scored.
struct Outcome {
    label: String,
    scored: TrackMeasures,
}

pub(crate) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    if let Some(folder) = &args.aggregate {
        return aggregate::run(args, folder);
    }
    if args.notes {
        return notes::run(args);
    }
    let settings = Settings::new(&args.measure, !args.no_baseline, args.common.span()?)?;
    let maps = args
        .map
        .iter()
        .map(|text| Map::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let plan = plan(args)?;
    check_outputs(args, &plan)?;

    let progress = Progress::new(plan.jobs.len(), args.common.quiet);
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    for job in &plan.jobs {
        let mut step = |what: &'static str| progress.step(&job.label, what);
        let scored = pairing(job, args, &maps)
            .and_then(|pairing| score::score(&pairing, &settings, &mut step));
        match scored {
            Ok(scored) => {
                if let Some(path) = output_path(args, job) {
                    export::museval(&scored).write(&path, args.common.overwrite)?;
                }
                let label = job.label.clone();
                outcomes.push(Outcome { label, scored });
            }
            // One bad track of fifty does not throw away hours of work.
            Err(failure) if plan.is_dataset && !cancel::requested() => {
                failed.push((job.label.clone(), failure.to_string()));
            }
            Err(failure) => return Err(failure),
        }
        progress.track_done();
    }
    progress.finish();
    print(args, &settings, &plan, &outcomes, &failed)?;
    if failed.is_empty() {
        return Ok(());
    }
    let failures: Vec<String> = failed
        .iter()
        .map(|(label, message)| format!("\n  {label}: {message}"))
        .collect();
    Err(Failure::Other(anyhow!(
        "{} of {} could not be scored:{}",
        failed.len(),
        counted(plan.jobs.len(), "track"),
        failures.concat()
    )))
}

/// Find out what the two paths are.
fn plan(args: &EvaluateArgs) -> Result<Plan, Failure> {
    let (Some(references), Some(estimates)) = (&args.references, &args.estimates) else {
        return Err(Failure::usage("REFERENCES and ESTIMATES are needed"));
    };
    for path in [references, estimates] {
        if let Err(source) = path.metadata() {
            let path = path.clone();
            return Err(IoError::Read { path, source }.into());
        }
    }
    match (references.is_dir(), estimates.is_dir()) {
        (false, false) => {
            if !args.map.is_empty() {
                return Err(Failure::usage(
                    "--map is for folders: two files are scored against each other whatever \
                     their names",
                ));
            }
            let files = Files::Single(references.clone(), estimates.clone());
            Ok(Plan {
                jobs: vec![Job {
                    label: unbraid_io::metrics::Stem::new(references).name,
                    files,
                }],
                is_dataset: false,
                notes: Vec::new(),
            })
        }
        (true, true) => match Dataset::find(references)? {
            Some(dataset) => plan_dataset(args, &dataset, references, estimates),
            None => Ok(Plan {
                jobs: vec![Job {
                    label: folder_name(references),
                    files: Files::Folders {
                        references: references.clone(),
                        estimates: estimates.clone(),
                        mixture: references.clone(),
                    },
                }],
                is_dataset: false,
                notes: Vec::new(),
            }),
        },
        (one_is_folder, _) => {
            let (folder, file) = if one_is_folder {
                (references, estimates)
            } else {
                (estimates, references)
            };
            Err(Failure::usage(format!(
                "{} is a folder and {} is a file: give two folders or two files",
                folder.display(),
                file.display()
            )))
        }
    }
}

fn plan_dataset(
    args: &EvaluateArgs,
    dataset: &Dataset,
    references: &Path,
    estimates: &Path,
) -> Result<Plan, Failure> {
    if args.mixture.is_some() {
        return Err(Failure::usage(
            "--mixture is for one track, but the references are a folder of tracks",
        ));
    }
    let total = dataset.tracks.len();
    let (found, missing): (Vec<_>, Vec<_>) = dataset
        .tracks
        .iter()
        .map(|track| (track, track.estimates(estimates)))
        .partition(|(_, folder)| folder.is_some());
    if found.is_empty() {
        let advice = match (dataset.layout, total) {
            (Layout::Musdb, 0) => {
                "MUSDB18's .stem.mp4 files are not read: use MUSDB18-HQ, or convert them to WAV"
                    .to_owned()
            }
            (Layout::Tracks, _) => "are these the folders that hold the stems?".to_owned(),
            _ => format!(
                "estimates are looked for in <subset>/<track> and <track>, such as {}",
                dataset
                    .tracks
                    .first()
                    .map_or_else(|| "test/Song".to_owned(), Track::label)
            ),
        };
        return Err(Failure::Other(anyhow!(
            "no estimates in {} for any of {} ({}) in {}: {advice}",
            estimates.display(),
            counted(total, "track"),
            dataset.layout.name(),
            references.display()
        )));
    }
    let mut notes = Vec::new();
    if let Some((first, _)) = missing.first() {
        notes.push(format!(
            "no estimates for {} of {}, left out, such as {}",
            missing.len(),
            counted(total, "track"),
            first.label()
        ));
    }
    let job = |(track, folder): (&Track, Option<PathBuf>)| {
        folder.map(|estimates| Job {
            label: track.label(),
            files: Files::Folders {
                references: track.references.clone(),
                estimates,
                mixture: track.mixture.clone(),
            },
        })
    };
    Ok(Plan {
        jobs: found.into_iter().filter_map(job).collect(),
        is_dataset: true,
        notes,
    })
}

/// What a folder is called, also if it was given as `.`.
fn folder_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}

fn pairing(job: &Job, args: &EvaluateArgs, maps: &[Map]) -> Result<Pairing, Failure> {
    let mut pairing = match &job.files {
        Files::Single(reference, estimate) => pairs::of_files(reference, estimate),
        Files::Folders {
            references,
            estimates,
            mixture,
        } => {
            let folders = Folders {
                references,
                estimates,
                mixture,
            };
            pairs::of_folders(folders, maps, args.measure.permute)?
        }
    };
    if let Some(mixture) = &args.mixture {
        pairing.mixture = Some(mixture.clone());
    }
    Ok(pairing)
}

/// Before the long work: what is asked for can be written.
fn check_outputs(args: &EvaluateArgs, plan: &Plan) -> Result<(), Failure> {
    let flag = match (&args.output, args.museval) {
        (Some(_), _) => "-o",
        (None, true) => "--museval",
        (None, false) => return Ok(()),
    };
    if args.measure.metric == MetricArg::V3 {
        return Err(Failure::usage(format!(
            "{flag} writes museval's files, which hold scores of images: add --metric v4 or \
             --metric v3-images, or use --json or --csv"
        )));
    }
    if args.museval && plan.is_dataset {
        return Err(Failure::usage(
            "--museval prints one track, but the references are a folder of tracks: write one \
             file per track with -o DIR",
        ));
    }
    for job in &plan.jobs {
        if let Some(path) = output_path(args, job)
            && path.exists()
            && !args.common.overwrite
        {
            return Err(IoError::Exists { path }.into());
        }
    }
    Ok(())
}

fn output_path(args: &EvaluateArgs, job: &Job) -> Option<PathBuf> {
    // Labels may hold dots, which are no ending.
    let file = format!("{}.json", job.label);
    args.output.as_ref().map(|folder| folder.join(file))
}

fn print(
    args: &EvaluateArgs,
    settings: &Settings,
    plan: &Plan,
    outcomes: &[Outcome],
    failed: &[(String, String)],
) -> Result<(), Failure> {
    let medians = if plan.is_dataset {
        table::medians(outcomes)
    } else {
        Vec::new()
    };
    if args.common.json {
        let report = export::Report::new(settings, outcomes, &medians, &plan.notes, failed);
        return print_json(&report);
    }
    if args.csv {
        output::text(format_args!("{}", table::csv(outcomes)));
        return Ok(());
    }
    if args.museval {
        for outcome in outcomes {
            output::text(format_args!(
                "{}",
                export::museval(&outcome.scored).to_museval()
            ));
        }
        return Ok(());
    }
    if args.common.quiet {
        return Ok(());
    }
    say!("{}, in dB", settings.describe());
    for outcome in outcomes {
        print_track(settings, outcome);
    }
    if plan.is_dataset && !outcomes.is_empty() {
        say!("median over {}", counted(outcomes.len(), "track"));
        say!("{}", table::of_medians(&medians));
        let total = |of: fn(&TrackMeasures) -> usize| -> usize {
            outcomes.iter().map(|outcome| of(&outcome.scored)).sum()
        };
        say!(
            "  {} of {} frames scored",
            total(|scored| scored.frames_scored),
            total(|scored| scored.frames)
        );
    }
    for note in &plan.notes {
        say!("note: {note}");
    }
    Ok(())
}

fn print_track(settings: &Settings, outcome: &Outcome) {
    let scored = &outcome.scored;
    let secs = scored.len_samples as f64 / f64::from(scored.sample_rate);
    let channels = match (settings.downmix, scored.channels) {
        (DownmixArg::Mono, _) => String::new(),
        (DownmixArg::None, channels) => format!(", {}", counted(channels, "channel")),
    };
    say!(
        "{}: {secs:.1} s, {} Hz{channels}",
        outcome.label,
        scored.sample_rate
    );
    say!("{}", table::of_track(scored));
    if settings.framewise.is_some() {
        let left_out = if scored.frames_scored < scored.frames {
            "; the others have a silent reference or estimate"
        } else {
            ""
        };
        say!(
            "  {} of {} frames scored{left_out}",
            scored.frames_scored,
            scored.frames
        );
    }
    if settings.permute {
        for source in &scored.sources {
            let estimates: Vec<String> = source
                .estimates
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            say!("  {} = {}", source.name, estimates.join(" + "));
        }
    }
    if let Some(mixture) = &scored.mixture {
        say!(
            "  mixture: {} / {}",
            mixture.display(),
            scored.sources.len()
        );
    }
    for note in &scored.notes {
        say!("  note: {note}");
    }
}

/// Such as `1 track` and `2 tracks`.
fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// A line on the terminal while tracks are scored.
struct Progress(ProgressBar);

impl Progress {
    fn new(tracks: usize, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(tracks as u64), target);
        let style =
            ProgressStyle::with_template("{prefix}: {msg:<8} [{bar:24}] {pos}/{len} · {eta} left")
                .expect("the template is written out above");
        bar.set_style(style.progress_chars("=> "));
        Self(bar)
    }

    /// Say what is being done, unless the user wants to stop.
    fn step(&self, track: &str, what: &'static str) -> Result<(), Failure> {
        if cancel::requested() {
            return Err(unbraid::Error::Cancelled.into());
        }
        self.0.set_prefix(track.to_owned());
        self.0.set_message(what);
        self.0.tick();
        Ok(())
    }

    fn track_done(&self) {
        self.0.inc(1);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}
