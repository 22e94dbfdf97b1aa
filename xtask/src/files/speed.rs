//! Long files come in; how fast they are read, written and resampled, beside libsndfile, soxr and ffmpeg, goes out.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ndarray::Axis;
use unbraid::Audio;
use unbraid::resample::resample;
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};

use super::shell;
use crate::python;

/// One line of the table, in seconds of music per second.
pub(super) struct Speed {
    pub(super) name: &'static str,
    pub(super) ours: f64,
    /// libsndfile, or soxr where it is resampled; none where it cannot.
    pub(super) library: Option<f64>,
    pub(super) ffmpeg: f64,
}

/// Seconds of music.
const SECS: f64 = 240.0;

const RUNS: usize = 5;

/// What is done.
enum Work {
    /// The line that makes the file.
    Read(&'static str),
    Write(OutputFormat),
    Resample(u32),
}

const ROWS: [(&str, &str, Work); 11] = [
    ("read WAV, 16 bit", "long.wav", Work::Read("")),
    (
        "read FLAC, 16 bit",
        "long.flac",
        Work::Read("flac -s -f long.wav -o long.flac"),
    ),
    (
        "read MP3, 192 kbit/s",
        "long.mp3",
        Work::Read("lame --quiet -b 192 long.wav long.mp3"),
    ),
    (
        "read Ogg Vorbis, q5",
        "long.ogg",
        Work::Read("oggenc -Q -q 5 long.wav -o long.ogg"),
    ),
    (
        "read AAC, 160 kbit/s",
        "long.m4a",
        Work::Read("ffmpeg -y -v error -i long.wav -c:a aac -b:a 160k long.m4a"),
    ),
    (
        "read ALAC, 16 bit",
        "long-alac.m4a",
        Work::Read("ffmpeg -y -v error -i long.wav -c:a alac -sample_fmt s16p long-alac.m4a"),
    ),
    (
        "write WAV, 24 bit",
        "ours.wav",
        Work::Write(OutputFormat::Wav24),
    ),
    (
        "write FLAC, 24 bit",
        "ours.flac",
        Work::Write(OutputFormat::Flac),
    ),
    ("resample to 48 kHz", "long.wav", Work::Resample(48_000)),
    ("resample to 22.05 kHz", "long.wav", Work::Resample(22_050)),
    ("resample to 16 kHz", "long.wav", Work::Resample(16_000)),
];

pub(super) fn measure(folder: &Path) -> Result<Vec<Speed>> {
    // Ours as theirs: one thread.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    one.install(|| measure_alone(folder))
}

fn measure_alone(folder: &Path) -> Result<Vec<Speed>> {
    let made = format!(
        "ffmpeg -y -v error -f lavfi -i 'anoisesrc=d={SECS}:a=0.3:c=pink:r=44100:seed=1' -ac 2 -c:a pcm_s16le long.wav"
    );
    shell(folder, &made)?;
    for (_, _, work) in &ROWS {
        if let Work::Read(line) = work
            && !line.is_empty()
        {
            shell(folder, line)?;
        }
    }
    let audio = read_audio(&folder.join("long.wav"), Span::default())?.audio;
    let libraries = libraries(folder)?;
    ROWS.iter()
        .zip(libraries)
        .map(|((name, file, work), library)| {
            let path = folder.join(file);
            let ours = median(|| match work {
                Work::Read(_) => {
                    let _: () = drop(read_audio(&path, Span::default())?);
                    Ok(())
                }
                Work::Write(format) => write(&path, *format, &audio),
                Work::Resample(rate) => {
                    let _: () = drop(resample(&audio, *rate)?);
                    Ok(())
                }
            })?;
            let options = match work {
                Work::Read(_) => format!("-i {file} -f f32le /dev/null"),
                Work::Write(OutputFormat::Flac) => {
                    "-i long.wav -c:a flac -sample_fmt s32 theirs.flac".to_owned()
                }
                Work::Write(_) => "-i long.wav -c:a pcm_s24le theirs.wav".to_owned(),
                Work::Resample(rate) => format!("-i long.wav -ar {rate} -f f32le /dev/null"),
            };
            let line = format!("ffmpeg -y -v error -threads 1 {options}");
            let ffmpeg = median(|| shell(folder, &line))?;
            Ok(Speed {
                name,
                ours: SECS / ours,
                library: library.map(|secs| SECS / secs),
                ffmpeg: SECS / ffmpeg,
            })
        })
        .collect()
}

/// The medians of libsndfile and soxr, for every row.
fn libraries(folder: &Path) -> Result<Vec<Option<f64>>> {
    let interpreter = python::interpreter("files")?;
    let mut process = Command::new(interpreter)
        .arg(python::script("files_speed.py"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = String::new();
    for (_, file, work) in &ROWS {
        let line = match work {
            Work::Read(_) => format!("read\t{file}\t-\n"),
            Work::Write(format) => format!("write\tlong.wav\ttheirs.{}\n", format.extension()),
            Work::Resample(rate) => format!("resample\tlong.wav\t{rate}\n"),
        };
        lines.push_str(&line);
    }
    let mut stdin = process.stdin.take().context("it was asked for")?;
    stdin.write_all(lines.as_bytes())?;
    drop(stdin);
    let output = process.wait_with_output()?;
    ensure!(output.status.success(), "files_speed.py failed");
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().map(|line| line.parse().ok()).collect())
}

fn write(path: &Path, format: OutputFormat, audio: &Audio) -> Result<()> {
    let (rate, channels, len) = (audio.sample_rate(), audio.channels(), audio.len_samples());
    let mut set = StemSet::create(&[path.to_owned()], format, rate, channels, len, 1.0)?;
    for block in audio.samples().axis_chunks_iter(Axis(1), 1 << 16) {
        set.write(block.insert_axis(Axis(0)))?;
    }
    set.finish()?;
    Ok(())
}

fn median(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut secs = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        work()?;
        secs.push(began.elapsed().as_secs_f64());
    }
    secs.sort_by(f64::total_cmp);
    Ok(secs[RUNS / 2])
}
