// SPDX-License-Identifier: Apache-2.0
//! T-TLS-05, H-03, H-06: when the operator gives a host to another tenant, old tickets and old connections are dead before
//! the first answer of the new owner; what a tenant gives up stays dark.

use std::sync::Arc;

use postern_tests::client::Http2;
use postern_tests::sessions::AnyName;
use postern_tests::tls::resumed;
use postern_tests::yaml::{documents, ingress, tenant};
use postern_tests::{Backend, EdgeBuilder, Raw, Reply, TestCertificate};

use crate::pair::{A, Pair};

const TRANSFER: &str = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: new}\n\
     spec: {namespaces: [globex], domains: [a.example.test]}\n";

const CLASS: &str = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: other}\n\
     spec: {controller: example.test/other}\n";

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a.example.test\r\nConnection: Upgrade\r\n\
     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

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

/// Its backend changes the protocol for acme, whose host is then given to globex, or released.
#[tokio::test]
async fn a_tunnel_of_the_old_owner_ends_with_the_transfer() {
    let backend = Backend::scripted("acme", |_| Reply::Upgrade).await;
    let certificate = TestCertificate::new(&[A]);
    let site = crate::pair::site("acme", A, &backend, &certificate);
    let edge = EdgeBuilder::new().file("1-acme.yaml", &site).start().await;
    let tls = edge.tls().sni(A).alpn("http/1.1").connect().await.expect("the handshake succeeds");
    let mut tunnels = [Raw::clear(edge.web()).await, Raw::tls(tls)];
    for tunnel in &mut tunnels {
        tunnel.send(UPGRADE).await;
        tunnel.answer().await.is(101);
        tunnel.send("before").await;
        assert_eq!(tunnel.exactly(6).await, b"before");
    }
    // What changes without a transfer ends nothing.
    edge.apply("3-more.yaml", &ingress("acme", "more", &["fresh.example.test"], "echo", None));
    edge.apply("4-class.yaml", CLASS);
    for tunnel in &mut tunnels {
        tunnel.send("still").await;
        assert_eq!(tunnel.exactly(5).await, b"still");
    }
    edge.apply("9-transfer.yaml", TRANSFER);
    for tunnel in &mut tunnels {
        tunnel.is_closed().await;
    }
    backend.until_idle().await;
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

/// The same of a Tenant: what the operator gave to the namespace that was there, the new one does not have.
#[tokio::test]
async fn a_namespace_that_is_made_anew_is_not_its_tenants() {
    let namespace = |uid: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: acme, uid: {uid}}}\n")
    };
    let tenant = |pins: &str| {
        format!(
            "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: acme}}\n\
             spec: {{namespaces: [acme], domains: [a.example.test]}}\nstatus: {{namespaces: [{pins}]}}\n"
        )
    };
    let builder = EdgeBuilder::new()
        .file("0-ns.yaml", &namespace("first"))
        .file("0-tenant.yaml", &tenant("{name: acme, uid: first}"));
    let pair = Pair::started(builder).await;
    pair.acme_is_intact().await;
    pair.edge.apply("0-ns.yaml", &namespace("second"));
    pair.edge.get(&format!("http://{A}/")).expect(404).await;
    let alert = pair.edge.tls().sni(A).refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    // The operator has confirmed it.
    pair.edge.apply("0-tenant.yaml", &tenant(""));
    pair.acme_is_intact().await;
    pair.globex_is_intact().await;
}
