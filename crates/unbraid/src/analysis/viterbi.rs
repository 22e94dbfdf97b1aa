//! How likely every state is at every frame comes in; the best path through them goes out.

use ndarray::{Array2, ArrayView2};

/// What moving costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moves {
    /// The cost of moving by one state.
    pub per_state: f32,
    /// The farthest move that is paid by the state.
    pub reach: usize,
    /// The cost of any farther move: a new note.
    pub jump: f32,
}

/// The path of the largest sum of evidence less the cost of its moves.
///
/// # Shapes
///
/// `evidence` is `(frames, states)`; the path has one state per frame.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::analysis::viterbi::{Moves, best_path};
///
/// // The second frame alone would say state 2.
/// let evidence = array![[1.0, 0.0, 0.0], [0.4, 0.0, 0.5], [1.0, 0.0, 0.0]];
/// let moves = Moves { per_state: 0.2, reach: 1, jump: 0.5 };
/// assert_eq!(best_path(evidence.view(), &moves), [0, 0, 0]);
/// ```
#[must_use]
pub fn best_path(evidence: ArrayView2<'_, f32>, moves: &Moves) -> Vec<usize> {
    let (frames, states) = evidence.dim();
    if frames == 0 || states == 0 {
        return Vec::new();
    }
    let mut score = evidence.row(0).to_vec();
    let mut from = Array2::<u32>::zeros((frames, states));
    let mut next = vec![0.0_f32; states];
    for frame in 1..frames {
        let farthest = largest(&score);
        for (state, next) in next.iter_mut().enumerate() {
            let (mut best, mut origin) = (score[farthest] - moves.jump, farthest);
            let low = state.saturating_sub(moves.reach);
            let high = (state + moves.reach + 1).min(states);
            for (other, score) in (low..high).zip(&score[low..high]) {
                let value = score - moves.per_state * state.abs_diff(other) as f32;
                if value > best {
                    (best, origin) = (value, other);
                }
            }
            *next = best + evidence[[frame, state]];
            from[[frame, state]] = origin as u32;
        }
        std::mem::swap(&mut score, &mut next);
    }
    let mut path = vec![largest(&score); frames];
    for frame in (1..frames).rev() {
        path[frame - 1] = from[[frame, path[frame]]] as usize;
    }
    path
}

fn largest(values: &[f32]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testsignals::noise;

    fn score(evidence: &Array2<f32>, path: &[usize], moves: &Moves) -> f32 {
        let sounds: f32 = path
            .iter()
            .enumerate()
            .map(|(t, &s)| evidence[[t, s]])
            .sum();
        let cost = |pair: &[usize]| {
            let by = pair[0].abs_diff(pair[1]);
            let stepwise = moves.per_state * by as f32;
            if by <= moves.reach {
                stepwise.min(moves.jump)
            } else {
                moves.jump
            }
        };
        sounds - path.windows(2).map(cost).sum::<f32>()
    }

    #[test]
    fn no_path_is_better() {
        let moves = Moves {
            per_state: 0.3,
            reach: 1,
            jump: 0.7,
        };
        let (frames, states) = (5, 4);
        for seed in 0..20 {
            let values = noise(frames * states, seed);
            let evidence = Array2::from_shape_vec((frames, states), values).unwrap();
            let found = score(&evidence, &best_path(evidence.view(), &moves), &moves);
            let best = (0..states.pow(frames as u32))
                .map(|mut code| {
                    let path: Vec<usize> = (0..frames)
                        .map(|_| {
                            let state = code % states;
                            code /= states;
                            state
                        })
                        .collect();
                    score(&evidence, &path, &moves)
                })
                .fold(f32::MIN, f32::max);
            // A jump is offered from the best state only; from another one it cannot be better.
            assert!((found - best).abs() < 1e-5, "seed {seed}: {found} {best}");
        }
    }
}
