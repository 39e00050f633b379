// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 connections to backends (h2c with prior knowledge), kept by worker, tenant and endpoint.
//!
//! A connection carries many requests at once, so it is not taken out of the pool but leased: up to a number of streams,
//! until it closes, its peer says GOAWAY, its endpoint is no longer the backend's, or nobody has used it for
//! `idleConnTimeout`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, Parts, Scheme, Uri};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use postern_snapshot::BackendSlot;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{ForwardError, RequestBody, Way, resolve, ways, within};
use crate::exchange::Exchange;
use crate::http::h2::{Local, Turns};
use crate::io::Io;

/// The most requests at once on one connection: what most servers allow, and few enough that one connection's loss
/// is not a tenant's.
const MOST_STREAMS: u32 = 100;
/// What a backend may send of one answer before the client has taken it.
const STREAM_WINDOW: u32 = 64 * 1024;
/// Room for every stream's window, so that a client that does not read holds nobody else's answer back.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS;
/// The most bytes of an answer's head.
const MOST_HEADER_BYTES: u32 = 64 * 1024;

/// How many connections to one endpoint a request is tried on: one that is open may turn out to be closing.
const LEASES: u32 = 2;

type Driver = Connection<TokioIo<Turns<Io>>, RequestBody, Local>;

/// A tenant's HTTP/2 connections to backends, on one worker.
#[derive(Default)]
pub(crate) struct Multiplexed {
    endpoints: RefCell<HashMap<SocketAddr, Endpoint>>,
}

#[derive(Default)]
struct Endpoint {
    open: Vec<Rc<Multiplex>>,
    dialing: Option<Rc<Dialing>>,
}

/// One connection.
struct Multiplex {
    sender: RefCell<SendRequest<RequestBody>>,
    streams: Cell<u32>,
    quiet_since: Cell<Instant>,
    /// The backend that it was made for.
    slot: BackendSlot,
    /// It takes no new streams, and ends with its last.
    is_leaving: Cell<bool>,
    has_left: Notify,
}

/// A connection in the making, for which any number of requests may wait.
#[derive(Default)]
struct Dialing {
    outcome: OnceCell<Result<Rc<Multiplex>, ForwardError>>,
    done: Notify,
}

impl Multiplexed {
    /// Whether there is no connection.
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoints.borrow().is_empty()
    }

    /// Gives up the connections to endpoints that their backends no longer have: each ends with its last stream.
    pub(crate) fn leave(&self, has: impl Fn(BackendSlot, SocketAddr) -> bool) {
        for (endpoint, connections) in &*self.endpoints.borrow() {
            let gone = connections.open.iter().filter(|open| !has(open.slot, *endpoint));
            gone.for_each(|multiplex| multiplex.leave());
        }
    }
}

/// Sends a request to the first endpoint that takes it, and waits for the head of its answer.  The request's URI is its
/// path alone, and its Host field its authority.
pub(crate) async fn send(
    exchange: &mut Exchange,
    mut request: Request<RequestBody>,
) -> Result<Response<(Incoming, Lease)>, ForwardError> {
    let authority = request.headers_mut().remove(HOST);
    resolve(exchange).await?;
    let mut failed = ForwardError::ConnectionLost;
    for way in ways(exchange) {
        exchange.ask(way.endpoint);
        let host = authority.as_ref().filter(|_| way.backend.pass_host_header);
        *request.uri_mut() = absolute(request.uri(), host, &way)?;
        for _ in 0..LEASES {
            let lease = match way.lease().await {
                Ok(lease) => lease,
                Err(error) => {
                    failed = error;
                    break;
                }
            };
            let limit = way.worker.config.upstream.response_header_timeout;
            let sent = within(limit, async { Ok(lease.send(request).await) }).await;
            match sent.inspect_err(|error| way.count(error.event()))? {
                Ok(response) => {
                    exchange.answered(response.status().as_u16());
                    return Ok(response.map(|body| (body, lease)));
                }
                Err(unsent) => {
                    let Some(again) = unsent.request else {
                        way.count(unsent.error.event());
                        return Err(unsent.error);
                    };
                    request = *again;
                    failed = unsent.error;
                }
            }
        }
    }
    Err(failed)
}

/// The request's target as HTTP/2 has it: with a scheme, and an authority.
fn absolute(uri: &Uri, authority: Option<&HeaderValue>, way: &Way) -> Result<Uri, ForwardError> {
    let authority = match authority {
        Some(authority) => {
            Authority::from_maybe_shared(Bytes::copy_from_slice(authority.as_bytes()))
        }
        None => Authority::from_maybe_shared(way.backend.host_of(way.endpoint)),
    };
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.map_err(|_| ForwardError::Client)?);
    parts.path_and_query = uri.path_and_query().cloned();
    Uri::from_parts(parts).map_err(|_| ForwardError::Client)
}

/// The right to one stream; given back by being dropped.
pub(crate) struct Lease {
    multiplex: Rc<Multiplex>,
}

impl Way {
    /// A stream to the endpoint: on a connection that is open, or on a new one.  Requests that come at once wait for
    /// one connection together.
    async fn lease(&self) -> Result<Lease, ForwardError> {
        loop {
            let dialing = {
                let mut endpoints = self.runtime.multiplexed.endpoints.borrow_mut();
                let endpoint = endpoints.entry(self.endpoint).or_default();
                if let Some(multiplex) = endpoint.open.iter().find(|open| open.has_room()) {
                    return Ok(Lease::new(multiplex.clone()));
                }
                endpoint.dialing.get_or_insert_with(|| self.clone().begin_to_dial()).clone()
            };
            let multiplex = dialing.outcome().await?;
            if multiplex.has_room() {
                return Ok(Lease::new(multiplex));
            }
            if multiplex.is_closed() {
                return Err(ForwardError::ConnectionLost);
            }
        }
    }

