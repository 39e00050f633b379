// SPDX-License-Identifier: Apache-2.0
//! The head of a request, as a client sent it (RFC 9112).  Whatever two readers could read differently is refused.

use std::mem::MaybeUninit;

use super::body::Framing;
use super::head::{
    Field, Fields, LineEnds, Malformed, Options, Storage, check, content_length, offset,
};
use crate::hops;
use crate::http::fields::{Role, is_authority, is_token, trim};

/// A version that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'b> {
    /// A path, not yet in normal form, and the rest from the question mark on.
    Path(&'b str, &'b str),
    /// `*`: the server as a whole; only of OPTIONS.
    Server,
}

/// A request's head.
#[derive(Debug)]
pub(crate) struct RequestHead<'h, 'b> {
    /// The bytes that it was read from.
    pub(crate) bytes: &'b [u8],
    /// The method.
    pub(crate) method: &'b str,
    /// What is asked for.
    pub(crate) target: Target<'b>,
    /// The version.
    pub(crate) version: Version,
    /// The authority: of the target if it has one, else of the Host field.  Empty if there is none.
    pub(crate) authority: &'b str,
    /// Its fields.
    pub(crate) fields: &'h [Field<'b>],
    /// What is said about the connection.
    pub(crate) options: Options<'b>,
    /// How its body is delimited.
    pub(crate) framing: Framing,
    /// The protocols that the client would like to change to.
    pub(crate) upgrade: Option<&'b [u8]>,
    /// Whether the client waits for a 100 before it sends the body.
    pub(crate) expects_continue: bool,
    /// Whether the client takes trailers.
    pub(crate) takes_trailers: bool,
    /// How often it has passed a Postern.
    pub(crate) hops: usize,
}

