// SPDX-License-Identifier: Apache-2.0
//! Bodies stream both ways, in a framing of our own, and never further than they reach.

use super::stage::{OK, on_stage};

#[test]
fn a_request_reaches_the_backend_and_its_answer_the_client() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET /a HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n").await;
        let mut backend = stage.backend().await;
        let head = backend.head().await;
        let begin =
            "GET /a HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX-Forwarded-For: 127.0.0.1\r\n";
        assert!(head.starts_with(begin), "{head}");
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

#[test]
fn a_body_streams_before_it_is_complete() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n01234").await;
        let mut backend = stage.backend().await;
        assert!(backend.head().await.contains("\r\nContent-Length: 10\r\n"));
        assert_eq!(backend.until("01234").await, "01234");
        client.send("56789").await;
        assert_eq!(backend.until("56789").await, "56789");
        backend.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab").await;
        client.head().await;
        assert_eq!(client.until("ab").await, "ab");
        backend.send("cd").await;
        assert_eq!(client.until("cd").await, "cd");
    });
}

#[test]
fn chunks_are_made_anew_and_extensions_dropped() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n").await;
        client.send("00003;x=y\r\nabc\r\n2\r\nde\r\n0;z\r\nX-Sum: 1\r\nHost: b.test\r\n\r\n").await;
        let mut backend = stage.backend().await;
        let head = backend.head().await;
        assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
        assert!(head.contains("\r\nTrailer: X-Sum\r\n"), "{head}");
        let body = backend.until("X-Sum: 1\r\n\r\n").await;
        assert_eq!(body, "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n");
        backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nX-T: 1\r\n\r\n").await;
        client.head().await;
        assert_eq!(client.until("X-T: 1\r\n\r\n").await, "1\r\na\r\n0\r\nX-T: 1\r\n\r\n");
        assert!(backend.is_silent().await);
    });
}

#[test]
fn nothing_of_a_malformed_chunk_reaches_the_backend() {
    for body in ["5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n"] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
            client.send([head, body, "GET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n"].concat()).await;
            let answer = String::from_utf8(client.rest().await).unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1);
            let got = String::from_utf8(stage.backend().await.rest().await).unwrap();
            assert!(!got.contains("evil") && !got.contains("\r\n0\r\n"), "{got}");
        });
    }
}

#[test]
fn an_early_answer_is_passed_on_and_the_backends_connection_not_used_again() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n01234").await;
        let mut backend = stage.backend().await;
        backend.until("01234").await;
        backend.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
        assert!(client.until("no").await.starts_with("HTTP/1.1 403 Forbidden\r\n"));
        // The rest of the body is for nobody, and the next request is found behind it.
        client.send("56789GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut other = stage.backend().await;
        assert!(other.head().await.starts_with("GET /next "));
        other.send(OK).await;
        client.head().await;
        assert_eq!(backend.rest().await, b"");
    });
}

#[test]
fn an_answer_without_length_becomes_chunks_or_ends_with_the_connection() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut backend = stage.backend().await;
        backend.head().await;
        backend.send("HTTP/1.1 200 OK\r\n\r\nhello").await;
        backend.finish().await;
        let head = client.head().await;
        assert_eq!(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(client.until("0\r\n\r\n").await, "5\r\nhello\r\n0\r\n\r\n");

        let mut old = stage.client().await;
        old.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n").await;
        let mut backend = stage.backend().await;
        backend.head().await;
        backend
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            .await;
        let answer = String::from_utf8(old.rest().await).unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    });
}

#[test]
fn an_answer_that_breaks_off_does_not_look_complete() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\nx",
    ] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
            let mut backend = stage.backend().await;
            backend.head().await;
            backend.send(answer).await;
            backend.finish().await;
            let got = String::from_utf8(client.rest().await).unwrap();
            assert!(!got.ends_with("0\r\n\r\n"), "{got}");
            assert!(!got.contains("Connection: close"), "{got}");
        });
    }
}

#[test]
fn answers_without_a_body_have_none() {
    for (method, answer, expected) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n",
        ),
    ] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            let mut backend = None;
            for _ in 0..2 {
                client.send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
                let backend = match &mut backend {
                    Some(backend) => backend,
                    none => none.insert(stage.backend().await),
                };
                backend.head().await;
                backend.send(answer).await;
                assert_eq!(client.head().await, expected);
            }
        });
    }
}

#[test]
fn interim_answers_are_passed_on_before_the_final_one() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
        let mut backend = stage.backend().await;
        assert!(backend.head().await.contains("\r\nExpect: 100-continue\r\n"));
        backend
            .send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            .await;
        assert_eq!(client.head().await, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("ab").await;
        backend.until("ab").await;
        backend.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}

#[test]
fn a_client_that_waited_for_a_100_in_vain_is_not_believed_about_its_next_bytes() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n").await;
        let mut backend = stage.backend().await;
        backend.head().await;
        backend.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert_eq!(
            answer,
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(backend.rest().await, b"");
    });
}

#[test]
fn a_large_body_passes_both_ways_at_once() {
    on_stage(|stage| async move {
        let body: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let length = body.len();
        let (mut client, mut sender) = stage.client().await.split();
        let upload = async {
            sender
                .send(format!(
                    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n"
                ))
                .await;
            sender.send(&body).await;
        };
        let echo = async {
            let mut backend = stage.backend().await;
            backend.head().await;
            backend.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
            backend.echo(length).await;
        };
        let download = async {
            client.head().await;
            client.exactly(length).await
        };
        let ((), (), got) = tokio::join!(upload, echo, download);
        assert!(got == body);
    });
}
