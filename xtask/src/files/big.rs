//! A recording of more than 4 GiB goes out as RF64; its end, as it is read back, is compared.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use ndarray::Array3;
use unbraid_io::audio::{OutputFormat, Span, StemSet, probe, read_audio};

const RATE: u32 = 48_000;
const CHANNELS: usize = 8;

/// Seconds of a block.
const BLOCK_SECS: usize = 10;

/// More than four GiB of 24 bits: 402 blocks of 11.5 MB.
const BLOCKS: usize = 402;

/// What was written.
pub(super) struct Big {
    pub(super) bytes: u64,
    pub(super) container: String,
}

pub(super) fn run(folder: &Path) -> Result<Big> {
    let path = folder.join("big.wav");
    let result = written_and_read(&path);
    fs::remove_file(&path).ok();
    result
}

fn written_and_read(path: &Path) -> Result<Big> {
    let block_len = BLOCK_SECS * RATE as usize;
    let len = BLOCKS * block_len;
    let format = OutputFormat::Wav24;
    let mut set = StemSet::create(&[path.to_owned()], format, RATE, CHANNELS, len, 1.0)?;
    let mut block = Array3::<f32>::zeros((1, CHANNELS, block_len));
    for _ in 1..BLOCKS {
        set.write(block.view())?;
    }
    // Of the last block, every sample says where it is.
    for ((_, channel, n), x) in block.indexed_iter_mut() {
        *x = (n % 1000 + 1000 * channel) as f32 / 16_384.0;
    }
    set.write(block.view())?;
    set.finish()?;
    let bytes = fs::metadata(path)?.len();
    ensure!(bytes > 1 << 32, "{bytes} bytes are not more than 4 GiB");
    let found = probe(path)?;
    ensure!(
        found.len_samples == Some(len as u64),
        "{len} samples were written, but {:?} found",
        found.len_samples
    );
    let span = Span {
        start_secs: ((BLOCKS - 1) * BLOCK_SECS) as f64,
        duration_secs: None,
    };
    let end = read_audio(path, span)?.audio;
    ensure!(
        end.samples() == block.index_axis(ndarray::Axis(0), 0),
        "the last {BLOCK_SECS} s are not what was written"
    );
    Ok(Big {
        bytes,
        container: found.format.container,
    })
}
