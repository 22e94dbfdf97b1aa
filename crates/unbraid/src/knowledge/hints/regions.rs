//! Boxes and strokes in seconds and Hz come in; rectangles of frames and bins go out.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::LEAST;
use crate::Error;

/// How firm a person's region is unless said otherwise: the other sources keep a tenth of their claim.
pub const REGION_STRENGTH: f32 = 0.9;

/// Regions of a recording where a person says a source is.
///
/// # Examples
///
/// ```
/// use unbraid::knowledge::hints::{Area, Regions};
///
/// let regions = Regions {
///     boxes: vec![Area { source: "voice".into(), strength: 0.9, secs: [1.0, 2.5], hz: [200.0, 3000.0] }],
///     strokes: vec![],
/// };
/// assert_eq!(regions.sources(), ["voice"]);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regions {
    /// Rectangles.
    pub boxes: Vec<Area>,
    /// Lines drawn with a brush.
    pub strokes: Vec<Stroke>,
}

/// A rectangle of a recording's spectrogram that belongs to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// The source's name.
    pub source: String,
    /// What the hint takes from every other source there: 0 is nothing, 1 nearly all.
    #[serde(default = "region_strength")]
    pub strength: f32,
    /// From and to, in seconds.
    pub secs: [f64; 2],
    /// From and to, in Hz.
    pub hz: [f64; 2],
}

/// A line over a recording's spectrogram, drawn with a brush, that belongs to a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stroke {
    /// The source's name.
    pub source: String,
    /// As [`Area::strength`].
    #[serde(default = "region_strength")]
    pub strength: f32,
    /// The corners of the line: seconds and Hz.
    pub points: Vec<[f64; 2]>,
    /// How wide the brush is, in seconds and in Hz.
    pub width: [f64; 2],
}

fn region_strength() -> f32 {
    REGION_STRENGTH
}

impl Regions {
    /// The sources that are named, each once, in order.
    #[must_use]
    pub fn sources(&self) -> Vec<&str> {
        let boxes = self.boxes.iter().map(|area| area.source.as_str());
        let strokes = self.strokes.iter().map(|stroke| stroke.source.as_str());
        let mut names: Vec<&str> = Vec::new();
        for name in boxes.chain(strokes) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The same regions with times counted from a moment, in seconds. What comes to lie outside of the recording says nothing.
    #[must_use]
    pub fn counted_from(mut self, start_secs: f64) -> Self {
        for area in &mut self.boxes {
            area.secs = area.secs.map(|secs| secs - start_secs);
        }
        for point in self.strokes.iter_mut().flat_map(|it| &mut it.points) {
            point[0] -= start_secs;
        }
        self
    }

    /// Whether nothing was drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty() && self.strokes.is_empty()
    }
}

/// A rectangle in frames and bins.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// The number of what was drawn that it is part of: boxes first, then strokes.
    pub(super) region: usize,
    pub(super) source: usize,
    pub(super) frames: Range<usize>,
    pub(super) bins: Range<usize>,
    /// What the others keep.
    pub(super) rest: f32,
}

/// The frames and bins that patches are for.
pub(super) struct Axes<'a> {
    pub(super) times_secs: &'a [f64],
    pub(super) frequencies_hz: &'a [f64],
}

/// The patches of everything that was drawn; `source` finds a source by its name.
pub(super) fn patches(
    regions: &Regions,
    axes: &Axes<'_>,
    source: impl Fn(&str) -> Result<usize, Error>,
) -> Result<Vec<Patch>, Error> {
    let mut patches = Vec::new();
    for (region, area) in regions.boxes.iter().enumerate() {
        let (source, rest) = (source(&area.source)?, rest(area.strength)?);
        let [frames, bins] = covered(axes, area)?;
        patches.push(Patch {
            region,
            source,
            frames,
            bins,
            rest,
        });
    }
    for (region, stroke) in (regions.boxes.len()..).zip(&regions.strokes) {
        let (source, rest) = (source(&stroke.source)?, rest(stroke.strength)?);
        let each = covered_by_stroke(axes, stroke)?.into_iter();
        patches.extend(each.map(|(frame, bins)| Patch {
            region,
            source,
            frames: frame..frame + 1,
            bins,
            rest,
        }));
    }
    // What takes nothing from anybody says nothing.
    patches.retain(|patch| patch.rest < 1.0 && !patch.bins.is_empty() && !patch.frames.is_empty());
    Ok(patches)
}

