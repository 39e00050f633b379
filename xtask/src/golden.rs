// SPDX-License-Identifier: Apache-2.0
//! Rewrites the golden files: the test that compares them writes them instead when POSTERN_GOLDEN is `write`.

use anyhow::Result;

use crate::workspace::cargo;

/// Runs the golden test in writing mode.
pub(crate) fn run() -> Result<bool> {
    let mut command = cargo();
    command.args(["test", "--package", "postern-tests", "--test", "golden"]);
    let status = command.env("POSTERN_GOLDEN", "write").status()?;
    if status.success() {
        println!("Rewritten. Read `git diff tests/golden` before you commit it.");
    }
    Ok(status.success())
}
