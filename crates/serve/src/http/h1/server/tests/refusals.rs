// SPDX-License-Identifier: Apache-2.0
//! What is refused is answered once, counted once, and never reaches a backend.

use super::stage::{OK, on_stage, on_stage_with};

#[test]
fn an_ambiguous_request_is_refused_and_what_follows_it_is_not_read() {
    for head in [
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03",
        "GET /\n",
        "GET / HTTP/1.1\r\nHost: a.test\n",
        "hello",
    ]
    .map(|head| if head == "hello" { "hello\r\n\r\n" } else { head })
    {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            client.send([head, "GET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n"].concat()).await;
            let answer = String::from_utf8(client.rest().await).unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head:?}: {answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}");
            assert!(!stage.backend_is_asked().await, "{head:?}");
            let metrics = crate::fixture::metrics(&stage.shared);
            assert!(metrics.contains(r#"reason="bad_request"} 1"#), "{head:?}: {metrics}");
        });
    }
}

#[test]
fn every_refusal_has_its_status() {
    let long = "x".repeat(20_000);
    let many = "X: y\r\n".repeat(101);
    for (request, status, goes_on) in [
        ("GET / HTTP/1.1\r\nHost: c.test\r\n\r\n".to_owned(), "404 Not Found", true),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned(), "404 Not Found", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(), "404 Not Found", true),
        ("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(), "200 OK", true),
        (
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n".to_owned(),
            "501 Not Implemented",
            false,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: a.test\r\n\r\n"), "414 URI Too Long", false),
        (format!("GET /{long}"), "414 URI Too Long", false),
        (
            format!("GET / HTTP/1.1\r\nHost: a.test\r\n{many}\r\n"),
            "431 Request Header Fields Too Large",
            false,
        ),
    ] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            client.send(&request).await;
            let head = client.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
            assert_eq!(!head.contains("Connection: close"), goes_on, "{head}");
            assert!(!stage.backend_is_asked().await);
        });
    }
}

#[test]
fn a_head_is_bounded_however_it_arrives() {
    let small = |config: &mut crate::config::EdgeConfig| {
        let mut entry_point = (*config.entry_points[0]).clone();
        entry_point.http.max_header_bytes = 2000;
        config.entry_points[0] = entry_point.into();
    };
    for step in [1, 100, 10_000] {
        on_stage_with(small, |stage| async move {
            let (mut client, mut sender) = stage.client().await.split();
            let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "y".repeat(3000));
            let trickle = async {
                for piece in head.as_bytes().chunks(step) {
                    if !sender.try_send(piece).await {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let (answer, ()) = tokio::join!(client.head(), trickle);
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        });
    }
}

#[test]
fn a_head_that_trickles_in_is_read_like_any_other() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        for byte in b"\r\nGET /a HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\n" {
            client.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        let mut backend = stage.backend().await;
        assert!(backend.head().await.starts_with("GET /a HTTP/1.1\r\nHost: a.test\r\nX: y\r\n"));
        backend.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}

#[test]
fn a_refused_request_with_a_short_body_keeps_the_connection() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("POST / HTTP/1.1\r\nHost: c.test\r\nContent-Length: 5\r\n\r\nhello").await;
        assert!(client.head().await.starts_with("HTTP/1.1 404 "));
        client.until("404 page not found\n").await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut backend = stage.backend().await;
        backend.head().await;
        backend.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}

#[test]
fn an_answer_to_head_has_no_body_even_if_it_is_ours() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("HEAD / HTTP/1.1\r\nHost: c.test\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.contains("\r\nContent-Length: 19\r\n"), "{head}");
        assert!(client.is_silent().await);
    });
}

#[test]
fn a_host_of_another_tenant_is_misdirected_on_a_connection_with_a_name() {
    on_stage(|stage| async move {
        let mut client = stage.client_of("own.test").await;
        for _ in 0..3 {
            for host in ["other.test", "a.test", "nobody.test", "127.0.0.1", "OTHER.test.:443"] {
                client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
                let head = client.head().await;
                assert!(head.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{head}");
                assert!(!head.contains("Connection: close"), "{head}");
                client.until("421 misdirected request\n").await;
            }
        }
        assert!(!stage.backend_is_asked().await);
        client.send("GET / HTTP/1.1\r\nHost: own.test\r\n\r\n").await;
        let mut backend = stage.backend().await;
        assert!(backend.head().await.contains("\r\nX-Forwarded-Proto: https\r\n"));
        backend.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}

#[test]
fn a_connection_whose_name_has_another_owner_is_over() {
    on_stage(|stage| async move {
        let mut client = stage.client_of("own.test").await;
        let sites = [crate::fixture::Site::new("globex", "own.test").epoch(2)];
        stage.shared.published.replace(crate::fixture::snapshot(2, &sites));
        client.send("GET / HTTP/1.1\r\nHost: own.test\r\n\r\n").await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert!(!stage.backend_is_asked().await);
    });
}
