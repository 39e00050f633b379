// SPDX-License-Identifier: Apache-2.0
//! Hazard 16, T-TLS-11, I3: on a connection whose SNI is acme's, no request reaches globex, and the reverse: 421 (404,
//! 400) before any upstream byte, on the first request and on the hundredth.

use postern_tests::client::Http2;
use postern_tests::raw::Raw;

use crate::pair::{A, B, Pair};

async fn connected(pair: &Pair, name: &str) -> Raw {
    let handshake = pair.edge.tls().sni(name).alpn("http/1.1");
    Raw::tls(handshake.connect().await.expect("the handshake succeeds"))
}

#[tokio::test]
async fn the_first_request_is_misdirected() {
    let pair = Pair::start().await;
    for (sni, host) in
        [(A, B), (B, A), (B, "nobody.example.test"), (B, "A.Example.Test."), (B, "127.0.0.1")]
    {
        let url = format!("https://{host}/");
        pair.edge.get(&url).sni(sni).expect(421).await;
        pair.edge.get(&url).sni(sni).http2().expect(421).await;
    }
    assert!(pair.acme.received().is_empty());
    assert!(pair.globex.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn so_is_the_second_and_the_hundredth_over_http1() {
    let pair = Pair::start().await;
    let mut raw = connected(&pair, B).await;
    for _ in 0..2 {
        raw.get(B, "/").await.from_backend("globex");
        // The answer may end the connection: then the next request needs a new one, as a browser does it.
        raw.get(A, "/").await.is(421);
        raw = connected(&pair, B).await;
    }
    for _ in 0..99 {
        raw.get(B, "/").await.from_backend("globex");
    }
    raw.get(A, "/").await.is(421);
    assert!(pair.acme.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn so_is_the_second_and_the_hundredth_stream_of_http2() {
    let pair = Pair::start().await;
    let mut client = Http2::tls(pair.edge.tls().sni(B)).await;
    for number in 0..100 {
        client.get(B, "/").await.from_backend("globex");
        if number % 9 == 0 {
            client.get(A, "/").await.is(421);
        }
    }
    client.get(A, "/").await.is(421);
    // A misdirected stream is one stream's matter: the connection goes on.
    client.get(B, "/").await.from_backend("globex");
    assert!(pair.acme.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn pipelined_requests_are_judged_one_by_one() {
    let pair = Pair::start().await;
    let mut raw = connected(&pair, B).await;
    raw.send(
        "GET /1 HTTP/1.1\r\nHost: b.example.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.example.test\r\n\r\n",
    )
    .await;
    raw.answer().await.from_backend("globex");
    raw.answer().await.is(421);
    assert!(pair.acme.received().is_empty());
}

#[tokio::test]
async fn absolute_targets_and_failed_upgrades_are_no_way_around() {
    let pair = Pair::start().await;
    let mut raw = connected(&pair, B).await;
    let both = "GET https://a.example.test/ HTTP/1.1\r\nHost: a.example.test\r\n\r\n";
    raw.ask(both).await.is(421);
    let mut raw = connected(&pair, B).await;
    let differing = "GET https://a.example.test/ HTTP/1.1\r\nHost: b.example.test\r\n\r\n";
    raw.ask(differing).await.is(400);
    // The backend does not switch protocols: the connection stays HTTP, and stays globex's.
    let mut raw = connected(&pair, B).await;
    let upgrade = "GET / HTTP/1.1\r\nHost: b.example.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    raw.ask(upgrade).await.from_backend("globex");
    raw.send("GET / HTTP/1.1\r\nHost: a.example.test\r\n\r\n").await;
    if let Some(answer) = raw.try_answer("GET").await {
        answer.is(421);
    }
    assert!(pair.acme.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn over_http2_authority_and_host_must_agree() {
    let pair = Pair::start().await;
    let mut client = Http2::tls(pair.edge.tls().sni(B)).await;
    let request = http::Request::builder().uri(format!("https://{B}/")).header("host", A);
    let request = request.body(http_body_util::Full::default()).expect("a request");
    if let Ok(answer) = client.try_ask(request).await {
        assert!(matches!(answer.status, 400 | 421), "{}", answer.text());
    }
    assert!(pair.acme.received().is_empty());
    pair.acme_is_intact().await;
}
