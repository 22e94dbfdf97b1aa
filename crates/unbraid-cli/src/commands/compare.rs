//! A recording and its true stems come in; what every method makes of it, and why factorising works, goes out.

mod argument;
mod print;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow};
use ndarray::Array2;
use serde::Serialize;
use unbraid::baseline::{Assign, Cost, Method, Task, component_energies, scores};
use unbraid::factorize::Factorization;
use unbraid::group::{Kind, Overrides, Source, parse_sources};
use unbraid::sharing::StemsConfig;
use unbraid::why::{Playing, onset_gaps};
use unbraid::{Audio, SeparateConfig, baseline};
use unbraid_io::audio::read_audio;
use unbraid_io::metrics::StemFolder;
use unbraid_report::{ComparisonBar, ComparisonPicture, OnsetScores, comparison_svg};

use super::print_json;
use crate::args::{CommonArgs, CompareArgs, Components};
use crate::failure::Failure;
use crate::input;
use crate::output;
use crate::progress::Line;
use argument::Argument;

/// What one method reached.
#[derive(Debug, Serialize)]
struct Row {
    method: &'static str,
    looks_at_references: bool,
    sources: Vec<Scored>,
    mean_sdr_db: f64,
    secs: f64,
    free_parameters: Option<usize>,
    decisions: Option<usize>,
    knobs: Option<usize>,
}

/// The scores of one source.
#[derive(Debug, Serialize)]
struct Scored {
    source: String,
    sdr_db: f64,
    sir_db: f64,
    sar_db: f64,
    si_sdr_db: f64,
}

/// Everything that is printed.
#[derive(Debug, Serialize)]
struct Comparison {
    mixture: String,
    secs: f64,
    channels: usize,
    sample_rate: u32,
    components: usize,
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Argument>,
    notes: Vec<String>,
}

/// What a mixture may differ from the sum of its stems by, in energy, before it is said.
const LEFT_OVER_DB: f64 = -30.0;

/// What makes the scores mean less than they seem to.
fn notes(task: &Task<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let of_no_kind: Vec<&str> = task
        .config
        .sources
        .iter()
        .filter(|source| source.kind == Some(Kind::Rest) && source.name != "rest")
        .map(|source| source.name.as_str())
        .collect();
    if !of_no_kind.is_empty() {
        notes.push(format!(
            "what {} is cannot be told from the name, so nothing is looked for there: say it with --map, such as `--map {}=guitar`",
            of_no_kind.join(", "),
            of_no_kind[0]
        ));
    }
    let mut left = task.mixture.samples().to_owned();
    for truth in task.truths {
        left -= &truth.samples();
    }
    let energy = |samples: &ndarray::ArrayView2<'_, f32>| -> f64 {
        samples.iter().map(|x| f64::from(*x).powi(2)).sum()
    };
    let left_db = 10.0 * (energy(&left.view()) / energy(&task.mixture.samples())).log10();
    if left_db > LEFT_OVER_DB {
        notes.push(format!(
            "the stems do not add up to the mixture: {left_db:.1} dB of its energy is left over, which no mask can give to anyone"
        ));
    }
    notes
}

pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let methods = methods(args)?;
    if args.factorize.components == Components::Auto {
        return Err(Failure::usage(
            "compare sets as many filters beside the components as there are: say how many (-k 16)",
        ));
    }
    let (recording, input) = input::read(&args.mixture, args.common.span()?)?;
    let mixture = recording.audio;
    let (sources, truths) = true_stems(
        &args.references,
        &args.map,
        &args.common,
        &mixture,
        &args.mixture,
    )?;
    let config = SeparateConfig {
        factorize: args.factorize.config(mixture.sample_rate()),
        sources,
        ..SeparateConfig::default()
    };
    let task = task(args, &mixture, &truths, &config)?;
    let notes = notes(&task);
    let mut line = Line::new(&args.mixture.display().to_string(), args.common.quiet);
    let mut rows = Vec::new();
    for method in methods {
        let start = Instant::now();
        let outcome = baseline::run(method, &task, &mut line)?;
        let secs = start.elapsed().as_secs_f64();
        rows.push(row(method, &task, &outcome.stems, outcome.cost, secs)?);
    }
    let why = if args.why {
        Some(argument::measure(&task, &mut line)?)
    } else {
        None
    };
    line.finish();
    let comparison = Comparison {
        mixture: input.path,
        secs: mixture.duration_secs(),
        channels: mixture.channels(),
        sample_rate: mixture.sample_rate(),
        components: config.factorize.blind.components,
        rows,
        why,
        notes,
    };
    if let Some(path) = &args.chart {
        write_chart(path, &comparison, args.common.overwrite)?;
    }
    if args.common.json {
        return print_json(&comparison);
    }
    if args.csv {
        output::text(format_args!("{}", print::csv(&comparison)));
    } else if args.markdown {
        output::text(format_args!("{}", print::markdown(&comparison)));
    } else if !args.common.quiet {
        output::text(format_args!("{}", print::text(&comparison)));
    }
    Ok(())
}

