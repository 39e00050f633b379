// SPDX-License-Identifier: Apache-2.0
//! Builds Postern and the measuring tools as they are shipped, and starts the driver (`bench/`).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::programs;
use crate::workspace::{cargo, root, target};

/// Measures; true when every goal that was measured was reached.
pub(crate) fn run(
    quick: bool,
    only: &[String],
    out: Option<PathBuf>,
    rest: &[String],
) -> Result<bool> {
    for program in programs::ensure(programs::BENCH) {
        println!("skipped  what needs {}: it is not installed", program.name);
    }
    let mut build = cargo();
    build.args(["build", "--release", "--package", "postern", "--package", "postern-bench"]);
    if !build.status()?.success() {
        anyhow::bail!("the release build failed");
    }
    let built = target().join("release");
    let mut driver = Command::new(built.join("postern-bench"));
    driver.current_dir(root()).arg("drive").arg("--postern").arg(built.join("postern"));
    if quick {
        driver.arg("--quick");
    }
    for name in only {
        driver.args(["--only", name]);
    }
    if let Some(out) = out.as_deref() {
        driver.arg("--out").arg(absolute(out)?);
    }
    Ok(driver.args(rest).status()?.success())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
