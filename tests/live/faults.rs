// SPDX-License-Identifier: Apache-2.0
//! The real API server's answers, spoilt on their way: what is served stays, with its certificate, whatever comes; and
//! what has changed meanwhile follows as soon as it is told properly.

use postern_tests::TestCertificate;
use serde_json::json;

use crate::client::{Outcome, staleness};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::load::{Load, only};
use crate::postern::{Postern, Start};
use crate::relay::{Ask, Ending, Fault, Relay};
use crate::yaml::{documents, ingress, secure, tenant};

/// What is watched.
const KINDS: [&str; 8] = [
    "ingresses",
    "services",
    "endpointslices",
    "secrets",
    "namespaces",
    "ingressclasses",
    "hostclaims",
    "tenants",
];
/// Requests to the canary while something is wrong.
const REQUESTS: usize = 100;

/// A tenant with a canary, which must not notice anything, and a Postern behind a relay.
struct Site {
    cluster: Cluster,
    relay: Relay,
    postern: Postern,
    name: &'static str,
    canary: Load,
}

impl Site {
    async fn start(name: &'static str) -> Self {
        let cluster = Cluster::shared().await;
        let host = format!("canary.{name}.example");
        let certificate = TestCertificate::new(&[&host]);
        cluster
            .apply(&documents(&[
                &tenant(name),
                &certificate.secret(name, "tls"),
                &secure(name, "canary", &[&host], "tls"),
            ]))
            .await;
        cluster.rolled_out(name).await;
        let relay = Relay::start(&cluster, name).await;
        let postern = Start::new(&cluster, &[name]).kubeconfig(relay.kubeconfig()).ready().await;
        postern.serves(&host, &Outcome::of(name), PROMPT).await;
        let canary = Load::secure(postern.address, &host, &certificate);
        Self { cluster, relay, postern, name, canary }
    }

    fn host(&self, object: &str) -> String {
        format!("{object}.{}.example", self.name)
    }

    async fn add(&self, object: &str) {
        self.cluster.apply(&ingress(self.name, object, &[&self.host(object)])).await;
    }

    async fn delete(&self, object: &str) {
        self.cluster.kubectl(&["delete", "ingress", object, "--namespace", self.name]).await;
    }

    async fn is_served(&self, object: &str) {
        self.postern.serves(&self.host(object), &Outcome::of(self.name), PATIENCE).await;
    }

    async fn is_gone(&self, object: &str) {
        self.postern.serves(&self.host(object), &Outcome::ours(404), PATIENCE).await;
    }

    /// What was deleted meanwhile is still served, the canary is well, and Postern says that it is told nothing.
    async fn stands_still(&self, object: &str) {
        let before = staleness(self.postern.address, Some("Ingress")).await;
        self.canary.goes_on(REQUESTS).await;
        let still = self.postern.get(&self.host(object)).await;
        assert_eq!(still, Outcome::of(self.name), "{object}:\n{}", self.postern.log());
        eventually("staleness rises", PATIENCE, async || {
            staleness(self.postern.address, Some("Ingress")).await > before + 0.1
        })
        .await;
        assert!(self.postern.says_ready().await, "stale is not broken:\n{}", self.postern.log());
    }

