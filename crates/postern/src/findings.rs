// SPDX-License-Identifier: Apache-2.0
//! Findings in order and in numbers, for people.

use std::fmt;

use postern_model::{Finding, Severity};

/// The word for a severity.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// By place, then by object; the worst of one object first.
pub(crate) fn sorted(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by(|a, b| {
        let (left, right) = (&a.origin, &b.origin);
        left.place
            .cmp(&right.place)
            .then_with(|| left.key.cmp(&right.key))
            .then_with(|| b.severity.cmp(&a.severity))
    });
    findings
}

/// How many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Something that was asked for is not served.
    pub(crate) errors: usize,
    /// Something was ignored.
    pub(crate) warnings: usize,
    /// Worth knowing.
    pub(crate) infos: usize,
}

impl Tally {
    /// Counts them.
    pub(crate) fn of(findings: &[Finding]) -> Self {
        findings.iter().fold(Self::default(), |mut tally, finding| {
            match finding.severity {
                Severity::Error => tally.errors += 1,
                Severity::Warning => tally.warnings += 1,
                Severity::Info => tally.infos += 1,
            }
            tally
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.errors + self.warnings + self.infos;
        if total == 0 {
            return f.write_str("no findings");
        }
        let counted = [(self.errors, "error"), (self.warnings, "warning"), (self.infos, "info")];
        let parts: Vec<_> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let noun = if total == 1 { "finding" } else { "findings" };
        write!(f, "{total} {noun} ({})", parts.join(", "))
    }
}
