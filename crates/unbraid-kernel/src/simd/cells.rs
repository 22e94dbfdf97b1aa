//! The model of a block comes in; its pull, push and divergence go out, cell by cell.
//!
//! For the usual divergences this happens while a register block of the model is still in
//! registers: stores and divisions of one register block then overlap with the product of the next.
//!
//! As in [`micro`](super::micro), everything must be inlined into a function compiled for the
//! vector's instruction set.

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

use super::{
    math::{Euclidean, Formula, ItakuraSaito, KullbackLeibler, Power},
    micro::{for_row_blocks, model_block, product, strip, with_vectors},
    vector::Vector,
};
use crate::{
    pack::BLOCK,
    phase::{Block, Fields, Model, Rule},
};

/// See [`crate::phase::Phases::model_fields`].
#[inline(always)]
pub(super) unsafe fn model_fields<V: Vector>(
    block: &Block,
    model: &Model<'_>,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    model.check(block);
    block.check_cells(fields.v);
    block.check_field(pull);
    block.check_field(push);
    // SAFETY: the slices are long enough by the checks above.
    unsafe {
        match fields.rule {
            Rule::Euclidean => fused::<V, _>(Euclidean, block, model, fields, pull, push),
            Rule::KullbackLeibler => {
                fused::<V, _>(KullbackLeibler, block, model, fields, pull, push)
            }
            Rule::ItakuraSaito => fused::<V, _>(ItakuraSaito, block, model, fields, pull, push),
            Rule::Power(_) => {
                // Too long a formula to sit between products.
                product::<V>(block, model, pull);
                self::fields::<V>(block, fields, pull, push)
            }
        }
    }
}

#[inline(always)]
unsafe fn fused<V: Vector, F: Formula>(
    formula: F,
    block: &Block,
    model: &Model<'_>,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    // SAFETY: the caller's.
    unsafe {
        if fields.objective {
            fused_blocks::<V, F, true>(formula, block, model, fields, pull, push)
        } else {
            fused_blocks::<V, F, false>(formula, block, model, fields, pull, push)
        }
    }
}

#[inline(always)]
unsafe fn fused_blocks<V: Vector, F: Formula, const OBJECTIVE: bool>(
    formula: F,
    block: &Block,
    model: &Model<'_>,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    let Block {
        frames,
        bins,
        first,
        width,
        ..
    } = *block;
    let data_floor = V::splat(fields.data_floor);
    let mut total = 0.0;
    for column in (0..width).step_by(V::GROUP * V::LEN) {
        let (vectors, count) = strip::<V>(column, width);
        with_vectors!(V, vectors, |N| {
            // One sum per vector, so that none has to wait for another.
            let mut terms = [V::splat(0.0); N];
            for_row_blocks!(V, frames, |frame, M| {
                // SAFETY: rows frame..frame + M and columns column..column + count of the block exist.
                unsafe {
                    let strip = fields.v.as_ptr().add(frame * bins + first + column);
                    prefetch::<V, M>(strip.wrapping_add(fields.ahead), bins);
                    let sums = model_block::<V, M, N>(block, model, frame, column, count);
                    for (m, sums) in sums.iter().enumerate() {
                        let v = fields.v.as_ptr().add((frame + m) * bins + first + column);
                        let to = (frame + m) * BLOCK + column;
                        for (n, (&sum, terms)) in sums.iter().zip(&mut terms).enumerate() {
                            let (v, rest) = (v.add(n * V::LEN), count - n * V::LEN);
                            let whole = count == N * V::LEN;
                            let mut v = if whole {
                                V::load(v)
                            } else {
                                V::load_first(v, rest)
                            };
                            if F::DATA_FLOOR {
                                v = v.max(data_floor);
                            }
                            let (new_pull, new_push) = formula.fields(v, sum);
                            new_pull.store(pull.as_mut_ptr().add(to + n * V::LEN));
                            if F::PUSH {
                                new_push.store(push.as_mut_ptr().add(to + n * V::LEN));
                            }
                            if OBJECTIVE {
                                let term = formula.divergence(v, sum, new_pull, new_push);
                                *terms =
                                    terms.add(if whole { term } else { term.keep_first(rest) });
                            }
                        }
                    }
                    if OBJECTIVE && (frame + M).is_multiple_of(ROWS_IN_F32) {
                        total += take(&mut terms);
                    }
                }
            });
            if OBJECTIVE {
                total += take(&mut terms);
            }
        });
    }
    total
}

