// SPDX-License-Identifier: Apache-2.0
//! HostClaims: races, restarts, namespaces that are made anew.

use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, PostParams};
use postern_api::crd::{HostClaim, HostClaimSpec, Tenant};

use super::objects::{claim, define, delete_namespace, ingress, namespace};
use super::replica::{Replica, client, cluster, until};

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_that_claim_a_name_one_wins() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    for round in 0..20 {
        let host = format!("race-{round}.test");
        let racers = (0..50).map(|racer| {
            let api: Api<HostClaim> = Api::all(client.clone());
            let spec = HostClaimSpec {
                host: host.clone(),
                namespace: format!("racer-{racer}"),
                namespace_uid: None,
                epoch: 1,
            };
            let claim = HostClaim::new(&format!("h.{host}"), spec);
            tokio::spawn(async move { api.create(&PostParams::default(), &claim).await.is_ok() })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            winners += usize::from(racer.await.unwrap());
        }
        assert_eq!(winners, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_restart_no_edit_and_no_deletion_changes_an_owner() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "kept-acme").await;
    namespace(&client, "kept-globex").await;
    // Older than acme's, but it names the host later: the hijack by edit (H-02).
    ingress(&client, "kept-globex", "old", &["old.kept.test"]).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let first = Replica::start("a", "kept").await;
    ingress(&client, "kept-acme", "shop", &["shop.kept.test"]).await;
    let held = Some(("kept-acme".to_owned(), 1, false));
    until("the claim is recorded", async || claim(&client, "shop.kept.test").await == held).await;
    ingress(&client, "kept-globex", "old", &["old.kept.test", "shop.kept.test"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(first.owner("shop.kept.test").as_deref(), Some("kept-acme"));
    first.kill();
    // A replica that knows nothing but the cluster decides alike.
    let second = Replica::start("b", "kept").await;
    until("everything is compiled", async || second.owner("old.kept.test").is_some()).await;
    assert_eq!(second.owner("shop.kept.test").as_deref(), Some("kept-acme"));
    until("the second leads", async || second.leads()).await;
    assert_eq!(claim(&client, "shop.kept.test").await, held);
    // A claim that is deleted is recorded again, as it was.
    let api: Api<HostClaim> = Api::all(client.clone());
    api.delete("h.shop.kept.test", &DeleteParams::default()).await.unwrap();
    until("it is recorded again", async || claim(&client, "shop.kept.test").await == held).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_made_anew_inherits_nothing() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "anew").await;
    let replica = Replica::start("a", "anew").await;
    ingress(&client, "anew", "shop", &["shop.anew.test"]).await;
    until("the claim is recorded", async || claim(&client, "shop.anew.test").await.is_some()).await;
    delete_namespace(&client, "anew").await;
    namespace(&client, "anew").await;
    ingress(&client, "anew", "shop", &["shop.anew.test"]).await;
    until("the claim is given up", async || {
        claim(&client, "shop.anew.test").await == Some(("anew".to_owned(), 1, true))
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(replica.owner("shop.anew.test"), None);
    assert_eq!(claim(&client, "shop.anew.test").await, Some(("anew".to_owned(), 1, true)));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_by_the_operator_raises_the_epoch_once() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "moved-a").await;
    namespace(&client, "moved-b").await;
    let first = Replica::start("a", "moved").await;
    let second = Replica::start("b", "moved").await;
    let host = "shop.moved.test";
    ingress(&client, "moved-a", "shop", &[host]).await;
    until("a has it", async || claim(&client, host).await == Some(("moved-a".into(), 1, false)))
        .await;
    ingress(&client, "moved-b", "shop", &[host]).await;
    let tenants: Api<Tenant> = Api::all(client.clone());
    let tenant = serde_json::from_value(serde_json::json!({"metadata": {"name": "moved-b"},
        "spec": {"namespaces": ["moved-b"], "domains": [host]}}));
    tenants.create(&PostParams::default(), &tenant.unwrap()).await.unwrap();
    let moved = Some(("moved-b".to_owned(), 2, false));
    until("b has it", async || claim(&client, host).await == moved).await;
    for replica in [&first, &second] {
        until("both know", async || replica.owner(host).as_deref() == Some("tenant/moved-b")).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(claim(&client, host).await, moved);
    tenants.delete("moved-b", &DeleteParams::default()).await.unwrap();
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_releases_or_restores_stays_so() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "operated").await;
    let claims: Api<HostClaim> = Api::all(client.clone());
    // Restored without a UID: the namespace that is there is pinned.
    let spec = HostClaimSpec {
        host: "restored.operated.test".to_owned(),
        namespace: "operated".to_owned(),
        namespace_uid: None,
        epoch: 7,
    };
    let object = HostClaim::new("h.restored.operated.test", spec);
    claims.create(&PostParams::default(), &object).await.unwrap();
    let replica = Replica::start("a", "operated").await;
    until("the namespace is pinned", async || {
        claims.get("h.restored.operated.test").await.unwrap().spec.namespace_uid.is_some()
    })
    .await;
    assert_eq!(replica.owner("restored.operated.test").as_deref(), Some("operated"));
    // Released by hand.
    let released = serde_json::json!({"status": {"releasedAt": "2026-01-01T00:00:00Z"}});
    let patch = kube::api::Patch::Merge(released);
    let name = "h.restored.operated.test";
    claims.patch_status(name, &Default::default(), &patch).await.unwrap();
    until("it says so", async || {
        let status = claims.get(name).await.unwrap().status.unwrap_or_default();
        status.state == Some(postern_api::crd::HostClaimState::Released)
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let held = claim(&client, "restored.operated.test").await;
    assert_eq!(held, Some(("operated".to_owned(), 7, true)));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_claims_delays_nobody_elses() {
    let Some(_alone) = cluster().await else { return };
    let client = client().await;
    define(&client).await;
    namespace(&client, "storm").await;
    namespace(&client, "bystander").await;
    let replica = Replica::start("a", "storm").await;
    until("it leads", async || replica.leads()).await;
    for object in 0..20 {
        let hosts: Vec<_> = (0..50).map(|n| format!("h{n}.o{object}.storm.test")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        ingress(&client, "storm", &format!("storm-{object}"), &hosts).await;
    }
    ingress(&client, "bystander", "shop", &["shop.bystander.test"]).await;
    let took = until("the bystander's claim is recorded", async || {
        claim(&client, "shop.bystander.test").await.is_some()
    })
    .await;
    let claims: Api<HostClaim> = Api::all(client.clone());
    let recorded = async || {
        let all = claims.list(&Default::default()).await.unwrap().items;
        all.iter().filter(|claim| claim.spec.namespace == "storm").count()
    };
    let before = recorded().await;
    let rest = until("all are recorded", async || recorded().await == 1000).await;
    eprintln!("bystander after {took:?}, when {before} were recorded; all after {rest:?} more");
    // In turn, and not after all of them; the allowance of a storm is 300 at once.
    assert!(before < 500, "{before} came first");
    replica.stop().await;
}
