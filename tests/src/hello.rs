// SPDX-License-Identifier: Apache-2.0
//! ClientHellos written byte by byte, with any server name and any fragmentation, and what a server answers.
//!
//! Most offer TLS 1.2 alone, because there a server shows its certificate in the clear (RFC 5246, 7.4.2).

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::certificate::fingerprint;
use crate::http_message::Reader;
use crate::patience::within;

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// A ClientHello in the making.
#[derive(Clone, Debug, Default)]
pub struct ClientHello {
    names: Vec<Vec<u8>>,
    twice: bool,
    padding: usize,
    grease: bool,
    alpn: Option<Vec<u8>>,
    tls13: Option<KeyShare>,
}

/// What a TLS 1.3 hello brings for the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyShare {
    /// Nothing: the server has to ask again (RFC 8446, 4.2.8).
    Absent,
    /// X25519 with the base point.
    X25519,
}

/// What a server says to a ClientHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelloAnswer {
    /// The fingerprint of the leaf that it shows.
    Certificate(String),
    /// The number of the alert (RFC 5246, 7.2; 112 is `unrecognized_name`).
    Alert(u8),
    /// It closes without a word.
    Closed,
    /// It goes on with the handshake of TLS 1.3, where certificates are not shown in the clear.
    GoesOn,
}

impl ClientHello {
    /// Without a server name.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a server name, in any bytes; called twice, one extension has two names.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<[u8]>) -> Self {
        self.names.push(name.as_ref().to_vec());
        self
    }

    /// Puts each name into an extension of its own.
    #[must_use]
    pub fn in_two_extensions(mut self) -> Self {
        self.twice = true;
        self
    }

    /// With so many bytes of padding before the server name (RFC 7685).
    #[must_use]
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// With GREASE values (RFC 8701).
    #[must_use]
    pub fn grease(mut self) -> Self {
        self.grease = true;
        self
    }

    /// With one protocol.
    #[must_use]
    pub fn alpn(mut self, protocol: &str) -> Self {
        self.alpn = Some(protocol.as_bytes().to_vec());
        self
    }

    /// For TLS 1.3, without a key share: the server asks for one with a HelloRetryRequest.
    #[must_use]
    pub fn without_key_share(mut self) -> Self {
        self.tls13 = Some(KeyShare::Absent);
        self
    }

    /// For TLS 1.3, with a key share.
    #[must_use]
    pub fn with_key_share(mut self) -> Self {
        self.tls13 = Some(KeyShare::X25519);
        self
    }

    /// The handshake message, without a record around it.
    pub fn message(&self) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend_from_slice(&[0x5a; 32]);
        body.push(0);
        let mut suites = match self.tls13 {
            None => vec![0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30],
            Some(_) => vec![0x13, 0x01],
        };
        if self.grease {
            suites.splice(0..0, [0x0a, 0x0a]);
        }
        body.extend(two(&suites));
        body.extend_from_slice(&[1, 0]);
        body.extend(two(&self.extensions()));
        let mut message = vec![1, 0];
        message.extend(two(&body));
        message
    }

    fn extensions(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.grease {
            out.extend(extension(0x1a1a, &[]));
        }
        out.extend(extension(10, &two(&[0, 29, 0, 23])));
        out.extend(extension(11, &[1, 0]));
        out.extend(extension(13, &two(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1])));
        out.extend(extension(23, &[]));
        if let Some(share) = self.tls13 {
            let base_point = [vec![9], vec![0; 31]].concat();
            let share = match share {
                KeyShare::Absent => Vec::new(),
                KeyShare::X25519 => [vec![0, 29], two(&base_point)].concat(),
            };
            out.extend(extension(43, &one(&[3, 4])));
            out.extend(extension(51, &two(&share)));
        }
        if let Some(protocol) = &self.alpn {
            out.extend(extension(16, &two(&one(protocol))));
        }
        if self.padding > 0 {
            out.extend(extension(21, &vec![0; self.padding]));
        }
        // The server name comes last: who stops reading early does not see it.
        let entry = |name: &Vec<u8>| [vec![0], two(name)].concat();
        if self.twice {
            for name in &self.names {
                out.extend(extension(0, &two(&entry(name))));
            }
        } else if !self.names.is_empty() {
            let entries: Vec<u8> = self.names.iter().flat_map(entry).collect();
            out.extend(extension(0, &two(&entries)));
        }
        out
    }

    /// In records of at most so many bytes each.
    pub fn records(&self, size: usize) -> Vec<u8> {
        let message = self.message();
        let record = |piece: &[u8]| [vec![HANDSHAKE, 3, 1], two(piece)].concat();
        message.chunks(size).flat_map(record).collect()
    }

    /// Sends it in one piece and gives the server's answer.
    pub async fn ask(&self, to: SocketAddr) -> HelloAnswer {
        ask(to, &self.records(1 << 14), usize::MAX).await
    }
}

