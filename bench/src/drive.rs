// SPDX-License-Identifier: Apache-2.0
//! Measures Postern beside nginx: both up at once, visited in turn, on one core; load and backend on another.
//!
//! The metric is CPU time of the proxy per request, which does not depend on how fast the load generator is.

pub(crate) mod certificates;
mod fixtures;
mod ground;
mod load;
mod neighbour;
pub(crate) mod process;
mod proxy;
pub(crate) mod report;
mod scale;
mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use ground::Ground;
use report::{Goal, Line, Report};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The `postern` program; without it only nginx is measured.
    #[arg(long, value_name = "FILE")]
    postern: Option<PathBuf>,
    /// One short round and a small folder: to see that everything works, not to quote figures.
    #[arg(long)]
    quick: bool,
    /// Only the scenarios whose name contains this text; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Writes the results as JSON into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How many times each scenario is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Keeps the temporary folder with configurations and logs.
    #[arg(long)]
    keep: bool,
}

impl Options {
    fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| scenario.contains(part.as_str()))
    }

    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// How long one round loads one proxy.
    fn round(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 3 })
    }

    /// How many namespaces, and hosts in each, the large folder has.
    fn scale(&self) -> (usize, usize) {
        if self.quick { (10, 100) } else { (100, 100) }
    }
}

/// Measures everything that is wanted, prints a table, and fails when a goal was missed.
pub(crate) fn run(options: &Options) -> Result<()> {
    process::pin_self_to_load()?;
    warn_if_busy();
    let ground = Ground::lay(options)?;
    let mut report = Report::default();
    if let Some(program) = options.postern.as_ref().filter(|_| options.wants("binary")) {
        let megabytes = std::fs::metadata(program)?.len() as f64 / 1e6;
        report.add(Line::new("binary", "MB", Goal::AtMost(25.0), &[("postern", megabytes)]));
    }
    throughput::run(options, &ground, &mut report)?;
    neighbour::run(options, &ground, &mut report)?;
    scale::run(options, &ground, &mut report)?;
    println!("{report}");
    if let Some(out) = &options.out {
        std::fs::write(out, report.json(options.quick))?;
    }
    if report.missed() > 0 {
        bail!("{} goals were missed", report.missed());
    }
    Ok(())
}

/// Ratios of one run survive a busy machine; latencies do not.
pub(crate) fn warn_if_busy() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = load.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    if let Some(minute) = minute.filter(|&minute| minute > 1.0) {
        println!("note: the machine is busy (load {minute}); latencies will be too high");
    }
}
