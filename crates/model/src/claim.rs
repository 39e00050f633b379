// SPDX-License-Identifier: Apache-2.0
//! Recorded claims to hostnames: the memory by which incumbents stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::host::HostPattern;
use crate::origin::{Origin, Timestamp};

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

impl ClaimRecord {
    /// Whether another claim is bound to the same namespace.
    pub(crate) fn is_bound_like(&self, other: &Self) -> bool {
        self.namespace == other.namespace && self.namespace_uid == other.namespace_uid
    }
}

/// For how long a claim that was given up is kept after its quarantine, unless somebody takes the name: as long as keys of
/// session tickets that are in use live.
///
/// The next claim to the name after that begins with the first epoch again.  That resumes nothing of anybody else (I2):
/// tickets and connections are bound to (tenant, epoch, policy), so to meet an equal triple it has to be a tenant of the
/// same name under the same policy, in the same process, whose keys are.  It also outlasts clocks that differ: when the
/// first replica forgets a name, no other one holds it to be quarantined.
pub const KEPT_SECONDS: i64 = 12 * 3600;

/// A `postern.dev/v1alpha1` HostClaim: a claim as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostClaim {
    /// Which HostClaim.
    pub origin: Origin,
    /// What it says.
    pub record: ClaimRecord,
    /// The version of the cluster in which it said so; nothing in a folder of YAML.
    pub revision: Option<u64>,
}

impl HostClaim {
    /// The state of a claim that cannot be read in full: until it is corrected nobody but the tenant that it names has
    /// the hostname.  Given up at the end of the year 9999, it leaves no quarantine.
    pub const CLOSED: ClaimState = ClaimState::Released(Timestamp(253_402_300_799));

    /// Whether it could not be read in full.
    pub fn is_closed(&self) -> bool {
        self.record.state == Self::CLOSED
    }
}

/// Whether a claim is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// In force.
    Held,
    /// Given up at that time: dark for everyone but its last tenant until the quarantine ends.
    Released(Timestamp),
}

/// Which claims hold in memory only: what their HostClaims said when they were last read, if there are any.  Who
/// records a claim changes the HostClaim only if it still says that: whatever else it says has won.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Nobody records claims: then nobody asks.
    unasked: bool,
    pending: BTreeMap<HostPattern, Option<ClaimRecord>>,
    /// Patterns by the names of their HostClaims.
    objects: BTreeMap<Arc<str>, HostPattern>,
}

impl Unrecorded {
    /// Every claim that is not recorded as it is now, with what is recorded.
    pub fn iter(&self) -> impl Iterator<Item = (&HostPattern, Option<&ClaimRecord>)> {
        self.pending.iter().map(|(pattern, recorded)| (pattern, recorded.as_ref()))
    }

    /// Nobody records claims.
    pub(crate) fn ask_nothing(&mut self) {
        *self = Self { unasked: true, ..Self::default() };
    }

    /// A compile decided on a claim, which was `before`.
    pub(crate) fn decided(&mut self, claim: &ClaimRecord, before: Option<&ClaimRecord>) {
        if before != Some(claim) && !self.unasked {
            self.pending.entry(claim.pattern.clone()).or_insert_with(|| before.cloned());
        }
    }

    /// A HostClaim was read.
    pub(crate) fn read(&mut self, object: &Arc<str>, claim: &ClaimRecord) {
        self.pending.remove(&claim.pattern);
        self.objects.insert(object.clone(), claim.pattern.clone());
    }

    /// A HostClaim is gone, which frees no name: what it said is to be recorded again.  The name that it was about.
    pub(crate) fn gone(&mut self, object: &str) -> Option<HostPattern> {
        let pattern = self.objects.remove(object)?;
        self.pending.insert(pattern.clone(), None);
        Some(pattern)
    }

    /// Those of some names of which a HostClaim is known that somebody looks after.
    pub(crate) fn recorded_among<'a>(
        &'a self,
        names: &'a BTreeSet<HostPattern>,
    ) -> impl Iterator<Item = &'a HostPattern> {
        let recorded = self.objects.values().filter(|_| !self.unasked);
        recorded.filter(|pattern| names.contains(*pattern))
    }

    /// There is nothing to be said about a name any more.
    pub(crate) fn forget(&mut self, pattern: &HostPattern) {
        self.pending.remove(pattern);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(epoch: u64) -> ClaimRecord {
        ClaimRecord {
            pattern: HostPattern::parse("shop.acme.test").unwrap(),
            namespace: "acme".into(),
            namespace_uid: None,
            epoch,
            state: ClaimState::Held,
        }
    }

    #[test]
    fn what_a_claim_is_based_on_is_what_was_read_last() {
        let mut unrecorded = Unrecorded::default();
        let name = "h.shop.acme.test".into();
        unrecorded.read(&name, &claim(1));
        unrecorded.decided(&claim(1), Some(&claim(1)));
        assert_eq!(unrecorded.iter().count(), 0);
        unrecorded.decided(&claim(2), Some(&claim(1)));
        unrecorded.decided(&claim(3), Some(&claim(2)));
        let recorded: Vec<_> = unrecorded.iter().map(|(_, recorded)| recorded.cloned()).collect();
        assert_eq!(recorded, [Some(claim(1))]);
        unrecorded.read(&name, &claim(3));
        assert_eq!(unrecorded.iter().count(), 0);
        unrecorded.gone(&name);
        assert_eq!(unrecorded.iter().map(|(_, r)| r.cloned()).collect::<Vec<_>>(), [None]);
    }
}
