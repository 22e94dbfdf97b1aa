//! Figures come in; the text of `docs/metrics.md` goes out.

use std::fmt::Write as _;

use super::{Agreement, Measure, TOLERANCE_DB, Timed};
use crate::date::today;

const READING: &str = "\
Our BSS Eval beside the programs that the field uses, on the same samples, with filters of 512 samples. The \
command above makes this page anew and fails if a score differs by more than is allowed. Set against the test \
recordings that come with `mir_eval`, our scores are those of `crates/unbraid/tests/evaluate_fixtures.rs` (sets 01, 02, 03, 05 and more, \
to 1e-6 dB; `cargo test -p unbraid --test evaluate_fixtures -- --nocapture` prints the table).
";

pub(super) fn page(
    packages: &[(String, String)],
    agreements: &[Agreement],
    timed: &[Timed],
    secs: usize,
) -> String {
    let packages: Vec<String> = packages
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut text = format!(
        "# The metrics beside museval and mir_eval\n\n| | |\n|---|---|\n| made | {} |\n| by | `cargo run --release -p xtask -- metrics` |\n\
         | Unbraid | {} |\n| others | {} |\n| processors | {} |\n\n{READING}\n## Agreement\n\n\
         The largest difference of any ratio (SDR, SIR, SAR; ISR where there is one) of any source in any frame, in dB, and the number of \
         ratios compared. The clips' estimates are sixteen components grouped by the true stems. Allowed: {TOLERANCE_DB} dB.\n\n",
        today(),
        env!("CARGO_PKG_VERSION"),
        packages.join(", "),
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    let heads: Vec<String> = Measure::ALL
        .iter()
        .map(|measure| format!("{}, {}", measure.about(), measure.peer()))
        .collect();
    let _ = writeln!(
        text,
        "| signals | sources | s | {} |\n|---|---:|---:|---:|---:|---:|",
        heads.join(" | ")
    );
    for agreement in agreements {
        let cells: Vec<String> = agreement
            .differences
            .iter()
            .map(|(worst, count)| format!("{worst:.0e} ({count})"))
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {} |",
            agreement.name,
            agreement.sources,
            agreement.secs,
            cells.join(" | ")
        );
    }
    let _ = write!(
        text,
        "\n## Time and memory\n\nFour sources of {secs} s, stereo, 44.1 kHz, in one run on one machine, reading not counted. Ours is the middle one of three runs, \
         theirs one run. Both may use all processors; processor time is what all of them spent. Memory is the most that the process held, the signals included \
         (ours hold them in 32 bits, as files give them; theirs need 64).\n\n\
         | measure | ours | peer | ratio | ours, processor time | peer | ours, memory | peer | largest difference, dB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for it in timed {
        let _ = writeln!(
            text,
            "| {} | {:.1} s | {} {:.1} s | **{:.0} ×** | {:.1} s | {:.1} s | {:.0} MB | {:.0} MB | {:.0e} |",
            it.measure.about(),
            it.ours.secs,
            it.measure.peer(),
            it.theirs.secs,
            it.theirs.secs / it.ours.secs,
            it.ours.cpu_secs,
            it.theirs.cpu_secs,
            it.ours.peak_mb,
            it.theirs.peak_mb,
            it.ours.scores.difference(&it.theirs.scores).0,
        );
    }
    text
}
