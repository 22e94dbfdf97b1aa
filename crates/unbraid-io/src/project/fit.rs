//! A factorisation comes in; `fit.safetensors` and `fit.npz` go out, and the former back in.

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2};
use ndarray_npy::NpzWriter;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use unbraid::factorize::Factorization;
use unbraid::fit::{Fit, Stop, Way};
use unbraid::model::{Column, LowRank};
use unbraid::spectrogram::Quantity;
use unbraid::{Stft, StftConfig};

use crate::Error;
use crate::atomic::write_file;
use crate::error::{reading, writing};

/// The fit's file name.
pub const FIT_SAFETENSORS: &str = "fit.safetensors";

/// The name of the copy that NumPy opens.
pub const FIT_NPZ: &str = "fit.npz";

/// The key of the metadata: one entry, because the format does not keep the order of several and the
/// same fit is to give the same bytes.
const METADATA: &str = "unbraid";

/// What the arrays alone do not say.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    sample_rate: u32,
    stft: StftConfig,
    quantity: Quantity,
    /// What the model's values must be multiplied by to give the recording's.
    scale: f32,
    stop: Stop,
    columns: Vec<Column>,
    /// How the solver came here, so that `refit` goes on as if it had never ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    way: Option<WayMetadata>,
}

/// What the arrays `previous_…` alone do not say.
#[derive(Debug, Serialize, Deserialize)]
struct WayMetadata {
    age: f32,
    pending: bool,
    in_turn: usize,
}

/// Write `fit.safetensors` and `fit.npz` into a folder.
///
/// | array | shape |
/// |---|---|
/// | `templates` | `(bins, components)` |
/// | `activations` | `(components, frames)`, in the recording's own scale in the `.npz` |
/// | `pan_gains` | `(components, channels)` |
/// | `percussive_shares` | `(components)` |
/// | `objective` | `(iterations + 1)` |
/// | `previous_templates`, `previous_activations`, `previous_pan_gains` (not in the `.npz`) | the factors one step before |
/// | `frequencies_hz`, `times_secs` (`.npz` only) | `(bins)`, `(frames)` |
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_fit(folder: &Path, factorization: &Factorization) -> Result<(), Error> {
    write_safetensors(&folder.join(FIT_SAFETENSORS), factorization)?;
    write_npz(&folder.join(FIT_NPZ), factorization)
}

fn write_safetensors(path: &Path, factorization: &Factorization) -> Result<(), Error> {
    let model = &factorization.fit.model;
    let metadata = Metadata {
        sample_rate: factorization.sample_rate,
        stft: factorization.stft.config(),
        quantity: factorization.quantity,
        scale: factorization.scale,
        stop: factorization.fit.stop,
        columns: model.columns().to_vec(),
        way: factorization.fit.way.as_ref().map(|way| WayMetadata {
            age: way.age,
            pending: way.pending,
            in_turn: way.in_turn,
        }),
    };
    let refuse = |reason: String| Error::Project {
        path: path.to_owned(),
        reason,
    };
    let metadata = serde_json::to_string(&metadata).map_err(|error| refuse(error.to_string()))?;
    let floats = |values: &mut dyn Iterator<Item = f32>| -> Vec<u8> {
        values.flat_map(f32::to_le_bytes).collect()
    };
    let matrix =
        |array: ArrayView2<'_, f32>| (array.shape().to_vec(), floats(&mut array.iter().copied()));
    let (templates, activations, pan_gains) = (
        matrix(model.templates()),
        matrix(model.activations()),
        matrix(model.pan_gains()),
    );
    let shares = &factorization.percussive_shares;
    let percussive = (vec![shares.len()], floats(&mut shares.iter().copied()));
    let trace = &factorization.fit.objective;
    let trace_bytes: Vec<u8> = trace.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = |dtype, shape: &[usize], bytes| {
        TensorView::new(dtype, shape.to_vec(), bytes).map_err(|error| refuse(error.to_string()))
    };
    let mut tensors = vec![
        (
            "activations",
            view(Dtype::F32, &activations.0, &activations.1)?,
        ),
        ("objective", view(Dtype::F64, &[trace.len()], &trace_bytes)?),
        ("pan_gains", view(Dtype::F32, &pan_gains.0, &pan_gains.1)?),
        (
            "percussive_shares",
            view(Dtype::F32, &percussive.0, &percussive.1)?,
        ),
        ("templates", view(Dtype::F32, &templates.0, &templates.1)?),
    ];
    let previous = factorization.fit.way.as_ref().map(|way| {
        let model = &way.previous;
        [
            ("previous_activations", matrix(model.activations())),
            ("previous_pan_gains", matrix(model.pan_gains())),
            ("previous_templates", matrix(model.templates())),
        ]
    });
    for (name, (shape, bytes)) in previous.iter().flatten() {
        tensors.push((*name, view(Dtype::F32, shape, bytes)?));
    }
    let metadata = Some(HashMap::from([(METADATA.to_owned(), metadata)]));
    let bytes = safetensors::serialize(tensors, metadata).map_err(|e| refuse(e.to_string()))?;
    write_file(path, &bytes)
}

