// SPDX-License-Identifier: Apache-2.0
//! Hazards 4, 11 and 53, T-TLS-01, I9: what guards a host and is missing or broken closes it; it never falls back to
//! something weaker, of the same tenant or of another.

use postern_tests::certificate::secret;
use postern_tests::yaml::{documents, ingress, tenant};
use postern_tests::{Backend, EdgeBuilder, TestCertificate};
use rustls::AlertDescription;

use crate::pair::{A, Pair};

/// Globex holds a certificate for everything below example.test.
async fn pair_with_wildcard() -> Pair {
    let pair = Pair::start().await;
    let wildcard = TestCertificate::new(&["*.example.test", A]);
    pair.globex_adds(&documents(&[
        &wildcard.secret("globex", "wild"),
        &ingress("globex", "attack", &["c.example.test"], "echo", Some("wild")),
    ]));
    pair
}

#[tokio::test]
async fn a_deleted_secret_closes_the_host_and_nobody_elses_certificate_steps_in() {
    let pair = pair_with_wildcard().await;
    pair.acme_is_intact().await;
    pair.edge.apply("1-acme.yaml", &tenant("acme", &[A], pair.acme.address()));
    assert_eq!(pair.edge.tls().sni(A).refused().await, AlertDescription::UnrecognisedName);
    assert_eq!(pair.edge.tls().tls12().sni(A).refused().await, AlertDescription::UnrecognisedName);
    pair.globex_is_intact().await;
}

#[tokio::test]
async fn a_broken_secret_closes_the_host() {
    let pair = pair_with_wildcard().await;
    let own = &pair.acme_certificate;
    let other = TestCertificate::new(&["other.example.test"]);
    for (what, chain, key) in [
        ("a path instead of a certificate", "/etc/ssl/certs/ca.crt", own.key.as_str()),
        ("a path instead of a key", &own.chain, "/certs/other.key"),
        ("a key of another certificate", &own.chain, &other.key),
        ("a certificate for other names", &other.chain, &other.key),
        ("nothing", "", ""),
        ("half a chain", &own.chain[..own.chain.len() / 2], &own.key),
    ] {
        pair.edge.apply(
            "1-acme.yaml",
            &documents(&[
                &secret("acme", "tls", chain, key),
                &tenant("acme", &[A], pair.acme.address()),
            ]),
        );
        let alert = pair.edge.tls().sni(A).refused().await;
        assert_eq!(alert, AlertDescription::UnrecognisedName, "{what}");
        assert!(!pair.edge.findings_of("acme").is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_missing_secret_is_not_replaced_by_a_wildcard_of_the_same_tenant() {
    let backend = Backend::start("acme").await;
    let wildcard = TestCertificate::new(&["*.example.test"]);
    let edge = EdgeBuilder::new()
        .file(
            "acme.yaml",
            &documents(&[
                &wildcard.secret("acme", "wild"),
                &tenant("acme", &[A], backend.address()),
                &ingress("acme", "wild", &["*.example.test"], "echo", Some("wild")),
            ]),
        )
        .start()
        .await;
    assert_eq!(edge.tls().sni(A).refused().await, AlertDescription::UnrecognisedName);
    let shown = edge.tls().sni("other.example.test").fingerprint().await;
    assert_eq!(shown, wildcard.fingerprint());
}

#[tokio::test]
async fn a_guard_that_cannot_be_honoured_closes_the_route_and_no_broader_one_steps_in() {
    let pair = Pair::start().await;
    let guarded = "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
         metadata:\n  name: guarded\n  namespace: acme\n  annotations:\n    \
         traefik.ingress.kubernetes.io/router.middlewares: acme-auth@kubernetescrd\n\
         spec:\n  rules:\n  - host: a.example.test\n    http: {paths: [{path: /admin, pathType: Prefix, \
         backend: {service: {name: echo, port: {number: 80}}}}]}\n";
    pair.edge.apply("3-guarded.yaml", guarded);
    let seen = pair.acme.received().len();
    pair.edge.get("https://a.example.test/admin").expect(503).await;
    pair.edge.get("https://a.example.test/admin/x").expect(503).await;
    pair.edge.get("http://a.example.test/%61dmin").expect(503).await;
    assert_eq!(pair.acme.received().len(), seen);
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_missing_service_closes_its_route_and_no_other() {
    let pair = Pair::start().await;
    let gone = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: gone, namespace: acme}\n\
         spec:\n  rules:\n  - host: a.example.test\n    http: {paths: [{path: /gone, pathType: Prefix, \
         backend: {service: {name: gone, port: {number: 80}}}}]}\n";
    pair.edge.apply("3-gone.yaml", gone);
    pair.edge.get("https://a.example.test/gone").expect(503).await;
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_connection_that_stands_ends_when_its_hosts_secret_goes() {
    let pair = Pair::start().await;
    let stream = pair.edge.tls().sni(A).alpn("http/1.1").connect().await;
    let mut raw = postern_tests::Raw::tls(stream.expect("the handshake succeeds"));
    raw.get(A, "/").await.from_backend("acme");
    pair.edge.apply("1-acme.yaml", &tenant("acme", &[A], pair.acme.address()));
    let seen = pair.acme.received().len();
    raw.get(A, "/").await.is(421);
    raw.is_closed().await;
    assert_eq!(pair.acme.received().len(), seen);
    pair.globex_is_intact().await;
}
