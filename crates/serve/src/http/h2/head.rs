// SPDX-License-Identifier: Apache-2.0
//! A request's head for its backend: the same decisions about every field as on HTTP/1.1, on other types.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, Version};
use postern_snapshot::Backend;
use smallvec::SmallVec;

use super::request::RequestTarget;
use crate::buffer::Buffer;
use crate::connection::Refusal;
use crate::forward::RequestBody;
use crate::forwarded::{Arrival, Claims};
use crate::http::fields::{Managed, Role, role};
use crate::http::h1::body::Framing;

/// What a backend is told.
pub(super) struct Head<'a> {
    pub(super) method: &'a Method,
    pub(super) target: &'a RequestTarget<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) framing: Framing,
    /// Who the client is.
    pub(super) arrival: Arrival<'a>,
    /// Whether the client is believed about who it is.
    pub(super) trusted: bool,
    /// Whether the client's Host is passed on; else what the backend is called is sent.
    pub(super) pass_host: bool,
    /// The backend.
    pub(super) backend: &'a Backend,
    /// Whether the body that follows is that of a WebSocket's opening: none.
    pub(super) websocket_key: Option<&'a str>,
}

/// How the body of a request is delimited on HTTP/1.1, from what its head declares and whether it has one at all.
pub(super) fn framing(headers: &HeaderMap, ended: bool) -> Result<Framing, Refusal> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next().map(|length| {
        let text = length.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        text.and_then(|text| text.parse::<u64>().ok()).ok_or(Refusal::BadRequest)
    });
    if lengths.next().is_some() {
        return Err(Refusal::BadRequest);
    }
    match (length.transpose()?, ended) {
        (Some(length), true) if length > 0 => Err(Refusal::BadRequest),
        (Some(length), _) => Ok(Framing::Length(length)),
        (None, true) => Ok(Framing::None),
        (None, false) => Ok(Framing::Chunked),
    }
}

