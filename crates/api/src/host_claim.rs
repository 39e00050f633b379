// SPDX-License-Identifier: Apache-2.0
//! `postern.dev/v1alpha1` HostClaim: who holds a hostname.

use serde::Deserialize;

use crate::metadata::ObjectMeta;

/// A `postern.dev/v1alpha1` HostClaim, cluster-scoped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostClaim {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `spec`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub spec: HostClaimSpec,
    /// `status`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub status: HostClaimStatus,
}

/// `spec` of a HostClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostClaimSpec {
    /// The name, or a one-label wildcard.
    #[serde(default)]
    pub host: Option<String>,
    /// The namespace whose tenant holds it.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The namespace's UID when the claim was made.
    #[serde(default, rename = "namespaceUID")]
    pub namespace_uid: Option<String>,
    /// Raised by every transfer.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// `status` of a HostClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostClaimStatus {
    /// When it was given up, in the format of RFC 3339; absent: held.
    #[serde(default)]
    pub released_at: Option<String>,
}
