// SPDX-License-Identifier: Apache-2.0
//! Hazards 21, 22 and 24, I15: a host has one owner.  Whoever comes later, with whatever age, path or priority, gets
//! nothing of it, and the winner does not change from one compile to the next.

use postern_model::Reason;
use postern_tests::yaml::{documents, ingress};
use postern_tests::{Backend, EdgeBuilder, TestCertificate};

use crate::pair::{A, B, Pair, site};

fn ingress_with(meta: &str, path: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
         metadata:\n  name: attack\n  namespace: globex\n{meta}\
         spec:\n  rules:\n  - host: a.example.test\n    http: {{paths: [{{path: \"{path}\", pathType: Prefix, \
         backend: {{service: {{name: echo, port: {{number: 80}}}}}}}}]}}\n"
    )
}

#[tokio::test]
async fn no_age_path_or_priority_takes_a_host_that_is_held() {
    let pair = Pair::start().await;
    for meta in [
        "",
        "  creationTimestamp: \"1970-01-01T00:00:00Z\"\n",
        "  annotations: {traefik.ingress.kubernetes.io/router.priority: \"9000000000000000000\"}\n",
    ] {
        for path in ["/", "/canary", "/canary/that/is/very/long"] {
            pair.globex_adds(&ingress_with(meta, path));
            let reasons: Vec<_> =
                pair.edge.findings_of("globex").iter().map(|finding| finding.reason).collect();
            assert!(reasons.contains(&Reason::HostNotOwned), "{reasons:?}");
            pair.acme_is_intact().await;
        }
    }
    pair.globex_is_intact().await;
}

#[tokio::test]
async fn the_winner_stays_over_a_hundred_compiles() {
    let pair = Pair::start().await;
    for number in 0..100 {
        let name = format!("attack-{}", number % 7);
        pair.globex_adds(&ingress("globex", &name, &[A, B], "echo", Some("tls")));
        let shown = pair.edge.tls().sni(A).fingerprint().await;
        assert_eq!(shown, pair.acme_certificate.fingerprint());
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_fresh_start_gives_the_same_winner_whatever_the_order_of_files() {
    let (acme, globex) = (Backend::start("acme").await, Backend::start("globex").await);
    let certificates = (TestCertificate::new(&[A]), TestCertificate::new(&[A, B]));
    let aged = |yaml: String, date: &str| {
        let name = "metadata: {name: site, ";
        yaml.replace(name, &format!("{name}creationTimestamp: \"{date}\", "))
    };
    let first = aged(site("acme", A, &acme, &certificates.0), "2026-01-01T00:00:00Z");
    let second = aged(site("globex", A, &globex, &certificates.1), "2026-01-02T00:00:00Z");
    for names in [("1.yaml", "2.yaml"), ("2.yaml", "1.yaml")] {
        let builder = EdgeBuilder::new().file(names.0, &first).file(names.1, &second);
        let edge = builder.start().await;
        let answer = edge.get(&format!("https://{A}/")).send().await.from_backend("acme");
        assert_eq!(answer.fingerprint, certificates.0.fingerprint());
    }
    let edge = EdgeBuilder::new().file("all.yaml", &documents(&[&second, &first])).start().await;
    edge.get(&format!("https://{A}/")).send().await.from_backend("acme");
    assert!(globex.received().is_empty());
}

#[tokio::test]
async fn the_loser_keeps_its_other_hosts() {
    let pair = Pair::start().await;
    let both = ingress("globex", "site", &[A, B, "c.example.test"], "echo", Some("tls"));
    pair.edge.apply(
        "2-globex.yaml",
        &documents(&[
            &pair.globex_certificate.secret("globex", "tls"),
            &crate::pair::other_service("globex", "echo", &pair.globex),
            &both,
        ]),
    );
    pair.acme_is_intact().await;
    pair.globex_is_intact().await;
    let url = "http://c.example.test/";
    pair.edge.get(url).send().await.from_backend("globex");
}
