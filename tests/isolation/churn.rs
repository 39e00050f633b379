// SPDX-License-Identifier: Apache-2.0
//! Hazard 48, T-CP-11, I5: whatever globex declares, however often and however broken, acme's configuration neither
//! changes nor waits, and acme's connections stand.

use std::time::{Duration, Instant};

use postern_tests::client::Http2;
use postern_tests::yaml::{documents, ingress};

use crate::pair::{A, Pair};

/// Garbage of every kind, one for each number.
fn garbage(number: usize) -> String {
    let host = format!("g{number}.example.test");
    match number % 12 {
        0 => "kind: Ingress".into(),
        1 => ingress("globex", "g", &[&host, A, "*.example.test", "*.test", ""], "echo", Some("tls")),
        2 => ingress("globex", "g", &[&host], "nothing", Some("nothing")),
        3 => "{".repeat(200),
        4 => format!("a: &a [x, x]\nb: &b [*a, *a]\nc: [{}]", "*b, ".repeat(50)),
        5 => "\u{0}\u{1}\u{2}".into(),
        6 => "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: g, namespace: globex}\nspec: {rules: [{}, {http: {}}, {host: null}]}".into(),
        7 => "apiVersion: v1\nkind: Secret\nmetadata: {name: tls, namespace: globex}\ndata: {tls.crt: \"!!!\"}".into(),
        8 => documents(&[&ingress("globex", "g", &[&host], "echo", None), &ingress("globex", "g", &[A], "echo", None)]),
        9 => "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: g, namespace: globex, labels: {kubernetes.io/service-name: echo}}\naddressType: IPv4\nports: [{port: -1}, {port: 99999}, {}]\nendpoints: [{addresses: []}, {addresses: [\"x\"]}]".into(),
        10 => "apiVersion: postern.dev/v1alpha1\nkind: HostClaim\nmetadata: {name: not-for-tenants, namespace: globex}\nspec: {}".into(),
        _ => format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: g, namespace: globex, annotations: {{traefik.ingress.kubernetes.io/router.priority: \"{}\"}}}}\nspec: {{defaultBackend: {{service: {{name: echo, port: {{number: 99999}}}}}}}}", "9".repeat(40)),
    }
}

#[tokio::test]
async fn garbage_leaves_the_victim_as_it_was() {
    let pair = Pair::start().await;
    let mut standing = Http2::tls(pair.edge.tls().sni(A)).await;
    for number in 0..120 {
        pair.globex_adds(&garbage(number));
        standing.get(A, "/").await.from_backend("acme");
        if number % 20 == 0 {
            pair.acme_is_intact().await;
        }
    }
    assert!(!standing.is_closed());
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_change_of_the_victim_is_live_within_a_second_during_the_storm() {
    let pair = Pair::start().await;
    let hosts: Vec<_> = (0..500).map(|number| format!("g{number}.globex.test")).collect();
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    for number in 0..30 {
        pair.globex_adds(&ingress("globex", "g", &hosts[number..], "echo", Some("tls")));
        let start = Instant::now();
        let fresh = format!("fresh{number}.example.test");
        pair.edge.apply("3-more.yaml", &ingress("acme", "more", &[&fresh], "echo", None));
        pair.edge.get(&format!("http://{fresh}/")).send().await.from_backend("acme");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn sessions_and_pools_outlive_another_tenants_changes() {
    let builder = postern_tests::EdgeBuilder::new().config(|config| config.workers = 1);
    let pair = Pair::started(builder).await;
    let store = postern_tests::sessions::AnyName::store();
    let config = std::sync::Arc::new(pair.edge.tls().sessions(store).config());
    let client = pair.edge.tls().sni(A).reusing(&config);
    let visit = || async {
        let stream = client.connect().await.expect("the handshake succeeds");
        let resumed = postern_tests::tls::resumed(&stream);
        postern_tests::Raw::tls(stream).get(A, "/").await.from_backend("acme");
        resumed
    };
    visit().await;
    for number in 0..20 {
        pair.globex_adds(&garbage(number));
        assert!(visit().await, "a change of another tenant took tickets away");
    }
    assert_eq!(pair.acme.accepted(), 1, "a change of another tenant took connections away");
}
