// SPDX-License-Identifier: Apache-2.0
//! HostClaims lost, and restored from a backup, while several tenants race for the names: nobody gets a name of somebody
//! else's, not even for a moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::api::Api;
use crate::client::Outcome;
use crate::cluster::{Cluster, PATIENCE, PROMPT};
use crate::load::Load;
use crate::postern::{Postern, Start};
use crate::yaml::{documents, ingress, tenant};

const CLAIMS: &str = "/apis/postern.dev/v1alpha1/hostclaims";
const TENANTS: [&str; 3] = ["restore-a", "restore-b", "restore-c"];
/// How many names each of them owns.
const NAMES: usize = 3;
/// Between two attempts of one racer.
const PAUSE: Duration = Duration::from_millis(20);

fn names(tenant: &str) -> Vec<String> {
    (0..NAMES).map(|number| format!("n{number}.{tenant}.example")).collect()
}

/// An object of a tenant with rules for what is its own.
fn shop(tenant: &str) -> String {
    let names = names(tenant);
    ingress(tenant, "shop", &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// An older object of each tenant, with other names at first: by age alone it would have everybody's.
fn elders(names: impl Fn(&str) -> Vec<String>) -> String {
    let all = TENANTS.map(|tenant| {
        let names = names(tenant);
        ingress(tenant, "elder", &names.iter().map(String::as_str).collect::<Vec<_>>())
    });
    documents(&all.each_ref().map(String::as_str))
}

/// Recorded claims by name.
type Claims = BTreeMap<String, Value>;

async fn claims(api: &mut Api) -> Claims {
    let all = api.must("GET", CLAIMS, &Value::Null).await;
    let all = all["items"].as_array().cloned().unwrap_or_default();
    let named = all
        .into_iter()
        .map(|claim| (claim["metadata"]["name"].as_str().unwrap_or_default().to_owned(), claim));
    named.filter(|(name, _)| name.contains(".restore-")).collect()
}

/// The claims, once they are all recorded.
async fn recorded(api: &mut Api) -> Claims {
    let start = Instant::now();
    loop {
        let claims = claims(api).await;
        if claims.len() == TENANTS.len() * NAMES {
            return claims;
        }
        assert!(start.elapsed() < PATIENCE, "only these are recorded: {claims:?}");
        sleep(PAUSE).await;
    }
}

/// Whom a claim names, and since when.
fn owner(claim: &Value) -> (String, Value) {
    let namespace = claim["spec"]["namespace"].as_str().unwrap_or_default();
    (namespace.to_owned(), claim["spec"]["epoch"].clone())
}

fn uid(claim: &Value) -> Option<&str> {
    claim["metadata"]["uid"].as_str()
}

/// What a backup keeps of claims: what they say, not which objects they were.
fn backup(claims: &Claims) -> String {
    let kept = claims.iter().map(|(name, claim)| {
        let mut kept = claim.clone();
        kept["metadata"] = json!({"name": name});
        kept.to_string()
    });
    documents(&kept.collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>())
}

async fn lose(api: &mut Api, claims: &Claims) {
    for name in claims.keys() {
        let (status, answer) = api.send("DELETE", &format!("{CLAIMS}/{name}"), &Value::Null).await;
        assert!(matches!(status, 200 | 404), "{answer}");
    }
}

/// Tenants that make an object with everybody's names again and again, and somebody who looks at the claims.
struct Race {
    stop: Arc<AtomicBool>,
    racers: JoinSet<()>,
}

impl Race {
    async fn start(cluster: &Cluster, before: &Claims) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut racers = JoinSet::new();
        for tenant in TENANTS {
            racers.spawn(race(Api::connect(cluster).await, tenant, stop.clone()));
        }
        let owners = before.iter().map(|(name, claim)| (name.clone(), owner(claim))).collect();
        racers.spawn(look(Api::connect(cluster).await, owners, stop.clone()));
        Self { stop, racers }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.racers.join_all().await;
    }
}

/// Makes an object with everybody's names, and deletes it, again and again.
async fn race(mut api: Api, tenant: &'static str, stop: Arc<AtomicBool>) {
    let all: Vec<_> = TENANTS.iter().flat_map(|tenant| names(tenant)).collect();
    let list: Vec<_> = all.iter().map(String::as_str).collect();
    let body: Value =
        serde_saphyr::from_str(&ingress(tenant, "greedy", &list)).expect("it is YAML");
    let path = format!("/apis/networking.k8s.io/v1/namespaces/{tenant}/ingresses");
    while !stop.load(Ordering::Relaxed) {
        api.must("POST", &path, &body).await;
        sleep(PAUSE).await;
        api.must("DELETE", &format!("{path}/greedy"), &Value::Null).await;
    }
}

/// Fails when a claim is recorded for somebody who did not have it before.
async fn look(mut api: Api, owners: BTreeMap<String, (String, Value)>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        for (name, claim) in claims(&mut api).await {
            assert_eq!(owner(&claim), owners[&name], "{name} is recorded for another");
        }
        sleep(PAUSE).await;
    }
}

