//! The text of a page comes in; a section of it goes out, so that what is not measured anew can stay.

/// What stands below a heading of the second level, up to the next.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, below) = page.split_once(&format!("\n## {heading}\n\n"))?;
    Some(below.split("\n## ").next().unwrap_or(below))
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
}
