// SPDX-License-Identifier: Apache-2.0
use super::*;

#[test]
fn a_request_reaches_the_backend_and_its_answer_the_client() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET /a HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n").await;
        let mut backend = stage.backend().await;
        let head = backend.head().await;
        assert!(head.starts_with("GET /a HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX-Forwarded-For: 127.0.0.1\r\n"), "{head}");
        let answer = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello";
        backend.send(answer).await;
        assert_eq!(client.until("hello").await, answer);
        for path in ["/b", "/c"] {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
            assert!(backend.head().await.starts_with(&format!("GET {path} HTTP/1.1\r\n")));
            backend.send(answer).await;
            assert_eq!(client.until("hello").await, answer);
        }
    });
}
