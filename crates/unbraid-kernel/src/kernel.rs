//! Tiles come in; gradients, models and divergences go out. The public face of the inner loops.

use crate::{
    Error, Isa, Scratch, Templates, Tile,
    error::check_len,
    pack::{BLOCK, Layout},
    phase::{Block, Fields, Model, Phases, Rule},
    tile::Buffers,
};

/// Whether to compute the divergence on the way.
///
/// It needs a logarithm per bin unless β = 2, which no product hides: an iteration over both factors
/// takes around 15 % longer with 16 components, 5 % with 64. So ask in one of the two calls only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Return the divergence of the tile.
    Compute,
    /// Return zero and save the logarithms.
    Skip,
}

/// The inner loops for one β, one floor and one instruction set.
///
/// Small and `Copy`: make one and share it with all threads.
///
/// # Shapes
///
/// | | shape | semantics |
/// |---|---|---|
/// | `pull_h`, `push_h` | frames × components | overwritten |
/// | `pull_w`, `push_w` | components × bins | **added to**, so that tiles sum up |
///
/// For β = 1 the push is one in every bin, so that `push_w` is the same in all bins. Then a
/// caller may pass `push_w` of length components, and save the memory traffic:
/// `push_w[k] += Σ over frames h[f, k]`.
///
/// # Accuracy
///
/// Products and projections are sums of f32 with fused multiply-add (without, in
/// [`Isa::Portable`] on x86). Powers and logarithms have a relative error below 1e-6. Divergences
/// are summed in f32 over at most 48 terms per lane, then in f64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    isa: Isa,
    rule: Rule,
    beta: f64,
    floor: f32,
}

impl Kernel {
    /// The kernel for β with the fastest instruction set of this processor.
    ///
    /// `floor` is a constant component of the model and must be above zero: around 1e-6 of the
    /// largest value of the spectrogram is a good start. For β ≤ 0, data below the floor count as
    /// the floor, as the divergence would be infinite otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if β is not finite, or the floor is not a normal number above zero.
    pub fn new(beta: f64, floor: f32) -> Result<Self, Error> {
        Self::with_isa(Isa::detect(), beta, floor)
    }

    /// The kernel for β with a given instruction set.
    ///
    /// # Errors
    ///
    /// As [`Kernel::new`], and [`Error::Isa`] if this processor does not have it.
    pub fn with_isa(isa: Isa, beta: f64, floor: f32) -> Result<Self, Error> {
        if !isa.is_available() {
            return Err(Error::Isa {
                expected: Isa::detect(),
                actual: isa,
            });
        }
        if !beta.is_finite() {
            return Err(Error::Value {
                what: "beta",
                given: beta,
                requirement: "finite",
            });
        }
        if !(floor.is_normal() && floor > 0.0) {
            let given = f64::from(floor);
            return Err(Error::Value {
                what: "floor",
                given,
                requirement: "normal and above zero",
            });
        }
        Ok(Self {
            isa,
            rule: Rule::new(beta),
            beta,
            floor,
        })
    }

    /// The instruction set.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// β of the divergence.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// The constant component of the model.
    #[must_use]
    pub fn floor(&self) -> f32 {
        self.floor
    }

    /// Gradient for the activations of one tile; returns the divergence of the tile.
    ///
    /// # Errors
    ///
    /// - [`Error::Length`] if `pull_h` or `push_h` is not frames × components.
    /// - [`Error::Isa`] if the templates are packed for another instruction set.
    pub fn gradient_activations(
        &self,
        tile: &Tile<'_>,
        pull_h: &mut [f32],
        push_h: &mut [f32],
        objective: Objective,
        scratch: &mut Scratch,
    ) -> Result<f64, Error> {
        self.sweep(tile, Some((pull_h, push_h)), None, objective, scratch)
    }

    /// Gradient for the templates, added up over tiles; returns the divergence of the tile.
    ///
    /// # Errors
    ///
    /// - [`Error::Length`] if `pull_w` or `push_w` does not have the shape above.
    /// - [`Error::Isa`] if the templates are packed for another instruction set.
    pub fn gradient_templates(
        &self,
        tile: &Tile<'_>,
        pull_w: &mut [f32],
        push_w: &mut [f32],
        objective: Objective,
        scratch: &mut Scratch,
    ) -> Result<f64, Error> {
        self.sweep(tile, None, Some((pull_w, push_w)), objective, scratch)
    }

