// SPDX-License-Identifier: Apache-2.0
//! What is spoken on a clear connection: HTTP/2 with prior knowledge begins with a preface that no HTTP/1.1 request can
//! have (RFC 9113, 3.4).

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::metrics::Protocol;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Looks at the first bytes of a connection, which stay unread.
pub(crate) async fn spoken(stream: &TcpStream) -> io::Result<Protocol> {
    stream.async_io(Interest::READABLE, || look(stream)).await
}

fn look(stream: &TcpStream) -> io::Result<Protocol> {
    let mut first = [0; PREFACE.len()];
    let (length, _) = recv(stream, &mut first, RecvFlags::PEEK)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if !PREFACE.starts_with(&first[..length]) {
        return Ok(Protocol::Http1);
    }
    if length == PREFACE.len() {
        return Ok(Protocol::Http2);
    }
    // Not yet decided: the next segment wakes us again, since readiness is told once for each.
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn the_preface_is_known_in_whatever_pieces_it_comes() {
        let (mut client, server) = pair().await;
        let looking = tokio::spawn(async move { spoken(&server).await });
        for byte in PREFACE {
            assert!(!looking.is_finished());
            client.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(looking.await.unwrap().unwrap(), Protocol::Http2);
    }

    #[tokio::test]
    async fn everything_else_is_http_1_from_the_first_byte_that_differs() {
        for first in
            ["G", "GET / HTTP/1.1\r\n", "PRO", "PRI * HTTP/1.1\r\n\r\n", "\r\n", "\x16\x03\x01"]
        {
            let (mut client, server) = pair().await;
            client.write_all(first.as_bytes()).await.unwrap();
            assert_eq!(spoken(&server).await.unwrap(), Protocol::Http1, "{first:?}");
        }
    }

    #[tokio::test]
    async fn who_says_nothing_and_goes_speaks_nothing() {
        let (client, server) = pair().await;
        drop(client);
        assert!(spoken(&server).await.is_err());
    }
}
