// SPDX-License-Identifier: Apache-2.0
//! Hazard 10, T-TLS-10: without a server name, or with one that nobody owns, there is an alert and no certificate of
//! anybody; and such a miss costs the same however many certificates there are.

use std::time::{Duration, Instant};

use postern_tests::hello::{ClientHello, HelloAnswer};
use postern_tests::yaml::{documents, ingress};
use postern_tests::{Edge, EdgeBuilder, TestCertificate};

use crate::pair::{A, Pair};

/// `unrecognized_name` (RFC 6066, 3).
const UNRECOGNIZED: HelloAnswer = HelloAnswer::Alert(112);

#[tokio::test]
async fn no_server_name_and_names_of_nobody_end_with_an_alert() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    assert_eq!(ClientHello::new().ask(to).await, UNRECOGNIZED);
    for name in [
        "nobody.example.test",
        "example.test",
        "test",
        "x.a.example.test",
        "localhost",
        "aa.example.test",
    ] {
        assert_eq!(ClientHello::new().name(name).ask(to).await, UNRECOGNIZED, "{name}");
    }
    assert_eq!(pair.edge.tls().refused().await, rustls::AlertDescription::UnrecognisedName);
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn names_that_are_none_show_no_certificate() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    let long = [b"x".repeat(250), b".a.example.test".to_vec()].concat();
    for name in [
        b"".as_slice(),
        b"\0",
        b"a.example.test\0",
        b"a.example.test\0.b.example.test",
        b"\0a.example.test",
        b"127.0.0.1",
        b"[::1]",
        b"*",
        b"*.example.test",
        b"a.example.test:443",
        b"..",
        b".",
        b"a example.test",
        b"\xff\xfe",
        &long,
        b"a_b.example.test",
    ] {
        let answer = ClientHello::new().name(name).ask(to).await;
        let refused = matches!(answer, HelloAnswer::Alert(_) | HelloAnswer::Closed);
        assert!(refused, "{:?}: {answer:?}", String::from_utf8_lossy(name));
    }
    pair.acme_is_intact().await;
}

async fn edge_with(certificates: usize) -> Edge {
    let certificate = TestCertificate::new(&["*.many.test"]);
    let mut yaml = certificate.secret("acme", "tls");
    for number in 0..certificates {
        let host = format!("h{number}.many.test");
        let name = format!("s{number}");
        yaml = documents(&[&yaml, &ingress("acme", &name, &[&host], "echo", Some("tls"))]);
    }
    EdgeBuilder::new().file("acme.yaml", &yaml).start().await
}

async fn a_miss(edge: &Edge) -> Duration {
    let mut best = Duration::MAX;
    for number in 0..40 {
        let hello = ClientHello::new().name(format!("n{number}.nobody.test"));
        let start = Instant::now();
        assert_eq!(hello.ask(edge.websecure()).await, UNRECOGNIZED);
        best = best.min(start.elapsed());
    }
    best
}

/// The best of many, so that a busy machine does not decide; a sort of 2,000 names would take ten times as long.
#[tokio::test]
async fn a_miss_costs_the_same_however_many_hosts_there_are() {
    let (few, many) = (edge_with(2).await, edge_with(2000).await);
    let (few, many) = (a_miss(&few).await, a_miss(&many).await);
    assert!(many < few * 4 + Duration::from_millis(1), "{few:?} {many:?}");
}

#[tokio::test]
async fn a_name_that_is_owned_without_certificate_is_refused_as_one_that_is_not() {
    let pair = Pair::start().await;
    pair.globex_adds(&pair.globex_wants(&["c.example.test"], None));
    let to = pair.edge.websecure();
    assert_eq!(ClientHello::new().name("c.example.test").ask(to).await, UNRECOGNIZED);
    let shown = ClientHello::new().name(A).ask(to).await;
    assert_eq!(shown, HelloAnswer::Certificate(pair.acme_certificate.fingerprint()));
}
