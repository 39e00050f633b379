// SPDX-License-Identifier: Apache-2.0
//! Hazard 57, I11: connections to backends are not shared between tenants, even when both name the same address, and an
//! upstream connection that said too much is never used again.

use postern_tests::yaml::tenant;
use postern_tests::{Backend, EdgeBuilder, Reply};

#[tokio::test]
async fn two_tenants_never_share_an_upstream_connection() {
    let backend = Backend::start("both").await;
    let edge = EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &tenant("acme", &["a.example.test"], backend.address()))
        .file("globex.yaml", &tenant("globex", &["b.example.test"], backend.address()))
        .start()
        .await;
    for _ in 0..5 {
        edge.get("http://a.example.test/").send().await.from_backend("both");
        edge.get("http://b.example.test/").send().await.from_backend("both");
    }
    let received = backend.received();
    let used_by = |host: &str| -> Vec<usize> {
        let by_host = received.iter().filter(|r| r.head.header("host") == Some(host));
        let mut connections: Vec<_> = by_host.map(|r| r.connection).collect();
        connections.sort_unstable();
        connections.dedup();
        connections
    };
    let (acme, globex) = (used_by("a.example.test"), used_by("b.example.test"));
    assert!(acme.iter().all(|connection| !globex.contains(connection)), "{acme:?} {globex:?}");
    // Within one tenant they are used again: else this test would show nothing.
    assert_eq!((acme.len(), globex.len()), (1, 1));
}

/// T-H1-03: two answers to one request (response queue poisoning).
#[tokio::test]
async fn a_connection_with_a_second_answer_is_never_used_again() {
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let backend = Backend::scripted("acme", move |head| match head.target.as_str() {
        "/two" => Reply::Bytes(two.to_vec()),
        _ => Reply::Echo,
    })
    .await;
    let edge = EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &tenant("acme", &["a.example.test"], backend.address()))
        .start()
        .await;
    for _ in 0..5 {
        let answer = edge.get("http://a.example.test/two").expect(200).await;
        assert_eq!(answer.text(), "ok");
        edge.get("http://a.example.test/next").send().await.from_backend("acme");
    }
}
