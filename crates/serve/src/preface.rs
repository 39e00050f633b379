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
