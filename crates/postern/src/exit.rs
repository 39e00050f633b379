// SPDX-License-Identifier: Apache-2.0
//! How the program ends: a promise to scripts, documented in `docs/user/cli.md`.

use std::process::ExitCode;

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went as asked; `validate` found nothing bad enough.
    Success,
    /// It could not be done: a port is taken, a check of the demo failed.
    Failure,
    /// `validate` has findings.
    Findings,
    /// The arguments or the configuration are wrong (`EX_USAGE` of sysexits.h).
    Usage,
    /// A folder cannot be read (`EX_DATAERR` of sysexits.h).
    Unreadable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Findings => 2,
            Exit::Usage => 64,
            Exit::Unreadable => 65,
        })
    }
}
