//! A sequence comes in; its running median goes out.

use ndarray::ArrayView1;

/// The running median of `values`, into `out`.
///
/// ```text
/// out[i] = median of values[i − half ..= i + half]
/// ```
///
/// At the ends the window is cut off, not padded; the median of an even number of values is
/// the mean of the two in the middle.
///
/// # Cost
///
/// The window is kept sorted. Each step finds the value that leaves and the place of the one
/// that enters by bisection, and shifts only what lies between the two: at most `half × 2`
/// neighbouring floats, which for the windows in use (under a few hundred) is faster than a
/// pair of heaps.
///
/// # Panics
///
/// If `out` has another length than `values`. NaN is not expected (debug assertion).
///
/// # Examples
///
/// ```
/// use ndarray::array;
///
/// let mut median = [0.0; 5];
/// unbraid::analysis::median::running(array![1.0, 9.0, 2.0, 3.0, 4.0].view(), 1, &mut median);
/// assert_eq!(median, [5.0, 2.0, 3.0, 3.0, 3.5]);
/// ```
pub fn running(values: ArrayView1<'_, f32>, half: usize, out: &mut [f32]) {
    assert_eq!(
        values.len(),
        out.len(),
        "a running median is as long as its input"
    );
    debug_assert!(!values.iter().any(|value| value.is_nan()));
    let len = values.len();
    let mut window: Vec<f32> = values.iter().take(half).copied().collect();
    window.sort_unstable_by(f32::total_cmp);
    window.reserve(half + 2);
    for (at, median) in out.iter_mut().enumerate() {
        let entering = (at + half < len).then(|| values[at + half]);
        let leaving = (at > half).then(|| values[at - half - 1]);
        match (leaving, entering) {
            (Some(old), Some(new)) => exchange(&mut window, old, new),
            (Some(old), None) => {
                window.remove(place(&window, old));
            }
            (None, Some(new)) => window.insert(place(&window, new), new),
            (None, None) => {}
        }
        let middle = window.len() / 2;
        *median = if window.len() % 2 == 1 {
            window[middle]
        } else {
            f32::midpoint(window[middle - 1], window[middle])
        };
    }
}

/// Sequences whose medians [`running_across`] takes side by side.
pub(crate) const LANES: usize = 16;

/// The running medians of [`LANES`] sequences at once, whose first and last values go on beyond the edges.
///
/// `at` gives the values at a position from 0 to `len − 1`, `median` takes the medians there. Every step rebuilds
/// the sorted windows without a jump, so that the compiler does it in vectors:
///
/// ```text
/// rest[i]   = sorted[i] if sorted[i] < leaving, else sorted[i + 1]     the window without what leaves
/// sorted[i] = max(rest[i − 1], min(rest[i], entering))                 and with what enters
/// ```
pub(crate) fn running_across(
    len: usize,
    half: usize,
    at: impl Fn(usize) -> [f32; LANES],
    mut median: impl FnMut(usize, [f32; LANES]),
) {
    let Some(last) = len.checked_sub(1) else {
        return;
    };
    let first = at(0);
    let mut columns: [Vec<f32>; LANES] = first.map(|value| vec![value; half]);
    for position in 0..=half {
        let values = at(position.min(last));
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    for column in &mut columns {
        column.sort_unstable_by(f32::total_cmp);
    }
    // One more than the window, which stays above everything.
    let mut sorted = vec![[f32::INFINITY; LANES]; 2 * half + 2];
    for (i, row) in sorted[..=2 * half].iter_mut().enumerate() {
        *row = std::array::from_fn(|lane| columns[lane][i]);
    }
    median(0, sorted[half]);
    for position in 1..len {
        let leaving = at((position - 1).saturating_sub(half));
        let entering = at((position + half).min(last));
        let mut below = [0.0_f32; LANES];
        for i in 0..=2 * half {
            let (these, next) = (sorted[i], sorted[i + 1]);
            let row = &mut sorted[i];
            for lane in 0..LANES {
                let keeps = these[lane] < leaving[lane];
                let rest = if keeps { these[lane] } else { next[lane] };
                let enters = entering[lane];
                let inserted = if rest < enters { rest } else { enters };
                row[lane] = if inserted > below[lane] {
                    inserted
                } else {
                    below[lane]
                };
                below[lane] = rest;
            }
        }
        median(position, sorted[half]);
    }
}

/// The first place in a sorted window that holds at least `value`.
fn place(window: &[f32], value: f32) -> usize {
    window.partition_point(|held| held.total_cmp(&value).is_lt())
}

/// Take `old` out of a sorted window and put `new` in, moving only what lies between.
fn exchange(window: &mut [f32], old: f32, new: f32) {
    let from = place(window, old);
    let to = place(window, new);
    if to > from {
        window.copy_within(from + 1..to, from);
        window[to - 1] = new;
    } else {
        window.copy_within(to..from, to + 1);
        window[to] = new;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "a median is one of the values")]

    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;

    fn naive(values: &[f32], half: usize) -> Vec<f32> {
        (0..values.len())
            .map(|at| {
                let mut window =
                    values[at.saturating_sub(half)..values.len().min(at + half + 1)].to_vec();
                window.sort_unstable_by(f32::total_cmp);
                let middle = window.len() / 2;
                if window.len() % 2 == 1 {
                    window[middle]
                } else {
                    f32::midpoint(window[middle - 1], window[middle])
                }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn it_equals_sorting_every_window(
            // Few different values, so that ties are frequent.
            values in prop::collection::vec((0_u8..12).prop_map(f32::from), 0..40),
            half in 0_usize..50,
        ) {
            let mut out = vec![f32::NAN; values.len()];
            running(Array1::from(values.clone()).view(), half, &mut out);
            prop_assert_eq!(out, naive(&values, half));
        }
    }

    proptest! {
        #[test]
        fn sequences_side_by_side_have_the_medians_of_each(
            len in 1_usize..40,
            half in 0_usize..30,
            values in prop::collection::vec((0_u8..12).prop_map(f32::from), 40 * LANES),
        ) {
            let mut found = vec![[f32::NAN; LANES]; len];
            let at = |position: usize| std::array::from_fn(|lane| values[lane * 40 + position]);
            running_across(len, half, at, |position, medians| found[position] = medians);
            for lane in 0..LANES {
                let sequence = &values[lane * 40..][..len];
                let longer: Vec<f32> = (0..len + 2 * half)
                    .map(|at| sequence[at.saturating_sub(half).min(len - 1)])
                    .collect();
                let expected = &naive(&longer, half)[half..half + len];
                let found: Vec<f32> = found.iter().map(|row| row[lane]).collect();
                prop_assert_eq!(&found[..], expected, "lane {}", lane);
            }
        }
    }

    #[test]
    fn a_single_spike_disappears() {
        let mut values = Array1::zeros(21);
        values[10] = 5.0;
        let mut out = [1.0; 21];
        running(values.view(), 2, &mut out);
        assert_eq!(out, [0.0; 21]);
    }
}
