// SPDX-License-Identifier: Apache-2.0
//! An HTTP/1.1 request to a backend that speaks HTTP/2: turned into an `http` message, and its answer turned back.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri, Version as HttpVersion};
use http_body::{Body, Frame};
use hyper::body::Incoming as Http2Body;

use super::body::{Framing, Incoming, Outgoing, Step};
use super::chunked::each_trailer;
use super::deadline::Deadline;
use super::encode::{self, Passage, Reply};
use super::intake::Shape;
use super::pipe::{Source, pipe};
use super::relay::End;
use super::request::RequestHead;
use super::response::Asked;
use super::upstream::Client;
use super::wire::Wire;
use crate::exchange::Exchange;
use crate::forward::{ForwardError, RequestBody, http2};
use crate::forwarded::Claims;
use crate::http::fields::{Managed, Role, role};
use crate::respond::Answer;
use crate::roster::Watch;

/// A request's head as an `http` message, whose URI is its path alone and whose Host field its authority.
pub(crate) fn request(
    head: &RequestHead<'_, '_>,
    passage: &Passage<'_>,
) -> Result<Request<()>, Answer> {
    let bad = |_| Answer::BadRequest;
    let mut request = Request::new(());
    *request.version_mut() = HttpVersion::HTTP_2;
    *request.method_mut() =
        Method::from_bytes(head.method.as_bytes()).map_err(|_| Answer::BadRequest)?;
    let target = [passage.path, passage.query].concat();
    *request.uri_mut() = Uri::try_from(target).map_err(|_| Answer::BadRequest)?;
    let headers = request.headers_mut();
    let authority = HeaderValue::from_str(head.authority);
    headers.insert(HOST, authority.map_err(|_| Answer::BadRequest)?);
    let mut claims = Claims::default();
    for field in head.fields {
        let passes = match field.role {
            Role::EndToEnd => !head.options.names(field.name),
            Role::ContentLength | Role::Loop => true,
            Role::Managed(managed) if passage.trusted => {
                claims.note(managed, field.value);
                managed == Managed::Other
            }
            _ => false,
        };
        if passes {
            let name = HeaderName::from_bytes(field.name).map_err(|_| Answer::BadRequest)?;
            headers.append(name, HeaderValue::from_bytes(field.value).map_err(bad)?);
        }
    }
    if head.takes_trailers {
        headers.insert("te", HeaderValue::from_static("trailers"));
    }
    claims.write(&passage.arrival, |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value.concat())) {
            headers.append(name, value);
        }
    });
    Ok(request)
}

