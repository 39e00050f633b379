// SPDX-License-Identifier: Apache-2.0
//! A stream that is read a little at a time.
//!
//! h2 reads and processes frames until the socket is empty.  A peer that sends nothing but PRIORITY or WINDOW_UPDATE, 13
//! bytes each, would keep the worker for a megabyte of them at a time, and a few such peers together for far longer.
//! With this, whoever else is ready gets a turn in between (I6).

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

/// Reads in one turn of the worker's loop: with what h2 reads at once, 16 KiB.  Whoever has less to say than
/// that is never held up.
const READS: u8 = 2;

/// A stream whose reader gives way now and then.
pub(crate) struct Turns<T> {
    stream: T,
    reads: u8,
}

impl<T> Turns<T> {
    /// `stream`, read in turns.
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, reads: 0 }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Turns<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.reads == READS {
            this.reads = 0;
            // tokio wakes a task that yields when it has looked for I/O, which a plain wake does not wait for.
            if pin!(yield_now()).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.reads = if read.is_pending() { 0 } else { this.reads + 1 };
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Turns<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_never_ends_lets_others_have_their_turn() {
        let mut flood = Turns::new(tokio::io::repeat(0));
        let flood = async {
            loop {
                flood.read_u8().await.unwrap();
            }
        };
        let mut turns = 0;
        let bystander = async {
            while turns < 100 {
                turns += 1;
                yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = flood => {}
            () = bystander => {}
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_in_between() {
        let text: Vec<u8> = (0..=255).collect();
        let mut stream = Turns::new(&text[..]);
        let mut read = Vec::new();
        while let Ok(byte) = stream.read_u8().await {
            read.push(byte);
        }
        assert_eq!(read, text);
    }
}
