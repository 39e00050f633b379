// SPDX-License-Identifier: Apache-2.0
//! Heads as they are sent: what passes is copied in runs of whole lines, what is ours is written after it.

use std::ops::Range;

use http::StatusCode;

use super::body::{Framing, Outgoing};
use super::head::Field;
use super::request::{RequestHead, Version};
use super::response::ResponseHead;
use crate::buffer::Buffer;
use crate::forwarded::{Arrival, Claims};
use crate::http::fields::{Managed, Role};
use crate::respond::Answer;

/// How a request is passed on.
pub(crate) struct Passage<'a> {
    /// The path in normal form: what was routed is what is asked for.
    pub(crate) path: &'a str,
    /// The query with its question mark, as it came.
    pub(crate) query: &'a str,
    /// Who the client is.
    pub(crate) arrival: Arrival<'a>,
    /// Whether the client is believed about who it is.
    pub(crate) trusted: bool,
    /// Whether the client's Host is passed on; else the caller puts one in its place.
    pub(crate) pass_host: bool,
}

/// Appends a request's head for a backend.  Returns where in it the value of Host stands.
pub(crate) fn request(
    into: &mut Buffer,
    head: &RequestHead<'_, '_>,
    passage: &Passage<'_>,
) -> Range<usize> {
    let before = into.len();
    into.put(head.method.as_bytes());
    into.put(b" ");
    into.put(passage.path.as_bytes());
    into.put(passage.query.as_bytes());
    into.put(b" HTTP/1.1\r\nHost: ");
    let host = into.len() - before;
    if passage.pass_host {
        into.put(head.authority.as_bytes());
    }
    let host = host..into.len() - before;
    into.put(b"\r\n");
    let mut claims = Claims::default();
    let chunked = head.framing == Framing::Chunked;
    copy(into, head.bytes, head.fields, |field| match field.role {
        Role::EndToEnd => !head.options.names(field.name),
        Role::Expect | Role::Loop => true,
        Role::Trailer => chunked,
        Role::Managed(managed) if passage.trusted => {
            claims.note(managed, field.value);
            managed == Managed::Other
        }
        _ => false,
    });
    frame(into, head.framing);
    if let Some(protocol) = head.upgrade {
        line(into, "Connection", &[b"Upgrade"]);
        line(into, "Upgrade", &[protocol]);
    } else if head.takes_trailers {
        // RFC 9110, 10.1.4: TE is named in Connection.
        into.put(b"Connection: TE\r\nTE: trailers\r\n");
    }
    claims.write(&passage.arrival, |name, value| line(into, name, value));
    into.put(b"\r\n");
    host
}

