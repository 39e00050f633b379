// SPDX-License-Identifier: Apache-2.0
//! Hazard 49: thousands of globex's routes cost acme's requests nothing: a host's routes are found by its name.

use std::time::{Duration, Instant};

use postern_tests::Raw;
use postern_tests::yaml::ingress;

use crate::pair::{A, Pair};

async fn a_request(pair: &Pair) -> Duration {
    let mut raw = Raw::clear(pair.edge.web()).await;
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        raw.get(A, "/").await.from_backend("acme");
        best = best.min(start.elapsed());
    }
    best
}

/// The best of many, so that a busy machine does not decide; walking 5,000 routes would take many times as long.
#[tokio::test]
async fn thousands_of_routes_of_another_tenant_cost_nothing() {
    let pair = Pair::start().await;
    let before = a_request(&pair).await;
    let hosts: Vec<_> = (0..4000).map(|number| format!("g{number}.globex.test")).collect();
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    pair.globex_adds(&ingress("globex", "many", &hosts, "echo", None));
    pair.edge.get("http://g3999.globex.test/").send().await.from_backend("globex");
    let after = a_request(&pair).await;
    assert!(after < before * 3 + Duration::from_millis(1), "{before:?} {after:?}");
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_limit_on_routes_stops_one_tenant_alone() {
    let pair = Pair::start().await;
    pair.edge.apply(
        "3-operator.yaml",
        "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: globex}\n\
         spec: {namespaces: [globex], limits: {routes: 10}}\n",
    );
    let hosts: Vec<_> = (0..100).map(|number| format!("g{number}.globex.test")).collect();
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    pair.globex_adds(&ingress("globex", "many", &hosts, "echo", None));
    pair.edge.get("http://g99.globex.test/").expect(404).await;
    pair.acme_is_intact().await;
}
