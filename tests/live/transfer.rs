// SPDX-License-Identifier: Apache-2.0
//! The operator gives a hostname to another tenant, under load.

use std::net::IpAddr;

use postern_tests::TestCertificate;
use serde_json::json;

use crate::client::{Outcome, get_secure};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::load::Load;
use crate::postern::Start;
use crate::yaml::{documents, secure, tenant};

const HOST: &str = "shop.transfer.example";
const CLAIM: &str = "h.shop.transfer.example";

async fn moves_to(cluster: &Cluster, namespace: &str, epoch: u64) {
    let object = cluster.get(&["namespace", namespace]).await;
    let uid = &object["metadata"]["uid"];
    let spec = json!({"spec": {"namespace": namespace, "namespaceUID": uid, "epoch": epoch}});
    let patch = spec.to_string();
    cluster.kubectl(&["patch", "hostclaim", CLAIM, "--type=merge", "--patch", &patch]).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_transfer_switches_route_and_certificate_at_one_moment() {
    let cluster = Cluster::shared().await;
    let namespaces = ["transfer-a", "transfer-b"];
    let certificates = [TestCertificate::new(&[HOST]), TestCertificate::new(&[HOST])];
    for (namespace, certificate) in namespaces.iter().zip(&certificates) {
        cluster
            .apply(&documents(&[&tenant(namespace), &certificate.secret(namespace, "tls")]))
            .await;
        cluster.rolled_out(namespace).await;
    }
    let postern = Start::new(&cluster, &namespaces).ready().await;
    let edge = postern.address;
    cluster.apply(&secure("transfer-a", "shop", &[HOST], "tls")).await;
    let pair = |n: usize| (Outcome::of(namespaces[n]), certificates[n].fingerprint());
    let is_served = async |n: usize| {
        eventually("the owner is served", PROMPT, async || {
            get_secure(edge, HOST, "/").await == pair(n)
        })
        .await
    };
    is_served(0).await;
    cluster.apply(&secure("transfer-b", "shop", &[HOST], "tls")).await;
    eventually("the claim is recorded", PATIENCE, async || {
        cluster.try_kubectl(&["get", "hostclaim", CLAIM]).await.is_ok()
    })
    .await;

    let (watch, seen) = watch(edge);
    let load = Load::start(&[edge], HOST);
    for (epoch, owner) in [(2, 1), (3, 0), (4, 1)] {
        load.goes_on(50).await;
        moves_to(&cluster, namespaces[owner], epoch).await;
        is_served(owner).await;
        // Nothing of the old owner comes after the first of the new one.
        for _ in 0..20 {
            assert_eq!(get_secure(edge, HOST, "/").await, pair(owner));
        }
    }
    watch.abort();
    let seen = seen.lock().expect("the watch does not panic").clone();
    assert!(seen.len() > 20, "only {} requests", seen.len());
    // Never one tenant's certificate with the other's route.  A request that was on its way over a connection of the
    // old owner is sent back.
    let sent_back = certificates.each_ref().map(|c| (Outcome::ours(421), c.fingerprint()));
    let allowed = [pair(0), pair(1), sent_back[0].clone(), sent_back[1].clone()];
    let strange: Vec<_> = seen.iter().filter(|one| !allowed.contains(one)).collect();
    // A handshake that waits for its turn while the name changes hands is for neither.
    let between = |one: &&&(Outcome, String)| one.0 == Outcome::Alert("UnrecognisedName".into());
    let waited = strange.iter().filter(between).count();
    assert!(waited == strange.len() && waited <= 3, "{strange:?}");
    let counted = load.stop().await;
    // What the old owner has not answered yet when the name moves, it answers no more.
    let owners = [Outcome::of(namespaces[0]), Outcome::of(namespaces[1]), Outcome::ours(421)];
    assert!(counted.keys().all(|outcome| owners.contains(outcome)), "{counted:?}");
    assert!(counted.get(&owners[2]).is_none_or(|times| *times <= 12), "{counted:?}");
}

type Seen = std::sync::Arc<std::sync::Mutex<Vec<(Outcome, String)>>>;

/// Asks over TLS again and again and remembers what it was shown.
fn watch(edge: IpAddr) -> (tokio::task::JoinHandle<()>, Seen) {
    let seen = Seen::default();
    let written = seen.clone();
    let watch = tokio::spawn(async move {
        loop {
            let one = get_secure(edge, HOST, "/").await;
            written.lock().expect("nobody panics with it").push(one);
        }
    });
    (watch, seen)
}
