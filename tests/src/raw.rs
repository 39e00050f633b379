// SPDX-License-Identifier: Apache-2.0
//! A client that sends exactly the bytes that it is told to, in the clear or over TLS.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::answer::Answer;
use crate::http_message::Reader;
use crate::patience::{WATCH, within};
use crate::tls::{Connected, shown};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connects from an address of this machine, all of 127.0.0.0/8 for example.
pub async fn connect_from(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a descriptor");
    socket.bind(SocketAddr::new(from, 0)).expect("loopback has free ports");
    let stream = within("a connection", socket.connect(to)).await.expect("the edge listens");
    let _ = stream.set_nodelay(true);
    stream
}

/// A connection and what is known of it.
pub struct Raw {
    reader: Reader<Box<dyn Stream>>,
    fingerprint: String,
}

impl Raw {
    /// In the clear.
    pub async fn clear(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("the edge listens");
        let _ = stream.set_nodelay(true);
        Self::over(stream)
    }

    /// In the clear, from another address of this machine.
    pub async fn clear_from(from: IpAddr, to: SocketAddr) -> Self {
        Self::over(connect_from(from, to).await)
    }

    /// In the clear, over a connection that stands.
    pub fn over(stream: TcpStream) -> Self {
        Self { reader: Reader::new(Box::new(stream)), fingerprint: String::new() }
    }

    /// On a TLS connection.
    pub fn tls(stream: Connected) -> Self {
        let fingerprint = shown(&stream);
        Self { reader: Reader::new(Box::new(stream)), fingerprint }
    }

    /// Sends bytes; an error is not one of the test: a server may close while a client still talks.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sending = async {
            self.reader.stream.write_all(bytes.as_ref()).await?;
            self.reader.stream.flush().await
        };
        within("sending", sending).await.is_ok()
    }

    /// The next answer, interim ones included, to a request with `method`; nothing when the connection ends before.
    pub async fn try_answer(&mut self, method: &str) -> Option<Answer> {
        let reading = async {
            let head = self.reader.answer_head().await?;
            self.reader.trailers.clear();
            let body = self.reader.answer_body(&head, method).await?;
            Some(Answer {
                status: head.status,
                headers: head.headers,
                body,
                trailers: self.reader.trailers.clone(),
                fingerprint: self.fingerprint.clone(),
            })
        };
        within("an answer", reading).await
    }

    /// The next answer to a GET.
    pub async fn answer(&mut self) -> Answer {
        self.try_answer("GET").await.expect("an answer comes before the connection ends")
    }

    /// Sends a request and gives its answer.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Sends a GET for a path of a host and gives its answer.
    pub async fn get(&mut self, host: &str, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await
    }

    /// So many raw bytes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        within("bytes", self.reader.exactly(length)).await.expect("the connection goes on")
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        within("the end of the connection", async { while self.reader.fill().await {} }).await;
        std::mem::take(&mut self.reader.buffer)
    }

    /// Fails the test unless the server ends the connection without sending more.
    pub async fn is_closed(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Whether nothing comes for a while, and the connection stays.
    pub async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(WATCH, self.reader.fill()).await.is_err()
    }

    /// The fingerprint of the leaf; empty on a clear connection.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
