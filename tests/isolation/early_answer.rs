// SPDX-License-Identifier: Apache-2.0
//! T-H1-03, I11, I12: a backend that answers before it has read the body leaves bytes on its connection that must never
//! become the beginning of somebody else's request.

use postern_tests::yaml::tenant;
use postern_tests::{Backend, Edge, EdgeBuilder, Raw, Reply};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a.example.test\r\n\r\n";

fn early() -> Reply {
    Reply::Early(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno".to_vec())
}

async fn edge_before(backend: &Backend) -> Edge {
    EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &tenant("acme", &["a.example.test"], backend.address()))
        .file("globex.yaml", &tenant("globex", &["b.example.test"], backend.address()))
        .start()
        .await
}

async fn backend() -> Backend {
    Backend::scripted("both", |head| match head.target.as_str() {
        "/early" => early(),
        _ => Reply::Echo,
    })
    .await
}

async fn post_early(edge: &Edge, missing: usize) {
    let mut raw = Raw::clear(edge.web()).await;
    let length = SMUGGLED.len() + missing;
    let head = "POST /early HTTP/1.1\r\nHost: a.example.test\r\n";
    raw.send(format!("{head}Content-Length: {length}\r\n\r\n{SMUGGLED}")).await;
    raw.answer().await.is(403);
}

#[tokio::test]
async fn a_connection_whose_request_was_not_sent_to_its_end_is_never_used_again() {
    let backend = backend().await;
    let edge = edge_before(&backend).await;
    for _ in 0..5 {
        post_early(&edge, 10).await;
        let next = edge.get("http://a.example.test/next").send().await.from_backend("both");
        assert_eq!(next.echo().expect("an echo")["target"], "/next");
    }
    // In the order of arrival: what came on a connection after the half request.
    let received = backend.received();
    let reused = received.iter().enumerate().any(|(position, early)| {
        let after = &received[position..];
        early.head.target == "/early"
            && after.iter().any(|r| r.connection == early.connection && r.head.target == "/next")
    });
    assert!(!reused, "a connection with half a request was used again");
}

/// Here the whole request was sent, and the backend takes its body for a second one: its tenant's own trouble.
#[tokio::test]
async fn a_backend_that_loses_step_poisons_nobody_elses_requests() {
    let backend = backend().await;
    let edge = edge_before(&backend).await;
    for _ in 0..5 {
        post_early(&edge, 0).await;
        let next = edge.get("http://b.example.test/next").send().await.from_backend("both");
        assert_eq!(next.echo().expect("an echo")["target"], "/next");
        assert_eq!(next.echoed("host"), ["b.example.test"]);
    }
}
