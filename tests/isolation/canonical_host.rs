// SPDX-License-Identifier: Apache-2.0
//! T-TLS-08, H-09, I10: every spelling of a name is one name, in the ClientHello, in the request, in what is declared,
//! and over HTTP/1.1 and HTTP/2 alike.

use postern_tests::client::Http2;
use postern_tests::hello::{ClientHello, HelloAnswer};
use postern_tests::yaml::ingress;

use crate::pair::{A, B, Pair};

const SPELLINGS: [&str; 4] =
    ["a.example.test", "A.EXAMPLE.TEST", "a.Example.test", "a.example.test."];

#[tokio::test]
async fn every_spelling_in_a_clienthello_is_acmes_or_refused() {
    let pair = Pair::start().await;
    let acmes = HelloAnswer::Certificate(pair.acme_certificate.fingerprint());
    for name in &SPELLINGS[..3] {
        assert_eq!(ClientHello::new().name(name).ask(pair.edge.websecure()).await, acmes, "{name}");
    }
    // RFC 6066, 3: without a trailing dot.  It is the same name, or no name; never another one.
    let dotted = ClientHello::new().name(SPELLINGS[3]).ask(pair.edge.websecure()).await;
    assert!(dotted == acmes || matches!(dotted, HelloAnswer::Alert(_)), "{dotted:?}");
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn every_spelling_in_a_request_is_acmes() {
    let pair = Pair::start().await;
    for name in SPELLINGS {
        for authority in [name.to_owned(), format!("{name}:443"), format!("{name}:8443")] {
            let url = format!("https://{authority}/");
            let answer = pair.edge.get(&url).sni(A).send().await;
            answer.from_backend("acme");
            let mut client = Http2::tls(pair.edge.tls().sni(A)).await;
            client.get(&authority, "/").await.from_backend("acme");
            pair.edge.get(&format!("http://{authority}/")).send().await.from_backend("acme");
            // On globex's connection it is acme's still.
            pair.edge.get(&url).sni(B).expect(421).await;
        }
    }
    assert!(pair.globex.received().is_empty());
}

#[tokio::test]
async fn every_spelling_that_is_declared_is_one_claim() {
    let pair = Pair::start().await;
    for name in SPELLINGS {
        pair.globex_adds(&ingress("globex", "attack", &[name], "echo", Some("tls")));
        pair.acme_is_intact().await;
    }
}

#[tokio::test]
async fn what_only_looks_like_a_host_reaches_nobody() {
    let pair = Pair::start().await;
    let long = format!("{}a.example.test", "x.".repeat(120));
    for authority in [
        "a.example.test@b.example.test",
        "a.example.test%2eb",
        "a.example.test/",
        "a.example.test#",
        "a_example.test",
        "a.example.test:x",
        "a.example.test:99999",
        " a.example.test",
        "a..example.test",
        ".a.example.test",
        "a.example.test..",
        "[a.example.test]",
        "\u{ff41}.example.test",
        "a.example.test\t",
        "a.example.test,b.example.test",
        &long,
    ] {
        let mut raw = postern_tests::Raw::clear(pair.edge.web()).await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {authority}\r\n\r\n")).await;
        let Some(answer) = raw.try_answer("GET").await else { continue };
        // Blanks around a field's value are no part of it (RFC 9110, 5.5).
        let is_padded = authority.trim_matches([' ', '\t']) == A;
        assert!(
            is_padded || matches!(answer.status, 400 | 404 | 421),
            "{authority}: {}",
            answer.status
        );
    }
    assert!(pair.globex.received().is_empty());
    pair.acme_is_intact().await;
}
