// SPDX-License-Identifier: Apache-2.0
//! T-H1-06: every form of a request target (RFC 9112, 3.2) names one host, the same as the Host field, or is refused; and
//! the path that is matched is the path that is forwarded (I13).

use postern_tests::Raw;

use crate::pair::{A, Pair};

async fn ask(pair: &Pair, target: &str, host: &str) -> Option<postern_tests::Answer> {
    let mut raw = Raw::clear(pair.edge.web()).await;
    raw.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    raw.try_answer("GET").await
}

#[tokio::test]
async fn absolute_targets_agree_with_host_or_are_refused() {
    let pair = Pair::start().await;
    for target in
        ["http://a.example.test/x", "http://a.example.test:80/x", "HTTP://A.EXAMPLE.TEST/x"]
    {
        let answer = ask(&pair, target, A).await.expect("an answer");
        if answer.status == 200 {
            let echo = answer.from_backend("acme").echo().expect("an echo");
            assert_eq!(echo["target"], "/x", "{target}");
        } else {
            answer.is(400);
        }
    }
    for target in [
        "http://b.example.test/x",
        "http://a.example.test@b.example.test/",
        "http://b.example.test@a.example.test/",
        "http:///x",
        "http://",
        "http://a.example.test.b.example.test/",
        "//b.example.test/../x://",
        "ftp://a.example.test/",
        "https:a.example.test/",
        "a.example.test:80",
        "*",
    ] {
        if let Some(answer) = ask(&pair, target, A).await {
            let own_path = target.starts_with("//");
            assert!(
                own_path || matches!(answer.status, 400 | 404 | 421 | 501),
                "{target}: {}",
                answer.status
            );
            assert_ne!(answer.backend().as_deref(), Some("globex"), "{target}");
        }
    }
    assert!(pair.globex.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn fragments_blanks_and_controls_are_refused() {
    let pair = Pair::start().await;
    for target in
        ["/#x", "/a#b", "/\u{e9}", "/a b", "/\x7f", "/\x01", "x", "", "/%", "/%zz", "?x", "/%g0"]
    {
        let Some(answer) = ask(&pair, target, A).await else { continue };
        assert_eq!(answer.status, 400, "{target:?}");
    }
    assert!(pair.acme.received().is_empty());
}

#[tokio::test]
async fn connect_is_not_a_tunnel() {
    let pair = Pair::start().await;
    let mut raw = Raw::clear(pair.edge.web()).await;
    raw.send("CONNECT a.example.test:443 HTTP/1.1\r\nHost: a.example.test:443\r\n\r\n").await;
    if let Some(answer) = raw.try_answer("GET").await {
        assert!(matches!(answer.status, 400 | 405 | 501), "{}", answer.status);
    }
    assert_eq!(pair.acme.accepted(), 0);
}

#[tokio::test]
async fn the_path_that_is_matched_is_the_path_that_is_forwarded() {
    let pair = Pair::start().await;
    for (target, forwarded) in [
        ("/a/../b", "/b"),
        ("//a//b", "/a/b"),
        ("/%61", "/a"),
        ("/a/%2e%2e/b", "/b"),
        ("/a%2Fb?x=/../y", "/a%2Fb?x=/../y"),
        ("/../../../etc", "/etc"),
        ("/./x/.", "/x/"),
        ("/?", "/?"),
        ("/a;b=c", "/a;b=c"),
    ] {
        let answer = ask(&pair, target, A).await.expect("an answer").from_backend("acme");
        assert_eq!(answer.echo().expect("an echo")["target"], forwarded, "{target}");
    }
}