/// The frames and bins of a box.
fn covered(axes: &Axes<'_>, area: &Area) -> Result<[Range<usize>; 2], Error> {
    for [from, to] in [area.secs, area.hz] {
        if !(from.is_finite() && to.is_finite() && from <= to) {
            return Err(Error::config(
                "regions",
                format!("from {from} to {to}"),
                "from a number to one that is no smaller",
            ));
        }
    }
    Ok([
        span(axes.times_secs, area.secs),
        span(axes.frequencies_hz, area.hz),
    ])
}

/// The bins of a stroke, frame by frame: the brush around the line there. Where it crosses itself it counts once.
fn covered_by_stroke(
    axes: &Axes<'_>,
    stroke: &Stroke,
) -> Result<Vec<(usize, Range<usize>)>, Error> {
    let [wide_secs, wide_hz] = stroke.width;
    let numbers = stroke.points.iter().flatten().chain(&stroke.width);
    if let Some(number) = numbers.clone().find(|number| !number.is_finite()) {
        return Err(Error::config("regions", number, "finite numbers"));
    }
    if wide_secs < 0.0 || wide_hz < 0.0 || stroke.points.is_empty() {
        return Err(Error::config(
            "regions",
            format!(
                "{} points, {wide_secs} s × {wide_hz} Hz wide",
                stroke.points.len()
            ),
            "strokes of at least one point and a width of at least 0",
        ));
    }
    let reach = 0.5 * wide_secs;
    let mut covered: Vec<(usize, Range<usize>)> = Vec::new();
    let lines = stroke.points.windows(2).map(|pair| (pair[0], pair[1]));
    let dot = (stroke.points.len() == 1).then(|| (stroke.points[0], stroke.points[0]));
    for (from, to) in lines.chain(dot) {
        let (from, to) = if from[0] <= to[0] {
            (from, to)
        } else {
            (to, from)
        };
        for frame in span(axes.times_secs, [from[0] - reach, to[0] + reach]) {
            // The part of the line within the brush's reach of this frame.
            let time = axes.times_secs[frame];
            let along = |secs: f64| {
                let share = (secs - from[0]) / (to[0] - from[0]);
                let share = if share.is_finite() {
                    share.clamp(0.0, 1.0)
                } else {
                    0.0
                };
                from[1] + share * (to[1] - from[1])
            };
            let steep = to[0] - from[0] <= 0.0;
            let (a, b) = if steep {
                (from[1], to[1])
            } else {
                (along(time - reach), along(time + reach))
            };
            let hz = [a.min(b) - 0.5 * wide_hz, a.max(b) + 0.5 * wide_hz];
            let bins = span(axes.frequencies_hz, hz);
            if !bins.is_empty() {
                covered.push((frame, bins));
            }
        }
    }
    covered.sort_by_key(|(frame, bins)| (*frame, bins.start));
    let mut joined: Vec<(usize, Range<usize>)> = Vec::new();
    for (frame, bins) in covered {
        match joined.last_mut() {
            Some((last, before)) if *last == frame && bins.start <= before.end => {
                before.end = before.end.max(bins.end);
            }
            _ => joined.push((frame, bins)),
        }
    }
    Ok(joined)
}

/// What the other sources keep under a hint of this strength.
fn rest(strength: f32) -> Result<f32, Error> {
    if (0.0..=1.0).contains(&strength) {
        Ok((1.0 - strength).max(LEAST))
    } else {
        Err(Error::config("regions.strength", strength, "from 0 to 1"))
    }
}

/// The points of a rising grid within a span; the nearest one if the span lies between two.
fn span(grid: &[f64], [from, to]: [f64; 2]) -> Range<usize> {
    let start = grid.partition_point(|&at| at < from);
    let end = grid.partition_point(|&at| at <= to);
    if start < end || start == grid.len() || end == 0 {
        return start..end;
    }
    let nearest = if grid[start] - to < from - grid[start - 1] {
        start
    } else {
        start - 1
    };
    nearest..nearest + 1
}
