// SPDX-License-Identifier: Apache-2.0
//! `postern demo`

use anyhow::Context;

use super::serve::{Signals, drain};
use crate::demo::{Checklist, Demo, Ports};
use crate::exit::Exit;
use crate::run::control_runtime;

/// Serves two tenants with certificates, and shows how a hijack is refused.
///
/// Writes Kubernetes YAML into a temporary folder, starts backends on loopback, serves them, and lets tenant globex try
/// to take a host of tenant acme. Everything is verified over real sockets.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Ends after the checks, on any free ports: 0 if all held, 1 if not.
    #[arg(long)]
    check: bool,
    /// Leaves the folder behind.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut folder = tempfile::Builder::new()
        .prefix("postern-demo-")
        .tempdir()
        .context("a temporary folder cannot be made")?;
    folder.disable_cleanup(arguments.keep);
    let runtime = control_runtime()?;
    let result = runtime.block_on(show(arguments, folder.path()));
    runtime.shutdown_background();
    if arguments.keep {
        eprintln!("the folder is {}", folder.path().display());
    }
    result
}

async fn show(arguments: &Arguments, folder: &std::path::Path) -> anyhow::Result<Exit> {
    let mut signals = Signals::new()?;
    let mut list = Checklist::new();
    let ports = if arguments.check { Ports::Free } else { Ports::Usual };
    let story = async {
        let mut demo = Demo::start(folder, ports).await?;
        demo.introduce(&mut list);
        demo.check_sites(&mut list).await;
        demo.check_attacks(&mut list).await?;
        anyhow::Ok((demo, list.finish()))
    };
    let (mut demo, held) = tokio::select! {
        told = story => told?,
        // Whoever interrupts the checks did not see them pass.
        () = signals.next() => return Ok(Exit::Failure),
    };
    if !arguments.check {
        eprintln!("\nserving {} until Ctrl-C", folder.display());
        tokio::select! {
            () = demo.follow() => {}
            () = signals.next() => {}
        }
    }
    drain(demo.into_edge(), &mut signals).await;
    Ok(if held { Exit::Success } else { Exit::Failure })
}