    /// Gradients for both factors from one model product: three quarters of the work of the two
    /// separate calls, for joint updates. Returns the divergence of the tile.
    ///
    /// `activations` and `templates` are (pull, push) of either factor.
    ///
    /// # Errors
    ///
    /// - [`Error::Length`] if a gradient does not have the shape above.
    /// - [`Error::Isa`] if the templates are packed for another instruction set.
    pub fn gradient_both(
        &self,
        tile: &Tile<'_>,
        activations: (&mut [f32], &mut [f32]),
        templates: (&mut [f32], &mut [f32]),
        objective: Objective,
        scratch: &mut Scratch,
    ) -> Result<f64, Error> {
        self.sweep(tile, Some(activations), Some(templates), objective, scratch)
    }

    /// The divergence of one tile.
    ///
    /// # Panics
    ///
    /// If the templates are packed for another instruction set.
    #[must_use]
    pub fn divergence(&self, tile: &Tile<'_>, scratch: &mut Scratch) -> f64 {
        self.sweep(tile, None, None, Objective::Compute, scratch)
            .expect("no gradient has a wrong length; the templates are for this instruction set")
    }

    /// The model `floor + base + h·w` of one tile; `out` is frames × bins, overwritten.
    ///
    /// # Errors
    ///
    /// - [`Error::Length`] if `out` is not frames × bins.
    /// - [`Error::Isa`] if the templates are packed for another instruction set.
    pub fn model(
        &self,
        tile: &Tile<'_>,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        check_len("the model", tile.v.len(), out.len())?;
        self.check_templates(tile.templates)?;
        let buffer = scratch.cut(tile.frames, tile.templates.layout()).pull;
        let whole = Model {
            h: tile.h,
            rows: &[],
            base: tile.base,
            floor: self.floor,
        };
        for (index, block) in blocks(tile.templates, tile.frames).enumerate() {
            let model = Model {
                rows: tile.templates.rows(index),
                ..whole
            };
            self.product(&block, &model, buffer);
            copy_block(&block, buffer, out);
        }
        Ok(())
    }

    /// Add `h·w` to `out` (frames × bins), for sums of parts.
    ///
    /// # Errors
    ///
    /// - [`Error::Length`] if `h` is not frames × components, or `out` not frames × bins.
    /// - [`Error::Isa`] if the templates are packed for another instruction set.
    ///
    /// # Examples
    ///
    /// ```
    /// use unbraid_kernel::{Kernel, Scratch, Templates};
    ///
    /// let kernel = Kernel::new(1.0, 1e-9)?;
    /// let templates = Templates::new(kernel.isa(), &[1.0, 2.0], 1, 2)?;
    /// let mut out = [10.0, 10.0, 10.0, 10.0];
    /// kernel.add_product(&[1.0, 3.0], &templates, &mut out, &mut Scratch::default())?;
    /// assert_eq!(out, [11.0, 12.0, 13.0, 16.0]);
    /// # Ok::<(), unbraid_kernel::Error>(())
    /// ```
    pub fn add_product(
        &self,
        h: &[f32],
        templates: &Templates,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let frames = out.len() / templates.bins().max(1);
        check_len("the sum of models", frames * templates.bins(), out.len())?;
        check_len("the activations", frames * templates.components(), h.len())?;
        self.check_templates(templates)?;
        let buffer = scratch.cut(frames, templates.layout()).pull;
        for (index, block) in blocks(templates, frames).enumerate() {
            let model = Model {
                h,
                rows: templates.rows(index),
                base: Some(out),
                floor: 0.0,
            };
            self.product(&block, &model, buffer);
            copy_block(&block, buffer, out);
        }
        Ok(())
    }

