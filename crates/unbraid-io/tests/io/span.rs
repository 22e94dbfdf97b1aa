//! Spans of recordings come in; that they hold exactly their samples is checked.

use std::path::Path;

use unbraid_io::Error;
use unbraid_io::audio::{Span, read_bytes};

use crate::helpers::{Wav, flac};

/// A ramp: each sample says where it was.
fn files(len: i32) -> [Vec<u8>; 2] {
    let ramp: Vec<i32> = (0..len).flat_map(|n| [n, -n]).collect();
    let short: Vec<i16> = ramp.iter().map(|&x| x as i16).collect();
    [Wav::pcm16(2, &short).bytes(), flac(16, 2, 8000, &ramp)]
}

fn span(bytes: &[u8], start_secs: f64, duration_secs: Option<f64>) -> Result<Vec<i32>, Error> {
    let span = Span {
        start_secs,
        duration_secs,
    };
    let audio = read_bytes(bytes.to_vec(), Path::new("song"), span)?.audio;
    let channels: Vec<Vec<i32>> = (0..2)
        .map(|c| {
            audio
                .channel(c)
                .iter()
                .map(|x| (x * 32768.0) as i32)
                .collect()
        })
        .collect();
    assert!(channels[0].iter().zip(&channels[1]).all(|(a, b)| *a == -b));
    Ok(channels[0].clone())
}

#[test]
fn a_span_is_exact_to_the_sample() {
    for bytes in files(9001) {
        for (start, duration) in [
            (0, 1),
            (0, 9001),
            (1, 1),
            (511, 2),
            (512, 512),
            (4095, 3),
            (8999, 2),
            (9000, 1),
            (700, 5000),
        ] {
            let (start_secs, secs) = (f64::from(start) / 8000.0, f64::from(duration) / 8000.0);
            let expected: Vec<i32> = (start..start + duration).collect();
            assert_eq!(span(&bytes, start_secs, Some(secs)).unwrap(), expected);
        }
    }
}

#[test]
fn a_span_ends_with_the_recording() {
    for bytes in files(9001) {
        let expected: Vec<i32> = (8000..9001).collect();
        assert_eq!(span(&bytes, 1.0, Some(100.0)).unwrap(), expected);
        assert_eq!(span(&bytes, 1.0, None).unwrap(), expected);
        assert_eq!(span(&bytes, 1.0, Some(f64::INFINITY)).unwrap(), expected);
    }
}

#[test]
fn a_span_outside_is_refused_with_both_ends() {
    for bytes in files(9001) {
        for start in [9001.0 / 8000.0, 5.0, 1e300, f64::INFINITY] {
            let error = span(&bytes, start, Some(1.0)).unwrap_err();
            assert!(matches!(error, Error::Span { .. }), "{error:?}");
            assert!(error.to_string().contains("ends at 1.125125 s"), "{error}");
        }
    }
}

#[test]
fn a_span_that_holds_no_sample_is_refused() {
    for bytes in files(9001) {
        for (start, duration) in [
            (0.0, Some(0.0)),
            (0.0, Some(-1.0)),
            (0.0, Some(1e-9)),
            (0.5, Some(f64::NAN)),
            (-0.5, None),
            (f64::NAN, None),
            (f64::NEG_INFINITY, Some(1.0)),
        ] {
            let error = span(&bytes, start, duration).unwrap_err();
            assert!(matches!(error, Error::EmptySpan { .. }), "{error:?}");
            assert!(error.hint().unwrap().contains("--duration"));
        }
    }
}

#[test]
fn the_part_before_a_cut_can_be_read() {
    for bytes in files(9001) {
        let cut = &bytes[..bytes.len() - 60];
        let expected: Vec<i32> = (0..1000).collect();
        assert_eq!(span(cut, 0.0, Some(0.125)).unwrap(), expected);
        assert!(matches!(
            span(cut, 0.0, None),
            Err(Error::Truncated { declared: 9001, .. })
        ));
        assert!(matches!(
            span(cut, 1.1, Some(0.1)),
            Err(Error::Truncated { .. })
        ));
    }
}
