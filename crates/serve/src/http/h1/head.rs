// SPDX-License-Identifier: Apache-2.0
//! The lines of a head, checked once: where each begins and ends, and what its field means.
//!
//! `httparse` finds names and values and refuses control characters; it is lenient with line ends, so those are checked
//! here: a bare LF is a line end for some readers and not for others, which is how requests are smuggled.

use std::mem::MaybeUninit;

use httparse::Header;
use smallvec::SmallVec;

use crate::http::fields::{Role, is_token, members, role};

/// The most fields of a head.
pub(crate) const MAX_FIELDS: usize = 100;
/// The most members of all `Connection` fields: each is compared with each field.
const MAX_CONNECTION_MEMBERS: usize = 16;

/// What `httparse` writes into.
pub(crate) type Storage<'b> = [MaybeUninit<Header<'b>>; MAX_FIELDS];

/// Why a head is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// It breaks the grammar, or two readers could read it differently.
    #[error("the head is malformed or ambiguous")]
    Syntax,
    /// It has more fields than [`MAX_FIELDS`].
    #[error("the head has too many fields")]
    TooManyFields,
}

impl From<httparse::Error> for Malformed {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooManyFields,
            _ => Self::Syntax,
        }
    }
}

/// One field, with its whole line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'b> {
    /// The name, as it was written.
    pub(crate) name: &'b [u8],
    /// The value, trimmed.
    pub(crate) value: &'b [u8],
    /// Where the line begins in the head.
    pub(crate) start: u32,
    /// Where it ends, after its CRLF.
    pub(crate) end: u32,
    /// What it means.
    pub(crate) role: Role,
}

/// The fields of a head.
pub(crate) type Fields<'b> = SmallVec<[Field<'b>; MAX_FIELDS]>;

/// Where a part that was found in `whole` begins.
pub(crate) fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr())
}

/// Which line ends are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineEnds {
    /// CRLF only: whoever reads a request after us must see the same lines.
    Strict,
    /// A bare LF too (RFC 9112, 2.2): we alone read an answer, and write it anew.
    Lenient,
}

/// Checks the lines of a complete head that ends at `length` and whose first field begins at `first`.
pub(crate) fn check<'b>(
    bytes: &'b [u8],
    (first, length): (usize, usize),
    headers: &[Header<'b>],
    line_ends: LineEnds,
    fields: &mut Fields<'b>,
) -> Result<(), Malformed> {
    let mut start = first;
    for header in headers {
        let name = header.name.as_bytes();
        if offset(bytes, name) != start {
            return Err(Malformed::Syntax);
        }
        let value_end = if header.value.is_empty() {
            // Only white space follows the colon, and `httparse` points anywhere within it.
            start + name.len() + 1
        } else {
            offset(bytes, header.value) + header.value.len()
        };
        let end = line_end(bytes, value_end, line_ends)?;
        fields.push(Field {
            name,
            value: header.value,
            start: position(start)?,
            end: position(end)?,
            role: role(name),
        });
        start = end;
    }
    if line_end(bytes, start, line_ends)? == length { Ok(()) } else { Err(Malformed::Syntax) }
}

fn position(offset: usize) -> Result<u32, Malformed> {
    u32::try_from(offset).map_err(|_| Malformed::Syntax)
}

/// The end of the line whose last visible byte stands before `from`.
#[inline]
fn line_end(bytes: &[u8], from: usize, line_ends: LineEnds) -> Result<usize, Malformed> {
    let mut at = from;
    loop {
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => return Ok(at + 2),
            Some([b' ' | b'\t', ..]) => at += 1,
            Some([b'\n', ..]) if line_ends == LineEnds::Lenient => return Ok(at + 1),
            _ => return Err(Malformed::Syntax),
        }
    }
}

/// What the `Connection` fields of a head say.
#[derive(Debug, Default)]
pub(crate) struct Options<'b> {
    /// `close`
    pub(crate) close: bool,
    /// `keep-alive`
    pub(crate) keep_alive: bool,
    /// `upgrade`
    pub(crate) upgrade: bool,
    /// Fields that are for this connection only.
    named: SmallVec<[&'b [u8]; 2]>,
    count: usize,
}

impl<'b> Options<'b> {
    /// Reads one `Connection` field.
    pub(crate) fn read(&mut self, value: &'b [u8]) -> Result<(), Malformed> {
        for member in members(value) {
            self.count += 1;
            if self.count > MAX_CONNECTION_MEMBERS || !is_token(member) {
                return Err(Malformed::Syntax);
            }
            match () {
                () if member.eq_ignore_ascii_case(b"close") => self.close = true,
                () if member.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                () if member.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                // What has a role of its own is treated by that; a member can never take away what Postern writes
                // (CVE-2024-45410).
                () if role(member) == Role::EndToEnd => self.named.push(member),
                () => {}
            }
        }
        Ok(())
    }

    /// Whether the field `name` is for this connection only.
    #[inline]
    pub(crate) fn names(&self, name: &[u8]) -> bool {
        self.named.iter().any(|member| member.eq_ignore_ascii_case(name))
    }
}

/// The length of a body, or why it is none: one or more digits, no sign, no list, no overflow (RFC 9110, 8.6).
pub(crate) fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    if value.is_empty() || value.len() > 19 {
        return Err(Malformed::Syntax);
    }
    value.iter().try_fold(0_u64, |length, byte| match byte {
        b'0'..=b'9' => Ok(length * 10 + u64::from(byte - b'0')),
        _ => Err(Malformed::Syntax),
    })
}
