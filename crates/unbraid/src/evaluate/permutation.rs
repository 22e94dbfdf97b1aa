//! A score of every estimate against every reference comes in; the best matching goes out.

/// Up to this many sources all orders are tried, in the order in which `mir_eval` tries them, so that
/// ties are broken alike. Beyond, the Hungarian method finds an order of the same score.
const MOST_TRIED: usize = 7;
/// Infinite scores count as this many dB in the Hungarian method, which has to subtract them.
const INFINITE_DB: f64 = 1e6;

/// For each reference the estimate it is matched with, such that the sum of scores is largest.
///
/// `score(estimate, reference)` is in dB, or in any unit whose sum means something. Scores that are NaN match
/// nothing.
///
/// # Examples
///
/// ```
/// use unbraid::evaluate::best_order;
///
/// let score = [[1.0, 9.0], [2.0, 3.0]];
/// assert_eq!(best_order(2, |estimate, reference| score[estimate][reference]), [1, 0]);
/// ```
#[must_use]
pub fn best_order(sources: usize, score: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    best(sources, score)
}

pub(super) fn best(sources: usize, score: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let score = |estimate, reference| {
        let value: f64 = score(estimate, reference);
        if value.is_nan() {
            f64::NEG_INFINITY
        } else {
            value
        }
    };
    if sources <= MOST_TRIED {
        try_all(sources, score)
    } else {
        hungarian(sources, score)
    }
}

fn try_all(sources: usize, score: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sources).collect();
    let mut best = (order.clone(), f64::NEG_INFINITY);
    loop {
        let sum: f64 = order
            .iter()
            .enumerate()
            .map(|(reference, &k)| score(k, reference))
            .sum();
        if sum > best.1 {
            best = (order.clone(), sum);
        }
        if !advance(&mut order) {
            return best.0;
        }
    }
}

/// Go on to the next order in lexicographic order, if there is one.
fn advance(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else {
        return false;
    };
    let after = (pivot + 1..order.len())
        .rfind(|&at| order[at] > order[pivot])
        .expect("the element after the pivot is larger");
    order.swap(pivot, after);
    order[pivot + 1..].reverse();
    true
}

/// The Hungarian method with potentials (Kuhn 1955, Munkres 1957), one reference at a time.
fn hungarian(sources: usize, score: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let cost = |reference: usize, estimate: usize| {
        -score(estimate, reference).clamp(-INFINITE_DB, INFINITE_DB)
    };
    // Column `sources` is a dummy that holds the reference being placed.
    let mut of_reference = vec![0.0; sources];
    let mut of_estimate = vec![0.0; sources + 1];
    let mut holder: Vec<Option<usize>> = vec![None; sources + 1];
    for reference in 0..sources {
        let mut column = sources;
        holder[column] = Some(reference);
        let mut slack = vec![f64::INFINITY; sources];
        let mut came_from = vec![sources; sources];
        let mut visited = vec![false; sources + 1];
        // Grow a tree of tight pairs until it reaches a free estimate.
        while let Some(row) = holder[column] {
            visited[column] = true;
            let (mut least, mut next) = (f64::INFINITY, column);
            for estimate in (0..sources).filter(|&estimate| !visited[estimate]) {
                let reduced = cost(row, estimate) - of_reference[row] - of_estimate[estimate];
                if reduced < slack[estimate] {
                    slack[estimate] = reduced;
                    came_from[estimate] = column;
                }
                if slack[estimate] < least {
                    (least, next) = (slack[estimate], estimate);
                }
            }
            for estimate in 0..=sources {
                if visited[estimate] {
                    if let Some(row) = holder[estimate] {
                        of_reference[row] += least;
                    }
                    of_estimate[estimate] -= least;
                } else {
                    slack[estimate] -= least;
                }
            }
            column = next;
        }
        // Hand the estimates on along the path back to the dummy.
        while column != sources {
            let before = came_from[column];
            holder[column] = holder[before];
            column = before;
        }
    }
    let mut best = vec![0; sources];
    for (estimate, row) in holder[..sources].iter().enumerate() {
        if let Some(row) = *row {
            best[row] = estimate;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(order: &[usize], score: impl Fn(usize, usize) -> f64) -> f64 {
        order
            .iter()
            .enumerate()
            .map(|(reference, &estimate)| score(estimate, reference))
            .sum()
    }

    proptest! {
        #[test]
        fn the_hungarian_method_finds_the_score_of_trying_all_orders(
            (sources, scores) in (1_usize..7).prop_flat_map(|n| {
                (Just(n), proptest::collection::vec(-50.0..50.0, n * n))
            })
        ) {
            let score = |k: usize, j: usize| scores[k * sources + j];
            let (tried, found) = (try_all(sources, score), hungarian(sources, score));
            let (tried, found) = (sum(&tried, score), sum(&found, score));
            prop_assert!((tried - found).abs() < 1e-9, "{tried} dB tried, {found} dB found");
        }
    }

    #[test]
    fn twelve_shuffled_sources_are_put_back_in_order() {
        let shuffle = |k: usize| (k * 5 + 3) % 12;
        let order = best(12, |k, j| {
            if shuffle(k) == j {
                f64::INFINITY
            } else {
                k as f64
            }
        });
        assert!((0..12).all(|j| shuffle(order[j]) == j), "{order:?}");
    }

    #[test]
    fn ties_and_scores_that_are_no_numbers_keep_the_given_order() {
        assert_eq!(best(3, |_, _| f64::INFINITY), [0, 1, 2]);
        assert_eq!(best(3, |_, _| f64::NAN), [0, 1, 2]);
        assert_eq!(best(3, |_, _| 1.0), [0, 1, 2]);
    }
}
