// SPDX-License-Identifier: Apache-2.0
//! Rewrites the golden files: the test that compares them writes them instead when POSTERN_GOLDEN is `write`.

use anyhow::Result;

use crate::cluster::Programs;
use crate::workspace::cargo;

/// Runs the tests that can write, in writing mode: the golden files, what the Helm chart renders, its table of values.
pub(crate) fn run() -> Result<bool> {
    let mut translation = cargo();
    translation.args(["test", "--package", "postern-tests", "--test", "golden"]);
    let mut chart = cargo();
    chart.args(["test", "--package", "postern-tests", "--test", "chart", "--"]);
    chart.args(["every_case_renders_what_its_file_says", "the_readme_lists_the_values"]);
    match Programs::build()? {
        Ok(programs) => {
            chart.env("PATH", programs.search_path());
        }
        Err(reason) => {
            println!("what the Helm chart renders is rewritten with a helm on PATH only: {reason}")
        }
    }
    for mut command in [translation, chart] {
        if !command.env("POSTERN_GOLDEN", "write").status()?.success() {
            return Ok(false);
        }
    }
    println!("Rewritten. Read `git diff tests/golden deploy` before you commit it.");
    Ok(true)
}