    /// Changes follow again, of Ingresses and of Services' endpoints.
    async fn follows(self, object: &str) {
        self.add(object).await;
        self.is_served(object).await;
        eventually("it is fresh", PATIENCE, async || {
            staleness(self.postern.address, Some("Ingress")).await < 1.0
        })
        .await;
        only(&self.canary.stop().await, &Outcome::of(self.name));
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_watch_whose_place_is_forgotten_loses_nothing_and_misses_nothing() {
    let site = Site::start("forgotten").await;
    site.add("old").await;
    site.is_served("old").await;
    for plural in KINDS {
        site.relay.end(plural, Ending::Expired);
    }
    // The list that is to follow does not come yet.
    site.relay.always("ingresses", Ask::Stream, Fault::Status(503));
    site.relay.end("ingresses", Ending::Expired);
    site.delete("old").await;
    site.add("new").await;
    site.stands_still("old").await;
    site.relay.heal();
    site.is_served("new").await;
    site.is_gone("old").await;
    // The same, said to a watch that begins.
    site.relay.once("ingresses", Ask::Watch, Fault::Status(410));
    site.relay.end("ingresses", Ending::Broken);
    site.delete("new").await;
    site.is_gone("new").await;
    site.follows("newer").await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn pages_that_are_forgotten_or_cut_lose_nothing_and_miss_nothing() {
    let site = Site::start("pages").await;
    for number in 0..6 {
        site.add(&format!("page-{number}")).await;
    }
    site.is_served("page-5").await;
    let relay = &site.relay;
    // A server without streamed lists, and pages of two.
    relay.always("ingresses", Ask::Stream, Fault::Status(422));
    let two = || Fault::Query("limit=500".to_owned(), "limit=2".to_owned());
    relay.always("ingresses", Ask::List, two());
    relay.always("ingresses", Ask::Continued, two());
    relay.once("ingresses", Ask::Continued, Fault::Status(410));
    let asked = relay.asked("ingresses", Ask::Continued);
    relay.end("ingresses", Ending::Expired);
    site.delete("page-0").await;
    site.is_gone("page-0").await;
    assert!(relay.asked("ingresses", Ask::Continued) > asked, "there was no other page");

    for fault in [Fault::CutAfter(700), Fault::Status(500), Fault::Status(429)] {
        relay.once("ingresses", Ask::Continued, fault.clone());
        relay.once("ingresses", Ask::List, two());
        relay.once("ingresses", Ask::List, fault);
    }
    relay.end("ingresses", Ending::Expired);
    relay.is_asked("ingresses", Ask::Continued, 1).await;
    site.canary.goes_on(REQUESTS).await;
    site.delete("page-1").await;
    site.is_gone("page-1").await;
    for number in 2..6 {
        let page = site.postern.get(&site.host(&format!("page-{number}"))).await;
        assert_eq!(page, Outcome::of("pages"), "{number}");
    }
    site.follows("later").await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn streamed_lists_that_break_before_their_end_change_nothing() {
    let site = Site::start("halves").await;
    site.add("old").await;
    site.is_served("old").await;
    for plural in ["ingresses", "secrets", "services", "endpointslices"] {
        site.relay.always(plural, Ask::Stream, Fault::CutBeforeEnd);
        site.relay.always(plural, Ask::List, Fault::CutAfter(60));
        site.relay.end(plural, Ending::Expired);
    }
    // Now no list is asked for that was begun before.
    site.relay.is_asked("ingresses", Ask::List, 1).await;
    site.delete("old").await;
    site.relay.is_asked("ingresses", Ask::List, 1).await;
    site.stands_still("old").await;
    site.relay.heal();
    site.is_gone("old").await;
    site.follows("new").await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn empty_lists_from_the_past_are_never_believed() {
    let site = Site::start("emptied").await;
    site.add("old").await;
    site.is_served("old").await;
    let end = json!({"type": "BOOKMARK", "object": {"kind": "Ingress", "metadata": {
        "resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}}});
    let list = json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []});
    for plural in KINDS {
        site.relay.always(plural, Ask::Stream, Fault::Text(format!("{end}\n")));
        site.relay.always(plural, Ask::List, Fault::Text(list.to_string()));
        site.relay.end(plural, Ending::Expired);
    }
    site.relay.is_asked("ingresses", Ask::Stream, 1).await;
    site.delete("old").await;
    // A list that is not empty would be believed after as many.
    site.relay.is_asked("ingresses", Ask::Stream, 4).await;
    site.stands_still("old").await;
    site.relay.heal();
    site.is_gone("old").await;
    site.follows("new").await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_server_that_answers_with_errors_takes_nothing_away() {
    let site = Site::start("errors").await;
    site.add("old").await;
    site.is_served("old").await;
    let mut newcomers = Vec::new();
    for (code, object) in [(500, "old"), (429, "older")] {
        site.relay.always("*", Ask::Any, Fault::Status(code));
        for kind in KINDS {
            site.relay.end(kind, Ending::Broken);
        }
        site.relay.is_asked("ingresses", Ask::Watch, 1).await;
        site.delete(object).await;
        let kubeconfig = site.relay.kubeconfig();
        let newcomer = Start::new(&site.cluster, &[site.name]).kubeconfig(kubeconfig).begin();
        site.stands_still(object).await;
        assert!(!newcomer.says_ready().await, "it has read nothing:\n{}", newcomer.log());
        newcomers.push(newcomer);
        site.relay.heal();
        site.is_gone(object).await;
        site.add("older").await;
        site.is_served("older").await;
    }
    for newcomer in &mut newcomers {
        newcomer.is_ready().await;
        newcomer.serves(&site.host("older"), &Outcome::of("errors"), PATIENCE).await;
    }
    site.follows("new").await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_watch_that_trickles_and_stalls_changes_nothing_by_half() {
    let site = Site::start("trickle").await;
    site.add("old").await;
    site.is_served("old").await;
    site.relay.always("ingresses", Ask::Watch, Fault::Trickle(60));
    site.relay.always("ingresses", Ask::Stream, Fault::Trickle(200));
    site.relay.end("ingresses", Ending::Broken);
    site.relay.is_asked("ingresses", Ask::Watch, 1).await;
    site.delete("old").await;
    site.stands_still("old").await;
    // Nor does a list that stalls.
    site.relay.once("ingresses", Ask::Watch, Fault::Status(410));
    site.relay.end("ingresses", Ending::Broken);
    site.relay.is_asked("ingresses", Ask::Stream, 1).await;
    site.stands_still("old").await;
    site.relay.heal();
    site.relay.end("ingresses", Ending::Broken);
    site.is_gone("old").await;
    site.follows("new").await;
}
