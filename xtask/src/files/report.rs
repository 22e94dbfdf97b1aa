//! What was compared comes in; the page goes out.

use std::fmt::Write as _;

use unbraid_io::audio::Delay;

use super::cases::Row;
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

pub(super) fn page(rows: &[Row], damage: &[Damage], speed: &[Speed]) -> String {
    let mut text = format!(
        "# Formats\n\n\
         Made by `cargo xtask files --write`, which needs ffmpeg, sox, lame, flac and vorbis-tools (the program needs none of them). \
         Each file is made from the same 1.3 s of made-up drums and guitar by the encoder named in `xtask/src/files/cases.rs`, read by us and by ffmpeg, and \
         compared by cross-correlation: late and longer are in samples.\n\n## What is read\n\n{}\n",
        table(rows)
    );
    text.push_str(
        "## Damaged files\n\n\
         One hundred variants of each: bits flipped, cuts, pieces moved, the header of another format. All are read by one process that may \
         allocate 1 GiB in all. A variant is read if what is damaged does not sound or the format has no checksum; then every sample is finite.\n\n\
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
    text.push_str(
        "\n## Speed\n\n\
         Seconds of stereo music at 44.1 kHz that are read or written in one second of time, one thread each, the median of five runs; ffmpeg reads or writes the \
         same file as a process of its own, with its start.\n\n\
         | | unbraid | ffmpeg | ratio |\n|---|---|---|---|\n",
    );
    for row in speed {
        let ratio = row.ours / row.peer;
        writeln!(
            text,
            "| {} | {:.0} × | {:.0} × | {ratio:.2} |",
            row.name, row.ours, row.peer
        )
        .ok();
    }
    text
}
