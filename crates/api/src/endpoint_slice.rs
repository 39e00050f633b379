// SPDX-License-Identifier: Apache-2.0
//! `discovery.k8s.io/v1` EndpointSlice.

use serde::Deserialize;

use crate::metadata::ObjectMeta;

/// A `discovery.k8s.io/v1` EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `IPv4`, `IPv6` or `FQDN`.
    #[serde(default)]
    pub address_type: Option<String>,
    /// The ports of every endpoint.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub ports: Vec<EndpointPort>,
    /// The endpoints.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub endpoints: Vec<Endpoint>,
}

impl EndpointSlice {
    /// The label that names the Service.
    pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";
}

/// One of `ports`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPort {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its number.
    #[serde(default)]
    pub port: Option<i64>,
    /// `TCP` when absent.
    #[serde(default)]
    pub protocol: Option<String>,
}

/// One of `endpoints`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its addresses.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub addresses: Vec<String>,
    /// Its conditions.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub conditions: EndpointConditions,
    /// What is behind it.
    #[serde(default)]
    pub target_ref: Option<TargetRef>,
}

/// `conditions` of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointConditions {
    /// Absent means true.
    #[serde(default)]
    pub ready: Option<bool>,
    /// Absent means the same as ready.
    #[serde(default)]
    pub serving: Option<bool>,
    /// Absent means false.
    #[serde(default)]
    pub terminating: Option<bool>,
}

/// `targetRef` of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// `Pod`, or something else.
    #[serde(default)]
    pub kind: Option<String>,
    /// Its namespace.
    #[serde(default)]
    pub namespace: Option<String>,
}
