// SPDX-License-Identifier: Apache-2.0
//! What a compile has to say: findings by object, and the claims that it settled.

use std::collections::BTreeMap;

use crate::claim::ClaimRecord;
use crate::finding::Finding;
use crate::origin::ObjectKey;

/// The second result of a compile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By object, in a fixed order within one.
    pub findings: BTreeMap<ObjectKey, Vec<Finding>>,
    /// Claims that were newly made, released or transferred by this compile: to be recorded with
    /// [`crate::World::record`] before the next one.
    pub claims: Vec<ClaimRecord>,
}
