// SPDX-License-Identifier: Apache-2.0
//! Recorded claims to hostnames: the memory by which incumbents stay.

use std::sync::Arc;

use crate::host::HostPattern;
use crate::origin::Timestamp;

/// A claim as recorded in a HostClaim object, or in memory between two compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The name.
    pub pattern: HostPattern,
    /// The namespace whose tenant holds it.
    pub namespace: Arc<str>,
    /// The namespace's UID when the claim was made: a namespace created anew under the old name inherits nothing.
    pub namespace_uid: Option<Arc<str>>,
    /// Raised by every transfer between tenants; tickets, pools and connections of older epochs are dead.
    pub epoch: u64,
    /// Held, or released and quarantined.
    pub state: ClaimState,
}

/// Whether a claim is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// In force.
    Held,
    /// Given up at that time: dark for everyone but its last tenant until the quarantine ends.
    Released(Timestamp),
}
