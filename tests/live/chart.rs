// SPDX-License-Identifier: Apache-2.0
//! The chart in the cluster: installed and upgraded by the real helm, run by Pods with exactly the rights that it gives.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::client::{Outcome, get_at};
use crate::cluster::{Cluster, PATIENCE, eventually, root};
use crate::yaml::{documents, ingress, tenant};

/// Where the chart lies.
pub(crate) fn chart() -> String {
    root().join("deploy/charts/postern").display().to_string()
}

/// What Traefik's documentation recommends for one tenant, as the golden case has it.
fn seed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/helm/seed/values.yaml")
}

async fn pods(cluster: &Cluster, namespace: &str) -> Vec<SocketAddr> {
    let selector = "app.kubernetes.io/name=postern";
    let all = cluster.get(&["pods", "--namespace", namespace, "--selector", selector]).await;
    let items = all["items"].as_array().cloned().unwrap_or_default();
    let live = items.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let addresses = live.filter_map(|pod| pod["status"]["podIP"].as_str()?.parse::<IpAddr>().ok());
    // Nothing in this cluster translates a Service's port into the Pod's.
    addresses.map(|address| SocketAddr::new(address, 8000)).collect()
}

/// Waits until every Pod of an installation answers for a host like this.
pub(crate) async fn serves(cluster: &Cluster, namespace: &str, host: &str, wanted: &Outcome) {
    eventually(&format!("every Pod answers {host} with {wanted}"), PATIENCE, async || {
        let pods = pods(cluster, namespace).await;
        let mut right = 0;
        for pod in &pods {
            right += usize::from(get_at(*pod, host, "/").await == *wanted);
        }
        !pods.is_empty() && right == pods.len()
    })
    .await;
}

/// What an account may do, as kubectl lists it.
async fn rights(cluster: &Cluster, account: &str, namespace: Option<&str>) -> String {
    let who = format!("--as=system:serviceaccount:{account}");
    let mut arguments = vec!["auth", "can-i", "--list", &who];
    arguments.extend(namespace.into_iter().flat_map(|name| ["--namespace", name]));
    cluster.kubectl(&arguments).await
}

