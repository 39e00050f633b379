// SPDX-License-Identifier: Apache-2.0
//! What says of which kind an object is.

use serde::Deserialize;

/// `apiVersion` and `kind`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeMeta {
    /// `apiVersion`: `group/version`, or only the version for the core group.
    #[serde(default)]
    pub api_version: Option<String>,
    /// `kind`
    #[serde(default)]
    pub kind: Option<String>,
}
