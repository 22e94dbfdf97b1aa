//! What a container says of an encoder's delay and padding comes in; the samples of the recording alone go
//! out.
//!
//! Codecs that transform blocks put samples before the recording (delay) and behind it (padding).
//! Where the container says how many, they are taken away, so that the first sample that is read is the
//! first that was recorded.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What is known of the samples that an encoder put before a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// The codec has none.
    #[default]
    None,
    /// The file says how many they are; they were taken away.
    Trimmed(u64),
    /// The file does not say; what is read may begin with a few hundredths of a second of silence.
    Unstated,
}

/// The samples that a decoder gives, numbered from its first, and which of them are left out.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// In ascending order, apart from each other.
    dropped: Vec<Range<u64>>,
    /// The number of the next sample.
    at: u64,
}

impl Timeline {
    pub(super) fn without(mut dropped: Vec<Range<u64>>) -> Self {
        dropped.retain(|range| range.start < range.end);
        Self { dropped, at: 0 }
    }

    /// How many of the first `len` samples belong to the recording.
    pub(super) fn kept(&self, len: u64) -> u64 {
        let lost = |range: &Range<u64>| range.end.min(len).saturating_sub(range.start);
        len - self.dropped.iter().map(lost).sum::<u64>()
    }

    /// Take out of the next samples, interleaved, those that are left out.
    pub(super) fn pass(&mut self, samples: &mut Vec<f32>, channels: usize) {
        let begin = self.at;
        let end = begin + (samples.len() / channels) as u64;
        self.at = end;
        // From the back, so that the places of those in front stay what they are.
        for range in self.dropped.iter().rev() {
            let (from, to) = (range.start.clamp(begin, end), range.end.clamp(begin, end));
            if from < to {
                let (from, to) = ((from - begin) as usize, (to - begin) as usize);
                samples.drain(from * channels..to * channels);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_gone_wherever_blocks_begin() {
        let dropped = vec![0..3, 5..5, 7..9, 18..u64::MAX];
        let expected: Vec<f32> = (0..20)
            .filter(|&n| dropped.iter().all(|range| !range.contains(&n)))
            .map(|n| n as f32)
            .collect();
        for block in 1..21 {
            let mut timeline = Timeline::without(dropped.clone());
            assert_eq!(timeline.kept(20), expected.len() as u64);
            assert_eq!(timeline.kept(8), 4);
            let mut found = Vec::new();
            let all: Vec<f32> = (0..20).flat_map(|n| [n as f32, -n as f32]).collect();
            for part in all.chunks(2 * block) {
                let mut part = part.to_vec();
                timeline.pass(&mut part, 2);
                found.extend(part.chunks(2).map(|frame| {
                    assert_eq!(frame[0].to_bits(), (-frame[1]).to_bits());
                    frame[0]
                }));
            }
            assert_eq!(found, expected, "in blocks of {block}");
        }
    }
}
