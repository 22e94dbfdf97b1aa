//! JSON with the words `NaN` and `Infinity` comes in; JSON as the standard has it goes out.

use std::borrow::Cow;

/// Words that Python writes for numbers that JSON does not have.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Replace bare `NaN`, `Infinity` and `-Infinity` by `null`, and drop a byte order mark.
///
/// Strings stay as they are. Text without such words is not copied.
pub(super) fn with_standard_numbers(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !WORDS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Everything of interest is ASCII, so that cuts fall between characters.
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let len = string_len(rest);
            out.push_str(&rest[..len]);
            rest = &rest[len..];
        } else if let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            out.push_str("null");
            rest = &rest[word.len()..];
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length of the string that the text begins with, quotes included; all of it if it never ends.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_outside_of_strings_become_null() {
        for (given, expected) in [
            (r#"{"a": NaN}"#, r#"{"a": null}"#),
            ("[NaN,-Infinity,Infinity]", "[null,null,null]"),
            (
                r#"{"NaN": "Infinity NaN", "b": NaN}"#,
                r#"{"NaN": "Infinity NaN", "b": null}"#,
            ),
            (r#"["a\"NaN", -1.5, NaN]"#, r#"["a\"NaN", -1.5, null]"#),
            (r#"["\\", NaN]"#, r#"["\\", null]"#),
            (r#"["é NaN", NaN, "ü"]"#, r#"["é NaN", null, "ü"]"#),
            ("\u{feff}[1]", "[1]"),
            (r#"["NaN"#, r#"["NaN"#),
            ("", ""),
        ] {
            assert_eq!(with_standard_numbers(given), expected, "{given}");
        }
    }
}