/// Sends the request, and the answer back.
pub(crate) async fn forward(
    client: Client<'_>,
    exchange: &mut Exchange,
    request: Request<()>,
    shape: &mut Shape,
) -> Result<End, Answer> {
    let read = exchange.connection().config.timeouts.read;
    let write = exchange.connection().config.timeouts.write;
    let draining = exchange.connection().worker.drain.has_begun();
    let Client { wire, deadline } = client;
    let (source, body) = body(&shape.body);
    // A backend of HTTP/2 may answer before it has the body, and a client may wait for its 100.
    let watch = exchange.watch().filter(|_| !shape.expects_continue);
    let body_of = &mut shape.body;
    let mut sides = Sides { wire, deadline, body: body_of, source, moved: 0, waits: false, watch };
    let answered = {
        let mut sending: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(http2::send(exchange, request.map(|()| body)));
        poll_fn(|cx| {
            if let Poll::Ready(end) = sides.poll_request(cx, read) {
                return Poll::Ready(Err(end));
            }
            sides.watch(sides.waits);
            sending.as_mut().poll(cx).map(Ok)
        })
        .await
    };
    exchange.request_bytes += sides.moved;
    let response = match answered {
        Err(End::BadRequest) => return Err(Answer::BadRequest),
        Err(End::ClientTimeout) => return Err(Answer::RequestTimeout),
        Err(end) => return Ok(end),
        Ok(Err(error)) => return Err(ForwardError::answer(&error)),
        Ok(Ok(response)) => response,
    };
    sides.moved = 0;
    sides.waits = false;
    let keep_alive = shape.keep_alive && !draining;
    let (response, (answer, lease)) = {
        let (parts, body) = response.into_parts();
        (Response::from_parts(parts, ()), body)
    };
    let framing = framing(&response, shape.asked);
    let keep_alive = keep_alive && !encode::ends_connection(framing, shape.version);
    let reply = Reply { version: shape.version, keep_alive, upgrade: false };
    head(sides.wire, &response, framing, reply);
    let outgoing = encode::outgoing(framing, shape.version);
    let mut relay = Answering { answer, outgoing, over: outgoing == Outgoing::Nothing };
    let mut sent = 0;
    let end = poll_fn(|cx| {
        if let Poll::Ready(end) = sides.poll_request(cx, read) {
            return Poll::Ready(if end == End::ClientGone { end } else { End::Cut });
        }
        let polled = relay.poll(cx, &mut sides, (&mut sent, write));
        sides.watch(!sides.wire.outbox.is_empty());
        polled
    });
    let end = end.await;
    drop(lease);
    exchange.request_bytes += sides.moved;
    exchange.response_bytes += sent;
    Ok(match end {
        End::Answered { .. } => End::Answered { reusable: false, keep_alive },
        end => end,
    })
}

fn body(body: &Incoming) -> (Option<Source>, RequestBody) {
    if body.is_over() {
        return (None, RequestBody::Empty);
    }
    let length = match body {
        Incoming::Length(length) => Some(*length),
        Incoming::Chunked(_) | Incoming::UntilClose => None,
    };
    let (source, pipe) = pipe(length);
    (Some(source), RequestBody::Piped(pipe))
}

/// The client's side, and what is left of the request's body.
struct Sides<'a> {
    wire: &'a mut Wire,
    deadline: &'a mut Deadline,
    body: &'a mut Incoming,
    source: Option<Source>,
    moved: u64,
    waits: bool,
    watch: Option<Watch>,
}

/// The most bytes of one piece.
const PIECE: usize = 16 * 1024;

impl Sides<'_> {
    /// Notes whether the client is waited for.
    fn watch(&mut self, waits: bool) {
        if let Some(watch) = &mut self.watch {
            watch.note(waits.then_some(self.wire.written + self.moved));
        }
    }

    /// Moves the request's body.  Ready only if the exchange cannot go on.
    fn poll_request(&mut self, cx: &mut Context<'_>, within: std::time::Duration) -> Poll<End> {
        loop {
            let Some(source) = &self.source else {
                return self.wire.io.poll_gone(cx).map(|()| End::ClientGone);
            };
            // A backend that reads no more may have answered already.
            if ready!(source.poll_ready(cx)).is_err() {
                self.source = None;
                continue;
            }
            let Ok(step) = self.body.step(self.wire.inbox.filled(), PIECE) else {
                return Poll::Ready(End::BadRequest);
            };
            match step {
                Step::Starved => match self.wire.poll_fill(cx) {
                    Poll::Ready(Ok(read)) if read > 0 => self.waits = false,
                    Poll::Ready(_) => return Poll::Ready(End::ClientGone),
                    Poll::Pending => {
                        if !std::mem::replace(&mut self.waits, true) {
                            self.deadline.set(within);
                        }
                        return self.deadline.poll(cx).map(|()| End::ClientTimeout);
                    }
                },
                Step::Framing(count) => self.wire.inbox.consume(count),
                Step::Data(count) => {
                    let data = Bytes::copy_from_slice(&self.wire.inbox.filled()[..count]);
                    self.moved += count as u64;
                    self.wire.inbox.consume(count);
                    source.put(Frame::data(data));
                }
                Step::Trailers(count) => {
                    let mut trailers = HeaderMap::new();
                    let read = each_trailer(&self.wire.inbox.filled()[..count], |name, value| {
                        put(&mut trailers, name, value);
                    });
                    if read.is_err() {
                        return Poll::Ready(End::BadRequest);
                    }
                    self.wire.inbox.consume(count);
                    if !trailers.is_empty() {
                        source.put(Frame::trailers(trailers));
                    }
                }
                Step::End => {}
            }
            if self.body.is_over() {
                source.end();
                self.source = None;
            }
        }
    }
}

