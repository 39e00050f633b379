// SPDX-License-Identifier: Apache-2.0
//! Hazard 19: a browser may send globex's host on acme's connection when the certificate covers both (RFC 9113, 9.1.1).
//! The answer is 421, so that it dials again.  Inside one tenant, hosts with one certificate may share a connection.

use postern_tests::client::Http2;
use postern_tests::yaml::{documents, ingress};
use postern_tests::{EdgeBuilder, TestCertificate};

use crate::pair::{A, B, Pair};

#[tokio::test]
async fn a_certificate_that_covers_both_joins_nothing() {
    let both = [A, B, "*.example.test"];
    let certificates = (TestCertificate::new(&both), TestCertificate::new(&both));
    let pair = Pair::with(EdgeBuilder::new(), certificates.0, certificates.1).await;
    let mut client = Http2::tls(pair.edge.tls().sni(A)).await;
    client.get(A, "/").await.from_backend("acme");
    client.get(B, "/").await.is(421);
    client.get(A, "/").await.from_backend("acme");
    // Dialled again, it is answered.
    pair.edge.get(&format!("https://{B}/")).http2().send().await.from_backend("globex");
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn even_the_very_same_certificate_joins_nothing() {
    let shared = TestCertificate::new(&["*.example.test"]);
    let pair = Pair::with(EdgeBuilder::new(), shared.clone(), shared).await;
    let mut client = Http2::tls(pair.edge.tls().sni(A)).await;
    client.get(B, "/").await.is(421);
    assert!(pair.globex.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn hosts_of_one_tenant_with_one_certificate_share_a_connection() {
    let pair = Pair::start().await;
    let wildcard = TestCertificate::new(&["*.shop.test"]);
    pair.edge.apply(
        "3-more.yaml",
        &documents(&[
            &wildcard.secret("acme", "wild"),
            &ingress("acme", "more", &["x.shop.test", "y.shop.test"], "echo", Some("wild")),
        ]),
    );
    let mut client = Http2::tls(pair.edge.tls().sni("x.shop.test")).await;
    client.get("x.shop.test", "/").await.from_backend("acme");
    client.get("y.shop.test", "/").await.from_backend("acme");
    // Another certificate of the same tenant is another profile.
    client.get(A, "/").await.is(421);
}