impl Head<'_> {
    /// Appends it as HTTP/1.1 has it.
    pub(super) fn write(&self, into: &mut Buffer, endpoint: SocketAddr) {
        into.put(self.method.as_str().as_bytes());
        into.put(b" ");
        into.put(self.target.path.as_bytes());
        if let Some(query) = self.target.query {
            into.put(b"?");
            into.put(query.as_bytes());
        }
        into.put(b" HTTP/1.1\r\nHost: ");
        if self.pass_host {
            into.put(self.arrival.authority.as_bytes());
        } else {
            into.put(self.backend.host_of(endpoint).as_bytes());
        }
        into.put(b"\r\n");
        let mut claims = Claims::default();
        let trailers = self.fields(into, &mut claims);
        self.frame(into);
        if let Some(key) = self.websocket_key {
            into.put(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
            line(into, "Sec-WebSocket-Key", &[key.as_bytes()]);
        } else if trailers {
            // RFC 9110, 10.1.4: TE is named in Connection.
            into.put(b"Connection: TE\r\nTE: trailers\r\n");
        }
        claims.write(&self.arrival, |name, value| line(into, name, value));
        into.put(b"\r\n");
    }

    /// Appends the client's own fields; returns whether it takes trailers.
    fn fields<'h>(&'h self, into: &mut Buffer, claims: &mut Claims<'h>) -> bool {
        let mut trailers = false;
        let mut in_cookie = false;
        for (name, value) in self.headers {
            // RFC 9113, 8.2.3: crumbs are one field for everybody who does not speak HTTP/2.
            if name == COOKIE {
                into.put(if in_cookie { b"; " } else { b"cookie: " });
                into.put(value.as_bytes());
                in_cookie = true;
                continue;
            }
            if std::mem::take(&mut in_cookie) {
                into.put(b"\r\n");
            }
            match role(name.as_str().as_bytes()) {
                Role::Te => trailers = true,
                role if self.passes(role, value, claims) => {
                    line(into, name.as_str(), &[value.as_bytes()]);
                }
                _ => {}
            }
        }
        if in_cookie {
            into.put(b"\r\n");
        }
        trailers
    }

    fn passes<'h>(&self, role: Role, value: &'h HeaderValue, claims: &mut Claims<'h>) -> bool {
        match role {
            Role::EndToEnd | Role::Loop => true,
            Role::Trailer => self.framing == Framing::Chunked,
            Role::Managed(managed) if self.trusted => {
                claims.note(managed, value.as_bytes());
                managed == Managed::Other
            }
            // `Expect`: hyper has no way to pass a 100 on, so none is asked for.
            _ => false,
        }
    }

    fn frame(&self, into: &mut Buffer) {
        match self.framing {
            Framing::Length(length) => {
                into.put(b"Content-Length: ");
                into.put_decimal(length);
                into.put(b"\r\n");
            }
            Framing::Chunked => into.put(b"Transfer-Encoding: chunked\r\n"),
            // RFC 9110, 8.6: where content is expected, its absence is declared.
            Framing::None if [Method::POST, Method::PUT, Method::PATCH].contains(self.method) => {
                into.put(b"Content-Length: 0\r\n");
            }
            Framing::None | Framing::UntilClose => {}
        }
    }

    /// The same as an HTTP/2 request whose URI is its path, and whose Host field its authority.
    pub(super) fn request(&self, body: RequestBody) -> Result<Request<RequestBody>, Refusal> {
        let mut request = Request::new(body);
        *request.version_mut() = Version::HTTP_2;
        request.method_mut().clone_from(self.method);
        *request.uri_mut() = self.uri()?;
        let headers = request.headers_mut();
        headers.reserve(self.headers.len() + 8);
        let value = |pieces: &[&[u8]]| match pieces {
            [piece] => HeaderValue::from_bytes(piece),
            pieces => HeaderValue::from_bytes(&pieces.concat()),
        };
        let host = value(&[self.arrival.authority.as_bytes()]).map_err(|_| Refusal::BadRequest)?;
        headers.insert(HOST, host);
        let mut claims = Claims::default();
        for (name, value) in self.headers {
            let role = role(name.as_str().as_bytes());
            let passes = matches!(role, Role::Te | Role::Trailer | Role::ContentLength);
            if passes || self.passes(role, value, &mut claims) {
                headers.append(name, value.clone());
            }
        }
        claims.write(&self.arrival, |name, pieces| {
            // What a trusted peer said came as a field's value, and is one.
            if let Ok(value) = value(pieces) {
                headers.append(forwarded_name(name), value);
            }
        });
        Ok(request)
    }

    fn uri(&self) -> Result<Uri, Refusal> {
        let RequestTarget { path, query } = self.target;
        let mut target: SmallVec<[u8; 256]> = SmallVec::new();
        target.extend_from_slice(path.as_bytes());
        if let Some(query) = query {
            target.push(b'?');
            target.extend_from_slice(query.as_bytes());
        }
        let target = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(&target));
        target.map(Uri::from).map_err(|_| Refusal::BadRequest)
    }
}

fn forwarded_name(name: &'static str) -> HeaderName {
    static KNOWN: [(&str, HeaderName); 7] = [
        ("CDN-Loop", HeaderName::from_static("cdn-loop")),
        ("X-Forwarded-For", HeaderName::from_static("x-forwarded-for")),
        ("X-Forwarded-Host", HeaderName::from_static("x-forwarded-host")),
        ("X-Forwarded-Port", HeaderName::from_static("x-forwarded-port")),
        ("X-Forwarded-Proto", HeaderName::from_static("x-forwarded-proto")),
        ("X-Forwarded-Server", HeaderName::from_static("x-forwarded-server")),
        ("X-Real-Ip", HeaderName::from_static("x-real-ip")),
    ];
    let known = KNOWN.iter().find(|(known, _)| *known == name).map(|(_, name)| name.clone());
    known.unwrap_or_else(|| HeaderName::from_static("x-forwarded-by"))
}

fn line(into: &mut Buffer, name: &str, value: &[&[u8]]) {
    into.put(name.as_bytes());
    into.put(b": ");
    for piece in value {
        into.put(piece);
    }
    into.put(b"\r\n");
}
