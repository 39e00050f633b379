// SPDX-License-Identifier: Apache-2.0
//! A stream with what was read from it and what is to be written to it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::buffer::{Buffer, STANDARD};
use crate::io::Io;

/// Room that is made before a read.  A read that does not fill its buffer tells the runtime that nothing is left, which
/// saves the read that would find nothing.
const LEAST_ROOM: usize = STANDARD / 2;

/// One side of an exchange.
pub(crate) struct Wire {
    /// The stream.
    pub(crate) io: Io,
    /// Read, and not yet consumed.
    pub(crate) inbox: Buffer,
    /// To be written.
    pub(crate) outbox: Buffer,
    /// Bytes written so far.
    pub(crate) written: u64,
}

impl Wire {
    /// A stream on which nothing is known to have happened.
    pub(crate) fn new(io: Io) -> Self {
        Self { io, inbox: Buffer::default(), outbox: Buffer::default(), written: 0 }
    }

    /// Reads what is there into the inbox; 0 is the end of the stream.  A buffer is borrowed only once there is
    /// something to read.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            if !self.inbox.is_borrowed() {
                ready!(self.io.poll_readable(cx))?;
            }
            let spare = self.inbox.spare(LEAST_ROOM);
            match self.io.poll_read(cx, spare) {
                Poll::Ready(read) => {
                    let read = read?;
                    self.inbox.advance(read);
                    return Poll::Ready(Ok(read));
                }
                // Half a TLS record: the buffer goes back, and the wait begins again.
                Poll::Pending if self.inbox.is_empty() => {
                    self.inbox.release();
                    ready!(self.io.poll_readable(cx))?;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes the outbox until it is empty.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, self.outbox.filled()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written as u64;
            self.outbox.consume(written);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Gives the memory of empty buffers back.
    pub(crate) fn rest(&mut self) {
        self.inbox.release();
        self.outbox.release();
    }
}

/// As a plain stream: what was read already comes first.
impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.inbox.is_empty() {
            return AsyncRead::poll_read(Pin::new(&mut this.io), cx, into);
        }
        let count = this.inbox.len().min(into.remaining());
        into.put_slice(&this.inbox.filled()[..count]);
        this.inbox.consume(count);
        this.inbox.release();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.get_mut().io), cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
