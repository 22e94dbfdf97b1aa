//! Sections come in; the text of the report goes out.

use std::fmt::{self, Write as _};

use super::other::About;

/// One comparison, ready to print.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    /// Markdown without the title.
    pub(super) body: String,
    /// Requirements that were missed; none if all is well.
    pub(super) failures: Vec<String>,
}

impl fmt::Display for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n## {}\n\n{}", self.title, self.body.trim_end())?;
        if !self.failures.is_empty() {
            writeln!(out)?;
        }
        for failure in &self.failures {
            writeln!(out, "- **FAIL**: {failure}")?;
        }
        Ok(())
    }
}

/// A table in Markdown; the first column is text, the others are figures.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|---|", heads.join(" | "));
    text.push_str(&"---:|".repeat(heads.len() - 1));
    text.push('\n');
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A relative difference, short: `3e-7`.
pub(super) fn small(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.0e}")
    }
}

/// Whether a difference is allowed; one that is no number is not.
pub(super) fn within(difference: f64, tolerance: f64) -> bool {
    difference <= tolerance
}

/// How to read the figures, whatever they are.
const READING: &str = "\
Unbraid's figures beside those of independent programs, from the same data. The command above makes
this page anew; it ends with exit code 1 and a line that says FAIL if a requirement is missed. The other
programs are fetched into a virtual environment, in the versions that
`xtask/python/crosscheck_requirements.txt` names.

**How to read a difference.** Two programs that follow one formula in f64 differ by the order in
which they add: about 1e-16 per step, which 50 iterations amplify to perhaps 1e-12. A difference
of 1e-9 to 1e-5 has a reason that can be named: here, the floor under our model (1e-7 of the mean)
and the one that scikit-learn clips at (1.2e-7). f32 rounds by 6e-8 per operation, which 50 iterations carry on: up to 1e-6, growing
slowly. A difference above 1e-5 that is there from the first iteration is an error in the formula of one
of the two programs; one that grows fast is an error in its steps. Differences of separation quality below 0.1 dB mean nothing; between seeds it varies
by a decibel or more.
";

/// The whole page.
pub(super) fn whole(about: &About, sweep: bool, sections: &[Section]) -> String {
    let command = if sweep {
        "cargo xtask crosscheck --sweep"
    } else {
        "cargo xtask crosscheck"
    };
    let packages: Vec<String> = about
        .packages
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let failures: usize = sections.iter().map(|section| section.failures.len()).sum();
    let verdict = match failures {
        0 => "all met".to_owned(),
        1 => "1 missed".to_owned(),
        count => format!("{count} missed"),
    };
    let mut text = format!(
        "# Cross-check with other programs\n\n\
         | | |\n|---|---|\n\
         | made | {} |\n\
         | by | `{command}` (several minutes; `cargo run --release -p xtask -- crosscheck` is faster once built) |\n\
         | Unbraid | {} |\n\
         | others | {} |\n\
         | requirements | {verdict} |\n\n{READING}",
        about.date,
        env!("CARGO_PKG_VERSION"),
        packages.join(", "),
    );
    for section in sections {
        let _ = write!(text, "{section}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_rule_below_its_heads() {
        let rows = [vec!["a".to_owned(), "1".to_owned()]];
        assert_eq!(
            table(&["what", "dB"], &rows),
            "| what | dB |\n|---|---:|\n| a | 1 |\n"
        );
    }

    #[test]
    fn the_page_tells_how_many_requirements_were_missed() {
        let about = About {
            date: "2000-01-01".to_owned(),
            packages: vec![("numpy".to_owned(), "2.0".to_owned())],
        };
        let mut section = Section {
            title: "Something",
            body: "Text.\n".to_owned(),
            failures: vec![],
        };
        let met = whole(&about, false, std::slice::from_ref(&section));
        assert!(met.contains("| requirements | all met |"), "{met}");
        assert!(met.ends_with("\n## Something\n\nText.\n"), "{met}");

        section.failures.push("0.1 dB too little".to_owned());
        let missed = whole(&about, true, &[section]);
        assert!(missed.contains("crosscheck --sweep`"), "{missed}");
        assert!(missed.contains("| requirements | 1 missed |"), "{missed}");
        assert!(
            missed.ends_with("Text.\n\n- **FAIL**: 0.1 dB too little\n"),
            "{missed}"
        );
    }
}
