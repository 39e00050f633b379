// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 connections of real clients over loopback, to backends made for the occasion.

mod admission;
mod backends;
mod cancelling;
mod heads;
mod held_heads;
mod limits;
mod streaming;
mod websocket;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request, Response, StatusCode};
use postern_model::Host;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};

use super::server::serve;
use crate::config::EdgeConfig;
use crate::connection::Connection;
use crate::fixture::{
    self, Site, WEB, WEBSECURE, on_a_worker, on_a_worker_without_waiting, shared,
};
use crate::io::Io;
use crate::thread::Shared;
use crate::worker::Worker;

/// A worker that serves some sites.
struct Stage {
    shared: Shared,
    worker: Rc<Worker>,
}

/// A client's connection.
struct Client {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    served: JoinHandle<()>,
}

/// A whole answer.
#[derive(Debug)]
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Stage {
    fn new(sites: &[Site]) -> Self {
        Self::configured(sites, |_| {})
    }

    fn configured(sites: &[Site], configure: impl FnOnce(&mut EdgeConfig)) -> Self {
        let mut shared = shared(sites);
        let mut config = fixture::config();
        configure(&mut config);
        shared.config = Arc::new(config);
        let worker = fixture::worker(&shared);
        Self { shared, worker }
    }

    /// The two ends of a connection: the client's, and what becomes of the server's.  With a name, the connection is one
    /// whose handshake was admitted under it.
    async fn sockets(&self, sni: Option<&str>) -> (TcpStream, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        server.set_nodelay(true).unwrap();
        let admit = |sni| self.shared.published.load().admit(&Host::parse(sni).unwrap()).unwrap();
        let entry_point = if sni.is_some() { WEBSECURE } else { WEB };
        let addresses = (peer, server.local_addr().unwrap());
        let worker = self.worker.clone();
        let connection = Connection::new(worker, entry_point, addresses, sni.map(admit));
        (client, spawn_local(serve(Rc::new(connection), Io::from(server))))
    }

    async fn connect(&self, sni: Option<&str>) -> Client {
        let (socket, served) = self.sockets(sni).await;
        let (sender, connection) = h2::client::handshake(socket).await.unwrap();
        Client { sender, connection: spawn_local(connection), served }
    }

    async fn clear(&self) -> Client {
        self.connect(None).await
    }

    fn counted(&self, line: &str) -> bool {
        fixture::metrics(&self.shared).lines().any(|counted| counted == line)
    }
}

impl Client {
    /// Sends a request without a body.
    async fn begin(&self, request: Request<()>) -> ResponseFuture {
        let mut sender = self.sender.clone().ready().await.unwrap();
        sender.send_request(request, true).unwrap().0
    }

    async fn whole(&self, request: Request<()>) -> Result<Whole, h2::Error> {
        whole(self.begin(request).await.await?).await
    }

    async fn get(&self, uri: &str) -> Whole {
        self.whole(Request::get(uri).body(()).unwrap()).await.unwrap()
    }
}

async fn whole(response: Response<RecvStream>) -> Result<Whole, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        body.extend_from_slice(&data);
        stream.flow_control().release_capacity(data.len()).unwrap();
    }
    stream.trailers().await?;
    Ok(Whole { status: parts.status, headers: parts.headers, body })
}

impl Whole {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A socket on which a test answers by hand.
struct Backend {
    listener: TcpListener,
}

impl Backend {
    async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// Answers every request of every connection with 200 and the request's own head.
    fn echo_heads(self) -> SocketAddr {
        let address = self.address();
        spawn_local(async move {
            loop {
                let mut stream = self.accept().await;
                spawn_local(async move {
                    while let Some(head) = read_head(&mut stream).await {
                        answer(&mut stream, &head).await;
                    }
                });
            }
        });
        address
    }
}

/// A request's head, with its empty line; nothing at the end of the connection.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

async fn answer(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// The lines of a head, in lower case.
fn lines(head: &str) -> Vec<String> {
    head.lines().map(str::to_ascii_lowercase).collect()
}
