//! Whole files come in; a hundred damaged variants of each are read by a process of bounded memory; what became of them goes
//! out.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use unbraid_io::audio::{Metadata, Span, read_audio};

use super::cases::CASES;
use super::compare::make;

/// Variants of each file.
const VARIANTS: usize = 100;

/// What the reading process may allocate, in KiB.
const MEMORY_KIB: u64 = 1 << 20;

/// How long it may compute for all variants of a format, in seconds: who hangs is killed.
const MOST_SECS: u64 = 120;

/// What became of one format's variants.
pub(super) struct Damage {
    pub(super) name: &'static str,
    pub(super) refused: usize,
    pub(super) read: usize,
    pub(super) noted: usize,
    pub(super) slowest_ms: f64,
}

impl Damage {
    pub(super) fn is_fine(&self) -> bool {
        self.refused + self.read + self.noted == VARIANTS && self.slowest_ms < 10_000.0
    }
}

pub(super) fn sweep(folder: &Path) -> Result<Vec<Damage>> {
    let files: Vec<(&'static str, Vec<u8>)> = CASES
        .iter()
        .map(|case| {
            let (_, name) = make(folder, case)?;
            Ok((case.name, fs::read(folder.join(name))?))
        })
        .collect::<Result<_>>()?;
    let mut dice = Dice(2026);
    let mut rows = Vec::new();
    for (which, (name, bytes)) in files.iter().enumerate() {
        let variants = folder.join("variants");
        if variants.exists() {
            fs::remove_dir_all(&variants)?;
        }
        fs::create_dir_all(&variants)?;
        let other = &files[(which + 1) % files.len()].1;
        for variant in 0..VARIANTS {
            let mut bytes = bytes.clone();
            damage(&mut bytes, other, variant, &mut dice);
            fs::write(variants.join(format!("{variant:03}.bin")), bytes)?;
        }
        rows.push(judge(name, &variants)?);
    }
    Ok(rows)
}

fn judge(name: &'static str, variants: &Path) -> Result<Damage> {
    let line = format!(
        "ulimit -v {MEMORY_KIB}; ulimit -t {MOST_SECS}; exec \"$0\" files --read-all \"$1\""
    );
    let program = std::env::current_exe().context("where is this program?")?;
    let output = Command::new("sh")
        .args(["-c", &line])
        .arg(program)
        .arg(variants)
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{name}: the reading process ended with {}:\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let count = |word: &str| {
        text.lines()
            .filter(|line| line.split(' ').nth(1) == Some(word))
            .count()
    };
    let slowest = text
        .lines()
        .filter_map(|line| line.split(' ').next()?.parse::<f64>().ok());
    Ok(Damage {
        name,
        refused: count("refused"),
        read: count("read"),
        noted: count("noted"),
        slowest_ms: slowest.fold(0.0, f64::max),
    })
}

/// Read every file of a folder; one line each: milliseconds, what became of it, why.
pub(super) fn read_all(folder: &Path) -> Result<ExitCode> {
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        let began = Instant::now();
        let read = read_audio(&path, Span::default());
        // Tags are read of damaged files too.
        let _ = Metadata::read(&path)?;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        match read {
            Ok(recording) => {
                let word = if recording.notes.is_empty() {
                    "read"
                } else {
                    "noted"
                };
                println!("{ms:.1} {word} {}", recording.notes.join("; "));
            }
            Err(error) => {
                let said = error.to_string();
                ensure!(
                    said.ends_with(&path.display().to_string()) && error.hint().is_some(),
                    "no name or remedy: {said}"
                );
                println!("{ms:.1} refused {said}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Numbers without pattern that are the same every time (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }
}

/// Bits flipped anywhere or in the header, a cut, a piece moved, the header of another file, in turn.
fn damage(bytes: &mut Vec<u8>, other: &[u8], kind: usize, dice: &mut Dice) {
    match kind % 5 {
        0 => {
            for _ in 0..=dice.below(8) {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        1 => {
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len().min(600));
                bytes[at] = if dice.below(2) == 0 {
                    0xFF
                } else {
                    dice.roll() as u8
                };
            }
        }
        2 => bytes.truncate(dice.below(bytes.len())),
        3 => {
            let (from, to, len) = (
                dice.below(bytes.len()),
                dice.below(bytes.len()),
                dice.below(3000),
            );
            let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
            let end = (to + dice.below(3000)).min(bytes.len());
            bytes.splice(to..end, piece);
        }
        _ => {
            let len = dice.below(400).min(bytes.len()).min(other.len());
            bytes[..len].copy_from_slice(&other[..len]);
        }
    }
}
