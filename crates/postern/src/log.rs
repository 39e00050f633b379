// SPDX-License-Identifier: Apache-2.0
//! The log of the control plane: one line per event on standard error.  Standard output is for data only.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// How severe a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Something that was asked for does not happen.
    Error,
    /// Something is not as it should be, and the rest goes on.
    Warn,
    /// What happens.
    Info,
    /// What happens, in detail.
    Debug,
}

/// Writes the lines that are severe enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    level: Level,
    colour: bool,
}

impl Log {
    /// Logs what is at least as severe as `level`.
    pub(crate) fn new(level: Level) -> Self {
        Self { level, colour: wants_colour(&std::io::stderr()) }
    }

    /// Something that was asked for does not happen.
    pub(crate) fn error(self, message: impl Display) {
        self.line(Level::Error, message);
    }

    /// Something is not as it should be.
    pub(crate) fn warn(self, message: impl Display) {
        self.line(Level::Warn, message);
    }

    /// What happens.
    pub(crate) fn info(self, message: impl Display) {
        self.line(Level::Info, message);
    }

    /// What happens, in detail.
    pub(crate) fn debug(self, message: impl Display) {
        self.line(Level::Debug, message);
    }

    /// What is as severe as that.
    pub(crate) fn line(self, level: Level, message: impl Display) {
        if level > self.level {
            return;
        }
        let (word, colour) = match level {
            Level::Error => ("ERROR", "\x1b[31m"),
            Level::Warn => ("WARN ", "\x1b[33m"),
            Level::Info => ("INFO ", "\x1b[32m"),
            Level::Debug => ("DEBUG", "\x1b[2m"),
        };
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        // One line, whatever a file name or an object's name holds: control characters could forge another.
        let message = printable(&message.to_string());
        let mut stderr = std::io::stderr().lock();
        // There is nobody to tell when standard error is closed.
        let _ = if self.colour {
            writeln!(stderr, "{now} {colour}{word}\x1b[0m {message}")
        } else {
            writeln!(stderr, "{now} {word} {message}")
        };
    }
}

/// The text with control characters written out.
pub(crate) fn printable(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let escaped = text
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    escaped.collect()
}

/// Whether colour is wanted there: a terminal, and no `NO_COLOR` (no-color.org: set and not empty).
pub(crate) fn wants_colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
}
