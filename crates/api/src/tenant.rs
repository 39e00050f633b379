// SPDX-License-Identifier: Apache-2.0
//! `postern.dev/v1alpha1` Tenant: what the operator decides about one tenant.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::metadata::ObjectMeta;
use crate::text_map::TextMap;

/// A `postern.dev/v1alpha1` Tenant, cluster-scoped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub spec: TenantSpec,
    /// `status`, as far as it says what Postern must not forget.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub status: TenantStatus,
}

/// `status` of a Tenant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Its namespaces, as they were seen first.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub namespaces: Vec<PinnedNamespace>,
}

/// A namespace of a Tenant.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PinnedNamespace {
    /// Its name.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub name: String,
    /// Its UID.
    #[serde(default)]
    pub uid: Option<String>,
}

/// `spec` of a Tenant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// Its namespaces, by name.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub namespaces: Vec<String>,
    /// Its namespaces, by labels that only the operator sets.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub namespace_selector: LabelSelector,
    /// Names and one-label wildcards that only this tenant may use.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub domains: Vec<String>,
    /// The entry points that it may use; empty: all.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub entry_points: Vec<String>,
    /// Its TLS policy.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub tls: TenantTls,
    /// Its limits.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub limits: TenantLimits,
    /// Whether its host-less rules also answer for names that nobody owns.
    #[serde(default)]
    pub allow_catch_all: Option<bool>,
    /// `Shared` (the default) or `Process`.
    #[serde(default)]
    pub isolation: Option<String>,
}

/// A label selector.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// All of these labels.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub match_labels: TextMap,
    /// Not read; whoever uses them is told.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub match_expressions: Vec<IgnoredAny>,
}

/// `spec.tls` of a Tenant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantTls {
    /// `VersionTLS12` (the default) or `VersionTLS13`.
    #[serde(default)]
    pub min_version: Option<String>,
    /// The groups for key exchange.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub curves: Vec<String>,
}

/// `spec.limits` of a Tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantLimits {
    /// Open connections.
    #[serde(default)]
    pub connections: Option<i64>,
    /// TLS handshakes that begin in a second.
    #[serde(default)]
    pub handshakes_per_second: Option<i64>,
    /// Requests that are being answered at one moment.
    #[serde(default)]
    pub requests_in_flight: Option<i64>,
    /// Requests that begin in a second.
    #[serde(default)]
    pub requests_per_second: Option<i64>,
    /// Certificates.
    #[serde(default)]
    pub certificates: Option<i64>,
    /// Routes.
    #[serde(default)]
    pub routes: Option<i64>,
    /// Hostnames that it holds claims to.
    #[serde(default)]
    pub hosts: Option<i64>,
    /// Bytes of bodies and headers held in memory.
    #[serde(default)]
    pub bytes_buffered: Option<i64>,
}
