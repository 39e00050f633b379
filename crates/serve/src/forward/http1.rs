// SPDX-License-Identifier: Apache-2.0
//! One request to a backend that speaks HTTP/1.1, and its answer, as an `http` message: our own client half, driven by
//! whoever reads the answer.  There is no task and no channel in between.
//!
//! The request goes on being sent while the answer is read, so early answers and full duplex work.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::{ForwardError, RequestBody, Way, resolve, ways, within};
use crate::buffer::Buffer;
use crate::exchange::Exchange;
use crate::http::fields::{Role, role};
use crate::http::h1::body::{Framing, Incoming, Outgoing, Step};
use crate::http::h1::chunked::each_trailer;
use crate::http::h1::head::{Fields, Malformed, offset};
use crate::http::h1::intake::Scan;
use crate::http::h1::response::{Asked, ResponseHead};
use crate::http::h1::wire::Wire;
use crate::io::Io;

/// The most bytes of an answer's head; what does not fit is no answer.
const MOST_HEAD: usize = 64 * 1024;
/// The most interim answers (1xx) before the final one: none of them is passed on.
const MOST_INTERIM: u32 = 16;

/// Up to so many bytes are gathered before they are written: a head and a small body take one system call.
const GATHERED: usize = 8 * 1024;

/// Sends a request on the first way that takes it, and waits for the head of its answer.  `head` writes the request's
/// head for an endpoint.
pub(crate) async fn send(
    exchange: &mut Exchange,
    call: Call,
    head: impl Fn(&mut Buffer, SocketAddr),
) -> Result<Response<Box<Call>>, ForwardError> {
    let mut call = Box::new(call);
    resolve(exchange).await?;
    let mut failed = ForwardError::ConnectionLost;
    for way in ways(exchange) {
        exchange.ask(way.endpoint);
        failed = match attempt(&way, exchange, &mut call, &head).await {
            Ok(response) => {
                exchange.answered(response.status().as_u16());
                return Ok(response.map(|()| call));
            }
            Err(error) => error,
        };
        if call.touched {
            break;
        }
    }
    Err(failed)
}

/// Tries one endpoint: on an idle connection, and on a new one if the idle one turns out to be closed.  That may show
/// only when the request has been sent: one that may be repeated is sent again (RFC 9112, 9.3.1).
async fn attempt(
    way: &Way,
    exchange: &mut Exchange,
    call: &mut Call,
    head: &impl Fn(&mut Buffer, SocketAddr),
) -> Result<Response<()>, ForwardError> {
    let limit = way.worker.config.upstream.response_header_timeout;
    if let Some(io) = way.idle() {
        head(call.begin(io, way.clone()), way.endpoint);
        let answered = within(limit, poll_fn(|cx| call.poll_head(cx))).await;
        match answered {
            Err(ref error) if call.may_go_again(error) => {
                way.count(error.event());
                exchange.ask(way.endpoint);
            }
            _ => return answered.inspect_err(|error| way.count(error.event())),
        }
    }
    head(call.begin(way.dial().await?, way.clone()), way.endpoint);
    let answered = within(limit, poll_fn(|cx| call.poll_head(cx))).await;
    answered.inspect_err(|error| way.count(error.event()))
}

/// A request on its way, and then its answer.
pub(crate) struct Call {
    wire: Option<(Box<Wire>, Way)>,
    body: RequestBody,
    outgoing: Outgoing,
    /// How much of a body of declared length is to come: more or less would be another request for the backend (I12).
    missing: Option<u64>,
    sending: Sending,
    /// Whether some backend may have something of the request, so that no other one may get it.
    touched: bool,
    /// Whether a backend may get the request twice.
    is_repeatable: bool,
    asked: Asked,
    upgrade: Upgrade,
    interim: u32,
    scan: Scan,
    incoming: Incoming,
    keeps_alive: bool,
}

