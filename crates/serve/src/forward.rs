// SPDX-License-Identifier: Apache-2.0
//! The generic way of a request to a backend and of its answer back, as `http` messages: for requests that came over
//! HTTP/2, and for backends that speak it.  HTTP/1.1 on both sides has a shorter way of its own.
//!
//! Everything streams: a body's next piece is asked for when the other side has room for it.  Dropping the answer, or
//! the future that waits for it, cancels the request at the backend.

mod body;
mod error;
pub(crate) mod http1;
pub(crate) mod http2;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use postern_snapshot::{Backend, BackendSlot};
use smallvec::SmallVec;

use crate::dial::dial;
use crate::exchange::Exchange;
use crate::io::Io;
use crate::metrics::Upstream;
use crate::pool::Destination;
use crate::resolve_name;
use crate::runtime::TenantRuntime;
use crate::worker::Worker;

pub(crate) use body::{AnswerBody, Progress, RequestBody, Upload};
pub(crate) use error::ForwardError;

/// The most endpoints that one request is tried on.
const MOST_TRIES: usize = 3;

/// The way to one endpoint of a tenant's backend, from one worker.
#[derive(Clone)]
pub(crate) struct Way {
    /// The worker.
    pub(crate) worker: Rc<Worker>,
    /// The tenant's state on it.
    pub(crate) runtime: Rc<TenantRuntime>,
    /// The backend.
    pub(crate) backend: Arc<Backend>,
    /// Its number.
    pub(crate) slot: BackendSlot,
    /// The endpoint.
    pub(crate) endpoint: SocketAddr,
}

/// Aims a request at addresses, where its backend has a name only.
async fn resolve(exchange: &mut Exchange) -> Result<(), ForwardError> {
    if exchange.target().is_some_and(|target| target.backend.external.is_some()) {
        // In a box, as hardly any backend is of that kind.
        let resolved = Box::pin(resolve_name::resolve(exchange)).await;
        if resolved.is_err() {
            exchange.count(Upstream::ConnectFailed);
        }
        resolved?;
    }
    Ok(())
}

/// The ways to a target's endpoints in the order in which they are tried: each endpoint has its turn to be the first.
fn ways(exchange: &Exchange) -> SmallVec<[Way; MOST_TRIES]> {
    let Some(target) = exchange.target() else { return SmallVec::new() };
    let endpoints = &target.backend.endpoints;
    let first = target.admitted.runtime.balance.turn(target.slot, endpoints.len());
    let in_turn = endpoints.iter().cycle().skip(first).take(endpoints.len().min(MOST_TRIES));
    let way = |endpoint: &SocketAddr| Way {
        worker: exchange.connection().worker.clone(),
        runtime: target.admitted.runtime.clone(),
        backend: target.backend.clone(),
        slot: target.slot,
        endpoint: *endpoint,
    };
    in_turn.map(way).collect()
}

impl Way {
    /// A new connection.
    pub(crate) async fn dial(&self) -> Result<Io, ForwardError> {
        let io = dial(&self.worker, &self.runtime, &self.backend, self.endpoint).await;
        self.count(if io.is_ok() { Upstream::Connected } else { Upstream::ConnectFailed });
        io.map_err(ForwardError::from)
    }

    /// An idle connection that speaks HTTP/1.1, if there is one.
    pub(crate) fn idle(&self) -> Option<Io> {
        let io = self.runtime.pool.take(&self.backend, self.endpoint)?;
        self.count(Upstream::Reused);
        Some(io)
    }

    /// Puts a connection back on which nothing is open and nothing left over.
    pub(crate) fn put_back(&self, io: Io) {
        let to = Destination { backend: &self.backend, slot: self.slot, endpoint: self.endpoint };
        self.runtime.pool.put(io, to, &self.worker.config.upstream, self.worker.clock.now());
    }

    /// Counts what happened on the way.
    pub(crate) fn count(&self, event: Upstream) {
        self.runtime.counters.upstream(event);
    }
}

/// What comes of waiting for the head of an answer, for at most `limit`; zero is no limit.
async fn within<T>(
    limit: Duration,
    head: impl Future<Output = Result<T, ForwardError>>,
) -> Result<T, ForwardError> {
    if limit == Duration::ZERO {
        return head.await;
    }
    tokio::time::timeout(limit, head).await.unwrap_or(Err(ForwardError::TimedOut))
}
