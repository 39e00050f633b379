// SPDX-License-Identifier: Apache-2.0
//! Upgrades: no byte passes before the backend's 101, and the connection carries nothing else afterwards.

use super::stage::{OK, on_stage};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\n\r\n";

#[test]
fn bytes_pass_both_ways_after_the_101_and_not_before() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send([ASK, "early"].concat()).await;
        let mut backend = stage.backend().await;
        let head = backend.head().await;
        assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        assert!(head.contains("\r\nX-Forwarded-Proto: ws\r\n"), "{head}");
        assert!(backend.is_silent().await);
        backend.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst").await;
        let answer = client.head().await;
        assert_eq!(
            answer,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        );
        assert_eq!(client.until("first").await, "first");
        assert_eq!(backend.until("early").await, "early");
        client.send("more").await;
        assert_eq!(backend.until("more").await, "more");
        client.finish().await;
        assert_eq!(backend.rest().await, b"");
    });
}

#[test]
fn any_other_answer_is_an_answer_and_the_backends_connection_ends() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n",
    ] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            client.send([ASK, "early"].concat()).await;
            let mut backend = stage.backend().await;
            backend.head().await;
            backend.send(answer).await;
            assert_eq!(client.head().await, answer);
            assert_eq!(backend.rest().await, b"", "no early byte, and the connection is not kept");
        });
    }
}

#[test]
fn a_101_that_nobody_asked_for_is_a_502() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n\r\nearly").await;
        let mut backend = stage.backend().await;
        assert!(!backend.head().await.contains("Upgrade"));
        backend.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        assert_eq!(backend.rest().await, b"");
    });
}

#[test]
fn an_upgrade_with_a_body_is_an_ordinary_request() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab").await;
        let mut backend = stage.backend().await;
        assert!(!backend.until("ab").await.contains("Upgrade"));
        backend.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}
