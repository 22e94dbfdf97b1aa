//! A long recording comes in as pieces that overlap; their stems go out joined, without a seam.
//!
//! A recording that is too long for one fit is cut into pieces that are separated one after the other. Every piece
//! is read with a margin on either side, which its model sees and nobody hears, and shares a stretch with
//! the next, over which the stems of the one are faded into those of the other. The two weights of such a fade add up
//! to one, and the stems of either piece to the recording: so do the faded ones.

use std::f32::consts::PI;
use std::ops::Range;

use ndarray::{Array3, ArrayView3, Axis, s};

use crate::Error;

/// Where a long recording is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The length of a piece at most, in samples, without its margins.
    pub len_samples: u64,
    /// The stretch that two neighbours share.
    pub fade_samples: u64,
    /// What a piece is read with beyond, on either side.
    pub margin_samples: u64,
    /// Pieces begin at multiples of this. A multiple of the transform's hop puts the frames of neighbours on one grid, so that
    /// what both model alike they render alike.
    pub grid_samples: u64,
}

/// One piece of a long recording, in samples of the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What is read.
    pub read: Range<u64>,
    /// What is rendered to the end. The pieces' own stretches follow each other without a gap.
    pub own: Range<u64>,
    /// At the beginning of `own`, how much is faded in from the piece before.
    pub fade_in: u64,
    /// Behind the end of `own`, how much is rendered for the next piece to fade out.
    pub fade_out: u64,
}

impl Cut {
    /// Where a recording of `len_samples` samples is cut: pieces of one length, but for the last.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a piece is not longer than what it shares with its neighbours.
    ///
    /// # Examples
    ///
    /// ```
    /// use unbraid::pieces::Cut;
    ///
    /// let cut = Cut { len_samples: 400, fade_samples: 10, margin_samples: 20, grid_samples: 10 };
    /// let pieces = cut.pieces(1000)?;
    /// let own: Vec<_> = pieces.iter().map(|piece| piece.own.clone()).collect();
    /// assert_eq!(own, [0..340, 340..680, 680..1000]);
    /// assert_eq!(pieces[1].read, 320..710);
    /// # Ok::<(), unbraid::Error>(())
    /// ```
    pub fn pieces(&self, len_samples: u64) -> Result<Vec<Piece>, Error> {
        let Self {
            fade_samples: fade,
            margin_samples: margin,
            grid_samples: grid,
            ..
        } = *self;
        let least = fade + margin;
        if grid == 0 || self.len_samples <= least.max(grid) {
            let requirement = format!(
                "more than {} samples, which two pieces share or which they begin at multiples of",
                least.max(grid)
            );
            return Err(Error::config("pieces", self.len_samples, requirement));
        }
        let count = len_samples.div_ceil(self.len_samples).max(1);
        let len = len_samples.div_ceil(count).div_ceil(grid) * grid;
        let starts = (0..count)
            .map(|index| index * len)
            .filter(|&start| start < len_samples);
        Ok(starts
            .map(|start| {
                let end = (start + len).min(len_samples);
                let fade_out = fade.min(len_samples - end);
                Piece {
                    read: start.saturating_sub(margin)..(end + fade_out + margin).min(len_samples),
                    own: start..end,
                    fade_in: if start == 0 { 0 } else { fade.min(end - start) },
                    fade_out,
                }
            })
            .collect())
    }
}

/// Joins the stems of one piece to those of the piece before, block by block.
#[derive(Debug)]
pub struct Joint {
    piece: Piece,
    /// The stems of the piece before over the stretch that is shared, `(stems, channels, samples)`.
    before: Option<Array3<f32>>,
    /// The same of this piece, for the next.
    tail: Array3<f32>,
    /// The sample of the recording that the next block begins with.
    position: u64,
}

impl Joint {
    /// Begin a piece; `before` is what the piece before left ([`Joint::into_tail`]), none for the first.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `before` is not as long as the stretch that is shared.
    pub fn new(
        piece: &Piece,
        stems: usize,
        channels: usize,
        before: Option<Array3<f32>>,
    ) -> Result<Self, Error> {
        let expected = [stems, channels, piece.fade_in as usize];
        let actual = before.as_ref().map_or([stems, channels, 0], |tail| {
            [tail.dim().0, tail.dim().1, tail.dim().2]
        });
        if expected != actual {
            return Err(Error::Shape {
                what: "the end of the piece before (stems, channels, samples)",
                expected: expected.to_vec(),
                actual: actual.to_vec(),
            });
        }
        Ok(Self {
            piece: piece.clone(),
            before,
            tail: Array3::zeros((stems, channels, piece.fade_out as usize)),
            position: piece.read.start,
        })
    }

    /// Take the next stems of the piece, `(stems, channels, samples)`; what of them is to be written.
    pub fn push(&mut self, block: ArrayView3<'_, f32>) -> Array3<f32> {
        let from = self.position;
        self.position += block.len_of(Axis(2)) as u64;
        let own = within(&block, from, self.piece.own.clone());
        let mut own = block.slice(s![.., .., own]).to_owned();
        if let Some(before) = &self.before {
            let first = from.max(self.piece.own.start) - self.piece.own.start;
            for sample in 0..own.len_of(Axis(2)) {
                let at = first as usize + sample;
                if at >= before.len_of(Axis(2)) {
                    break;
                }
                let weight = faded_in(at, before.len_of(Axis(2)));
                let old = before.index_axis(Axis(2), at);
                ndarray::Zip::from(own.index_axis_mut(Axis(2), sample))
                    .and(old)
                    .for_each(|new, &old| *new = old + weight * (*new - old));
            }
        }
        let end = self.piece.own.end;
        let shared = within(&block, from, end..end + self.piece.fade_out);
        if !shared.is_empty() {
            let first = (from + shared.start as u64 - end) as usize;
            self.tail
                .slice_mut(s![.., .., first..first + shared.len()])
                .assign(&block.slice(s![.., .., shared]));
        }
        own
    }

