//! Print what the inner loops reach on one thread, next to the processor's limit.
//!
//! ```console
//! $ cargo run --release -p unbraid-kernel --example throughput
//! ```
//!
//! One tile of 48 frames × 1025 bins, in the second-level cache. Flops are those of the products
//! and projections alone (2·frames·bins·components each); the limit is a loop of independent fused
//! multiply-adds, measured in turn with everything else, so that other programs disturb all alike.
//! Figures are medians.

use std::{hint::black_box, time::Instant};

use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile, fused_multiply_adds};

const FRAMES: usize = 48;
const BINS: usize = 1025;
/// Repetitions of everything, in turn.
const ROUNDS: usize = 201;
/// Seconds of one measurement: shorter than the scheduler's slices, so that most are undisturbed.
const SLICE_SECS: f64 = 0.000_3;

/// One thing to measure: a name, flops of one call, the call.
struct Case<'a> {
    name: String,
    flops: f64,
    call: Box<dyn FnMut() + 'a>,
    rates: Vec<f64>,
}

impl Case<'_> {
    fn measure(&mut self) {
        // The tile comes into the cache, as it would by prefetch or the call before.
        (self.call)();
        let mut calls = 0_u32;
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < SLICE_SECS {
            (self.call)();
            calls += 1;
        }
        self.rates
            .push(self.flops * f64::from(calls) / start.elapsed().as_secs_f64() / 1e9);
    }

    fn median(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }
}

/// The limit of an instruction set; there is none to compare portable code with.
fn limit(isa: Isa) -> Option<Case<'static>> {
    let flops = fused_multiply_adds(isa)?;
    Some(Case {
        name: format!("{isa:8} multiply-adds"),
        flops,
        call: Box::new(move || {
            black_box(fused_multiply_adds(isa));
        }),
        rates: Vec::new(),
    })
}

/// What one call computes.
#[derive(Clone, Copy)]
enum Work {
    Exact(Objective),
    Joint(Objective),
    Activations,
    TemplateGradient,
    Model,
}

impl Work {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Exact(Objective::Skip), "exact"),
        (Self::Exact(Objective::Compute), "exact + objective"),
        (Self::Joint(Objective::Skip), "joint"),
        (Self::Joint(Objective::Compute), "joint + objective"),
        (Self::Activations, "activations"),
        (Self::TemplateGradient, "templates"),
        (Self::Model, "model"),
    ];

    /// Products and projections of a divergence whose push has to be projected or not.
    fn products(self, push_formed: bool) -> usize {
        let projections = if push_formed { 2 } else { 1 };
        match self {
            Self::Exact(_) => 2 + 2 * projections,
            Self::Joint(_) => 1 + 2 * projections,
            Self::Activations | Self::TemplateGradient => 1 + projections,
            Self::Model => 1,
        }
    }
}

fn case(isa: Isa, beta: f64, components: usize, work: Work, what: &str) -> Case<'static> {
    let kernel = Kernel::with_isa(isa, beta, 1e-6).expect("an allowed setting");
    let number = |i: usize| ((i * 7919) % 1000) as f32 / 1000.0 + 0.01;
    let v: Vec<f32> = (0..FRAMES * BINS).map(number).collect();
    let h: Vec<f32> = (0..FRAMES * components).map(number).collect();
    let w: Vec<f32> = (0..components * BINS).map(number).collect();
    let templates = Templates::new(isa, &w, components, BINS).expect("the right length");
    let (mut pull_h, mut push_h) = (h.clone(), h.clone());
    let push_len = if beta.to_bits() == 1.0_f64.to_bits() {
        components
    } else {
        w.len()
    };
    let (mut pull_w, mut push_w) = (w, vec![0.0; push_len]);
    let mut out = vec![0.0; FRAMES * BINS];
    let mut scratch = Scratch::default();
    let products = work.products(push_len != components);
    let call = move || {
        let s = &mut scratch;
        let tile = Tile::new(&v, &h, &templates, None, FRAMES).expect("the right lengths");
        let divergence = match work {
            Work::Exact(objective) => kernel
                .gradient_activations(&tile, &mut pull_h, &mut push_h, Objective::Skip, s)
                .and_then(|_| {
                    kernel.gradient_templates(&tile, &mut pull_w, &mut push_w, objective, s)
                }),
            Work::Joint(objective) => kernel.gradient_both(
                &tile,
                (&mut pull_h, &mut push_h),
                (&mut pull_w, &mut push_w),
                objective,
                s,
            ),
            Work::Activations => {
                kernel.gradient_activations(&tile, &mut pull_h, &mut push_h, Objective::Skip, s)
            }
            Work::TemplateGradient => {
                kernel.gradient_templates(&tile, &mut pull_w, &mut push_w, Objective::Skip, s)
            }
            Work::Model => kernel.model(&tile, &mut out, s).map(|()| 0.0),
        };
        black_box(divergence.expect("the right lengths"));
    };
    Case {
        name: format!("{isa:8} β {beta} K {components:3} {what}"),
        flops: (2 * products * FRAMES * BINS * components) as f64,
        call: Box::new(call),
        rates: Vec::new(),
    }
}

fn main() {
    // An argument selects cases by a part of their names.
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for isa in Isa::available() {
        let mut cases: Vec<Case<'_>> = limit(isa).into_iter().collect();
        let limits = cases.len();
        for (beta, sizes) in [
            (1.0, &[8, 16, 32, 64, 128][..]),
            (0.0, &[16, 64]),
            (2.0, &[16, 64]),
            (0.5, &[16]),
        ] {
            for &components in sizes {
                for (work, what) in Work::ALL {
                    let case = case(isa, beta, components, work, what);
                    if case.name.contains(&wanted) {
                        cases.push(case);
                    }
                }
            }
        }
        for _ in 0..ROUNDS {
            cases.iter_mut().for_each(Case::measure);
        }
        let peak = if limits > 0 {
            cases[0].median()
        } else {
            f64::NAN
        };
        for case in &cases {
            let rate = case.median();
            print_line(&format!(
                "{:42} {rate:7.1} GFLOP/s {:5.1} %",
                case.name,
                100.0 * rate / peak
            ));
        }
    }
}

fn print_line(line: &str) {
    use std::io::Write as _;
    // A closed pipe ends the output; there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}
