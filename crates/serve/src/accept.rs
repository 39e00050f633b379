// SPDX-License-Identifier: Apache-2.0
//! From an accepted socket to the protocol that is spoken on it.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::handshake;
use crate::http::{h1, h2};
use crate::io::Io;
use crate::listener::Accepted;
use crate::metrics::{OpenConnection, Protocol};
use crate::preface;
use crate::worker::Worker;

/// Serves a connection in a task of its own: a panic ends it alone.
pub(crate) fn spawn(worker: &Rc<Worker>, accepted: Accepted) {
    let open = worker.counters.open(accepted.entry_point);
    let counted = worker.connections.one_more();
    let worker_of_task = worker.clone();
    worker.spawn(async move {
        let _counted = counted;
        serve(worker_of_task, accepted, open).await;
    });
}

async fn serve(worker: Rc<Worker>, accepted: Accepted, open: OpenConnection) {
    let entry_point = &worker.config.entry_points[usize::from(accepted.entry_point.0)];
    let deadline = deadline(entry_point.timeouts.read);
    if entry_point.tls {
        secured(worker, accepted, open, deadline).await;
    } else {
        clear(worker, accepted, open, deadline).await;
    }
}

/// The time by which a connection must have come to its first request; none where the operator wants none.
fn deadline(read: Duration) -> Option<Instant> {
    (read != Duration::ZERO).then(|| Instant::now() + read)
}

async fn clear(
    worker: Rc<Worker>,
    accepted: Accepted,
    mut open: OpenConnection,
    deadline: Option<Instant>,
) {
    let Accepted { stream, peer, entry_point } = accepted;
    let Some(Ok(spoken)) = within(deadline, preface::spoken(&stream)).await else { return };
    let Ok(local) = stream.local_addr() else { return };
    let connection = Rc::new(Connection::new(worker, entry_point, (peer, local), None));
    open.speaks(spoken);
    speak(connection, Io::from(stream), spoken).await;
}

async fn secured(
    worker: Rc<Worker>,
    accepted: Accepted,
    mut open: OpenConnection,
    deadline: Option<Instant>,
) {
    let Accepted { stream, peer, entry_point } = accepted;
    let Ok(local) = stream.local_addr() else { return };
    let Some(secured) = handshake::run(&worker, entry_point, stream, deadline).await else {
        return;
    };
    let spoken = secured.spoken();
    let admission = Some(secured.admission);
    let connection = Rc::new(Connection::new(worker, entry_point, (peer, local), admission));
    open.speaks(spoken);
    speak(connection, Io::from(secured.stream), spoken).await;
}

async fn speak(connection: Rc<Connection>, io: Io, spoken: Protocol) {
    match spoken {
        Protocol::Http2 => h2::server::serve(connection, io).await,
        _ => h1::server::serve(connection, io).await,
    }
}

/// What comes of `future` until the deadline.
pub(crate) async fn within<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => timeout_at(deadline, future).await.ok(),
    }
}

#[cfg(test)]
mod tests;
