// SPDX-License-Identifier: Apache-2.0
//! Writes the CustomResourceDefinitions of the chart: the test that compares them writes them instead when POSTERN_CRDS
//! is `write`.

use anyhow::Result;

use crate::workspace::cargo;

/// Runs the test of the definitions in writing mode.
pub(crate) fn run() -> Result<bool> {
    let mut command = cargo();
    command.args(["test", "--package", "postern-api", "--test", "crds"]);
    let status = command.env("POSTERN_CRDS", "write").status()?;
    if status.success() {
        println!("Written to deploy/charts/postern/crds.");
    }
    Ok(status.success())
}
