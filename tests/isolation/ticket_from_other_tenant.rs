// SPDX-License-Identifier: Apache-2.0
//! Hazard 58, T-TLS-03, T-TLS-04, T-TLS-13, I2, I20: a ticket resumes only for the tenant, the claim epoch and the
//! policy under which it was issued.

use std::sync::Arc;

use postern_tests::sessions::AnyName;
use postern_tests::tls::{Connected, resumed, shown};
use postern_tests::yaml::{documents, ingress};
use postern_tests::{EdgeBuilder, Handshake, Raw, TestCertificate};
use rustls::ClientConfig;

use crate::pair::{A, B, Pair};

/// Makes a handshake and one request: TLS 1.3 tickets come after the handshake.
async fn visit(handshake: &Handshake, host: &str) -> (bool, String) {
    let stream: Connected = handshake.connect().await.expect("the handshake succeeds");
    let facts = (resumed(&stream), shown(&stream));
    Raw::tls(stream).get(host, "/").await.is(200);
    facts
}

fn clients(pair: &Pair) -> [(&'static str, Handshake); 2] {
    let store = || AnyName::store();
    [
        ("TLS 1.2", pair.edge.tls().tls12().sessions(store())),
        ("TLS 1.3", pair.edge.tls().tls13().sessions(store())),
    ]
}

fn kept(handshake: &Handshake) -> Arc<ClientConfig> {
    Arc::new(handshake.config())
}

#[tokio::test]
async fn a_ticket_resumes_for_its_own_host() {
    let pair = Pair::start().await;
    for (version, client) in clients(&pair) {
        let config = kept(&client);
        let to_a = client.sni(A).reusing(&config);
        assert!(!visit(&to_a, A).await.0, "{version}");
        // The control of the tests below: without it they would show nothing.
        assert!(visit(&to_a, A).await.0, "{version}: no ticket, or it does not resume");
    }
}

#[tokio::test]
async fn a_ticket_of_another_tenant_is_a_full_handshake_with_the_right_certificate() {
    let pair = Pair::start().await;
    for (version, client) in clients(&pair) {
        let config = kept(&client);
        let (to_a, to_b) = (client.clone().sni(A), client.clone().sni(B));
        visit(&to_b.reusing(&config), B).await;
        let (resumed, shown) = visit(&to_a.reusing(&config), A).await;
        assert!(!resumed, "{version}");
        assert_eq!(shown, pair.acme_certificate.fingerprint(), "{version}");
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn not_even_with_one_certificate_for_both() {
    let shared = TestCertificate::new(&["*.example.test"]);
    let pair = Pair::with(EdgeBuilder::new(), shared.clone(), shared).await;
    for (version, client) in clients(&pair) {
        let config = kept(&client);
        visit(&client.clone().sni(B).reusing(&config), B).await;
        let (resumed, _) = visit(&client.sni(A).reusing(&config), A).await;
        assert!(!resumed, "{version}");
    }
}

#[tokio::test]
async fn a_ticket_without_server_name_opens_nothing() {
    let pair = Pair::start().await;
    for (version, client) in clients(&pair) {
        let config = kept(&client);
        visit(&client.clone().sni(A).reusing(&config), A).await;
        let alert = client.reusing(&config).refused().await;
        assert_eq!(alert, rustls::AlertDescription::UnrecognisedName, "{version}");
    }
}

const TLS13_ONLY: &str = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\n\
     spec: {namespaces: [acme], tls: {minVersion: VersionTLS13}}\n";

#[tokio::test]
async fn a_ticket_dies_when_the_policy_is_tightened() {
    let builder = EdgeBuilder::new().file(
        "0-tenant.yaml",
        "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {namespaces: [acme]}\n",
    );
    let pair = Pair::started(builder).await;
    let [(_, old), (_, new)] = clients(&pair);
    let (old_config, new_config) = (kept(&old), kept(&new));
    let (old, new) = (old.sni(A).reusing(&old_config), new.sni(A).reusing(&new_config));
    visit(&old, A).await;
    visit(&new, A).await;
    let mut standing = Raw::tls(old.connect().await.expect("the handshake succeeds"));
    standing.get(A, "/").await.from_backend("acme");
    pair.edge.apply("0-tenant.yaml", TLS13_ONLY);
    // The connection that stands was admitted under the weaker policy: it ends.
    standing.get(A, "/").await.is(421);
    standing.is_closed().await;
    assert_eq!(old.refused().await, rustls::AlertDescription::ProtocolVersion);
    assert!(!visit(&new, A).await.0, "a ticket of the weaker policy resumed");
    assert!(visit(&new, A).await.0);
    pair.globex_is_intact().await;
}

#[tokio::test]
async fn a_ticket_does_not_join_hosts_of_one_tenant_with_different_certificates() {
    let pair = Pair::start().await;
    let other = TestCertificate::new(&["x.example.test"]);
    pair.edge.apply(
        "3-more.yaml",
        &documents(&[
            &other.secret("acme", "other"),
            &ingress("acme", "more", &["x.example.test"], "echo", Some("other")),
        ]),
    );
    for (version, client) in clients(&pair) {
        let config = kept(&client);
        visit(&client.clone().sni(A).reusing(&config), A).await;
        let (_, shown) =
            visit(&client.sni("x.example.test").reusing(&config), "x.example.test").await;
        assert_eq!(shown, other.fingerprint(), "{version}");
    }
}

#[tokio::test]
async fn no_ticket_allows_early_data() {
    let pair = Pair::start().await;
    let client = pair.edge.tls().tls13().sessions(AnyName::store());
    let config = kept(&client);
    visit(&client.clone().sni(A).reusing(&config), A).await;
    // rustls offers 0-RTT whenever the ticket allows it and the client wants it, which this one does.
    assert!(config.enable_early_data);
    let name = rustls::pki_types::ServerName::try_from(A).expect("a name");
    let mut connection = rustls::ClientConnection::new(config, name).expect("a connection");
    assert!(connection.early_data().is_none(), "the ticket allows 0-RTT");
}
