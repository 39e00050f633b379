// SPDX-License-Identifier: Apache-2.0
//! Hazards 23, 24 and 26: rules without a host and default backends answer on the hosts of their own tenant only,
//! whatever their priority; a catch-all answers for names that nobody owns, and only if the operator allows it.

use postern_tests::yaml::documents;

use crate::pair::{B, Pair};

const HOSTLESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
     metadata:\n  name: hostless\n  namespace: globex\n  \
     annotations: {traefik.ingress.kubernetes.io/router.priority: \"9000000000000000000\"}\n\
     spec:\n  rules:\n  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: echo, port: {number: 80}}}}, \
     {path: /canary/with/a/long/path/that/wins, pathType: Exact, backend: {service: {name: echo, port: {number: 80}}}}]}\n";

const DEFAULT: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
     metadata: {name: default, namespace: globex}\n\
     spec: {defaultBackend: {service: {name: echo, port: {number: 80}}}}\n";

#[tokio::test]
async fn a_rule_without_host_answers_on_no_host_of_another_tenant() {
    let pair = Pair::start().await;
    pair.globex_adds(&documents(&[HOSTLESS, DEFAULT]));
    pair.acme_is_intact().await;
    let long = "http://a.example.test/canary/with/a/long/path/that/wins";
    pair.edge.get(long).send().await.from_backend("acme");
    pair.edge.get("http://nobody.example.test/").expect(404).await;
    pair.edge.get("http://127.0.0.1/").expect(404).await;
    let own = format!("http://{B}/anything");
    pair.edge.get(&own).send().await.from_backend("globex");
}

#[tokio::test]
async fn a_default_backend_answers_for_no_path_of_another_tenant() {
    let pair = Pair::start().await;
    let narrow =
        postern_tests::yaml::ingress("acme", "site", &["a.example.test"], "echo", Some("tls"))
            .replace("path: /,", "path: /app,");
    pair.edge.apply(
        "1-acme.yaml",
        &documents(&[
            &pair.acme_certificate.secret("acme", "tls"),
            &crate::pair::other_service("acme", "echo", &pair.acme),
            &narrow,
        ]),
    );
    pair.globex_adds(&documents(&[HOSTLESS, DEFAULT]));
    pair.edge.get("https://a.example.test/app/x").send().await.from_backend("acme");
    pair.edge.get("https://a.example.test/other").expect(404).await;
    assert!(pair.globex.received().is_empty());
}

#[tokio::test]
async fn a_catch_all_answers_for_names_that_nobody_owns_and_for_no_other() {
    let pair = Pair::start().await;
    pair.globex_adds(HOSTLESS);
    pair.edge.apply(
        "3-operator.yaml",
        "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: globex}\n\
         spec: {namespaces: [globex], allowCatchAll: true}\n",
    );
    pair.acme_is_intact().await;
    pair.edge.get("http://nobody.example.test/").send().await.from_backend("globex");
    pair.edge.get("http://127.0.0.1/").send().await.from_backend("globex");
    let alert = pair.edge.tls().sni("nobody.example.test").refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
}
