// SPDX-License-Identifier: Apache-2.0
//! A tenant's backend is the load balancer in front of Postern: each of its requests would come back, and begin another
//! one, until no descriptor is left for anybody (RFC 8586).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postern_tests::yaml::{documents, ingress, service_of};
use postern_tests::{EdgeBuilder, Raw};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::pair::Pair;

/// How often a request may pass Postern.
const MOST_HOPS: usize = 8;

/// A load balancer that knows nothing of HTTP.
struct Balancer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    target: watch::Sender<Option<SocketAddr>>,
}

impl Balancer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let (target, aim) = watch::channel(None);
        let count = accepted.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let Some(target) = *aim.borrow() else { continue };
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    // Whoever closes first, the other half is told.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { address, accepted, target }
    }
}

/// An edge with a tenant that has aimed at it, in the language of its choice.
async fn looped(protocol: &str) -> (Pair, Balancer) {
    let pair = Pair::started(EdgeBuilder::new()).await;
    let balancer = Balancer::start().await;
    balancer.target.send_replace(Some(pair.edge.web()));
    pair.globex_adds(&documents(&[
        &service_of("globex", "loop", protocol, &[balancer.address]),
        &ingress("globex", "loop", &["loop.example.test"], "loop", None),
    ]));
    (pair, balancer)
}

async fn ends(pair: &Pair) {
    let counted = || {
        let mut text = String::new();
        pair.edge.served().metrics().encode(&mut text);
        let of_globex = "postern_refusals_total{tenant=\"globex\",reason=\"loop_detected\"} ";
        text.lines().find_map(|line| line.strip_prefix(of_globex).map(str::to_owned))
    };
    postern_tests::patience::until("the refusal is counted", || async { counted() }).await;
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_request_that_comes_round_is_refused_in_the_end() {
    let (pair, balancer) = looped("http").await;
    pair.edge.get("http://loop.example.test/").expect(508).await;
    assert_eq!(balancer.accepted.load(Ordering::SeqCst), MOST_HOPS);
    pair.edge.get("http://loop.example.test/").http2().expect(508).await;
    assert!(balancer.accepted.load(Ordering::SeqCst) <= 2 * MOST_HOPS);
    ends(&pair).await;
}

#[tokio::test]
async fn so_is_one_that_comes_round_over_http_2() {
    let (pair, balancer) = looped("kubernetes.io/h2c").await;
    pair.edge.get("http://loop.example.test/").expect(508).await;
    pair.edge.get("http://loop.example.test/").http2().expect(508).await;
    // Each worker shares its connections among all requests.
    assert!(balancer.accepted.load(Ordering::SeqCst) <= 2 * MOST_HOPS);
    ends(&pair).await;
}

#[tokio::test]
async fn no_client_can_take_the_marks_away() {
    let (pair, balancer) = looped("http").await;
    for (number, fields) in [
        "Connection: CDN-Loop",
        "Connection: close, cdn-loop\r\nCDN-Loop: cloudflare; loops=1",
        "CDN_Loop: x\r\nTrailer: CDN-Loop",
        "Connection: Upgrade, CDN-Loop\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    .iter()
    .enumerate()
    {
        let mut raw = Raw::clear(pair.edge.web()).await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: loop.example.test\r\n{fields}\r\n\r\n")).await;
        raw.answer().await.is(508);
        assert!(balancer.accepted.load(Ordering::SeqCst) <= MOST_HOPS * (number + 1), "{fields}");
    }
    ends(&pair).await;
}

#[tokio::test]
async fn a_chain_of_two_edges_is_no_loop() {
    let inner = Pair::started(EdgeBuilder::new()).await;
    let outer = EdgeBuilder::new()
        .file(
            "acme.yaml",
            &postern_tests::yaml::tenant("acme", &[crate::pair::A], inner.edge.web()),
        )
        .start()
        .await;
    let url = format!("http://{}/", crate::pair::A);
    let answer = outer.get(&url).header("CDN-Loop", "other").send().await.from_backend("acme");
    assert_eq!(answer.echoed("cdn-loop"), ["other", "postern", "postern"]);
}
