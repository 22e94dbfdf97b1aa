//! The text of a page comes in; a section of it goes out, so that what is not measured anew can stay.

use std::fmt::Write as _;

/// What stands below a heading of the second level, up to the next.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, below) = page.split_once(&format!("\n## {heading}\n\n"))?;
    Some(below.split("\n## ").next().unwrap_or(below))
}

/// A page of a head and sections, each with its heading: as it is made anew, or else as it stands in the page before; left out if
/// it is in neither.
pub(crate) fn with_sections(
    head: &str,
    before: &str,
    sections: &[(&str, Option<String>)],
) -> String {
    let mut text = format!("{}\n", head.trim_end());
    for (heading, new) in sections {
        let made = new.as_deref().filter(|made| !made.is_empty());
        if let Some(made) = made.or_else(|| section(before, heading)) {
            let _ = write!(text, "\n## {heading}\n\n{}\n", made.trim_end());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let page = "# Title\n\n## One\n\n| a |\n\n## Two\n\n| b |\n";
        assert_eq!(section(page, "One"), Some("| a |\n"));
        assert_eq!(section(page, "Two"), Some("| b |\n"));
        assert_eq!(section(page, "Three"), None);
    }

    #[test]
    fn what_is_not_made_anew_stays_as_it_was() {
        let before = "# Title\n\n## One\n\n| a |\n\n## Two\n\n| b |\n";
        let sections = [
            ("One", None),
            ("Two", Some("| c |".to_owned())),
            ("Three", None),
        ];
        let page = with_sections("# New\n", before, &sections);
        assert_eq!(page, "# New\n\n## One\n\n| a |\n\n## Two\n\n| c |\n");
    }
}