    /// A task of its own, so that it goes on when the request that began it is gone.
    fn begin_to_dial(self) -> Rc<Dialing> {
        let dialing = Rc::new(Dialing::default());
        let done = dialing.clone();
        tokio::task::spawn_local(async move {
            let outcome = self.connect().await;
            self.put(outcome.as_ref().ok().map(|(multiplex, _)| multiplex.clone()));
            let (outcome, driver) = match outcome {
                Ok((multiplex, driver)) => (Ok(multiplex.clone()), Some((multiplex, driver))),
                Err(error) => (Err(error), None),
            };
            // Nobody else sets it.
            let _ = done.outcome.set(outcome);
            done.done.notify_waiters();
            if let Some((multiplex, driver)) = driver {
                self.drive(multiplex, driver).await;
            }
        });
        dialing
    }

    async fn connect(&self) -> Result<(Rc<Multiplex>, Driver), ForwardError> {
        let io = self.dial().await?;
        let mut builder = Builder::new(Local(self.worker.clone()));
        builder
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MOST_HEADER_BYTES)
            .max_send_buf_size(STREAM_WINDOW as usize);
        let handshake = builder.handshake(TokioIo::new(Turns::new(io))).await;
        let (sender, driver) = handshake.map_err(ForwardError::from)?;
        let multiplex = Multiplex {
            sender: RefCell::new(sender),
            streams: Cell::new(0),
            quiet_since: Cell::new(Instant::now()),
            slot: self.slot,
            is_leaving: Cell::new(false),
            has_left: Notify::new(),
        };
        Ok((Rc::new(multiplex), driver))
    }

    /// Moves the connection's bytes until it closes or nobody has used it for too long.
    async fn drive(&self, multiplex: Rc<Multiplex>, driver: Driver) {
        let idle = self.worker.config.upstream.idle_timeout;
        let mut driver = pin!(driver);
        let mut wake = pin!(sleep_until(Instant::now() + idle));
        loop {
            tokio::select! {
                _ = &mut driver => break,
                () = multiplex.has_left.notified() => break,
                () = &mut wake, if idle != Duration::ZERO => {
                    let quiet = multiplex.streams.get() == 0;
                    let deadline = multiplex.quiet_since.get() + idle;
                    if quiet && deadline <= Instant::now() {
                        break;
                    }
                    wake.as_mut().reset(if quiet { deadline } else { Instant::now() + idle });
                }
            }
        }
        self.remove(&multiplex);
    }

    fn put(&self, multiplex: Option<Rc<Multiplex>>) {
        let mut endpoints = self.runtime.multiplexed.endpoints.borrow_mut();
        // A tenant may have any number of endpoints: the idle connection to one makes room for that to another.
        let most = self.worker.config.upstream.max_idle_per_tenant;
        if multiplex.is_some() && endpoints.len() > most {
            let mut all = endpoints.values().flat_map(|endpoint| &endpoint.open);
            if let Some(idle) = all.find(|open| open.streams.get() == 0 && !open.is_leaving.get()) {
                idle.leave();
            }
        }
        let endpoint = endpoints.entry(self.endpoint).or_default();
        endpoint.dialing = None;
        endpoint.open.extend(multiplex);
        if endpoint.open.is_empty() {
            endpoints.remove(&self.endpoint);
        }
    }

    fn remove(&self, multiplex: &Rc<Multiplex>) {
        let mut endpoints = self.runtime.multiplexed.endpoints.borrow_mut();
        if let Some(endpoint) = endpoints.get_mut(&self.endpoint) {
            endpoint.open.retain(|open| !Rc::ptr_eq(open, multiplex));
            if endpoint.open.is_empty() && endpoint.dialing.is_none() {
                endpoints.remove(&self.endpoint);
            }
        }
    }
}

impl Multiplex {
    fn is_closed(&self) -> bool {
        self.sender.borrow().is_closed()
    }

    fn has_room(&self) -> bool {
        !self.is_leaving.get()
            && self.streams.get() < MOST_STREAMS
            && self.sender.borrow().is_ready()
    }

    fn leave(&self) {
        self.is_leaving.set(true);
        if self.streams.get() == 0 {
            self.has_left.notify_one();
        }
    }
}

impl Dialing {
    async fn outcome(&self) -> Result<Rc<Multiplex>, ForwardError> {
        loop {
            if let Some(outcome) = self.outcome.get() {
                return outcome.clone();
            }
            self.done.notified().await;
        }
    }
}

impl Lease {
    fn new(multiplex: Rc<Multiplex>) -> Self {
        multiplex.streams.set(multiplex.streams.get() + 1);
        Self { multiplex }
    }

    /// Sends a request on the stream.  The request comes back if no byte of it was sent.
    async fn send(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, Unsent> {
        let sent = self.multiplex.sender.borrow_mut().try_send_request(request);
        sent.await.map_err(|mut error| Unsent {
            request: error.take_message().map(Box::new),
            error: ForwardError::from(error.into_error()),
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let multiplex = &self.multiplex;
        multiplex.streams.set(multiplex.streams.get() - 1);
        if multiplex.streams.get() == 0 {
            multiplex.quiet_since.set(Instant::now());
            if multiplex.is_leaving.get() {
                multiplex.leave();
            }
        }
    }
}

/// Why a request got no answer, and the request if it never left.
struct Unsent {
    request: Option<Box<Request<RequestBody>>>,
    error: ForwardError,
}
