// SPDX-License-Identifier: Apache-2.0
//! Recording claims: HostClaims are the durable form of the ledger.
//!
//! A claim that a compile decides on is in force on the replica that decided, at once; other replicas decide alike, by
//! the age of the objects, until it is recorded.  The leader records it by *creating* an object whose name follows from
//! the hostname: of two that race, the API server lets one win, and the loser reads the winner's object.  A claim that
//! changes is written only over exactly the state that the decision was based on (compare and swap, by what the object
//! said and by its version): whatever else it says has won, comes back through the watch, and is decided on anew.  A
//! claim that was given up so long ago that nobody counts from it any more is deleted in the same way.

use std::collections::HashSet;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use postern_api::crd::{self, HostClaim, HostClaimSpec, HostClaimState, HostClaimStatus};
use postern_model::{ClaimRecord, ClaimState, HostPattern};
use serde_json::json;

use super::condition::{self, Told};
use crate::facts::{Claim, Facts};
use crate::queue::Quota;
use crate::seen::Seen;
use crate::task::{Target, Task, Write};
use crate::view::{self, SeenClaim};

/// The name of the one object that can record the claim to a name.
pub(crate) fn object_name(pattern: &HostPattern) -> String {
    crd::object_name(&pattern.to_string(), hexadecimal)
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn hexadecimal(text: &str) -> String {
    use std::fmt::Write;
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What to do next about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Create the object.
    Create,
    /// Write the spec.
    Spec,
    /// Write the status.
    Status,
    /// It is recorded, or something else is, or nothing can be known yet.
    Nothing,
}

/// What to do about a claim, given what the decision was based on and what its object says now.
pub(crate) fn next(
    wanted: &ClaimRecord,
    recorded: Option<&ClaimRecord>,
    now: Option<&ClaimRecord>,
) -> Step {
    let Some(now) = now else {
        // A quarantine that nobody recorded, or whose record the operator deleted, is kept in memory only: an object
        // that is created is held until its status is written.
        let is_held = wanted.state == ClaimState::Held;
        return if recorded.is_none() && is_held { Step::Create } else { Step::Nothing };
    };
    let same_spec = |a: &ClaimRecord| ClaimRecord { state: now.state, ..a.clone() } == *now;
    let Some(recorded) = recorded else { return Step::Nothing };
    if now == wanted || now.epoch > wanted.epoch {
        Step::Nothing
    } else if same_spec(wanted) && (recorded == now || recorded.state == now.state) {
        // Only the status is missing: by intent, or since the spec was written a moment ago.
        Step::Status
    } else if recorded == now {
        Step::Spec
    } else {
        Step::Nothing
    }
}

fn spec(wanted: &ClaimRecord) -> HostClaimSpec {
    HostClaimSpec {
        host: wanted.pattern.to_string(),
        namespace: wanted.namespace.to_string(),
        namespace_uid: wanted.namespace_uid.as_deref().map(Into::into),
        epoch: i64::try_from(wanted.epoch).unwrap_or(i64::MAX).max(1),
    }
}

/// Writes of claims that are in memory only, as many as the quota takes; and the names of all whose writes are due.
pub(crate) fn plan(
    facts: &Facts,
    seen: &Seen,
    now: Timestamp,
    quota: &mut Quota,
) -> (Vec<Task>, HashSet<String>) {
    let mut due = HashSet::new();
    let mut tasks = Vec::new();
    for Claim { wanted, recorded } in &facts.claims {
        let name = object_name(&wanted.pattern);
        let object = seen.claims.get(&*name).map(|object| &**object);
        let present = object.map(|object| object.record.as_ref());
        if present == Some(None) {
            continue;
        }
        let step = next(wanted, recorded.as_ref(), present.flatten());
        if step == Step::Nothing {
            continue;
        }
        due.insert(name.clone());
        let tenant = facts.tenant_of(&wanted.namespace);
        if quota.takes(&tenant)
            && let Some(write) = write(step, wanted, &name, object, now)
        {
            tasks.push(Task { target: Target::Claim(name), tenant, write });
        }
    }
    (tasks, due)
}

/// Deletions of claims that have outlived their use, as many as the quota takes; the names of all that are to be deleted
/// join those whose writes are due.
pub(crate) fn forget(
    facts: &Facts,
    seen: &Seen,
    (due, quota): (&mut HashSet<String>, &mut Quota),
) -> Vec<Task> {
    let mut tasks = Vec::new();
    for outlived in &facts.outlived {
        let name = object_name(&outlived.pattern);
        let Some(object) = seen.claims.get(&*name) else { continue };
        // What says anything else is somebody's, or was a moment ago.
        let is_over = object.record.as_ref() == Some(outlived);
        if !is_over || object.is_going {
            continue;
        }
        due.insert(name.clone());
        let tenant = facts.tenant_of(&outlived.namespace);
        if quota.takes(&tenant) {
            let write = Write::DeleteClaim {
                uid: object.uid.as_deref().map(Into::into),
                resource_version: object.resource_version.as_deref().map(Into::into),
            };
            tasks.push(Task { target: Target::Claim(name), tenant, write });
        }
    }
    tasks
}

fn write(
    step: Step,
    wanted: &ClaimRecord,
    name: &str,
    object: Option<&SeenClaim>,
    now: Timestamp,
) -> Option<Write> {
    Some(match (step, object) {
        (Step::Create, _) => Write::CreateClaim(Box::new(HostClaim::new(name, spec(wanted)))),
        (Step::Spec, Some(object)) => Write::ClaimSpec(json!({
            "metadata": {"resourceVersion": object.resource_version},
            "spec": spec(wanted),
        })),
        (Step::Status, Some(object)) => {
            let released = match wanted.state {
                ClaimState::Held => None,
                ClaimState::Released(at) => Some(condition::text(at)),
            };
            let status = status(object, released, now);
            status_patch(object, &status)
        }
        _ => return None,
    })
}

/// Writes of what people read on HostClaims, and of UIDs that are missing, but for those with something else due.
pub(crate) fn describe(
    facts: &Facts,
    seen: &Seen,
    now: Timestamp,
    (due, quota): (&HashSet<String>, &mut Quota),
) -> Vec<Task> {
    let objects = seen.claims.iter().filter(|(name, _)| !due.contains(&***name));
    objects.filter_map(|(name, object)| amend(facts, (name, object), now, quota)).collect()
}

fn amend(
    facts: &Facts,
    (name, object): (&Arc<str>, &SeenClaim),
    now: Timestamp,
    quota: &mut Quota,
) -> Option<Task> {
    // What nobody can read is in force nowhere, and for its author to mend.
    let recorded = object.record.as_ref()?;
    let namespace = facts.namespaces.get(&recorded.namespace);
    let uid = namespace.and_then(|namespace| namespace.uid.as_deref());
    let tenant = facts.tenant_of(&recorded.namespace);
    let write = match uid {
        // Somebody restored it, or wrote it by hand: from now on it is this namespace's.
        Some(uid) if recorded.namespace_uid.is_none() => Write::ClaimSpec(json!({
            "metadata": {"resourceVersion": object.resource_version},
            "spec": {"namespaceUID": uid},
        })),
        _ if object.told == view::Told::Held => return None,
        _ => {
            let released = object.status().and_then(|status| status.released_at.clone());
            let status = status(object, released, now);
            if object.status() == Some(&status) {
                return None;
            }
            status_patch(object, &status)
        }
    };
    quota.takes(&tenant).then(|| Task { target: Target::Claim(name.to_string()), tenant, write })
}

fn status(object: &SeenClaim, released: Option<String>, now: Timestamp) -> HostClaimStatus {
    let (state, told) = match &released {
        None => (HostClaimState::Held, Told::yes("Held", "the hostname is in force")),
        Some(at) => {
            let message = format!(
                "given up at {at}; until the quarantine ends only its last tenant may have it"
            );
            (HostClaimState::Released, Told::no("Released", message))
        }
    };
    let before = object.status().map_or(&[][..], |status| &status.conditions);
    let ready = told.into_condition("Ready", before, object.generation, now);
    HostClaimStatus { state: Some(state), released_at: released, conditions: vec![ready] }
}

fn status_patch(object: &SeenClaim, status: &HostClaimStatus) -> Write {
    Write::ClaimStatus(json!({
        "metadata": {"resourceVersion": object.resource_version},
        "status": {
            "state": status.state,
            // In a merge patch null removes.
            "releasedAt": status.released_at,
            "conditions": status.conditions,
        },
    }))
}

#[cfg(test)]
mod tests;
