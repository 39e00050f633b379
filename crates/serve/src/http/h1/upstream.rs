// SPDX-License-Identifier: Apache-2.0
//! Which connection to which endpoint a request is sent on, and when it may be sent again.
//!
//! On another endpoint: only if no byte was sent.  On another connection to the same endpoint: also if a pooled
//! connection closed without a byte of an answer and the request has no body and an idempotent method; a backend may
//! close an idle connection at the very moment at which it is used (RFC 9112, 9.3.1; nginx and Go do the same).

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use super::deadline::Deadline;
use super::intake::Plan;
use super::relay::{End, Relay};
use super::wire::Wire;
use crate::connection::Target;
use crate::dial::{DialError, dial};
use crate::exchange::Exchange;
use crate::io::Io;
use crate::metrics::Upstream;
use crate::pool::Destination;
use crate::resolve_name::resolve;
use crate::respond::Answer;

/// The most endpoints that are tried for one request.
const MAX_ENDPOINTS: usize = 5;

/// How a request that was passed on came out.
pub(crate) enum Outcome {
    /// Answered by the backend; whether the client's connection goes on.
    Answered(bool),
    /// The backend changed the protocol.
    Upgraded(Box<Wire>),
    /// To be answered by Postern.
    Failed(Answer),
    /// The client's connection cannot be used any more.
    Cut,
}

/// The parts of a client's connection that an exchange moves.
pub(crate) struct Client<'a> {
    /// Its stream.
    pub(crate) wire: &'a mut Wire,
    /// Its timer.
    pub(crate) deadline: &'a mut Deadline,
}

/// Passes a request on to one of the target's endpoints, and the answer back.
pub(crate) async fn forward(
    mut client: Client<'_>,
    exchange: &mut Exchange,
    plan: &mut Plan,
) -> Outcome {
    if exchange.target().is_some_and(|target| target.backend.external.is_some()) {
        // In a box, as hardly any backend is of that kind.
        if let Err(error) = Box::pin(resolve(exchange)).await {
            exchange.count(Upstream::ConnectFailed);
            return Outcome::Failed(error.answer());
        }
    }
    let Some(target) = exchange.target() else { return Outcome::Failed(Answer::BadGateway) };
    let endpoints = target.backend.endpoints.clone();
    let count = endpoints.len();
    let first = target.admitted.runtime.balance.turn(target.slot, count);
    let mut failure = Answer::BadGateway;
    for turn in 0..count.min(MAX_ENDPOINTS) {
        let endpoint = endpoints[(first + turn) % count];
        exchange.ask(endpoint);
        let mut pooled = target_of(exchange).and_then(|target| take(target, endpoint));
        loop {
            let reused = pooled.is_some();
            let io = match pooled.take() {
                Some(io) => io,
                None => match connect(&mut client, exchange, endpoint).await {
                    Some(Ok(io)) => io,
                    Some(Err(answer)) => {
                        failure = answer;
                        break;
                    }
                    None => return Outcome::Cut,
                },
            };
            exchange.count(if reused { Upstream::Reused } else { Upstream::Connected });
            let (end, wire) = attempt(&mut client, exchange, plan, (io, endpoint)).await;
            if end != End::Unanswered {
                return conclude(end, wire, exchange, endpoint);
            }
            exchange.count(Upstream::Broken);
            let unsent = wire.written == 0;
            plan.head = wire.outbox;
            if reused && (unsent || plan.is_repeatable) {
                // Others of its age may be gone as well; a new connection is not.
                exchange.ask(endpoint);
                continue;
            }
            if !unsent {
                return Outcome::Failed(Answer::BadGateway);
            }
            break;
        }
    }
    Outcome::Failed(failure)
}

fn target_of(exchange: &Exchange) -> Option<&Target> {
    exchange.target()
}

fn take(target: &Target, endpoint: SocketAddr) -> Option<Io> {
    target.admitted.runtime.pool.take(&target.backend, endpoint)
}

/// A new connection; nothing if the client went away meanwhile.
async fn connect(
    client: &mut Client<'_>,
    exchange: &Exchange,
    endpoint: SocketAddr,
) -> Option<Result<Io, Answer>> {
    let worker = exchange.connection().worker.clone();
    let target = exchange.target()?;
    let admitted = target.admitted.clone();
    let backend = target.backend.clone();
    // In a box: a connection that uses pooled ones only need not have room for a dial within.
    let mut dialling: Pin<Box<dyn Future<Output = Result<Io, DialError>>>> =
        Box::pin(async move { dial(&worker, &admitted.runtime, &backend, endpoint).await });
    let dialled = poll_fn(|cx| {
        if client.wire.io.poll_gone(cx).is_ready() {
            return Poll::Ready(None);
        }
        dialling.as_mut().poll(cx).map(Some)
    });
    match dialled.await? {
        Ok(io) => Some(Ok(io)),
        Err(error) => {
            exchange.count(Upstream::ConnectFailed);
            let timed_out = matches!(error, DialError::TimedOut { .. });
            Some(Err(if timed_out { Answer::GatewayTimeout } else { Answer::BadGateway }))
        }
    }
}

/// Sends the request on one connection and relays what comes back.
async fn attempt(
    client: &mut Client<'_>,
    exchange: &mut Exchange,
    plan: &mut Plan,
    (io, endpoint): (Io, SocketAddr),
) -> (End, Wire) {
    let mut wire = Wire::new(io);
    wire.outbox = std::mem::take(&mut plan.head);
    if let Some(host) = &mut plan.host {
        let address =
            exchange.target().map_or_else(String::new, |target| target.backend.host_of(endpoint));
        wire.outbox.replace(host.clone(), address.as_bytes());
        host.end = host.start + address.len();
    }
    let length = wire.outbox.len();
    let end = {
        let mut relay = Relay::new(client.wire, &mut wire, client.deadline, exchange, plan);
        poll_fn(|cx| relay.poll(cx)).await
    };
    if end == End::Unanswered && plan.is_repeatable {
        wire.outbox.restore(length);
    }
    (end, wire)
}

fn conclude(end: End, mut wire: Wire, exchange: &mut Exchange, endpoint: SocketAddr) -> Outcome {
    match end {
        End::Answered { reusable, keep_alive } => {
            if reusable && let Some(target) = exchange.target() {
                let worker = &exchange.connection().worker;
                let now = worker.clock.now();
                wire.rest();
                let to = Destination { backend: &target.backend, slot: target.slot, endpoint };
                target.admitted.runtime.pool.put(wire.io, to, &worker.config.upstream, now);
            }
            Outcome::Answered(keep_alive)
        }
        End::Upgraded => Outcome::Upgraded(Box::new(wire)),
        End::Unanswered | End::BadAnswer => {
            exchange.count(Upstream::Broken);
            Outcome::Failed(Answer::BadGateway)
        }
        End::BackendTimeout => {
            exchange.count(Upstream::TimedOut);
            Outcome::Failed(Answer::GatewayTimeout)
        }
        End::BadRequest => Outcome::Failed(Answer::BadRequest),
        End::ClientTimeout => Outcome::Failed(Answer::RequestTimeout),
        End::ClientGone => Outcome::Cut,
        End::Cut => {
            exchange.count(Upstream::Broken);
            Outcome::Cut
        }
    }
}
