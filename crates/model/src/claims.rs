// SPDX-License-Identifier: Apache-2.0
//! The claims that a world knows: which are recorded, whose namespaces may be known to be gone, and which have outlived
//! their use.
//!
//! A claim that was given up is kept for a while after its quarantine, then forgotten: otherwise a platform that makes a
//! namespace for each preview would remember all of them for ever.  Where HostClaims record claims, the object goes
//! first, so that all replicas count epochs from the same record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::claim::{ClaimRecord, ClaimState, HostClaim, KEPT_SECONDS, Unrecorded};
use crate::host::HostPattern;
use crate::origin::Timestamp;

/// Claims by name.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    all: BTreeMap<HostPattern, ClaimRecord>,
    unrecorded: Unrecorded,
    /// Names that were given up, by when, until they have outlived their use.
    released: BTreeSet<(Timestamp, HostPattern)>,
    /// Names that have outlived their use, and whose HostClaims are to be deleted.
    outlived: BTreeSet<HostPattern>,
    /// Up to which version of the cluster Namespaces are known.
    namespaces_at: Option<u64>,
    /// Claims of others that may be younger than what is known of Namespaces, by the version at which they were read.
    young: BTreeMap<HostPattern, u64>,
}

impl Claims {
    pub(crate) fn all(&self) -> &BTreeMap<HostPattern, ClaimRecord> {
        &self.all
    }

    pub(crate) fn unrecorded(&self) -> &Unrecorded {
        &self.unrecorded
    }

    /// The claims whose HostClaims are to be deleted.
    pub(crate) fn outlived(&self) -> impl Iterator<Item = &ClaimRecord> {
        self.outlived.iter().filter_map(|pattern| self.all.get(pattern))
    }

    pub(crate) fn ask_nothing(&mut self) {
        self.unrecorded.ask_nothing();
    }

    /// A compile decided on a claim.
    pub(crate) fn decided(&mut self, claim: ClaimRecord) {
        let before = self.all.get(&claim.pattern);
        self.unrecorded.decided(&claim, before);
        if !before.is_some_and(|before| before.is_bound_like(&claim)) {
            // The UID is of a Namespace that is known here.
            self.young.remove(&claim.pattern);
        }
        self.put(claim);
    }

    /// A HostClaim was read.  Whether it says anything new: what was recorded comes back from where it was written to.
    pub(crate) fn read(&mut self, object: &Arc<str>, claim: &HostClaim) -> bool {
        let HostClaim { record, revision, .. } = claim;
        self.unrecorded.read(object, record);
        let before = self.all.get(&record.pattern);
        if !before.is_some_and(|before| before.is_bound_like(record)) {
            let is_young = |read: &u64| self.namespaces_at.is_none_or(|at| *read > at);
            match revision.filter(is_young) {
                Some(revision) => self.young.insert(record.pattern.clone(), revision),
                None => self.young.remove(&record.pattern),
            };
        }
        let is_new = before != Some(record);
        if is_new {
            self.put(record.clone());
        }
        is_new
    }

    /// A HostClaim is gone, which frees no name by itself.  Whether that was the end of a claim.
    pub(crate) fn gone(&mut self, object: &str) -> bool {
        let Some(pattern) = self.unrecorded.gone(object) else { return false };
        let ends = self.outlived.contains(&pattern);
        if ends {
            self.forget(&pattern);
        }
        ends
    }

    /// Namespaces are known up to that version.  The claims of which it can be said only now whether their namespaces
    /// are there.
    pub(crate) fn know_namespaces(&mut self, at: u64) -> Vec<HostPattern> {
        let mut settled = Vec::new();
        if self.namespaces_at.replace(at).is_none() {
            settled.extend(
                self.all.keys().filter(|pattern| !self.young.contains_key(*pattern)).cloned(),
            );
        }
        self.young.retain(|pattern, read| {
            let is_young = *read > at;
            if !is_young {
                settled.push(pattern.clone());
            }
            is_young
        });
        settled
    }

    /// Whether a namespace that a claim is bound to, and that is not known, is gone.
    ///
    /// Whoever made the claim had seen its namespace.  So a version at which the claim was there already, and up to which
    /// Namespaces are known, settles it; before, the namespace may be one of which this replica will hear in a moment.
    /// A watch of Namespaces that fails, or that is not allowed, does not get there, and settles nothing (I17).
    pub(crate) fn know_namespace_of(&self, pattern: &HostPattern) -> bool {
        self.namespaces_at.is_some() && !self.young.contains_key(pattern)
    }

    /// It is later now.  Whether a claim was forgotten.
    pub(crate) fn pass_time(&mut self, now: Timestamp, quarantine: i64) -> bool {
        let kept = quarantine.saturating_add(KEPT_SECONDS);
        let mut due = BTreeSet::new();
        while let Some((at, _)) = self.released.first()
            && at.0.saturating_add(kept) <= now.0
            && let Some((_, pattern)) = self.released.pop_first()
        {
            due.insert(pattern);
        }
        if due.is_empty() {
            return false;
        }
        self.outlived.extend(self.unrecorded.recorded_among(&due).cloned());
        due.retain(|pattern| !self.outlived.contains(pattern));
        due.iter().for_each(|pattern| self.forget(pattern));
        !due.is_empty()
    }

    fn put(&mut self, claim: ClaimRecord) {
        let pattern = &claim.pattern;
        if let Some(ClaimState::Released(at)) = self.all.get(pattern).map(|before| before.state) {
            self.released.remove(&(at, pattern.clone()));
        }
        self.outlived.remove(pattern);
        if let ClaimState::Released(at) = claim.state {
            self.released.insert((at, pattern.clone()));
        }
        self.all.insert(pattern.clone(), claim);
    }

    fn forget(&mut self, pattern: &HostPattern) {
        self.all.remove(pattern);
        self.outlived.remove(pattern);
        self.young.remove(pattern);
        self.unrecorded.forget(pattern);
    }
}

#[cfg(test)]
mod tests;