fn write_npz(path: &Path, factorization: &Factorization) -> Result<(), Error> {
    let model = &factorization.fit.model;
    let (stft, rate) = (&factorization.stft, factorization.sample_rate);
    let mut npz = NpzWriter::new(Cursor::new(Vec::new()));
    let refuse =
        |error: ndarray_npy::WriteNpzError| writing(path)(std::io::Error::other(error.to_string()));
    let plain = |array: ArrayView2<'_, f32>| array.as_standard_layout().into_owned();
    let activations = plain(model.activations()) * factorization.scale;
    npz.add_array("templates", &plain(model.templates()))
        .map_err(refuse)?;
    npz.add_array("activations", &activations).map_err(refuse)?;
    npz.add_array("pan_gains", &plain(model.pan_gains()))
        .map_err(refuse)?;
    let shares = Array1::from(factorization.percussive_shares.clone());
    npz.add_array("percussive_shares", &shares)
        .map_err(refuse)?;
    let trace = Array1::from(factorization.fit.objective.clone());
    npz.add_array("objective", &trace).map_err(refuse)?;
    let frequencies = Array1::from(stft.frequencies_hz(rate));
    npz.add_array("frequencies_hz", &frequencies)
        .map_err(refuse)?;
    let times = Array1::from(stft.times_secs(model.frames(), rate));
    npz.add_array("times_secs", &times).map_err(refuse)?;
    let bytes = npz.finish().map_err(refuse)?.into_inner();
    write_file(path, &bytes)
}

/// Read `fit.safetensors` from a folder.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Project`] if it is damaged or its arrays do not fit together.
pub fn read_fit(folder: &Path) -> Result<Factorization, Error> {
    let path = folder.join(FIT_SAFETENSORS);
    let bytes = fs::read(&path).map_err(reading(&path))?;
    parse(&bytes).map_err(|reason| Error::Project { path, reason })
}

#[expect(
    clippy::too_many_lines,
    reason = "one array after the other, each with its checks"
)]
fn parse(bytes: &[u8]) -> Result<Factorization, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| said(&error))?;
    let text = header
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(METADATA))
        .ok_or("it carries no settings")?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|error| said(&error))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| said(&error))?;
    let floats = |name: &str| -> Result<(Vec<usize>, Vec<f32>), String> {
        let tensor = tensors
            .tensor(name)
            .map_err(|error| format!("{name}: {error}"))?;
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("{name} holds {:?}, not F32", tensor.dtype()));
        }
        let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok((
            tensor.shape().to_vec(),
            tensor.data().chunks_exact(4).map(value).collect(),
        ))
    };
    let matrix = |name: &str| -> Result<Array2<f32>, String> {
        let (shape, values) = floats(name)?;
        let [rows, columns] = shape[..] else {
            return Err(format!("{name} has {} axes, not 2", shape.len()));
        };
        Array2::from_shape_vec((rows, columns), values).map_err(|error| said(&error))
    };
    let (templates, activations, gains) = (
        matrix("templates")?,
        matrix("activations")?,
        matrix("pan_gains")?,
    );
    let (_, percussive_shares) = floats("percussive_shares")?;
    let objective = tensors.tensor("objective").map_err(|error| said(&error))?;
    if objective.dtype() != Dtype::F64 {
        return Err(format!("objective holds {:?}, not F64", objective.dtype()));
    }
    let objective: Vec<f64> = objective
        .data()
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("chunks of eight")))
        .collect();
    if let Some(value) = objective.iter().find(|value| !value.is_finite()) {
        return Err(format!("objective holds {value}"));
    }
    let components = templates.ncols();
    if percussive_shares.len() != components || metadata.columns.len() != components {
        return Err(format!(
            "not everything is there for each of {components} components"
        ));
    }
    if metadata.sample_rate == 0 || !(metadata.scale.is_finite() && metadata.scale >= 0.0) {
        return Err("its sample rate or its scale is impossible".to_owned());
    }
    if let Some(share) = percussive_shares
        .iter()
        .find(|share| !(0.0..=1.0).contains(*share))
    {
        return Err(format!(
            "percussive_shares holds {share}, which is no share"
        ));
    }
    let model = |templates: Array2<f32>, activations: Array2<f32>, gains: Array2<f32>| {
        LowRank::from_factors("free", templates.view(), activations.view(), gains.ncols())
            .and_then(|model| model.with_pan_gains(gains.view()))
            .and_then(|model| model.with_columns(&metadata.columns))
            .map_err(|error| said(&error))
    };
    let way = match &metadata.way {
        None => None,
        Some(way) => {
            let factors = ["templates", "activations", "pan_gains"];
            let [w, h, g] = factors.map(|name| matrix(&format!("previous_{name}")));
            let (w, h, g) = (w?, h?, g?);
            if (w.dim(), h.dim(), g.dim()) != (templates.dim(), activations.dim(), gains.dim()) {
                return Err("its previous factors have other shapes than the last".to_owned());
            }
            if !(way.age.is_finite() && way.age >= 0.0) {
                return Err(format!("its age is {}", way.age));
            }
            Some(Way {
                previous: model(w, h, g)?,
                age: way.age,
                pending: way.pending,
                in_turn: way.in_turn,
            })
        }
    };
    let model = model(templates, activations, gains)?;
    // Before the transform is planned, so that a damaged length costs no memory.
    if metadata.stft.fft_len / 2 + 1 != model.bins() {
        return Err(format!(
            "{} bins do not belong to `stft.fft_len`",
            model.bins()
        ));
    }
    let stft = Stft::new(metadata.stft).map_err(|error| said(&error))?;
    Ok(Factorization {
        stft,
        sample_rate: metadata.sample_rate,
        quantity: metadata.quantity,
        scale: metadata.scale,
        fit: Fit {
            model,
            objective,
            stop: metadata.stop,
            way,
        },
        percussive_shares,
        rank: None,
    })
}
