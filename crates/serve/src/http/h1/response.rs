// SPDX-License-Identifier: Apache-2.0
//! The head of an answer, as a backend sent it.  Its lines are written anew, so line ends may be lenient; how its body
//! ends may not.

use std::mem::MaybeUninit;

use super::body::Framing;
use super::head::{
    Field, Fields, LineEnds, Malformed, Options, Storage, check, content_length, offset,
};
use super::request::Version;
use crate::http::fields::Role;

/// What of the request decides how the answer's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HEAD: no body, whatever the fields say.
    Head,
    /// Anything else.
    Other,
}

/// An answer's head.
#[derive(Debug)]
pub(crate) struct ResponseHead<'h, 'b> {
    /// The bytes that it was read from.
    pub(crate) bytes: &'b [u8],
    /// The status code.
    pub(crate) status: u16,
    /// The reason phrase.
    pub(crate) reason: &'b str,
    /// Its fields.
    pub(crate) fields: &'h [Field<'b>],
    /// What is said about the connection.
    pub(crate) options: Options<'b>,
    /// How its body is delimited on the wire.
    pub(crate) framing: Framing,
    /// The length that was declared, if one was: the answer to HEAD, and 304, declare one without a body.
    pub(crate) declared: Option<u64>,
    /// The protocol that is changed to.
    pub(crate) upgrade: Option<&'b [u8]>,
    version: Version,
}

impl<'h, 'b> ResponseHead<'h, 'b> {
    /// Reads a head from the beginning of `bytes` into `fields`; its length is that of `bytes` in the result.
    pub(crate) fn parse(
        bytes: &'b [u8],
        asked: Asked,
        fields: &'h mut Fields<'b>,
    ) -> Result<Option<Self>, Malformed> {
        let mut storage: Storage<'b> = [const { MaybeUninit::uninit() }; _];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let parsed =
            config.parse_response_with_uninit_headers(&mut response, bytes, &mut storage)?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        let (Some(version), Some(status)) = (response.version, response.code) else {
            return Err(Malformed::Syntax);
        };
        if bytes.first() != Some(&b'H') || !(100..=999).contains(&status) {
            return Err(Malformed::Syntax);
        }
        let bytes = &bytes[..length];
        let first = match response.headers.first() {
            Some(header) => offset(bytes, header.name.as_bytes()),
            None => status_line_end(bytes).ok_or(Malformed::Syntax)?,
        };
        check(bytes, (first, length), response.headers, LineEnds::Lenient, fields)?;
        let mut head = Self {
            bytes,
            status,
            reason: response.reason.unwrap_or(""),
            fields,
            options: Options::default(),
            framing: Framing::None,
            declared: None,
            upgrade: None,
            version: if version == 0 { Version::Http10 } else { Version::Http11 },
        };
        head.read_fields(asked)?;
        Ok(Some(head))
    }

    /// Whether the backend goes on with the connection after this answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        !self.options.close && (self.version == Version::Http11 || self.options.keep_alive)
    }

    /// Whether another answer to the same request follows.
    pub(crate) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    fn read_fields(&mut self, asked: Asked) -> Result<(), Malformed> {
        let mut chunked = false;
        for Field { value, role, .. } in self.fields {
            match role {
                Role::ContentLength if self.declared.is_none() => {
                    self.declared = Some(content_length(value)?);
                }
                Role::TransferEncoding if !chunked && value.eq_ignore_ascii_case(b"chunked") => {
                    chunked = true;
                }
                Role::ContentLength | Role::TransferEncoding => return Err(Malformed::Syntax),
                Role::Connection => self.options.read(value)?,
                Role::Upgrade if self.upgrade.is_none() => self.upgrade = Some(value),
                _ => {}
            }
        }
        let bodiless = asked == Asked::Head || matches!(self.status, 100..=199 | 204 | 304);
        self.framing = match (self.declared, chunked) {
            (Some(_), true) => return Err(Malformed::Syntax),
            (None, true) if self.version == Version::Http10 => return Err(Malformed::Syntax),
            _ if bodiless => Framing::None,
            (None, true) => Framing::Chunked,
            (Some(length), false) => Framing::Length(length),
            (None, false) => Framing::UntilClose,
        };
        Ok(())
    }
}

/// The end of the status line of a head without fields.
fn status_line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes).map(|at| at + 1)
}

#[cfg(test)]
mod tests;
