// SPDX-License-Identifier: Apache-2.0
//! Attack H-15: globex claims ten thousand hostnames, and ever new ones.  Its limit ends that, and acme neither waits nor
//! loses a name.

use std::time::{Duration, Instant};

use postern_model::Reason;
use postern_tests::yaml::ingress;

use crate::pair::{A, Pair};

fn names(round: usize) -> Vec<String> {
    (0..10_000).map(|number| format!("g{number}.round{round}.globex.test")).collect()
}

fn attack(pair: &Pair, round: usize) {
    let names = names(round);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    pair.globex_adds(&ingress("globex", "many", &names, "echo", None));
}

fn claims(pair: &Pair, of: &str) -> usize {
    pair.edge.declared(|declared| {
        declared.world().claims().values().filter(|claim| &*claim.namespace == of).count()
    })
}

#[tokio::test]
async fn ten_thousand_names_stop_at_the_limit_and_nobody_else_notices() {
    let pair = Pair::start().await;
    for round in 0..3 {
        attack(&pair, round);
        assert_eq!(claims(&pair, "globex"), 5000);
        let fresh = format!("fresh{round}.example.test");
        let start = Instant::now();
        pair.edge.apply("3-more.yaml", &ingress("acme", "more", &[&fresh], "echo", None));
        pair.edge.get(&format!("http://{fresh}/")).send().await.from_backend("acme");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    // What it held first, it holds.
    pair.globex_adds(&pair.globex_wants(&["g0.round0.globex.test", "late.globex.test", A], None));
    pair.edge.get("http://g0.round0.globex.test/").send().await.from_backend("globex");
    pair.edge.get("http://late.globex.test/").expect(404).await;
    let told: Vec<_> = pair.edge.findings_of("globex").into_iter().map(|f| f.reason).collect();
    assert!(told.contains(&Reason::ClaimLimitReached), "{told:?}");
    assert!(pair.edge.findings_of("acme").is_empty());
    // acme, its first name and the fresh ones.
    assert_eq!(claims(&pair, "acme"), 4);
    pair.globex_is_intact().await;
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn the_operator_sets_the_limit_of_one_tenant() {
    let pair = Pair::start().await;
    pair.edge.apply(
        "3-operator.yaml",
        "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: globex}\n\
         spec: {namespaces: [globex], limits: {hosts: 2}}\n",
    );
    pair.globex_adds(&pair.globex_wants(&["one.globex.test", "two.globex.test"], None));
    pair.edge.get("http://one.globex.test/").send().await.from_backend("globex");
    pair.edge.get("http://two.globex.test/").expect(404).await;
    pair.globex_is_intact().await;
    pair.acme_is_intact().await;
}
