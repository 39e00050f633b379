// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 on both sides: keep-alive, pipelining, chunked bodies, interim answers, and answers without a body.

use postern_tests::yaml::tenant;
use postern_tests::{Backend, Edge, EdgeBuilder, Raw, Reply};

const HOST: &str = "a.example.test";

/// One worker: its pool is the only one.
async fn edge(backend: &Backend) -> Edge {
    EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await
}

fn head(first_line: &str, fields: &str) -> String {
    format!("{first_line} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")
}

#[tokio::test]
async fn a_connection_is_kept_on_both_sides() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    for number in 0..100 {
        let path = format!("/{number}?q={number}");
        let answer = raw.get(HOST, &path).await.from_backend("acme");
        assert_eq!(answer.echo().expect("an echo")["target"], path.as_str());
    }
    assert_eq!(backend.accepted(), 1);
}

#[tokio::test]
async fn connection_close_is_honoured_and_http_1_0_closes_by_itself() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    let answer = raw.ask(head("GET /", "Connection: close\r\n")).await.from_backend("acme");
    assert_eq!(answer.header("connection"), Some("close"));
    raw.is_closed().await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.ask(format!("GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n")).await.from_backend("acme");
    raw.is_closed().await;
    // To the backend it is HTTP/1.1 all the same, and its connection stays.
    assert_eq!(backend.accepted(), 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    let requests: Vec<_> = (0..20)
        .map(|number| match number % 2 {
            0 => head(&format!("GET /{number}"), ""),
            _ => head(&format!("POST /{number}"), "Content-Length: 5\r\n") + "hello",
        })
        .collect();
    raw.send(requests.concat()).await;
    for number in 0..20 {
        let echo = raw.answer().await.from_backend("acme").echo().expect("an echo");
        assert_eq!(echo["target"], format!("/{number}"));
        assert_eq!(echo["body"], if number % 2 == 0 { "" } else { "hello" });
    }
}

#[tokio::test]
async fn a_chunked_request_arrives_whole_however_it_is_cut() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(head("POST /", "Transfer-Encoding: chunked\r\n")).await;
    for piece in
        ["5\r\nhel", "lo\r\n", "1", "\r\n \r", "\n5;extension=1\r\nworld\r\n", "0\r\n", "\r\n"]
    {
        raw.send(piece).await;
        tokio::task::yield_now().await;
    }
    let echo = raw.answer().await.from_backend("acme").echo().expect("an echo");
    assert_eq!(echo["body"], "hello world");
    raw.get(HOST, "/next").await.from_backend("acme");
}

