// SPDX-License-Identifier: Apache-2.0
//! The chunked coding, received (RFC 9112, 7.1).  CRLF and nothing else ends a line; extensions are dropped and their
//! volume is capped (CVE-2023-39326); trailers are passed on by name, never as raw bytes.

use super::body::Step;
use super::head::{Fields, LineEnds, MAX_FIELDS, Malformed, check};
use crate::buffer::Buffer;
use crate::http::fields::Role;

/// The most hexadecimal digits of a size; 15 cannot overflow.
const MAX_SIZE_DIGITS: u8 = 15;
/// The most bytes of the extensions of one chunk.
const MAX_EXTENSION: u16 = 256;
/// The most bytes of the extensions of one body.
const MAX_EXTENSIONS: u32 = 16 * 1024;
/// The most bytes of the trailers.
pub(crate) const MAX_TRAILERS: usize = 8 * 1024;

/// Where in the coding the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In a size, after so many digits.
    Size(u64, u8),
    /// In an extension, after so many bytes.
    Extension(u64, u16),
    /// Before the LF of a size line.
    SizeLf(u64),
    /// In the data of a chunk, so many bytes before its end.
    Data(u64),
    /// Before the CR that ends a chunk.
    DataCr,
    /// Before the LF that ends a chunk.
    DataLf,
    /// After the last chunk.
    Trailers,
    /// Behind the empty line.
    Over,
}

/// A chunked body that is being received.
#[derive(Debug)]
pub(crate) struct Chunks {
    at: At,
    extensions: u32,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size(0, 0), extensions: 0 }
    }
}

impl Chunks {
    /// Whether the empty line was taken.
    pub(crate) fn is_over(&self) -> bool {
        self.at == At::Over
    }

    /// What stands at the beginning of `bytes`, at most `room` bytes of data.
    pub(crate) fn step(&mut self, bytes: &[u8], room: usize) -> Result<Step, Malformed> {
        match self.at {
            At::Over => Ok(Step::End),
            At::Trailers => self.trailers(bytes),
            At::Data(missing) => {
                let fits = bytes.len().min(room);
                let take = usize::try_from(missing).unwrap_or(usize::MAX).min(fits);
                if take == 0 {
                    return Ok(Step::Starved);
                }
                let missing = missing - take as u64;
                self.at = if missing == 0 { At::DataCr } else { At::Data(missing) };
                Ok(Step::Data(take))
            }
            _ => self.framing(bytes),
        }
    }

    /// Takes framing until data, trailers or the end of `bytes`.
    fn framing(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            self.at = self.next(*byte)?;
            taken += 1;
            if matches!(self.at, At::Data(_) | At::Trailers) {
                break;
            }
        }
        Ok(if taken == 0 { Step::Starved } else { Step::Framing(taken) })
    }

    fn next(&mut self, byte: u8) -> Result<At, Malformed> {
        match (self.at, byte) {
            (At::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let digits = digits + 1;
                if digits > MAX_SIZE_DIGITS {
                    return Err(Malformed::Syntax);
                }
                Ok(At::Size(size << 4 | digit, digits))
            }
            (At::Size(_, 0), _) => Err(Malformed::Syntax),
            (At::Size(size, _) | At::Extension(size, _), b'\r') => Ok(At::SizeLf(size)),
            (At::Size(size, _), b';') => self.extension(size, 0),
            // Text and tabs: a control character, above all a bare LF, is a line end for somebody (CVE-2025-55315).
            (At::Extension(size, length), b'\t' | 0x20..=0x7e | 0x80..) => {
                self.extension(size, length)
            }
            (At::SizeLf(0), b'\n') => Ok(At::Trailers),
            (At::SizeLf(size), b'\n') => Ok(At::Data(size)),
            (At::DataCr, b'\r') => Ok(At::DataLf),
            (At::DataLf, b'\n') => Ok(At::Size(0, 0)),
            _ => Err(Malformed::Syntax),
        }
    }

    fn extension(&mut self, size: u64, length: u16) -> Result<At, Malformed> {
        self.extensions += 1;
        if length >= MAX_EXTENSION || self.extensions > MAX_EXTENSIONS {
            return Err(Malformed::Syntax);
        }
        Ok(At::Extension(size, length + 1))
    }

    fn trailers(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        let length = if bytes.starts_with(b"\r\n") {
            Some(2)
        } else {
            memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
        };
        match length {
            Some(length) if length <= MAX_TRAILERS => {
                self.at = At::Over;
                Ok(Step::Trailers(length))
            }
            None if has_bare_line_feed(bytes) => Err(Malformed::Syntax),
            None if bytes.len() < MAX_TRAILERS => Ok(Step::Starved),
            _ => Err(Malformed::TooManyFields),
        }
    }
}

/// It would be waited for in vain: no line that ends so is a line.
fn has_bare_line_feed(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| at == 0 || bytes[at - 1] != b'\r')
}

/// Appends those trailer fields that may be passed on: none that frames, routes or identifies (RFC 9110, 6.5.1).
pub(crate) fn copy_trailers(bytes: &[u8], into: &mut Buffer) -> Result<(), Malformed> {
    each_trailer(bytes, |name, value| {
        into.put(name);
        into.put(b": ");
        into.put(value);
        into.put(b"\r\n");
    })
}

/// Calls `visit` with those trailer fields that may be passed on.
pub(crate) fn each_trailer(
    bytes: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]),
) -> Result<(), Malformed> {
    if bytes == b"\r\n" {
        return Ok(());
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let httparse::Status::Complete((length, headers)) =
        httparse::parse_headers(bytes, &mut headers)?
    else {
        return Err(Malformed::Syntax);
    };
    let mut fields = Fields::new();
    check(bytes, (0, length), headers, LineEnds::Strict, &mut fields)?;
    if length != bytes.len() {
        return Err(Malformed::Syntax);
    }
    for field in &fields {
        if field.role == Role::EndToEnd {
            visit(field.name, field.value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
