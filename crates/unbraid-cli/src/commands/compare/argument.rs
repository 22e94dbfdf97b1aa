//! A recording and its true stems come in; the founding argument in numbers goes out.

use serde::Serialize;
use unbraid::baseline::{Bank, Task, component_energies, mean_sdr_db};
use unbraid::factorize::factorize;
use unbraid::why::{
    FilterSweep, OnsetGap, Overlap, Playing, RankPoint, Together, active_units, filters_needed,
    mean_purity, onset_gaps, overlap, purities, rank_curve, sparseness, together,
};

use crate::failure::Failure;
use crate::progress::Line;

/// Numbers of units for the curve of errors.
const RANKS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Numbers of filters that are tried.
const FILTERS: [usize; 7] = [8, 16, 32, 64, 128, 256, 512];
/// Times between onsets in seconds.
pub(super) const GAPS_SECS: [f64; 5] = [0.0, 0.02, 0.05, 0.1, 0.3];
const SEEDS: u64 = 3;
/// Further starts where the best one counts.
const RESTARTS: usize = 4;

#[derive(Debug, Serialize)]
pub(super) struct Argument {
    /// Error against the number of units.
    pub(super) ranks: Vec<RankPoint>,
    /// What oracle grouping of the components reaches.
    pub(super) nmf_oracle_sdr_db: f64,
    /// What more and more filters reach.
    pub(super) filters: Vec<FilterSweep>,
    pub(super) sparseness: Vec<Sparse>,
    pub(super) overlap: Overlap,
    pub(super) purities: Vec<Pure>,
    pub(super) mean_purity: f64,
    pub(super) onsets: Vec<OnsetGap>,
    pub(super) together: Vec<Together>,
}

#[derive(Debug, Serialize)]
pub(super) struct Sparse {
    pub(super) what: &'static str,
    pub(super) gini: f64,
    pub(super) hoyer: f64,
    /// Units that carry nine tenths of a frame, where units are meant.
    pub(super) active: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Pure {
    pub(super) source: String,
    pub(super) purity: f64,
    /// The component's share of all energy.
    pub(super) energy: f64,
}

/// Measure everything.
pub(super) fn measure(task: &Task<'_>, line: &mut Line) -> Result<Argument, Failure> {
    let stft = task.stft()?;
    let spectrogram = task.spectrogram(&stft, line)?;
    let most = spectrogram.ncols().min(spectrogram.nrows());
    let ranks: Vec<usize> = RANKS.into_iter().filter(|rank| *rank <= most).collect();
    let ranks = rank_curve(task, &ranks, line)?;
    let factorization = factorize(task.mixture, &task.config.factorize, line)?;
    let energies = component_energies(&factorization, task.mixture, task.truths)?;
    let oracle = unbraid::baseline::run(
        unbraid::baseline::Method::Nmf(unbraid::baseline::Assign::Oracle),
        task,
        line,
    )?;
    let model = &factorization.fit.model;
    let bank = Bank::band_pass(&stft, task.mixture.sample_rate(), task.filters)?;
    let outputs = bank.outputs(spectrogram.view());
    let sparse = |what, rows, active| {
        let found = sparseness(rows);
        Sparse {
            what,
            gini: found.gini,
            hoyer: found.hoyer,
            active,
        }
    };
    let templates = model.templates();
    let total: f64 = energies.sum();
    let pure = purities(&energies)
        .into_iter()
        .zip(energies.outer_iter())
        .map(|((source, purity), row)| Pure {
            source: task.config.sources[source].name.clone(),
            purity,
            energy: row.sum() / total,
        });
    let mut onsets = Vec::new();
    let mut starts = Vec::new();
    for playing in [Playing::Same, Playing::Varied, Playing::Rests] {
        onsets.extend(onset_gaps(&GAPS_SECS, playing, SEEDS, line)?);
        for interfering in [true, false] {
            starts.push(together(playing, interfering, RESTARTS, SEEDS, line)?);
        }
    }
    Ok(Argument {
        ranks,
        nmf_oracle_sdr_db: mean_sdr_db(task.truths, &oracle.stems)?,
        filters: filters_needed(task, &FILTERS)?,
        sparseness: vec![
            sparse("the recording's frames", spectrogram.t(), None),
            sparse("templates", templates.t(), None),
            sparse(
                "activations",
                model.activations(),
                Some(active_units(model.activations())),
            ),
            sparse(
                "outputs of as many bands",
                outputs.view(),
                Some(active_units(outputs.view())),
            ),
        ],
        overlap: overlap(&stft, task.truths)?,
        purities: pure.collect(),
        mean_purity: mean_purity(&energies),
        onsets,
        together: starts,
    })
}
