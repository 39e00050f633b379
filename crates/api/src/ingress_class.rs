// SPDX-License-Identifier: Apache-2.0
//! `networking.k8s.io/v1` IngressClass.

use serde::Deserialize;

use crate::metadata::ObjectMeta;

/// A `networking.k8s.io/v1` IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressClass {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub spec: IngressClassSpec,
}

/// `spec` of an IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressClassSpec {
    /// The controller that serves the class.
    #[serde(default)]
    pub controller: Option<String>,
}
