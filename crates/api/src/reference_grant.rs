// SPDX-License-Identifier: Apache-2.0
//! `gateway.networking.k8s.io` ReferenceGrant (`v1`, `v1beta1` and `v1alpha2` have one shape).

use serde::Deserialize;

use crate::metadata::ObjectMeta;

/// A ReferenceGrant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrant {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub spec: ReferenceGrantSpec,
}

/// `spec` of a ReferenceGrant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantSpec {
    /// Who may refer.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub from: Vec<ReferenceGrantFrom>,
    /// To what.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub to: Vec<ReferenceGrantTo>,
}

/// One of `spec.from`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantFrom {
    /// The group of the referring kind.
    #[serde(default)]
    pub group: Option<String>,
    /// The referring kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// The namespace of the referring object.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// One of `spec.to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantTo {
    /// The group of the target.
    #[serde(default)]
    pub group: Option<String>,
    /// The target's kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// The target's name; absent: all of that kind.
    #[serde(default)]
    pub name: Option<String>,
}