    /// Pull and push of a given model, cell by cell, for parts that are not a product of two
    /// factors; returns the divergence. The model is used as given: it must include the floor.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the slices differ in length.
    ///
    /// # Examples
    ///
    /// ```
    /// use unbraid_kernel::{Kernel, Objective};
    ///
    /// let (mut pull, mut push) = ([0.0; 2], [0.0; 2]);
    /// let kernel = Kernel::new(2.0, 1e-9)?;
    /// let divergence =
    ///     kernel.fields(&[1.0, 5.0], &[1.0, 3.0], &mut pull, &mut push, Objective::Compute)?;
    /// assert_eq!((divergence, pull, push), (2.0, [1.0, 5.0], [1.0, 3.0]));
    /// # Ok::<(), unbraid_kernel::Error>(())
    /// ```
    pub fn fields(
        &self,
        v: &[f32],
        model: &[f32],
        pull: &mut [f32],
        push: &mut [f32],
        objective: Objective,
    ) -> Result<f64, Error> {
        check_len("the model", v.len(), model.len())?;
        check_len("the pull", v.len(), pull.len())?;
        check_len("the push", v.len(), push.len())?;
        if self.rule == Rule::KullbackLeibler {
            push.fill(1.0);
        }
        pull.copy_from_slice(model);
        // Rows of exactly one block lie in memory as the phases want them.
        let whole = v.len() - v.len() % BLOCK;
        let mut sum = 0.0;
        let pieces = v[..whole]
            .chunks(BLOCK * BLOCK)
            .zip(pull[..whole].chunks_mut(BLOCK * BLOCK));
        for ((v, pull), push) in pieces.zip(push[..whole].chunks_mut(BLOCK * BLOCK)) {
            let frames = v.len() / BLOCK;
            let block = Block {
                frames,
                components: 0,
                bins: BLOCK,
                first: 0,
                width: BLOCK,
            };
            sum += self.block_fields(&block, v, objective, pull, push);
        }
        let width = v.len() - whole;
        if width > 0 {
            let (mut pull_row, mut push_row) = ([1.0; BLOCK], [1.0; BLOCK]);
            pull_row[..width].copy_from_slice(&pull[whole..]);
            let block = Block {
                frames: 1,
                components: 0,
                bins: width,
                first: 0,
                width,
            };
            sum += self.block_fields(&block, &v[whole..], objective, &mut pull_row, &mut push_row);
            pull[whole..].copy_from_slice(&pull_row[..width]);
            push[whole..].copy_from_slice(&push_row[..width]);
        }
        Ok(sum)
    }

    /// The one pass over a tile that all gradients share, block of bins by block of bins.
    fn sweep(
        &self,
        tile: &Tile<'_>,
        mut activations: Option<(&mut [f32], &mut [f32])>,
        mut templates: Option<(&mut [f32], &mut [f32])>,
        objective: Objective,
        scratch: &mut Scratch,
    ) -> Result<f64, Error> {
        self.check_templates(tile.templates)?;
        let (components, bins) = (tile.components(), tile.bins());
        let push_formed = self.rule != Rule::KullbackLeibler;
        if let Some((pull_h, push_h)) = &activations {
            check_len("the pull of the activations", tile.h.len(), pull_h.len())?;
            check_len("the push of the activations", tile.h.len(), push_h.len())?;
        }
        if let Some((pull_w, push_w)) = &templates {
            check_len("the pull of the templates", components * bins, pull_w.len())?;
            if push_formed || push_w.len() != components {
                check_len("the push of the templates", components * bins, push_w.len())?;
            }
        }

        let layout = tile.templates.layout();
        let phases = Phases::of(self.isa);
        let Buffers {
            pull,
            push,
            pull_sums,
            push_sums,
        } = scratch.cut(tile.frames, layout);
        let mut fields = self.fields_of(tile.v, objective);
        if templates.is_some() {
            // The templates are the last to need a tile; next is the one behind it in memory.
            fields.ahead = tile.v.len();
        }
        let mut divergence = 0.0;
        for (index, block) in blocks(tile.templates, tile.frames).enumerate() {
            let rows = tile.templates.rows(index);
            let model = Model {
                h: tile.h,
                rows,
                base: tile.base,
                floor: self.floor,
            };
            // SAFETY: the instruction set was checked to be available in `with_isa`.
            divergence += unsafe { (phases.model_fields)(&block, &model, &fields, pull, push) };
            if activations.is_some() {
                let columns = tile.templates.columns(index);
                // SAFETY: as above.
                unsafe { (phases.project_activations)(&block, layout, columns, pull, pull_sums) };
                if push_formed {
                    // SAFETY: as above.
                    unsafe {
                        (phases.project_activations)(&block, layout, columns, push, push_sums);
                    }
                }
            }
            if let Some((pull_w, push_w)) = &mut templates {
                // SAFETY: as above.
                unsafe { (phases.project_templates)(&block, tile.h, pull, pull_w) };
                if push_formed {
                    // SAFETY: as above.
                    unsafe { (phases.project_templates)(&block, tile.h, push, push_w) };
                }
            }
        }

        if let Some((pull_h, push_h)) = &mut activations {
            fold(layout, pull_sums, components, pull_h);
            if push_formed {
                fold(layout, push_sums, components, push_h);
            } else {
                push_h
                    .chunks_exact_mut(components.max(1))
                    .for_each(|row| row.copy_from_slice(tile.templates.sums()));
            }
        }
        if let Some((_, push_w)) = &mut templates
            && !push_formed
        {
            add_activation_sums(tile, push_w);
        }
        Ok(divergence)
    }

