//! A spectrogram and a piano's templates come in; where a voice could be, frame by frame, goes out.

use ndarray::{Array2, ArrayView2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

use crate::model::{Bands, ROWS};

/// Frames of a tile.
const TILE_FRAMES: usize = 48;

/// Why the kernel's own checks cannot fail here.
const CHECKED: &str = "shapes come from the same arrays, and the instruction set is detected";

/// A piano and a voice that may sing every pitch of a grid at once:
/// `Λ = floor + (H₀·combs) ∘ (G·B·Hf) + H·D`.
pub(super) struct Salience {
    /// How much of the voice each pitch explains, `(frames, pitches)`.
    pub(super) pitches: Array2<f32>,
    /// The piano's activations, `(frames, templates)`.
    pub(super) piano: Array2<f32>,
    /// The filters of the voice, `(shapes, bands)`.
    pub(super) shapes: Array2<f32>,
}

/// What the tracking knows of the recording.
pub(super) struct Scene<'a> {
    /// `(frames, bins)`.
    pub(super) v: ArrayView2<'a, f32>,
    pub(super) floor: f32,
    pub(super) bands: &'a Bands,
    /// `(pitches, bins)`.
    pub(super) combs: ArrayView2<'a, f32>,
    /// `(templates, bins)`.
    pub(super) piano: ArrayView2<'a, f32>,
    /// Where each template may sound, `(templates, frames)`, if that is known.
    pub(super) allowed: Option<ArrayView2<'a, bool>>,
    pub(super) isa: Isa,
}

const SHAPES: usize = 10;

