// SPDX-License-Identifier: Apache-2.0
//! The project's own commands, run as `cargo xtask NAME`: test, floors, golden, crds, cluster, bench, fuzz.

mod bench;
mod cluster;
mod crds;
mod floors;
mod fuzz;
mod golden;
mod programs;
mod readme;
mod step;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every check: format, clippy, floors, all tests, the examples of the README.
    ///
    /// Programs that some tests need (nginx, openssl, curl, podman) are installed with apt-get when they are missing and this
    /// runs as root or under CI=true; otherwise what could not run is listed by name.
    Test {
        /// Only format, floors and unit tests.
        #[arg(long)]
        quick: bool,
    },
    /// Checks the rules of the structure: floors of the crates, sizes of files, who may name `World`, links.
    Floors,
    /// Rewrites the results in tests/golden/**/*.yaml from what the code does now; read the diff before you commit it.
    Golden,
    /// Writes deploy/charts/postern/crds from the types in crates/api/src/crd.
    Crds,
    /// A real Kubernetes API on this machine (needs Go and root).
    Cluster {
        /// The folder for the cluster's data, logs and kubeconfig; several clusters are several folders.
        #[arg(long, global = true, value_name = "FOLDER")]
        state: Option<std::path::PathBuf>,
        #[command(subcommand)]
        verb: cluster::Verb,
    },
    /// Measures Postern beside nginx on one core and prints the ratios; `cargo xtask bench -- --help` lists more.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        verb: Option<bench::Verb>,
        /// Shorter runs and a smaller folder: to see that everything works, not to quote figures.
        #[arg(long)]
        quick: bool,
        /// Only the scenarios whose name contains this text; may be repeated.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Writes the results as JSON into this file.
        #[arg(long, value_name = "FILE")]
        out: Option<std::path::PathBuf>,
        /// Further arguments for the driver.
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Runs every fuzz target for a while (needs cargo-fuzz and a nightly toolchain).
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only this target.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { quick } => test::run(quick),
        Command::Floors => floors::run(),
        Command::Golden => golden::run(),
        Command::Crds => crds::run(),
        Command::Bench { verb: Some(verb), .. } => bench::in_cluster(&verb),
        Command::Bench { verb: None, quick, only, out, rest } => {
            bench::run(quick, &only, out, &rest)
        }
        Command::Cluster { state, verb } => {
            return cluster::run(&verb, state).unwrap_or_else(|error| {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            });
        }
        Command::Fuzz { seconds, only } => fuzz::run(seconds, only.as_deref()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
