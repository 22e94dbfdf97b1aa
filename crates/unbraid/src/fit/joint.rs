//! A spectrogram, a voice and further parts come in; all of them fitted together go out.
//!
//! Legend: v = spectrogram, e = excitation (both frames × bins), h = activations (frames ×
//! components), r = v / Λ.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

use crate::divergence::KULLBACK_LEIBLER;
use crate::model::{LowRank, ROWS, Update, Voice};

/// Frames of a tile, as in the fit of low-rank parts.
const TILE_FRAMES: usize = 48;

/// Why the kernel's own checks cannot fail here.
const CHECKED: &str = "shapes come from the model, and the instruction set is detected";

/// A low-rank part of the joint model.
#[derive(Debug, Clone)]
pub struct Term {
    /// Templates and activations, of one channel.
    pub part: LowRank,
    /// What an activation costs on top of its share of the data, under templates of unit sum: 0.1
    /// makes ten per cent of what it explains.
    pub price: f32,
}

/// Fit a voice and low-rank parts together, by Kullback–Leibler divergence.
///
/// ```text
/// v ≈ Λ = floor + voice + Σ terms
/// objective = Σ v·log(v/Λ) − v + Λ  +  Σ breath_prices · breath  +  Σ_terms price · Σ activations
/// ```
///
/// An iteration steps the gains of the voice's filter, its shapes, every term's activations, the breath,
/// and the templates that learn, one after the other, each by a majorise–minimise step: the objective
/// never rises. (Prices are of what a factor adds to the model's sum, so they do not depend on how a
/// product is shared between its factors.) Frames are worked on in tiles whose sums are added in order:
/// the same bits come out on any number of threads.
///
/// # Shapes
///
/// `v` is `(frames, bins)`.
pub fn fit_jointly(
    v: ArrayView2<'_, f32>,
    voice: &mut Voice,
    terms: &mut [Term],
    floor: f32,
    iterations: usize,
    portable: bool,
) {
    let mut fit = Joint::new(v, voice, terms, floor, portable);
    for _ in 0..iterations {
        fit.step_voice(voice, terms);
        fit.step_terms(voice, terms);
    }
}

/// The Kullback–Leibler divergence of every frame from the joint model, and the frame's sum.
#[must_use]
pub fn divergences(
    v: ArrayView2<'_, f32>,
    voice: &Voice,
    terms: &[Term],
    floor: f32,
    portable: bool,
) -> Vec<f64> {
    let fit = Joint::new(v, voice, terms, floor, portable);
    let mut model = voice.model();
    model += floor;
    for (product, _) in fit.products.iter().zip(terms) {
        model += product;
    }
    let rows: Vec<_> = v.outer_iter().zip(model.outer_iter()).collect();
    rows.into_par_iter()
        .map(|(v, model)| {
            let cells = v.iter().zip(model);
            cells
                .map(|(&v, &model)| {
                    let log = if v > 0.0 { v * (v / model).ln() } else { 0.0 };
                    f64::from(log - v + model)
                })
                .sum()
        })
        .collect()
}

struct Joint<'a> {
    v: ArrayView2<'a, f32>,
    kernel: Kernel,
    /// `Σ_f bump_p(f) · e[f, t]`: what one unit of a band's gain adds to the model.
    weights: Array2<f32>,
    /// The templates of every term, packed.
    packed: Vec<Templates>,
    /// The model of every term without the floor.
    products: Vec<Array2<f32>>,
}

impl<'a> Joint<'a> {
    fn new(
        v: ArrayView2<'a, f32>,
        voice: &Voice,
        terms: &[Term],
        floor: f32,
        portable: bool,
    ) -> Self {
        let isa = if portable {
            Isa::Portable
        } else {
            Isa::detect()
        };
        let kernel = Kernel::with_isa(isa, KULLBACK_LEIBLER, floor).expect(CHECKED);
        let mut weights = Array2::zeros((v.nrows(), voice.bands.count()));
        for (e, mut row) in voice.excitation.outer_iter().zip(weights.outer_iter_mut()) {
            let out = row.as_slice_mut().expect(ROWS);
            voice.bands.gather(e.as_slice().expect(ROWS), out);
        }
        let packed: Vec<Templates> = terms.iter().map(|term| pack(isa, &term.part)).collect();
        let mut products = vec![Array2::zeros(v.raw_dim()); terms.len()];
        for ((term, packed), product) in terms.iter().zip(&packed).zip(&mut products) {
            multiply(&kernel, &term.part, packed, product);
        }
        Self {
            v,
            kernel,
            weights,
            packed,
            products,
        }
    }

