// SPDX-License-Identifier: Apache-2.0
//! Hazards 44 and 45, T-CP-07, I14: no tenant aims Postern at loopback, metadata, or another tenant's Pods.  Canaries
//! listen where no connection may come.

use postern_model::Reason;
use postern_tests::yaml::{documents, ingress};
use postern_tests::{Backend, Edge, EdgeBuilder};

use crate::pair::Pair;

fn aimed_at(address: &str, port: u16, target: &str) -> String {
    let family = if address.contains(':') { "IPv6" } else { "IPv4" };
    documents(&[
        "apiVersion: v1\nkind: Service\nmetadata: {name: aim, namespace: globex}\nspec: {ports: [{name: http, port: 80}]}\n",
        &format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: aim, namespace: globex, labels: {{kubernetes.io/service-name: aim}}}}\n\
             addressType: {family}\nports: [{{name: http, port: {port}}}]\n\
             endpoints: [{{addresses: [\"{address}\"]{target}}}]\n"
        ),
        &ingress("globex", "aim", &["c.example.test"], "aim", None),
    ])
}

#[tokio::test]
async fn no_spelling_of_loopback_or_metadata_is_dialled() {
    let canary = Backend::start("canary").await;
    let port = canary.address().port();
    // Loopback is allowed on an edge of tests; here it is as on every real one.
    let edge = EdgeBuilder::new().settings(|s| s.egress.allow.clear()).start().await;
    for address in [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        edge.apply("globex.yaml", &aimed_at(address, port, ""));
        edge.get("http://c.example.test/").expect(503).await;
        let findings = edge.findings_of("globex");
        let denied = findings.iter().any(|finding| finding.reason == Reason::EgressDenied);
        assert!(denied, "{address}: {findings:?}");
    }
    assert_eq!(canary.accepted(), 0);
}

#[tokio::test]
async fn addresses_that_are_none_are_refused() {
    let edge = EdgeBuilder::new().start().await;
    for address in
        ["2130706433", "0x7f000001", "127.1", "localhost", "0177.0.0.1", "127.0.0.1.", ""]
    {
        edge.apply("globex.yaml", &aimed_at(address, 80, ""));
        edge.get("http://c.example.test/").expect(503).await;
        assert!(!edge.findings_of("globex").is_empty(), "{address}");
    }
}

#[tokio::test]
async fn a_slice_that_names_another_tenants_pod_is_not_dialled() {
    let pair = Pair::start().await;
    let address = pair.acme.address();
    let target = ", targetRef: {kind: Pod, name: echo-1, namespace: acme}";
    pair.globex_adds(&aimed_at(&address.ip().to_string(), address.port(), target));
    pair.edge.get("http://c.example.test/").expect(503).await;
    assert_eq!(pair.acme.accepted(), 0);
    let reasons: Vec<_> = pair.edge.findings_of("globex").iter().map(|f| f.reason).collect();
    assert!(reasons.contains(&Reason::EndpointNotOwned), "{reasons:?}");
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn external_names_are_not_dialled() {
    let canary = Backend::start("canary").await;
    let edge = EdgeBuilder::new().start().await;
    for name in [
        "localhost",
        "127.0.0.1",
        "169.254.169.254",
        "kubernetes.default",
        "echo.acme.svc.cluster.local",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "0x7f.1",
    ] {
        edge.apply(
            "globex.yaml",
            &documents(&[
                &format!(
                    "apiVersion: v1\nkind: Service\nmetadata: {{name: aim, namespace: globex}}\n\
                     spec: {{type: ExternalName, externalName: \"{name}\", ports: [{{port: 80, targetPort: {}}}]}}\n",
                    canary.address().port()
                ),
                &ingress("globex", "aim", &["c.example.test"], "aim", None),
            ]),
        );
        edge.get("http://c.example.test/").expect(503).await;
        let reasons: Vec<_> = edge.findings_of("globex").iter().map(|f| f.reason).collect();
        assert!(reasons.contains(&Reason::ExternalNameNotAllowed), "{name}: {reasons:?}");
    }
    assert_eq!(canary.accepted(), 0);
}

#[tokio::test]
async fn a_slice_does_not_join_another_namespaces_service() {
    let acme = Backend::start("acme").await;
    let globex = Backend::start("globex").await;
    let edge: Edge = EdgeBuilder::new()
        .file(
            "acme.yaml",
            &postern_tests::yaml::tenant("acme", &["a.example.test"], acme.address()),
        )
        .file("globex.yaml", &postern_tests::yaml::slice("globex", "echo", 9, globex.address()))
        .start()
        .await;
    for _ in 0..10 {
        edge.get("http://a.example.test/").send().await.from_backend("acme");
    }
    assert_eq!(globex.accepted(), 0);
}
