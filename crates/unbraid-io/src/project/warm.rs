//! Where the fit of the next piece of a recording starts comes in; a file goes out, and back in.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use unbraid::recipe::WarmStart;

use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// The names of the arrays.
const TEMPLATES: &str = "templates";
const PAN_GAINS: &str = "pan_gains";
const POSTERIORS: &str = "posteriors";

/// Write templates `(bins, components)` and pan gains `(components, channels)` as safetensors.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_warm_start(path: &Path, start: &WarmStart) -> Result<(), Error> {
    let bytes_of =
        |array: &Array2<f32>| -> Vec<u8> { array.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let (templates, gains) = (bytes_of(&start.templates), bytes_of(&start.pan_gains));
    let posteriors = bytes_of(&start.posteriors);
    let refuse = |error: safetensors::SafeTensorError| Error::Project {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let view = |array: &Array2<f32>, bytes| {
        TensorView::new(Dtype::F32, array.shape().to_vec(), bytes).map_err(refuse)
    };
    let tensors = [
        (PAN_GAINS, view(&start.pan_gains, &gains)?),
        (POSTERIORS, view(&start.posteriors, &posteriors)?),
        (TEMPLATES, view(&start.templates, &templates)?),
    ];
    write_file(
        path,
        &safetensors::serialize(tensors, None).map_err(refuse)?,
    )
}

/// Read what [`write_warm_start`] wrote: the same numbers to the last bit.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Project`] if it is damaged.
pub fn read_warm_start(path: &Path) -> Result<WarmStart, Error> {
    let bytes = fs::read(path).map_err(reading(path))?;
    parse(&bytes).map_err(|reason| Error::Project {
        path: path.to_owned(),
        reason,
    })
}

fn parse(bytes: &[u8]) -> Result<WarmStart, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let matrix = |name: &str| {
        let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
        let &[rows, columns] = tensor.shape() else {
            return Err(format!("{name} has {} axes, not 2", tensor.shape().len()));
        };
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("{name} holds {:?}, not F32", tensor.dtype()));
        }
        let (words, _) = tensor.data().as_chunks::<4>();
        let values = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        Array2::from_shape_vec((rows, columns), values).map_err(|error| error.to_string())
    };
    Ok(WarmStart {
        templates: matrix(TEMPLATES)?,
        pan_gains: matrix(PAN_GAINS)?,
        posteriors: matrix(POSTERIORS)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("start");
        let start = WarmStart {
            templates: Array2::from_shape_fn((5, 3), |(f, k)| 1.0 / (1 + f * 3 + k) as f32),
            pan_gains: Array2::from_elem((3, 2), 1e-40),
            posteriors: Array2::from_elem((3, 2), 0.5),
        };
        write_warm_start(&path, &start).unwrap();
        assert_eq!(read_warm_start(&path).unwrap(), start);
        fs::write(&path, b"no tensors").unwrap();
        let error = read_warm_start(&path).unwrap_err();
        assert!(matches!(error, Error::Project { .. }), "{error}");
    }
}
