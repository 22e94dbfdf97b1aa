//! A sung pitch, moment by moment, comes in; the pitch of every frame goes out.

use serde::{Deserialize, Serialize};

use crate::Error;

/// What is sung at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pitch {
    /// When, in seconds.
    pub time_secs: f64,
    /// The fundamental in Hz; 0 where no pitch is sung.
    pub hz: f64,
    /// How sure it is, 0 to 1.
    pub confidence: f32,
}

/// The pitch of one singer.
///
/// # Examples
///
/// ```
/// use unbraid::knowledge::{Melody, Pitch};
///
/// let at = |time_secs, hz| Pitch { time_secs, hz, confidence: 1.0 };
/// let melody = Melody::new(vec![at(0.0, 0.0), at(0.1, 220.0), at(0.2, 222.0)])?;
/// assert_eq!(melody.at(0.02).unwrap().hz, 0.0);
/// assert!((melody.at(0.15).unwrap().hz - 221.0).abs() < 0.01);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Melody {
    points: Vec<Pitch>,
}

/// Points farther apart than this have silence between them.
const GAP_SECS: f64 = 0.1;

impl Melody {
    /// From points in the order of time.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if times do not rise, a pitch is neither 0 nor between 20 Hz and 5 kHz, or a confidence lies outside of 0
    /// to 1.
    pub fn new(points: Vec<Pitch>) -> Result<Self, Error> {
        let mut before = f64::NEG_INFINITY;
        for point in &points {
            let Pitch {
                time_secs,
                hz,
                confidence,
            } = *point;
            if !(time_secs > before && time_secs.is_finite()) {
                let requirement = format!("above that of the line before ({before} s)");
                return Err(Error::config("melody.time_secs", time_secs, requirement));
            }
            if !(hz == 0.0 || (20.0..=5000.0).contains(&hz)) {
                let requirement =
                    format!("0 where nothing is sung, or from 20 to 5000 Hz (at {time_secs} s)");
                return Err(Error::config("melody.hz", hz, requirement));
            }
            if !(0.0..=1.0).contains(&confidence) {
                let requirement = format!("from 0 to 1 (at {time_secs} s)");
                return Err(Error::config("melody.confidence", confidence, requirement));
            }
            before = time_secs;
        }
        Ok(Self { points })
    }

    /// The points, in the order of time.
    #[must_use]
    pub fn points(&self) -> &[Pitch] {
        &self.points
    }

    /// What is sung from one moment to another, in seconds, with times counted from the first.
    #[must_use]
    pub fn between(&self, start_secs: f64, end_secs: f64) -> Self {
        // A pitch reaches a little beyond its point.
        let inside = |point: &&Pitch| {
            point.time_secs > start_secs - GAP_SECS && point.time_secs < end_secs + GAP_SECS
        };
        let shifted = |point: &Pitch| Pitch {
            time_secs: point.time_secs - start_secs,
            ..*point
        };
        Self {
            points: self.points.iter().filter(inside).map(shifted).collect(),
        }
    }

    /// Go on with what is sung in the next piece of a recording, from a moment on. The times of both count from the
    /// recording's beginning.
    pub fn go_on(&mut self, next: &Self, from_secs: f64) {
        self.points.retain(|point| point.time_secs < from_secs);
        let later = |point: &&Pitch| point.time_secs >= from_secs;
        self.points.extend(next.points.iter().filter(later));
    }

    /// Let nothing be sung at the moments of which `silent` says so, in seconds.
    pub fn silence(&mut self, silent: impl Fn(f64) -> bool) {
        for point in &mut self.points {
            if silent(point.time_secs) {
                point.hz = 0.0;
            }
        }
    }

    /// What is sung at a moment: between two points with a pitch, the pitch between them; `None` where no point is
    /// near.
    #[must_use]
    pub fn at(&self, secs: f64) -> Option<Pitch> {
        let after = self.points.partition_point(|point| point.time_secs < secs);
        let left = after.checked_sub(1).map(|k| self.points[k]);
        let right = self.points.get(after).copied();
        let near = |point: &Pitch| (point.time_secs - secs).abs() <= GAP_SECS;
        let (Some(left), Some(right)) = (left, right) else {
            return left
                .or(right)
                .filter(|point| (point.time_secs - secs).abs() <= GAP_SECS / 2.0);
        };
        let apart = right.time_secs - left.time_secs;
        let share = (secs - left.time_secs) / apart;
        if apart > GAP_SECS || left.hz == 0.0 || right.hz == 0.0 {
            let nearest = if share < 0.5 { left } else { right };
            let reach = if apart > GAP_SECS {
                GAP_SECS / 2.0
            } else {
                GAP_SECS
            };
            return Some(nearest)
                .filter(|point| near(point) && (point.time_secs - secs).abs() <= reach);
        }
        Some(Pitch {
            time_secs: secs,
            hz: left.hz * (right.hz / left.hz).powf(share),
            confidence: left.confidence + share as f32 * (right.confidence - left.confidence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time_secs: f64, hz: f64) -> Pitch {
        Pitch {
            time_secs,
            hz,
            confidence: 1.0,
        }
    }

    #[test]
    fn far_from_every_point_nothing_is_said() {
        // A gap in the file, as where only voiced frames are listed.
        let melody = Melody::new(vec![at(1.0, 200.0), at(1.01, 200.0), at(3.0, 300.0)]).unwrap();
        assert_eq!(melody.at(0.5), None);
        assert_eq!(melody.at(2.0), None);
        assert_eq!(melody.at(1.03).map(|p| p.hz), Some(200.0));
        assert_eq!(melody.at(2.98).map(|p| p.hz), Some(300.0));
        assert_eq!(melody.at(4.0), None);
    }

    #[test]
    fn impossible_points_are_refused_by_name() {
        for (points, named) in [
            (vec![at(1.0, 200.0), at(0.5, 200.0)], "melody.time_secs"),
            (vec![at(1.0, -3.0)], "melody.hz"),
            (vec![at(1.0, f64::NAN)], "melody.hz"),
        ] {
            let said = Melody::new(points).unwrap_err().to_string();
            assert!(said.contains(named), "{said}");
        }
    }
}
