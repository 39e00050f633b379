// SPDX-License-Identifier: Apache-2.0
//! Report in, Kubernetes conditions and Events out, by the leader only.
//!
//! ```no_run
//! # async fn run(client: kube::Client, world: postern_model::World, report: postern_model::Report) {
//! use postern_status::{Facts, Options, Status};
//!
//! let status = Status::start(client, Options::new("postern-0", "postern"));
//! // After each compile, and when this replica becomes the leader:
//! status.due().await;
//! status.report(Facts::gather(&world, &report, |_| true));
//! // At the end, so that the next leader need not wait:
//! status.shutdown().await;
//! # }
//! ```
//!
//! Everything is level-triggered: what is so is compared with what the cluster was seen to say, and the difference is
//! written.  No call is without a deadline, no failure is repeated without a pause, no tenant gets more than its turn.

mod agenda;
mod call;
mod contention;
mod desk;
mod facts;
mod leader;
mod lease;
mod metrics;
mod nodes;
mod options;
mod plan;
mod published;
mod queue;
mod seen;
mod task;
mod view;
mod watch;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use postern_model::Finding;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use crate::facts::Facts;
use crate::leader::{Candidate, Leadership};
use crate::lease::ClusterLease;
pub use crate::metrics::StatusMetrics;
pub use crate::options::{IngressEndpoint, Options};
pub use crate::view::Address;
use crate::writer::Writer;

/// How often facts are taken in at most: gathering them costs time in proportion to all that there is.
const REPORTS: Duration = Duration::from_millis(250);
/// How long the end may take.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Writes status to a cluster.
#[derive(Debug)]
pub struct Status;

/// A running writer of status.
#[derive(Debug)]
pub struct StatusHandle {
    facts: channel::Sender<Option<Arc<Facts>>>,
    leadership: Leadership,
    reported: Mutex<Option<Instant>>,
    metrics: Arc<StatusMetrics>,
    found: channel::Receiver<Vec<Finding>>,
    /// Whoever drops the handle wants no more status.
    stop: DropGuard,
    candidate: JoinHandle<()>,
}

impl Status {
    /// Begins to stand for election, and writes whenever this replica leads.  Returns at once; needs a tokio runtime,
    /// which should not be one that serves requests.
    pub fn start(client: Client, options: Options) -> StatusHandle {
        let (facts, receiver) = channel::channel(None);
        let store =
            ClusterLease::new(client.clone(), &options.lease_namespace, &options.lease_name);
        let (candidate, leadership) = Candidate::new(store, options.identity.clone());
        let stop = CancellationToken::new();
        let written = CancellationToken::new();
        let metrics = Arc::new(StatusMetrics::default());
        let (sender, found) = channel::channel(Vec::new());
        let writer = Writer {
            client,
            options,
            facts: receiver,
            leadership: leadership.clone(),
            metrics: metrics.clone(),
            found: sender,
            stop: stop.clone(),
        };
        let done = written.clone();
        tokio::spawn(async move {
            // Even if it panics: the lease must not wait for it.
            let _done = done.drop_guard();
            writer.run().await;
        });
        let candidate = tokio::spawn(candidate.run(stop.clone(), written));
        let reported = Mutex::default();
        let stop = stop.drop_guard();
        StatusHandle { facts, leadership, reported, metrics, found, stop, candidate }
    }
}

impl StatusHandle {
    /// Replaces what is to be told.  Never waits; of two reports the later one counts.
    pub fn report(&self, facts: Facts) {
        *self.reported.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.facts.send_replace(Some(Arc::new(facts)));
    }

    /// Waits until it is worth while to gather facts: this replica leads, and has not been told a moment ago.  May be
    /// dropped at any point.
    pub async fn due(&self) {
        self.leadership.clone().gained().await;
        let last = *self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last {
            tokio::time::sleep_until(last + REPORTS).await;
        }
    }

    /// Whether this replica writes.
    pub fn is_leader(&self) -> bool {
        self.leadership.holds()
    }

    /// What is counted.
    pub fn metrics(&self) -> Arc<StatusMetrics> {
        self.metrics.clone()
    }

    /// What is missing, or may not be read, that status is made from, whenever that changes.
    pub fn findings(&self) -> channel::Receiver<Vec<Finding>> {
        self.found.clone()
    }

    /// Ends the last write and gives the lease back, within 5 seconds.
    pub async fn shutdown(self) {
        drop(self.stop);
        // If it takes longer, the lease ends by itself.
        let _ = tokio::time::timeout(SHUTDOWN, self.candidate).await;
    }
}
