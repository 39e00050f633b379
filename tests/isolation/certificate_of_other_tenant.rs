// SPDX-License-Identifier: Apache-2.0
//! Hazards 1, 2, 3 and 6, T-TLS-01, I1: a certificate of globex is never served for acme's host, however well it fits.

use postern_tests::TestCertificate;
use postern_tests::certificate::CertificateRequest;
use postern_tests::yaml::{documents, ingress};

use crate::pair::{A, B, Pair};

fn certificates_for_acmes_host() -> Vec<(&'static str, TestCertificate)> {
    vec![
        ("the same name", TestCertificate::new(&[A])),
        ("a name that sorts after", TestCertificate::new(&[A, "zzz.example"])),
        ("a name that sorts before", TestCertificate::new(&["000.example", A])),
        ("a wildcard", TestCertificate::new(&["*.example.test"])),
        ("all of it", TestCertificate::new(&[A, "*.example.test", "*.test", B])),
        ("newer", CertificateRequest::new(&[A]).from_month(3).make()),
        ("longer valid", CertificateRequest::new(&[A]).valid(2025, 2199).make()),
        ("RSA", CertificateRequest::new(&[A]).rsa().make()),
    ]
}

#[tokio::test]
async fn a_fitting_certificate_of_another_tenant_has_no_effect() {
    let pair = Pair::start().await;
    for (what, certificate) in certificates_for_acmes_host() {
        let secret = certificate.secret("globex", "fits");
        for ingress in [
            // Declared by an Ingress for its own host, for acme's host, for no host at all.
            ingress("globex", "attack", &["c.example.test"], "echo", Some("fits")),
            pair.globex_wants(&[A], Some("fits")),
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: attack, namespace: globex}\n\
             spec: {tls: [{secretName: fits}, {hosts: [a.example.test], secretName: fits}]}\n"
                .to_owned(),
        ] {
            pair.globex_adds(&documents(&[&secret, &ingress]));
            let shown = pair.edge.tls().sni(A).fingerprint().await;
            assert_eq!(shown, pair.acme_certificate.fingerprint(), "{what}");
        }
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn all_of_them_at_once_in_any_order_change_nothing() {
    let pair = Pair::start().await;
    let certificates = certificates_for_acmes_host();
    for rotation in 0..certificates.len() {
        let mut parts = Vec::new();
        for (number, (_, certificate)) in certificates.iter().enumerate() {
            let name = format!("s{}", (number + rotation) % certificates.len());
            parts.push(certificate.secret("globex", &name));
            let host = format!("c{number}.example.test");
            parts.push(ingress("globex", &name, &[&host, A], "echo", Some(&name)));
        }
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        pair.globex_adds(&documents(&parts));
        let shown = pair.edge.tls().sni(A).fingerprint().await;
        assert_eq!(shown, pair.acme_certificate.fingerprint());
    }
    pair.acme_is_intact().await;
    pair.globex_is_intact().await;
}

#[tokio::test]
async fn a_secret_that_no_route_declares_is_not_served() {
    let pair = Pair::start().await;
    let certificate = TestCertificate::new(&["c.example.test"]);
    pair.globex_adds(&documents(&[
        &certificate.secret("globex", "unused"),
        &ingress("globex", "attack", &["c.example.test"], "echo", None),
    ]));
    let alert = pair.edge.tls().sni("c.example.test").refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    pair.acme_is_intact().await;
}
