// SPDX-License-Identifier: Apache-2.0
//! Measures Postern on a real kube-apiserver: how its costs grow with tenants, and what an outage does.
//!
//! All of it runs inside the test cluster's network; `cargo xtask bench scale` and `bench outage` start that.

mod api;
mod changes;
mod ground;
mod objects;
mod outage;
mod postern;
mod probe;
mod shape;
mod steady;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use objects::Shape;

/// What to measure.
#[derive(Parser)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Fills the cluster with one shape and measures.
    Shape(ShapeOptions),
    /// Takes the API server away for a while, under traffic.
    Outage(OutageOptions),
    /// Prints the results of several shapes side by side; fails when a goal was missed.
    Table {
        /// What `shape` wrote.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// How a shape is measured.
#[derive(clap::Args)]
pub(crate) struct ShapeOptions {
    /// The `postern` program.
    #[arg(long, value_name = "FILE")]
    postern: PathBuf,
    /// Tenants × Ingresses of each, as in 100x100.
    #[arg(long)]
    shape: Shape,
    /// Postern reads each namespace by itself, and Secrets by name, as with `scope: tenants`.
    #[arg(long)]
    by_name: bool,
    /// How many certificates are changed, and then as many slices.
    #[arg(long, default_value_t = 200)]
    changes: usize,
    /// For how many seconds the leader may write before the measurement goes on all the same.
    #[arg(long, default_value_t = 600)]
    settle: u64,
    /// Writes the results as JSON into this file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// How an outage is measured.
#[derive(clap::Args)]
pub(crate) struct OutageOptions {
    /// The `postern` program.
    #[arg(long, value_name = "FILE")]
    postern: PathBuf,
    /// Tenants × Ingresses of each.
    #[arg(long, default_value = "100x10")]
    shape: Shape,
    /// For how long there is no API server.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Requests a second meanwhile.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Writes the results as JSON into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    // One thread: what measures must not take the cores from what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &options.verb {
        Verb::Shape(options) => runtime.block_on(shape::run(options)),
        Verb::Outage(options) => runtime.block_on(outage::run(options)),
        Verb::Table { files } => table::run(files),
    }
}
