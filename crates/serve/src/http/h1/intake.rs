// SPDX-License-Identifier: Apache-2.0
//! From the bytes of a request's head to a decision: who owns it, where it goes, and what is sent there.  It borrows the
//! inbox only here; what is kept afterwards is owned.

use std::ops::Range;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use http::Request;
use postern_model::{AppProtocol, path};

use super::body::{Framing, Incoming, Outgoing};
use super::bridge;
use super::encode::{self, Passage};
use super::head::{Fields, Malformed};
use super::request::{RequestHead, Target, Version};
use super::response::Asked;
use crate::buffer::Buffer;
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::finished::Noted;
use crate::forwarded::Arrival;
use crate::hops;
use crate::respond::Answer;

/// The longest target that is served (nginx and Apache: 8 KiB).
const MAX_TARGET: usize = 16 * 1024;

/// What a request's head came to.
pub(crate) enum Intake {
    /// More bytes are needed.
    Incomplete,
    /// It is answered by Postern.
    Answered(Box<Exchange>, Answer, Shape),
    /// It is passed on.
    Forward(Box<Exchange>, Plan),
    /// It is passed on to a backend that speaks HTTP/2.
    Convert(Box<Exchange>, Box<Request<()>>, Shape),
}

/// What of a request its answer depends on.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Whether the answer has a body.
    pub(crate) asked: Asked,
    /// What the client speaks.
    pub(crate) version: Version,
    /// Whether the client's connection may go on.
    pub(crate) keep_alive: bool,
    /// What remains of the body.
    pub(crate) body: Incoming,
    /// Whether the client waits for a 100 before it sends the body.
    pub(crate) expects_continue: bool,
}

impl Shape {
    /// Of a request that could not be read.
    pub(crate) fn unknown() -> Self {
        Self {
            asked: Asked::Other,
            version: Version::Http11,
            keep_alive: false,
            body: Incoming::new(Framing::None),
            expects_continue: false,
        }
    }

    fn of(head: &RequestHead<'_, '_>) -> Self {
        Self {
            asked: if head.method == "HEAD" { Asked::Head } else { Asked::Other },
            version: head.version,
            keep_alive: head.keeps_alive(),
            body: Incoming::new(head.framing),
            expects_continue: head.expects_continue && head.version == Version::Http11,
        }
    }
}

/// How a request is passed on.
pub(crate) struct Plan {
    /// What its answer depends on.
    pub(crate) shape: Shape,
    /// The head for the backend.
    pub(crate) head: Buffer,
    /// Where in it the value of Host stands, if an endpoint's address belongs there.
    pub(crate) host: Option<Range<usize>>,
    /// How its body is framed for the backend.
    pub(crate) outgoing: Outgoing,
    /// The protocol that it may change to.
    pub(crate) upgrade: Option<Box<[u8]>>,
    /// Whether it may be sent again on another connection when the first closed without an answer: it has no body, and
    /// its method is idempotent (RFC 9110, 9.2.2).
    pub(crate) is_repeatable: bool,
}

/// Looks for the end of a head in what arrives piece by piece, and at each byte once, so that a head that trickles in
/// costs no more than one that comes at once.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    seen: usize,
}

impl Scan {
    /// Whether it is worth parsing: at the first bytes, and when an empty line has come since.
    pub(crate) fn is_worth_parsing(&mut self, bytes: &[u8]) -> bool {
        let from = self.seen.saturating_sub(3);
        let first = std::mem::replace(&mut self.seen, bytes.len()) == 0;
        let fresh = &bytes[from.min(bytes.len())..];
        first
            || memchr::memmem::find(fresh, b"\n\r\n").is_some()
            || memchr::memmem::find(fresh, b"\n\n").is_some()
    }
}

/// Reads the head at the beginning of `inbox`.  It is consumed unless it is incomplete.
pub(crate) fn intake(connection: &Rc<Connection>, inbox: &mut Buffer, scan: &mut Scan) -> Intake {
    // RFC 9112, 2.2: an empty line before the request line is ignored; more than one is noise.
    let bytes = inbox.filled();
    let blank = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let bytes = &bytes[blank..];
    if bytes.is_empty() {
        return Intake::Incomplete;
    }
    let now = connection.worker.clock.now();
    let (length, outcome) = match read(connection, bytes, scan, now) {
        Ok(Some((length, outcome))) => (blank + length, outcome),
        Ok(None) => return Intake::Incomplete,
        // Nobody knows where the next request would begin.
        Err(answer) => (inbox.len(), refused(connection, now, answer)),
    };
    inbox.consume(length);
    outcome
}

fn read(
    connection: &Rc<Connection>,
    bytes: &[u8],
    scan: &mut Scan,
    now: Instant,
) -> Result<Option<(usize, Intake)>, Answer> {
    let max_header_bytes = connection.config.http.max_header_bytes;
    let mut fields = Fields::new();
    let worth_parsing = scan.is_worth_parsing(bytes);
    let head = if worth_parsing { RequestHead::parse(bytes, &mut fields)? } else { None };
    let Some(head) = head else {
        return incomplete(bytes, max_header_bytes).map_or(Ok(None), Err);
    };
    if head.bytes.len() > max_header_bytes {
        return Err(Answer::HeadTooLarge);
    }
    Ok(Some((head.bytes.len(), decide(connection, &head, now))))
}

