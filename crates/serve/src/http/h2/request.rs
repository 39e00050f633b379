// SPDX-License-Identifier: Apache-2.0
//! What an HTTP/2 request asks for, read so that no backend can read it otherwise (RFC 9113, 8.2 and 8.3).
//!
//! h2 has refused by now what is malformed by itself: connection-specific fields, `te` other than `trailers`, upper
//! case names, pseudo-fields that are doubled, unknown or late, and bodies that differ from their Content-Length.

use std::borrow::Cow;

use http::header::{HOST, HeaderMap};
use http::request::Parts;
use http::uri::PathAndQuery;
use postern_model::{Host, path};

use crate::connection::Refusal;
use crate::http::fields::is_authority;
use crate::respond::Answer;

/// The most fields of a request: HPACK packs thousands into one frame, and each costs memory here (CVE-2026-49975).
/// Browsers send every cookie as a field of its own.
const MOST_FIELDS: usize = 256;
/// What a field takes apart from its bytes: its place in the map, and in the map's index.
const FIELD: usize = 112;

/// Refuses a head that is larger than any that is needed.
pub(super) fn check_size(parts: &Parts) -> Result<(), Answer> {
    if parts.headers.len() > MOST_FIELDS { Err(Answer::HeadTooLarge) } else { Ok(()) }
}

/// What the fields of a request take in memory, about: HPACK packs the same value many times into a byte each, and
/// here they share it, but not for the backend.
pub(super) fn memory(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| FIELD + name.as_str().len() + value.len()).sum()
}

/// The authority of a request: `:authority`, else Host (RFC 9113, 8.3.1).  Where both are present they name one host,
/// and where Host is present it is so once.
pub(super) fn authority(parts: &Parts) -> Result<&str, Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host =
        hosts.next().map(|host| host.to_str().map_err(|_| Refusal::BadRequest)).transpose()?;
    if hosts.next().is_some() {
        return Err(Refusal::BadRequest);
    }
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let authority = match (authority, host) {
        (Some(authority), Some(host)) if !same(authority, host) => return Err(Refusal::BadRequest),
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(Refusal::BadRequest),
    };
    // Userinfo is not allowed in `:authority`, and one reader's host is what another takes for a user's name.
    if authority.is_empty() || !is_authority(authority.as_bytes()) {
        return Err(Refusal::BadRequest);
    }
    Ok(authority)
}

fn same(authority: &str, host: &str) -> bool {
    if authority.eq_ignore_ascii_case(host) {
        return true;
    }
    match (Host::from_authority(authority), Host::from_authority(host)) {
        (Ok(authority), Ok(host)) => authority == host,
        _ => false,
    }
}

/// The path in normal form, by which the request is routed and forwarded, and its query as it came.
pub(super) fn target(target: Option<&PathAndQuery>) -> Result<RequestTarget<'_>, Refusal> {
    let target = target.ok_or(Refusal::BadRequest)?;
    let path = path::normalize(target.path()).map_err(|_| Refusal::BadRequest)?;
    let query = target.query();
    if query.is_some_and(|query| !query.bytes().all(may_stand_in_query)) {
        return Err(Refusal::BadRequest);
    }
    Ok(RequestTarget { path, query })
}

fn may_stand_in_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// A request's path and query.
pub(super) struct RequestTarget<'a> {
    pub(super) path: Cow<'a, str>,
    pub(super) query: Option<&'a str>,
}

impl RequestTarget<'_> {
    /// What it takes in memory, about.
    pub(super) fn memory(&self) -> usize {
        self.path.len() + self.query.map_or(0, str::len)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(uri: &str, hosts: &[&str]) -> Parts {
        let request = Request::builder().uri(uri);
        let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn authority_and_host_name_one_host_or_the_request_is_refused() {
        for (uri, hosts, expected) in [
            ("https://a.test/", &[][..], Ok("a.test")),
            ("https://a.test/", &["a.test"], Ok("a.test")),
            ("https://A.test:443/", &["a.test."], Ok("A.test:443")),
            ("/", &["a.test"], Ok("a.test")),
            ("https://127.0.0.1/", &["127.0.0.1"], Ok("127.0.0.1")),
            ("https://a.test/", &["b.test"], Err(Refusal::BadRequest)),
            ("https://a.test/", &[""], Err(Refusal::BadRequest)),
            ("https://a.test/", &["a.test", "a.test"], Err(Refusal::BadRequest)),
            ("https://u@a.test/", &[], Err(Refusal::BadRequest)),
            ("https://127.0.0.1/", &["127.0.0.2"], Err(Refusal::BadRequest)),
            ("/", &[], Err(Refusal::BadRequest)),
            ("/", &[""], Err(Refusal::BadRequest)),
        ] {
            assert_eq!(authority(&parts(uri, hosts)), expected, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn the_path_is_brought_into_its_one_form() {
        let parsed: PathAndQuery = "/a/%2e%2e/b?x=/../y".parse().unwrap();
        let asked = target(Some(&parsed)).unwrap();
        assert_eq!((&*asked.path, asked.query), ("/b", Some("x=/../y")));
        for bad in ["*", "/%zz", "/a?b=\u{e9}"] {
            let parsed: PathAndQuery = bad.parse().unwrap();
            assert_eq!(target(Some(&parsed)).err(), Some(Refusal::BadRequest), "{bad}");
        }
        assert_eq!(target(None).err(), Some(Refusal::BadRequest));
    }
}
