// SPDX-License-Identifier: Apache-2.0
//! Runs the fuzz targets, each for a while, starting from its seeds.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::programs::find;
use crate::step::{self, Outcome, Tally};
use crate::workspace::{files, root};

const HOW: &str = "install it with: rustup toolchain install nightly && cargo install cargo-fuzz";

/// Runs every target, or the one that is named; true when none found anything.
pub(crate) fn run(seconds: u32, only: Option<&str>) -> Result<bool> {
    let mut tally = Tally::default();
    let mut matched = false;
    for file in files(&root().join("fuzz/fuzz_targets"), "rs")? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if only.is_none_or(|only| only == name) {
            matched = true;
            tally.step(&format!("fuzz {name}"), || target(&name, seconds));
        }
    }
    if let (false, Some(only)) = (matched, only) {
        anyhow::bail!("there is no fuzz target named `{only}`");
    }
    Ok(tally.finish())
}

fn target(name: &str, seconds: u32) -> Result<Outcome> {
    if find("cargo-fuzz").is_none() {
        return Ok(Outcome::Skipped(format!("cargo-fuzz is not there; {HOW}")));
    }
    if !nightly() {
        return Ok(Outcome::Skipped(format!("a nightly toolchain is not there; {HOW}")));
    }
    // libFuzzer writes what it finds into the first folder and only reads the second.
    let corpus = root().join("fuzz/corpus").join(name);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let mut command = Command::new("cargo");
    command.current_dir(root()).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command.args(["+nightly", "fuzz", "run", "--features", name, name]).arg(&corpus);
    command.arg(root().join("fuzz/seeds").join(name));
    command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5"]);
    command.args(["-rss_limit_mb=1024", "-print_final_stats=1"]);
    step::run(&mut command)
}

fn nightly() -> bool {
    let mut command = Command::new("cargo");
    command.env_remove("RUSTUP_TOOLCHAIN").args(["+nightly", "--version"]);
    command.output().is_ok_and(|output| output.status.success())
}