impl Scene<'_> {
    fn kernel(&self) -> Kernel {
        Kernel::with_isa(self.isa, 1.0, self.floor).expect(CHECKED)
    }

    /// Where an activation starts: at zero it stays.
    fn start(&self, note: usize, frame: usize, level: f32) -> f32 {
        match &self.allowed {
            Some(allowed) if !allowed[[note, frame]] => 0.0,
            _ => level,
        }
    }

    fn templates(&self, values: ArrayView2<'_, f32>) -> Templates {
        let values = values.as_standard_layout();
        Templates::new(
            self.isa,
            values.as_slice().expect(ROWS),
            values.nrows(),
            values.ncols(),
        )
        .expect(CHECKED)
    }

    /// Fit the model above and read off the salience of every pitch.
    #[expect(
        clippy::too_many_lines,
        reason = "one update of all factors, in their order"
    )]
    pub(super) fn salience(&self, iterations: usize) -> Salience {
        let (frames, bins) = self.v.dim();
        let (pitches, notes, bands) = (self.combs.nrows(), self.piano.nrows(), self.bands.count());
        let kernel = self.kernel();
        let piano = self.templates(self.piano);
        let combs = self.templates(self.combs);
        let combs_t = self.combs.t().as_standard_layout().into_owned();
        let level = self.v.mean().unwrap_or(0.0) * bins as f32;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut shapes =
            Array2::from_shape_simple_fn((SHAPES, bands), || 0.1 + rng.random::<f32>());
        let start = level / notes as f32 / 2.0;
        let mut h = Array2::from_shape_fn((frames, notes), |(frame, note)| {
            self.start(note, frame, start)
        });
        let mut pitch = Array2::from_elem((frames, pitches), level / pitches as f32 / 2.0);
        let mut filter = Array2::from_elem((frames, SHAPES), 1.0 / SHAPES as f32);
        // Σ_f comb · bump: what a pitch puts into a band.
        let mut reach = Array2::<f32>::zeros((pitches, bands));
        for (comb, mut row) in self.combs.outer_iter().zip(reach.outer_iter_mut()) {
            self.bands.gather(
                comb.to_slice().expect(ROWS),
                row.as_slice_mut().expect(ROWS),
            );
        }
        let v = self.v.as_slice().expect(ROWS);
        for iteration in 0..iterations {
            let sharpen = iteration > iterations / 3 && iteration + 3 < iterations;
            let fixed = &shapes;
            let sums: Vec<(Array2<f32>, Array2<f32>)> = h
                .as_slice_mut()
                .expect(ROWS)
                .par_chunks_mut(TILE_FRAMES * notes)
                .zip(
                    pitch
                        .as_slice_mut()
                        .expect(ROWS)
                        .par_chunks_mut(TILE_FRAMES * pitches),
                )
                .zip(
                    filter
                        .as_slice_mut()
                        .expect(ROWS)
                        .par_chunks_mut(TILE_FRAMES * SHAPES),
                )
                .zip(v.par_chunks(TILE_FRAMES * bins))
                .map_init(Scratch::default, |scratch, (((h, pitch), filter), v)| {
                    let count = v.len() / bins;
                    let zeros = || Array2::<f32>::zeros((count, bins));
                    let (mut source, mut curve, mut product) = (zeros(), zeros(), zeros());
                    let gains = |filter: &[f32]| {
                        ArrayView2::from_shape((count, SHAPES), filter)
                            .expect(CHECKED)
                            .dot(fixed)
                    };
                    let spread = |gains: &Array2<f32>, curve: &mut Array2<f32>| {
                        for (g, mut row) in gains.outer_iter().zip(curve.outer_iter_mut()) {
                            let out = row.as_slice_mut().expect(ROWS);
                            self.bands.spread(g.to_slice().expect(ROWS), out);
                        }
                    };
                    let multiply = |h: &[f32], t: &Templates, out: &mut Array2<f32>, s: &mut _| {
                        out.fill(0.0);
                        kernel
                            .add_product(h, t, out.as_slice_mut().expect(ROWS), s)
                            .expect(CHECKED);
                    };
                    multiply(pitch, &combs, &mut source, scratch);
                    multiply(h, &piano, &mut product, scratch);
                    let mut g = gains(filter);
                    spread(&g, &mut curve);
                    let mut field = zeros();
                    let floor = self.floor;
                    let v2 = ArrayView2::from_shape((count, bins), v).expect(CHECKED);
                    // Pitches.
                    ndarray::Zip::from(&mut field)
                        .and(&v2)
                        .and(&source)
                        .and(&curve)
                        .and(&product)
                        .for_each(|x, v, s, c, p| *x = c * v / (s * c + p + floor));
                    let pull = field.dot(&combs_t);
                    let push = g.dot(&reach.t());
                    for (row, (pull, push)) in pitch
                        .chunks_exact_mut(pitches)
                        .zip(pull.outer_iter().zip(push.outer_iter()))
                    {
                        for ((x, pull), push) in row.iter_mut().zip(pull).zip(push) {
                            *x *= pull / (push + 1e-9);
                        }
                        if sharpen {
                            let most = row.iter().fold(0.0_f32, |m, x| m.max(*x)) + 1e-9;
                            for x in row.iter_mut() {
                                *x *= (*x / most).powf(0.1);
                            }
                        }
                    }
                    multiply(pitch, &combs, &mut source, scratch);
                    // Piano.
                    let mut base = zeros();
                    ndarray::Zip::from(&mut base)
                        .and(&source)
                        .and(&curve)
                        .for_each(|x, s, c| *x = s * c);
                    let (mut pull, mut push) = (vec![0.0; h.len()], vec![0.0; h.len()]);
                    let tile = Tile::new(v, h, &piano, base.as_slice(), count).expect(CHECKED);
                    kernel
                        .gradient_activations(&tile, &mut pull, &mut push, Objective::Skip, scratch)
                        .expect(CHECKED);
                    h.iter_mut()
                        .zip(&pull)
                        .zip(&push)
                        .for_each(|((h, pull), push)| *h *= pull / push.max(1e-9));
                    multiply(h, &piano, &mut product, scratch);
                    // The filter, then the sums for its shapes.
                    let pull_of_bands =
                        |curve: &Array2<f32>, source: &Array2<f32>, field: &mut Array2<f32>| {
                            ndarray::Zip::from(&mut *field)
                                .and(&v2)
                                .and(source)
                                .and(curve)
                                .and(&product)
                                .for_each(|x, v, s, c, p| *x = s * v / (s * c + p + floor));
                            let mut pull = Array2::<f32>::zeros((count, bands));
                            for (row, mut out) in field.outer_iter().zip(pull.outer_iter_mut()) {
                                self.bands.gather(
                                    row.to_slice().expect(ROWS),
                                    out.as_slice_mut().expect(ROWS),
                                );
                            }
                            pull
                        };
                    let pitch_view =
                        ArrayView2::from_shape((count, pitches), &*pitch).expect(CHECKED);
                    let weight = pitch_view.dot(&reach);
                    let pull = pull_of_bands(&curve, &source, &mut field);
                    let (up, down) = (pull.dot(&fixed.t()), weight.dot(&fixed.t()));
                    for ((f, up), down) in filter.iter_mut().zip(&up).zip(&down) {
                        *f *= up / (down + 1e-9);
                    }
                    g = gains(filter);
                    spread(&g, &mut curve);
                    let pull = pull_of_bands(&curve, &source, &mut field);
                    let view = ArrayView2::from_shape((count, SHAPES), &*filter).expect(CHECKED);
                    let sums = (view.t().dot(&pull), view.t().dot(&weight));
                    // The loudness belongs to the pitches.
                    for (f, row) in filter
                        .chunks_exact_mut(SHAPES)
                        .zip(pitch.chunks_exact_mut(pitches))
                    {
                        let sum = f.iter().sum::<f32>() + 1e-9;
                        for x in f.iter_mut() {
                            *x /= sum;
                        }
                        for x in row.iter_mut() {
                            *x *= sum;
                        }
                    }
                    sums
                })
                .collect();
            let (mut up, mut down) = (
                Array2::zeros(shapes.raw_dim()),
                Array2::zeros(shapes.raw_dim()),
            );
            for (tile_up, tile_down) in &sums {
                up += tile_up;
                down += tile_down;
            }
            ndarray::Zip::from(&mut shapes)
                .and(&up)
                .and(&down)
                .for_each(|s, up, down| *s *= up / (down + 1e-9));
            for (k, mut row) in shapes.outer_iter_mut().enumerate() {
                let sum = row.sum().max(1e-9);
                row /= sum;
                filter.column_mut(k).mapv_inplace(|x| x * sum);
            }
        }
        let weight = filter.dot(&shapes).dot(&reach.t());
        Salience {
            pitches: pitch * weight,
            piano: h,
            shapes,
        }
    }

    /// The divergence of every frame from the piano with each of its candidate pitches, and, last, from
    /// the piano alone: `(frames, candidates + 1)`.
    #[expect(clippy::too_many_lines, reason = "one small fit, set up and run")]
    pub(super) fn candidates(
        &self,
        candidates: ArrayView2<'_, usize>,
        shapes: &Array2<f32>,
        iterations: usize,
    ) -> Array2<f32> {
        let (frames, bins) = self.v.dim();
        let (count, notes, bands) = (candidates.ncols(), self.piano.nrows(), self.bands.count());
        let rows = count + 1;
        let kernel = self.kernel();
        let piano = self.templates(self.piano);
        let level = self.v.mean().unwrap_or(0.0);
        let mut out = Array2::<f32>::zeros((frames, rows));
        let per_tile = (TILE_FRAMES / rows).max(1);
        out.as_slice_mut()
            .expect(ROWS)
            .par_chunks_mut(per_tile * rows)
            .enumerate()
            .for_each_init(Scratch::default, |scratch, (tile, out)| {
                let total = out.len();
                let mut v = Array2::<f32>::zeros((total, bins));
                let mut combs = Array2::<f32>::zeros((total, bins));
                for row in 0..total {
                    let frame = tile * per_tile + row / rows;
                    v.row_mut(row).assign(&self.v.row(frame));
                    if row % rows < count {
                        let pitch = candidates[[frame, row % rows]];
                        combs.row_mut(row).assign(&self.combs.row(pitch));
                    }
                }
                let mut weights = Array2::<f32>::zeros((total, bands));
                let gather = |field: &Array2<f32>, out: &mut Array2<f32>| {
                    for (row, mut out) in field.outer_iter().zip(out.outer_iter_mut()) {
                        self.bands
                            .gather(row.to_slice().expect(ROWS), out.as_slice_mut().expect(ROWS));
                    }
                };
                gather(&combs, &mut weights);
                let down = weights.dot(&shapes.t());
                let start = level * bins as f32;
                let mut h = Vec::with_capacity(total * notes);
                for row in 0..total {
                    let frame = tile * per_tile + row / rows;
                    let start = start / notes as f32 / 2.0;
                    h.extend((0..notes).map(|note| self.start(note, frame, start)));
                }
                let mut gains =
                    Array2::from_elem((total, shapes.nrows()), start * bands as f32 / 10.0);
                let mut product = Array2::<f32>::zeros((total, bins));
                let mut voice = Array2::<f32>::zeros((total, bins));
                let mut field = Array2::<f32>::zeros((total, bins));
                let mut pull = Array2::<f32>::zeros((total, bands));
                let spread = |gains: &Array2<f32>, voice: &mut Array2<f32>| {
                    let filters = gains.dot(shapes);
                    for (filter, mut row) in filters.outer_iter().zip(voice.outer_iter_mut()) {
                        let out = row.as_slice_mut().expect(ROWS);
                        self.bands.spread(filter.to_slice().expect(ROWS), out);
                    }
                    *voice *= &combs;
                };
                spread(&gains, &mut voice);
                let (mut up_h, mut down_h) = (vec![0.0; h.len()], vec![0.0; h.len()]);
                for iteration in 0..=iterations {
                    product.fill(0.0);
                    let values = product.as_slice_mut().expect(ROWS);
                    kernel
                        .add_product(&h, &piano, values, scratch)
                        .expect(CHECKED);
                    if iteration == iterations {
                        break;
                    }
                    let floor = self.floor;
                    ndarray::Zip::from(&mut field)
                        .and(&v)
                        .and(&combs)
                        .and(&voice)
                        .and(&product)
                        .for_each(|x, v, e, s, p| *x = e * v / (s + p + floor));
                    gather(&field, &mut pull);
                    let up = pull.dot(&shapes.t());
                    ndarray::Zip::from(&mut gains)
                        .and(&up)
                        .and(&down)
                        .for_each(|g, up, down| *g *= up / (down + 1e-9));
                    spread(&gains, &mut voice);
                    let tile = Tile::new(
                        v.as_slice().expect(ROWS),
                        &h,
                        &piano,
                        voice.as_slice(),
                        total,
                    )
                    .expect(CHECKED);
                    kernel
                        .gradient_activations(
                            &tile,
                            &mut up_h,
                            &mut down_h,
                            Objective::Skip,
                            scratch,
                        )
                        .expect(CHECKED);
                    h.iter_mut()
                        .zip(&up_h)
                        .zip(&down_h)
                        .for_each(|((h, up), down)| *h *= up / down.max(1e-9));
                }
                for (row, out) in out.iter_mut().enumerate() {
                    let cells = v.row(row);
                    let model = product.row(row);
                    *out = cells
                        .iter()
                        .zip(model)
                        .zip(voice.row(row))
                        .map(|((v, p), s)| {
                            let model = p + s + self.floor;
                            let log = if *v > 0.0 { v * (v / model).ln() } else { 0.0 };
                            log - v + model
                        })
                        .sum();
                }
            });
        out
    }
}

