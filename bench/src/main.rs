// SPDX-License-Identifier: Apache-2.0
//! Measuring tools in one program: a cheap backend, two load generators, and the driver that `cargo xtask bench` starts.
//!
//! All of it goes to loopback only and ends by itself.

mod backend;
mod client;
mod cluster;
mod drive;
mod hsclient;
mod paced;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measuring tools for Postern.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// Answers HTTP/1.1 on a port of its own choice: 100 bytes at /s, 10 KB at /b.
    Backend(backend::Options),
    /// Makes full TLS handshakes, each with one request, for a while, and counts them.
    Hsclient(hsclient::Options),
    /// Sends requests at a fixed rate over connections that stay open, and prints how long they took.
    Paced(paced::Options),
    /// Measures Postern beside nginx.
    Drive(drive::Options),
    /// Measures Postern in the cluster that this runs in: `cargo xtask bench scale` and `outage` start one.
    Cluster(cluster::Options),
}

fn main() -> ExitCode {
    let done = run();
    if let Err(error) = &done {
        eprintln!("error: {error:#}");
    }
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run() -> Result<()> {
    match Arguments::parse().tool {
        Tool::Backend(options) => backend::run(&options),
        Tool::Hsclient(options) => hsclient::run(&options),
        Tool::Paced(options) => paced::run(&options),
        Tool::Drive(options) => drive::run(&options),
        Tool::Cluster(options) => cluster::run(&options),
    }
}
