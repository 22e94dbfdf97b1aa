//! The phases of a sweep in plain safe Rust, written so that compilers vectorize them.

use crate::{
    pack::{BLOCK, Layout},
    phase::{Block, Fields, Model, Phases, Rule},
    simd::{
        math::{Euclidean, Formula, ItakuraSaito, KullbackLeibler, Power},
        vector::Lanes,
    },
};

pub(crate) static PHASES: Phases = Phases {
    product,
    model_fields,
    fields,
    project_activations,
    project_templates,
};

/// Columns handled together: two registers of NEON or SSE.
const COLUMNS: usize = 8;
/// Rows handled together.
const ROWS: usize = 4;

type Strip = [f32; COLUMNS];

#[inline(always)]
fn strip(row: &[f32], first: usize) -> Strip {
    let mut strip = [0.0; COLUMNS];
    strip.copy_from_slice(&row[first..first + COLUMNS]);
    strip
}

#[inline(always)]
fn add_scaled(sum: &mut Strip, x: f32, w: &Strip) {
    for (sum, &w) in sum.iter_mut().zip(w) {
        *sum = x.mul_add_fast(w, *sum);
    }
}

/// `Lanes::mul_add` under a name that the method of `f32` does not shadow.
trait MulAddFast {
    fn mul_add_fast(self, factor: f32, term: f32) -> f32;
}

impl MulAddFast for f32 {
    #[inline(always)]
    fn mul_add_fast(self, factor: f32, term: f32) -> f32 {
        Lanes::mul_add(self, factor, term)
    }
}

fn product(block: &Block, model: &Model<'_>, out: &mut [f32]) {
    let Model {
        h,
        rows,
        base,
        floor,
    } = *model;
    let Block {
        components,
        bins,
        first,
        width,
        ..
    } = *block;
    for (f, out) in out.chunks_exact_mut(BLOCK).take(block.frames).enumerate() {
        out.fill(floor);
        if let Some(base) = base {
            let base = &base[f * bins + first..][..width];
            out.iter_mut()
                .zip(base)
                .for_each(|(out, base)| *out += base);
        }
    }
    if components == 0 {
        return;
    }
    let groups = h
        .chunks(ROWS * components)
        .zip(out.chunks_mut(ROWS * BLOCK));
    for (h, out) in groups.take(block.frames.div_ceil(ROWS)) {
        let count = h.len() / components;
        for column in (0..width).step_by(COLUMNS) {
            let mut sums = [[0.0; COLUMNS]; ROWS];
            for (sum, out) in sums.iter_mut().zip(out.chunks_exact(BLOCK)) {
                *sum = strip(out, column);
            }
            for (k, row) in rows.chunks_exact(BLOCK).enumerate() {
                let w = strip(row, column);
                if count == ROWS {
                    for (r, sum) in sums.iter_mut().enumerate() {
                        add_scaled(sum, h[r * components + k], &w);
                    }
                } else {
                    for (r, sum) in sums.iter_mut().take(count).enumerate() {
                        add_scaled(sum, h[r * components + k], &w);
                    }
                }
            }
            for (sum, out) in sums.iter().zip(out.chunks_exact_mut(BLOCK)) {
                out[column..column + COLUMNS].copy_from_slice(sum);
            }
        }
    }
}

fn model_fields(
    block: &Block,
    model: &Model<'_>,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    product(block, model, pull);
    self::fields(block, fields, pull, push)
}

fn fields(block: &Block, fields: &Fields<'_>, pull: &mut [f32], push: &mut [f32]) -> f64 {
    match fields.rule {
        Rule::Euclidean => fields_of(Euclidean, block, fields, pull, push),
        Rule::KullbackLeibler => fields_of(KullbackLeibler, block, fields, pull, push),
        Rule::ItakuraSaito => fields_of(ItakuraSaito, block, fields, pull, push),
        Rule::Power(beta) => fields_of(Power::new(beta), block, fields, pull, push),
    }
}

