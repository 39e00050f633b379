// SPDX-License-Identifier: Apache-2.0
//! Two tenants on one edge: acme, the victim, and globex, who attacks.

use postern_tests::yaml::{documents, ingress, service, tenant};
use postern_tests::{Backend, Edge, EdgeBuilder, TestCertificate};

/// The host of acme.
pub(crate) const A: &str = "a.example.test";
/// The host of globex.
pub(crate) const B: &str = "b.example.test";

/// Two tenants on one edge.
pub(crate) struct Pair {
    /// The edge.
    pub(crate) edge: Edge,
    /// The victim's backend, `acme`.
    pub(crate) acme: Backend,
    /// The attacker's backend, `globex`.
    pub(crate) globex: Backend,
    /// The victim's certificate, for `a.example.test`.
    pub(crate) acme_certificate: TestCertificate,
    /// The attacker's certificate, for `b.example.test`.
    pub(crate) globex_certificate: TestCertificate,
}

impl Pair {
    /// Each with one host, one certificate and one backend.
    pub(crate) async fn start() -> Self {
        Self::started(EdgeBuilder::new()).await
    }

    /// The same on an edge of one's own making.
    pub(crate) async fn started(builder: EdgeBuilder) -> Self {
        let certificates = (TestCertificate::new(&[A]), TestCertificate::new(&[B]));
        Self::with(builder, certificates.0, certificates.1).await
    }

    /// The same with certificates of one's own making.
    pub(crate) async fn with(
        builder: EdgeBuilder,
        acme_certificate: TestCertificate,
        globex_certificate: TestCertificate,
    ) -> Self {
        let (acme, globex) = (Backend::start("acme").await, Backend::start("globex").await);
        let edge = builder
            .file("1-acme.yaml", &site("acme", A, &acme, &acme_certificate))
            .file("2-globex.yaml", &site("globex", B, &globex, &globex_certificate))
            .start()
            .await;
        Self { edge, acme, globex, acme_certificate, globex_certificate }
    }

    /// Adds objects to what globex declares (in a file that is read before acme's).
    pub(crate) fn globex_adds(&self, yaml: &str) {
        self.edge.apply("0-attack.yaml", yaml);
    }

    /// An Ingress of globex for these hosts, with its own Service.
    pub(crate) fn globex_wants(&self, hosts: &[&str], secret: Option<&str>) -> String {
        ingress("globex", "attack", hosts, "echo", secret)
    }

    /// Fails the test unless acme is served as ever, over both protocols, and globex's backend saw nothing of it.
    pub(crate) async fn acme_is_intact(&self) {
        let before = self.globex.received().len();
        let url = format!("https://{A}/canary");
        let one = self.edge.get(&url).send().await.from_backend("acme");
        let two = self.edge.get(&url).http2().send().await.from_backend("acme");
        self.edge.get(&format!("http://{A}/canary")).send().await.from_backend("acme");
        assert_eq!(one.fingerprint, self.acme_certificate.fingerprint());
        assert_eq!(two.fingerprint, self.acme_certificate.fingerprint());
        assert_eq!(self.globex.received().len(), before);
    }

    /// Fails the test unless globex is served on its own host.
    pub(crate) async fn globex_is_intact(&self) {
        let answer = self.edge.get(&format!("https://{B}/")).send().await.from_backend("globex");
        assert_eq!(answer.fingerprint, self.globex_certificate.fingerprint());
    }
}

/// A tenant with one host, one certificate (Secret `tls`) and one backend (Service `echo`).
pub(crate) fn site(
    namespace: &str,
    host: &str,
    backend: &Backend,
    certificate: &TestCertificate,
) -> String {
    documents(&[
        &certificate.secret(namespace, "tls"),
        &tenant(namespace, &[host], backend.address()),
    ])
}

/// A Service of a tenant with any endpoint.
pub(crate) fn other_service(namespace: &str, name: &str, backend: &Backend) -> String {
    service(namespace, name, &[backend.address()])
}
