//! One block of bins comes in; what each phase of the sweep must do with it goes out, as a table
//! of functions per instruction set.

use crate::{
    Isa,
    pack::{BLOCK, Layout},
};

/// Which divergence, with what its inner loop needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// β = 2: pull v, push Λ.
    Euclidean,
    /// β = 1: pull v/Λ, push 1, which is never formed.
    KullbackLeibler,
    /// β = 0: pull v/Λ², push 1/Λ.
    ItakuraSaito,
    /// Any other β.
    Power(f64),
}

impl Rule {
    pub(crate) fn new(beta: f64) -> Self {
        // Only the exact values have the short formulas.
        if beta.to_bits() == 2.0_f64.to_bits() {
            Self::Euclidean
        } else if beta.to_bits() == 1.0_f64.to_bits() {
            Self::KullbackLeibler
        } else if beta.abs().to_bits() == 0.0_f64.to_bits() {
            Self::ItakuraSaito
        } else {
            Self::Power(beta)
        }
    }
}

/// Where a block of bins lies in the arrays of a tile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// Frames of the tile.
    pub(crate) frames: usize,
    /// Components.
    pub(crate) components: usize,
    /// Bins of the tile: the distance between rows of `v`, `base` and the gradients of `w`.
    pub(crate) bins: usize,
    /// First bin of the block.
    pub(crate) first: usize,
    /// Bins of the block, 1 to `BLOCK`.
    pub(crate) width: usize,
}

impl Block {
    /// All phases work on raw pointers; these are the bounds they rely on.
    pub(crate) fn check_cells(&self, cells: &[f32]) {
        assert!(self.width >= 1 && self.width <= BLOCK && self.first + self.width <= self.bins);
        assert!(cells.len() >= self.frames * self.bins);
    }

    pub(crate) fn check_field(&self, field: &[f32]) {
        assert!(field.len() >= self.frames * BLOCK);
    }

    pub(crate) fn check_activations(&self, h: &[f32]) {
        assert!(h.len() >= self.frames * self.components);
    }
}

/// What the model of a block is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<'a> {
    /// frames × components.
    pub(crate) h: &'a [f32],
    /// The block's templates, components × `BLOCK`.
    pub(crate) rows: &'a [f32],
    /// frames × bins.
    pub(crate) base: Option<&'a [f32]>,
    pub(crate) floor: f32,
}

impl Model<'_> {
    pub(crate) fn check(&self, block: &Block) {
        assert!(block.width >= 1 && block.width <= BLOCK);
        assert!(self.h.len() >= block.frames * block.components);
        assert!(self.rows.len() >= block.components * BLOCK);
        if let Some(base) = self.base {
            block.check_cells(base);
        }
    }
}

/// Data, and how to turn the model of a block into pull and push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) rule: Rule,
    /// frames × bins.
    pub(crate) v: &'a [f32],
    /// Least value of the data: the floor for β ≤ 0, else zero.
    pub(crate) data_floor: f32,
    /// How many values further on the data will be needed soon.
    pub(crate) ahead: usize,
    /// Whether to sum the divergence.
    pub(crate) objective: bool,
}

/// The phases of a sweep over one block. All slices are checked inside.
///
/// # Safety
///
/// The functions of a table may only be called on a processor that has its instruction set.
pub(crate) struct Phases {
    /// `out[f, b] = floor + base[f, b] + Σ_k h[f, k] · rows[k, b]`; `out` has rows of `BLOCK`.
    pub(crate) product: unsafe fn(&Block, &Model<'_>, out: &mut [f32]),
    /// The product, and from it at once the fields.
    pub(crate) model_fields:
        unsafe fn(&Block, &Model<'_>, &Fields<'_>, pull: &mut [f32], push: &mut [f32]) -> f64,
    /// The model in `pull` becomes the pull; `push` is written unless β = 1; returns the
    /// divergence of the block, or 0 if it was not asked for.
    pub(crate) fields: unsafe fn(&Block, &Fields<'_>, pull: &mut [f32], push: &mut [f32]) -> f64,
    /// Sums over the bins of the block, added to `sums` (or stored there, if the block is the
    /// first): frames × [`Layout::row`].
    pub(crate) project_activations:
        unsafe fn(&Block, Layout, columns: &[f32], field: &[f32], sums: &mut [f32]),
    /// Sums over the frames of the tile, added to `out`: components × bins.
    pub(crate) project_templates: unsafe fn(&Block, h: &[f32], field: &[f32], out: &mut [f32]),
}

impl Phases {
    pub(crate) fn of(isa: Isa) -> &'static Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &crate::simd::avx512::PHASES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &crate::simd::avx2::PHASES,
            _ => &crate::portable::PHASES,
        }
    }
}
