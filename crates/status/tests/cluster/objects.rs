// SPDX-License-Identifier: Apache-2.0
//! Objects to test with.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use postern_api::crd::{self, HostClaim};
use serde_json::json;

use super::replica::until;

/// Defines our kinds.
pub(crate) async fn define(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (_, definition) in crd::definitions() {
        let name = definition.metadata.name.clone().unwrap();
        let apply = PatchParams::apply("test").force();
        api.patch(&name, &apply, &Patch::Apply(&definition)).await.unwrap();
    }
    let claims: Api<HostClaim> = Api::all(client.clone());
    until("the kinds are served", async || claims.list(&ListParams::default()).await.is_ok()).await;
}

/// Makes a namespace.
pub(crate) async fn namespace(client: &Client, name: &str) {
    let api: Api<Namespace> = Api::all(client.clone());
    let object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// Deletes a namespace and waits until it is gone.
pub(crate) async fn delete_namespace(client: &Client, name: &str) {
    let api: Api<Namespace> = Api::all(client.clone());
    api.delete(name, &DeleteParams::default()).await.unwrap();
    until("the namespace is gone", async || api.get_opt(name).await.unwrap().is_none()).await;
}

/// Makes, or replaces, an Ingress for these hosts.
pub(crate) async fn ingress(client: &Client, namespace: &str, name: &str, hosts: &[&str]) {
    let api: Api<Ingress> = Api::namespaced(client.clone(), namespace);
    let rules: Vec<_> = hosts
        .iter()
        .map(|host| {
            json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "shop", "port": {"number": 80}}}}]}})
        })
        .collect();
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": name}, "spec": {"rules": rules}});
    let apply = PatchParams::apply("author").force();
    api.patch(name, &apply, &Patch::Apply(&object)).await.unwrap();
}

/// The addresses in an Ingress' status.
pub(crate) async fn addresses(client: &Client, namespace: &str, name: &str) -> Vec<String> {
    let api: Api<Ingress> = Api::namespaced(client.clone(), namespace);
    let balancer = api.get_status(name).await.unwrap().status.and_then(|s| s.load_balancer);
    let entries = balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    entries.into_iter().filter_map(|entry| entry.ip).collect()
}

/// What is said in a namespace: reasons and notes.
pub(crate) async fn events(client: &Client, namespace: &str) -> Vec<(String, String)> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let events = api.list(&ListParams::default()).await.unwrap();
    let ours = events.items.into_iter().filter(|event| {
        event.reporting_controller.as_deref() == Some("postern.dev/ingress-controller")
    });
    ours.map(|e| (e.reason.unwrap_or_default(), e.note.unwrap_or_default())).collect()
}

/// The claim to a host: namespace, epoch, and whether it was given up.
pub(crate) async fn claim(client: &Client, host: &str) -> Option<(String, i64, bool)> {
    let api: Api<HostClaim> = Api::all(client.clone());
    let name = crd::object_name(host, |_| String::new());
    let claim = api.get_opt(&name).await.unwrap()?;
    let released = claim.status.is_some_and(|status| status.released_at.is_some());
    Some((claim.spec.namespace, claim.spec.epoch, released))
}