    fn check_templates(&self, templates: &Templates) -> Result<(), Error> {
        if templates.isa() == self.isa {
            Ok(())
        } else {
            Err(Error::Isa {
                expected: self.isa,
                actual: templates.isa(),
            })
        }
    }

    fn product(&self, block: &Block, model: &Model<'_>, out: &mut [f32]) {
        // SAFETY: the instruction set was checked to be available in `with_isa`.
        unsafe { (Phases::of(self.isa).product)(block, model, out) }
    }

    fn fields_of<'a>(&self, v: &'a [f32], objective: Objective) -> Fields<'a> {
        let data_floor = if self.beta <= 0.0 { self.floor } else { 0.0 };
        Fields {
            ahead: BLOCK,
            rule: self.rule,
            v,
            data_floor,
            objective: objective == Objective::Compute,
        }
    }

    fn block_fields(
        &self,
        block: &Block,
        v: &[f32],
        objective: Objective,
        pull: &mut [f32],
        push: &mut [f32],
    ) -> f64 {
        let fields = self.fields_of(v, objective);
        // SAFETY: the instruction set was checked to be available in `with_isa`.
        unsafe { (Phases::of(self.isa).fields)(block, &fields, pull, push) }
    }
}

/// The blocks of bins of a tile.
fn blocks(templates: &Templates, frames: usize) -> impl Iterator<Item = Block> + use<> {
    let (components, bins) = (templates.components(), templates.bins());
    (0..bins).step_by(BLOCK).map(move |first| Block {
        frames,
        components,
        bins,
        first,
        width: BLOCK.min(bins - first),
    })
}

/// Copy a block out of the scratch memory.
fn copy_block(block: &Block, buffer: &[f32], out: &mut [f32]) {
    for (row, out) in buffer
        .chunks_exact(BLOCK)
        .zip(out.chunks_exact_mut(block.bins))
    {
        out[block.first..][..block.width].copy_from_slice(&row[..block.width]);
    }
}

/// Sum the neighbouring bins of the packed sums: frames × row → frames × components.
fn fold(layout: Layout, sums: &[f32], components: usize, out: &mut [f32]) {
    if components == 0 {
        return;
    }
    let rows = sums
        .chunks_exact(layout.row())
        .zip(out.chunks_exact_mut(components));
    match layout.split {
        4 => rows.for_each(|(sums, out)| {
            for (s, out) in sums.as_chunks::<4>().0.iter().zip(out) {
                *out = (s[0] + s[1]) + (s[2] + s[3]);
            }
        }),
        2 => rows.for_each(|(sums, out)| {
            for (s, out) in sums.as_chunks::<2>().0.iter().zip(out) {
                *out = s[0] + s[1];
            }
        }),
        _ => rows.for_each(|(sums, out)| out.copy_from_slice(&sums[..components])),
    }
}

/// β = 1: the push of the templates is the sum of the activations over frames, in every bin.
fn add_activation_sums(tile: &Tile<'_>, push_w: &mut [f32]) {
    let (components, bins) = (tile.components(), tile.bins());
    for k in 0..components {
        let sum: f32 = tile.h[k..].iter().step_by(components).sum();
        if push_w.len() == components {
            push_w[k] += sum;
        } else {
            push_w[k * bins..][..bins]
                .iter_mut()
                .for_each(|x| *x += sum);
        }
    }
}