fn methods(args: &CompareArgs) -> Result<Vec<Method>, Failure> {
    if args.methods.is_empty() {
        let usable = Method::ALL.into_iter().filter(|(_, method)| match method {
            Method::BandPass(Assign::Given) => !args.assign_bands.is_empty(),
            Method::Comb(Assign::Given) => !args.assign_combs.is_empty(),
            _ => true,
        });
        return Ok(usable.map(|(_, method)| method).collect());
    }
    let parsed = args
        .methods
        .iter()
        .map(|name| name.trim().parse::<Method>());
    Ok(parsed.collect::<Result<_, _>>()?)
}

/// The sources by the names of the true stems, and the stems.
pub(super) fn true_stems(
    references: &Path,
    maps: &[String],
    common: &CommonArgs,
    mixture: &Audio,
    path: &Path,
) -> Result<(Vec<Source>, Vec<Audio>), Failure> {
    let folder = StemFolder::read(references)?;
    if folder.stems.len() < 2 {
        return Err(Failure::Other(anyhow!(
            "{} holds {} stems, but at least two are needed to compare: the mixture does not count",
            references.display(),
            folder.stems.len()
        )));
    }
    for map in maps {
        let named = map.split_once('=').map(|(name, _)| name.trim());
        if !folder
            .stems
            .iter()
            .any(|stem| Some(stem.name.as_str()) == named)
        {
            let names: Vec<&str> = folder.stems.iter().map(|it| it.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "--map {map} is not for one of the stems {}: write one of them, `=` and its kind, such as `{}=drums`",
                names.join(", "),
                names[0]
            )));
        }
    }
    let mut names = Vec::new();
    let mut truths = Vec::new();
    for stem in &folder.stems {
        let mapped = maps.iter().find_map(|map| {
            let (name, kind) = map.split_once('=')?;
            (name.trim() == stem.name).then(|| kind.trim().to_owned())
        });
        names.push(match mapped {
            Some(kind) => format!("{}={kind}", stem.name),
            None if parse_sources(&stem.name, &[]).is_ok() => stem.name.clone(),
            None => format!("{}=rest", stem.name),
        });
        let audio = read_audio(&stem.path, common.span()?)?.audio;
        if audio.sample_rate() != mixture.sample_rate()
            || audio.samples().dim() != mixture.samples().dim()
        {
            let shape = |audio: &Audio| {
                format!(
                    "{} samples, {} channels, {} Hz",
                    audio.len_samples(),
                    audio.channels(),
                    audio.sample_rate()
                )
            };
            return Err(Failure::Other(anyhow!(
                "{} has {}, but {} has {}: true stems must have the mixture's length, channels and rate",
                stem.path.display(),
                shape(&audio),
                path.display(),
                shape(mixture)
            )));
        }
        if audio.peak() == 0.0 {
            return Err(Failure::Other(anyhow!(
                "{} is silent: leave it out, or choose a part where it sounds with --start and --duration",
                stem.path.display()
            )));
        }
        truths.push(audio);
    }
    Ok((parse_sources(&names.join(","), &[])?, truths))
}

fn task<'a>(
    args: &CompareArgs,
    mixture: &'a Audio,
    truths: &'a [Audio],
    config: &'a SeparateConfig,
) -> Result<Task<'a>, Failure> {
    let mut task = Task::new(mixture, truths, config);
    if let Some(filters) = args.filters {
        task.filters = filters;
    }
    task.fundamentals_hz.clone_from(&args.fundamentals);
    let given = |assignments: &[String], filters: usize| -> Result<_, Failure> {
        if assignments.is_empty() {
            return Ok(None);
        }
        let owners = Overrides::parse(assignments)?.resolve(&config.sources, filters)?;
        let mut members = vec![Vec::new(); config.sources.len()];
        for (filter, owner) in owners.into_iter().enumerate() {
            if let Some(owner) = owner {
                members[owner].push(filter);
            }
        }
        Ok(Some(members))
    };
    task.given_bands = given(&args.assign_bands, task.filters)?;
    let combs = if args.fundamentals.is_empty() {
        task.filters
    } else {
        args.fundamentals.len()
    };
    // One more for what lies between the teeth of all combs.
    task.given_combs = given(&args.assign_combs, combs + 1)?;
    Ok(task)
}

