// SPDX-License-Identifier: Apache-2.0
//! Replicas whose clocks are an hour off, either way, agree with the one that leads on who owns what.

use std::net::SocketAddr;

use crate::client::{Outcome, get_at};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::inside::{Difference, Inside};
use crate::postern::Start;
use crate::yaml::{documents, ingress, tenant};

async fn all_serve(edges: &[SocketAddr], host: &str, wanted: &Outcome) {
    for edge in edges {
        eventually(&format!("{host} answers with {wanted}"), PROMPT, async || {
            get_at(*edge, host, "/").await == *wanted
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn clocks_an_hour_off_change_no_owner() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("clock-a"), &tenant("clock-b")])).await;
    cluster.rolled_out("clock-a").await;
    cluster.rolled_out("clock-b").await;
    let names = ["clock-a", "clock-b"];
    let leader = Start::new(&cluster, &names).ready().await;
    let off = |hours| Difference { hours, rewrite: |_| () };
    let late = Inside::start(cluster.kubeconfig(), &names, off(-1)).await;
    let early = Inside::start(cluster.kubeconfig(), &names, off(1)).await;
    let edges = [SocketAddr::new(leader.address, 80), late.web(), early.web()];
    let host = "shop.clock.example";
    let is_recorded = async |host: &str| {
        let claim = format!("h.{host}");
        eventually("the claim is recorded", PATIENCE, async || {
            cluster.try_kubectl(&["get", "hostclaim", &claim]).await.is_ok()
        })
        .await;
    };
    cluster.apply(&ingress("clock-a", "shop", &[host])).await;
    all_serve(&edges, host, &Outcome::of("clock-a")).await;
    is_recorded(host).await;
    cluster.apply(&ingress("clock-b", "parked", &[host, "one.clock.example"])).await;
    all_serve(&edges, "one.clock.example", &Outcome::of("clock-b")).await;
    all_serve(&edges, host, &Outcome::of("clock-a")).await;

    cluster.kubectl(&["delete", "ingress", "shop", "--namespace=clock-a"]).await;
    all_serve(&edges, host, &Outcome::ours(404)).await;
    let parked = ingress("clock-b", "parked", &[host, "two.clock.example"]);
    cluster.apply(&parked).await;
    all_serve(&edges, "two.clock.example", &Outcome::of("clock-b")).await;
    all_serve(&edges, host, &Outcome::ours(404)).await;
    cluster.apply(&ingress("clock-a", "shop", &[host])).await;
    all_serve(&edges, host, &Outcome::of("clock-a")).await;
}
