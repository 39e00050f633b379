// SPDX-License-Identifier: Apache-2.0
//! The data plane from outside: started, asked, drained and stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use postern_model::EntryPointId;
use postern_model::settings::MAX_ENTRY_POINTS;
use tokio::sync::watch;

use crate::access_log::{self, LogError};
use crate::config::{Connections, EdgeConfig, EntryPointConfig, RequestsInFlight};
use crate::descriptors;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::published::Published;
use crate::thread::{self, Phase};

/// Descriptors that a worker's runtime has: its poll, its timer, its wake-up.
const OF_A_WORKER: usize = 4;

/// A running data plane: worker threads with their sockets.  Dropping it stops it at once.
#[derive(Debug)]
pub struct Edge {
    addresses: Vec<(Arc<str>, Vec<SocketAddr>)>,
    metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    log: Option<access_log::Thread>,
}

/// Why an edge cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No worker, no entry point, or more entry points than there can be.
    #[error(
        "{workers} workers and {entry_points} entry points are not 1 or more workers and 1 to {MAX_ENTRY_POINTS} entry points"
    )]
    Numbers {
        /// How many workers were asked for.
        workers: usize,
        /// How many entry points were asked for.
        entry_points: usize,
    },
    /// An address cannot be bound.
    #[error("entry point {entry_point} cannot listen on {address}")]
    Bind {
        /// Which entry point.
        entry_point: Arc<str>,
        /// Which of its addresses.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// An entry point has no address, or none that this machine has the address family for.
    #[error("entry point {entry_point} has no address to listen on")]
    NoAddress {
        /// Which entry point.
        entry_point: Arc<str>,
    },
    /// A worker thread cannot be started.
    #[error("worker {worker} cannot be started")]
    Worker {
        /// Which one.
        worker: usize,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The access log cannot be opened.
    #[error("the access log cannot be opened")]
    AccessLog(#[source] LogError),
}

impl Edge {
    /// Raises the limit of open files to the highest allowed, binds every address of every entry point, then starts the
    /// workers.  Nothing is left behind where it fails.
    pub fn start(mut config: EdgeConfig, published: Arc<Published>) -> Result<Self, StartError> {
        check(&config)?;
        let mut sockets: Vec<Vec<Listener>> = (0..config.workers).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for (id, entry_point) in (0_u8..).map(EntryPointId).zip(&config.entry_points) {
            let bound = bind(id, entry_point, &mut sockets)?;
            addresses.push((entry_point.name.clone(), bound));
        }
        // A tenant whose backend is one of these would make one request go round until no descriptor is left.
        config.upstream.own_sockets.extend(addresses.iter().flat_map(|(_, bound)| bound));
        let descriptors = descriptors::raise_limit();
        let idle = descriptors::fair_share(descriptors) as usize / config.workers;
        let upstream = &mut config.upstream;
        upstream.max_idle_per_tenant = upstream.max_idle_per_tenant.min(idle).max(1);
        let of_all = descriptors::idle_connections(descriptors) / config.workers;
        upstream.max_idle_per_worker = upstream.max_idle_per_worker.min(of_all).max(1);
        if config.requests_in_flight == RequestsInFlight::FairShare {
            let share = descriptors::fair_share(descriptors);
            config.requests_in_flight = RequestsInFlight::AtMost(share);
        }
        if config.connections == Connections::Fitting {
            let own = sockets.iter().map(Vec::len).sum::<usize>() + config.workers * OF_A_WORKER;
            let clients = descriptors::client_connections(descriptors, own as u64);
            config.connections = Connections::AtMost(clients);
        }
        if let (Connections::Fitting, Connections::AtMost(all)) =
            (config.tenant_connections, config.connections)
        {
            config.tenant_connections = Connections::AtMost(all.div_ceil(2));
        }
        let names = config.entry_points.iter().map(|entry_point| entry_point.name.clone());
        let metrics = Arc::new(Metrics::new(names));
        let log = config.access_log.as_ref().map(|(format, file)| {
            access_log::Thread::start(*format, file.as_deref()).map_err(StartError::AccessLog)
        });
        let mut edge = Self {
            addresses,
            metrics: metrics.clone(),
            phase: watch::Sender::new(Phase::Serving),
            threads: Vec::new(),
            log: log.transpose()?,
        };
        let shared = thread::Shared {
            config: Arc::new(config),
            published,
            metrics,
            tickets: Arc::default(),
            in_flight: Arc::default(),
            rates: Arc::default(),
        };
        for (number, listeners) in sockets.into_iter().enumerate() {
            edge.start_worker(number, &shared, listeners)
                .map_err(|source| StartError::Worker { worker: number, source })?;
        }
        Ok(edge)
    }

    fn start_worker(
        &mut self,
        number: usize,
        shared: &thread::Shared,
        listeners: Vec<Listener>,
    ) -> io::Result<()> {
        let (started, wait) = mpsc::sync_channel(1);
        let (shared, phase) = (shared.clone(), self.phase.subscribe());
        let log = self.log.as_ref().map(|log| log.sender(&self.metrics));
        let name = format!("postern-{number}");
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let runtime = match thread::runtime() {
                Ok(runtime) => runtime,
                Err(error) => return started.send(Err(error)).unwrap_or_default(),
            };
            // Whoever started us waits for this, or is gone: then the phase ends us.
            let _ = started.send(Ok(()));
            runtime.block_on(thread::run(shared, log, listeners, phase));
        })?;
        self.threads.push(thread);
        wait.recv().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    }

    /// The addresses that an entry point really listens on: port 0 is replaced by the kernel's choice.
    pub fn addresses(&self, entry_point: &str) -> Vec<SocketAddr> {
        let named = self.addresses.iter().filter(|(name, _)| **name == *entry_point);
        named.flat_map(|(_, addresses)| addresses.iter().copied()).collect()
    }

    /// What is counted.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Begins the graceful stop: nothing new is accepted, connections are told to end, and what is still open when the
    /// grace timeout has passed is closed.
    pub fn drain(&self) {
        self.phase.send_if_modified(|phase| {
            let begins = *phase == Phase::Serving;
            if begins {
                *phase = Phase::Draining;
            }
            begins
        });
    }

    /// Closes everything at once.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
    }

    /// Waits for the end of a stop that [`Edge::drain`] or [`Edge::stop`] began: until the last connection has ended, or
    /// the grace timeout has passed.
    pub fn join(mut self) {
        for thread in std::mem::take(&mut self.threads) {
            // A worker that panicked has nothing left to wait for.
            let _ = thread.join();
        }
        if let Some(log) = self.log.take() {
            log.join();
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check(config: &EdgeConfig) -> Result<(), StartError> {
    let (workers, entry_points) = (config.workers, config.entry_points.len());
    if workers == 0 || !(1..=MAX_ENTRY_POINTS).contains(&entry_points) {
        return Err(StartError::Numbers { workers, entry_points });
    }
    Ok(())
}

/// Binds an entry point's addresses on every worker.
fn bind(
    id: EntryPointId,
    entry_point: &EntryPointConfig,
    sockets: &mut [Vec<Listener>],
) -> Result<Vec<SocketAddr>, StartError> {
    let mut bound = Vec::new();
    for &address in &entry_point.addresses {
        let failed = |source| {
            let entry_point = entry_point.name.clone();
            StartError::Bind { entry_point, address, source }
        };
        let mut really = address;
        for (number, listeners) in sockets.iter_mut().enumerate() {
            match Listener::bind(id, really) {
                Ok(listener) => {
                    // The first worker's socket has chosen the port, where that was left to the kernel.
                    really = listener.address;
                    listeners.push(listener);
                }
                // A machine without IPv6 has nobody who could connect to `[::]`.
                Err(error) if number == 0 && is_any_ipv6(address) && no_family(&error) => break,
                Err(error) => return Err(failed(error)),
            }
            if number == 0 {
                bound.push(really);
            }
        }
    }
    if bound.is_empty() {
        return Err(StartError::NoAddress { entry_point: entry_point.name.clone() });
    }
    Ok(bound)
}

fn is_any_ipv6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn no_family(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = Errno::from_io_error(error);
    matches!(code, Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

#[cfg(test)]
mod tests;
