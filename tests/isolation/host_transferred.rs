// SPDX-License-Identifier: Apache-2.0
//! T-TLS-05, H-03, H-06: when the operator gives a host to another tenant, old tickets and old connections are dead before
//! the first answer of the new owner; what a tenant gives up stays dark.

use std::sync::Arc;

use postern_tests::client::Http2;
use postern_tests::sessions::AnyName;
use postern_tests::tls::resumed;
use postern_tests::yaml::{documents, tenant};
use postern_tests::{EdgeBuilder, Raw, TestCertificate};

use crate::pair::{A, Pair};

const TRANSFER: &str = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: new}\n\
     spec: {namespaces: [globex], domains: [a.example.test]}\n";

/// Globex has everything ready for acme's host, with the very same certificate: only ownership differs.
async fn about_to_move() -> Pair {
    let shared = TestCertificate::new(&["*.example.test"]);
    let pair = Pair::with(EdgeBuilder::new(), shared.clone(), shared).await;
    pair.globex_adds(&pair.globex_wants(&[A], Some("tls")));
    pair.acme_is_intact().await;
    pair
}

#[tokio::test]
async fn tickets_and_connections_of_the_old_owner_are_dead() {
    for tls12 in [true, false] {
        let pair = about_to_move().await;
        let client = pair.edge.tls().sessions(AnyName::store()).alpn("http/1.1");
        let client = if tls12 { client.tls12() } else { client.tls13() };
        let config = Arc::new(client.config());
        let client = client.sni(A).reusing(&config);
        let connect = || async { client.connect().await.expect("the handshake succeeds") };
        Raw::tls(connect().await).get(A, "/").await.from_backend("acme");
        let mut standing = Raw::tls(connect().await);
        standing.get(A, "/").await.from_backend("acme");
        let mut streams = Http2::tls(pair.edge.tls().sni(A)).await;
        streams.get(A, "/").await.from_backend("acme");

        pair.edge.apply("9-transfer.yaml", TRANSFER);

        standing.get(A, "/").await.is(421);
        standing.is_closed().await;
        if let Ok(answer) = streams.try_get(A, "/").await {
            answer.is(421);
        }
        let stream = connect().await;
        assert!(!resumed(&stream), "a ticket of the old owner resumed");
        Raw::tls(stream).get(A, "/").await.from_backend("globex");
    }
}

#[tokio::test]
async fn a_host_whose_routes_are_gone_goes_to_nobody() {
    let pair = Pair::start().await;
    pair.globex_adds(&pair.globex_wants(&[A], Some("tls")));
    pair.edge.remove("1-acme.yaml");
    pair.edge.get(&format!("http://{A}/")).expect(404).await;
    let alert = pair.edge.tls().sni(A).refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    // The same tenant is back at once.
    pair.edge.apply(
        "1-acme.yaml",
        &documents(&[
            &pair.acme_certificate.secret("acme", "tls"),
            &tenant("acme", &[A], pair.acme.address()),
        ]),
    );
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_namespace_that_is_made_anew_inherits_nothing() {
    let namespace = |uid: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: acme, uid: {uid}}}\n")
    };
    let pair = Pair::started(EdgeBuilder::new().file("0-ns.yaml", &namespace("first"))).await;
    pair.acme_is_intact().await;
    pair.edge.apply("0-ns.yaml", &namespace("second"));
    pair.edge.get(&format!("http://{A}/")).expect(404).await;
    let alert = pair.edge.tls().sni(A).refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    pair.globex_is_intact().await;
}
