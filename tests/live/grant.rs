// SPDX-License-Identifier: Apache-2.0
//! A ReferenceGrant that is withdrawn, on the real API server.  No Ingress can name what is in another namespace, so the
//! replica here makes an Ingress' references into such ones after reading them; all the rest is as ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postern_model::{Object, Ref};
use postern_tests::TestCertificate;
use serde_json::{Value, json};

use crate::api::Api;
use crate::client::{Outcome, get_secure_at};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::inside::{Difference, Inside};
use crate::relay::{Ending, Relay};
use crate::yaml::{documents, namespace, secure, tenant};

const HOST: &str = "shop.grant.example";
const ROUNDS: usize = 200;
const DELAYS: [u64; 3] = [0, 15, 40];
const LATEST: Duration = Duration::from_millis(40);
const GRANTS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/lender/referencegrants";

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: referencegrants.gateway.networking.k8s.io
  annotations: {api-approved.kubernetes.io: \"unapproved, experimental-only\"}
spec:
  group: gateway.networking.k8s.io
  scope: Namespaced
  names: {plural: referencegrants, singular: referencegrant, kind: ReferenceGrant}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}";

/// A grant for one object of the lender.
fn grant(kind: &str, name: &str) -> Value {
    let from = json!({"group": "networking.k8s.io", "kind": "Ingress", "namespace": "borrower"});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "ReferenceGrant",
        "metadata": {"name": name, "namespace": "lender"},
        "spec": {"from": [from], "to": [{"group": "", "kind": kind, "name": name}]},
    })
}

/// The borrower's routes lead to the lender's Service, with the lender's certificate.
fn borrow(object: &mut Object) {
    let Object::HttpRoutes(routes) = object else { return };
    if &*routes.origin.key.namespace != "borrower" {
        return;
    }
    let routes = Arc::make_mut(routes);
    for backend in routes.rules.iter_mut().filter_map(|rule| rule.backend.as_mut()) {
        backend.service = Ref::new("lender", "echo");
    }
    for certificate in &mut routes.certificates {
        certificate.secret = Ref::new("lender", "tls");
    }
}

async fn outcome(edge: SocketAddr) -> Outcome {
    get_secure_at(edge, HOST, "/").await.0
}

async fn prepare(cluster: &Cluster) {
    cluster.apply(DEFINITION).await;
    let wait = "crd/referencegrants.gateway.networking.k8s.io";
    cluster.kubectl(&["wait", "--for=condition=Established", wait]).await;
    let certificate = TestCertificate::new(&[HOST, "own.grant.example"]);
    cluster
        .apply(&documents(&[
            &tenant("lender"),
            &namespace("borrower"),
            &certificate.secret("lender", "tls"),
            // Only Secrets that an Ingress names are read.
            &secure("lender", "own", &["own.grant.example"], "tls"),
            &secure("borrower", "shop", &[HOST], "tls"),
        ]))
        .await;
    cluster.rolled_out("lender").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_grant_that_is_withdrawn_is_never_honoured_late() {
    let cluster = Cluster::shared().await;
    prepare(&cluster).await;
    let relay = Relay::start(&cluster, "grant").await;
    let difference = Difference { hours: 0, rewrite: borrow };
    let inside = Inside::start(relay.kubeconfig(), &["lender", "borrower"], difference).await;
    let edge = inside.websecure();
    let mut api = Api::connect(&cluster).await;
    let refused = Outcome::Alert("UnrecognisedName".to_owned());
    eventually("nothing is lent", PATIENCE, async || outcome(edge).await == refused).await;
    let ways = [("Secret", "tls", refused), ("Service", "echo", Outcome::ours(503))];
    for (kind, name, _) in &ways {
        api.must("POST", GRANTS, &grant(kind, name)).await;
    }
    let ingress = "/apis/networking.k8s.io/v1/namespaces/borrower/ingresses/shop";
    for round in 0..ROUNDS {
        for (place, kind) in ["referencegrants", "ingresses", "secrets"].into_iter().enumerate() {
            let digit = round / [2, 6, 18][place] % DELAYS.len();
            relay.delay(kind, Duration::from_millis(DELAYS[digit]));
        }
        let (kind, name, refused) = &ways[round % 2];
        let limit = PROMPT + LATEST;
        eventually("it is lent", PATIENCE, async || outcome(edge).await.is_of("lender")).await;
        if round % 50 == 49 {
            relay.end("referencegrants", Ending::Expired);
        }
        // What refers changes just before, or just after.
        let label = json!({"metadata": {"labels": {"round": round.to_string()}}});
        if round % 4 < 2 {
            api.must("PATCH", ingress, &label).await;
        }
        api.must("DELETE", &format!("{GRANTS}/{name}"), &Value::Null).await;
        if round % 4 >= 2 {
            api.must("PATCH", ingress, &label).await;
        }
        eventually("it is withdrawn", limit, async || outcome(edge).await == *refused).await;
        let mut quiet = 0;
        while quiet < 2 {
            quiet += usize::from(relay.is_quiet());
            assert_eq!(outcome(edge).await, *refused, "round {round}");
        }
        api.must("POST", GRANTS, &grant(kind, name)).await;
    }
}