    /// What the next piece fades out.
    #[must_use]
    pub fn into_tail(self) -> Array3<f32> {
        self.tail
    }
}

/// The samples of a block that begins at `from` which lie in a range of the recording.
fn within(block: &ArrayView3<'_, f32>, from: u64, range: Range<u64>) -> Range<usize> {
    let len = block.len_of(Axis(2)) as u64;
    let start = range.start.saturating_sub(from).min(len);
    let end = range.end.saturating_sub(from).min(len);
    start as usize..end.max(start) as usize
}

/// The weight of what comes in, `at` of `len` samples into a fade: half a period of a cosine.
fn faded_in(at: usize, len: usize) -> f32 {
    0.5 - 0.5 * (PI * (at as f32 + 0.5) / len as f32).cos()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_cover_a_recording_once(len in 1_u64..5000, piece in 65_u64..900) {
            let cut = Cut { len_samples: piece, fade_samples: 16, margin_samples: 24, grid_samples: 8 };
            let pieces = cut.pieces(len).unwrap();
            let mut position = 0;
            for (index, piece) in pieces.iter().enumerate() {
                prop_assert_eq!(piece.own.start, position);
                prop_assert!(piece.own.end > position);
                prop_assert_eq!(piece.own.start % 8, 0);
                prop_assert_eq!(piece.read.start % 8, 0);
                prop_assert!(piece.read.end >= piece.own.end + piece.fade_out && piece.read.end <= len);
                if let Some(next) = pieces.get(index + 1) {
                    prop_assert_eq!(next.fade_in, piece.fade_out);
                }
                position = piece.own.end;
            }
            prop_assert_eq!(position, len);
        }

        #[test]
        fn joined_pieces_of_one_signal_are_the_signal(len in 200_u64..2000, block in 1_usize..300) {
            let cut = Cut { len_samples: 300, fade_samples: 20, margin_samples: 30, grid_samples: 10 };
            let signal = Array3::from_shape_fn((2, 1, len as usize), |(s, _, n)| {
                (n as f32 * 0.01 + s as f32).sin()
            });
            let mut joined = Vec::new();
            let mut before = None;
            for piece in cut.pieces(len).unwrap() {
                let mut joint = Joint::new(&piece, 2, 1, before).unwrap();
                let read = signal.slice(s![.., .., piece.read.start as usize..piece.read.end as usize]);
                for part in read.axis_chunks_iter(Axis(2), block) {
                    joined.extend(joint.push(part).slice(s![1, 0, ..]).iter().copied());
                }
                before = Some(joint.into_tail());
            }
            prop_assert_eq!(joined.len(), len as usize);
            for (a, b) in joined.iter().zip(signal.slice(s![1, 0, ..])) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn stems_that_add_up_do_so_through_a_fade() {
        let cut = Cut {
            len_samples: 100,
            fade_samples: 20,
            margin_samples: 10,
            grid_samples: 10,
        };
        let pieces = cut.pieces(200).unwrap();
        // The same recording of ones, shared out differently by two pieces.
        let stems = |share: f32, len: u64| {
            Array3::from_shape_fn((2, 1, len as usize), |(stem, _, _)| {
                if stem == 0 { share } else { 1.0 - share }
            })
        };
        let mut first = Joint::new(&pieces[0], 2, 1, None).unwrap();
        let len = |piece: &Piece| piece.read.end - piece.read.start;
        first.push(stems(0.25, len(&pieces[0])).view());
        let mut second = Joint::new(&pieces[1], 2, 1, Some(first.into_tail())).unwrap();
        let joined = second.push(stems(0.75, len(&pieces[1])).view());
        let sum = joined.sum_axis(Axis(0));
        assert!(sum.iter().all(|x| (x - 1.0).abs() < 1e-6));
        let stem = joined.slice(s![0, 0, ..]);
        assert!(stem[0] < 0.26 && stem[19] > 0.74, "{stem}");
        let steps = stem.windows(2).into_iter().map(|pair| pair[1] - pair[0]);
        assert!(steps.into_iter().fold(0.0, f32::max) < 0.05);
    }

    #[test]
    fn pieces_shorter_than_what_they_share_are_refused() {
        let cut = Cut {
            len_samples: 40,
            fade_samples: 20,
            margin_samples: 20,
            grid_samples: 10,
        };
        let error = cut.pieces(1000).unwrap_err().to_string();
        assert!(error.contains("40"), "{error}");
    }

    #[test]
    fn a_tail_of_another_length_is_refused() {
        let cut = Cut {
            len_samples: 100,
            fade_samples: 20,
            margin_samples: 10,
            grid_samples: 10,
        };
        let pieces = cut.pieces(200).unwrap();
        let tail = Array3::zeros((2, 1, 7));
        assert!(Joint::new(&pieces[1], 2, 1, Some(tail)).is_err());
        assert!(Joint::new(&pieces[1], 2, 1, None).is_err());
    }
}
