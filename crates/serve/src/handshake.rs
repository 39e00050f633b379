// SPDX-License-Identifier: Apache-2.0
//! From a ClientHello to a secured connection that belongs to one tenant (wall W4).
//!
//! The ClientHello is read first, whatever pieces it comes in, and the snapshot is asked for its name.  Only then is
//! there a configuration: that of the name's own profile.  No name, a junk name, a name that nobody owns or that has no
//! usable certificate: the alert `unrecognized_name`, and not one byte of anybody's certificate.

mod alert;
mod step;

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use postern_model::{EntryPointId, Host};
use postern_snapshot::{Admission, TlsDecision, TlsProfile, TlsRefusal};
use rustls::HandshakeKind;
use rustls::server::{Acceptor, ClientHello};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::{StartHandshake, TlsStream};

use crate::accept::within;
use crate::config::Connections;
use crate::gate::{QueueFull, UNITS};
use crate::io::Io;
use crate::metrics::{Handshake, Protocol, Reason, TenantCounters};
use crate::rate::Rates;
use crate::roster::Seat;
use crate::server_config;
use crate::worker::Worker;

/// A connection whose handshake is complete.
pub(crate) struct Secured {
    /// Whose it is.
    pub(crate) admission: Admission,
    /// The connection.
    pub(crate) io: Io,
    spoken: Protocol,
    kind: Handshake,
}

impl Secured {
    fn new(admission: Admission, stream: TlsStream<TcpStream>) -> Self {
        let session = stream.get_ref().1;
        let spoken = match session.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        let kind = match session.handshake_kind() {
            Some(HandshakeKind::Resumed) => Handshake::Resumed,
            _ => Handshake::Full,
        };
        Self { admission, io: Io::from(stream), spoken, kind }
    }

    /// What was agreed on; HTTP/1.1 with a client that did not ask.
    pub(crate) fn spoken(&self) -> Protocol {
        self.spoken
    }
}

/// Why there is no connection.
enum Ended {
    /// The alert was sent.
    Refused(Reason),
    /// The client broke off, or broke a rule (then rustls sent the alert for it).
    Failed,
    /// Too many were waiting.
    QueueFull,
    /// The tenant has begun as many in this second as it may.
    TooFast,
    /// The tenant has as many connections as it may have.
    Crowded,
}

impl From<QueueFull> for Ended {
    fn from(QueueFull: QueueFull) -> Self {
        Self::QueueFull
    }
}

/// Shakes hands with a client, until the deadline; everything that is no connection is counted and over.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    entry_point: EntryPointId,
    (stream, seat): (TcpStream, &Seat),
    deadline: Option<Instant>,
) -> Option<Secured> {
    let mut counters = worker.runtimes.nobody().clone();
    let result = within(deadline, pin!(shake(worker, (stream, seat), &mut counters))).await;
    let (result, secured) = match result {
        Some(Ok(secured)) => (secured.kind, Some(secured)),
        Some(Err(Ended::Refused(reason))) => {
            counters.refused(reason);
            (Handshake::Refused, None)
        }
        Some(Err(Ended::QueueFull)) => {
            counters.refused(Reason::HandshakeQueueFull);
            (Handshake::Dropped, None)
        }
        Some(Err(Ended::TooFast)) => {
            counters.refused(Reason::HandshakeRate);
            (Handshake::Limited, None)
        }
        Some(Err(Ended::Crowded)) => {
            counters.refused(Reason::TooManyConnections);
            (Handshake::Dropped, None)
        }
        Some(Err(Ended::Failed)) => (Handshake::Failed, None),
        None => (Handshake::TimedOut, None),
    };
    counters.handshake(entry_point, result);
    secured
}

