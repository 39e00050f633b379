// SPDX-License-Identifier: Apache-2.0
//! I6: a tenant whose clients open more connections than it may have pays with its own, and its neighbours with none.

use postern_serve::Connections;
use postern_tests::patience::until;
use postern_tests::{EdgeBuilder, Raw};

use crate::many_connections::shed;
use crate::pair::{A, B, Pair};

const LIMIT: usize = 4;

/// One worker, so that the limit is exact; globex has one of its own.
async fn limited(spec: &str) -> Pair {
    let tenant = format!(
        "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: globex}}\n\
         spec: {{namespaces: [globex], limits: {{{spec}}}}}\n"
    );
    let builder = EdgeBuilder::new().file("0-tenant.yaml", &tenant).config(|config| {
        config.workers = 1;
        config.tenant_connections = Connections::AtMost(2 * LIMIT);
    });
    Pair::started(builder).await
}

async fn open(pair: &Pair, host: &str) -> Raw {
    let mut raw = Raw::tls(pair.edge.tls().sni(host).connect().await.expect("a handshake"));
    raw.get(host, "/").await;
    raw
}

#[tokio::test]
async fn a_tenants_longest_idle_connection_makes_room_for_its_next_one() {
    let pair = limited(&format!("connections: {LIMIT}")).await;
    let mut of_acme = open(&pair, A).await;
    let mut of_globex = Vec::new();
    for _ in 0..LIMIT {
        of_globex.push(open(&pair, B).await);
    }
    assert_eq!(shed(&pair.edge, "tenant"), 0);
    // The first one was used last, so the second goes.
    of_globex[0].get(B, "/").await.from_backend("globex");
    of_globex.push(open(&pair, B).await);
    of_globex.remove(1).is_closed().await;
    for raw in &mut of_globex {
        raw.get(B, "/").await.from_backend("globex");
    }
    of_acme.get(A, "/").await.from_backend("acme");
    pair.acme_is_intact().await;
    assert_eq!(shed(&pair.edge, "tenant"), 1);
}

#[tokio::test]
async fn one_without_a_limit_of_its_own_has_the_installations() {
    let pair = limited("connections: 1").await;
    let mut of_globex = open(&pair, B).await;
    let mut of_acme = Vec::new();
    for _ in 0..=2 * LIMIT {
        of_acme.push(open(&pair, A).await);
    }
    of_acme[0].is_closed().await;
    of_acme[1].get(A, "/").await.from_backend("acme");
    of_globex.get(B, "/").await.from_backend("globex");
}

#[tokio::test]
async fn a_tenant_without_any_is_refused_and_its_neighbour_is_not() {
    let pair = limited("connections: 0").await;
    assert!(pair.edge.tls().sni(B).connect().await.is_err());
    let line = "postern_refusals_total{tenant=\"tenant/globex\",reason=\"too_many_connections\"} 1";
    until("it is counted", || async {
        let mut text = String::new();
        pair.edge.served().metrics().encode(&mut text);
        text.lines().any(|counted| counted == line).then_some(())
    })
    .await;
    // A clear connection belongs to no tenant; what is asked for on it has a limit of its own.
    pair.edge.get(&format!("http://{B}/")).send().await.from_backend("globex");
    pair.acme_is_intact().await;
}
