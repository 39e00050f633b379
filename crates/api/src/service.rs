// SPDX-License-Identifier: Apache-2.0
//! `v1` Service.

use serde::Deserialize;

use crate::metadata::ObjectMeta;

/// A `v1` Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub spec: ServiceSpec,
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP` when absent.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The Service's own address; `None` when it is headless.
    #[serde(default, rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// The name behind `type: ExternalName`.
    #[serde(default)]
    pub external_name: Option<String>,
    /// The ports.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub ports: Vec<ServicePort>,
}

/// One of `spec.ports`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its number.
    #[serde(default)]
    pub port: Option<i64>,
    /// `TCP` when absent.
    #[serde(default)]
    pub protocol: Option<String>,
    /// What is spoken there.
    #[serde(default)]
    pub app_protocol: Option<String>,
}
