// SPDX-License-Identifier: Apache-2.0
//! T-CP-05, I4: no spelling of a reference reaches a Secret or a Service of another tenant.

use postern_tests::yaml::ingress;

use crate::pair::Pair;

#[tokio::test]
async fn no_spelling_of_a_service_reaches_another_tenants() {
    let pair = Pair::start().await;
    for name in [
        "acme/echo",
        "acme-echo",
        "echo.acme",
        "echo.acme.svc",
        "echo.acme.svc.cluster.local",
        "acme-echo-80",
        "acme-echo@kubernetes",
        "acme-echo@kubernetescrd",
        "../acme/echo",
        "api@internal",
        "rest@internal",
        "prometheus@internal",
        "noop@internal",
        "echo@acme",
        "acme%2Fecho",
        "acme\\\\echo",
        "",
    ] {
        let quoted = format!("\"{name}\"");
        pair.globex_adds(&ingress("globex", "attack", &["c.example.test"], &quoted, None));
        let answer = pair.edge.get("http://c.example.test/").send().await;
        assert!(matches!(answer.status, 404 | 503), "{name}: {}", answer.status);
    }
    assert!(pair.acme.received().is_empty());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn no_spelling_of_a_secret_reaches_another_tenants() {
    let pair = Pair::start().await;
    for name in ["acme/tls", "acme-tls", "tls.acme", "../acme/tls", "acme%2Ftls", "tls@acme", ""] {
        let quoted = format!("\"{name}\"");
        // Even for a host that the certificate would cover, if globex had it.
        pair.globex_adds(&ingress("globex", "attack", &["c.example.test"], "echo", Some(&quoted)));
        let alert = pair.edge.tls().sni("c.example.test").refused().await;
        assert_eq!(alert, rustls::AlertDescription::UnrecognisedName, "{name}");
    }
    pair.acme_is_intact().await;
}

/// An Ingress has no field for a namespace, so there is nothing that a grant could permit it: a slash in a name is no
/// way around that.  (Who may be granted what is tested beside the resolver, for the kinds to come.)
#[tokio::test]
async fn a_grant_does_not_turn_a_name_into_a_path() {
    let pair = Pair::start().await;
    pair.edge.apply(
        "3-grant.yaml",
        "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n\
         metadata: {name: lend, namespace: acme}\n\
         spec: {from: [{group: networking.k8s.io, kind: Ingress, namespace: globex}], \
         to: [{group: \"\", kind: Service}, {group: \"\", kind: Secret}]}\n",
    );
    let names = ("acme/echo", Some("acme/tls"));
    pair.globex_adds(&ingress("globex", "attack", &["c.example.test"], names.0, names.1));
    pair.edge.get("http://c.example.test/").expect(503).await;
    let alert = pair.edge.tls().sni("c.example.test").refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    pair.acme_is_intact().await;
}
