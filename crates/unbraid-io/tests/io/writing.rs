//! Places that cannot be written to come in; that nothing is left there is checked.

use std::path::Path;

use ndarray::Array2;
use unbraid_io::Error;
use unbraid_io::atomic::OutputFile;
use unbraid_io::audio::{AudioWriter, Metadata, OutputFormat};

use crate::helpers::{names, noise, write_stems};

fn create(format: OutputFormat, rate: u32, channels: usize, len: usize) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stem");
    let made =
        AudioWriter::create(&path, format, rate, channels, len, &Metadata::default()).map(drop);
    if made.is_err() {
        assert_eq!(
            names(folder.path()),
            Vec::<String>::new(),
            "a refused file was begun"
        );
    }
    made
}

#[test]
fn what_a_format_cannot_hold_is_refused_before_a_file_is_made() {
    use OutputFormat::{Flac, Wav16, Wav24, Wav32f};
    let cases = [
        (Flac, 44_100, 9, 1, "1 to 8 channels, not 9"),
        (Flac, 44_100, 0, 1, "1 to 8 channels, not 0"),
        (Flac, 768_000, 1, 1, "rates up to 655350 Hz, not 768000 Hz"),
        (Flac, 0, 1, 1, "rates from 1 Hz, not 0 Hz"),
        (Wav16, 0, 1, 1, "rates from 1 Hz, not 0 Hz"),
        (Wav16, 44_100, 0, 1, "1 to 64 channels, not 0"),
        (Wav24, 44_100, 65, 1, "1 to 64 channels, not 65"),
        (Wav32f, u32::MAX, 2, 1, "up to 4 GiB in a second"),
        (Wav24, 44_100, 2, usize::MAX / 2, "up to 2^63 bytes"),
    ];
    for (format, rate, channels, len, reason) in cases {
        let error = create(format, rate, channels, len).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Format { .. }), "{message}");
        assert!(
            message.contains(reason) && message.ends_with("stem"),
            "{message}"
        );
        assert!(error.hint().is_some());
    }
    for (format, rate, channels) in [
        (Flac, 655_350, 8),
        (Wav16, u32::MAX / 2, 1),
        (Wav24, 44_100, 64),
    ] {
        create(format, rate, channels, 100).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_in_every_format() {
    for format in OutputFormat::ALL {
        for len in [1, 100, 100_000] {
            let path = Path::new("/dev/full");
            let stem: Array2<f32> = noise(1, len, 0.5, 1);
            let set =
                unbraid_io::audio::StemSet::create(&[path.to_owned()], format, 8000, 1, len, 1.0);
            let error = set
                .and_then(|mut set| {
                    set.write(stem.view().insert_axis(ndarray::Axis(0)))?;
                    set.finish()
                })
                .expect_err("nothing fits there");
            let message = error.to_string();
            assert!(
                message.contains("No space left") && message.ends_with("/dev/full"),
                "{message}"
            );
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn a_place_below_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "mine").unwrap();
    let below = folder.path().join("file");
    for format in OutputFormat::ALL {
        let stem = noise(1, 5, 0.5, 1);
        let error = write_stems(&below, format, 8000, &[stem.view()], 1.0, 5).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error:?}");
        assert!(error.to_string().contains("file/0."), "{error}");
    }
    assert!(OutputFile::create(&below.join("deep/er.json"), false).is_err());
    assert_eq!(names(folder.path()), ["file"]);
    assert_eq!(std::fs::read(below).unwrap(), b"mine");
}

#[test]
fn a_flac_file_of_a_wrong_length_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stem.flac");
    let mut set =
        unbraid_io::audio::StemSet::create(&[path], OutputFormat::Flac, 8000, 1, 100, 1.0).unwrap();
    let stem: Array2<f32> = noise(1, 50, 0.5, 1);
    let written = set.write(stem.view().insert_axis(ndarray::Axis(0)));
    assert!(written.and_then(|()| set.finish().map(drop)).is_err());
}
