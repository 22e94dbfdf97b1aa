//! A `Range` header and a length come in; the bytes that are meant go out.

use std::ops::RangeInclusive;

/// What a `Range` header asks of a file of `len` bytes (RFC 9110, section 14).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything: no header, one that is not understood, or several ranges at once.
    Whole,
    /// These bytes.
    Part(RangeInclusive<u64>),
    /// Bytes that are not there: 416.
    Nothing,
}

pub(crate) fn wanted(header: Option<&str>, len: u64) -> Wanted {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Wanted::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), _) if first >= len => Wanted::Nothing,
        (Some(first), Some(last)) => Wanted::Part(first..=last.min(len - 1)),
        (Some(first), None) if last.trim().is_empty() => Wanted::Part(first..=len - 1),
        (None, Some(0)) => Wanted::Nothing,
        (None, Some(_)) if first.trim().is_empty() && len == 0 => Wanted::Nothing,
        (None, Some(suffix)) if first.trim().is_empty() => {
            Wanted::Part(len - suffix.min(len)..=len - 1)
        }
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let cases = [
            (None, Wanted::Whole),
            (Some("bytes=0-0"), Wanted::Part(0..=0)),
            (Some("bytes=0-"), Wanted::Part(0..=99)),
            (Some("bytes=10-19"), Wanted::Part(10..=19)),
            (Some("bytes=90-1000"), Wanted::Part(90..=99)),
            (Some("bytes=-10"), Wanted::Part(90..=99)),
            (Some("bytes=-1000"), Wanted::Part(0..=99)),
            (Some("bytes=100-"), Wanted::Nothing),
            (Some("bytes=99999999999999999999999-"), Wanted::Nothing),
            (Some("bytes=-0"), Wanted::Nothing),
        ];
        for (header, expected) in cases {
            assert_eq!(wanted(header, 100), expected, "{header:?}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(Some("bytes=-5"), 0), Wanted::Nothing);
    }

    #[test]
    fn malformed_headers_ask_for_everything() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,5-6",
            "lines=0-1",
            "bytes=--5",
            "bytes=+1-5",
            "bytes=1-5-9",
            "bytes=0x1-5",
            "\u{0}",
        ] {
            assert_eq!(wanted(Some(header), 100), Wanted::Whole, "{header:?}");
        }
    }
}
