// SPDX-License-Identifier: Apache-2.0
//! `networking.k8s.io/v1` Ingress.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::metadata::ObjectMeta;

/// A `networking.k8s.io/v1` Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub spec: IngressSpec,
}

/// `spec` of an Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressSpec {
    /// The class.
    #[serde(default)]
    pub ingress_class_name: Option<String>,
    /// Where requests go that no rule wants.
    #[serde(default)]
    pub default_backend: Option<IngressBackend>,
    /// The certificates.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub tls: Vec<IngressTls>,
    /// The rules.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub rules: Vec<IngressRule>,
}

/// One of `spec.tls`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressTls {
    /// The hosts.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub hosts: Vec<String>,
    /// The Secret.
    #[serde(default)]
    pub secret_name: Option<String>,
}

/// One of `spec.rules`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressRule {
    /// The host.
    #[serde(default)]
    pub host: Option<String>,
    /// The paths; absent: the default backend takes everything.
    #[serde(default)]
    pub http: Option<HttpIngressRule>,
}

/// `http` of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpIngressRule {
    /// The paths.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub paths: Vec<HttpIngressPath>,
}

/// One of `http.paths`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpIngressPath {
    /// The path.
    #[serde(default)]
    pub path: Option<String>,
    /// `Exact`, `Prefix` or `ImplementationSpecific`.
    #[serde(default)]
    pub path_type: Option<String>,
    /// Where to.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub backend: IngressBackend,
}

/// A backend: a Service, or a resource that we do not read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressBackend {
    /// The Service.
    #[serde(default)]
    pub service: Option<IngressServiceBackend>,
    /// Something else.
    #[serde(default)]
    pub resource: Option<IgnoredAny>,
}

/// `service` of a backend.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressServiceBackend {
    /// The Service's name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its port.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub port: ServiceBackendPort,
}

/// `port` of a backend: one of the two.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceBackendPort {
    /// By name.
    #[serde(default)]
    pub name: Option<String>,
    /// By number.
    #[serde(default)]
    pub number: Option<i64>,
}
