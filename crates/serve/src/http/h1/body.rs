// SPDX-License-Identifier: Apache-2.0
//! Where a body ends: taken off one wire, put on the other in a framing of our own (never the sender's).

use super::chunked::Chunks;
use super::head::Malformed;
use crate::buffer::Buffer;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// `Content-Length`
    Length(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// The end of the connection; only of an answer.
    UntilClose,
}

/// What stands next on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes of the body.
    Data(usize),
    /// So many bytes that are none.
    Framing(usize),
    /// So many bytes of trailers, with the empty line; then the body is over.
    Trailers(usize),
    /// Nothing can be said without more bytes.
    Starved,
    /// The body is over.
    End,
}

/// A body that is being received.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// So many bytes are missing.
    Length(u64),
    /// Chunks are.
    Chunked(Chunks),
    /// Everything until the connection ends belongs to it.
    UntilClose,
}

impl Incoming {
    /// A body whose head was read.
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Whether all of it was taken.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Length(missing) => *missing == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::UntilClose => false,
        }
    }

    /// What stands at the beginning of `bytes`, at most `room` bytes of data.  It counts as taken.
    pub(crate) fn step(&mut self, bytes: &[u8], room: usize) -> Result<Step, Malformed> {
        match self {
            Self::Length(0) => Ok(Step::End),
            Self::Length(missing) => {
                let fits = bytes.len().min(room);
                let take = usize::try_from(*missing).unwrap_or(usize::MAX).min(fits);
                *missing -= take as u64;
                Ok(if take == 0 { Step::Starved } else { Step::Data(take) })
            }
            Self::Chunked(chunks) => chunks.step(bytes, room),
            Self::UntilClose => Ok(match bytes.len().min(room) {
                0 => Step::Starved,
                take => Step::Data(take),
            }),
        }
    }
}

/// A body that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// As it is: its length is in the head, or the connection ends with it.
    Plain,
    /// In chunks.
    Chunked,
    /// Not at all.
    Nothing,
}

/// The most bytes that a chunk's framing takes: 16 digits and two line ends.
const CHUNK_OVERHEAD: usize = 20;

impl Outgoing {
    /// How many bytes of data fit into `buffer` now.
    pub(crate) fn room(self, buffer: &Buffer) -> usize {
        match self {
            Self::Chunked => buffer.room().saturating_sub(CHUNK_OVERHEAD),
            Self::Plain | Self::Nothing => buffer.room(),
        }
    }

    /// Appends data.
    pub(crate) fn put(self, buffer: &mut Buffer, data: &[u8]) {
        match self {
            Self::Plain => buffer.put(data),
            // A chunk of length 0 would end the body.
            Self::Chunked if !data.is_empty() => {
                put_hexadecimal(buffer, data.len());
                buffer.put(b"\r\n");
                buffer.put(data);
                buffer.put(b"\r\n");
            }
            Self::Chunked | Self::Nothing => {}
        }
    }

    /// Appends the end of the body; `trailers` are complete lines.
    pub(crate) fn end(self, buffer: &mut Buffer, trailers: &[u8]) {
        if self == Self::Chunked {
            buffer.put(b"0\r\n");
            buffer.put(trailers);
            buffer.put(b"\r\n");
        }
    }
}

fn put_hexadecimal(buffer: &mut Buffer, number: usize) {
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    buffer.put(&digits[at..]);
}
