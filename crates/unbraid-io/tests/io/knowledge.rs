//! Dictionaries and folders of notes.

use std::fs;
use std::path::Path;

use unbraid::StftConfig;
use unbraid::knowledge::{Dictionary, Example, Provenance, learn};
use unbraid_io::knowledge::{
    parse_dictionary, read_dictionary, read_notes, read_soundfont, write_dictionary,
};

use crate::helpers::Wav;

const RATE: u32 = 8000;

/// A decaying note of a few partials.
fn tone(note: f32) -> Vec<f32> {
    let hz = 440.0 * 2.0_f32.powf((note - 69.0) / 12.0);
    (0..RATE)
        .map(|n| {
            let t = n as f32 / RATE as f32;
            let partial = |m: f32| (std::f32::consts::TAU * m * hz * t).sin() / m;
            0.3 * (-3.0 * t).exp() * (1..5).map(|m| partial(m as f32)).sum::<f32>()
        })
        .collect()
}

fn write_note(path: &Path, samples: &[f32]) {
    fs::write(path, Wav::floats(1, samples).bytes()).unwrap();
}

fn dictionary() -> Dictionary {
    let example = Example::new(tone(69.0), RATE)
        .unwrap()
        .with_note(69.0)
        .with_velocity(80.0)
        .with_label("plain");
    let provenance = Provenance {
        origin: "made in code".to_owned(),
        author: "nobody".to_owned(),
        licence: "CC0".to_owned(),
        program: "a test".to_owned(),
    };
    learn(
        "piano",
        vec![example],
        StftConfig::with_fft_len(512),
        RATE,
        provenance,
    )
    .unwrap()
}

#[test]
fn a_dictionary_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("piano.safetensors");
    let whole = dictionary();
    for dictionary in [whole.clone(), whole.without_examples().unwrap()] {
        write_dictionary(&path, &dictionary).unwrap();
        let again = read_dictionary(&path).unwrap();
        assert_eq!(again.kind(), "piano");
        assert_eq!(again.atoms(), dictionary.atoms());
        assert_eq!(again.templates(), dictionary.templates());
        assert_eq!(again.provenance(), dictionary.provenance());
        assert_eq!(again.examples().len(), dictionary.examples().len());
        // Retuned the same to what 16-bit samples keep.
        let (a, b) = (
            again.retuned(25.0).unwrap(),
            dictionary.retuned(25.0).unwrap(),
        );
        let worst = a
            .templates()
            .iter()
            .zip(b.templates())
            .fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(worst < 1e-4, "{worst}");
    }
}

#[test]
fn damaged_dictionaries_are_refused_with_the_file_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("piano.safetensors");
    write_dictionary(&path, &dictionary()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let name = Path::new("piano.safetensors");
    for len in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = parse_dictionary(&bytes[..len], name)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("piano.safetensors") && error.contains("dictionary"),
            "{error}"
        );
    }
    let swapped = String::from_utf8_lossy(&bytes[..3000])
        .find("unbraid_dictionary")
        .unwrap();
    let mut other = bytes.clone();
    other[swapped] = b'X';
    let error = parse_dictionary(&other, name).unwrap_err().to_string();
    assert!(error.contains("no labels"), "{error}");
    // Any single byte of the header may be wrong: an error or a dictionary, never a crash.
    for at in (8..bytes.len().min(4000)).step_by(7) {
        let mut other = bytes.clone();
        other[at] ^= 0x55;
        let _ = parse_dictionary(&other, name);
    }
}

#[test]
fn a_folder_of_notes_is_read_by_name_and_by_ear() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("loud")).unwrap();
    write_note(&dir.path().join("A4v1.wav"), &tone(69.0));
    write_note(&dir.path().join("loud/A4v4.wav"), &tone(69.0));
    write_note(&dir.path().join("some take.wav"), &tone(64.0));
    fs::write(dir.path().join("README.txt"), "not audio").unwrap();
    let found = read_notes(dir.path()).unwrap();
    assert_eq!(found.detected, 1);
    let told: Vec<(f32, f32)> = found
        .examples
        .iter()
        .map(|example| (example.note().unwrap().round(), example.velocity()))
        .collect();
    assert_eq!(told, [(69.0, 31.75), (69.0, 127.0), (64.0, 64.0)]);
}

