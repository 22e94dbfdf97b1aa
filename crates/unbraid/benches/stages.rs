//! Every stage of the way from audio to stems, on 10 seconds of noise in stereo at 44.1 kHz; the throughput is in
//! samples per channel.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ndarray::{Array2, Array3, Axis};
use unbraid::analysis::hpss;
use unbraid::fit::{FitConfig, fit};
use unbraid::mask::share_out;
use unbraid::model::{LowRank, Start};
use unbraid::sharing::{Components, Explanation, StemsConfig};
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::stems::StemBlocks;
use unbraid::testsignals::noise;
use unbraid::{Audio, Spectrogram, Stft, StftConfig};

const RATE_HZ: u32 = 44_100;
const SAMPLES: usize = 441_000;
const COMPONENTS: usize = 16;

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    stages(&mut criterion);
    criterion.final_summary();
}

fn stages(criterion: &mut Criterion) {
    const VALID: &str = "settings and shapes are allowed";
    let samples = Array2::from_shape_vec((2, SAMPLES), noise(2 * SAMPLES, 1)).expect(VALID);
    let audio = Audio::new(samples, RATE_HZ).expect(VALID);
    let stft = Stft::new(StftConfig::for_sample_rate(RATE_HZ)).expect(VALID);
    let spectrum = stft.forward(&audio);
    let of = || Spectrogram::of(&audio, &stft, Quantity::Magnitude, Channels::Sum, &mut ());
    let spectrogram = of().expect(VALID);
    let start = LowRank::free(&spectrogram, COMPONENTS, Start::Random, 0).expect(VALID);

    let mut group = criterion.benchmark_group("10 s stereo");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function("transform", |bencher| bencher.iter(|| stft.forward(&audio)));
    group.bench_function("inverse transform", |bencher| {
        bencher.iter(|| stft.inverse(&spectrum, SAMPLES, RATE_HZ));
    });
    group.bench_function("spectrogram", |bencher| bencher.iter(of));
    group.bench_function("harmonic/percussive shares", |bencher| {
        let values = spectrogram.view().index_axis_move(Axis(0), 0);
        bencher.iter(|| hpss::percussive_share(values, 10.77, 0.0232, &hpss::Settings::default()));
    });
    for (name, exact) in [("10 exact iterations", true), ("10 iterations", false)] {
        let config = FitConfig {
            iterations: 10,
            exact,
            ..FitConfig::default()
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| fit(start.clone(), &spectrogram, &config, &mut ()));
        });
    }
    let explanation = Explanation {
        stft: &stft,
        model: &start,
        quantity: Quantity::Magnitude,
        scale: spectrogram.scale(),
    };
    let each: Vec<Vec<usize>> = (0..COMPONENTS).map(|component| vec![component]).collect();
    let sharing = Components::new(explanation, &each, StemsConfig::default()).expect(VALID);
    group.bench_function("16 stems", |bencher| {
        bencher.iter(|| {
            let blocks = StemBlocks::new(&audio, &sharing).expect(VALID);
            blocks.for_each(|block| {
                black_box(block);
            });
        });
    });
    group.bench_function("masks of one block of 16 sources", |bencher| {
        let models = Array3::from_shape_vec((16, 32, 2049), noise(16 * 32 * 2049, 2)).expect(VALID);
        let models = models.mapv(f32::abs);
        bencher.iter(|| {
            let mut block = models.clone();
            share_out(&mut block.view_mut(), 1.0)
        });
    });
    group.finish();
}
