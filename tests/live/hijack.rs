// SPDX-License-Identifier: Apache-2.0
//! Two tenants and one hostname: whoever comes second gets nothing, and the first loses nothing.

use std::net::IpAddr;

use postern_tests::TestCertificate;

use crate::client::{Outcome, get_secure};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::load::{Load, only};
use crate::postern::{Postern, Start};
use crate::yaml::{documents, ingress, namespace, secure, tenant};

/// Two tenants, and a Postern for both.
struct Pair {
    cluster: Cluster,
    postern: Postern,
    a: String,
    b: String,
}

impl Pair {
    async fn start(name: &str) -> Self {
        let cluster = Cluster::shared().await;
        let (a, b) = (format!("{name}-a"), format!("{name}-b"));
        cluster.apply(&documents(&[&tenant(&a), &tenant(&b)])).await;
        cluster.rolled_out(&a).await;
        cluster.rolled_out(&b).await;
        let postern = Start::new(&cluster, &[&a, &b]).ready().await;
        Self { cluster, postern, a, b }
    }

    fn edge(&self) -> [IpAddr; 1] {
        [self.postern.address]
    }

    /// Waits until the object is told that it does not own a host, in words that name nobody.
    async fn is_refused(&self, object: &str, reason: &str) {
        let describe = ["describe", "ingress", object, "--namespace", &self.b];
        eventually(&format!("{object} is told {reason}"), PATIENCE, async || {
            self.cluster.kubectl(&describe).await.contains(reason)
        })
        .await;
        let said = self.cluster.kubectl(&describe).await;
        assert!(!said.contains(&self.a), "another tenant is named:\n{said}");
    }

