// SPDX-License-Identifier: Apache-2.0
//! The API server stops answering, or ends: what was read stays served, and nobody starts from nothing.

use std::time::Duration;

use crate::client::Outcome;
use crate::cluster::{Cluster, PATIENCE, PROMPT};
use crate::load::{Load, only};
use crate::postern::{Postern, Start};
use crate::yaml::{ingress, tenant};

/// How many requests are made while it is away.
const REQUESTS: usize = 1500;

async fn site(cluster: &Cluster, name: &str) -> (Postern, String) {
    cluster.apply(&tenant(name)).await;
    cluster.rolled_out(name).await;
    let postern = Start::new(cluster, &[name]).ready().await;
    let host = format!("shop.{name}.example");
    cluster.apply(&ingress(name, "shop", &[&host])).await;
    postern.serves(&host, &Outcome::of(name), PROMPT).await;
    (postern, host)
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn requests_go_on_while_the_api_server_is_gone_and_changes_follow_when_it_is_back() {
    let cluster = Cluster::alone().await;
    let (postern, host) = site(&cluster, "gone").await;
    let load = Load::start(&[postern.address], &host);
    let absence = cluster.without_api_server();
    load.goes_on(REQUESTS / 3).await;
    let newcomer = Start::new(&cluster, &["gone"]).begin();
    load.goes_on(REQUESTS).await;
    assert!(!newcomer.says_ready().await, "it has read nothing:\n{}", newcomer.log());
    assert!(matches!(newcomer.get(&host).await, Outcome::Failed(_)), "it answers");
    assert!(postern.says_ready().await, "one that serves stays ready:\n{}", postern.log());
    drop(absence);
    cluster.api_server_answers().await;
    let later = "later.gone.example";
    cluster.apply(&ingress("gone", "later", &[later])).await;
    postern.serves(later, &Outcome::of("gone"), PATIENCE).await;
    let mut newcomer = newcomer;
    newcomer.is_ready().await;
    newcomer.serves(&host, &Outcome::of("gone"), PROMPT).await;
    load.goes_on(50).await;
    only(&load.stop().await, &Outcome::of("gone"));
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn requests_go_on_while_the_api_server_hangs() {
    let cluster = Cluster::alone().await;
    let (postern, host) = site(&cluster, "hung").await;
    let load = Load::start(&[postern.address], &host);
    cluster.signal_api_server("STOP");
    load.goes_on(REQUESTS).await;
    let newcomer = Start::new(&cluster, &["hung"]).begin();
    load.goes_on(REQUESTS / 3).await;
    let ready = newcomer.says_ready().await;
    cluster.signal_api_server("CONT");
    assert!(!ready, "it has read nothing");
    cluster.api_server_answers().await;
    let later = "later.hung.example";
    cluster.apply(&ingress("hung", "later", &[later])).await;
    postern.serves(later, &Outcome::of("hung"), PATIENCE).await;
    only(&load.stop().await, &Outcome::of("hung"));
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn restarts_of_the_api_server_lose_no_change() {
    let cluster = Cluster::alone().await;
    let (postern, host) = site(&cluster, "again").await;
    let load = Load::start(&[postern.address], &host);
    for round in 0..3 {
        // Changes happen while nobody hears of them: a list must bring what the watch missed.
        let gone = format!("g{round}.again.example");
        cluster.apply(&ingress("again", "changing", &[&gone])).await;
        postern.serves(&gone, &Outcome::of("again"), PATIENCE).await;
        drop(cluster.without_api_server());
        cluster.api_server_answers().await;
        cluster.kubectl(&["delete", "ingress", "changing", "--namespace=again"]).await;
        postern.serves(&gone, &Outcome::ours(404), PATIENCE + Duration::from_secs(30)).await;
    }
    only(&load.stop().await, &Outcome::of("again"));
}