impl<'h, 'b> RequestHead<'h, 'b> {
    /// Reads a head from the beginning of `bytes` into `fields`; its length is that of `bytes` in the result.
    pub(crate) fn parse(
        bytes: &'b [u8],
        fields: &'h mut Fields<'b>,
    ) -> Result<Option<Self>, Malformed> {
        let mut storage: Storage<'b> = [const { MaybeUninit::uninit() }; _];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(bytes, &mut storage)? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete(length) => length,
        };
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Malformed::Syntax);
        };
        // `httparse` skips empty lines before the request line; the reader above has skipped the one that is allowed.
        let line_end = method.len() + 1 + target.len() + " HTTP/1.1\r\n".len();
        if offset(bytes, method.as_bytes()) != 0
            || bytes.get(line_end - 2..line_end) != Some(b"\r\n")
        {
            return Err(Malformed::Syntax);
        }
        let bytes = &bytes[..length];
        check(bytes, (line_end, length), request.headers, LineEnds::Strict, fields)?;
        let version = if version == 0 { Version::Http10 } else { Version::Http11 };
        let mut head = Self {
            bytes,
            method,
            target: Target::Server,
            version,
            authority: "",
            fields,
            options: Options::default(),
            framing: Framing::None,
            upgrade: None,
            expects_continue: false,
            takes_trailers: false,
            hops: 0,
        };
        let host = head.read_fields()?;
        head.read_target(target, host)?;
        Ok(Some(head))
    }

    /// Whether the connection goes on after this request, as far as the client is concerned.
    pub(crate) fn keeps_alive(&self) -> bool {
        !self.options.close && (self.version == Version::Http11 || self.options.keep_alive)
    }

    /// Reads what the fields say about the message; returns the Host field's value.
    fn read_fields(&mut self) -> Result<Option<&'b str>, Malformed> {
        let mut host = None;
        let mut length = None;
        let mut chunked = false;
        for Field { value, role, .. } in self.fields {
            match role {
                Role::EndToEnd | Role::Managed(_) | Role::HopByHop | Role::Trailer | Role::Twin => {
                }
                Role::Host if host.is_none() && is_authority(value) => host = Some(*value),
                Role::ContentLength if length.is_none() => length = Some(content_length(value)?),
                // Exactly this one coding: every other spelling or list is read differently by somebody.
                Role::TransferEncoding if !chunked && value.eq_ignore_ascii_case(b"chunked") => {
                    chunked = true;
                }
                Role::Host | Role::ContentLength | Role::TransferEncoding => {
                    return Err(Malformed::Syntax);
                }
                Role::Connection => self.options.read(value)?,
                Role::Upgrade if self.upgrade.is_none() => self.upgrade = Some(value),
                // Several fields are one list; nobody needs that.
                Role::Upgrade => return Err(Malformed::Syntax),
                Role::Te => {
                    self.takes_trailers |= crate::http::fields::members(value).any(|member| {
                        trim(member.split(|b| *b == b';').next().unwrap_or(member))
                            .eq_ignore_ascii_case(b"trailers")
                    });
                }
                Role::Loop => self.hops += hops::marks(value),
                Role::Expect => {
                    self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
                }
            }
        }
        self.framing = match (length, chunked) {
            // RFC 9112, 6.1: "a server that receives … HTTP/1.0 … Transfer-Encoding … MUST treat … as faulty".
            (Some(_), true) => return Err(Malformed::Syntax),
            (None, true) if self.version == Version::Http10 => return Err(Malformed::Syntax),
            (None, true) => Framing::Chunked,
            (Some(length), false) => Framing::Length(length),
            (None, false) => Framing::None,
        };
        // A body and an upgrade together would leave open to which of the two protocols the bytes belong.
        let has_body = !matches!(self.framing, Framing::None | Framing::Length(0));
        if self.version == Version::Http10 || !self.options.upgrade || has_body {
            self.upgrade = None;
        }
        self.upgrade = self.upgrade.filter(|protocol| may_be_tunnelled(protocol));
        match host {
            // RFC 9112, 3.2: 400 for "any HTTP/1.1 request message that lacks a Host header field".
            None if self.version == Version::Http11 => Err(Malformed::Syntax),
            None => Ok(None),
            Some(host) => std::str::from_utf8(host).map(Some).map_err(|_| Malformed::Syntax),
        }
    }

    fn read_target(&mut self, target: &'b str, host: Option<&'b str>) -> Result<(), Malformed> {
        self.authority = host.unwrap_or("");
        // The characters of a URI, without the fragment that may not be sent (RFC 9112, 3.2; CVE-2023-47106).
        if target.bytes().any(|b| !(0x21..0x7f).contains(&b) || b == b'#') {
            return Err(Malformed::Syntax);
        }
        if target == "*" {
            return if self.method == "OPTIONS" { Ok(()) } else { Err(Malformed::Syntax) };
        }
        let mut path = target;
        if self.method == "CONNECT" {
            // Refused whatever it asks for.
            self.target = Target::Path("/", "");
            return Ok(());
        }
        if !target.starts_with('/') {
            let (authority, rest) = absolute(target).ok_or(Malformed::Syntax)?;
            // RFC 9112, 3.2.2 lets the target win; where the two differ, somebody is being deceived.
            if host.is_some_and(|host| !host.eq_ignore_ascii_case(authority)) {
                return Err(Malformed::Syntax);
            }
            self.authority = authority;
            path = rest;
        }
        let query = path.find('?').unwrap_or(path.len());
        let (path, query) = path.split_at(query);
        self.target = Target::Path(if path.is_empty() { "/" } else { path }, query);
        Ok(())
    }
}

/// Whether a change to that protocol may be asked of a backend.  Not to another HTTP, and not to TLS, behind which there
/// would be one: its requests would be neither admitted nor routed ("h2c smuggling").
fn may_be_tunnelled(protocol: &[u8]) -> bool {
    let (name, version) = match memchr::memchr(b'/', protocol) {
        Some(slash) => (&protocol[..slash], Some(&protocol[slash + 1..])),
        None => (protocol, None),
    };
    let forbidden = ["h2", "h2c", "h3", "http", "https", "tls"];
    is_token(name)
        && version.is_none_or(is_token)
        && !forbidden.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The authority of an absolute target, and what follows it.
fn absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    (!authority.is_empty() && is_authority(authority.as_bytes())).then_some((authority, path))
}

#[cfg(test)]
mod tests;
