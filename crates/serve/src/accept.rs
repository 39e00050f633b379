// SPDX-License-Identifier: Apache-2.0
//! From an accepted socket to the protocol that is spoken on it.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::drain::OneMore;
use crate::handshake;
use crate::http::{h1, h2};
use crate::io::Io;
use crate::listener::Accepted;
use crate::metrics::{OpenConnection, Protocol};
use crate::preface;
use crate::roster::Seat;
use crate::worker::Worker;

/// What a connection is counted by, from beginning to end.
struct Counted {
    open: OpenConnection,
    seat: Rc<Seat>,
    _one_more: OneMore,
}

/// Serves a connection in a task of its own: a panic ends it alone.
pub(crate) fn spawn(worker: &Rc<Worker>, accepted: Accepted) {
    let config = &worker.config.entry_points[usize::from(accepted.entry_point.0)];
    let peer = accepted.addresses.0.ip();
    let stranger = (!config.forwarded.names(peer)).then_some(peer);
    // Without a seat the socket is closed here.
    let Some(seated) = worker.roster.seat(stranger) else { return };
    let seat = seated.seat().clone();
    let open = worker.counters.open(accepted.entry_point);
    let counted = Counted { open, seat, _one_more: worker.connections.one_more() };
    let read = config.timeouts.read;
    let deadline = (read != Duration::ZERO).then(|| Instant::now() + read);
    if config.tls {
        worker.spawn(seated.hold(secured(worker.clone(), accepted, counted, deadline)));
    } else {
        worker.spawn(seated.hold(clear(worker.clone(), accepted, counted, deadline)));
    }
}

async fn clear(
    worker: Rc<Worker>,
    accepted: Accepted,
    counted: Counted,
    deadline: Option<Instant>,
) {
    let Accepted { stream, addresses, entry_point } = accepted;
    let spoken = within(deadline, pin!(preface::spoken(&stream))).await;
    let Some(Ok(spoken)) = spoken else { return };
    let connection = Connection::new(worker, entry_point, addresses, None);
    speak(connection, Io::from(stream), spoken, counted).await;
}

async fn secured(
    worker: Rc<Worker>,
    accepted: Accepted,
    counted: Counted,
    deadline: Option<Instant>,
) {
    let Accepted { stream, addresses, entry_point } = accepted;
    // Boxed, because the task lives as long as the connection, and a handshake needs kilobytes.
    let shaking = Box::pin(handshake::run(&worker, entry_point, (stream, &counted.seat), deadline));
    let Some(secured) = shaking.await else { return };
    let spoken = secured.spoken();
    let admission = Some(secured.admission);
    let connection = Connection::new(worker, entry_point, addresses, admission);
    speak(connection, secured.io, spoken, counted).await;
}

async fn speak(connection: Connection, io: Io, spoken: Protocol, mut counted: Counted) {
    let connection = Rc::new(connection.seated(counted.seat.clone()));
    counted.open.speaks(spoken);
    match spoken {
        // Boxed, so that it does not make the task of an HTTP/1.1 connection larger.
        Protocol::Http2 => Box::pin(h2::server::serve(connection, io)).await,
        _ => h1::server::serve(connection, io).await,
    }
}

/// What comes of `future` until the deadline.
pub(crate) async fn within<T>(
    deadline: Option<Instant>,
    future: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => timeout_at(deadline, future).await.ok(),
    }
}

#[cfg(test)]
mod tests;
