// SPDX-License-Identifier: Apache-2.0
//! A byte stream to a client or to a backend: one enum, so that nothing on the request path is boxed or dispatched
//! through a table.  It answers two questions that `AsyncRead` cannot: is there something to read (before a buffer is
//! borrowed), and is the peer gone?

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

/// A connected stream.
pub(crate) enum Io {
    /// In the clear, to either side.
    Clear(TcpStream),
    /// TLS with a client of ours.
    Server(Box<server::TlsStream<TcpStream>>),
    /// TLS with a backend.
    Client(Box<client::TlsStream<TcpStream>>),
}

impl From<TcpStream> for Io {
    fn from(stream: TcpStream) -> Self {
        Self::Clear(stream)
    }
}

impl From<server::TlsStream<TcpStream>> for Io {
    fn from(stream: server::TlsStream<TcpStream>) -> Self {
        Self::Server(Box::new(stream))
    }
}

impl From<client::TlsStream<TcpStream>> for Io {
    fn from(stream: client::TlsStream<TcpStream>) -> Self {
        Self::Client(Box::new(stream))
    }
}

impl Io {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Clear(tcp) => tcp,
            Self::Server(tls) => tls.get_ref().0,
            Self::Client(tls) => tls.get_ref().0,
        }
    }

    /// Waits until a read is worth a buffer.  A read may still find nothing, for example half of a TLS record.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let decrypted = match self {
            Self::Clear(_) => false,
            Self::Server(tls) => holds_plaintext(tls.get_mut().1.process_new_packets()),
            Self::Client(tls) => holds_plaintext(tls.get_mut().1.process_new_packets()),
        };
        if decrypted { Poll::Ready(Ok(())) } else { self.tcp().poll_read_ready(cx) }
    }

    /// Reads what is there; 0 is the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        let read = match self {
            Self::Clear(tcp) => Pin::new(tcp).poll_read(cx, &mut buffer),
            Self::Server(tls) => Pin::new(&mut **tls).poll_read(cx, &mut buffer),
            Self::Client(tls) => Pin::new(&mut **tls).poll_read(cx, &mut buffer),
        };
        ready!(read)?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Ready when the peer has closed its side, without reading what it may have sent before; asks the kernel nothing.
    ///
    /// A client that shuts down its writing side only is taken for gone, as nginx and Go do: it cannot be told apart.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.tcp().poll_read_ready(cx).is_pending() {
            return Poll::Pending;
        }
        match pin!(self.tcp().ready(Interest::READABLE)).poll(cx) {
            Poll::Ready(Ok(ready)) if !ready.is_read_closed() => Poll::Pending,
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether something arrived, or the peer closed, on a connection that should be silent.
    pub(crate) fn is_disturbed(&mut self) -> bool {
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        self.poll_readable(&mut nobody).is_ready()
    }
}

fn holds_plaintext(state: Result<rustls::IoState, rustls::Error>) -> bool {
    // An error is found again, and reported, by the read that follows.
    state.map_or(true, |state| state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Server(tls) => Pin::new(&mut **tls).poll_read(cx, buffer),
            Self::Client(tls) => Pin::new(&mut **tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_write(cx, data),
            Self::Server(tls) => Pin::new(&mut **tls).poll_write(cx, data),
            Self::Client(tls) => Pin::new(&mut **tls).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            Self::Server(tls) => Pin::new(&mut **tls).poll_write_vectored(cx, data),
            Self::Client(tls) => Pin::new(&mut **tls).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(_) => Poll::Ready(Ok(())),
            Self::Server(tls) => Pin::new(&mut **tls).poll_flush(cx),
            Self::Client(tls) => Pin::new(&mut **tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Server(tls) => Pin::new(&mut **tls).poll_shutdown(cx),
            Self::Client(tls) => Pin::new(&mut **tls).poll_shutdown(cx),
        }
    }
}
