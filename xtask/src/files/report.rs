//! What was compared comes in; the page goes out.

use std::fmt::Write as _;

use unbraid_io::audio::Delay;

use super::batch::{Batch, MEMORY_MIB};
use super::big::Big;
use super::compare::Row;
use super::corrupted::Damage;
use super::speed::Speed;

/// The table of formats.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| format | rate (Hz) | channels | read as | late against the recording | longer | late against ffmpeg | longer | largest difference |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Row {
            name,
            rate,
            channels,
            ..
        } = row;
        let rest = match &row.found {
            Ok(found) => {
                let unstated = if found.delay == Delay::Unstated {
                    " (not stated in the file: said so)"
                } else {
                    ""
                };
                format!(
                    "{} | {}{unstated} | {} | {} | {} | {:.1e}",
                    found.codec,
                    found.lag,
                    found.surplus,
                    found.peer_lag,
                    found.peer_surplus,
                    found.peer_difference
                )
            }
            Err(reason) => format!("refused: {reason} | | | | |"),
        };
        // Writing to a string cannot fail.
        writeln!(text, "| {name} | {rate} | {channels} | {rest} |").ok();
    }
    text
}

pub(super) fn page(
    rows: &[Row],
    damage: &[Damage],
    big: &Big,
    batch: &Batch,
    speed: &[Speed],
) -> String {
    let mut text = format!(
        "# Formats\n\n\
         Made by `cargo xtask files --write`, which needs ffmpeg, sox, lame, flac, vorbis-tools and Python (the program needs none of them). \
         Each file is made from the same 1.3 s of made-up drums and guitar by the encoder named in `xtask/src/files/cases.rs`, read by us and by ffmpeg, and \
         compared by cross-correlation: late and longer are in samples.\n\n## What is read\n\n{}\n",
        table(rows)
    );
    writeln!(
        text,
        "A recording of {:.2} GB (8 channels, 24 bit) is written as {} and read back: it has its length, and its last ten seconds are what was written.\n",
        big.bytes as f64 / 1e9,
        big.container
    )
    .ok();
    text.push_str(
        "## Damaged files\n\n\
         One hundred variants of each: bits flipped, cuts, pieces moved, the header of another format. All are read by one process that may \
         allocate 1 GiB in all and compute for two minutes. A variant is read if what is damaged does not sound or the format has no checksum; then every sample is finite.\n\n\
         | format | refused by name | read | read with a note | slowest (ms) |\n|---|---|---|---|---|\n",
    );
    for row in damage {
        writeln!(
            text,
            "| {} | {} | {} | {} | {:.0} |",
            row.name, row.refused, row.read, row.noted, row.slowest_ms
        )
        .ok();
    }
    writeln!(
        text,
        "\n## A folder, killed and resumed\n\n\
         200 recordings of 2.0 to 2.4 s in seven folders, five of them bad (cut, words, nothing, zeros behind a header, a header alone), by \
         `unbraid separate songs -j 2 --memory {MEMORY_MIB}M`, killed (`kill -9`) in the middle and run again with `--resume`:\n\n\
         | done before the kill | done after it | kept | failed and listed | most memory | time of both runs |\n|---|---|---|---|---|---|\n\
         | {} | {} | {} | {} | {} MiB | {:.0} s |\n\n\
         Checked: every good recording has its stems, once; they add up to it; what was done before the kill was not touched; nothing half-written or hidden is \
         left; the exit code is 1.",
        batch.before, batch.done, batch.kept, batch.failed, batch.most_mib, batch.secs
    )
    .ok();
    text.push_str(
        "\n## Speed\n\n\
         Seconds of stereo music at 44.1 kHz that are read, written or resampled in one second of time, one thread each, the median of five runs. libsndfile \
         (soundfile) and soxr (quality HQ) work in memory like ours; ffmpeg works on the same file as a process of its own, with its start. Written FLAC takes the \
         compression that each has by default.\n\n\
         | | unbraid | libsndfile, soxr | ratio | ffmpeg | ratio |\n|---|---|---|---|---|---|\n",
    );
    for row in speed {
        let library = row.library.map_or_else(
            || "not read | ".to_owned(),
            |speed| format!("{speed:.0} × | {:.2}", row.ours / speed),
        );
        writeln!(
            text,
            "| {} | {:.0} × | {library} | {:.0} × | {:.2} |",
            row.name,
            row.ours,
            row.ffmpeg,
            row.ours / row.ffmpeg
        )
        .ok();
    }
    text
}
