//! One block of bins comes in; its model and projections go out, register block by register block.
//!
//! A register block is `M` rows × `N` vectors of sums that stay in registers over the whole inner
//! sum: 6 × 4 of 32 registers with AVX-512, 6 × 2 of 16 with AVX2. Each step loads `N` vectors,
//! repeats `M` numbers and does `M · N` fused multiply-adds, so that the loads hide behind them.
//!
//! Every function here must be inlined into one compiled for the vector's instruction set, and is
//! `unsafe` for that reason; that the slices are long enough is checked at the start of each phase.

use super::vector::Vector;
use crate::{
    pack::{BLOCK, Layout},
    phase::{Block, Model},
};

/// Call `$body` with `$rows` as a constant for all blocks of `$count` rows: `V::ROWS`, then fewer.
macro_rules! for_row_blocks {
    ($vector:ident, $count:expr, |$first:ident, $rows:ident| $body:expr) => {{
        let count = $count;
        let mut $first = 0;
        while $vector::ROWS >= 6 && count - $first >= 6 {
            const $rows: usize = 6;
            $body;
            $first += 6;
        }
        while count - $first >= 4 {
            const $rows: usize = 4;
            $body;
            $first += 4;
        }
        if count - $first >= 2 {
            const $rows: usize = 2;
            $body;
            $first += 2;
        }
        if count - $first >= 1 {
            const $rows: usize = 1;
            $body;
        }
    }};
}

/// Call `$body` with `$vectors` as a constant equal to `$count`, 1 to `V::GROUP`.
macro_rules! with_vectors {
    ($vector:ident, $count:expr, |$vectors:ident| $body:expr) => {
        match $count {
            1 => {
                const $vectors: usize = 1;
                $body
            }
            2 => {
                const $vectors: usize = 2;
                $body
            }
            3 if $vector::GROUP > 2 => {
                const $vectors: usize = 3;
                $body
            }
            4 if $vector::GROUP > 2 => {
                const $vectors: usize = 4;
                $body
            }
            other => unreachable!("{other} vectors side by side"),
        }
    };
}

pub(super) use {for_row_blocks, with_vectors};

/// Columns of one strip, from `first` on, of a block of `width` bins: (vectors, bins).
#[inline(always)]
pub(super) fn strip<V: Vector>(first: usize, width: usize) -> (usize, usize) {
    let bins = (width - first).min(V::GROUP * V::LEN);
    (bins.div_ceil(V::LEN), bins)
}

/// See [`crate::phase::Phases::product`].
#[inline(always)]
pub(super) unsafe fn product<V: Vector>(block: &Block, model: &Model<'_>, out: &mut [f32]) {
    model.check(block);
    block.check_field(out);
    for column in (0..block.width).step_by(V::GROUP * V::LEN) {
        let (vectors, count) = strip::<V>(column, block.width);
        with_vectors!(V, vectors, |N| for_row_blocks!(
            V,
            block.frames,
            |frame, M| {
                // SAFETY: rows frame..frame + M and columns column..column + count of the block exist.
                unsafe {
                    let sums = model_block::<V, M, N>(block, model, frame, column, count);
                    store(&sums, out.as_mut_ptr().add(frame * BLOCK + column), BLOCK);
                }
            }
        ));
    }
}

/// The model of rows `frame..frame + M` and columns `column..column + count` of a block.
#[inline(always)]
pub(super) unsafe fn model_block<V: Vector, const M: usize, const N: usize>(
    block: &Block,
    model: &Model<'_>,
    frame: usize,
    column: usize,
    count: usize,
) -> [[V; N]; M] {
    let Block {
        components,
        bins,
        first,
        ..
    } = *block;
    // SAFETY: the caller's, and `Model::check`.
    unsafe {
        let mut sums = [[V::splat(model.floor); N]; M];
        if let Some(base) = model.base {
            for (m, sums) in sums.iter_mut().enumerate() {
                let base = base.as_ptr().add((frame + m) * bins + first + column);
                for (n, sum) in sums.iter_mut().enumerate() {
                    let rest = count - n * V::LEN;
                    *sum = sum.add(V::load_first(base.add(n * V::LEN), rest));
                }
            }
        }
        let h = model.h.as_ptr().add(frame * components);
        let w = model.rows.as_ptr().add(column);
        for k in 0..components {
            multiply_add::<V, 1, M, N>(&mut sums, h.add(k), components, w.add(k * BLOCK));
        }
        sums
    }
}

/// `sums[m][n] += x[m · stride] · w[n]`: one step of a register block.
#[inline(always)]
unsafe fn multiply_add<V: Vector, const SPLIT: usize, const M: usize, const N: usize>(
    sums: &mut [[V; N]; M],
    x: *const f32,
    stride: usize,
    w: *const f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let w: [V; N] = std::array::from_fn(|n| V::load(w.add(n * V::LEN)));
        for (m, sums) in sums.iter_mut().enumerate() {
            let x = V::repeat::<SPLIT>(x.add(m * stride));
            for (sum, &w) in sums.iter_mut().zip(&w) {
                *sum = x.mul_add(w, *sum);
            }
        }
    }
}