/// Whether the backend is asked to change the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    /// It is not: a 101 is no answer.
    Never,
    /// To this one.
    To(&'static str),
    /// It did.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// There may be more to come.
    Body,
    /// All is written, or in `out`.
    End,
    /// Everything was handed to the kernel.
    Done,
    /// The backend takes no more; it may have answered nevertheless.
    Refused,
}

type Parsed = (usize, Option<(Response<()>, Framing, bool)>);

impl Call {
    /// A request that is not yet on a connection.
    pub(crate) fn new(asked: Asked, framing: Framing, body: RequestBody) -> Self {
        let (outgoing, missing) = match framing {
            Framing::Length(length) => (Outgoing::Plain, Some(length)),
            Framing::Chunked | Framing::UntilClose => (Outgoing::Chunked, None),
            Framing::None => (Outgoing::Nothing, Some(0)),
        };
        Self {
            wire: None,
            body,
            outgoing,
            missing,
            sending: Sending::Body,
            touched: false,
            is_repeatable: false,
            asked,
            upgrade: Upgrade::Never,
            interim: 0,
            scan: Scan::default(),
            incoming: Incoming::new(Framing::None),
            keeps_alive: false,
        }
    }

    /// The request has this method: an idempotent one without a body may be sent again.
    pub(crate) fn with_method(self, method: &Method) -> Self {
        let is_repeatable = method.is_idempotent() && matches!(self.body, RequestBody::Empty);
        Self { is_repeatable, ..self }
    }

    /// A request to change to `protocol`.
    pub(crate) fn upgrade(protocol: &'static str) -> Self {
        let call = Self::new(Asked::Other, Framing::None, RequestBody::Empty);
        Self { upgrade: Upgrade::To(protocol), ..call }
    }

    /// The connection, if the backend has changed the protocol on it.
    pub(crate) fn upgraded(self) -> Option<Wire> {
        let (wire, _) = self.wire.filter(|_| self.upgrade == Upgrade::Done)?;
        Some(*wire)
    }

    /// Begins on a connection, or anew on another; whoever calls writes the request's head into what is returned.
    fn begin(&mut self, io: Io, way: Way) -> &mut Buffer {
        self.sending = Sending::Body;
        self.scan = Scan::default();
        let (wire, _) = self.wire.insert((Box::new(Wire::new(io)), way));
        &mut wire.outbox
    }

    /// Whether, after an idle connection broke, the request may be sent on another one: nothing of it was sent, or it
    /// may be repeated and not a byte of an answer came.
    fn may_go_again(&self, error: &ForwardError) -> bool {
        let heard = self.wire.as_ref().is_none_or(|(wire, _)| !wire.inbox.is_empty());
        let unanswered = self.is_repeatable && self.interim == 0 && !heard;
        matches!(error, ForwardError::Http1(_)) && (!self.touched || unanswered)
    }