fn put(trailers: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        trailers.append(name, value);
    }
}

/// An answer on its way to the client.
struct Answering {
    answer: Http2Body,
    outgoing: Outgoing,
    over: bool,
}

impl Answering {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        sides: &mut Sides<'_>,
        (sent, within): (&mut u64, std::time::Duration),
    ) -> Poll<End> {
        loop {
            let wire = &mut *sides.wire;
            while !self.over && self.outgoing.room(&wire.outbox) > 0 {
                match Pin::new(&mut self.answer).poll_frame(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Some(Err(_))) => return Poll::Ready(End::Cut),
                    Poll::Ready(Some(Ok(frame))) => *sent += self.take(wire, frame),
                    Poll::Ready(None) => {
                        self.outgoing.end(&mut wire.outbox, b"");
                        self.over = true;
                    }
                }
            }
            if wire.outbox.is_empty() {
                let kept = End::Answered { reusable: false, keep_alive: true };
                if self.over {
                    return Poll::Ready(kept);
                }
                wire.rest();
                return Poll::Pending;
            }
            match wire.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(End::ClientGone),
                Poll::Pending if sides.source.is_some() => return Poll::Pending,
                Poll::Pending => {
                    if !std::mem::replace(&mut sides.waits, true) {
                        sides.deadline.set(within);
                    }
                    return sides.deadline.poll(cx).map(|()| End::ClientGone);
                }
            }
            sides.waits &= sides.source.is_some();
        }
    }

    fn take(&mut self, wire: &mut Wire, frame: Frame<Bytes>) -> u64 {
        match frame.into_data() {
            Ok(data) => {
                self.outgoing.put(&mut wire.outbox, &data);
                data.len() as u64
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let mut lines = Vec::new();
                for (name, value) in &trailers {
                    if role(name.as_str().as_bytes()) == Role::EndToEnd {
                        lines.extend_from_slice(name.as_str().as_bytes());
                        lines.extend_from_slice(b": ");
                        lines.extend_from_slice(value.as_bytes());
                        lines.extend_from_slice(b"\r\n");
                    }
                }
                self.outgoing.end(&mut wire.outbox, &lines);
                self.over = true;
                0
            }
        }
    }
}

fn framing(response: &Response<()>, asked: Asked) -> Framing {
    let bodiless = asked == Asked::Head || matches!(response.status().as_u16(), 204 | 304);
    let length = response.headers().get(http::header::CONTENT_LENGTH);
    match length.and_then(|value| super::head::content_length(value.as_bytes()).ok()) {
        _ if bodiless => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    }
}

fn head(wire: &mut Wire, response: &Response<()>, framing: Framing, reply: Reply) {
    let into = &mut wire.outbox;
    let status = response.status();
    encode::status_line(into, status.as_u16(), status.canonical_reason().unwrap_or(""));
    let framed = status.as_u16() != 204;
    for (name, value) in response.headers() {
        let passes = match role(name.as_str().as_bytes()) {
            Role::EndToEnd | Role::Managed(_) | Role::Twin | Role::Loop => true,
            Role::ContentLength => framed,
            Role::Trailer => framing == Framing::Chunked,
            _ => false,
        };
        if passes {
            encode::line(into, name.as_str(), &[value.as_bytes()]);
        }
    }
    if encode::outgoing(framing, reply.version) == Outgoing::Chunked {
        encode::line(into, "Transfer-Encoding", &[b"chunked"]);
    }
    encode::connection(into, reply);
    into.put(b"\r\n");
}
