// SPDX-License-Identifier: Apache-2.0
//! Data on standard output.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Context;
use serde_json::Value;

/// How structured data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DataFormat {
    /// YAML
    Yaml,
    /// JSON, indented
    Json,
}

/// Writes text, and a line's end if it has none.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
    match written {
        // `postern render … | head` has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output cannot be written"),
    }
}

/// Writes a value.
pub(crate) fn value(value: &Value, format: DataFormat) -> anyhow::Result<()> {
    let written = match format {
        DataFormat::Yaml => serde_saphyr::to_string(value)?,
        DataFormat::Json => serde_json::to_string_pretty(value)?,
    };
    text(&written)
}

/// How many columns standard output has, if it is a terminal.
pub(crate) fn terminal_width() -> Option<u16> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok())?;
    size.map(|size| size.ws_col).filter(|columns| *columns > 0)
}
