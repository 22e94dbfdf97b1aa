//! Results come in; that they come back from a project folder to the bit, or not at all, is checked.

use ndarray::ArrayView2;
use serde_json::json;
use unbraid::factorize::{Factorization, FactorizeConfig, factorize};
use unbraid::fit::Stop;
use unbraid::model::{Column, Penalties, Update};
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::Error;
use unbraid_io::audio::SourceFormat;
use unbraid_io::project::{
    FIT_NPZ, FIT_SAFETENSORS, FORMAT_VERSION, Input, MANIFEST, Manifest, Objective, Output,
    Program, read_fit, read_manifest, write_fit, write_manifest,
};

use crate::helpers::{Dice, names};

fn manifest() -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        program: Program {
            name: "unbraid".into(),
            version: "0.1.0".into(),
        },
        command: "separate".into(),
        input: Input {
            path: "Übung \"3\"\n.wav".into(),
            sha256: "00".into(),
            format: SourceFormat {
                container: "wave".into(),
                codec: "pcm_s16le".into(),
                bits_per_sample: Some(16),
            },
            delay: unbraid_io::audio::Delay::Trimmed(1105),
            notes: vec!["read with care".to_owned()],
            sample_rate: 44_100,
            channels: 2,
            len_samples: 123,
            start_secs: 0.1 + 0.2,
            duration_secs: None,
        },
        settings: json!({ "fit": { "beta": 1.0, "seed": u64::MAX } }),
        objective: Some(Objective {
            first: 1.0 / 3.0,
            last: 4.9e-324,
            iterations: 200,
            stop: Stop::Tolerance,
        }),
        grouping: None,
        notes: vec!["silent".into()],
        gain: 0.999_999_999_999_999_9,
        outputs: vec![Output {
            path: "drums.wav".into(),
            sha256: "11".into(),
        }],
    }
}

fn fit() -> Factorization {
    let (drums, guitar) = drums_and_guitar(0.6, 8000);
    let mut config = FactorizeConfig::default();
    config.blind.components = 5;
    config.blind.fit.iterations = 12;
    let mut made = factorize(&mix(&[&drums, &guitar]), &config, &mut ()).unwrap();
    let column = Column {
        templates: Update::Adapt { rate: 0.123_456_79 },
        activations: Update::Fixed,
        penalties: Penalties {
            continuity: 0.1,
            ..Penalties::default()
        },
        ..Column::default()
    };
    let mut columns = vec![Column::default(); 5];
    columns[3] = column;
    made.fit.model = made.fit.model.with_columns(&columns).unwrap();
    let way = made.fit.way.as_mut().unwrap();
    way.previous = way.previous.clone().with_columns(&columns).unwrap();
    made
}

fn bits(array: ArrayView2<'_, f32>) -> (Vec<usize>, Vec<u32>) {
    (
        array.shape().to_vec(),
        array.iter().map(|x| x.to_bits()).collect(),
    )
}

#[test]
fn a_manifest_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    write_manifest(folder.path(), &manifest()).unwrap();
    assert_eq!(read_manifest(folder.path()).unwrap(), manifest());
    assert_eq!(names(folder.path()), [MANIFEST]);
    let first = std::fs::read(folder.path().join(MANIFEST)).unwrap();
    write_manifest(folder.path(), &manifest()).unwrap();
    assert_eq!(std::fs::read(folder.path().join(MANIFEST)).unwrap(), first);
}

#[test]
fn numbers_in_a_manifest_come_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(8);
    for _ in 0..300 {
        let mut with = manifest();
        with.objective.as_mut().unwrap().last = f64::from_bits(dice.roll() >> 2);
        with.gain = 1.0 / (1.0 + f64::from(dice.level().abs()));
        write_manifest(folder.path(), &with).unwrap();
        let again = read_manifest(folder.path()).unwrap();
        assert_eq!(
            again.objective.unwrap().last.to_bits(),
            with.objective.unwrap().last.to_bits()
        );
        assert_eq!(again.gain.to_bits(), with.gain.to_bits());
    }
}

#[test]
fn a_later_version_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for version in [2_u64, 77, 5_000_000_000] {
        // Everything else may have changed.
        let text = format!("{{\"format_version\": {version}, \"sources\": []}}");
        std::fs::write(folder.path().join(MANIFEST), text).unwrap();
        let error = read_manifest(folder.path()).unwrap_err();
        assert!(
            matches!(error, Error::Version { known: 1, .. }),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("later version"));
        assert!(error.to_string().ends_with(MANIFEST));
    }
}

fn refused_as_project<T: std::fmt::Debug>(result: Result<T, Error>, what: &str) {
    let error = result.expect_err(what);
    assert!(matches!(error, Error::Project { .. }), "{what}: {error:?}");
    assert!(error.hint().is_some());
}