    /// Step the gains of the filter, and its shapes if it has some.
    fn step_voice(&mut self, voice: &mut Voice, terms: &[Term]) {
        for ((term, packed), product) in terms.iter().zip(&self.packed).zip(&mut self.products) {
            if learns(&term.part) {
                multiply(&self.kernel, &term.part, packed, product);
            }
        }
        let (bins, count) = (voice.bins(), voice.bands.count());
        let Voice {
            excitation,
            bands,
            shapes,
            shapes_update,
            gains,
            breath,
            rings,
            ..
        } = voice;
        let width = gains.ncols();
        let this = &*self;
        let fixed = shapes.as_ref();
        let sums: Vec<(Array2<f32>, Array2<f32>)> = gains
            .as_slice_mut()
            .expect(ROWS)
            .par_chunks_mut(TILE_FRAMES * width)
            .enumerate()
            .map(|(tile, gains)| {
                let mut work = Row::new(bins, count);
                let mut sums = fixed.map_or_else(
                    || (Array2::zeros((0, 0)), Array2::zeros((0, 0))),
                    |s| (Array2::zeros(s.raw_dim()), Array2::zeros(s.raw_dim())),
                );
                for (row, gains) in gains.chunks_exact_mut(width).enumerate() {
                    let frame = tile * TILE_FRAMES + row;
                    let e = excitation.row(frame).to_slice().expect(ROWS);
                    let weights = this.weights.row(frame).to_slice().expect(ROWS);
                    // What does not depend on the gains.
                    this.others(frame, bands, (breath, rings.as_ref()), &mut work);
                    work.filter_of(gains, fixed);
                    work.pull_of_bands(this.v.row(frame).to_slice().expect(ROWS), e, bands);
                    match fixed {
                        None => {
                            for ((g, pull), push) in gains.iter_mut().zip(&work.pull).zip(weights) {
                                *g *= ratio(*pull, *push);
                            }
                        }
                        Some(shapes) => {
                            for (g, shape) in gains.iter_mut().zip(shapes.outer_iter()) {
                                let shape = shape.to_slice().expect(ROWS);
                                *g *= ratio(dot(shape, &work.pull), dot(shape, weights));
                            }
                            work.filter_of(gains, Some(shapes));
                            work.pull_of_bands(this.v.row(frame).to_slice().expect(ROWS), e, bands);
                            for (k, &g) in gains.iter().enumerate() {
                                let mut pull = sums.0.row_mut(k);
                                pull.iter_mut()
                                    .zip(&work.pull)
                                    .for_each(|(sum, x)| *sum += g * x);
                                let mut push = sums.1.row_mut(k);
                                push.iter_mut()
                                    .zip(weights)
                                    .for_each(|(sum, x)| *sum += g * x);
                            }
                        }
                    }
                }
                sums
            })
            .collect();
        let (Some(shapes), Some(rate)) = (shapes, shapes_update.rate()) else {
            return;
        };
        let mut pull = Array2::<f32>::zeros(shapes.raw_dim());
        let mut push = pull.clone();
        for (tile_pull, tile_push) in &sums {
            pull += tile_pull;
            push += tile_push;
        }
        ndarray::Zip::from(&mut *shapes)
            .and(&pull)
            .and(&push)
            .for_each(|s, &pull, &push| {
                let step = ratio(pull, push);
                *s *= if rate < 1.0 { step.powf(rate) } else { step };
            });
        for (mut row, mut gains) in shapes.outer_iter_mut().zip(gains.columns_mut()) {
            let sum = row.sum();
            if sum > 0.0 {
                row /= sum;
                gains *= sum;
            }
        }
    }

    /// The model of one frame without the voiced part, into `work.others`.
    fn others(
        &self,
        frame: usize,
        bands: &crate::model::Bands,
        (breath, rings): (&Array2<f32>, Option<&Array2<f32>>),
        work: &mut Row,
    ) {
        bands.spread(breath.row(frame).to_slice().expect(ROWS), &mut work.others);
        let floor = self.kernel.floor();
        work.others.iter_mut().for_each(|x| *x += floor);
        if let Some(rings) = rings {
            let rings = rings.row(frame);
            let rings = rings.to_slice().expect(ROWS);
            work.others.iter_mut().zip(rings).for_each(|(x, r)| *x += r);
        }
        for product in &self.products {
            let product = product.row(frame);
            work.others
                .iter_mut()
                .zip(product.to_slice().expect(ROWS))
                .for_each(|(x, p)| *x += p);
        }
    }

    /// Step every term's activations, the breath, and the templates that learn.
    fn step_terms(&mut self, voice: &mut Voice, terms: &mut [Term]) {
        let mut base = voice.voiced_model();
        if let Some(rings) = &voice.rings {
            base += rings;
        }
        for index in 0..terms.len() {
            self.step_activations(&base, voice, terms, index);
        }
        self.step_breath(&base, voice);
        for (index, term) in terms.iter_mut().enumerate() {
            if learns(&term.part) {
                self.step_templates(&base, voice, term, index);
            }
        }
    }

