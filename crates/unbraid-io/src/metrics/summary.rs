//! The scores of tracks come in; the figure per source that papers quote goes out.

use unbraid::evaluate::median;

use super::museval::{Frame, FrameMetrics, TrackScores};

/// One source's scores over a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSummary {
    /// The source's name.
    pub name: String,
    /// In how many tracks it is.
    pub tracks: usize,
    /// How many frames it has in them.
    pub frames: usize,
    /// How many of these have an SDR.
    pub frames_scored: usize,
    /// The medians; nothing where no track has a score.
    pub metrics: FrameMetrics,
}

/// Sum up tracks as museval does: for each source the median over a track's frames, then the median over
/// tracks. Frames and tracks without a score are left out.
///
/// Sources come in the order in which they first appear.
///
/// # Examples
///
/// ```
/// use unbraid_io::metrics::{TrackScores, summarize};
///
/// let track = |ratios: &[&str]| {
///     let frames: Vec<String> =
///         ratios.iter().map(|sdr| format!(r#"{{"metrics": {{"SDR": {sdr}}}}}"#)).collect();
///     let frames = frames.join(",");
///     TrackScores::parse(&format!(r#"{{"targets": [{{"name": "bass", "frames": [{frames}]}}]}}"#))
/// };
/// let summary = summarize(&[track(&["1", "NaN", "3"])?, track(&["5", "6", "90"])?]);
/// assert_eq!(summary[0].metrics.sdr_db, Some(4.0));
/// assert_eq!((summary[0].tracks, summary[0].frames, summary[0].frames_scored), (2, 6, 5));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn summarize(tracks: &[TrackScores]) -> Vec<TargetSummary> {
    let mut names: Vec<&str> = Vec::new();
    for target in tracks.iter().flat_map(|track| &track.targets) {
        if !names.contains(&target.name.as_str()) {
            names.push(&target.name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let of_track: Vec<&[Frame]> = tracks
                .iter()
                .filter_map(|track| track.targets.iter().find(|target| target.name == name))
                .map(|target| target.frames.as_slice())
                .collect();
            let medians = |ratio: fn(&FrameMetrics) -> Option<f64>| {
                let over_frames = of_track
                    .iter()
                    .map(|frames| median(frames.iter().filter_map(|frame| ratio(&frame.metrics))));
                Some(median(over_frames)).filter(|median| median.is_finite())
            };
            let frames = || of_track.iter().flat_map(|frames| frames.iter());
            TargetSummary {
                name: name.to_owned(),
                tracks: of_track.len(),
                frames: frames().count(),
                frames_scored: frames()
                    .filter(|frame| frame.metrics.sdr_db.is_some())
                    .count(),
                metrics: FrameMetrics {
                    sdr_db: medians(|metrics| metrics.sdr_db),
                    sir_db: medians(|metrics| metrics.sir_db),
                    sar_db: medians(|metrics| metrics.sar_db),
                    isr_db: medians(|metrics| metrics.isr_db),
                },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::museval::Target;
    use super::*;

    fn target(name: &str, sdr_db: &[Option<f64>]) -> Target {
        let frames = sdr_db.iter().map(|&sdr_db| Frame {
            time_secs: 0.0,
            duration_secs: 1.0,
            metrics: FrameMetrics {
                sdr_db,
                ..FrameMetrics::default()
            },
        });
        Target {
            name: name.to_owned(),
            frames: frames.collect(),
        }
    }

    #[test]
    fn a_long_track_counts_no_more_than_a_short_one() {
        let long = vec![Some(0.0); 100];
        let tracks = [&long[..], &[Some(10.0)], &[Some(20.0)]].map(|frames| TrackScores {
            targets: vec![target("drums", frames)],
        });
        assert_eq!(summarize(&tracks)[0].metrics.sdr_db, Some(10.0));
    }

    #[test]
    fn tracks_without_a_score_or_without_the_source_are_left_out() {
        let tracks = [
            TrackScores {
                targets: vec![target("drums", &[None]), target("bass", &[Some(1.0)])],
            },
            TrackScores {
                targets: vec![target("drums", &[Some(2.0), Some(4.0)])],
            },
        ];
        let summary = summarize(&tracks);
        assert_eq!(summary[0].name, "drums");
        assert_eq!(summary[0].metrics.sdr_db, Some(3.0));
        assert_eq!((summary[0].tracks, summary[0].frames_scored), (2, 2));
        assert_eq!(summary[0].metrics.isr_db, None);
        assert_eq!((summary[1].tracks, summary[1].frames), (1, 1));
    }
}