#[test]
fn folders_that_cannot_be_learnt_from_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let refused = || read_notes(dir.path()).unwrap_err().to_string();
    assert!(refused().contains("no audio file"), "{}", refused());
    let mut state = 1_u32;
    let noise: Vec<f32> = (0..RATE)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        })
        .collect();
    write_note(&dir.path().join("snare.wav"), &noise);
    assert!(
        refused().contains("pitch") && refused().contains("snare.wav"),
        "{}",
        refused()
    );
    write_note(&dir.path().join("A4v1.wav"), &tone(69.0));
    write_note(&dir.path().join("A4_v1.wav"), &tone(69.0));
    let said = refused();
    assert!(
        said.contains("A4v1.wav") && said.contains("A4_v1.wav") && said.contains("same note"),
        "{said}"
    );
}

/// A chunk of a RIFF file.
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_le_bytes();
    [&name[..], &len, body].concat()
}

/// Words of 16 bits.
fn words(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A name of twenty bytes.
fn name(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(20, 0);
    bytes
}

/// A SoundFont with one preset, of one sample of 220 Hz that is looped.
fn soundfont() -> Vec<u8> {
    const PERIOD: usize = 100;
    const LEN: usize = 40 * PERIOD;
    const FONT_RATE: u32 = 22_000;
    let samples: Vec<u8> = (0..LEN + 46)
        .flat_map(|n| {
            let phase = std::f32::consts::TAU * (n % PERIOD) as f32 / PERIOD as f32;
            let value = if n < LEN {
                phase.sin() + 0.5 * (2.0 * phase).sin()
            } else {
                0.0
            };
            ((value * 12_000.0) as i16).to_le_bytes()
        })
        .collect();
    // Bags say where generators and modulators begin, and the last one where they end.
    let bag = |generators: u16| words(&[0, 0, generators, 0]);
    let modulators = vec![0_u8; 10];
    let preset = |text, bag: u16| [name(text), words(&[0, 0, bag]), vec![0; 12]].concat();
    let instrument = |text, bag: u16| [name(text), words(&[bag])].concat();
    let header = |text: &str, kind: u16| {
        let longs = [
            0,
            LEN as u32,
            PERIOD as u32,
            (LEN - PERIOD) as u32,
            FONT_RATE,
        ];
        let longs: Vec<u8> = longs.iter().flat_map(|long| long.to_le_bytes()).collect();
        [name(text), longs, vec![57, 0], words(&[0, kind])].concat()
    };
    // Generators: 41 instrument, 54 loops (1), 53 sample.
    let parts = [
        chunk(b"phdr", &[preset("organ", 0), preset("EOP", 1)].concat()),
        chunk(b"pbag", &bag(1)),
        chunk(b"pmod", &modulators),
        chunk(b"pgen", &words(&[41, 0, 0, 0])),
        chunk(
            b"inst",
            &[instrument("pipe", 0), instrument("EOI", 1)].concat(),
        ),
        chunk(b"ibag", &bag(2)),
        chunk(b"imod", &modulators),
        chunk(b"igen", &words(&[54, 1, 53, 0, 0, 0])),
        chunk(b"shdr", &[header("wave", 1), header("EOS", 0)].concat()),
    ];
    let info = [chunk(b"ifil", &words(&[2, 1])), chunk(b"INAM", b"made\0\0")].concat();
    let list = |kind: &[u8; 4], body: &[u8]| chunk(b"LIST", &[&kind[..], body].concat());
    let body = [
        list(b"INFO", &info),
        list(b"sdta", &chunk(b"smpl", &samples)),
        list(b"pdta", &parts.concat()),
    ]
    .concat();
    chunk(b"RIFF", &[b"sfbk", &body[..]].concat())
}

#[test]
fn a_soundfont_plays_its_notes_and_damage_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.sf2");
    let whole = soundfont();
    fs::write(&path, &whole).unwrap();
    let played = read_soundfont(&path, 0, 0).unwrap();
    assert_eq!(played.name, "organ");
    // Every third key of a piano, in two layers.
    assert_eq!(played.examples.len(), 60);
    let middle = played
        .examples
        .iter()
        .find(|example| example.note() == Some(57.0))
        .unwrap();
    let heard = middle.clone().with_detected_note().note().unwrap();
    assert!((heard - 57.0).abs() < 0.05, "{heard}");
    let said = read_soundfont(&path, 0, 3).unwrap_err().to_string();
    assert!(said.contains("no preset 3; it has 0"), "{said}");
    for len in [
        0,
        11,
        40,
        300,
        whole.len() / 2,
        whole.len() - 300,
        whole.len() - 1,
    ] {
        fs::write(&path, &whole[..len]).unwrap();
        let said = read_soundfont(&path, 0, 0).unwrap_err().to_string();
        assert!(said.contains("not a usable SoundFont"), "{len}: {said}");
    }
}
