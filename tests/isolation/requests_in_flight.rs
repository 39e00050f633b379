// SPDX-License-Identifier: Apache-2.0
//! I6: a tenant whose requests never end, because its backend says nothing, takes neither descriptors nor memory without
//! bound: what is beyond its limit is answered with 429, and others are served as ever.

use postern_serve::RequestsInFlight;
use postern_tests::patience::until;
use postern_tests::yaml::{documents, tenant};
use postern_tests::{Backend, Edge, EdgeBuilder, Raw, Reply};

const LIMIT: usize = 5;

/// Two tenants; `b.example.test` is of globex, whose backend answers only `/now`, and upgrades.
async fn edge(tenants: &str, installation: RequestsInFlight) -> (Edge, Backend, Backend) {
    let acme = Backend::start("acme").await;
    let globex = Backend::scripted("globex", |head| match head.target.as_str() {
        "/now" => Reply::Echo,
        "/upgrade" => Reply::Upgrade,
        _ => Reply::Silence,
    })
    .await;
    let edge = EdgeBuilder::new()
        .config(|config| config.requests_in_flight = installation)
        .file(
            "all.yaml",
            &documents(&[
                tenants,
                &tenant("acme", &["a.example.test"], acme.address()),
                &tenant("globex", &["b.example.test"], globex.address()),
            ]),
        )
        .start()
        .await;
    (edge, acme, globex)
}

const UPGRADE: &str = "GET /upgrade HTTP/1.1\r\nHost: b.example.test\r\nConnection: Upgrade\r\n\
                       Upgrade: mirror\r\n\r\n";

/// Opens so many tunnels and requests that the limit is reached, on connections of their own.
async fn fill(edge: &Edge, globex: &Backend) -> Vec<Raw> {
    let mut open = Vec::new();
    for number in 0..LIMIT {
        let mut raw = Raw::clear(edge.web()).await;
        if number % 2 == 0 {
            raw.send(UPGRADE).await;
            assert_eq!(raw.try_answer("GET").await.expect("a 101").status, 101);
        } else {
            raw.send("GET /silence HTTP/1.1\r\nHost: b.example.test\r\n\r\n").await;
        }
        open.push(raw);
    }
    globex.until_received(LIMIT).await;
    open
}

async fn holds_and_lets_go(edge: Edge, globex: Backend) {
    let open = fill(&edge, &globex).await;
    for _ in 0..4 {
        let refused = edge.get("http://b.example.test/now").expect(429).await;
        assert_eq!(refused.header("retry-after"), Some("1"));
        edge.get("http://b.example.test/now").http2().expect(429).await;
        edge.get("http://a.example.test/").send().await.from_backend("acme");
        edge.get("http://a.example.test/").http2().send().await.from_backend("acme");
    }
    let mut text = String::new();
    edge.served().metrics().encode(&mut text);
    let counted = "postern_refusals_total{tenant=\"globex\",reason=\"too_many_requests\"} 8";
    assert!(text.lines().any(|line| line == counted), "{text}");
    assert!(!text.contains("tenant=\"acme\",reason=\"too_many_requests\""));
    drop(open);
    // Their places are free again, all of them.
    until("the places are free", || async {
        (edge.get("http://b.example.test/now").send().await.status == 200).then_some(())
    })
    .await;
    until("as many requests as before fit in", || async {
        edge.get("http://b.example.test/now").send().await.from_backend("globex");
        (globex.open() <= LIMIT).then_some(())
    })
    .await;
    drop(fill(&edge, &globex).await);
}

#[tokio::test]
async fn a_tenant_has_the_installations_limit() {
    let (edge, _acme, globex) = edge("", RequestsInFlight::AtMost(5)).await;
    holds_and_lets_go(edge, globex).await;
}

#[tokio::test]
async fn the_operator_may_give_it_one_of_its_own() {
    let tenant = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: globex}\n\
                  spec: {namespaces: [globex], limits: {requestsInFlight: 0}}\n";
    let (edge, _acme, globex) = edge(tenant, RequestsInFlight::AtMost(100)).await;
    edge.get("http://b.example.test/now").expect(429).await;
    edge.get("http://a.example.test/").send().await.from_backend("acme");
    // A change is in force at once.
    let more = tenant.replace("requestsInFlight: 0", "requestsInFlight: 1");
    edge.apply("0-tenant.yaml", &more);
    let all = documents(&[
        "",
        &postern_tests::yaml::tenant("globex", &["b.example.test"], globex.address()),
    ]);
    edge.apply("all.yaml", &all);
    edge.get("http://b.example.test/now").send().await.from_backend("globex");
}

#[tokio::test]
async fn a_quarter_of_the_descriptors_is_a_fair_share() {
    let (edge, _acme, globex) = edge("", RequestsInFlight::FairShare).await;
    drop(fill(&edge, &globex).await);
    edge.get("http://b.example.test/now").send().await.from_backend("globex");
}
