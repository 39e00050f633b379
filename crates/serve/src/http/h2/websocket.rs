// SPDX-License-Identifier: Apache-2.0
//! A WebSocket over one HTTP/2 stream (RFC 8441), passed on as the HTTP/1.1 upgrade that backends know (RFC 6455).
//!
//! No byte is carried before the backend has changed the protocol, and proven that it did so for this request.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use postern_model::AppProtocol;

use super::head::Head;
use super::life::OpenStream;
use super::request;
use super::stream::aim;
use crate::exchange::Exchange;
use crate::forward::http1::{self, Call};
use crate::forwarded::Arrival;
use crate::http::h1::body::Framing;
use crate::http::h1::wire::Wire;
use crate::http::upgrade::tunnel_of;
use crate::respond::Answer;

/// What comes of an extended CONNECT.
pub(super) enum Opened {
    /// The backend's answer is another than 101.
    Refused(Response<Box<Call>>),
    /// The answer to the client, and the tunnel that begins with it.
    Tunnel(Response<()>, Tunnel),
}

/// Both ends of what is to be carried.
pub(super) struct Tunnel {
    client: OnUpgrade,
    backend: Wire,
}

/// Opens what a CONNECT asks for: a WebSocket, and nothing else.
pub(super) async fn open(exchange: &mut Exchange, parts: &mut Parts) -> Result<Opened, Answer> {
    let protocol = parts.extensions.remove::<Protocol>();
    let client = parts.extensions.remove::<OnUpgrade>();
    let (Some(protocol), Some(client)) = (protocol, client) else {
        return Err(Answer::NotImplemented);
    };
    if !protocol.as_str().eq_ignore_ascii_case("websocket") {
        return Err(Answer::NotImplemented);
    }
    request::check_size(parts)?;
    let connection = exchange.connection().clone();
    prepare(&mut parts.headers);
    let authority = request::authority(parts)?;
    let target = request::target(parts.uri.path_and_query())?;
    let backend = aim(exchange, authority, &target, &parts.headers)?;
    if backend.protocol == AppProtocol::H2c {
        // A backend of HTTP/2 would have to take extended CONNECT itself; hardly any does.
        return Err(Answer::NotImplemented);
    }
    let key = STANDARD.encode(fastrand::u128(..).to_ne_bytes());
    let head = Head {
        method: &Method::GET,
        target: &target,
        headers: &parts.headers,
        framing: Framing::None,
        arrival: Arrival {
            peer: &connection.peer_text,
            tls: connection.handshake.is_some(),
            websocket: true,
            authority,
        },
        trusted: connection.config.forwarded.trusts(connection.peer.ip()),
        pass_host: backend.pass_host_header,
        backend: &backend,
        websocket_key: Some(&key),
    };
    let call = Call::upgrade("websocket");
    let response = http1::send(exchange, call, |into, endpoint| head.write(into, endpoint)).await;
    opened(response.map_err(|error| error.answer())?, &key, client)
}

/// The key is the client half's own, and so is the version, of which there is one.
fn prepare(headers: &mut HeaderMap) {
    headers.remove(SEC_WEBSOCKET_KEY);
    headers.remove(SEC_WEBSOCKET_ACCEPT);
    let version = headers.entry(SEC_WEBSOCKET_VERSION);
    version.or_insert(HeaderValue::from_static("13"));
}

fn opened(response: Response<Box<Call>>, key: &str, client: OnUpgrade) -> Result<Opened, Answer> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // A 2xx would open a tunnel that has no other end.
        let opens = response.status().is_success();
        return if opens { Err(Answer::BadGateway) } else { Ok(Opened::Refused(response)) };
    }
    let (mut parts, call) = response.into_parts();
    let accepted = parts.headers.remove(SEC_WEBSOCKET_ACCEPT);
    let backend = call.upgraded().ok_or(Answer::BadGateway)?;
    if accepted.is_none_or(|accepted| accepted != accept(key)) {
        return Err(Answer::BadGateway);
    }
    parts.status = StatusCode::OK;
    Ok(Opened::Tunnel(Response::from_parts(parts, ()), Tunnel { client, backend }))
}

/// What a server answers to a key (RFC 6455, 4.2.2).
fn accept(key: &str) -> String {
    let answer = [key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, answer.as_bytes()))
}

impl Tunnel {
    /// Carries bytes until both sides have closed; the request is reported then.
    pub(super) async fn run(self, mut exchange: Exchange, _stream: OpenStream) {
        let Ok(client) = self.client.await else { return };
        let client = TokioIo::new(client);
        if let Ok(carried) = tunnel_of(&exchange, client, self.backend).await {
            exchange.request_bytes = carried.up;
            exchange.response_bytes = carried.down;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
