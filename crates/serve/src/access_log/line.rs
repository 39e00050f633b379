// SPDX-License-Identifier: Apache-2.0
//! One line for one request, whatever its client sent: every byte that is not printable ASCII is escaped, and so is what
//! would end a string.  There is nothing of Authorization or Cookie here, since `Noted` has no place for them.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::Version;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::finished::{Finished, Noted};

/// All that a line is made of.
pub(super) struct Facts<'a> {
    pub(super) entry_point: &'a str,
    pub(super) secured: bool,
    pub(super) peer: SocketAddr,
    pub(super) count: u64,
    pub(super) duration: Duration,
    pub(super) finished: &'a Finished<'a>,
}

/// What stands for a value that is not known.
const NOTHING: &[u8] = b"-";

/// A JSON object with Traefik's field names, and `Tenant`.
pub(super) fn json(out: &mut Vec<u8>, facts: &Facts<'_>) {
    let finished = facts.finished;
    out.push(b'{');
    let mut object = Object { out, first: true };
    object.text("ClientAddr", format_args!("{}", facts.peer));
    object.text("ClientHost", format_args!("{}", facts.peer.ip()));
    object.text("ClientPort", format_args!("{}", facts.peer.port()));
    object.bytes("ClientUsername", NOTHING);
    object.number("DownstreamContentSize", finished.response_bytes.into());
    object.number("DownstreamStatus", finished.status.into());
    object.number("Duration", facts.duration.as_nanos());
    answerer(&mut object, facts);
    object.number("RequestContentSize", finished.request_bytes.into());
    object.number("RequestCount", facts.count.into());
    request(&mut object, facts);
    if let Some(reason) = finished.reason {
        object.bytes("Reason", reason.label().as_bytes());
    }
    let tenant = finished.tenant.map_or("", |tenant| tenant.scope.label());
    object.bytes("Tenant", tenant.as_bytes());
    object.bytes("entryPointName", facts.entry_point.as_bytes());
    object.bytes("level", b"info");
    object.bytes("msg", b"");
    let time = timestamp(SystemTime::now());
    object.text("time", format_args!("{time:.3}"));
    out.extend_from_slice(b"}\n");
}

fn request(object: &mut Object<'_>, facts: &Facts<'_>) {
    let Some(noted) = facts.finished.noted else { return };
    let (host, port) = split(&noted.authority);
    object.bytes("RequestAddr", noted.authority.as_bytes());
    object.bytes("RequestHost", host.as_bytes());
    object.bytes("RequestPort", port.as_bytes());
    object.bytes("RequestMethod", noted.method.as_bytes());
    object.bytes("RequestPath", noted.target.as_bytes());
    object.bytes("RequestProtocol", version(noted.version).as_bytes());
    object.bytes("RequestScheme", if facts.secured { b"https" } else { b"http" });
    let start = timestamp(noted.at);
    object.text("StartUTC", format_args!("{start:.9}"));
    object.bytes("request_Referer", &noted.referer);
    object.bytes("request_User-Agent", &noted.user_agent);
}

fn answerer(object: &mut Object<'_>, facts: &Facts<'_>) {
    let Some(answerer) = facts.finished.answerer else { return };
    let key = &answerer.backend.key;
    object.number("OriginContentSize", facts.finished.response_bytes.into());
    object.number("OriginDuration", answerer.duration.as_nanos());
    object.number("OriginStatus", answerer.status.into());
    object.number("Overhead", facts.duration.saturating_sub(answerer.duration).as_nanos());
    object.number("RetryAttempts", answerer.retries.into());
    object.text("RouterName", format_args!("{}", answerer.route.object));
    object.text("ServiceName", format_args!("{}/{}:{}", key.namespace, key.service, key.port));
    if let Some(endpoint) = answerer.endpoint {
        object.text("ServiceAddr", format_args!("{endpoint}"));
    }
}

/// Traefik's Common Log Format, and the tenant at the end.
pub(super) fn common(out: &mut Vec<u8>, facts: &Facts<'_>) {
    let finished = facts.finished;
    // Writing to a Vec cannot fail, here and below.
    let _ = write!(out, "{} - - [", facts.peer.ip());
    let noted = finished.noted;
    let at = timestamp(noted.map_or_else(SystemTime::now, |noted| noted.at));
    let at = at.to_zoned(TimeZone::UTC);
    let _ = write!(out, "{}] \"", at.strftime("%d/%b/%Y:%H:%M:%S +0000"));
    request_line(out, noted);
    let _ = write!(out, "\" {} {} \"", finished.status, finished.response_bytes);
    quoted(out, noted.map_or(NOTHING, |noted| &noted.referer), Style::Common);
    out.extend_from_slice(b"\" \"");
    quoted(out, noted.map_or(NOTHING, |noted| &noted.user_agent), Style::Common);
    let _ = write!(out, "\" {} \"", facts.count);
    match finished.answerer {
        Some(answerer) => {
            quoted(out, answerer.route.object.to_string().as_bytes(), Style::Common);
            out.extend_from_slice(b"\" \"");
            match answerer.endpoint {
                Some(endpoint) => _ = write!(out, "{endpoint}"),
                None => out.extend_from_slice(NOTHING),
            }
        }
        None => out.extend_from_slice(b"-\" \"-"),
    }
    let _ = write!(out, "\" {}ms \"", facts.duration.as_millis());
    let tenant = finished.tenant.map_or("", |tenant| tenant.scope.label());
    quoted(out, tenant.as_bytes(), Style::Common);
    out.extend_from_slice(b"\"\n");
}

fn request_line(out: &mut Vec<u8>, noted: Option<&Noted>) {
    let Some(noted) = noted else { return out.extend_from_slice(NOTHING) };
    quoted(out, noted.method.as_bytes(), Style::Common);
    out.push(b' ');
    quoted(out, noted.target.as_bytes(), Style::Common);
    out.push(b' ');
    out.extend_from_slice(version(noted.version).as_bytes());
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// The host and the port of an authority, for reading only.
fn split(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (authority, "-"),
    }
}

/// A clock before 1970 or far beyond 9999 is worth no error.
fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or_default()
}

struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        let _ = write!(self.out, "\"{name}\":");
    }

    fn number(&mut self, name: &str, number: u128) {
        self.name(name);
        let _ = write!(self.out, "{number}");
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.name(name);
        self.out.push(b'"');
        quoted(self.out, bytes, Style::Json);
        self.out.push(b'"');
    }

    /// A text that is made of numbers, addresses and names that cannot have what must be escaped.
    fn text(&mut self, name: &str, text: std::fmt::Arguments<'_>) {
        self.name(name);
        let _ = write!(self.out, "\"{text}\"");
    }
}

#[derive(Clone, Copy)]
enum Style {
    Json,
    Common,
}

fn quoted(out: &mut Vec<u8>, bytes: &[u8], style: Style) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => {
                // A byte that is no ASCII is written as the code point of its number: JSON has no bytes.
                let _ = match style {
                    Style::Json => write!(out, "\\u{byte:04x}"),
                    Style::Common => write!(out, "\\x{byte:02x}"),
                };
            }
        }
    }
}