#[inline(always)]
unsafe fn store<V: Vector, const M: usize, const N: usize>(
    sums: &[[V; N]; M],
    to: *mut f32,
    stride: usize,
) {
    for (m, sums) in sums.iter().enumerate() {
        for (n, sum) in sums.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { sum.store(to.add(m * stride + n * V::LEN)) };
        }
    }
}

/// See [`crate::phase::Phases::project_activations`].
#[inline(always)]
pub(super) unsafe fn project_activations<V: Vector>(
    block: &Block,
    layout: Layout,
    columns: &[f32],
    field: &[f32],
    sums: &mut [f32],
) {
    block.check_field(field);
    assert!(layout.lanes == V::LEN && layout.group == V::GROUP);
    assert!(columns.len() >= layout.row() * (BLOCK / layout.split));
    assert!(sums.len() >= block.frames * layout.row());
    // SAFETY: the slices are long enough by the checks above.
    unsafe {
        match layout.split {
            1 => project_split::<V, 1>(block, layout, columns, field, sums),
            2 => project_split::<V, 2>(block, layout, columns, field, sums),
            4 if V::LEN == 16 => project_split::<V, 4>(block, layout, columns, field, sums),
            other => unreachable!("{other} bins in one vector"),
        }
    }
}

#[inline(always)]
unsafe fn project_split<V: Vector, const SPLIT: usize>(
    block: &Block,
    layout: Layout,
    columns: &[f32],
    field: &[f32],
    sums: &mut [f32],
) {
    let row = layout.row();
    for vector in (0..layout.vectors).step_by(V::GROUP) {
        let vectors = V::GROUP.min(layout.vectors - vector);
        // SAFETY: a group is `vectors` wide and BLOCK / SPLIT steps high, and begins where all
        // groups before it end; rows frame..frame + M of `field` and `sums` exist.
        unsafe {
            let columns = columns.as_ptr().add(vector * V::LEN * (BLOCK / SPLIT));
            with_vectors!(V, vectors, |N| for_row_blocks!(
                V,
                block.frames,
                |frame, M| {
                    let to = sums.as_mut_ptr().add(frame * row + vector * V::LEN);
                    let mut sums = [[V::splat(0.0); N]; M];
                    if block.first > 0 {
                        for (m, sums) in sums.iter_mut().enumerate() {
                            for (n, sum) in sums.iter_mut().enumerate() {
                                *sum = V::load(to.add(m * row + n * V::LEN));
                            }
                        }
                    }
                    let field = field.as_ptr().add(frame * BLOCK);
                    for step in 0..block.width.div_ceil(SPLIT) {
                        let w = columns.add(step * N * V::LEN);
                        multiply_add::<V, SPLIT, M, N>(
                            &mut sums,
                            field.add(step * SPLIT),
                            BLOCK,
                            w,
                        );
                    }
                    store(&sums, to, row);
                }
            ));
        }
    }
}

/// See [`crate::phase::Phases::project_templates`].
#[inline(always)]
pub(super) unsafe fn project_templates<V: Vector>(
    block: &Block,
    h: &[f32],
    field: &[f32],
    out: &mut [f32],
) {
    let Block {
        frames,
        components,
        bins,
        first,
        width,
    } = *block;
    block.check_activations(h);
    block.check_field(field);
    assert!(first + width <= bins && out.len() >= components * bins);
    for column in (0..width).step_by(V::GROUP * V::LEN) {
        let (vectors, count) = strip::<V>(column, width);
        with_vectors!(V, vectors, |N| for_row_blocks!(
            V,
            components,
            |component, M| {
                // SAFETY: rows component..component + M of `out` and columns column..column + count
                // of the block exist, by the checks above.
                unsafe {
                    let out = out.as_mut_ptr().add(component * bins + first + column);
                    let mut sums = [[V::splat(0.0); N]; M];
                    let h = h.as_ptr().add(component);
                    let field = field.as_ptr().add(column);
                    for frame in 0..frames {
                        let field = field.add(frame * BLOCK);
                        multiply_add::<V, 1, M, N>(&mut sums, h.add(frame * components), 1, field);
                    }
                    for (m, sums) in sums.iter().enumerate() {
                        for (n, sum) in sums.iter().enumerate() {
                            let out = out.add(m * bins + n * V::LEN);
                            if count == N * V::LEN {
                                V::load(out).add(*sum).store(out);
                            } else {
                                let rest = count - n * V::LEN;
                                V::load_first(out, rest).add(*sum).store_first(out, rest);
                            }
                        }
                    }
                }
            }
        ));
    }
}
