// SPDX-License-Identifier: Apache-2.0
//! The API server stops answering, or ends: what was read stays served, and nobody starts from nothing.

use std::time::{Duration, Instant};

use postern_tests::TestCertificate;

use crate::client::{Outcome, get_secure};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::load::{Load, only};
use crate::postern::{Postern, Start};
use crate::yaml::{ingress, secure, tenant};

/// How many requests are made while it is away.
const REQUESTS: usize = 1500;
/// How long after the API server says that it is ready a change may take to be live.  Two seconds, and as much again
/// for kubectl and builds that are not optimised.
const BACK: Duration = Duration::from_secs(4);
/// How many certificates show that every kind is followed again.
const CERTIFICATES: usize = 5;

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
    let back = Instant::now();
    let later = "later.gone.example";
    cluster.apply(&secure("gone", "later", &[later], "later")).await;
    for number in 0..CERTIFICATES {
        let certificate = TestCertificate::new(&[later]);
        cluster.apply(&certificate.secret("gone", "later")).await;
        let limit = if number == 0 { BACK.saturating_sub(back.elapsed()) } else { PROMPT };
        eventually("a certificate that came after the outage is served", limit, async || {
            let (outcome, shown) = get_secure(postern.address, later, "/").await;
            outcome.is_of("gone") && shown == certificate.fingerprint()
        })
        .await;
    }
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
    let back = Instant::now();
    let later = "later.hung.example";
    cluster.apply(&ingress("hung", "later", &[later])).await;
    let limit = BACK.saturating_sub(back.elapsed());
    postern.serves(later, &Outcome::of("hung"), limit).await;
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
        let back = Instant::now();
        cluster.kubectl(&["delete", "ingress", "changing", "--namespace=again"]).await;
        let limit = BACK.saturating_sub(back.elapsed());
        postern.serves(&gone, &Outcome::ours(404), limit).await;
    }
    only(&load.stop().await, &Outcome::of("again"));
}