    /// Waits until the claim to a host is recorded for this namespace.
    async fn is_recorded(&self, host: &str, owner: &str) {
        eventually(&format!("{host} is recorded for {owner}"), PATIENCE, async || {
            let claim = format!("h.{host}");
            let path = "jsonpath={.spec.namespace}";
            let read = ["get", "hostclaim", &claim, "--output", path];
            self.cluster.try_kubectl(&read).await.is_ok_and(|namespace| namespace == owner)
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn an_older_object_that_adds_a_host_later_gets_nothing() {
    let pair = Pair::start("older").await;
    let (mine, theirs) = ("b.older.example", "a.older.example");
    pair.cluster.apply(&ingress(&pair.b, "old", &[mine])).await;
    pair.postern.serves(mine, &Outcome::of(&pair.b), PROMPT).await;
    pair.cluster.apply(&ingress(&pair.a, "young", &[theirs])).await;
    pair.postern.serves(theirs, &Outcome::of(&pair.a), PROMPT).await;

    let load = Load::start(&pair.edge(), theirs);
    pair.cluster.apply(&ingress(&pair.b, "old", &[mine, theirs, "c.older.example"])).await;
    // The other hosts of the object that lost one are served, the new one included.
    pair.postern.serves("c.older.example", &Outcome::of(&pair.b), PROMPT).await;
    pair.postern.serves(mine, &Outcome::of(&pair.b), PROMPT).await;
    pair.is_refused("old", "HostNotOwned").await;
    load.goes_on(100).await;
    only(&load.stop().await, &Outcome::of(&pair.a));
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_name_that_is_given_up_stays_dark_for_whoever_waits_for_it() {
    let pair = Pair::start("dark").await;
    let host = "shop.dark.example";
    pair.cluster.apply(&ingress(&pair.a, "shop", &[host])).await;
    pair.postern.serves(host, &Outcome::of(&pair.a), PROMPT).await;
    pair.cluster.apply(&ingress(&pair.b, "parked", &[host])).await;
    pair.is_refused("parked", "HostNotOwned").await;

    pair.cluster.kubectl(&["delete", "ingress", "shop", "--namespace", &pair.a]).await;
    pair.postern.serves(host, &Outcome::ours(404), PROMPT).await;
    let load = Load::start(&pair.edge(), host);
    // An edit of the waiting object does not help it either.
    pair.cluster.apply(&ingress(&pair.b, "parked", &[host, "other.dark.example"])).await;
    pair.postern.serves("other.dark.example", &Outcome::of(&pair.b), PROMPT).await;
    load.goes_on(100).await;
    only(&load.stop().await, &Outcome::ours(404));

    pair.cluster.apply(&ingress(&pair.a, "shop", &[host])).await;
    pair.postern.serves(host, &Outcome::of(&pair.a), PROMPT).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_namespace_made_anew_under_its_name_inherits_nothing() {
    let pair = Pair::start("anew").await;
    let host = "shop.anew.example";
    pair.cluster.apply(&ingress(&pair.a, "shop", &[host])).await;
    pair.postern.serves(host, &Outcome::of(&pair.a), PROMPT).await;
    pair.is_recorded(host, &pair.a).await;
    pair.cluster.apply(&ingress(&pair.b, "parked", &[host])).await;

    pair.cluster.kubectl(&["delete", "namespace", &pair.a, "--timeout=60s"]).await;
    pair.postern.serves(host, &Outcome::ours(404), PROMPT).await;
    let load = Load::start(&pair.edge(), host);
    pair.cluster.apply(&tenant(&pair.a)).await;
    pair.cluster.rolled_out(&pair.a).await;
    let fresh = "fresh.anew.example";
    pair.cluster.apply(&ingress(&pair.a, "shop", &[host, fresh])).await;
    // It is served under names that nobody held, so what it does not get is not merely late.
    pair.postern.serves(fresh, &Outcome::of(&pair.a), PROMPT).await;
    load.goes_on(100).await;
    only(&load.stop().await, &Outcome::ours(404));
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn neither_equal_times_nor_a_restored_backup_change_an_owner() {
    let mut pair = Pair::start("backup").await;
    let hosts: Vec<_> = (0..5).map(|number| format!("h{number}.backup.example")).collect();
    let list: Vec<_> = hosts.iter().map(String::as_str).collect();
    let (first, second) = (ingress(&pair.a, "shop", &list), ingress(&pair.b, "shop", &list));
    // In one call: the creation times have whole seconds and are mostly equal.
    pair.cluster.apply(&documents(&[&first, &second])).await;
    let mut owners = Vec::new();
    for host in &hosts {
        eventually("somebody gets the name", PATIENCE, async || {
            matches!(pair.postern.get(host).await, Outcome::Answer(200, _))
        })
        .await;
        owners.push(pair.postern.get(host).await);
    }
    for (host, owner) in hosts.iter().zip(&owners) {
        let owner = if owner.is_of(&pair.a) { &pair.a } else { &pair.b };
        pair.is_recorded(host, owner).await;
    }
    let backup = [&second, &first];
    for round in 0..4 {
        let namespaces = [&*pair.a, &*pair.b];
        if round > 0 {
            // What a restored backup looks like: the same objects with other UIDs and times, in another order, and
            // nobody there while they come.
            let next = Start::new(&pair.cluster, &namespaces);
            std::mem::replace(&mut pair.postern, next.begin()).kill().await;
            for namespace in namespaces {
                pair.cluster
                    .kubectl(&["delete", "ingress", "--all", "--namespace", namespace])
                    .await;
            }
            pair.cluster.apply(backup[round % 2]).await;
            pair.cluster.apply(backup[(round + 1) % 2]).await;
        }
        pair.postern.is_ready().await;
        for (host, owner) in hosts.iter().zip(&owners) {
            pair.postern.serves(host, owner, PATIENCE).await;
        }
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_certificate_for_anothers_host_has_no_effect() {
    let pair = Pair::start("cover").await;
    let host = "shop.cover.example";
    let own = TestCertificate::new(&[host]);
    let covering = TestCertificate::new(&["*.cover.example", host]);
    pair.cluster
        .apply(&documents(&[&own.secret(&pair.a, "tls"), &secure(&pair.a, "shop", &[host], "tls")]))
        .await;
    let edge = pair.postern.address;
    eventually("the owner's certificate is served", PROMPT, async || {
        get_secure(edge, host, "/").await == (Outcome::of(&pair.a), own.fingerprint())
    })
    .await;
    let mine = "mine.cover.example";
    pair.cluster
        .apply(&documents(&[
            &covering.secret(&pair.b, "tls"),
            &secure(&pair.b, "thief", &[host, mine], "tls"),
        ]))
        .await;
    eventually("the other's own host is served", PROMPT, async || {
        get_secure(edge, mine, "/").await == (Outcome::of(&pair.b), covering.fingerprint())
    })
    .await;
    pair.is_refused("thief", "HostNotOwned").await;
    for _ in 0..50 {
        assert_eq!(get_secure(edge, host, "/").await, (Outcome::of(&pair.a), own.fingerprint()));
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_namespace_that_no_tenant_lists_is_refused_and_says_so() {
    let cluster = Cluster::shared().await;
    cluster.apply(&documents(&[&tenant("listed"), &tenant("unlisted")])).await;
    cluster.apply(&namespace("declared-system")).await;
    cluster.rolled_out("listed").await;
    cluster.rolled_out("unlisted").await;
    cluster
        .apply(
            "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: listed}\n\
             spec: {namespaces: [listed], domains: [listed.example, \"*.listed.example\"]}",
        )
        .await;
    let start = Start::new(&cluster, &["listed", "unlisted"]);
    let postern = start.argument("--tenancy.mode=declared").ready().await;
    let (one, other) = ("shop.listed.example", "shop.unlisted.example");
    cluster.apply(&ingress("listed", "shop", &[one])).await;
    cluster.apply(&ingress("unlisted", "shop", &[other])).await;
    postern.serves(one, &Outcome::of("listed"), PROMPT).await;
    eventually("the refusal is told", PATIENCE, async || {
        let said = cluster.kubectl(&["describe", "ingress", "shop", "--namespace=unlisted"]).await;
        said.contains("NamespaceNotAdmitted")
    })
    .await;
    assert_eq!(postern.get(other).await, Outcome::ours(404));
}
