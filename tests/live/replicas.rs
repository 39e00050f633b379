// SPDX-License-Identifier: Apache-2.0
//! Two replicas: one writes, both serve, and losing the one that writes loses no request and changes no owner.

use std::time::{Duration, Instant};

use crate::cable::Cable;
use crate::client::{Outcome, staleness};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::load::{Load, Redial, only};
use crate::postern::{Postern, Start};
use crate::yaml::{documents, ingress, tenant};

async fn holder(cluster: &Cluster, namespace: &str) -> String {
    let path = "jsonpath={.items[*].spec.holderIdentity}";
    let leases = ["get", "lease", "--namespace", namespace, "--output", path];
    cluster.try_kubectl(&leases).await.unwrap_or_default()
}

/// Two replicas, the leader first.
async fn two(cluster: &Cluster, namespaces: &[&str]) -> [Postern; 2] {
    let one = Start::new(cluster, namespaces).ready().await;
    let two = Start::new(cluster, namespaces).ready().await;
    let system = namespaces.first().expect("one at least");
    eventually("one of them leads", PATIENCE, async || !holder(cluster, system).await.is_empty())
        .await;
    let leader = holder(cluster, system).await;
    if leader.ends_with(&one.address.to_string()) { [one, two] } else { [two, one] }
}

async fn is_recorded(cluster: &Cluster, host: &str, owner: &str) {
    let claim = format!("h.{host}");
    let read = ["get", "hostclaim", &claim, "--output=jsonpath={.spec.namespace}"];
    eventually("the claim is recorded", PATIENCE + PATIENCE, async || {
        cluster.try_kubectl(&read).await.is_ok_and(|namespace| namespace == owner)
    })
    .await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_leader_that_is_killed_takes_no_request_and_no_owner_with_it() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("killed-a"), &tenant("killed-b")])).await;
    cluster.rolled_out("killed-a").await;
    cluster.rolled_out("killed-b").await;
    let [leader, other] = two(&cluster, &["killed-a", "killed-b"]).await;
    let host = "shop.killed.example";
    cluster.apply(&ingress("killed-a", "shop", &[host])).await;
    for replica in [&leader, &other] {
        replica.serves(host, &Outcome::of("killed-a"), PROMPT).await;
    }
    cluster.apply(&ingress("killed-b", "thief", &[host])).await;
    is_recorded(&cluster, host, "killed-a").await;
    let load = Load::through(&[leader.address, other.address], host, Redial::WhenLost);
    load.goes_on(50).await;
    leader.kill().await;
    // Claims that come while nobody leads are recorded by the next leader.
    let fresh = "fresh.killed.example";
    cluster.apply(&ingress("killed-b", "fresh", &[fresh])).await;
    other.serves(fresh, &Outcome::of("killed-b"), PROMPT).await;
    is_recorded(&cluster, fresh, "killed-b").await;
    load.goes_on(50).await;
    only(&load.stop().await, &Outcome::of("killed-a"));
    let claim = cluster.get(&["hostclaim", &format!("h.{host}")]).await;
    assert_eq!(
        (&claim["spec"]["namespace"], &claim["spec"]["epoch"]),
        (&"killed-a".into(), &1.into())
    );
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_leader_that_ends_hands_over_within_five_seconds() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("ended")).await;
    cluster.rolled_out("ended").await;
    let [leader, other] = two(&cluster, &["ended"]).await;
    let host = "shop.ended.example";
    cluster.apply(&ingress("ended", "shop", &[host])).await;
    for replica in [&leader, &other] {
        replica.serves(host, &Outcome::of("ended"), PROMPT).await;
    }
    let load = Load::through(&[leader.address, other.address], host, Redial::WhenRefused);
    load.goes_on(50).await;
    let start = Instant::now();
    leader.stop().await;
    eventually("the other leads", PATIENCE, async || {
        holder(&cluster, "ended").await.ends_with(&other.address.to_string())
    })
    .await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "the hand-over took {took:?}");
    load.goes_on(20).await;
    only(&load.stop().await, &Outcome::of("ended"));
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_replica_that_is_cut_off_keeps_the_last_owner_and_takes_over_the_next_one_when_healed() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("torn-a"), &tenant("torn-b")])).await;
    cluster.rolled_out("torn-a").await;
    cluster.rolled_out("torn-b").await;
    let namespaces = ["torn-a", "torn-b"];
    let cable = Cable::lay(&cluster, "torn").await;
    let whole = Start::new(&cluster, &namespaces).ready().await;
    let torn = Start::new(&cluster, &namespaces).kubeconfig(cable.kubeconfig()).ready().await;
    let host = "shop.torn.example";
    cluster.apply(&ingress("torn-a", "shop", &[host])).await;
    for replica in [&whole, &torn] {
        replica.serves(host, &Outcome::of("torn-a"), PROMPT).await;
    }
    is_recorded(&cluster, host, "torn-a").await;
    cluster.apply(&ingress("torn-b", "shop", &[host])).await;

    cable.cut();
    let load = Load::start(&[torn.address], host);
    let object = cluster.get(&["namespace", "torn-b"]).await;
    let uid = object["metadata"]["uid"].as_str().expect("a namespace has one");
    let patch =
        format!("{{\"spec\":{{\"namespace\":\"torn-b\",\"namespaceUID\":\"{uid}\",\"epoch\":2}}}}");
    let claim = format!("h.{host}");
    cluster.kubectl(&["patch", "hostclaim", &claim, "--type=merge", "--patch", &patch]).await;
    whole.serves(host, &Outcome::of("torn-b"), PROMPT).await;
    load.goes_on(200).await;
    only(&load.stop().await, &Outcome::of("torn-a"));
    let since = async || staleness(torn.address, None).await;
    let before = since().await;
    eventually("it says for how long it has heard nothing", PATIENCE, async || {
        since().await > before + 0.2
    })
    .await;
    assert!(torn.says_ready().await, "stale is not broken:\n{}", torn.log());

    cable.mend();
    torn.serves(host, &Outcome::of("torn-b"), PATIENCE).await;
    let load = Load::start(&[whole.address, torn.address], host);
    load.goes_on(200).await;
    only(&load.stop().await, &Outcome::of("torn-b"));
}
