// SPDX-License-Identifier: Apache-2.0
//! Upgrades: bytes both ways after 101, nothing before it, and extended CONNECT over HTTP/2 (RFC 8441).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use postern_tests::patience::within;
use postern_tests::yaml::{documents, tenant};
use postern_tests::{Backend, Edge, Raw, Reply, TestCertificate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOST: &str = "a.example.test";
const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a.example.test\r\nConnection: keep-alive, Upgrade\r\n\
     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn edge(backend: &Backend) -> Edge {
    let secret = TestCertificate::new(&[HOST]).secret("acme", "tls");
    let yaml = documents(&[&secret, &tenant("acme", &[HOST], backend.address())]);
    Edge::from_yaml(&yaml).await
}

#[tokio::test]
async fn after_101_bytes_go_both_ways_untouched() {
    let backend = Backend::scripted("acme", |_| Reply::Upgrade).await;
    let edge = edge(&backend).await;
    let tls =
        edge.tls().sni(HOST).alpn("http/1.1").connect().await.expect("the handshake succeeds");
    for mut raw in [Raw::clear(edge.web()).await, Raw::tls(tls)] {
        raw.send(UPGRADE).await;
        let answer = raw.answer().await.is(101);
        assert!(answer.header("upgrade").is_some());
        for message in ["hello", "GET / HTTP/1.1\r\nHost: b.example.test\r\n\r\n", "\0\u{1}\r\n"] {
            raw.send(message).await;
            assert_eq!(raw.exactly(message.len()).await, message.as_bytes());
        }
    }
    let head = &backend.received()[0].head;
    assert_eq!(head.header("upgrade"), Some("websocket"));
    assert_eq!(head.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
}

#[tokio::test]
async fn the_end_of_either_side_is_the_end_of_both() {
    let backend = Backend::scripted("acme", |_| Reply::Upgrade).await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(UPGRADE).await;
    raw.answer().await.is(101);
    drop(raw);
    backend.until_idle().await;
}

#[tokio::test]
async fn what_follows_an_upgrade_request_waits_for_101() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.example.test\r\n\r\n";
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(format!("{UPGRADE}{smuggled}")).await;
    // The backend does not switch: its answer is an ordinary one, and what follows is at most an ordinary request.
    raw.answer().await.from_backend("acme");
    if let Some(answer) = raw.try_answer("GET").await {
        answer.from_backend("acme");
    }
    for received in backend.received() {
        assert!(received.body.is_empty());
    }
}

#[tokio::test]
async fn an_upgraded_connection_is_never_pooled() {
    let backend = Backend::scripted("acme", |head| match head.header("upgrade") {
        Some(_) => Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno".to_vec()),
        None => Reply::Echo,
    })
    .await;
    let edge = edge(&backend).await;
    for _ in 0..3 {
        let mut raw = Raw::clear(edge.web()).await;
        raw.ask(UPGRADE).await.is(200);
        edge.get(&format!("http://{HOST}/")).send().await.from_backend("acme");
    }
    let received = backend.received();
    let upgrades: Vec<_> = received.iter().filter(|r| r.head.target == "/chat").collect();
    let reused = received.iter().enumerate().any(|(position, next)| {
        next.head.target == "/"
            && received[..position]
                .iter()
                .any(|r| r.head.target == "/chat" && r.connection == next.connection)
    });
    assert_eq!(upgrades.len(), 3);
    assert!(!reused, "a connection that saw an upgrade was used again");
}

#[tokio::test]
async fn extended_connect_opens_a_websocket_over_http2() {
    let backend = Backend::scripted("acme", |_| Reply::Upgrade).await;
    let edge = edge(&backend).await;
    let stream = edge.tls().sni(HOST).alpn("h2").connect().await.expect("the handshake succeeds");
    let (mut sender, connection) = within(
        "the preface",
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)),
    )
    .await
    .expect("the preface is answered");
    tokio::spawn(connection);
    let request = || {
        let mut request = http::Request::builder()
            .method("CONNECT")
            .uri(format!("https://{HOST}/chat"))
            .header("sec-websocket-version", "13")
            .body(Full::<Bytes>::default())
            .expect("a request");
        request.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"));
        request
    };
    // The server's SETTINGS must have come before (RFC 8441, 3); hyper refuses until then.
    let response = within("an answer", async {
        loop {
            sender.ready().await.expect("the connection stands");
            match sender.send_request(request()).await {
                Ok(response) => return response,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    })
    .await;
    assert_eq!(response.status(), 200);
    let mut io = TokioIo::new(hyper::upgrade::on(response).await.expect("a tunnel"));
    for message in ["hello", "again"] {
        io.write_all(message.as_bytes()).await.expect("the tunnel stands");
        io.flush().await.expect("the tunnel stands");
        let mut back = vec![0; message.len()];
        within("an echo", io.read_exact(&mut back)).await.expect("the tunnel stands");
        assert_eq!(back, message.as_bytes());
    }
    let head = &backend.received()[0].head;
    assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/chat"));
    assert_eq!(head.header("upgrade"), Some("websocket"));
}
