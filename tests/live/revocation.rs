// SPDX-License-Identifier: Apache-2.0
//! What is taken away is gone within a second, every time, whatever else changes at that moment.

use postern_tests::TestCertificate;
use serde_json::{Value, json};

use crate::api::Api;
use crate::client::{Outcome, get_secure};
use crate::cluster::{Cluster, PROMPT, eventually};
use crate::postern::Start;
use crate::yaml::{documents, secure, tenant};

const HOST: &str = "shop.revoke.example";
const ROUNDS: usize = 100;

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_secret_or_route_that_is_taken_away_is_never_served_late() {
    let cluster = Cluster::shared().await;
    let certificate = TestCertificate::new(&[HOST]);
    cluster.apply(&documents(&[&tenant("revoke"), &certificate.secret("revoke", "tls")])).await;
    cluster.rolled_out("revoke").await;
    let postern = Start::new(&cluster, &["revoke"]).ready().await;
    let edge = postern.address;
    cluster.apply(&secure("revoke", "shop", &[HOST], "tls")).await;

    let mut api = Api::connect(&cluster).await;
    let paths = [
        "/api/v1/namespaces/revoke/secrets/tls",
        "/apis/networking.k8s.io/v1/namespaces/revoke/ingresses/shop",
    ];
    let noise = "/api/v1/namespaces/revoke/services/echo";
    let refused = Outcome::Alert("UnrecognisedName".to_owned());
    let is_served = async || get_secure(edge, HOST, "/").await.0.is_of("revoke");
    for round in 0..ROUNDS {
        eventually("it is served", PROMPT, is_served).await;
        let path = paths[round % 2];
        let mut object = api.must("GET", path, &Value::Null).await;
        // Something else changes just before, or just after.
        let label = json!({"metadata": {"labels": {"round": round.to_string()}}});
        if round % 4 < 2 {
            api.must("PATCH", noise, &label).await;
        }
        api.must("DELETE", path, &Value::Null).await;
        if round % 4 >= 2 {
            api.must("PATCH", noise, &label).await;
        }
        eventually("it is refused", PROMPT, async || {
            get_secure(edge, HOST, "/").await.0 == refused
        })
        .await;
        for _ in 0..3 {
            assert_eq!(get_secure(edge, HOST, "/").await.0, refused, "round {round}");
        }
        let metadata = object["metadata"].as_object_mut().expect("objects have it");
        metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels"));
        let (collection, _) = path.rsplit_once('/').expect("a path");
        api.must("POST", collection, &object).await;
    }
}
