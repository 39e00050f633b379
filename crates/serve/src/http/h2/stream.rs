// SPDX-License-Identifier: Apache-2.0
//! One request of an HTTP/2 connection: admitted, routed, forwarded, answered.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, REFERER, RETRY_AFTER, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use postern_model::AppProtocol;
use postern_snapshot::Backend;

use super::head::{Head, framing};
use super::life::{Ending, Life, OpenStream};
use super::request::{self, RequestTarget};
use super::websocket::{self, Opened};
use crate::connection::{Connection, Refusal};
use crate::exchange::Exchange;
use crate::finished::Noted;
use crate::forward::http1::Call;
use crate::forward::{AnswerBody, ForwardError, Progress, RequestBody, Upload, http1, http2};
use crate::forwarded::Arrival;
use crate::hops;
use crate::http::h1::response::Asked;
use crate::respond::Answer;
use crate::roster::Watch;

/// Answers one request.  Being dropped, because the client reset the stream, it cancels what it has begun.
pub(super) async fn answer(
    connection: Rc<Connection>,
    life: Rc<Life>,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Infallible> {
    let stream = life.open();
    let started = connection.worker.clock.now();
    let mut exchange = Exchange::new(connection, started);
    let (mut parts, body) = request.into_parts();
    if exchange.connection().worker.logs() {
        exchange.note(noted(&parts));
    }
    let progress = (!body.is_end_stream()).then(Rc::<Progress>::default);
    let body = request_body(&exchange, body, progress.as_ref());
    let response = if parts.method == Method::CONNECT {
        match websocket::open(&mut exchange, &mut parts).await {
            Ok(Opened::Refused(response)) => Ok(response.map(AnswerBody::Http1)),
            Ok(Opened::Tunnel(response, tunnel)) => {
                stream.answered();
                let worker = exchange.connection().worker.clone();
                worker.spawn(tunnel.run(exchange, stream));
                return Ok(response.map(|()| Answered { body: AnswerBody::Empty, report: None }));
            }
            Err(answer) => Err(answer),
        }
    } else {
        forward(&mut exchange, &parts, body, progress.as_deref()).await
    };
    let response = match response {
        Ok(response) => response,
        Err(answer) => {
            if answer == Answer::Revoked {
                life.end(Ending::Graceful);
            }
            exchange.invent(answer);
            own(answer, &parts.method)
        }
    };
    stream.answered();
    if let Some(progress) = &progress {
        progress.answered();
    }
    let report = Some(Report { exchange, progress, stream, watch: None });
    Ok(response.map(|body| Answered { body, report }))
}

fn request_body(
    exchange: &Exchange,
    body: Incoming,
    progress: Option<&Rc<Progress>>,
) -> RequestBody {
    match progress {
        None => RequestBody::Empty,
        Some(progress) => {
            let within = exchange.connection().config.timeouts.read;
            RequestBody::Http2(Upload::new(body, progress.clone(), within))
        }
    }
}

async fn forward(
    exchange: &mut Exchange,
    parts: &Parts,
    body: RequestBody,
    progress: Option<&Progress>,
) -> Result<Response<AnswerBody>, Answer> {
    request::check_size(parts)?;
    let connection = exchange.connection().clone();
    let authority = request::authority(parts)?;
    let request_target = request::target(parts.uri.path_and_query())?;
    let backend = aim(exchange, authority, &request_target, &parts.headers)?;
    if let Some(progress) = progress.filter(|_| !parts.headers.contains_key(EXPECT)) {
        progress.watch(exchange.watch());
    }
    let head = Head {
        method: &parts.method,
        target: &request_target,
        headers: &parts.headers,
        framing: framing(&parts.headers, body.is_end_stream())?,
        arrival: Arrival {
            peer: &connection.peer_text,
            tls: connection.handshake.is_some(),
            websocket: false,
            authority,
        },
        trusted: connection.config.forwarded.trusts(connection.peer.ip()),
        pass_host: backend.pass_host_header,
        backend: &backend,
        websocket_key: None,
    };
    let answered = if backend.protocol == AppProtocol::H2c {
        let request = head.request(body)?;
        let response = http2::send(exchange, request).await;
        response.map(|response| response.map(|(body, _lease)| AnswerBody::Http2 { body, _lease }))
    } else {
        let asked = if parts.method == Method::HEAD { Asked::Head } else { Asked::Other };
        let call = Call::new(asked, head.framing, body).with_method(&parts.method);
        let response = http1::send(exchange, call, |into, endpoint| head.write(into, endpoint));
        response.await.map(|response| response.map(AnswerBody::Http1))
    };
    answered.map_err(|error| error.answer())
}

/// Admits a request, and finds the backend for it.
pub(super) fn aim(
    exchange: &mut Exchange,
    authority: &str,
    target: &RequestTarget<'_>,
    headers: &HeaderMap,
) -> Result<Arc<Backend>, Refusal> {
    let connection = exchange.connection().clone();
    let admitted = connection.admit(authority)?;
    exchange.admit(admitted.clone())?;
    hops::check(hops::count(headers))?;
    let bytes = authority.len() + target.memory() + request::memory(headers);
    let target = connection.target(admitted, &target.path)?;
    let backend = target.backend.clone();
    exchange.aim(target);
    exchange.enter(bytes)?;
    connection.worker.tenures.hand(exchange.tenure());
    Ok(backend)
}

fn noted(parts: &Parts) -> Noted {
    let field =
        |name: HeaderName| parts.headers.get(name).map_or(&[][..], |value| value.as_bytes()).into();
    Noted {
        at: SystemTime::now(),
        version: Version::HTTP_2,
        method: parts.method.as_str().into(),
        authority: parts.uri.authority().map_or("", |authority| authority.as_str()).into(),
        target: parts.uri.path_and_query().map_or("", |target| target.as_str()).into(),
        referer: field(REFERER),
        user_agent: field(USER_AGENT),
    }
}

/// An answer of Postern's own.
fn own(answer: Answer, method: &Method) -> Response<AnswerBody> {
    let text = answer.text();
    let body = if *method == Method::HEAD { AnswerBody::Empty } else { AnswerBody::Text(text) };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status();
    if !text.is_empty() {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    if let Some(seconds) = answer.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    response
}

/// The body of an answer, with the report of its request: it is told when the body is gone, complete or not.
pub(super) struct Answered {
    body: AnswerBody,
    /// Nothing where a tunnel has taken it along.
    report: Option<Report>,
}

struct Report {
    exchange: Exchange,
    progress: Option<Rc<Progress>>,
    stream: OpenStream,
    /// Since when the client is waited for, once it was.
    watch: Option<Watch>,
}

impl Report {
    /// Notes whether the client is waited for.
    fn watch(&mut self, waits: bool) {
        if waits && self.watch.is_none() {
            self.watch = self.exchange.watch();
        }
        if let Some(watch) = &mut self.watch {
            watch.note(waits.then_some(self.exchange.response_bytes));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.exchange.request_bytes = self.progress.as_ref().map_or(0, |seen| seen.bytes.get());
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let is_last = self.body.is_end_stream();
        if let Some(report) = &mut self.report {
            // hyper asks for the next piece when it has got rid of the last.
            let piece = match &frame {
                Poll::Ready(Some(Ok(frame))) => frame.data_ref(),
                _ => None,
            };
            report.stream.holds(piece.is_some());
            report.exchange.response_bytes += piece.map_or(0, |data| data.len() as u64);
            report.watch(piece.is_some() && !is_last);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
