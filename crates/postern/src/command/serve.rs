// SPDX-License-Identifier: Apache-2.0
//! `postern serve FOLDER…`

use std::path::PathBuf;

use anyhow::Context;
use postern_serve::Edge;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::exit::Exit;
use crate::log::Log;
use crate::run::{Running, Stage, control_runtime};
use crate::source::{Folders, Source};

/// Serves what folders of Kubernetes YAML declare, and follows their changes.
///
/// SIGTERM or SIGINT stops it gracefully: nothing new is accepted, and open requests have graceTimeOut to end. A second
/// signal ends it at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders or files of Kubernetes YAML or JSON.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
}

/// Serves until it is told to stop.
pub(crate) fn run(arguments: &Arguments, config: Config) -> anyhow::Result<Exit> {
    let runtime = control_runtime()?;
    let result = runtime.block_on(serve(arguments, config));
    // What still runs there answers nobody any more, and a thread that waits for a socket would hold the end up.
    runtime.shutdown_background();
    result.map(|()| Exit::Success)
}

async fn serve(arguments: &Arguments, config: Config) -> anyhow::Result<()> {
    // Before anything else: a signal during the start is a stop, too.
    let mut signals = Signals::new()?;
    let start = async {
        let folders = Folders::open(&arguments.folders, Log::new(config.log_level))?;
        let stage = Stage::open(&config).await?;
        stage.serve(config, folders).await
    };
    let (mut running, edge) = tokio::select! {
        started = start => started?,
        () = signals.next() => return Ok(()),
    };
    follow(&mut running, &mut signals).await;
    drain(edge, &mut signals).await;
    running.log().info("stopped");
    Ok(())
}

/// Serves until it is asked to stop; then nobody should send anything here any more.
pub(super) async fn follow<S: Source>(running: &mut Running<S>, signals: &mut Signals) {
    tokio::select! {
        () = running.follow() => {}
        () = signals.next() => {}
    }
    running.state().drains();
    running.log().info("stopping: open requests may end, a second signal ends them");
}

/// Waits for the end of open requests, or for a second signal.
pub(crate) async fn drain(edge: Edge, signals: &mut Signals) {
    drain_and(edge, signals, std::future::ready(())).await;
}

/// Waits for the end of open requests and of something else, or for a second signal.
pub(super) async fn drain_and(
    edge: Edge,
    signals: &mut Signals,
    farewell: impl Future<Output = ()>,
) {
    edge.drain();
    let joined = tokio::task::spawn_blocking(move || edge.join());
    tokio::select! {
        // A worker that panicked has nothing left to end.
        _ = async { tokio::join!(joined, farewell) } => {}
        () = signals.next() => {}
    }
}

/// What asks the process to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from here on.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let take = |kind| signal(kind).context("signals cannot be received");
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
