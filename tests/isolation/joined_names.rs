// SPDX-License-Identifier: Apache-2.0
//! Hazards 5, 36 and 37, T-CP-04: identity is a tuple.  Names that are one string when joined by hyphens, dots or
//! slashes are two things all the same.

use postern_tests::yaml::{documents, ingress, service};
use postern_tests::{Backend, EdgeBuilder, TestCertificate};

/// Every pair (namespace, name) of letters and hyphens whose joins by `-` are all `a-a-a-a`.
const SPLITS: [(&str, &str); 3] = [("a", "a-a-a"), ("a-a", "a-a"), ("a-a-a", "a")];

#[tokio::test]
async fn names_that_join_alike_serve_their_own_certificates_and_backends() {
    let mut builder = EdgeBuilder::new();
    let mut sites = Vec::new();
    for (number, (namespace, name)) in SPLITS.into_iter().enumerate() {
        let host = format!("h{number}.example.test");
        let backend = Backend::start(namespace).await;
        let certificate = TestCertificate::new(&[&host]);
        let yaml = documents(&[
            &certificate.secret(namespace, name),
            &service(namespace, name, &[backend.address()]),
            &ingress(namespace, name, &[&host], name, Some(name)),
        ]);
        builder = builder.file(&format!("{number}.yaml"), &yaml);
        sites.push((host, backend, certificate));
    }
    let edge = builder.start().await;
    for (host, backend, certificate) in &sites {
        let answer = edge.get(&format!("https://{host}/")).send().await;
        let answer = answer.from_backend(backend.name());
        assert_eq!(answer.fingerprint, certificate.fingerprint());
    }
}

#[tokio::test]
async fn a_service_or_secret_of_a_joined_name_reaches_nothing() {
    let acme = Backend::start("acme").await;
    let globex = Backend::start("globex").await;
    let certificate = TestCertificate::new(&["a.example.test", "b.example.test"]);
    let edge = EdgeBuilder::new()
        .file(
            "1.yaml",
            &documents(&[
                &certificate.secret("foo", "bar-tls"),
                &service("foo", "bar-echo", &[acme.address()]),
                &ingress("foo", "bar-site", &["a.example.test"], "bar-echo", Some("bar-tls")),
            ]),
        )
        .file("2.yaml", &ingress("foo-bar", "site", &["b.example.test"], "echo", Some("tls")))
        .start()
        .await;
    edge.get("https://a.example.test/").send().await.from_backend("acme");
    edge.get("http://b.example.test/").expect(503).await;
    let alert = edge.tls().sni("b.example.test").refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    assert!(globex.received().is_empty());
}