async fn shake(
    worker: &Rc<Worker>,
    (stream, seat): (TcpStream, &Seat),
    counters: &mut Arc<TenantCounters>,
) -> Result<Secured, Ended> {
    let mut start = hello(stream).await?;
    let admitted = name(&start.client_hello()).and_then(|name| admit(worker, &name));
    let admission = match admitted {
        Ok(admission) => admission,
        Err(reason) => return refuse(&mut start, reason).await,
    };
    let runtime = worker.runtimes.of(&admission);
    *counters = runtime.counters.clone();
    let profile = match profile(&admission) {
        Ok(profile) => profile,
        Err(reason) => return refuse(&mut start, reason).await,
    };
    // Before anything of it costs something, or takes another connection's place.
    if !may_begin(worker, &admission, &runtime.rates) {
        return Err(Ended::TooFast);
    }
    if !seat.admit(&runtime, most_connections(worker, &admission)) {
        return Err(Ended::Crowded);
    }
    let cost = profile.certificate().handshake_cost().saturating_mul(UNITS);
    worker.gate.first_step(admission.scope(), cost).await?;
    // The certificate is for who owns the name now, not for who owned it when the queue was entered (I1).
    let (admission, profile) = match still(worker, admission) {
        Ok(still) => still,
        Err(reason) => return refuse(&mut start, reason).await,
    };
    let config = profile.config(|profile| server_config::make(profile, &worker.tickets));
    let config = server_config::for_client(config, start.client_hello().cipher_suites());
    let accept = Box::pin(start.into_stream(config));
    let stream = step::drive(worker, admission.scope(), accept).await?;
    Ok(Secured::new(admission, stream))
}

/// Reads the ClientHello.  Boxed like what follows it: what is moved between awaits would have a place of its own in the
/// future each time.
async fn hello(stream: TcpStream) -> Result<Box<StartHandshake<TcpStream>>, Ended> {
    let reading = Box::pin(LazyConfigAcceptor::new(Acceptor::default(), stream));
    reading.await.map(Box::new).map_err(|_| Ended::Failed)
}

/// The name that a ClientHello asks for, in canonical form.
pub(crate) fn name(hello: &ClientHello<'_>) -> Result<Host, Reason> {
    let name = hello.server_name().ok_or(Reason::NoName)?;
    Host::parse(name).map_err(|_| Reason::InvalidName)
}

/// Whether an admission's tenant may begin one more handshake now, be it a full one or not: which it will be, rustls says
/// when it is over.
fn may_begin(worker: &Worker, admission: &Admission, rates: &Rates) -> bool {
    let limit = admission.limits().handshakes_per_second;
    limit.is_none_or(|limit| rates.allow_handshake(limit, worker.clock.now()))
}

/// How many connections an admission's tenant may have on this worker.
fn most_connections(worker: &Worker, admission: &Admission) -> Option<usize> {
    let own = admission.limits().connections.map(|limit| Connections::AtMost(limit as usize));
    own.unwrap_or(worker.config.tenant_connections).of_a_worker(worker.config.workers)
}

fn admit(worker: &Worker, name: &Host) -> Result<Admission, Reason> {
    worker.published.load().admit(name).ok_or(Reason::UnknownName)
}

fn profile(admission: &Admission) -> Result<Arc<TlsProfile>, Reason> {
    match admission.tls() {
        TlsDecision::Serve(profile) => Ok(profile.clone()),
        TlsDecision::Refuse(TlsRefusal::NoCertificate) => Err(Reason::NoCertificate),
        TlsDecision::Refuse(TlsRefusal::CertificateUnusable) => Err(Reason::CertificateUnusable),
        TlsDecision::Refuse(TlsRefusal::NoKeyExchange) => Err(Reason::NoKeyExchange),
    }
}

/// The admission as of now: the same, or one to the same rooms of the same claim with what is new there.
fn still(worker: &Worker, held: Admission) -> Result<(Admission, Arc<TlsProfile>), Reason> {
    let now = if worker.published.load().generation() == held.generation() {
        held
    } else {
        let now = admit(worker, held.name())?;
        if now.scope() != held.scope() {
            return Err(Reason::UnknownName);
        }
        now
    };
    let profile = profile(&now)?;
    Ok((now, profile))
}

async fn refuse(start: &mut StartHandshake<TcpStream>, reason: Reason) -> Result<Secured, Ended> {
    alert::unrecognized_name(&mut start.io).await;
    Err(Ended::Refused(reason))
}

/// Feeds bytes to the part of a handshake that an unknown client reaches: what it finds in them, if it is a ClientHello.
pub(crate) fn read_hello(mut bytes: &[u8]) -> Option<Result<Host, Reason>> {
    let mut acceptor = Acceptor::default();
    while !bytes.is_empty() {
        acceptor.read_tls(&mut bytes).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            return Some(name(&accepted.client_hello()));
        }
    }
    None
}

#[cfg(test)]
mod tests;
