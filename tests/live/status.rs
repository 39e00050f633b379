// SPDX-License-Identifier: Apache-2.0
//! What the leader writes: claims as the operator left them, conditions of Tenants, and no fight with anybody.

use serde_json::{Value, json};

use crate::api::Api;
use crate::client::Outcome;
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::postern::{Postern, Start};
use crate::yaml::{documents, ingress, namespace, tenant};

const OURS: &str = "203.0.113.7";
const CLAIMS: &str = "/apis/postern.dev/v1alpha1/hostclaims";

async fn claim(cluster: &Cluster, host: &str) -> Option<Value> {
    let read = ["get", "hostclaim", &format!("h.{host}"), "--output=json"];
    cluster.try_kubectl(&read).await.ok().and_then(|text| serde_json::from_str(&text).ok())
}

/// Waits until a claim is held by a namespace in an epoch.
async fn is_held(cluster: &Cluster, host: &str, by: &str, epoch: u64) {
    eventually(&format!("{host} is {by}'s in epoch {epoch}"), PATIENCE, async || {
        let spec = claim(cluster, host).await.unwrap_or_default()["spec"].clone();
        spec["namespace"] == by && spec["epoch"] == epoch
    })
    .await;
}

/// Waits until the leader has written about something that came later than all before.
async fn catches_up(cluster: &Cluster, postern: &Postern, namespace: &str, host: &str) {
    cluster.apply(&ingress(namespace, "marker", &[host])).await;
    postern.serves(host, &Outcome::of(namespace), PROMPT).await;
    is_held(cluster, host, namespace, 1).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_claim_that_is_deleted_is_recorded_again_and_a_released_one_stays_so() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("operated")).await;
    cluster.rolled_out("operated").await;
    let mut api = Api::connect(&cluster).await;
    // Restored from a backup without a UID: the namespace that is there is pinned.
    let restored = "restored.operated.example";
    let object = json!({
        "apiVersion": "postern.dev/v1alpha1", "kind": "HostClaim",
        "metadata": {"name": format!("h.{restored}")},
        "spec": {"host": restored, "namespace": "operated", "epoch": 7},
    });
    api.must("POST", CLAIMS, &object).await;
    let postern = Start::new(&cluster, &["operated"]).ready().await;
    eventually("the namespace is pinned", PATIENCE, async || {
        claim(&cluster, restored).await.is_some_and(|it| it["spec"]["namespaceUID"].is_string())
    })
    .await;

    let host = "shop.operated.example";
    cluster.apply(&ingress("operated", "shop", &[host, restored])).await;
    is_held(&cluster, host, "operated", 1).await;
    postern.serves(restored, &Outcome::of("operated"), PROMPT).await;
    cluster.kubectl(&["delete", "hostclaim", &format!("h.{host}")]).await;
    is_held(&cluster, host, "operated", 1).await;
    postern.serves(host, &Outcome::of("operated"), PROMPT).await;

    // Released by hand; the namespace still uses it, and a release of the operator's stands.
    cluster.kubectl(&["delete", "ingress", "shop", "--namespace=operated"]).await;
    api.must("PATCH", &format!("{CLAIMS}/h.{restored}/status"), &released(3600)).await;
    eventually("the claim says that it is released", PATIENCE, async || {
        claim(&cluster, restored).await.unwrap_or_default()["status"]["state"] == "Released"
    })
    .await;
    catches_up(&cluster, &postern, "operated", "marker.operated.example").await;
    let held = claim(&cluster, restored).await.expect("it is there");
    assert_eq!(held["spec"]["epoch"], 7, "{held}");
    assert!(held["status"]["releasedAt"].is_string(), "{held}");
}

