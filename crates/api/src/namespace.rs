// SPDX-License-Identifier: Apache-2.0
//! `v1` Namespace.

use serde::Deserialize;

use crate::metadata::ObjectMeta;

/// A `v1` Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
}
