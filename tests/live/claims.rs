// SPDX-License-Identifier: Apache-2.0
//! HostClaims: one winner of every race, the same on every replica, and no claim that says what it may not.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::client::Outcome;
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::load::{Load, only};
use crate::postern::Start;
use crate::yaml::{documents, ingress, tenant};

const CLAIMS: &str = "/apis/postern.dev/v1alpha1/hostclaims";
const RACERS: usize = 50;
const ROUNDS: usize = 40;

fn claim(host: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "postern.dev/v1alpha1", "kind": "HostClaim",
        "metadata": {"name": format!("h.{host}")},
        "spec": {"host": host, "namespace": namespace, "epoch": 1},
    })
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn of_fifty_racers_for_one_claim_one_wins() {
    let cluster = Cluster::shared().await;
    let mut racers = Vec::new();
    for _ in 0..RACERS {
        racers.push(Api::connect(&cluster).await);
    }
    for round in 0..ROUNDS {
        let host = format!("r{round}.race.example");
        let mut race = JoinSet::new();
        for (number, mut racer) in racers.drain(..).enumerate() {
            let body = claim(&host, &format!("racer-{number}"));
            race.spawn(async move {
                let (status, _) = racer.send("POST", CLAIMS, &body).await;
                (racer, number, status)
            });
        }
        let mut won = Vec::new();
        for (racer, number, status) in race.join_all().await {
            assert!(matches!(status, 201 | 409), "{status}");
            won.extend((status == 201).then_some(number));
            racers.push(racer);
        }
        assert_eq!(won.len(), 1, "{host} was won by {won:?}");
        let read = racers[0].must("GET", &format!("{CLAIMS}/h.{host}"), &Value::Null).await;
        assert_eq!(read["spec"]["namespace"], format!("racer-{}", won[0]));
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_claim_under_another_name_or_with_an_earlier_epoch_is_refused() {
    let cluster = Cluster::shared().await;
    let mut api = Api::connect(&cluster).await;
    let mut wrong = claim("shop.rules.example", "rules");
    wrong["metadata"]["name"] = json!("h.other.rules.example");
    let (status, answer) = api.send("POST", CLAIMS, &wrong).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["message"].to_string().contains("metadata.name must be h."), "{answer}");

    api.must("POST", CLAIMS, &claim("shop.rules.example", "rules")).await;
    let path = format!("{CLAIMS}/h.shop.rules.example");
    api.must("PATCH", &path, &json!({"spec": {"namespace": "others", "epoch": 3}})).await;
    let (status, answer) = api.send("PATCH", &path, &json!({"spec": {"epoch": 2}})).await;
    assert_eq!(status, 422, "{answer}");
    let (status, _) = api.send("PATCH", &path, &json!({"spec": {"host": "a.rules.example"}})).await;
    assert_eq!(status, 422);
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn replicas_agree_on_the_winner_of_a_race_between_tenants() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("agree-a"), &tenant("agree-b")])).await;
    cluster.rolled_out("agree-a").await;
    cluster.rolled_out("agree-b").await;
    let namespaces = ["agree-a", "agree-b"];
    let one = Start::new(&cluster, &namespaces).ready().await;
    let two = Start::new(&cluster, &namespaces).ready().await;
    for round in 0..10 {
        let host = format!("r{round}.agree.example");
        let name = format!("race-{round}");
        let objects = namespaces.map(|namespace| ingress(namespace, &name, &[&host]));
        tokio::join!(cluster.apply(&objects[round % 2]), cluster.apply(&objects[(round + 1) % 2]));
        let claim = format!("h.{host}");
        let read = ["get", "hostclaim", &claim, "--output=jsonpath={.spec.namespace}"];
        eventually("the claim is recorded", PATIENCE, async || {
            cluster.try_kubectl(&read).await.is_ok()
        })
        .await;
        let owner = cluster.kubectl(&read).await;
        for replica in [&one, &two] {
            replica.serves(&host, &Outcome::of(&owner), PROMPT).await;
        }
        for _ in 0..10 {
            assert_eq!(one.get(&host).await, Outcome::of(&owner), "{host}");
            assert_eq!(two.get(&host).await, Outcome::of(&owner), "{host}");
        }
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_flood_of_names_ends_at_its_tenants_limit_and_delays_nobody() {
    const LIMIT: usize = 100;
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("flood-a"), &tenant("flood-b")])).await;
    cluster
        .apply(&format!(
            "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: flood-b}}\n\
             spec: {{namespaces: [flood-b], limits: {{routes: {LIMIT}}}}}"
        ))
        .await;
    cluster.rolled_out("flood-a").await;
    cluster.rolled_out("flood-b").await;
    let postern = Start::new(&cluster, &["flood-a", "flood-b"]).ready().await;
    cluster.apply(&ingress("flood-a", "shop", &["shop.flood.example"])).await;
    postern.serves("shop.flood.example", &Outcome::of("flood-a"), PROMPT).await;

    let load = Load::start(&[postern.address], "shop.flood.example");
    for batch in 0..10 {
        let hosts: Vec<_> = (0..100).map(|n| format!("n{batch}-{n}.flood.example")).collect();
        let list: Vec<_> = hosts.iter().map(String::as_str).collect();
        cluster.apply(&ingress("flood-b", &format!("flood-{batch}"), &list)).await;
        let fresh = format!("a{batch}.flood.example");
        cluster.apply(&ingress("flood-a", &format!("fresh-{batch}"), &[&fresh])).await;
        postern.serves(&fresh, &Outcome::of("flood-a"), PROMPT).await;
    }
    // Not `describe`, which looks up the backend of every rule.
    eventually("the tenant is told", PATIENCE, async || {
        cluster.kubectl(&["get", "events", "--namespace=flood-b"]).await.contains("LimitExceeded")
    })
    .await;
    let path = "jsonpath={range .items[*]}{.spec.namespace}{'\\n'}{end}";
    let owners = cluster.kubectl(&["get", "hostclaims", "--output", path]).await;
    let taken = owners.lines().filter(|owner| *owner == "flood-b").count();
    assert!(taken <= LIMIT, "{taken} names");
    only(&load.stop().await, &Outcome::of("flood-a"));
}
