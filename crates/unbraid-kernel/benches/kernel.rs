//! The inner loops on one thread, one tile of 48 frames × 1025 bins; the throughput is in floating-point operations.

use criterion::{Criterion, Throughput};
use unbraid_kernel::{Kernel, Objective, Scratch, Templates, Tile};

const FRAMES: usize = 48;
const BINS: usize = 1025;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (beta, components) in [
        (1.0, 8),
        (1.0, 16),
        (1.0, 64),
        (0.0, 16),
        (0.0, 64),
        (2.0, 16),
        (0.5, 16),
    ] {
        iteration(&mut criterion, beta, components);
    }
    criterion.final_summary();
}

/// An exact iteration, a joint one, and one with the objective.
fn iteration(criterion: &mut Criterion, beta: f64, components: usize) {
    let kernel = Kernel::new(beta, 1e-6).expect("an allowed setting");
    let number = |i: usize| ((i * 7919) % 1000) as f32 / 1000.0 + 0.01;
    let numbers = |len: usize| (0..len).map(number).collect::<Vec<f32>>();
    let (v, h, w) = (
        numbers(FRAMES * BINS),
        numbers(FRAMES * components),
        numbers(components * BINS),
    );
    let templates = Templates::new(kernel.isa(), &w, components, BINS).expect("the right length");
    let tile = Tile::new(&v, &h, &templates, None, FRAMES).expect("the right lengths");
    let one_push = (beta - 1.0).abs() < f64::EPSILON;
    let projections: u64 = if one_push { 1 } else { 2 };
    let (mut pull_h, mut push_h, mut pull_w) = (h.clone(), h.clone(), w.clone());
    let mut push_w = vec![0.0; if one_push { components } else { w.len() }];
    let mut scratch = Scratch::default();
    let product = (2 * FRAMES * BINS * components) as u64;

    let name = format!("β = {beta}, K = {components}, {FRAMES} frames × {BINS} bins");
    let mut group = criterion.benchmark_group(name);
    for (what, objective) in [
        ("exact", Objective::Skip),
        ("exact, with objective", Objective::Compute),
    ] {
        group.throughput(Throughput::Elements((2 + 2 * projections) * product));
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                let skip = Objective::Skip;
                kernel
                    .gradient_activations(&tile, &mut pull_h, &mut push_h, skip, &mut scratch)
                    .and_then(|_| {
                        kernel.gradient_templates(
                            &tile,
                            &mut pull_w,
                            &mut push_w,
                            objective,
                            &mut scratch,
                        )
                    })
                    .expect("the right lengths")
            });
        });
    }
    group.throughput(Throughput::Elements((1 + 2 * projections) * product));
    group.bench_function("joint", |bencher| {
        bencher.iter(|| {
            let (of_h, of_w) = (
                (&mut pull_h[..], &mut push_h[..]),
                (&mut pull_w[..], &mut push_w[..]),
            );
            kernel
                .gradient_both(&tile, of_h, of_w, Objective::Skip, &mut scratch)
                .expect("the right lengths")
        });
    });
    group.finish();
}
