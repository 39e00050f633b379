// SPDX-License-Identifier: Apache-2.0
//! The graceful stop: what is open is finished, clients are told, and a rolling restart on one port loses no request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use postern_tests::client::Http2;
use postern_tests::patience::{until, within};
use postern_tests::yaml::{documents, tenant};
use postern_tests::{Backend, Edge, EdgeBuilder, Raw, TestCertificate};

const HOST: &str = "a.example.test";

async fn edge(backend: &Backend, builder: EdgeBuilder) -> Edge {
    let secret = TestCertificate::new(&[HOST]).secret("acme", "tls");
    let yaml = documents(&[&secret, &tenant("acme", &[HOST], backend.address())]);
    builder.file("acme.yaml", &yaml).start().await
}

/// Waits for the end of a stop, on a thread of its own.
async fn joined(edge: Edge) {
    let joining = tokio::task::spawn_blocking(move || edge.into_served().join());
    within("the end of the stop", joining).await.expect("the stop ends");
}

#[tokio::test]
async fn a_request_that_is_open_is_finished_and_told_to_close() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend, EdgeBuilder::new()).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.get(HOST, "/").await.from_backend("acme");
    raw.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhello")).await;
    until("the request arrives", || async { (backend.open() >= 1).then_some(()) }).await;
    edge.served().drain();
    raw.send("world").await;
    let answer = raw.answer().await.from_backend("acme");
    assert_eq!(answer.header("connection"), Some("close"));
    raw.is_closed().await;
    joined(edge).await;
}

#[tokio::test]
async fn http2_clients_get_goaway_and_their_open_streams() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend, EdgeBuilder::new()).await;
    let mut client = Http2::tls(edge.tls().sni(HOST)).await;
    client.get(HOST, "/").await.from_backend("acme");
    edge.served().drain();
    until("GOAWAY", || async { client.is_closed().then_some(()) }).await;
    joined(edge).await;
}

#[tokio::test]
async fn the_grace_has_an_end() {
    let backend = Backend::scripted("acme", |_| postern_tests::Reply::Silence).await;
    let builder =
        EdgeBuilder::new().config(|config| config.grace_timeout = Duration::from_millis(200));
    let edge = edge(&backend, builder).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    backend.until_received(1).await;
    edge.served().drain();
    joined(edge).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_on_one_port_loses_no_request() {
    let backend = Backend::start("acme").await;
    let mut old = edge(&backend, EdgeBuilder::new()).await;
    let web = old.web();
    let (over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> =
        (0..8).map(|_| tokio::spawn(client(web, over.clone(), count.clone()))).collect();
    for restart in 1..=3 {
        let enough = || async { (count.load(Ordering::SeqCst) > restart * 200).then_some(()) };
        until("requests", enough).await;
        // The new process listens on the same port before the old one stops.
        let same = EdgeBuilder::new().entry_points(|entry_point| {
            if !entry_point.tls {
                entry_point.addresses = vec![web];
            }
        });
        let new = edge(&backend, same).await;
        old.served().drain();
        joined(std::mem::replace(&mut old, new)).await;
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("no request was lost");
    }
}

/// Asks on one connection until it is told to close, then on a new one.  A connection that was accepted by a socket that
/// then closed is one that no request was sent on: it is dialled again, as every client does.
async fn client(web: std::net::SocketAddr, over: Arc<AtomicBool>, count: Arc<AtomicUsize>) {
    while !over.load(Ordering::SeqCst) {
        let mut raw = Raw::clear(web).await;
        for _ in 0..20 {
            let answer = raw.get(HOST, "/").await.from_backend("acme");
            count.fetch_add(1, Ordering::SeqCst);
            if answer.header("connection") == Some("close") {
                break;
            }
        }
    }
}
