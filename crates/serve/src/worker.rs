// SPDX-License-Identifier: Apache-2.0
//! What the connections of one worker thread share.  Nothing here is reached from another thread.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::access_log::{self, AccessLog};
use crate::clock::Clock;
use crate::config::EdgeConfig;
use crate::connection::Connection;
use crate::drain::{Connections, Drain};
use crate::exchange::Tenures;
use crate::finished::Finished;
use crate::gate::Gate;
use crate::metrics::WorkerCounters;
use crate::published::Published;
use crate::roster::Roster;
use crate::runtime::Runtimes;
use crate::thread::Shared;
use crate::tickets::Tickets;

/// How often tenants that are gone are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// How often connections to endpoints that are gone are looked for.
const LEAVE: Duration = Duration::from_secs(1);

/// One worker's shared state; handed around as `Rc<Worker>`.
pub(crate) struct Worker {
    /// The install configuration.
    pub(crate) config: Arc<EdgeConfig>,
    /// The snapshot in force.
    pub(crate) published: Arc<Published>,
    /// What tenants keep between snapshots, on this worker.
    pub(crate) runtimes: Runtimes,
    /// The time, for deadlines and durations.
    pub(crate) clock: Clock,
    /// Whether the worker is being stopped.
    pub(crate) drain: Drain,
    /// What the worker counts whoever it is for.
    pub(crate) counters: Arc<WorkerCounters>,
    /// The connections that are open.
    pub(crate) connections: Connections,
    /// Which of them goes when there is no place for one more.
    pub(crate) roster: Rc<Roster>,
    /// What goes on for as long as its name is its tenant's.
    pub(crate) tenures: Tenures,
    /// Who may do the next step of a handshake.
    pub(crate) gate: Gate,
    /// Keys for session tickets.
    pub(crate) tickets: Arc<Tickets>,
    /// Where requests are logged, if they are.
    access_log: Option<AccessLog>,
}

impl Worker {
    /// A worker that serves what is published.  On its thread, its standing tasks must be started as well.
    pub(crate) fn new(shared: Shared, access_log: Option<AccessLog>) -> Rc<Self> {
        let Shared { config, published, metrics, tickets, in_flight, rates } = shared;
        let counters = metrics.register_worker();
        let stalled_after = config.stalled_after;
        let places = config.connections.of_a_worker(config.workers);
        Rc::new(Self {
            config,
            published,
            runtimes: Runtimes::new(metrics, in_flight, rates),
            clock: Clock,
            drain: Drain::default(),
            roster: Roster::new(places, stalled_after, counters.clone()),
            counters,
            connections: Connections::default(),
            tenures: Tenures::default(),
            gate: Gate::default(),
            tickets,
            access_log,
        })
    }

    /// Starts what goes on for as long as the worker lives.
    pub(crate) fn start(self: &Rc<Self>) {
        let worker = self.clone();
        self.spawn(async move { worker.gate.run().await });
        let worker = self.clone();
        self.spawn(async move {
            loop {
                sleep(SWEEP).await;
                worker.sweep().await;
            }
        });
        let worker = self.clone();
        self.spawn(async move {
            loop {
                sleep(LEAVE).await;
                worker.leave_endpoints().await;
            }
        });
        let worker = self.clone();
        let mut decisions = self.published.decisions();
        self.spawn(async move {
            while decisions.changed().await.is_ok() {
                worker.tenures.end_lost(&worker.published).await;
            }
        });
        if self.logs() {
            let worker = self.clone();
            self.spawn(async move { worker.flush_log().await });
        }
    }

    async fn leave_endpoints(&self) {
        for place in (0..).step_by(Runtimes::AT_ONCE) {
            let some = self.runtimes.some(place);
            if some.is_empty() {
                return;
            }
            let snapshot = self.published.load();
            for runtime in some.iter().filter(|runtime| runtime.is_connected()) {
                runtime.leave_endpoints(&snapshot);
                runtime.places.rest();
            }
            drop((some, snapshot));
            tokio::task::yield_now().await;
        }
    }

    async fn sweep(&self) {
        let mut place = Some(0);
        while let Some(next) = place {
            place = self.runtimes.sweep(next, &self.published.load());
            tokio::task::yield_now().await;
        }
        self.runtimes.sweep_shared();
    }

    async fn flush_log(&self) {
        loop {
            sleep(access_log::FLUSH_EVERY).await;
            self.access_log.iter().for_each(AccessLog::flush);
        }
    }

    /// Runs a task on this worker.  A panic ends that task alone, and is counted (I21).
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        let counters = self.counters.clone();
        // What a panicking task shares with others is in cells that hold whole values, so nothing is seen half done.
        let caught = AssertUnwindSafe(task).catch_unwind().map(move |outcome| {
            if outcome.is_err() {
                counters.panics.increment();
            }
        });
        tokio::task::spawn_local(caught)
    }

    /// Whether requests are logged: only then is it worth to make a `finished::Noted`.
    pub(crate) fn logs(&self) -> bool {
        self.access_log.is_some()
    }

    /// Counts and logs a request; once for every request.
    pub(crate) fn finished(&self, connection: &Connection, finished: &Finished<'_>) {
        let counters = finished.tenant.map_or(self.runtimes.nobody(), |tenant| &tenant.counters);
        let duration = self.clock.now().saturating_duration_since(finished.started);
        counters.answered(connection.entry_point, finished.status);
        self.counters.took(connection.entry_point, duration);
        if let Some(reason) = finished.reason {
            counters.refused(reason);
        }
        if let Some(log) = &self.access_log {
            log.write(connection, finished, duration);
        }
    }
}