    /// The model of the frames of a tile without one term, without the floor.
    fn base_of_tile(
        &self,
        tile: usize,
        base: &Array2<f32>,
        voice: (&crate::model::Bands, &Array2<f32>),
        but: usize,
    ) -> Vec<f32> {
        let (frames, bins) = base.dim();
        let range = tile * TILE_FRAMES..((tile + 1) * TILE_FRAMES).min(frames);
        let mut out = vec![0.0; range.len() * bins];
        for (frame, out) in range.zip(out.chunks_exact_mut(bins)) {
            voice
                .0
                .spread(voice.1.row(frame).to_slice().expect(ROWS), out);
            let add = |out: &mut [f32], more: &Array2<f32>| {
                let more = more.row(frame);
                out.iter_mut()
                    .zip(more.to_slice().expect(ROWS))
                    .for_each(|(x, m)| *x += m);
            };
            add(out, base);
            for (other, product) in self.products.iter().enumerate() {
                if other != but {
                    add(out, product);
                }
            }
        }
        out
    }

    fn step_activations(
        &mut self,
        base: &Array2<f32>,
        voice: &Voice,
        terms: &mut [Term],
        index: usize,
    ) {
        let (bins, components) = (base.ncols(), terms[index].part.components());
        let push = 1.0 + terms[index].price;
        let mut product = std::mem::take(&mut self.products[index]);
        let this = &*self;
        let packed = &this.packed[index];
        let v = this.v.as_slice().expect(ROWS);
        let breath = (&voice.bands, &voice.breath);
        let activations = &mut terms[index].part.activations;
        activations
            .as_slice_mut()
            .expect(ROWS)
            .par_chunks_mut(TILE_FRAMES * components)
            .zip(
                product
                    .as_slice_mut()
                    .expect(ROWS)
                    .par_chunks_mut(TILE_FRAMES * bins),
            )
            .zip(v.par_chunks(TILE_FRAMES * bins))
            .enumerate()
            .for_each_init(
                || (Scratch::default(), Vec::new(), Vec::new()),
                |(scratch, pulls, pushes), (tile, ((h, product), v))| {
                    let frames = v.len() / bins;
                    // The products of all terms but this one; its own was taken out.
                    let base = this.base_of_tile(tile, base, breath, index);
                    pulls.resize(h.len(), 0.0);
                    pushes.resize(h.len(), 0.0);
                    let cut = Tile::new(v, h, packed, Some(&base), frames).expect(CHECKED);
                    this.kernel
                        .gradient_activations(&cut, pulls, pushes, Objective::Skip, scratch)
                        .expect(CHECKED);
                    for ((h, pull), sum) in h.iter_mut().zip(&*pulls).zip(&*pushes) {
                        *h *= ratio(*pull, *sum * push);
                    }
                    product.fill(0.0);
                    this.kernel
                        .add_product(h, packed, product, scratch)
                        .expect(CHECKED);
                },
            );
        self.products[index] = product;
    }

    fn step_breath(&self, base: &Array2<f32>, voice: &mut Voice) {
        let (bins, count) = (base.ncols(), voice.bands.count());
        let Voice {
            bands,
            breath,
            breath_prices,
            ..
        } = voice;
        let floor = self.kernel.floor();
        breath
            .as_slice_mut()
            .expect(ROWS)
            .par_chunks_mut(count)
            .enumerate()
            .for_each_init(
                || Row::new(bins, count),
                |work, (frame, breath)| {
                    bands.spread(breath, &mut work.others);
                    let v = self.v.row(frame);
                    let base = base.row(frame);
                    let add = |out: &mut [f32], more: &[f32]| {
                        out.iter_mut().zip(more).for_each(|(x, m)| *x += m);
                    };
                    add(&mut work.others, base.to_slice().expect(ROWS));
                    for product in &self.products {
                        add(&mut work.others, product.row(frame).to_slice().expect(ROWS));
                    }
                    for (x, v) in work.others.iter_mut().zip(v.to_slice().expect(ROWS)) {
                        *x = v / (*x + floor);
                    }
                    bands.gather(&work.others, &mut work.pull);
                    for ((b, pull), sum) in breath.iter_mut().zip(&work.pull).zip(bands.sums()) {
                        *b *= ratio(*pull, sum * (1.0 + breath_prices[frame]));
                    }
                },
            );
    }

