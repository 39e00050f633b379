// SPDX-License-Identifier: Apache-2.0
//! From `kubectl apply` to traffic, and back to what the object says.

use postern_tests::TestCertificate;

use crate::client::{Outcome, get_secure};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::postern::Start;
use crate::yaml::{documents, ingress, secure, tenant};

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn the_cluster_and_its_tools_are_what_they_say() {
    let cluster = Cluster::shared().await;
    let version = cluster.kubectl(&["version", "--output=json"]).await;
    assert!(version.contains("\"gitVersion\": \"v1.36.3\""), "{version}");
    assert!(cluster.helm(&["version", "--short"]).await.starts_with("v4.3.1"));
    let explained = cluster.kubectl(&["explain", "hostclaim.spec.epoch"]).await;
    assert!(explained.contains("Raised by every transfer"), "{explained}");
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn what_kubectl_applies_changes_and_deletes_is_so_within_a_second() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("apply")).await;
    cluster.rolled_out("apply").await;
    let postern = Start::new(&cluster, &["apply"]).ready().await;
    let (first, second) = ("a.apply.example", "b.apply.example");
    for _ in 0..5 {
        cluster.apply(&ingress("apply", "shop", &[first])).await;
        postern.serves(first, &Outcome::of("apply"), PROMPT).await;
        cluster.apply(&ingress("apply", "shop", &[second])).await;
        postern.serves(second, &Outcome::of("apply"), PROMPT).await;
        postern.serves(first, &Outcome::ours(404), PROMPT).await;
        cluster.kubectl(&["delete", "ingress", "shop", "--namespace=apply", "--wait=false"]).await;
        postern.serves(second, &Outcome::ours(404), PROMPT).await;
    }
    cluster.apply(&ingress("apply", "shop", &[first])).await;
    postern.serves(first, &Outcome::of("apply"), PROMPT).await;
    cluster.kubectl(&["scale", "deployment/echo", "--replicas=0", "--namespace=apply"]).await;
    postern.serves(first, &Outcome::ours(503), PATIENCE).await;
    cluster.kubectl(&["scale", "deployment/echo", "--replicas=2", "--namespace=apply"]).await;
    postern.serves(first, &Outcome::of("apply"), PATIENCE).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_certificate_is_served_when_its_secret_comes_and_rotates_with_it() {
    let cluster = Cluster::shared().await;
    let host = "shop.rotate.example";
    cluster.apply(&tenant("rotate")).await;
    cluster.rolled_out("rotate").await;
    let by_name = "--providers.kubernetesIngress.secretsByName=true";
    let listing = Start::new(&cluster, &["rotate"]).ready().await;
    let naming = Start::new(&cluster, &["rotate"]).argument(by_name).ready().await;
    cluster.apply(&secure("rotate", "shop", &[host], "tls")).await;
    for postern in [&listing, &naming] {
        eventually("no certificate, no handshake", PROMPT, async || {
            get_secure(postern.address, host, "/").await.0
                == Outcome::Alert("UnrecognisedName".into())
        })
        .await;
    }
    for _ in 0..3 {
        let certificate = TestCertificate::new(&[host]);
        cluster.apply(&certificate.secret("rotate", "tls")).await;
        for postern in [&listing, &naming] {
            eventually("the new certificate is served", PROMPT, async || {
                let (outcome, shown) = get_secure(postern.address, host, "/").await;
                outcome.is_of("rotate") && shown == certificate.fingerprint()
            })
            .await;
        }
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn the_object_says_its_address_and_what_is_wrong_with_it() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("said")).await;
    cluster.rolled_out("said").await;
    let address = "--providers.kubernetesIngress.ingressEndpoint.ip=203.0.113.7";
    let _postern = Start::new(&cluster, &["said"]).argument(address).ready().await;
    cluster
        .apply(&documents(&[
            &ingress("said", "good", &["good.said.example"]),
            &secure("said", "bad", &["bad.said.example"], "nowhere"),
        ]))
        .await;
    eventually("the address stands on the Ingress", PATIENCE, async || {
        let ingress = cluster.get(&["ingress", "good", "--namespace=said"]).await;
        ingress["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.7"
    })
    .await;
    for (name, reason) in [("good", "Programmed"), ("bad", "SecretNotFound")] {
        eventually(&format!("kubectl describe shows {reason}"), PATIENCE, async || {
            cluster
                .kubectl(&["describe", "ingress", name, "--namespace=said"])
                .await
                .contains(reason)
        })
        .await;
    }
    let table = cluster.kubectl(&["get", "hostclaims"]).await;
    assert!(table.contains("good.said.example"), "{table}");
}