fn frame(into: &mut Buffer, framing: Framing) {
    match framing {
        Framing::Length(length) => {
            into.put(b"Content-Length: ");
            into.put_decimal(length);
            into.put(b"\r\n");
        }
        Framing::Chunked => into.put(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
}

/// How an answer is passed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    /// What the client speaks.
    pub(crate) version: Version,
    /// Whether the client's connection goes on.
    pub(crate) keep_alive: bool,
    /// Whether the connection is upgraded by it.
    pub(crate) upgrade: bool,
}

/// How the body of an answer reaches the client; the end of the connection is its end where nothing else can be.
pub(crate) fn outgoing(framing: Framing, version: Version) -> Outgoing {
    match framing {
        Framing::None => Outgoing::Nothing,
        Framing::Length(_) => Outgoing::Plain,
        Framing::Chunked | Framing::UntilClose if version == Version::Http11 => Outgoing::Chunked,
        Framing::Chunked | Framing::UntilClose => Outgoing::Plain,
    }
}

/// Whether the answer can only end with the connection.
pub(crate) fn ends_connection(framing: Framing, version: Version) -> bool {
    version == Version::Http10 && matches!(framing, Framing::Chunked | Framing::UntilClose)
}

/// Appends an answer's head for a client.
pub(crate) fn response(into: &mut Buffer, head: &ResponseHead<'_, '_>, reply: Reply) {
    status_line(into, head.status, head.reason);
    // RFC 9112, 6.1 and RFC 9110, 8.6: neither in 1xx nor in 204.
    let framed = !matches!(head.status, 100..=199 | 204);
    let chunked = outgoing(head.framing, reply.version) == Outgoing::Chunked;
    copy(into, head.bytes, head.fields, |field| match field.role {
        Role::EndToEnd => !head.options.names(field.name),
        Role::Host | Role::Expect | Role::Te | Role::Loop => true,
        Role::Managed(_) | Role::Twin => true,
        Role::ContentLength => framed,
        Role::Trailer => chunked,
        Role::TransferEncoding | Role::Connection | Role::Upgrade | Role::HopByHop => false,
    });
    if chunked {
        into.put(b"Transfer-Encoding: chunked\r\n");
    }
    if reply.upgrade {
        line(into, "Connection", &[b"Upgrade"]);
        line(into, "Upgrade", &[head.upgrade.unwrap_or_default()]);
    } else if !head.is_interim() {
        connection(into, reply);
    }
    into.put(b"\r\n");
}

/// Appends a whole answer of our own.
pub(crate) fn answer(into: &mut Buffer, answer: Answer, reply: Reply, with_body: bool) {
    let status = answer.status();
    status_line(into, status.as_u16(), status.canonical_reason().unwrap_or(""));
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    line(into, "Date", &[date.as_bytes()]);
    let text = answer.text();
    if !text.is_empty() {
        into.put(b"Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n");
    }
    if let Some(seconds) = answer.retry_after() {
        line(into, "Retry-After", &[seconds.as_bytes()]);
    }
    frame(into, Framing::Length(text.len() as u64));
    connection(into, reply);
    into.put(b"\r\n");
    if with_body {
        into.put(text.as_bytes());
    }
}

/// Appends what the client is to know about its connection.
pub(crate) fn connection(into: &mut Buffer, reply: Reply) {
    match (reply.keep_alive, reply.version) {
        (false, _) => into.put(b"Connection: close\r\n"),
        (true, Version::Http10) => into.put(b"Connection: keep-alive\r\n"),
        (true, Version::Http11) => {}
    }
}

/// Appends a status line.
pub(crate) fn status_line(into: &mut Buffer, status: u16, reason: &str) {
    if status == StatusCode::OK.as_u16() && reason == "OK" {
        into.put(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    into.put(b"HTTP/1.1 ");
    into.put_decimal(u64::from(status));
    into.put(b" ");
    into.put(reason.as_bytes());
    into.put(b"\r\n");
}

/// Appends one field.
pub(crate) fn line(into: &mut Buffer, name: &str, value: &[&[u8]]) {
    into.put(name.as_bytes());
    into.put(b": ");
    for piece in value {
        into.put(piece);
    }
    into.put(b"\r\n");
}

/// Appends those fields that are passed on: neighbours are copied together, as they stand.
fn copy<'b>(
    into: &mut Buffer,
    bytes: &[u8],
    fields: &[Field<'b>],
    mut passes: impl FnMut(&Field<'b>) -> bool,
) {
    let mut run = 0..0;
    for field in fields {
        if !passes(field) {
            continue;
        }
        let (start, end) = (field.start as usize, field.end as usize);
        if bytes[end - 2] != b'\r' {
            // The line of a lenient backend, which may end in a bare LF.
            into.put(&bytes[std::mem::take(&mut run)]);
            into.put(field.name);
            into.put(b": ");
            into.put(field.value);
            into.put(b"\r\n");
        } else if run.end == start {
            run.end = end;
        } else {
            into.put(&bytes[run]);
            run = start..end;
        }
    }
    into.put(&bytes[run]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h1::head::Fields;

    #[test]
    fn the_place_of_host_is_known_where_the_clients_is_not_passed_on() {
        let bytes = b"GET /a?b HTTP/1.1\r\nA: 1\r\nHost: a.test\r\nB: 2\r\n\r\n";
        let mut fields = Fields::new();
        let head = RequestHead::parse(bytes, &mut fields).unwrap().unwrap();
        let arrival = Arrival { peer: "::1", tls: true, websocket: false, authority: "a.test" };
        let passage =
            Passage { path: "/a", query: "?b", arrival, trusted: false, pass_host: false };
        let mut into = Buffer::default();
        let host = request(&mut into, &head, &passage);
        for address in ["10.0.0.1:80", "[2001:db8::1]:8080"] {
            let mut sent = Buffer::default();
            sent.put(into.filled());
            sent.replace(host.clone(), address.as_bytes());
            let begin = format!("GET /a?b HTTP/1.1\r\nHost: {address}\r\nA: 1\r\nB: 2\r\nX-");
            assert!(sent.filled().starts_with(begin.as_bytes()), "{:?}", sent.filled());
        }
    }
}