    /// Sends, until the head of the answer is there.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<()>, ForwardError>> {
        loop {
            self.send(cx)?;
            if let Some(response) = self.read_head()? {
                return Poll::Ready(Ok(response));
            }
            let Some((wire, _)) = &mut self.wire else {
                return Poll::Ready(Err(ForwardError::ConnectionLost));
            };
            if wire.inbox.len() >= MOST_HEAD {
                return Poll::Ready(Err(malformed(Malformed::TooManyFields)));
            }
            if ready!(wire.poll_fill(cx)).map_err(|error| broken(error.kind()))? == 0 {
                return Poll::Ready(Err(broken(io::ErrorKind::UnexpectedEof)));
            }
        }
    }

    /// Sends what can be sent.  An error is the client's; what the backend does not take, its answer may explain.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), ForwardError> {
        while matches!(self.sending, Sending::Body | Sending::End) {
            let starved = self.gather(cx)?;
            let Some((wire, _)) = &mut self.wire else { return Ok(()) };
            let flushed = wire.poll_flush(cx);
            self.touched |= wire.written > 0;
            match flushed {
                Poll::Pending => return Ok(()),
                // While an answer is waited for no buffer is held: hundreds of streams wait on one connection.
                Poll::Ready(Ok(())) if starved => {
                    wire.outbox.release();
                    return Ok(());
                }
                Poll::Ready(Ok(())) if self.sending == Sending::End => {
                    wire.outbox.release();
                    self.sending = Sending::Done;
                }
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) if !self.touched => return Err(broken(error.kind())),
                Poll::Ready(Err(_)) => self.sending = Sending::Refused,
            }
        }
        Ok(())
    }

    /// Takes what the body has, up to a limit; returns whether it may have more later, and has nothing now.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<bool, ForwardError> {
        while self.sending == Sending::Body
            && self.wire.as_ref().is_some_and(|(wire, _)| wire.outbox.len() < GATHERED)
        {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(frame)) => self.put(frame?)?,
                Poll::Ready(None) => self.end(&HeaderMap::new())?,
            }
        }
        Ok(false)
    }

    fn put(&mut self, frame: Frame<Bytes>) -> Result<(), ForwardError> {
        self.touched = true;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return frame.into_trailers().map_or(Ok(()), |lines| self.end(&lines)),
        };
        if let Some(missing) = &mut self.missing {
            *missing = missing.checked_sub(data.len() as u64).ok_or(ForwardError::Client)?;
        }
        if let Some((wire, _)) = &mut self.wire {
            self.outgoing.put(&mut wire.outbox, &data);
        }
        Ok(())
    }

    fn end(&mut self, trailers: &HeaderMap) -> Result<(), ForwardError> {
        if self.missing.is_some_and(|missing| missing > 0) {
            return Err(ForwardError::Client);
        }
        let mut lines = Vec::new();
        for (name, value) in trailers {
            if role(name.as_str().as_bytes()) == Role::EndToEnd {
                lines.extend_from_slice(name.as_str().as_bytes());
                lines.extend_from_slice(b": ");
                lines.extend_from_slice(value.as_bytes());
                lines.extend_from_slice(b"\r\n");
            }
        }
        if let Some((wire, _)) = &mut self.wire {
            self.outgoing.end(&mut wire.outbox, &lines);
        }
        self.sending = Sending::End;
        Ok(())
    }

    fn read_head(&mut self) -> Result<Option<Response<()>>, ForwardError> {
        while let Some((length, last)) = self.parse()? {
            self.scan = Scan::default();
            if let Some((wire, _)) = &mut self.wire {
                wire.inbox.consume(length);
            }
            if let Some((response, framing, keeps_alive)) = last {
                self.keeps_alive = keeps_alive;
                self.incoming = Incoming::new(framing);
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    self.upgrade = Upgrade::Done;
                } else if self.incoming.is_over() {
                    self.finish();
                }
                return Ok(Some(response));
            }
            self.interim += 1;
            if self.interim > MOST_INTERIM {
                return Err(malformed(Malformed::TooManyFields));
            }
        }
        Ok(None)
    }

    /// The length of the head that has arrived, and what it says unless another one follows.
    fn parse(&mut self) -> Result<Option<Parsed>, ForwardError> {
        let arrived = self.wire.as_ref().map_or(&[][..], |(wire, _)| wire.inbox.filled());
        // Not anew for each byte of a head that trickles in.
        if arrived.is_empty() || !self.scan.is_worth_parsing(arrived) {
            return Ok(None);
        }
        let mut fields = Fields::new();
        let parsed = ResponseHead::parse(arrived, self.asked, &mut fields);
        let Some(head) = parsed.map_err(malformed)? else { return Ok(None) };
        if head.status == 101 {
            let to = head.upgrade.unwrap_or_default();
            let asked = matches!(self.upgrade, Upgrade::To(protocol) if to.eq_ignore_ascii_case(protocol.as_bytes()));
            if !asked || !head.options.upgrade {
                return Err(malformed(Malformed::Syntax));
            }
        }
        let last = match head.is_interim() {
            true => None,
            false => Some((response(&head)?, head.framing, head.keeps_alive())),
        };
        Ok(Some((head.bytes.len(), last)))
    }

    /// The answer is complete: the connection is kept if nothing on it is open or left over.
    fn finish(&mut self) {
        let Some((wire, way)) = self.wire.take() else { return };
        if self.sending == Sending::Done && self.keeps_alive && wire.inbox.is_empty() {
            way.put_back(wire.io);
        }
    }
}

