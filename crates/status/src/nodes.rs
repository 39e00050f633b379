// SPDX-License-Identifier: Apache-2.0
//! The internal addresses of the cluster's nodes, where those are the addresses of Ingresses
//! (`providers.kubernetesIngress.reportNodeInternalIPs`): for clusters without load balancers.
//!
//! Nodes are watched while this replica leads, and only then; of a Node only its addresses are kept.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ClusterResourceScope;
use kube::{Api, Client, Resource};
use postern_model::{Finding, Kind, ObjectKey, Origin, Reason, Severity};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use crate::call::CallError;
use crate::view::{Address, Watched};
use crate::watch::{Change, follow_and};

/// How many addresses are told at most: each Ingress carries them all.
const MOST: usize = 64;
/// How many changes may wait to be taken in.
const CHANGES: usize = 64;
/// How long further changes are gathered: all Ingresses are written anew when a node comes or goes, and a cluster that
/// grows gets many at once.
const GATHERED: Duration = Duration::from_secs(5);

/// A Node without all that it has but addresses.
#[derive(Clone, Debug, Default, Deserialize)]
struct Node {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    status: Option<NodeStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct NodeStatus {
    #[serde(default)]
    addresses: Option<Vec<NodeAddress>>,
}

#[derive(Clone, Debug, Deserialize)]
struct NodeAddress {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

impl Resource for Node {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Node".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "nodes".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Watched for Node {
    type Kept = Box<[IpAddr]>;

    /// Its internal addresses.  What is no address is left out: the API server would refuse the whole status for it.
    fn keep(self) -> Self::Kept {
        let addresses = self.status.unwrap_or_default().addresses.unwrap_or_default();
        let internal = addresses.into_iter().filter(|address| address.kind == "InternalIP");
        internal.filter_map(|address| address.address.parse().ok()).collect()
    }
}

/// What is known of all nodes.
#[derive(Debug, Default)]
struct Nodes(HashMap<Arc<str>, Box<[IpAddr]>>);

impl Nodes {
    fn take(&mut self, change: Change<Box<[IpAddr]>>) {
        match change {
            Change::All(nodes) => {
                self.0 = nodes.into_iter().map(|((_, name), addresses)| (name, addresses)).collect()
            }
            Change::Put((_, name), addresses) => {
                self.0.insert(name, addresses);
            }
            Change::Gone((_, name)) => {
                self.0.remove(&name);
            }
        }
    }

    /// In an order that does not depend on that of the nodes, each once, and not more than a status should carry.
    fn addresses(&self) -> Vec<Address> {
        let sorted: BTreeSet<&IpAddr> = self.0.values().flatten().collect();
        let told = sorted.into_iter().take(MOST);
        told.map(|ip| Address { ip: Some(ip.to_string()), hostname: None }).collect()
    }
}

/// Tells the addresses of all nodes whenever they change, and whether Nodes may be read.  While there is none, what was
/// told stays.
pub(crate) async fn tell(
    client: Client,
    told: mpsc::Sender<Vec<Address>>,
    found: watch::Sender<Vec<Finding>>,
) {
    let (sender, changes) = mpsc::channel(CHANGES);
    let following =
        follow_and(Api::<Node>::all(client), sender, |result| note(&found, result.as_ref().err()));
    tokio::join!(following, gather(changes, told));
}

async fn gather(
    mut changes: mpsc::Receiver<Change<Box<[IpAddr]>>>,
    told: mpsc::Sender<Vec<Address>>,
) {
    let mut nodes = Nodes::default();
    let mut last = Vec::new();
    while let Some(change) = changes.recv().await {
        nodes.take(change);
        while let Ok(change) = changes.try_recv() {
            nodes.take(change);
        }
        let addresses = nodes.addresses();
        if addresses.is_empty() || addresses == last {
            continue;
        }
        last.clone_from(&addresses);
        if told.send(addresses).await.is_err() {
            return;
        }
        tokio::time::sleep(GATHERED).await;
    }
}

/// Finds that Nodes may not be read, or that they may.
fn note(found: &watch::Sender<Vec<Finding>>, error: Option<&CallError>) {
    let findings = match error {
        None => Vec::new(),
        Some(CallError::Forbidden { .. }) => vec![not_granted()],
        // That says nothing about what is granted.
        Some(_) => return,
    };
    found.send_if_modified(|known| {
        let is_new = *known != findings;
        *known = findings;
        is_new
    });
}

fn not_granted() -> Finding {
    Finding {
        severity: Severity::Error,
        reason: Reason::AccessNotGranted,
        origin: Origin::bare(ObjectKey::new(Kind::File, "", "kubernetes")),
        field: "".into(),
        message: "Postern may not read Node objects of the cluster; the addresses of nodes are not written \
                  into the status of Ingresses"
            .to_owned(),
        remedy: "grant get, list and watch to Postern's service account",
    }
}

#[cfg(test)]
mod tests;