/// Why more bytes would not help.
fn incomplete(bytes: &[u8], max_header_bytes: usize) -> Option<Answer> {
    let line_end = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_TARGET + 64)]);
    if let Some(end) = line_end
        && (end == 0 || bytes[end - 1] != b'\r')
    {
        return Some(Answer::BadRequest);
    }
    if line_end.is_none() && bytes.len() > MAX_TARGET {
        return Some(Answer::UriTooLong);
    }
    (bytes.len() > max_header_bytes).then_some(Answer::HeadTooLarge)
}

fn refused(connection: &Rc<Connection>, started: Instant, answer: Answer) -> Intake {
    let mut exchange = Exchange::new(connection.clone(), started);
    exchange.invent(answer);
    Intake::Answered(Box::new(exchange), answer, Shape::unknown())
}

fn decide(connection: &Rc<Connection>, head: &RequestHead<'_, '_>, started: Instant) -> Intake {
    let mut exchange = Box::new(Exchange::new(connection.clone(), started));
    if connection.worker.logs() {
        exchange.note(noted(head));
    }
    match route(connection, head, &mut exchange) {
        Ok(Way::Http1(plan)) => Intake::Forward(exchange, plan),
        Ok(Way::Http2(request)) => Intake::Convert(exchange, request, Shape::of(head)),
        Err(answer) => {
            exchange.invent(answer);
            Intake::Answered(exchange, answer, Shape::of(head))
        }
    }
}

fn route(
    connection: &Rc<Connection>,
    head: &RequestHead<'_, '_>,
    exchange: &mut Exchange,
) -> Result<Way, Answer> {
    if head.method == "CONNECT" {
        return Err(Answer::NotImplemented);
    }
    let (path, query) = match head.target {
        Target::Path(path, _) if path.len() > MAX_TARGET => return Err(Answer::UriTooLong),
        Target::Path(_, query) if query.len() > MAX_TARGET => return Err(Answer::UriTooLong),
        Target::Path(path, query) => {
            (Some(path::normalize(path).map_err(|_| Answer::BadRequest)?), query)
        }
        Target::Server => (None, ""),
    };
    let admitted = connection.admit(head.authority)?;
    exchange.admit(admitted.clone())?;
    let Some(path) = path else { return Err(Answer::Options) };
    hops::check(head.hops)?;
    let target = connection.target(admitted, &path)?;
    let pass_host = target.backend.pass_host_header;
    let protocol = target.backend.protocol;
    exchange.aim(target);
    exchange.enter(head.bytes.len())?;
    let websocket = head.upgrade.is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"));
    let passage = Passage {
        path: &path,
        query,
        arrival: Arrival {
            peer: &connection.peer_text,
            tls: connection.handshake.is_some(),
            websocket,
            authority: head.authority,
        },
        trusted: connection.config.forwarded.trusts(connection.peer.ip()),
        pass_host,
    };
    if protocol == AppProtocol::H2c {
        return bridge::request(head, &passage).map(Box::new).map(Way::Http2);
    }
    Ok(Way::Http1(plan(head, &passage)))
}

/// What is sent to a backend.
enum Way {
    Http1(Plan),
    Http2(Box<Request<()>>),
}

fn plan(head: &RequestHead<'_, '_>, passage: &Passage<'_>) -> Plan {
    let mut outbox = Buffer::default();
    let host = encode::request(&mut outbox, head, passage);
    let shape = Shape::of(head);
    let has_body = !shape.body.is_over();
    let idempotent = matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE");
    Plan {
        head: outbox,
        host: (!passage.pass_host).then_some(host),
        outgoing: if head.framing == Framing::Chunked {
            Outgoing::Chunked
        } else {
            Outgoing::Plain
        },
        upgrade: head.upgrade.map(Into::into),
        is_repeatable: idempotent && !has_body && head.upgrade.is_none(),
        shape,
    }
}

fn noted(head: &RequestHead<'_, '_>) -> Noted {
    let value = |name: &str| {
        let field = head.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name.as_bytes()));
        field.map(|field| field.value).unwrap_or_default().into()
    };
    let target = match head.target {
        Target::Path(path, query) => [path, query].concat(),
        Target::Server => "*".to_owned(),
    };
    Noted {
        at: SystemTime::now(),
        version: match head.version {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http11 => http::Version::HTTP_11,
        },
        method: head.method.into(),
        authority: head.authority.into(),
        target: target.into(),
        referer: value("referer"),
        user_agent: value("user-agent"),
    }
}

impl From<Malformed> for Answer {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Syntax => Self::BadRequest,
            Malformed::TooManyFields => Self::HeadTooLarge,
        }
    }
}
