// SPDX-License-Identifier: Apache-2.0
//! A worker thread's life: it accepts, it sweeps, it drains, it ends.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::accept;
use crate::access_log::AccessLog;
use crate::clock::Clock;
use crate::config::EdgeConfig;
use crate::in_flight::InFlight;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::of_tenants::OfTenants;
use crate::published::Published;
use crate::rate::Rates;
use crate::tickets::Tickets;
use crate::worker::Worker;

/// How long idle connections may go on while others hear of the stop in an answer.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What the edge wants of its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serve.
    Serving,
    /// Stop when the connections have ended.
    Draining,
    /// Stop.
    Stopped,
}

/// What all workers of an edge share: next to nothing of it is written on the request path.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) config: Arc<EdgeConfig>,
    pub(crate) published: Arc<Published>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) rates: Arc<OfTenants<Rates>>,
}

/// The runtime of one worker.
pub(crate) fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_unpark(Clock::turn)
        .build_local(LocalOptions::default())
}

/// Serves until the edge says stop.
pub(crate) async fn run(
    shared: Shared,
    log: Option<AccessLog>,
    listeners: Vec<Listener>,
    mut phase: watch::Receiver<Phase>,
) {
    let worker = Worker::new(shared, log);
    worker.start();
    let mut accepting = Vec::new();
    for listener in listeners {
        let (on, to) = (worker.clone(), worker.clone());
        accepting.push(worker.spawn(async move {
            // A socket that cannot even be registered has no descriptor left to be closed carefully.
            let _ = listener.run(on, move |accepted| accept::spawn(&to, accepted)).await;
        }));
    }
    // An edge that is dropped says stop as well.
    let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
    if *phase.borrow() == Phase::Draining {
        tokio::select! {
            () = drain(&worker, accepting) => {}
            _ = phase.wait_for(|phase| *phase == Phase::Stopped) => {}
        }
    }
}

async fn drain(worker: &Rc<Worker>, accepting: Vec<tokio::task::JoinHandle<()>>) {
    let grace = worker.config.grace_timeout;
    let deadline = Instant::now() + grace;
    worker.drain.begin();
    let ended = async {
        for listener in accepting {
            let _ = listener.await;
        }
        tokio::select! {
            () = worker.connections.none() => return,
            () = sleep(LAST_WORD.min(grace / 4)) => {}
        }
        worker.drain.end_idle();
        worker.connections.none().await;
    };
    tokio::select! {
        () = ended => {}
        () = sleep_until(deadline) => {}
    }
}