#[test]
fn a_damaged_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MANIFEST);
    assert!(matches!(
        read_manifest(folder.path()),
        Err(Error::Read { .. })
    ));
    write_manifest(folder.path(), &manifest()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // Without the newline at its end it is whole still.
    for len in 0..whole.len() - 1 {
        std::fs::write(&path, &whole[..len]).unwrap();
        refused_as_project(read_manifest(folder.path()), "a cut manifest");
    }
    for text in [
        "[]",
        "{}",
        "null",
        "{\"format_version\": 0}",
        "{\"format_version\": \"1\"}",
    ] {
        std::fs::write(&path, text).unwrap();
        refused_as_project(read_manifest(folder.path()), text);
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, &bytes).unwrap();
            // A flipped bit in a name gives another name; nothing may panic.
            if let Err(error) = read_manifest(folder.path()) {
                assert!(
                    matches!(error, Error::Project { .. } | Error::Version { .. }),
                    "{error:?}"
                );
            }
        }
    }
}

#[test]
fn a_fit_comes_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let fit = fit();
    write_fit(folder.path(), &fit).unwrap();
    assert_eq!(names(folder.path()), [FIT_NPZ, FIT_SAFETENSORS]);
    let again = read_fit(folder.path()).unwrap();
    let (wrote, read) = (&fit.fit.model, &again.fit.model);
    assert_eq!(bits(read.templates()), bits(wrote.templates()));
    assert_eq!(bits(read.activations()), bits(wrote.activations()));
    assert_eq!(bits(read.pan_gains()), bits(wrote.pan_gains()));
    assert_eq!(read.columns(), wrote.columns());
    assert_eq!(again.fit, fit.fit);
    assert_eq!(again.percussive_shares, fit.percussive_shares);
    assert_eq!(again.stft.config(), fit.stft.config());
    assert_eq!(
        (again.sample_rate, again.quantity),
        (fit.sample_rate, fit.quantity)
    );
    assert_eq!(again.scale.to_bits(), fit.scale.to_bits());
}

#[test]
fn a_fit_written_twice_has_the_same_bytes() {
    let fit = fit();
    let write = || {
        let folder = tempfile::tempdir().unwrap();
        write_fit(folder.path(), &fit).unwrap();
        [FIT_SAFETENSORS, FIT_NPZ].map(|name| std::fs::read(folder.path().join(name)).unwrap())
    };
    let first = write();
    // Archives count time in steps of two seconds.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert!(write() == first);
}

#[test]
fn a_damaged_fit_is_refused_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FIT_SAFETENSORS);
    assert!(matches!(read_fit(folder.path()), Err(Error::Read { .. })));
    write_fit(folder.path(), &fit()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut dice = Dice(9);
    let cuts = (0..header + 20).chain((0..50).map(|_| dice.below(whole.len())));
    for len in cuts.chain([whole.len() - 1]).collect::<Vec<_>>() {
        std::fs::write(&path, &whole[..len]).unwrap();
        refused_as_project(read_fit(folder.path()), "a cut fit");
    }
    let mut refused = 0;
    let inside: Vec<usize> = (0..200)
        .map(|_| header + dice.below(whole.len() - header))
        .collect();
    for at in (0..header).chain(inside) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << dice.below(8);
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = read_fit(folder.path()) {
            assert!(matches!(error, Error::Project { .. }), "{error:?}");
            refused += 1;
        }
    }
    assert!(refused > header / 2, "{refused} of {header}");
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("file");
    std::fs::write(&below, "mine").unwrap();
    let errors = [
        (write_manifest(&below, &manifest()).unwrap_err(), MANIFEST),
        (write_fit(&below, &fit()).unwrap_err(), FIT_SAFETENSORS),
    ];
    for (error, name) in errors {
        assert!(matches!(error, Error::Write { .. }), "{error:?}");
        assert!(error.to_string().ends_with(name), "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(names(folder.path()), ["file"]);
    // A folder in the file's place is not the file's to delete.
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join(MANIFEST).join("inside")).unwrap();
    let error = write_manifest(&taken, &manifest()).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error:?}");
    assert_eq!(names(&taken), [MANIFEST]);
    assert_eq!(names(&taken.join(MANIFEST)), ["inside"]);
}

#[test]
fn numpy_opens_the_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let fit = fit();
    write_fit(folder.path(), &fit).unwrap();
    let script = "import sys\ntry:\n import numpy\nexcept ImportError:\n sys.exit(77)\n\
                  a = numpy.load(sys.argv[1])\nfor n in sorted(a): print(n, *a[n].shape)\n";
    let python = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(folder.path().join(FIT_NPZ))
        .output();
    match python {
        Ok(output) if output.status.success() => {
            let model = &fit.fit.model;
            let (bins, components, frames) = (model.bins(), model.components(), model.frames());
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(
                text.contains(&format!("templates {bins} {components}\n")),
                "{text}"
            );
            assert!(
                text.contains(&format!("activations {components} {frames}\n")),
                "{text}"
            );
            assert!(text.contains(&format!("frequencies_hz {bins}\n")), "{text}");
            assert!(text.contains(&format!("times_secs {frames}\n")), "{text}");
        }
        Ok(output) if output.status.code() == Some(77) => println!("skipped: no NumPy here"),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("skipped: no python3 here ({error})"),
    }
}
