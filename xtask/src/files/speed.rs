//! Long files come in; how fast they are read and written, beside ffmpeg, goes out.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};

use super::shell;

/// One line of the table, in seconds of music per second.
pub(super) struct Speed {
    pub(super) name: String,
    pub(super) ours: f64,
    pub(super) peer: f64,
}

/// Seconds of music.
const SECS: f64 = 240.0;

const RUNS: usize = 5;

pub(super) fn measure(folder: &Path) -> Result<Vec<Speed>> {
    shell(
        folder,
        &format!(
            "ffmpeg -y -v error -f lavfi -i 'anoisesrc=d={SECS}:a=0.3:c=pink:r=44100:seed=1' -ac 2 -c:a pcm_s16le long.wav"
        ),
    )?;
    let mut rows = Vec::new();
    for (name, line) in [
        ("read WAV, 16 bit", ""),
        ("read FLAC, 16 bit", "flac -s -f long.wav -o long.flac"),
        (
            "read MP3, 192 kbit/s",
            "lame --quiet -b 192 long.wav long.mp3",
        ),
        ("read Ogg Vorbis, q5", "oggenc -Q -q 5 long.wav -o long.ogg"),
        (
            "read AAC, 160 kbit/s",
            "ffmpeg -y -v error -i long.wav -c:a aac -b:a 160k long.m4a",
        ),
        (
            "read ALAC, 16 bit",
            "ffmpeg -y -v error -i long.wav -c:a alac -sample_fmt s16p long-alac.m4a",
        ),
    ] {
        let file = line
            .split(' ')
            .next_back()
            .filter(|name| !name.is_empty())
            .unwrap_or("long.wav");
        if !line.is_empty() {
            shell(folder, line)?;
        }
        let path = folder.join(file);
        let ours = median(|| {
            read_audio(&path, Span::default())?;
            Ok(())
        })?;
        let peer = median(|| {
            shell(
                folder,
                &format!("ffmpeg -v error -threads 1 -i {file} -f f32le -y /dev/null"),
            )
        })?;
        rows.push(Speed {
            name: name.to_owned(),
            ours: SECS / ours,
            peer: SECS / peer,
        });
    }
    let audio = read_audio(&folder.join("long.wav"), Span::default())?.audio;
    for (name, format, peer) in [
        (
            "write WAV, 24 bit",
            OutputFormat::Wav24,
            "-c:a pcm_s24le ours.wav",
        ),
        (
            "write FLAC, 24 bit",
            OutputFormat::Flac,
            "-c:a flac -sample_fmt s32 ours.flac",
        ),
    ] {
        let path = folder.join(format!("written.{}", format.extension()));
        let ours = median(|| {
            let paths = [path.clone()];
            let mut set = StemSet::create(
                &paths,
                format,
                44_100,
                audio.channels(),
                audio.len_samples(),
                1.0,
            )?;
            for block in audio.samples().axis_chunks_iter(ndarray::Axis(1), 1 << 16) {
                set.write(block.insert_axis(ndarray::Axis(0)))?;
            }
            set.finish()?;
            Ok(())
        })?;
        let peer = median(|| {
            shell(
                folder,
                &format!("ffmpeg -y -v error -threads 1 -i long.wav {peer}"),
            )
        })?;
        rows.push(Speed {
            name: name.to_owned(),
            ours: SECS / ours,
            peer: SECS / peer,
        });
    }
    Ok(rows)
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