/// All terms of the divergence in f64; the sums begin anew.
#[inline(always)]
fn take<V: Vector, const N: usize>(terms: &mut [V; N]) -> f64 {
    let (first, rest) = terms.split_first().expect("a group has a vector");
    let sum = rest.iter().fold(*first, |sum, &term| sum.add(term));
    *terms = [V::splat(0.0); N];
    sum.sum()
}

/// Ask for a strip of the data, `M` rows, to come into the second-level cache: there are more rows
/// than a processor follows by itself. Any address is allowed.
#[inline(always)]
fn prefetch<V: Vector, const M: usize>(strip: *const f32, stride: usize) {
    // A strip begins anywhere in a cache line; its last line is the next one's first.
    for m in 0..M {
        for line in (0..V::GROUP * V::LEN).step_by(16) {
            let address = strip.wrapping_add(m * stride + line);
            // SAFETY: a prefetch does not access memory, and all processors of this architecture
            // have it.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
        }
    }
}

/// See [`crate::phase::Phases::fields`].
#[inline(always)]
pub(super) unsafe fn fields<V: Vector>(
    block: &Block,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    block.check_cells(fields.v);
    block.check_field(pull);
    block.check_field(push);
    // SAFETY: the slices are long enough by the checks above.
    unsafe {
        match fields.rule {
            Rule::Euclidean => fields_of::<V, _>(Euclidean, block, fields, pull, push),
            Rule::KullbackLeibler => fields_of::<V, _>(KullbackLeibler, block, fields, pull, push),
            Rule::ItakuraSaito => fields_of::<V, _>(ItakuraSaito, block, fields, pull, push),
            Rule::Power(beta) => fields_of::<V, _>(Power::new(beta), block, fields, pull, push),
        }
    }
}

#[inline(always)]
unsafe fn fields_of<V: Vector, F: Formula>(
    formula: F,
    block: &Block,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    // SAFETY: the caller's.
    unsafe {
        if fields.objective {
            field_rows::<V, F, true>(formula, block, fields, pull, push)
        } else {
            field_rows::<V, F, false>(formula, block, fields, pull, push)
        }
    }
}

/// Rows whose terms of the divergence are summed in f32 before they are added in f64: with four
/// vectors a row, 48 terms.
const ROWS_IN_F32: usize = 12;

#[inline(always)]
unsafe fn field_rows<V: Vector, F: Formula, const OBJECTIVE: bool>(
    formula: F,
    block: &Block,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    let Block {
        frames,
        bins,
        first,
        width,
        ..
    } = *block;
    let data_floor = V::splat(fields.data_floor);
    let mut total = 0.0;
    for start in (0..frames).step_by(ROWS_IN_F32) {
        let mut sum = V::splat(0.0);
        for frame in start..frames.min(start + ROWS_IN_F32) {
            // SAFETY: the row and its columns up to `width` exist, by the checks of the caller;
            // rows of the scratch memory are a whole number of vectors.
            unsafe {
                let v = fields.v.as_ptr().add(frame * bins + first);
                let pull = pull.as_mut_ptr().add(frame * BLOCK);
                let push = push.as_mut_ptr().add(frame * BLOCK);
                if width == BLOCK {
                    for column in (0..BLOCK).step_by(V::LEN) {
                        let v = V::load(v.add(column)).max(data_floor);
                        let (pull, push) = (pull.add(column), push.add(column));
                        let term = cell::<V, F, OBJECTIVE>(formula, v, pull, push);
                        sum = if OBJECTIVE { sum.add(term) } else { sum };
                    }
                } else {
                    for column in (0..width).step_by(V::LEN) {
                        let rest = width - column;
                        let v = V::load_first(v.add(column), rest).max(data_floor);
                        let (pull, push) = (pull.add(column), push.add(column));
                        let term = cell::<V, F, OBJECTIVE>(formula, v, pull, push);
                        sum = if OBJECTIVE {
                            sum.add(term.keep_first(rest))
                        } else {
                            sum
                        };
                    }
                }
            }
        }
        if OBJECTIVE {
            total += sum.sum();
        }
    }
    total
}

/// One vector of cells; returns the terms of the divergence, or `v`. Not a closure, as a closure
/// that is not inlined would not be compiled for the instruction set.
#[inline(always)]
unsafe fn cell<V: Vector, F: Formula, const OBJECTIVE: bool>(
    formula: F,
    v: V,
    pull: *mut f32,
    push: *mut f32,
) -> V {
    // SAFETY: the caller's.
    unsafe {
        let model = V::load(pull);
        let (new_pull, new_push) = formula.fields(v, model);
        new_pull.store(pull);
        if F::PUSH {
            new_push.store(push);
        }
        if OBJECTIVE {
            formula.divergence(v, model, new_pull, new_push)
        } else {
            v
        }
    }
}