/// Salience as shares of the frame; frames far quieter than the loudest share out less than one.
pub(super) fn shares(mut salience: Array2<f32>) -> Array2<f32> {
    let sums = salience.sum_axis(Axis(1));
    let most = sums.iter().fold(0.0_f32, |m, x| m.max(*x));
    for (mut row, sum) in salience.outer_iter_mut().zip(&sums) {
        row /= sum + 1e-3 * most + f32::MIN_POSITIVE;
    }
    salience
}

/// The pitches with the highest local maxima of every frame; where there are too few, the next highest.
pub(super) fn peaks(salience: &Array2<f32>, count: usize) -> Array2<usize> {
    let pitches = salience.ncols();
    let count = count.min(pitches);
    let mut out = Array2::zeros((salience.nrows(), count));
    for (row, mut out) in salience.outer_iter().zip(out.outer_iter_mut()) {
        let is_peak = |k: usize| {
            (k == 0 || row[k] >= row[k - 1]) && (k + 1 == pitches || row[k] >= row[k + 1])
        };
        let mut order: Vec<usize> = (0..pitches).collect();
        order.sort_by(|&a, &b| {
            is_peak(b)
                .cmp(&is_peak(a))
                .then(row[b].total_cmp(&row[a]))
                .then(a.cmp(&b))
        });
        for (out, pitch) in out.iter_mut().zip(order) {
            *out = pitch;
        }
    }
    out
}
