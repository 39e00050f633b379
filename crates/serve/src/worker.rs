// SPDX-License-Identifier: Apache-2.0
//! What the connections of one worker thread share.  Nothing here is reached from another thread.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::access_log::AccessLog;
use crate::clock::Clock;
use crate::config::EdgeConfig;
use crate::connection::Connection;
use crate::drain::Drain;
use crate::finished::Finished;
use crate::metrics::{Metrics, WorkerCounters};
use crate::published::Published;
use crate::runtime::Runtimes;

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
    /// Where requests are logged, if they are.
    access_log: Option<AccessLog>,
}

impl Worker {
    /// A worker that serves what is published.
    pub(crate) fn new(
        config: Arc<EdgeConfig>,
        published: Arc<Published>,
        metrics: Arc<Metrics>,
        access_log: Option<AccessLog>,
    ) -> Rc<Self> {
        let counters = metrics.register_worker();
        let runtimes = Runtimes::new(metrics);
        let (clock, drain) = (Clock, Drain::default());
        Rc::new(Self { config, published, runtimes, clock, drain, counters, access_log })
    }

    /// Runs a task on this worker.  A panic ends that task alone, and is counted (I21).
    pub(crate) fn spawn(
        self: &Rc<Self>,
        task: impl Future<Output = ()> + 'static,
    ) -> JoinHandle<()> {
        let counted = CountPanic(self.counters.clone());
        tokio::task::spawn_local(async move {
            let _counted = counted;
            task.await;
        })
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

struct CountPanic(Arc<WorkerCounters>);

impl Drop for CountPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panics.increment();
        }
    }
}
