// SPDX-License-Identifier: Apache-2.0
//! What is taken away is gone within a second, every time, in whatever order the events of different kinds come.

use std::time::Duration;

use postern_tests::TestCertificate;
use serde_json::{Value, json};

use crate::api::Api;
use crate::client::{Outcome, get_secure};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::postern::{Postern, Start};
use crate::relay::{Ending, Relay};
use crate::yaml::{documents, secure_to, service, tenant};

const NAMESPACE: &str = "revoke";
const ROUNDS: usize = 200;
/// By how much the events of a kind may be late.
const DELAYS: [u64; 4] = [0, 10, 25, 50];
const LATEST: Duration = Duration::from_millis(50);
/// In how many rounds there is one in which a list has to find out, and one in which Postern is started anew.
const SELDOM: usize = 50;

/// One way to take something away: what is deleted, and what a client sees then.
struct Way {
    name: &'static str,
    path: String,
    refused: Outcome,
    object: Value,
}

impl Way {
    fn host(&self) -> String {
        format!("{}.revoke.example", self.name)
    }

    async fn outcome(&self, postern: &Postern) -> Outcome {
        get_secure(postern.address, &self.host(), "/").await.0
    }

    async fn is_served(&self, postern: &Postern) {
        eventually(&format!("{} is served", self.name), PATIENCE, async || {
            self.outcome(postern).await.is_of(NAMESPACE)
        })
        .await;
    }

    /// Refused within a second, and from then on.
    async fn is_refused(&self, postern: &Postern, relay: &Relay, round: usize) {
        let limit = PROMPT + LATEST;
        eventually(&format!("{} is refused in round {round}", self.name), limit, async || {
            self.outcome(postern).await == self.refused
        })
        .await;
        // Nor does an event that comes later bring it back.
        let mut quiet = 0;
        while quiet < 2 {
            quiet += usize::from(relay.is_quiet());
            assert_eq!(self.outcome(postern).await, self.refused, "{} in round {round}", self.name);
        }
    }

    /// Takes it away, with another change just before or after.
    async fn revoke(&mut self, api: &mut Api, round: usize) {
        self.object = api.must("GET", &self.path, &Value::Null).await;
        let noise = format!("/api/v1/namespaces/{NAMESPACE}/services/noise-{}", self.name);
        let label = json!({"metadata": {"labels": {"round": round.to_string()}}});
        if round.is_multiple_of(2) {
            api.must("PATCH", &noise, &label).await;
        }
        api.must("DELETE", &self.path, &Value::Null).await;
        if !round.is_multiple_of(2) {
            api.must("PATCH", &noise, &label).await;
        }
    }

    async fn restore(&mut self, api: &mut Api) {
        let metadata = self.object["metadata"].as_object_mut().expect("objects have it");
        metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels"));
        let (collection, _) = self.path.rsplit_once('/').expect("a path");
        api.must("POST", collection, &self.object).await;
    }
}

async fn ways(cluster: &Cluster) -> [Way; 3] {
    let alert = || Outcome::Alert("UnrecognisedName".to_owned());
    let core = format!("/api/v1/namespaces/{NAMESPACE}");
    let routes = format!("/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/ingresses");
    let way = |name, path, refused| Way { name, path, refused, object: Value::Null };
    let ways = [
        way("secret", format!("{core}/secrets/tls-secret"), alert()),
        way("route", format!("{routes}/route"), alert()),
        way("service", format!("{core}/services/echo-service"), Outcome::ours(503)),
    ];
    let mut objects = vec![tenant(NAMESPACE)];
    for way in &ways {
        let (name, host) = (way.name, way.host());
        let (tls, backend) = (format!("tls-{name}"), format!("echo-{name}"));
        objects.push(TestCertificate::new(&[&host]).secret(NAMESPACE, &tls));
        objects.push(service(NAMESPACE, &backend));
        objects.push(service(NAMESPACE, &format!("noise-{name}")));
        objects.push(secure_to(NAMESPACE, name, &[&host], &tls, &backend));
    }
    let objects: Vec<_> = objects.iter().map(String::as_str).collect();
    cluster.apply(&documents(&objects)).await;
    cluster.rolled_out(NAMESPACE).await;
    ways
}

/// Another order of the events of different kinds in every round.
fn reorder(relay: &Relay, round: usize) {
    let kinds = ["secrets", "ingresses", "services", "endpointslices"];
    for (place, kind) in kinds.into_iter().enumerate() {
        // The digits of the round to the base of four, where neighbours differ in every place.
        let digit = ((round * 89) >> (2 * place)) % DELAYS.len();
        relay.delay(kind, Duration::from_millis(DELAYS[digit]));
    }
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_secret_route_or_service_that_is_taken_away_is_never_served_late() {
    let cluster = Cluster::shared().await;
    let [mut secret, mut route, mut service] = ways(&cluster).await;
    let relay = Relay::start(&cluster, NAMESPACE).await;
    let start = || Start::new(&cluster, &[NAMESPACE]).kubeconfig(relay.kubeconfig());
    let mut postern = start().ready().await;
    let mut api =
        [Api::connect(&cluster).await, Api::connect(&cluster).await, Api::connect(&cluster).await];
    for round in 0..ROUNDS {
        reorder(&relay, round);
        tokio::join!(
            secret.is_served(&postern),
            route.is_served(&postern),
            service.is_served(&postern)
        );
        if round % SELDOM == SELDOM - 2 {
            for kind in ["secrets", "ingresses", "services"] {
                relay.end(kind, Ending::Expired);
            }
        }
        let [one, two, three] = &mut api;
        tokio::join!(
            secret.revoke(one, round),
            route.revoke(two, round),
            service.revoke(three, round)
        );
        if round % SELDOM == SELDOM - 1 {
            std::mem::replace(&mut postern, start().begin()).kill().await;
            postern.is_ready().await;
        }
        tokio::join!(
            secret.is_refused(&postern, &relay, round),
            route.is_refused(&postern, &relay, round),
            service.is_refused(&postern, &relay, round)
        );
        tokio::join!(secret.restore(one), route.restore(two), service.restore(three));
    }
}
