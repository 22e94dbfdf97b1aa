//! A dictionary comes in, `.safetensors` goes out, and back in.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use unbraid::StftConfig;
use unbraid::knowledge::{Atom, Dictionary, Example, Parts, Provenance};

use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// The key of the metadata: one entry, so that the same dictionary gives the same bytes.
const METADATA: &str = "unbraid_dictionary";

/// The version of the format that this program writes.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    version: u32,
    kind: String,
    sample_rate: u32,
    stft: StftConfig,
    provenance: Provenance,
    atoms: Vec<Atom>,
    examples: Vec<Kept>,
}

/// What the samples of an example do not say.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    sample_rate: u32,
    note: Option<f32>,
    velocity: f32,
    label: String,
    /// What a sample must be multiplied by.
    scale: f32,
    len: usize,
}

/// A dictionary as the bytes of a `.safetensors` file.
///
/// | tensor | shape | |
/// |---|---|---|
/// | `templates` | `(bins, atoms)` | each of unit sum |
/// | `notes`, `velocities`, `slices`, `levels` | `(atoms)` | what each stands for; the note is NaN for what has no pitch |
/// | `mean_spectra` | `((bins − 1) · 4 + 1, atoms)` | only where there are no examples |
/// | `examples` | `(samples)` | 16-bit integers, one example after the other |
///
/// Everything else is JSON in the metadata: kind, transform, provenance and licence, labels.
///
/// # Errors
///
/// [`Error::Dictionary`] if it cannot be represented; the path stands for the file's name.
pub fn dictionary_bytes(path: &Path, dictionary: &Dictionary) -> Result<Vec<u8>, Error> {
    let refuse = |reason: String| Error::Dictionary {
        path: path.to_owned(),
        reason,
    };
    let mut pcm: Vec<u8> = Vec::new();
    let mut examples = Vec::new();
    for example in dictionary.examples() {
        let peak = example
            .samples()
            .iter()
            .fold(1e-9_f32, |peak, x| peak.max(x.abs()));
        let scale = peak / f32::from(i16::MAX);
        for sample in example.samples() {
            pcm.extend(((sample / scale).round() as i16).to_le_bytes());
        }
        examples.push(Kept {
            sample_rate: example.sample_rate(),
            note: example.note(),
            velocity: example.velocity(),
            label: example.label().to_owned(),
            scale,
            len: example.samples().len(),
        });
    }
    let metadata = Metadata {
        version: VERSION,
        kind: dictionary.kind().to_owned(),
        sample_rate: dictionary.sample_rate(),
        stft: dictionary.stft(),
        provenance: dictionary.provenance().clone(),
        atoms: dictionary.atoms().to_vec(),
        examples,
    };
    let metadata = serde_json::to_string(&metadata).map_err(|error| refuse(error.to_string()))?;
    let floats = |values: &mut dyn Iterator<Item = f32>| -> Vec<u8> {
        values.flat_map(f32::to_le_bytes).collect()
    };
    let matrix =
        |array: ArrayView2<'_, f32>| (array.shape().to_vec(), floats(&mut array.iter().copied()));
    let atoms = dictionary.atoms();
    let list = |value: fn(&Atom) -> f32| (vec![atoms.len()], floats(&mut atoms.iter().map(value)));
    let mut arrays = vec![
        ("levels", list(|atom| atom.level)),
        ("notes", list(|atom| atom.note.unwrap_or(f32::NAN))),
        ("slices", list(|atom| atom.slice as f32)),
        ("templates", matrix(dictionary.templates())),
        ("velocities", list(|atom| atom.velocity)),
    ];
    if dictionary.examples().is_empty()
        && let Some(means) = dictionary.means()
    {
        arrays.push(("mean_spectra", matrix(means)));
    }
    let mut tensors = Vec::new();
    for (name, (shape, bytes)) in &arrays {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        tensors.push((*name, view.map_err(|error| refuse(error.to_string()))?));
    }
    if !pcm.is_empty() {
        let view = TensorView::new(Dtype::I16, vec![pcm.len() / 2], &pcm);
        tensors.push(("examples", view.map_err(|error| refuse(error.to_string()))?));
    }
    let metadata = Some(HashMap::from([(METADATA.to_owned(), metadata)]));
    safetensors::serialize(tensors, metadata).map_err(|error| refuse(error.to_string()))
}

