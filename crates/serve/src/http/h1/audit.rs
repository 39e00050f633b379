// SPDX-License-Identifier: Apache-2.0
//! One whole message read from memory, as fuzz targets and differential tests want it.

use super::body::{Framing, Incoming, Outgoing, Step};
use super::chunked::copy_trailers;
use super::encode::{self, Passage};
use super::head::{Fields, Malformed};
use super::request::{RequestHead, Target};
use super::response::{Asked, ResponseHead};
use crate::buffer::Buffer;
use crate::forwarded::Arrival;

/// A request as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Understood {
    /// The method.
    pub(crate) method: String,
    /// The path and query, or `*`.
    pub(crate) target: String,
    /// Names in lower case, and values.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// How many bytes it took.
    pub(crate) length: usize,
}

/// Reads a request; nothing if it is not complete.
pub(crate) fn request(bytes: &[u8]) -> Result<Option<Understood>, Malformed> {
    let mut fields = Fields::new();
    let Some(head) = RequestHead::parse(bytes, &mut fields)? else { return Ok(None) };
    let target = match head.target {
        Target::Path(path, query) => [path, query].concat(),
        Target::Server => "*".to_owned(),
    };
    let fields = head.fields.iter().map(|field| {
        (String::from_utf8_lossy(field.name).to_ascii_lowercase(), field.value.to_vec())
    });
    let fields = fields.collect();
    let length = head.bytes.len();
    let Some((body, taken)) = body(Incoming::new(head.framing), &bytes[length..])? else {
        return Ok(None);
    };
    let method = head.method.to_owned();
    Ok(Some(Understood { method, target, fields, body, length: length + taken }))
}

/// The bytes that a backend would be sent for a complete request; nothing if it is refused, or is no forwarded one.
pub(crate) fn relayed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields::new();
    let head = RequestHead::parse(bytes, &mut fields).ok()??;
    let Target::Path(path, query) = head.target else { return None };
    let path = postern_model::path::normalize(path).ok()?;
    let arrival =
        Arrival { peer: "192.0.2.1", tls: false, websocket: false, authority: head.authority };
    let passage = Passage { path: &path, query, arrival, trusted: false, pass_host: true };
    let mut into = Buffer::default();
    encode::request(&mut into, &head, &passage);
    let chunked = head.framing == Framing::Chunked;
    let outgoing = if chunked { Outgoing::Chunked } else { Outgoing::Plain };
    let mut incoming = Incoming::new(head.framing);
    let mut rest = &bytes[head.bytes.len()..];
    loop {
        match incoming.step(rest, usize::MAX).ok()? {
            Step::End => return Some(into.filled().to_vec()),
            Step::Starved => return None,
            Step::Framing(count) => rest = &rest[count..],
            Step::Data(count) => {
                outgoing.put(&mut into, &rest[..count]);
                rest = &rest[count..];
            }
            Step::Trailers(count) => {
                let mut trailers = Buffer::default();
                copy_trailers(&rest[..count], &mut trailers).ok()?;
                outgoing.end(&mut into, trailers.filled());
                rest = &rest[count..];
            }
        }
    }
}

/// Whether a request that is passed on is exactly one request for its backend, with the same method and body (I12).
/// True for what is not passed on.
pub(crate) fn is_one_request(bytes: &[u8]) -> bool {
    let (Ok(Some(asked)), Some(sent)) = (request(bytes), relayed(bytes)) else { return true };
    match request(&sent) {
        Ok(Some(read)) => {
            read.length == sent.len() && read.method == asked.method && read.body == asked.body
        }
        // With what Postern adds, it may have more fields than we would take ourselves.
        Err(Malformed::TooManyFields) => true,
        Ok(None) | Err(Malformed::Syntax) => false,
    }
}

/// Reads an answer to GET; its status, its body and how many bytes it took.
pub(crate) fn response(bytes: &[u8]) -> Result<Option<(u16, Vec<u8>, usize)>, Malformed> {
    let mut fields = Fields::new();
    let Some(head) = ResponseHead::parse(bytes, Asked::Other, &mut fields)? else {
        return Ok(None);
    };
    let length = head.bytes.len();
    let body = body(Incoming::new(head.framing), &bytes[length..])?;
    Ok(body.map(|(body, taken)| (head.status, body, length + taken)))
}

fn body(mut incoming: Incoming, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let (mut body, mut taken) = (Vec::new(), 0);
    loop {
        let rest = &bytes[taken..];
        match incoming.step(rest, usize::MAX)? {
            Step::End => return Ok(Some((body, taken))),
            // The end of an answer that lasts until the close.
            Step::Starved if matches!(incoming, Incoming::UntilClose) => {
                return Ok(Some((body, taken)));
            }
            Step::Starved => return Ok(None),
            Step::Framing(count) => taken += count,
            Step::Data(count) => {
                body.extend_from_slice(&rest[..count]);
                taken += count;
            }
            Step::Trailers(count) => {
                copy_trailers(&rest[..count], &mut Buffer::default())?;
                taken += count;
            }
        }
    }
}

#[cfg(test)]
mod tests;
