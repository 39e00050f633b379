// SPDX-License-Identifier: Apache-2.0
//! A byte stream to a client or to a backend: one enum, so that nothing on the request path is boxed or dispatched
//! through a table.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

/// A connection's bytes, in the clear or under TLS.
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

macro_rules! each {
    ($io:expr, $stream:ident => $call:expr) => {
        match $io.get_mut() {
            Io::Clear(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Io::Server(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
            Io::Client(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Clear(stream) => stream.is_write_vectored(),
            Self::Server(stream) => stream.is_write_vectored(),
            Self::Client(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}
