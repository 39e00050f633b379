// SPDX-License-Identifier: Apache-2.0
//! I18, T-LC-03: before the first complete snapshot there is no certificate and no route, and the edge says that it is
//! not ready.  (`postern serve` does not even open its entry points before.)

use postern_tests::hello::{ClientHello, HelloAnswer};
use postern_tests::yaml::{documents, tenant};
use postern_tests::{Backend, EdgeBuilder, Raw, TestCertificate};

#[tokio::test]
async fn before_the_first_snapshot_there_is_no_answer_of_a_tenant() {
    let backend = Backend::start("acme").await;
    let certificate = TestCertificate::new(&["a.example.test"]);
    let yaml = documents(&[
        &certificate.secret("acme", "tls"),
        &tenant("acme", &["a.example.test"], backend.address()),
    ]);
    let edge = EdgeBuilder::new().file("acme.yaml", &yaml).start_empty().await;
    let answer = ClientHello::new().name("a.example.test").ask(edge.websecure()).await;
    assert!(!matches!(answer, HelloAnswer::Certificate(_)), "{answer:?}");
    let mut raw = Raw::clear(edge.web()).await;
    raw.send("GET / HTTP/1.1\r\nHost: a.example.test\r\n\r\n").await;
    if let Some(answer) = raw.try_answer("GET").await {
        assert!(matches!(answer.status, 404 | 503), "{}", answer.text());
    }
    assert!(!edge.is_ready());
    assert_eq!(backend.accepted(), 0);
    edge.publish();
    assert!(edge.is_ready());
    let answer = edge.get("https://a.example.test/").send().await.from_backend("acme");
    assert_eq!(answer.fingerprint, certificate.fingerprint());
}