fn row(
    method: Method,
    task: &Task<'_>,
    stems: &[Audio],
    cost: Option<Cost>,
    secs: f64,
) -> Result<Row, Failure> {
    let sources: Vec<Scored> = scores(task.truths, stems)?
        .into_iter()
        .zip(&task.config.sources)
        .map(|(scores, source)| Scored {
            source: source.name.clone(),
            sdr_db: scores.sdr_db,
            sir_db: scores.sir_db,
            sar_db: scores.sar_db,
            si_sdr_db: scores.si_sdr_db,
        })
        .collect();
    Ok(Row {
        method: method.name(),
        looks_at_references: method.is_oracle(),
        mean_sdr_db: sources.iter().map(|it| it.sdr_db).sum::<f64>() / sources.len() as f64,
        sources,
        secs,
        free_parameters: cost.map(|cost| cost.free_parameters),
        decisions: cost.map(|cost| cost.decisions),
        knobs: cost.map(|cost| cost.knobs),
    })
}

/// What the page of `explain` says when the true stems are known.
pub(super) struct ForPage {
    pub(super) energies: Array2<f64>,
    pub(super) methods: Vec<PageMethod>,
    pub(super) onsets: Vec<OnsetScores>,
}

/// A method on the page.
pub(super) struct PageMethod {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) oracle: bool,
    pub(super) sources_db: Vec<[f64; 3]>,
}

/// What the page compares: nothing, filters, another method, ours, and what the answer allows. Those whose stems the page
/// has already are not made again.
const PAGE_METHODS: [(&str, &str); 10] = [
    ("mixture", "the unchanged recording as every stem"),
    (
        "band-pass",
        "filters side by side, grouped as components are",
    ),
    (
        "band-pass-oracle",
        "the same, each given to the right source",
    ),
    ("comb", "filters tuned to the notes found, grouped"),
    ("comb-oracle", "the same, each given to the right source"),
    ("hpss", "lines that lie against lines that stand"),
    (COMPONENTS, "the components of this page, grouped as shown"),
    (STEMS, "the stems of this page"),
    (
        "nmf-oracle",
        "the same components, each given to the right source",
    ),
    ("irm1", "the mask made of the true stems"),
];
const COMPONENTS: &str = "nmf";
const STEMS: &str = "separate";

/// Compare what the page has made, its components' groups and its stems, with what others make of the recording.
pub(super) fn for_page(
    task: &Task<'_>,
    factorization: &Factorization,
    members: &[Vec<usize>],
    stems: &[Audio],
    line: &mut Line,
) -> Result<ForPage, Failure> {
    let energies = component_energies(factorization, task.mixture, task.truths)?;
    let grouped =
        |members: &[Vec<usize>]| factorization.stems(task.mixture, members, StemsConfig::default());
    let mut methods = Vec::new();
    for (name, about) in PAGE_METHODS {
        let method: Method = name.parse()?;
        let made;
        let stems = match name {
            STEMS => stems,
            COMPONENTS => {
                made = grouped(members)?;
                &made
            }
            _ if method == Method::Nmf(Assign::Oracle) => {
                made = grouped(&baseline::members(factorization, Assign::Oracle, task)?)?;
                &made
            }
            _ => {
                made = baseline::run(method, task, line)?.stems;
                &made
            }
        };
        let row = row(method, task, stems, None, 0.0)?;
        let ratios = |it: &Scored| [it.sdr_db, it.sir_db, it.sar_db];
        methods.push(PageMethod {
            name,
            about,
            oracle: method.is_oracle(),
            sources_db: row.sources.iter().map(ratios).collect(),
        });
    }
    let gaps = onset_gaps(&argument::GAPS_SECS, Playing::Same, 3, line)?;
    Ok(ForPage {
        energies,
        methods,
        onsets: gaps
            .iter()
            .map(|gap| OnsetScores {
                gap_secs: gap.gap_secs,
                nmf_db: gap.nmf_sdr_db,
                ideal_db: gap.ideal_sdr_db,
                purity: gap.purity,
            })
            .collect(),
    })
}

fn write_chart(path: &Path, comparison: &Comparison, overwrite: bool) -> Result<(), Failure> {
    if path.exists() && !overwrite {
        return Err(unbraid_io::Error::Exists {
            path: path.to_owned(),
        }
        .into());
    }
    // Where the recording lies on this machine does not belong in a picture: its name and its folder's say enough.
    let names: Vec<_> = Path::new(&comparison.mixture).iter().collect();
    let short: std::path::PathBuf = names[names.len().saturating_sub(2)..].iter().collect();
    let svg = chart(&short.display().to_string(), &comparison.rows)?;
    fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn chart(title: &str, rows: &[Row]) -> Result<String, Failure> {
    let bars: Vec<ComparisonBar<'_>> = rows
        .iter()
        .map(|row| ComparisonBar {
            name: row.method,
            value: row.mean_sdr_db,
            oracle: row.looks_at_references,
        })
        .collect();
    let svg = comparison_svg(&ComparisonPicture {
        title,
        unit: "mean SDR over the sources in dB",
        bars: &bars,
    })
    .context("cannot draw the chart")?;
    Ok(svg)
}
