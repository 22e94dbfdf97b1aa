//! A song of three minutes comes in; how long it takes until a refit under regions can be heard goes out.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ndarray::{Axis, concatenate};
use unbraid::Audio;
use unbraid::knowledge::hints::{Area, REGION_STRENGTH, Regions};
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};
use unbraid_io::knowledge::write_regions;

use crate::root;

const SONG_SECS: usize = 180;
const TIMES: usize = 5;

/// The seconds of `unbraid refit` under ten boxes, of several times the middle one.
pub(super) fn refit_secs() -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let (song, project) = (
        folder.path().join("song.wav"),
        folder.path().join("song.unbraid"),
    );
    let drawn = folder.path().join("regions.json");
    let demo = read_audio(&root().join("demo/mixture.flac"), Span::default())?.audio;
    let rate = demo.sample_rate();
    let times = (SONG_SECS * rate as usize).div_ceil(demo.len_samples());
    let stereo = demo.samples().select(Axis(0), &[0, demo.channels() - 1]);
    let whole = concatenate(Axis(1), &vec![stereo.view(); times])?;
    let whole = Audio::new(whole, rate)?;
    let (format, len) = (OutputFormat::Wav16, whole.len_samples());
    let mut set = StemSet::create(std::slice::from_ref(&song), format, rate, 2, len, 1.0)?;
    set.write(whole.samples().insert_axis(Axis(0)))?;
    set.finish()?;
    let area = |number: usize| Area {
        source: "drums".to_owned(),
        strength: REGION_STRENGTH,
        secs: [number as f64 * 15.0, number as f64 * 15.0 + 0.5],
        hz: [300.0, 3000.0],
    };
    let regions = Regions {
        boxes: (0..10).map(area).collect(),
        strokes: Vec::new(),
    };
    write_regions(&drawn, &regions)?;
    let run = |command: &mut Command| -> Result<f64> {
        let began = Instant::now();
        let output = command.stdout(Stdio::null()).output()?;
        let secs = began.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{}", said.trim());
        Ok(secs)
    };
    let program = || Command::new(root().join("target/release/unbraid"));
    run(program()
        .arg("factorize")
        .arg(&song)
        .arg("-o")
        .arg(&project))
    .context("the program must have been built (cargo build --release)")?;
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let mut refit = program();
        refit.arg("refit").arg(&project);
        refit
            .args(["--sources", "drums,guitar", "--regions"])
            .arg(&drawn);
        took.push(run(&mut refit)?);
    }
    fs::remove_dir_all(&project)?;
    took.sort_by(f64::total_cmp);
    Ok(took[TIMES / 2])
}