/// Everybody serves every name from its owner, and the claims are as they were.
async fn all_is_as_before(edges: &[&Postern], api: &mut Api, before: &Claims) {
    let now = recorded(api).await;
    assert!(now.iter().all(|(name, claim)| owner(claim) == owner(&before[name])), "{now:?}");
    for tenant in TENANTS {
        for name in names(tenant) {
            for edge in edges {
                edge.serves(&name, &Outcome::of(tenant), PROMPT).await;
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn claims_that_are_lost_and_restored_while_others_race_for_the_names_change_no_owner() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&TENANTS.map(tenant).each_ref().map(String::as_str))).await;
    cluster.apply(&elders(|tenant| vec![format!("elder-{tenant}.example")])).await;
    for tenant in TENANTS {
        cluster.rolled_out(tenant).await;
    }
    let (one, two) = (Start::new(&cluster, &TENANTS), Start::new(&cluster, &TENANTS));
    let (one, two) = tokio::join!(one.ready(), two.ready());
    cluster.apply(&documents(&TENANTS.map(shop).each_ref().map(String::as_str))).await;
    let mut api = Api::connect(&cluster).await;
    let before = recorded(&mut api).await;
    let backup = backup(&before);
    cluster.apply(&elders(|_| TENANTS.iter().flat_map(|tenant| names(tenant)).collect())).await;
    all_is_as_before(&[&one, &two], &mut api, &before).await;

    let race = Race::start(&cluster, &before).await;
    let addresses = [one.address, two.address];
    let loads = TENANTS.map(|tenant| Load::start(&addresses, &names(tenant)[0]));
    // Whether the backup or the one that leads is first, they say the same.
    for _ in 0..2 {
        lose(&mut api, &before).await;
        cluster.apply(&backup).await;
        all_is_as_before(&[&one, &two], &mut api, &before).await;
    }
    // Without a backup.
    lose(&mut api, &before).await;
    all_is_as_before(&[&one, &two], &mut api, &before).await;

    // One owner's object is gone as well and comes back younger than everybody's; one replica ends, and one begins that
    // knows only what is declared and recorded.
    let (owner, others) = TENANTS.split_first().expect("there are three");
    cluster.kubectl(&["delete", "ingress", "shop", "--namespace", owner]).await;
    lose(&mut api, &before).await;
    one.stop().await;
    cluster.apply(&backup).await;
    let mut newcomer = Start::new(&cluster, &TENANTS).begin();
    let stranger = Load::start(&[newcomer.address], &names(owner)[0]);
    newcomer.is_ready().await;
    stranger.goes_on(100).await;
    cluster.apply(&shop(owner)).await;
    all_is_as_before(&[&two, &newcomer], &mut api, &before).await;
    race.stop().await;
    let after = claims(&mut api).await;
    assert!(after.iter().all(|(name, claim)| uid(claim) != uid(&before[name])), "none was lost");
    let said = cluster.kubectl(&["get", "events", "--namespace", owner]).await;
    assert!(said.contains("HostNotOwned"), "nobody raced:\n{said}");
    never_of_others(owner, &stranger.stop().await);
    for (tenant, load) in TENANTS.iter().zip(loads) {
        let counted = load.stop().await;
        never_of_others(tenant, &counted);
        let dark = counted.contains_key(&Outcome::ours(404));
        assert!(!dark || !others.contains(tenant), "{tenant}: {counted:?}");
    }
}

fn never_of_others(tenant: &str, counted: &BTreeMap<Outcome, usize>) {
    let foreign =
        |outcome: &Outcome| TENANTS.iter().any(|other| *other != tenant && outcome.is_of(other));
    assert!(!counted.keys().any(foreign), "{tenant}: {counted:?}");
}