    fn step_templates(&mut self, base: &Array2<f32>, voice: &Voice, term: &mut Term, index: usize) {
        let bins = base.ncols();
        let components = term.part.components();
        let this = &*self;
        let packed = &this.packed[index];
        let breath = (&voice.bands, &voice.breath);
        let v = this.v.as_slice().expect(ROWS);
        let h = term.part.activations.as_slice().expect(ROWS);
        let sums: Vec<(Vec<f32>, Vec<f32>)> = v
            .par_chunks(TILE_FRAMES * bins)
            .zip(h.par_chunks(TILE_FRAMES * components))
            .enumerate()
            .map_init(Scratch::default, |scratch, (tile, (v, h))| {
                let base = this.base_of_tile(tile, base, breath, index);
                let (mut pull, mut push) = (vec![0.0; components * bins], vec![0.0; components]);
                let cut = Tile::new(v, h, packed, Some(&base), v.len() / bins).expect(CHECKED);
                this.kernel
                    .gradient_templates(&cut, &mut pull, &mut push, Objective::Skip, scratch)
                    .expect(CHECKED);
                (pull, push)
            })
            .collect();
        let mut pull = vec![0.0; components * bins];
        let mut push = vec![0.0; components];
        for (tile_pull, tile_push) in &sums {
            pull.iter_mut().zip(tile_pull).for_each(|(a, b)| *a += b);
            push.iter_mut().zip(tile_push).for_each(|(a, b)| *a += b);
        }
        let price = 1.0 + term.price;
        let part = &mut term.part;
        for (k, (mut row, pull)) in part
            .templates
            .outer_iter_mut()
            .zip(pull.chunks_exact(bins))
            .enumerate()
        {
            let Some(rate) = part.columns[k].templates.rate() else {
                continue;
            };
            for (w, pull) in row.iter_mut().zip(pull) {
                let step = ratio(*pull, push[k] * price);
                *w *= if rate < 1.0 { step.powf(rate) } else { step };
            }
            let sum = row.sum();
            if sum > 0.0 {
                row /= sum;
                part.activations
                    .column_mut(k)
                    .iter_mut()
                    .for_each(|h| *h *= sum);
            }
        }
        self.packed[index]
            .repack(part.templates.as_slice().expect(ROWS))
            .expect(CHECKED);
    }
}

/// Working memory for one frame.
struct Row {
    others: Vec<f32>,
    curve: Vec<f32>,
    filter: Vec<f32>,
    pull: Vec<f32>,
}

impl Row {
    fn new(bins: usize, bands: usize) -> Self {
        Self {
            others: vec![0.0; bins],
            curve: vec![0.0; bins],
            filter: vec![0.0; bands],
            pull: vec![0.0; bands],
        }
    }

    fn filter_of(&mut self, gains: &[f32], shapes: Option<&Array2<f32>>) {
        match shapes {
            None => self.filter.copy_from_slice(gains),
            Some(shapes) => {
                self.filter.fill(0.0);
                for (g, shape) in gains.iter().zip(shapes.outer_iter()) {
                    let shape = shape.to_slice().expect(ROWS);
                    self.filter
                        .iter_mut()
                        .zip(shape)
                        .for_each(|(x, s)| *x += g * s);
                }
            }
        }
    }

    /// Every band's `Σ_f bump(f) · e · v / (others + e · filter)`.
    fn pull_of_bands(&mut self, v: &[f32], e: &[f32], bands: &crate::model::Bands) {
        bands.spread(&self.filter, &mut self.curve);
        let cells = self.curve.iter_mut().zip(e).zip(v).zip(&self.others);
        for (((x, e), v), others) in cells {
            *x = e * v / (others + e * *x);
        }
        bands.gather(&self.curve, &mut self.pull);
    }
}

fn pack(isa: Isa, part: &LowRank) -> Templates {
    let values = part.templates.as_slice().expect(ROWS);
    Templates::new(isa, values, part.components(), part.bins()).expect(CHECKED)
}

/// The model of a part, without the floor.
fn multiply(kernel: &Kernel, part: &LowRank, packed: &Templates, out: &mut Array2<f32>) {
    let (bins, components) = (part.bins(), part.components());
    let h = part.activations.as_slice().expect(ROWS);
    out.as_slice_mut()
        .expect(ROWS)
        .par_chunks_mut(TILE_FRAMES * bins)
        .zip(h.par_chunks(TILE_FRAMES * components))
        .for_each_init(Scratch::default, |scratch, (out, h)| {
            out.fill(0.0);
            kernel.add_product(h, packed, out, scratch).expect(CHECKED);
        });
}

fn learns(part: &LowRank) -> bool {
    part.columns.iter().any(|c| c.templates != Update::Fixed)
}

/// A multiplicative step; a factor that adds nothing to the model stays as it is.
fn ratio(pull: f32, push: f32) -> f32 {
    if push > 0.0 { pull / push } else { 1.0 }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
