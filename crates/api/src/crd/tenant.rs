// SPDX-License-Identifier: Apache-2.0
//! Tenant: which namespaces are one tenant, and what the operator decides about it.

use std::collections::BTreeMap;

use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// What the operator decides.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "postern.dev",
    version = "v1alpha1",
    kind = "Tenant",
    status = "TenantStatus",
    doc = "A Tenant is a set of namespaces that belong together. Nothing of one tenant - hostnames, certificates, Secrets, Services - can be used by another. Only the operator of the cluster should be able to write Tenants.",
    crates(kube_core = "::kube_core"),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".status.summary.namespaces"),
    printcolumn(name = "Domains", type_ = "string", json_path = ".status.summary.domains"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("(has(self.namespaces) && size(self.namespaces) > 0) || has(self.namespaceSelector)").message("a Tenant needs namespaces or a namespaceSelector")
)]
pub struct TenantSpec {
    /// The namespaces, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), schema_with = "namespace_names", extend("x-kubernetes-list-type" = "set"))]
    pub namespaces: Vec<String>,
    /// The namespaces, by their labels. Choose labels that only the operator can set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// Hostnames that only this tenant may use: a name, or *. and a name for every name below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), schema_with = "domain_names", extend("x-kubernetes-list-type" = "set"))]
    pub domains: Vec<String>,
    /// The entry points that the tenant may use, such as web and websecure; none listed: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub entry_points: Vec<String>,
    /// The tenant's TLS policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TenantTls>,
    /// The most that the tenant may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<TenantLimits>,
    /// Whether rules without a host also answer for hostnames that nobody owns. The oldest Tenant that may has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_catch_all: Option<bool>,
    /// How far apart this tenant is from the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

fn namespace_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "items": {"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    })
}

fn domain_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "items": {
            "type": "string",
            "maxLength": 255,
            "pattern": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
        },
    })
}

/// Which namespaces, by labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// A namespace needs all of these labels.
    #[schemars(length(min = 1, max = 64))]
    pub match_labels: BTreeMap<String, String>,
}

/// A TLS policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantTls {
    /// The lowest version that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,
    /// The groups for key exchange that are accepted: X25519MLKEM768, SecP256r1MLKEM768 (both TLS 1.3 only), X25519,
    /// CurveP256, CurveP384. Of those, the client's favourite is used, whatever their order here. With none that is known,
    /// TLS handshakes are refused. None listed: all but SecP256r1MLKEM768.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub curves: Vec<String>,
}

/// The lowest version of TLS that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    VersionTLS12,
    /// TLS 1.3 (RFC 8446).
    VersionTLS13,
}

/// The most that a tenant may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantLimits {
    /// Client connections with TLS, by the hostname of their handshake, that are open at one moment. For a further one, the
    /// tenant's own that has waited longest without a request is closed. When absent, tenancy.limits.connections of the
    /// installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub connections: Option<i64>,
    /// TLS handshakes that begin in a second, by the hostname that they are for, full and resumed ones; as many may come
    /// at once. Connections with further ones are closed. When absent, any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub handshakes_per_second: Option<i64>,
    /// Requests that are being answered at one moment, WebSockets included. Further ones are answered with 429. When
    /// absent, tenancy.limits.requestsInFlight of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub requests_in_flight: Option<i64>,
    /// Requests that begin in a second, over all connections; as many may come at once. Further ones are answered with
    /// 429. When absent, any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub requests_per_second: Option<i64>,
    /// Hostnames that the tenant holds claims to, also those that it has no route for any more, and those that it gave
    /// up and that are still quarantined. A hostname more is not served, unless it lies in the tenant's domains or below a
    /// wildcard that it holds; those that are held stay. When absent, tenancy.limits.hosts of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub hosts: Option<i64>,
    /// Certificates: entries in spec.tls. They count together with the routes, and the smaller of both limits holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub certificates: Option<i64>,
    /// Routes: paths of rules. The oldest objects within the limit are served. When absent,
    /// tenancy.limits.routes of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4294967295_i64))]
    pub routes: Option<i64>,
    /// Bytes of bodies and headers that are held in memory. Not enforced yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub bytes_buffered: Option<i64>,
}

/// Shared: one process serves this tenant and others. Process: a process of its own holds this tenant's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Isolation {
    /// In the process that serves other tenants too.
    Shared,
    /// In a process of its own. Not supported yet: nothing of such a tenant is served.
    Process,
}

/// How the tenant is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Accepted says whether the spec is valid; Ready whether all of it is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The namespaces that are this tenant's, each as it was seen first. A namespace whose UID is another now was deleted
    /// and created anew: it is not this tenant's until its name leaves this list and is listed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub namespaces: Vec<PinnedNamespace>,
    /// For people: what kubectl get prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<TenantSummary>,
}

/// A namespace that is the tenant's.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct PinnedNamespace {
    /// Its name.
    pub name: String,
    /// Its UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Lists in one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantSummary {
    /// The namespaces.
    pub namespaces: String,
    /// The domains.
    pub domains: String,
}
