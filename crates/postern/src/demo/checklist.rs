// SPDX-License-Identifier: Apache-2.0
//! The demo's output: what was checked, and whether it held.

use crate::log::{printable, wants_colour};
use crate::output;

/// Prints checks and counts those that failed.
pub(crate) struct Checklist {
    colour: bool,
    passed: usize,
    failed: usize,
}

impl Checklist {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { colour: wants_colour(&std::io::stdout()), passed: 0, failed: 0 }
    }

    /// A heading.
    pub(crate) fn title(&self, text: &str) {
        self.text("");
        self.text(&self.paint("1", text));
    }

    /// A line.
    pub(crate) fn text(&self, text: &str) {
        // Whoever closed standard output has seen enough; the exit code still tells.
        let _ = output::text(&format!("{text}\n"));
    }

    /// What the attacker is told.
    pub(crate) fn refusal(&self, text: &str) {
        self.text(&format!("    {}", self.paint("33", &printable(text))));
    }

    /// One check.
    pub(crate) fn check(&mut self, what: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                self.text(&format!("  {} {what}", self.paint("32", "✓")));
            }
            Err(error) => {
                self.failed += 1;
                let error = printable(&format!("{error:#}"));
                self.text(&format!("  {} {what}: {error}", self.paint("31", "✗")));
            }
        }
    }

    /// The sum; whether everything held.
    pub(crate) fn finish(&self) -> bool {
        let Self { passed, failed, .. } = self;
        self.text("");
        if *failed == 0 {
            self.text(&self.paint("32", &format!("all {passed} checks passed")));
        } else {
            let text = format!("{failed} of {} checks failed", passed + failed);
            self.text(&self.paint("31", &text));
        }
        *failed == 0
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
