// SPDX-License-Identifier: Apache-2.0
//! HostClaims: one winner of every race, the same on every replica, and no claim that says what it may not.

use std::collections::BTreeMap;
use std::time::Duration;

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
/// How many claims they race for, one after another.
const RACES: usize = 40;
/// How many names two tenants race for, at once.
const ROUNDS: usize = 1000;
/// Hosts of one object.
const HOSTS: usize = 50;
/// Within how long a name is served while 9,000 others are edited without a pause; some tens of milliseconds, but builds
/// for tests share two cores with each other and with an API server that is kept busy.
const IN_A_STORM: Duration = Duration::from_secs(5);
/// How long the record of a claim may take: the leader looks through all findings of all tenants before it writes, which
/// a build without optimisation does once a second.
const RECORDED: Duration = Duration::from_secs(5);

fn claim(host: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "postern.dev/v1alpha1", "kind": "HostClaim",
        "metadata": {"name": format!("h.{host}")},
        "spec": {"host": host, "namespace": namespace, "epoch": 1},
    })
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn of_many_racers_for_one_claim_one_wins() {
    let cluster = Cluster::shared().await;
    // Each claims name after name, all in the same order.
    let mut race = JoinSet::new();
    for number in 0..RACERS {
        let mut racer = Api::connect(&cluster).await;
        race.spawn(async move {
            let mut won = Vec::new();
            for round in 0..RACES {
                let body = claim(&format!("r{round}.race.example"), &format!("racer-{number}"));
                let (status, _) = racer.send("POST", CLAIMS, &body).await;
                assert!(matches!(status, 201 | 409), "{status}");
                won.extend((status == 201).then_some((round, format!("racer-{number}"))));
            }
            won
        });
    }
    let won: Vec<_> = race.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), RACES, "a name was won by none, or twice");
    let owners = owners(&cluster, "race.example").await;
    for (round, winner) in won {
        assert_eq!(owners[&format!("r{round}.race.example")], winner);
    }
}

/// The namespaces that claims to names below `domain` are recorded for.
async fn owners(cluster: &Cluster, domain: &str) -> BTreeMap<String, String> {
    let mut api = Api::connect(cluster).await;
    let claims = api.must("GET", CLAIMS, &Value::Null).await;
    let claims = claims["items"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = claims.iter().map(|c| (text(&c["spec"]["host"]), text(&c["spec"]["namespace"])));
    all.filter(|(host, _)| host.ends_with(&format!(".{domain}"))).collect()
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_claim_under_another_name_with_an_earlier_epoch_or_anothers_uid_is_refused() {
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

    // Bound to a namespace that is not its own any more, it would be taken for one whose namespace is gone.
    api.must("PATCH", &path, &json!({"spec": {"namespaceUID": "of-others"}})).await;
    let (status, answer) = api.send("PATCH", &path, &json!({"spec": {"namespace": "third"}})).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["message"].to_string().contains("remove it (null)"), "{answer}");
    let given = json!({"spec": {"namespace": "third", "namespaceUID": null}});
    api.must("PATCH", &path, &given).await;
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
    let hosts: Vec<_> = (0..ROUNDS).map(|round| format!("r{round}.agree.example")).collect();
    let objects = |namespace: &str| {
        let hosts = hosts.chunks(HOSTS).enumerate().map(|(number, hosts)| {
            let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
            ingress(namespace, &format!("race-{number}"), &hosts)
        });
        hosts.collect::<Vec<_>>()
    };
    let (a, mut b) = (objects("agree-a"), objects("agree-b"));
    // They meet in the middle.
    b.reverse();
    let list =
        |objects: &[String]| documents(&objects.iter().map(String::as_str).collect::<Vec<_>>());
    let (a, b) = (list(&a), list(&b));
    tokio::join!(cluster.apply(&a), cluster.apply(&b));
    eventually("every claim is recorded", PATIENCE + PATIENCE, async || {
        owners(&cluster, "agree.example").await.len() == ROUNDS
    })
    .await;
    let owners = owners(&cluster, "agree.example").await;
    for (host, owner) in &owners {
        let wanted = Outcome::of(owner);
        tokio::join!(one.serves(host, &wanted, PROMPT), two.serves(host, &wanted, PROMPT));
    }
    for namespace in namespaces {
        assert!(owners.values().any(|owner| owner == namespace), "{namespace} won nothing");
    }
    // And it stays so.
    for (host, owner) in &owners {
        let (one, two) = tokio::join!(one.get(host), two.get(host));
        assert_eq!((&one, &two), (&Outcome::of(owner), &Outcome::of(owner)), "{host}");
    }
}

/// A thousand names.
fn flood(batch: usize, round: usize) -> Vec<String> {
    (0..1000).map(|number| format!("n{batch}-{number}-{round}.flood.example")).collect()
}

/// Changes the names of one object after another, without end.
async fn storm(mut api: Api) {
    let bodies = [1, 2].map(|round| {
        let rules: Vec<_> = flood(10, round)
            .iter()
            .map(|host| {
                let backend = json!({"service": {"name": "echo", "port": {"number": 80}}});
                let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
                json!({"host": host, "http": {"paths": [path]}})
            })
            .collect();
        json!({"spec": {"rules": rules}})
    });
    for (number, body) in bodies.iter().cycle().enumerate() {
        let object = format!("flood-{}", 10 + number % 9);
        let path = format!("/apis/networking.k8s.io/v1/namespaces/flood-b/ingresses/{object}");
        api.must("PATCH", &path, body).await;
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
             spec: {{namespaces: [flood-b], limits: {{hosts: {LIMIT}}}}}"
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
    for batch in 10..19 {
        let hosts = flood(batch, 0);
        let list: Vec<_> = hosts.iter().map(String::as_str).collect();
        cluster.apply(&ingress("flood-b", &format!("flood-{batch}"), &list)).await;
    }
    // With 9,000 names refused, and while they become others as fast as the API server takes it.
    let storm = tokio::spawn(storm(Api::connect(&cluster).await));
    for number in 0..5 {
        let late = format!("late{number}.flood.example");
        cluster.apply(&ingress("flood-a", &format!("late-{number}"), &[&late])).await;
        postern.serves(&late, &Outcome::of("flood-a"), IN_A_STORM).await;
    }
    eventually("the last claim is recorded", RECORDED, async || {
        cluster.try_kubectl(&["get", "hostclaim", "h.late4.flood.example"]).await.is_ok()
    })
    .await;
    assert!(!storm.is_finished(), "an edit was refused");
    storm.abort();
    // Not `describe`, which looks up the backend of every rule.
    eventually("the tenant is told", PATIENCE, async || {
        cluster
            .kubectl(&["get", "events", "--namespace=flood-b"])
            .await
            .contains("ClaimLimitReached")
    })
    .await;
    let path = "jsonpath={range .items[*]}{.spec.namespace}{'\\n'}{end}";
    let owners = cluster.kubectl(&["get", "hostclaims", "--output", path]).await;
    let taken = owners.lines().filter(|owner| *owner == "flood-b").count();
    assert!(taken <= LIMIT, "{taken} names");
    only(&load.stop().await, &Outcome::of("flood-a"));
}