/// The status of a claim that was released so many seconds ago.
fn released(seconds_ago: i64) -> Value {
    let now = jiff::Timestamp::now().as_second();
    let at = jiff::Timestamp::from_second(now - seconds_ago).expect("a moment of these years");
    json!({"status": {"releasedAt": at.to_string()}})
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn the_claims_of_a_namespace_that_is_gone_are_released_and_later_deleted() {
    let cluster = Cluster::shared().await;
    // The Lease is in the first, which stays.
    cluster.apply(&documents(&[&namespace("keeps"), &tenant("preview")])).await;
    let _postern = Start::new(&cluster, &["keeps", "preview"]).ready().await;
    let host = "pull-7.preview.example";
    cluster.apply(&ingress("preview", "shop", &[host])).await;
    is_held(&cluster, host, "preview", 1).await;
    cluster.kubectl(&["delete", "namespace", "preview"]).await;
    eventually("the claim is released", PATIENCE, async || {
        claim(&cluster, host).await.unwrap_or_default()["status"]["releasedAt"].is_string()
    })
    .await;
    // Three days later.
    let mut api = Api::connect(&cluster).await;
    api.must("PATCH", &format!("{CLAIMS}/h.{host}/status"), &released(3 * 86_400)).await;
    eventually("the claim is forgotten", PATIENCE, async || claim(&cluster, host).await.is_none())
        .await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_domain_that_is_given_to_a_tenant_raises_the_epoch_once() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("moved-a"), &tenant("moved-b")])).await;
    cluster.rolled_out("moved-a").await;
    cluster.rolled_out("moved-b").await;
    let names = ["moved-a", "moved-b"];
    let one = Start::new(&cluster, &names).ready().await;
    let two = Start::new(&cluster, &names).ready().await;
    let host = "shop.moved.example";
    cluster.apply(&ingress("moved-a", "shop", &[host])).await;
    is_held(&cluster, host, "moved-a", 1).await;
    cluster.apply(&ingress("moved-b", "shop", &[host])).await;
    let spec = format!("spec: {{namespaces: [moved-b], domains: [{host}]}}");
    let head = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: moved-b}\n";
    cluster.apply(&format!("{head}{spec}")).await;
    for replica in [&one, &two] {
        replica.serves(host, &Outcome::of("moved-b"), PROMPT).await;
    }
    is_held(&cluster, host, "moved-b", 2).await;
    catches_up(&cluster, &one, "moved-b", "marker.moved.example").await;
    is_held(&cluster, host, "moved-b", 2).await;
    cluster.kubectl(&["delete", "tenant", "moved-b"]).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn an_address_that_another_controller_writes_is_left_to_it_in_the_end() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("fought")).await;
    cluster.rolled_out("fought").await;
    let address = format!("--providers.kubernetesIngress.ingressEndpoint.ip={OURS}");
    let postern = Start::new(&cluster, &["fought"]).argument(&address).ready().await;
    cluster.apply(&ingress("fought", "shop", &["shop.fought.example"])).await;
    let mut api = Api::connect(&cluster).await;
    let path = "/apis/networking.k8s.io/v1/namespaces/fought/ingresses/shop/status";
    let theirs = json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}});
    let shown = async || {
        let object = cluster.get(&["ingress", "shop", "--namespace=fought"]).await;
        object["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().map(str::to_owned)
    };
    for _ in 0..5 {
        eventually("ours is there", PATIENCE, async || shown().await.as_deref() == Some(OURS))
            .await;
        api.must("PATCH", path, &theirs).await;
    }
    eventually("it is said", PATIENCE, async || {
        let said = cluster.kubectl(&["get", "events", "--namespace=fought"]).await;
        said.contains("StatusContended")
    })
    .await;
    catches_up(&cluster, &postern, "fought", "marker.fought.example").await;
    assert_eq!(shown().await.as_deref(), Some("198.51.100.1"));
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_tenant_says_whether_it_is_in_force() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&namespace("told-system"), &namespace("told-a")])).await;
    let _postern = Start::new(&cluster, &["told-system"]).ready().await;
    let tenant = |name: &str, namespaces: &str| {
        format!(
            "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\n\
             spec: {{namespaces: [{namespaces}], domains: [\"*.told.example\"]}}"
        )
    };
    let is = async |name: &str, reason: &str| {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].reason}";
        let read = ["get", "tenant", name, "--output", path];
        eventually(&format!("{name} is {reason}"), PATIENCE, async || {
            cluster.kubectl(&read).await == reason
        })
        .await;
    };
    cluster.apply(&tenant("told", "told-a, told-b")).await;
    is("told", "NamespaceNotFound").await;
    cluster.apply(&namespace("told-b")).await;
    is("told", "Ready").await;
    let status = cluster.get(&["tenant", "told"]).await["status"].clone();
    let pinned = status["namespaces"].as_array().cloned().unwrap_or_default();
    assert!(pinned.len() == 2 && pinned.iter().all(|one| one["uid"].is_string()), "{status}");
    // Another one that wants the same, later.
    cluster.apply(&tenant("told-thief", "told-b")).await;
    is("told-thief", "TenantConflict").await;
    is("told", "Ready").await;
    cluster.kubectl(&["delete", "tenant", "told", "told-thief"]).await;
}
