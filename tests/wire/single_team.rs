// SPDX-License-Identifier: Apache-2.0
//! `tenancy.mode: off`: an Ingress without a host answers whatever the edge is called, also by its address alone.

use postern_model::TenancyMode;
use postern_tests::yaml::{documents, service};
use postern_tests::{Backend, Edge, EdgeBuilder, Raw};

const HOSTLESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
     metadata: {name: site, namespace: team}\n\
     spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: echo, port: {number: 80}}}}]}}]}\n";

const DEFAULT: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
     metadata: {name: site, namespace: team}\n\
     spec: {defaultBackend: {service: {name: echo, port: {number: 80}}}}\n";

async fn edge(backend: &Backend, ingress: &str) -> Edge {
    let echo = service("team", "echo", &[backend.address()]);
    EdgeBuilder::new()
        .settings(|settings| settings.tenancy = TenancyMode::Off)
        .file("all.yaml", &documents(&[&echo, ingress]))
        .start()
        .await
}

#[tokio::test]
async fn an_ingress_without_host_answers_for_every_name_and_address() {
    let backend = Backend::start("team").await;
    for ingress in [HOSTLESS, DEFAULT] {
        let edge = edge(&backend, ingress).await;
        let mut raw = Raw::clear(edge.web()).await;
        let own = edge.web().to_string();
        for host in [&own, "127.0.0.1", "[::1]:8000", "localhost:8000", "any.example.test"] {
            let answer = raw.get(host, "/path").await.from_backend("team");
            assert_eq!(answer.echo().expect("an echo")["target"], "/path", "{host}");
        }
        edge.get(&format!("http://{own}/")).send().await.from_backend("team");
        edge.get(&format!("http://{own}/")).http2().send().await.from_backend("team");
    }
}

#[tokio::test]
async fn without_such_an_ingress_an_address_is_nobodys() {
    let backend = Backend::start("team").await;
    let named = HOSTLESS.replace("{http:", "{host: a.example.test, http:");
    let edge = edge(&backend, &named).await;
    edge.get("http://a.example.test/").send().await.from_backend("team");
    edge.get("http://127.0.0.1/").expect(404).await;
}