impl Body for Call {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        let this = self.get_mut();
        this.send(cx)?;
        loop {
            let Some((wire, _)) = &mut this.wire else { return Poll::Ready(None) };
            match this.incoming.step(wire.inbox.filled(), usize::MAX).map_err(malformed)? {
                Step::Data(length) => {
                    let data = Bytes::copy_from_slice(&wire.inbox.filled()[..length]);
                    wire.inbox.consume(length);
                    if this.incoming.is_over() {
                        this.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Step::Framing(length) => wire.inbox.consume(length),
                Step::Trailers(length) => {
                    let trailers = trailers(&wire.inbox.filled()[..length])?;
                    wire.inbox.consume(length);
                    this.finish();
                    let frame = (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)));
                    return Poll::Ready(frame);
                }
                Step::End => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Step::Starved => {
                    let read = ready!(wire.poll_fill(cx)).map_err(|error| broken(error.kind()))?;
                    if read == 0 {
                        this.wire = None;
                        return Poll::Ready(match this.incoming {
                            Incoming::UntilClose => None,
                            _ => Some(Err(broken(io::ErrorKind::UnexpectedEof))),
                        });
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.wire.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.incoming {
            Incoming::Length(missing) => SizeHint::with_exact(missing),
            Incoming::Chunked(_) | Incoming::UntilClose => SizeHint::default(),
        }
    }
}

/// The head of an answer as its client may see it: without what was for the connection it came over.
fn response(head: &ResponseHead<'_, '_>) -> Result<Response<()>, ForwardError> {
    let mut response = Response::new(());
    let invalid = || malformed(Malformed::Syntax);
    *response.status_mut() = StatusCode::from_u16(head.status).map_err(|_| invalid())?;
    // One allocation for all values together.
    let bytes = Bytes::copy_from_slice(head.bytes);
    let headers = response.headers_mut();
    headers.reserve(head.fields.len());
    for field in head.fields {
        let passes = match field.role {
            // RFC 9110, 8.6: not with 204.
            Role::ContentLength => head.status != 204,
            Role::EndToEnd => !head.options.names(field.name),
            Role::Trailer | Role::Managed(_) | Role::Twin | Role::Host | Role::Expect => true,
            Role::Loop => true,
            Role::TransferEncoding | Role::Connection | Role::Upgrade | Role::Te => false,
            Role::HopByHop => false,
        };
        if passes {
            let name = HeaderName::from_bytes(field.name).map_err(|_| invalid())?;
            let start = offset(head.bytes, field.value);
            let value = bytes.slice(start..start + field.value.len());
            let value = HeaderValue::from_maybe_shared(value);
            headers.append(name, value.map_err(|_| invalid())?);
        }
    }
    Ok(response)
}

fn trailers(bytes: &[u8]) -> Result<HeaderMap, ForwardError> {
    let mut trailers = HeaderMap::new();
    let visited = each_trailer(bytes, |name, value| {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            trailers.append(name, value);
        }
    });
    visited.map_err(malformed)?;
    Ok(trailers)
}

fn malformed(error: Malformed) -> ForwardError {
    ForwardError::Http1(Arc::new(io::Error::new(io::ErrorKind::InvalidData, error)))
}

fn broken(kind: io::ErrorKind) -> ForwardError {
    ForwardError::Http1(Arc::new(kind.into()))
}
