// SPDX-License-Identifier: Apache-2.0
//! I19, T-CP-15, H-12: nothing that globex is told, on the wire or in a finding, names acme's objects, or tells whether
//! they exist.

use postern_tests::yaml::{documents, ingress};
use postern_tests::{Backend, EdgeBuilder, TestCertificate};

/// Words that occur in nothing but acme's objects.
const WORDS: [&str; 6] = ["acme", "vault", "treasury", "ledgerdb", "sitemap", "crown"];

fn victim(backend: &Backend) -> String {
    let certificate = TestCertificate::new(&["a.example.test"]);
    documents(&[
        &certificate.secret("acme-vault", "crown"),
        &postern_tests::yaml::service("acme-vault", "treasury", &[backend.address()]),
        &ingress(
            "acme-vault",
            "sitemap",
            &["a.example.test", "*.w.example.test"],
            "treasury",
            Some("crown"),
        ),
    ])
}

fn attacks() -> Vec<String> {
    let hosts = [
        "a.example.test",
        "x.w.example.test",
        "y.x.w.example.test",
        "*.w.example.test",
        "b.example.test",
    ];
    vec![
        ingress("globex", "attack", &hosts, "echo", Some("tls")),
        ingress("globex", "attack", &hosts, "nothing", Some("nothing")),
        documents(&[
            &TestCertificate::new(&hosts).secret("globex", "tls"),
            &ingress("globex", "attack", &hosts, "echo", Some("tls")),
        ]),
    ]
}

#[tokio::test]
async fn no_finding_of_a_tenant_names_another_tenants_things() {
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new().file("1.yaml", &victim(&backend)).start().await;
    for attack in attacks() {
        edge.apply("2.yaml", &attack);
        let findings = edge.findings_of("globex");
        assert!(!findings.is_empty());
        for finding in findings {
            let told = format!("{finding:?}");
            let named = WORDS.iter().find(|word| told.contains(**word));
            assert_eq!(named, None, "{told}");
        }
    }
}

#[tokio::test]
async fn what_exists_and_what_does_not_are_told_alike() {
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new().file("1.yaml", &victim(&backend)).start().await;
    let told = |secret: &str, service: &str| {
        edge.apply(
            "2.yaml",
            &ingress("globex", "attack", &["b.example.test"], service, Some(secret)),
        );
        let findings = edge.findings_of("globex");
        assert!(!findings.is_empty());
        let words = |text: &str| text.replace(secret, "SECRET").replace(service, "SERVICE");
        findings
            .iter()
            .map(|f| format!("{:?} {} {} {}", f.reason, f.field, words(&f.message), f.remedy))
            .collect::<Vec<_>>()
    };
    let there = told("acme-vault/crown", "acme-vault/treasury");
    assert_eq!(there, told("acme-vault/other", "acme-vault/another"));
    assert_eq!(there, told("nowhere/other", "nowhere/another"));
}

#[tokio::test]
async fn refusals_on_the_wire_are_the_same_for_owned_and_unowned_names() {
    let backend = Backend::start("acme").await;
    let globex = Backend::start("globex").await;
    let certificate = TestCertificate::new(&["b.example.test"]);
    let edge = EdgeBuilder::new()
        .file("1.yaml", &victim(&backend))
        .file(
            "2.yaml",
            &documents(&[
                &certificate.secret("globex", "tls"),
                &postern_tests::yaml::tenant("globex", &["b.example.test"], globex.address()),
            ]),
        )
        .start()
        .await;
    let mut answers = Vec::new();
    for host in ["a.example.test", "x.w.example.test", "nobody.example.test"] {
        let url = format!("https://{host}/");
        let mut answer = edge.get(&url).sni("b.example.test").expect(421).await;
        answer.headers.retain(|(name, _)| name != "date");
        answers.push((answer.headers.clone(), answer.text()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    let text = format!("{answers:?}");
    assert_eq!(WORDS.iter().find(|word| text.contains(**word)), None, "{text}");
}

/// Hazard 1: a Secret that is declared for a host of somebody else is not served, and its author is told.
#[tokio::test]
async fn a_certificate_for_a_host_of_another_tenant_is_refused_and_said() {
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new().file("1.yaml", &victim(&backend)).start().await;
    let tls = "spec:\n  tls: [{hosts: [a.example.test], secretName: tls}]\n";
    let attack = ingress("globex", "attack", &["b.example.test"], "echo", None);
    edge.apply(
        "2.yaml",
        &documents(&[
            &TestCertificate::new(&["a.example.test"]).secret("globex", "tls"),
            &attack.replace("spec:\n", tls),
        ]),
    );
    let findings = edge.findings_of("globex");
    let told = findings.iter().any(|finding| {
        finding.reason == postern_model::Reason::HostNotOwned && finding.field.contains("tls")
    });
    assert!(told, "{findings:#?}");
}
