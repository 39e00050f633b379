// SPDX-License-Identifier: Apache-2.0
//! Status, Events and the leader.

use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use postern_api::crd::Tenant;
use serde_json::json;

use super::objects::{addresses, define, events, ingress, namespace};
use super::replica::{ADDRESS, Replica, client, cluster, until};

#[tokio::test(flavor = "multi_thread")]
async fn authors_see_addresses_and_events_that_name_nobody_else() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "seen-acme").await;
    namespace(&client, "seen-globex").await;
    let replica = Replica::start("a", "seen").await;
    ingress(&client, "seen-acme", "shop", &["shop.seen.test", "www.seen.test"]).await;
    until("acme has its address", async || {
        addresses(&client, "seen-acme", "shop").await == [ADDRESS]
    })
    .await;
    ingress(&client, "seen-globex", "thief", &["shop.seen.test"]).await;
    ingress(&client, "seen-globex", "mixed", &["shop.seen.test", "own.seen-globex.test"]).await;
    until("globex is told", async || events(&client, "seen-globex").await.len() >= 4).await;
    let said = events(&client, "seen-globex").await;
    let reasons: Vec<_> = said.iter().map(|(reason, _)| reason.as_str()).collect();
    assert!(reasons.contains(&"HostNotOwned"), "{said:?}");
    assert!(reasons.contains(&"Programmed"), "{said:?}");
    for (_, note) in &said {
        assert!(!note.contains("acme"), "{note}");
    }
    // Partial status: the host that it owns is served (H-14).
    until("the mixed one has its address", async || {
        addresses(&client, "seen-globex", "mixed").await == [ADDRESS]
    })
    .await;
    assert!(addresses(&client, "seen-globex", "thief").await.is_empty());
    // Nothing is written when nothing changes.
    let written = replica.metrics.writes_total("ingress", "written");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(replica.metrics.writes_total("ingress", "written"), written);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_hands_over_and_a_killed_one_is_replaced() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    let first = Replica::start("a", "hand-over").await;
    until("the first leads", async || first.leads()).await;
    let second = Replica::start("b", "hand-over").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!second.leads());
    let began = std::time::Instant::now();
    first.stop().await;
    until("the second leads", async || second.leads()).await;
    let clean = began.elapsed();
    eprintln!("clean hand-over: {clean:?}");
    assert!(clean < Duration::from_secs(5), "{clean:?}");
    let third = Replica::start("c", "hand-over").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!third.leads());
    second.kill();
    let killed = until("the third leads", async || third.leads()).await;
    eprintln!("replaced after a kill: {killed:?}");
    assert!(killed < Duration::from_secs(10), "{killed:?}");
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_fought() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "fought").await;
    let replica = Replica::start("a", "fought").await;
    ingress(&client, "fought", "shop", &["shop.fought.test"]).await;
    let api: Api<Ingress> = Api::namespaced(client.clone(), "fought");
    let theirs = json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}});
    for rewrite in 0..5 {
        until("ours is there", async || addresses(&client, "fought", "shop").await == [ADDRESS])
            .await;
        let other = PatchParams { field_manager: Some("other".into()), ..Default::default() };
        api.patch_status("shop", &other, &Patch::Merge(&theirs)).await.unwrap();
        eprintln!("rewrite {rewrite}");
    }
    until("we gave up", async || replica.metrics.contended_total() == 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(addresses(&client, "fought", "shop").await, ["198.51.100.1"]);
    until("it is said", async || {
        events(&client, "fought").await.iter().any(|(reason, _)| reason == "StatusContended")
    })
    .await;
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_says_whether_it_is_in_force() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "told-a").await;
    let api: Api<Tenant> = Api::all(client.clone());
    let tenant = |name: &str, namespaces: &[&str], domain: &str| {
        let object = json!({"metadata": {"name": name},
            "spec": {"namespaces": namespaces, "domains": [domain]}});
        serde_json::from_value::<Tenant>(object).unwrap()
    };
    let post = PostParams::default();
    api.create(&post, &tenant("told", &["told-a", "told-b"], "*.told.test")).await.unwrap();
    let replica = Replica::start("a", "told").await;
    let ready = async |name: &str| {
        let status = api.get(name).await.unwrap().status.unwrap_or_default();
        let ready = status.conditions.into_iter().find(|condition| condition.kind == "Ready");
        ready.map(|ready| ready.reason).unwrap_or_default()
    };
    until("a namespace is missed", async || ready("told").await == "NamespaceNotFound").await;
    namespace(&client, "told-b").await;
    until("it is ready", async || ready("told").await == "Ready").await;
    let status = api.get("told").await.unwrap().status.unwrap();
    assert_eq!(status.summary.unwrap().namespaces, "told-a, told-b");
    assert!(status.namespaces.iter().all(|namespace| namespace.uid.is_some()));
    // Another Tenant that wants the same.
    api.create(&post, &tenant("told-thief", &["told-b"], "*.told.test")).await.unwrap();
    until("the younger one is refused", async || ready("told-thief").await == "TenantConflict")
        .await;
    assert_eq!(ready("told").await, "Ready");
    replica.stop().await;
    for name in ["told", "told-thief"] {
        api.delete(name, &Default::default()).await.unwrap();
    }
}