/// Write a dictionary.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_dictionary(path: &Path, dictionary: &Dictionary) -> Result<(), Error> {
    write_file(path, &dictionary_bytes(path, dictionary)?)
}

/// Read a dictionary.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Dictionary`] if it is damaged, or no dictionary.
pub fn read_dictionary(path: &Path) -> Result<Dictionary, Error> {
    let bytes = fs::read(path).map_err(reading(path))?;
    parse_dictionary(&bytes, path)
}

/// Read a dictionary that is in memory; `name` stands for the path in errors.
///
/// # Errors
///
/// As [`read_dictionary`].
pub fn parse_dictionary(bytes: &[u8], name: &Path) -> Result<Dictionary, Error> {
    parse(bytes).map_err(|reason| Error::Dictionary {
        path: name.to_owned(),
        reason,
    })
}

fn parse(bytes: &[u8]) -> Result<Dictionary, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| said(&error))?;
    let text = header
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(METADATA))
        .ok_or("it carries no labels, so it is no dictionary")?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|error| said(&error))?;
    if metadata.version > VERSION {
        return Err(format!(
            "it is of format {}, and this program knows up to {VERSION}",
            metadata.version
        ));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| said(&error))?;
    let matrix = |name: &str| -> Result<Array2<f32>, String> {
        let tensor = tensors
            .tensor(name)
            .map_err(|error| format!("{name}: {error}"))?;
        let [rows, columns] = tensor.shape()[..] else {
            return Err(format!("{name} has {} axes, not 2", tensor.shape().len()));
        };
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("{name} holds {:?}, not F32", tensor.dtype()));
        }
        let values = tensor
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        Array2::from_shape_vec((rows, columns), values).map_err(|error| said(&error))
    };
    let templates = matrix("templates")?;
    let means = if tensors.names().contains(&"mean_spectra") {
        Some(matrix("mean_spectra")?)
    } else {
        None
    };
    let examples = match tensors.tensor("examples") {
        Ok(tensor) => cut_examples(&metadata.examples, tensor.dtype(), tensor.data())?,
        Err(_) if metadata.examples.is_empty() => Vec::new(),
        Err(error) => return Err(format!("examples: {error}")),
    };
    // Before a transform is planned, so that a damaged length costs no memory.
    if metadata.stft.fft_len / 2 + 1 != templates.nrows() {
        return Err(format!(
            "{} bins do not belong to `stft.fft_len`",
            templates.nrows()
        ));
    }
    let impossible = |atom: &Atom| {
        atom.note.is_some_and(|note| !(0.0..=140.0).contains(&note))
            || !(atom.velocity.is_finite() && atom.level.is_finite() && atom.inharmonicity >= 0.0)
    };
    if let Some(at) = metadata.atoms.iter().position(impossible) {
        return Err(format!("the labels of atom {at} are impossible"));
    }
    Dictionary::from_parts(Parts {
        kind: metadata.kind,
        atoms: metadata.atoms,
        stft: metadata.stft,
        sample_rate: metadata.sample_rate,
        templates,
        means,
        examples,
        provenance: metadata.provenance,
    })
    .map_err(|error| said(&error))
}

fn cut_examples(kept: &[Kept], dtype: Dtype, data: &[u8]) -> Result<Vec<Example>, String> {
    if dtype != Dtype::I16 {
        return Err(format!("examples holds {dtype:?}, not I16"));
    }
    let mut rest = data;
    let mut examples = Vec::new();
    for one in kept {
        let bytes = one
            .len
            .checked_mul(2)
            .filter(|&bytes| bytes <= rest.len() && bytes > 0);
        let Some(bytes) = bytes else {
            return Err("the examples are longer than what is there".to_owned());
        };
        if one.sample_rate == 0 || !(one.scale.is_finite() && one.scale > 0.0) {
            return Err("an example has an impossible rate or scale".to_owned());
        }
        let (own, after) = rest.split_at(bytes);
        rest = after;
        let samples = own
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) * one.scale)
            .collect();
        let mut example = Example::kept(samples, one.sample_rate)
            .with_velocity(one.velocity)
            .with_label(&one.label);
        if let Some(note) = one.note {
            example = example.with_note(note);
        }
        examples.push(example);
    }
    Ok(examples)
}
