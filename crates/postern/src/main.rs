// SPDX-License-Identifier: Apache-2.0
//! Postern: an edge router for Kubernetes that keeps tenants apart.
//!
//! This crate is arguments, wiring, the admin server and shutdown.  What is decided is decided below it.

mod admin;
mod command;
mod config;
mod demo;
mod exit;
mod findings;
mod line;
mod log;
mod output;
mod refusals;
mod run;
mod source;
mod state;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    command::run(std::env::args_os()).into()
}
