// SPDX-License-Identifier: Apache-2.0
//! What the operator decides about reading a cluster, with Traefik's names where Traefik has them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postern_model::{SecretBytes, Settings};

/// How a cluster is reached and what of it is read.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// How the API server is reached.
    pub access: Access,
    /// What else decides how objects are read; the world's settings, so `namespaces` is there.
    pub settings: Settings,
    /// `labelSelector`: only Ingress objects that it selects are read; empty: all.
    pub label_selector: String,
    /// `throttleDuration`: the least time between two batches.
    pub throttle: Duration,
    /// `disableClusterScopeResources`: nothing outside of namespaces is read, which are IngressClasses, Namespaces,
    /// Tenants and HostClaims.
    pub disable_cluster_scope_resources: bool,
    /// Secrets are read one by one, by name, and never listed.
    pub secrets_by_name: bool,
}

/// How the API server is reached.  The first of these that is there is used: `kubeconfig`, the service account of the
/// Pod (under `endpoint`, if that is set), the file of `$KUBECONFIG`, `endpoint`, `~/.kube/config`.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// A kubeconfig file (`--kubeconfig`).
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; its current one if absent.
    pub context: Option<String>,
    /// `endpoint`: the API server's URL.
    pub endpoint: Option<String>,
    /// `token`: a bearer token, or the path of a file that holds one.
    pub token: Option<SecretBytes>,
    /// `certAuthFilePath`: the certificates by which the API server is known.
    pub cert_auth_file_path: Option<PathBuf>,
}

impl ClusterOptions {
    /// The namespaces that are watched one by one; nothing stands for all of them together.
    pub(super) fn scopes(&self) -> Vec<Option<Arc<str>>> {
        let mut namespaces = self.settings.namespaces.clone();
        namespaces.sort();
        namespaces.dedup();
        if namespaces.is_empty() { vec![None] } else { namespaces.into_iter().map(Some).collect() }
    }
}
