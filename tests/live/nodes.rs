// SPDX-License-Identifier: Apache-2.0
//! The addresses of nodes as those of Ingresses: with the right that the chart gives for it, and without.

use std::fs;

use serde_json::json;

use crate::api::Api;
use crate::chart::{chart, may, serves};
use crate::client::Outcome;
use crate::cluster::{Cluster, PATIENCE, eventually};
use crate::yaml::{ingress, tenant};

const SYSTEM: &str = "--namespace=noded-system";
const HOST: &str = "shop.noded.example";
/// What kubectl calls the Pods of the chart.
const PODS: &str = "--selector=app.kubernetes.io/name=postern";

const RIGHT: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: noded-by-hand}
rules: [{apiGroups: [\"\"], resources: [nodes], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: noded-by-hand}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: noded-by-hand}
subjects: [{kind: ServiceAccount, name: noded-postern, namespace: noded-system}]";

/// Installs or upgrades the chart; `reports` are the lines that ask for the addresses.
async fn install(cluster: &Cluster, reports: &str) {
    let file = cluster.state().join("noded.yaml");
    let values = format!(
        "scope: tenants\nproviders:\n  kubernetesIngress:\n    namespaces: [noded]\n    \
         publishedService: {{enabled: false}}\n{reports}\n"
    );
    fs::write(&file, values).expect("the state can be written to");
    let file = file.display().to_string();
    let chart = chart();
    let install = ["upgrade", "noded", &chart, "--install", SYSTEM, "--create-namespace"];
    cluster.helm(&[&install[..], &["--values", &file, "--wait", "--timeout=90s"]].concat()).await;
}

/// The internal addresses of all nodes, or those that an Ingress shows, sorted.
async fn addresses(cluster: &Cluster, what: &[&str], path: &str) -> Vec<String> {
    let path = format!("--output=jsonpath={path}");
    let text = cluster.kubectl(&[&["get"], what, &[&*path]].concat()).await;
    let mut addresses: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    addresses.sort();
    addresses
}

/// Waits until the Ingress shows what the nodes have.
async fn follows(cluster: &Cluster, least: usize) {
    let of_nodes = "{.items[*].status.addresses[?(@.type==\"InternalIP\")].address}";
    let of_ingress = "{.status.loadBalancer.ingress[*].ip}";
    eventually("the Ingress has the nodes' addresses", PATIENCE, async || {
        let nodes = addresses(cluster, &["nodes"], of_nodes).await;
        let shown = addresses(cluster, &["ingress", "shop", "--namespace=noded"], of_ingress).await;
        nodes.len() >= least && nodes == shown
    })
    .await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn ingresses_have_the_addresses_of_nodes_with_the_right_to_read_them() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("noded")).await;
    cluster.rolled_out("noded").await;
    cluster.apply(&ingress("noded", "shop", &[HOST])).await;

    // Asked for past the chart's value: the right is missing, and is all that is missing.
    let flag = "--providers.kubernetesIngress.reportNodeInternalIPs=true";
    install(&cluster, &format!("additionalArguments: [\"{flag}\"]")).await;
    let account = "noded-system:noded-postern";
    assert!(!may(&cluster, account, &["list", "nodes"]).await);
    serves(&cluster, "noded-system", HOST, &Outcome::of("noded")).await;
    eventually("the log says which right is missing", PATIENCE, async || {
        let log = cluster.kubectl(&["logs", PODS, SYSTEM, "--tail=200"]).await;
        log.lines().any(|line| line.contains("AccessNotGranted") && line.contains("Node objects"))
    })
    .await;

    // Granted by hand, it goes on by itself.
    cluster.apply(RIGHT).await;
    follows(&cluster, 1).await;
    cluster.kubectl(&["delete", "clusterrolebinding,clusterrole", "noded-by-hand"]).await;

    install(&cluster, "    reportNodeInternalIPs: true").await;
    for verb in ["get", "list", "watch"] {
        assert!(may(&cluster, account, &[verb, "nodes"]).await, "{verb}");
    }
    assert!(!may(&cluster, account, &["patch", "nodes"]).await);
    assert!(!may(&cluster, account, &["get", "nodes", "--subresource=proxy"]).await);
    assert!(!may(&cluster, account, &["list", "secrets", "--all-namespaces"]).await);
    serves(&cluster, "noded-system", HOST, &Outcome::of("noded")).await;
    follows(&cluster, 1).await;

    // A node comes and goes.
    let mut api = Api::connect(&cluster).await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "noded-other"}});
    api.must("POST", "/api/v1/nodes", &node).await;
    let status = json!({"status": {"addresses": [
        {"type": "Hostname", "address": "noded-other"},
        {"type": "InternalIP", "address": "192.0.2.77"},
        {"type": "InternalIP", "address": "2001:db8::77"},
    ]}});
    api.must("PATCH", "/api/v1/nodes/noded-other/status", &status).await;
    follows(&cluster, 3).await;
    cluster.kubectl(&["delete", "node", "noded-other"]).await;
    follows(&cluster, 1).await;
    cluster.helm(&["uninstall", "noded", SYSTEM, "--wait"]).await;
}