/// Sends bytes in pieces of at most `piece` bytes, each a TCP segment of its own, and gives the server's answer.
pub async fn ask(to: SocketAddr, bytes: &[u8], piece: usize) -> HelloAnswer {
    let mut stream = TcpStream::connect(to).await.expect("the edge listens");
    let _ = stream.set_nodelay(true);
    for part in bytes.chunks(piece) {
        if stream.write_all(part).await.is_err() {
            break;
        }
        if piece < bytes.len() {
            // Lets the other side read this piece before the next one is there.
            tokio::task::yield_now().await;
        }
    }
    within("an answer to the ClientHello", answer(&mut Reader::new(stream))).await
}

/// Sends a first hello, waits for the HelloRetryRequest, sends a second one, and says whether an alert comes of it.
pub async fn ask_twice(to: SocketAddr, first: &ClientHello, second: &ClientHello) -> HelloAnswer {
    let stream = TcpStream::connect(to).await.expect("the edge listens");
    let mut reader = Reader::new(stream);
    let sent = reader.stream.write_all(&first.records(1 << 14)).await;
    sent.expect("the edge reads");
    let header = within("the request for another hello", reader.exactly(5)).await;
    let header = header.expect("an answer to the first hello");
    assert_eq!(header[0], HANDSHAKE, "no request for another hello");
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    within("the request for another hello", reader.exactly(length)).await;
    // A server that has ended the connection does not read.
    let _ = reader.stream.write_all(&second.records(1 << 14)).await;
    loop {
        let Some(header) = within("an answer", reader.exactly(5)).await else {
            return HelloAnswer::Closed;
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let Some(body) = within("an answer", reader.exactly(length)).await else {
            return HelloAnswer::Closed;
        };
        match header[0] {
            ALERT => return HelloAnswer::Alert(body[1]),
            // From here on TLS 1.3 shows nothing in the clear.
            HANDSHAKE => return HelloAnswer::GoesOn,
            _ => {}
        }
    }
}

async fn answer(reader: &mut Reader<TcpStream>) -> HelloAnswer {
    let mut handshake = Vec::new();
    loop {
        let Some(header) = reader.exactly(5).await else { return HelloAnswer::Closed };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let Some(body) = reader.exactly(length).await else { return HelloAnswer::Closed };
        match header[0] {
            ALERT => return HelloAnswer::Alert(body[1]),
            HANDSHAKE => handshake.extend(body),
            _ => {}
        }
        if let Some(leaf) = leaf(&handshake) {
            return HelloAnswer::Certificate(fingerprint(leaf));
        }
    }
}

/// The first certificate of the Certificate message, once it is complete.
fn leaf(mut messages: &[u8]) -> Option<&[u8]> {
    loop {
        let (&[kind, a, b, c], rest) = messages.split_first_chunk::<4>()?;
        let length = length([a, b, c]);
        let body = rest.get(..length)?;
        if kind == 11 {
            let (&first, chain) = body.get(3..)?.split_first_chunk::<3>()?;
            return chain.get(..self::length(first));
        }
        messages = &rest[length..];
    }
}

fn length(bytes: [u8; 3]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

fn one(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("a test's value fits");
    [&[length], bytes].concat()
}

fn two(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a test's value fits");
    [&length.to_be_bytes(), bytes].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), two(body)].concat()
}