/// Whether an account may do that.
pub(crate) async fn may(cluster: &Cluster, account: &str, what: &[&str]) -> bool {
    let who = format!("--as=system:serviceaccount:{account}");
    cluster.try_kubectl(&[&["auth", "can-i"], what, &[&*who]].concat()).await.is_ok()
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn the_values_for_one_tenant_install_with_rights_in_its_namespace_only() {
    let cluster = Cluster::alone().await;
    // As on a cluster that never heard of Postern: the chart brings its kinds.
    let kinds = ["crd/tenants.postern.dev", "crd/hostclaims.postern.dev"];
    cluster.kubectl(&[&["delete", "--timeout=30s"], &kinds[..]].concat()).await;
    cluster.apply(&documents(&[&tenant("tenant"), &tenant("stranger")])).await;
    let seed = seed().display().to_string();
    let chart = chart();
    let install = ["install", "edge", &chart, "--namespace=edge-system", "--create-namespace"];
    let values = ["--values", &seed, "--wait", "--timeout=90s"];
    cluster.helm(&[&install[..], &values].concat()).await;
    cluster.knows_our_kinds().await;
    let cluster = cluster.lets_others_in();
    cluster.rolled_out("tenant").await;
    cluster.rolled_out("stranger").await;
    let (own, strange) = ("shop.tenant.example", "shop.stranger.example");
    cluster.apply(&ingress("tenant", "shop", &[own])).await;
    cluster.apply(&ingress("stranger", "shop", &[strange])).await;
    serves(&cluster, "edge-system", own, &Outcome::of("tenant")).await;
    serves(&cluster, "edge-system", strange, &Outcome::ours(404)).await;

    let account = "edge-system:edge-postern";
    let everywhere = rights(&cluster, account, None).await;
    assert!(everywhere.contains("hostclaims"), "{everywhere}");
    assert!(!everywhere.contains("secrets"), "{everywhere}");
    assert!(rights(&cluster, account, Some("tenant")).await.contains("secrets"));
    assert!(may(&cluster, account, &["get", "secrets", "--namespace=tenant"]).await);
    assert!(!may(&cluster, account, &["get", "secrets", "--namespace=stranger"]).await);
    assert!(!may(&cluster, account, &["list", "secrets", "--all-namespaces"]).await);
    assert!(!may(&cluster, account, &["create", "pods", "--namespace=tenant"]).await);

    // The next tenant comes with an upgrade.
    let more = "providers.kubernetesIngress.namespaces={tenant,stranger}";
    let upgrade = ["upgrade", "edge", &chart, "--namespace=edge-system", "--wait", "--timeout=90s"];
    let values = ["--values", &seed, "--set", more];
    cluster.helm(&[&upgrade[..], &values].concat()).await;
    serves(&cluster, "edge-system", strange, &Outcome::of("stranger")).await;
    serves(&cluster, "edge-system", own, &Outcome::of("tenant")).await;
    assert!(may(&cluster, account, &["get", "secrets", "--namespace=stranger"]).await);

    forbidden_namespace_is_a_finding(&cluster, account).await;
    another_tenant_installs_the_same(&cluster, &chart, &seed).await;
    cluster.helm(&["uninstall", "edge", "--namespace=edge-system", "--wait"]).await;
    assert!(!may(&cluster, account, &["get", "secrets", "--namespace=tenant"]).await);
}

/// Another tenant's release of the same name meets nothing of the first one's.
async fn another_tenant_installs_the_same(cluster: &Cluster, chart: &str, seed: &str) {
    let install = ["install", "edge", chart, "--namespace=other-system", "--create-namespace"];
    cluster.helm(&[&install[..], &["--values", seed]].concat()).await;
    let classes = cluster.kubectl(&["get", "ingressclass", "--output=name"]).await;
    for namespace in ["edge-system", "other-system"] {
        assert!(classes.contains(&format!("edge-postern-{namespace}")), "{classes}");
    }
    cluster.helm(&["uninstall", "edge", "--namespace=other-system", "--wait"]).await;
    let classes = cluster.kubectl(&["get", "ingressclass", "--output=name"]).await;
    assert!(classes.contains("edge-postern-edge-system"), "{classes}");
}

/// Somebody takes the rights in one namespace away: the others go on, and new Pods say what they lack.
async fn forbidden_namespace_is_a_finding(cluster: &Cluster, account: &str) {
    cluster
        .kubectl(&["delete", "rolebinding", "edge-postern-edge-system", "--namespace=stranger"])
        .await;
    assert!(!may(cluster, account, &["list", "ingresses", "--namespace=stranger"]).await);
    let restart = ["rollout", "restart", "deployment/edge-postern", "--namespace=edge-system"];
    cluster.kubectl(&restart).await;
    cluster.rolled_out("edge-system").await;
    serves(cluster, "edge-system", "shop.tenant.example", &Outcome::of("tenant")).await;
    let selector = "--selector=app.kubernetes.io/name=postern";
    eventually("the log says which right is missing", PATIENCE, async || {
        let log = ["logs", selector, "--namespace=edge-system", "--tail=200"];
        let log = cluster.kubectl(&log).await;
        log.contains("AccessNotGranted") && log.contains("stranger")
    })
    .await;
    serves(cluster, "edge-system", "shop.tenant.example", &Outcome::of("tenant")).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn the_default_values_install_and_serve_every_namespace() {
    let cluster = Cluster::alone().await;
    cluster.apply(&tenant("anybody")).await;
    let chart = chart();
    let install =
        ["install", "postern", &chart, "--namespace=postern-system", "--create-namespace"];
    let values = ["--wait", "--timeout=90s"];
    cluster.helm(&[&install[..], &values].concat()).await;
    cluster.rolled_out("anybody").await;
    cluster.apply(&ingress("anybody", "shop", &["shop.anybody.example"])).await;
    serves(&cluster, "postern-system", "shop.anybody.example", &Outcome::of("anybody")).await;
    cluster.helm(&["uninstall", "postern", "--namespace=postern-system", "--wait"]).await;
}
