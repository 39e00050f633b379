// SPDX-License-Identifier: Apache-2.0
//! How a cluster is read: what `postern run` takes from the configuration, beyond what compiling works from.

use std::net::IpAddr;
use std::time::Duration;

use postern_model::{Host, SecretBytes, Settings};
use postern_source::{Access, ClusterOptions};

use super::error::ConfigError;
use super::key::Key;
use super::keys;
use super::reader::Reader;
use super::value;

/// How a cluster is read, and what is written into it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterConfig {
    /// How the API server is reached.
    pub(crate) access: Access,
    /// Which Ingresses are read; empty: all.
    pub(crate) label_selector: String,
    /// The least time between two batches of changes.
    pub(crate) throttle: Duration,
    /// Nothing outside of namespaces is read.
    pub(crate) disable_cluster_scope_resources: bool,
    /// Secrets are never listed.
    pub(crate) secrets_by_name: bool,
    /// What is written into the status of Ingresses.
    pub(crate) ingress_endpoint: IngressEndpoint,
    /// The internal addresses of nodes are, and nothing else.
    pub(crate) report_node_internal_ips: bool,
    /// The provider for Traefik's own kinds, which are not read, was configured.
    pub(crate) wants_traefik_kinds: bool,
}

/// `ingressEndpoint.*`: what is written into `status.loadBalancer`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IngressEndpoint {
    /// `ip`
    pub(crate) ip: Option<IpAddr>,
    /// `hostname`
    pub(crate) hostname: Option<String>,
    /// `publishedService`: namespace and name.
    pub(crate) published_service: Option<(String, String)>,
}

impl ClusterConfig {
    /// What the source works from.
    pub(crate) fn options(&self, settings: Settings) -> ClusterOptions {
        ClusterOptions {
            access: self.access.clone(),
            settings,
            label_selector: self.label_selector.clone(),
            throttle: self.throttle,
            disable_cluster_scope_resources: self.disable_cluster_scope_resources,
            secrets_by_name: self.secrets_by_name,
        }
    }
}

/// Reads how a cluster is read.
pub(super) fn read(reader: &Reader<'_>) -> Result<ClusterConfig, ConfigError> {
    let no_cluster_scope = reader.switch(&keys::INGRESS_NO_CLUSTER_SCOPE)?;
    let crd = reader.switch(&keys::CRD)? || reader.is_written(&keys::CRD_NAMESPACES);
    Ok(ClusterConfig {
        access: Access {
            endpoint: text(reader, &keys::INGRESS_ENDPOINT),
            token: text(reader, &keys::INGRESS_TOKEN).map(|t| SecretBytes::new(t.into_bytes())),
            cert_auth_file_path: text(reader, &keys::INGRESS_AUTHORITY).map(Into::into),
            ..Access::default()
        },
        label_selector: reader.text(&keys::INGRESS_LABELS).trim().to_owned(),
        throttle: reader.duration(&keys::INGRESS_THROTTLE)?,
        disable_cluster_scope_resources: no_cluster_scope,
        secrets_by_name: reader.switch(&keys::INGRESS_SECRETS_BY_NAME)?,
        ingress_endpoint: IngressEndpoint {
            ip: some(reader, &keys::INGRESS_ENDPOINT_IP, ip)?,
            hostname: some(reader, &keys::INGRESS_ENDPOINT_HOSTNAME, hostname)?,
            published_service: some(reader, &keys::INGRESS_ENDPOINT_SERVICE, service)?,
        },
        report_node_internal_ips: reports_nodes(reader, no_cluster_scope)?,
        wants_traefik_kinds: crd,
    })
}

/// `reportNodeInternalIPs`, which Traefik too refuses beside these.
fn reports_nodes(reader: &Reader<'_>, no_cluster_scope: bool) -> Result<bool, ConfigError> {
    let endpoint = [
        &keys::INGRESS_ENDPOINT_IP,
        &keys::INGRESS_ENDPOINT_HOSTNAME,
        &keys::INGRESS_ENDPOINT_SERVICE,
    ];
    let excluded = endpoint.into_iter().find(|key| !reader.text(key).is_empty());
    let excluded = excluded.or(no_cluster_scope.then_some(&keys::INGRESS_NO_CLUSTER_SCOPE));
    reader.parse(&keys::INGRESS_NODE_ADDRESSES, |text| match (value::switch(text)?, excluded) {
        (true, Some(other)) => Err(format!("excludes {}: leave one of them out", other.path)),
        (reports, _) => Ok(reports),
    })
}

fn text(reader: &Reader<'_>, key: &'static Key) -> Option<String> {
    Some(reader.text(key).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A value that may be left out, or be empty.
fn some<T>(
    reader: &Reader<'_>,
    key: &'static Key,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    if reader.text(key).is_empty() { Ok(None) } else { reader.parse(key, read).map(Some) }
}

fn ip(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "is no IP address".to_owned())
}

fn hostname(text: &str) -> Result<String, String> {
    let host = Host::parse(text).map_err(|_| "is no hostname".to_owned())?;
    Ok(host.as_str().to_owned())
}

fn service(text: &str) -> Result<(String, String), String> {
    let is_name = |name: &str| !name.is_empty() && !name.contains('/');
    match text.split_once('/') {
        Some((namespace, name)) if is_name(namespace) && is_name(name) => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("is no Service like namespace/name".to_owned()),
    }
}
