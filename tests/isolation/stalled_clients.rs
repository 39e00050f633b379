// SPDX-License-Identifier: Apache-2.0
//! I6: whoever asks for something large and does not read it, or announces a body and does not send it, holds one of the
//! tenant's places, and by default for ever.  That is allowed for as long as there are others.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use postern_serve::{Connections, RequestsInFlight};
use postern_tests::patience::until;
use postern_tests::{Backend, Edge, EdgeBuilder, Raw, Reply};
use tokio::net::TcpSocket;

use crate::many_connections::shed;
use crate::pair::B;

/// More than the buffers of two kernels hold.
const LARGE: usize = 16 * 1024 * 1024;
const LIMIT: u32 = 4;

/// An edge of one worker, and a backend that answers `/large` with much and everything else with an echo.
async fn edge(change: impl Fn(EdgeBuilder) -> EdgeBuilder) -> (Edge, Backend) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
    let large = [head.into_bytes(), vec![b'x'; LARGE]].concat();
    let backend = Backend::scripted("globex", move |head| match head.target.as_str() {
        "/large" => Reply::Bytes(large.clone()),
        "/upgrade" => Reply::Upgrade,
        _ => Reply::Echo,
    })
    .await;
    let yaml = postern_tests::yaml::tenant("globex", &[B], backend.address());
    let builder = EdgeBuilder::new().file("all.yaml", &yaml).config(|config| {
        config.workers = 1;
        config.requests_in_flight = RequestsInFlight::AtMost(LIMIT);
        // Whoever waits at all is late.
        config.stalled_after = Duration::ZERO;
    });
    (change(builder).start().await, backend)
}

/// A client with a small window.
async fn narrow(to: SocketAddr) -> Raw {
    let socket = TcpSocket::new_v4().expect("a descriptor");
    socket.set_recv_buffer_size(4096).expect("it can be small");
    Raw::over(socket.connect(to).await.expect("the edge listens"))
}

async fn asks(edge: &Edge, request: &str) -> Raw {
    let mut raw = narrow(edge.web()).await;
    raw.send(request).await;
    raw
}

fn large() -> String {
    format!("GET /large HTTP/1.1\r\nHost: {B}\r\n\r\n")
}

/// Somebody else of the same tenant is answered, sooner or later, and from then on at once.
async fn is_served(edge: &Edge) {
    until("a place", || async {
        let status = edge.get(&format!("http://{B}/")).send().await.status;
        assert!(status == 200 || status == 429, "{status}");
        (status == 200).then_some(())
    })
    .await;
    let ended = shed(edge, "stalled");
    assert!(ended >= 1);
    // Only as many as are needed are ended.
    edge.get(&format!("http://{B}/")).expect(200).await;
    assert_eq!(shed(edge, "stalled"), ended);
}

#[tokio::test]
async fn who_does_not_read_gives_its_place_up_to_who_comes() {
    let (edge, backend) = edge(|builder| builder).await;
    let mut readers = Vec::new();
    for _ in 0..LIMIT {
        readers.push(asks(&edge, &large()).await);
    }
    backend.until_received(LIMIT as usize).await;
    is_served(&edge).await;
}

#[tokio::test]
async fn who_does_not_send_its_body_does_so_too() {
    let (edge, _backend) = edge(|builder| builder).await;
    let mut writers = Vec::new();
    for _ in 0..LIMIT {
        let head = format!("POST / HTTP/1.1\r\nHost: {B}\r\nContent-Length: 9\r\n\r\nhalf");
        writers.push(asks(&edge, &head).await);
    }
    is_served(&edge).await;
    // The first one pays.
    assert!(writers[0].rest().await.is_empty());
}

#[tokio::test]
async fn nobody_pays_while_there_is_room() {
    let (edge, backend) = edge(|builder| builder).await;
    let mut readers = Vec::new();
    for _ in 1..LIMIT {
        readers.push(asks(&edge, &large()).await);
    }
    backend.until_received(LIMIT as usize - 1).await;
    for _ in 0..20 {
        edge.get(&format!("http://{B}/")).expect(200).await;
    }
    assert_eq!(shed(&edge, "stalled"), 0);
    // Slowly is in time.
    for mut reader in readers {
        assert_eq!(reader.answer().await.body.len(), LARGE);
    }
}

type Sender = SendRequest<Full<Bytes>>;

async fn http2(edge: &Edge) -> Sender {
    let stream = tokio::net::TcpStream::connect(edge.web()).await.expect("the edge listens");
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("the preface is answered");
    tokio::spawn(connection);
    sender
}

fn request(path: &str) -> http::Request<Full<Bytes>> {
    let request = http::Request::builder().uri(format!("http://{B}{path}"));
    request.body(Full::default()).expect("a test's request is one")
}

#[tokio::test]
async fn streams_that_nobody_reads_are_no_better() {
    let (edge, _backend) = edge(|builder| builder).await;
    let mut sender = http2(&edge).await;
    let mut unread = Vec::new();
    for _ in 0..LIMIT {
        unread.push(sender.send_request(request("/large")).await.expect("an answer begins"));
    }
    is_served(&edge).await;
    until("the connection is closed", || async { sender.is_closed().then_some(()) }).await;
}

#[tokio::test]
async fn a_tunnel_whose_client_takes_nothing_is_one_of_them() {
    let (edge, _backend) = edge(|builder| builder).await;
    let mut tunnels = Vec::new();
    for _ in 0..LIMIT {
        let upgrade = format!(
            "GET /upgrade HTTP/1.1\r\nHost: {B}\r\nConnection: Upgrade\r\nUpgrade: mirror\r\n\r\n"
        );
        let mut raw = asks(&edge, &upgrade).await;
        assert_eq!(raw.try_answer("GET").await.expect("a 101").status, 101);
        // What is sent comes back, and is not taken.
        tunnels.push(tokio::spawn(async move { while raw.send([b'x'; 65536]).await {} }));
    }
    is_served(&edge).await;
    tunnels.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn so_it_is_where_every_connection_has_a_request() {
    let few = |builder: EdgeBuilder| {
        builder.config(|config| {
            config.connections = Connections::AtMost(3);
            config.requests_in_flight = RequestsInFlight::Unlimited;
        })
    };
    let (edge, backend) = edge(few).await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(asks(&edge, &large()).await);
    }
    backend.until_received(3).await;
    until("a newcomer is served", || async {
        let mut raw = Raw::clear(edge.web()).await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {B}\r\n\r\n")).await;
        Some(raw.try_answer("GET").await?.status).filter(|status| *status == 200)
    })
    .await;
    assert_eq!(shed(&edge, "stalled"), 1);
}