#[tokio::test]
async fn a_chunked_answer_streams_with_its_trailers() {
    let backend = Backend::scripted("acme", |_| {
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
                      5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 11\r\n\r\n";
        Reply::Bytes(answer.into())
    })
    .await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    for _ in 0..3 {
        let answer = raw.ask(head("GET /", "TE: trailers\r\n")).await.is(200);
        assert_eq!(answer.text(), "hello world");
        assert_eq!(answer.trailers, [("x-sum".to_owned(), "11".to_owned())]);
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_passed_on_whole() {
    let backend = Backend::scripted("acme", |_| {
        Reply::Last([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 100_000]].concat())
    })
    .await;
    let edge = edge(&backend).await;
    let answer = edge.get(&format!("http://{HOST}/")).expect(200).await;
    assert_eq!(answer.body.len(), 100_000);
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    let body = "0123456789abcdef".repeat(1 << 16);
    for url in [format!("http://{HOST}/"), format!("http://{HOST}/again")] {
        let answer = edge.request("POST", &url).body(&body).send().await.from_backend("acme");
        assert_eq!(answer.echo().expect("an echo")["body"], body.as_str());
    }
}

#[tokio::test]
async fn expect_100_continue_gets_its_interim_answer() {
    let backend = Backend::scripted("acme", |_| Reply::Continue).await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    for _ in 0..2 {
        raw.send(head("POST /", "Expect: 100-continue\r\nContent-Length: 5\r\n")).await;
        raw.answer().await.is(100);
        raw.send("hello").await;
        let echo = raw.answer().await.from_backend("acme").echo().expect("an echo");
        assert_eq!(echo["body"], "hello");
    }
}

#[tokio::test]
async fn expect_100_continue_may_be_refused_before_the_body() {
    let backend = Backend::scripted("acme", |_| {
        Reply::Early(b"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n".to_vec())
    })
    .await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(head("POST /", "Expect: 100-continue\r\nContent-Length: 5\r\n")).await;
    raw.answer().await.is(417);
}

#[tokio::test]
async fn head_204_and_304_have_no_body_and_keep_the_connection() {
    let backend = Backend::scripted("acme", |head| match head.target.as_str() {
        "/204" => Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        "/304" => Reply::Bytes(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n".to_vec()),
        _ => Reply::Echo,
    })
    .await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    for _ in 0..3 {
        raw.send(head("HEAD /", "")).await;
        let answer = raw.try_answer("HEAD").await.expect("an answer").is(200);
        assert!(answer.header("content-length").is_some());
        raw.get(HOST, "/204").await.is(204);
        raw.get(HOST, "/304").await.is(304);
        raw.get(HOST, "/").await.from_backend("acme");
    }
}

#[tokio::test]
async fn interim_answers_of_the_backend_are_passed_on() {
    let backend = Backend::scripted("acme", |_| {
        let answer = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        Reply::Bytes(answer.into())
    })
    .await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(head("GET /", "")).await;
    let mut answer = raw.answer().await;
    if answer.status == 103 {
        assert_eq!(answer.header("link"), Some("</a.css>"));
        answer = raw.answer().await;
    }
    assert_eq!(answer.is(200).text(), "ok");
}

#[tokio::test]
async fn an_early_answer_reaches_the_client_while_it_still_sends() {
    let backend = Backend::scripted("acme", |_| {
        Reply::Early(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig".to_vec())
    })
    .await;
    let edge = edge(&backend).await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(head("POST /", "Content-Length: 100000\r\n") + &"x".repeat(1000)).await;
    let answer = raw.answer().await.is(413);
    assert_eq!(answer.text(), "big");
    // The rest of the body is read and thrown away, or the connection ends: it never becomes a request.
    raw.send("GET /smuggled HTTP/1.1\r\nHost: a.example.test\r\n\r\n".repeat(1650)).await;
    while let Some(answer) = raw.try_answer("GET").await {
        answer.is(400);
    }
    let targets: Vec<_> = backend.received().iter().map(|r| r.head.target.clone()).collect();
    assert_eq!(targets, ["/"]);
}

#[tokio::test]
async fn requests_that_two_readers_would_read_differently_are_refused() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend).await;
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Host: b.example.test\r\n",
        "X: a\r\n b\r\n",
        "X: a\nY: b\r\n",
        "X: \0\r\n",
        "X y: z\r\n",
        ": z\r\n",
    ] {
        let mut raw = Raw::clear(edge.web()).await;
        raw.send(
            head("POST /", fields)
                + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example.test\r\n\r\n",
        )
        .await;
        raw.answer().await.is(400);
        raw.is_closed().await;
    }
    assert!(backend.received().is_empty(), "{:?}", backend.received());
}

#[tokio::test]
async fn in_the_clear_every_request_is_admitted_by_its_own_host() {
    let (acme, globex) = (Backend::start("acme").await, Backend::start("globex").await);
    let edge = EdgeBuilder::new()
        .file("acme.yaml", &tenant("acme", &[HOST], acme.address()))
        .file("globex.yaml", &tenant("globex", &["b.example.test"], globex.address()))
        .start()
        .await;
    let mut raw = Raw::clear(edge.web()).await;
    for _ in 0..10 {
        raw.get(HOST, "/").await.from_backend("acme");
        raw.get("b.example.test", "/").await.from_backend("globex");
        raw.get("nobody.example.test", "/").await.is(404);
    }
}