fn fields_of<F: Formula>(
    formula: F,
    block: &Block,
    fields: &Fields<'_>,
    pull: &mut [f32],
    push: &mut [f32],
) -> f64 {
    let Block {
        bins, first, width, ..
    } = *block;
    let rows = pull
        .chunks_exact_mut(BLOCK)
        .zip(push.chunks_exact_mut(BLOCK));
    let mut sum = 0.0;
    for (f, (pull, push)) in rows.take(block.frames).enumerate() {
        let v = &fields.v[f * bins + first..][..width];
        let mut terms = [0.0; BLOCK];
        for (((pull, push), &v), term) in pull.iter_mut().zip(&mut *push).zip(v).zip(&mut terms) {
            let (v, m) = (Lanes::max(v, fields.data_floor), *pull);
            let (new_pull, new_push) = formula.fields(v, m);
            *pull = new_pull;
            *push = new_push;
            if fields.objective {
                *term = formula.divergence(v, m, new_pull, new_push);
            }
        }
        if fields.objective {
            sum += terms.iter().map(|&x| f64::from(x)).sum::<f64>();
        }
        // Beyond the last bin the templates are zero; the fields only have to be finite.
        pull[width..].fill(0.0);
        push[width..].fill(0.0);
    }
    sum
}

fn project_activations(
    block: &Block,
    layout: Layout,
    columns: &[f32],
    field: &[f32],
    sums: &mut [f32],
) {
    // Here a group is two vectors of eight, and nothing is split: rows of 16 or, last, 8 columns.
    debug_assert_eq!((layout.split, layout.lanes, layout.group), (1, COLUMNS, 2));
    let row = layout.row();
    if row == 0 {
        return;
    }
    for (group, columns) in columns.chunks(2 * COLUMNS * BLOCK).enumerate() {
        let group_row = columns.len() / BLOCK;
        let rows = field.chunks(ROWS * BLOCK).zip(sums.chunks_mut(ROWS * row));
        for (field, sums) in rows.take(block.frames.div_ceil(ROWS)) {
            for offset in (0..group_row).step_by(COLUMNS) {
                let column = group * 2 * COLUMNS + offset;
                let mut strips = [[0.0; COLUMNS]; ROWS];
                if block.first > 0 {
                    for (strip_sums, sums) in strips.iter_mut().zip(sums.chunks_exact(row)) {
                        *strip_sums = strip(sums, column);
                    }
                }
                let count = sums.len() / row;
                for (b, w) in columns
                    .chunks_exact(group_row)
                    .enumerate()
                    .take(block.width)
                {
                    let w = strip(w, offset);
                    for (r, strip_sums) in strips.iter_mut().take(count).enumerate() {
                        add_scaled(strip_sums, field[r * BLOCK + b], &w);
                    }
                }
                for (strip_sums, sums) in strips.iter().zip(sums.chunks_exact_mut(row)) {
                    sums[column..column + COLUMNS].copy_from_slice(strip_sums);
                }
            }
        }
    }
}

fn project_templates(block: &Block, h: &[f32], field: &[f32], out: &mut [f32]) {
    let Block {
        components,
        bins,
        first,
        width,
        ..
    } = *block;
    for (group, out) in out
        .chunks_mut(ROWS * bins)
        .enumerate()
        .take(components.div_ceil(ROWS))
    {
        let count = out.len() / bins;
        for column in (0..width).step_by(COLUMNS) {
            let mut sums = [[0.0; COLUMNS]; ROWS];
            let frames = field.chunks_exact(BLOCK).zip(h.chunks_exact(components));
            for (field, h) in frames.take(block.frames) {
                let field = strip(field, column);
                let h = &h[group * ROWS..][..count];
                for (sum, &h) in sums.iter_mut().zip(h) {
                    add_scaled(sum, h, &field);
                }
            }
            let columns = first + column..first + width.min(column + COLUMNS);
            for (sum, out) in sums.iter().zip(out.chunks_exact_mut(bins)) {
                out[columns.clone()]
                    .iter_mut()
                    .zip(sum)
                    .for_each(|(out, sum)| *out += sum);
            }
        }
    }
}
