// SPDX-License-Identifier: Apache-2.0
//! `postern.dev/v1alpha1` HostClaim: a recorded claim.

use std::sync::Arc;

use postern_api as api;
use postern_model::{ClaimRecord, ClaimState, HostClaim, HostPattern, Object, Reason};

use super::present;
use crate::interner::Interner;
use crate::reading::{Draft, Note, timestamp};

pub(super) fn read(
    claim: api::HostClaim,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let host = claim.spec.host.unwrap_or_default();
    let pattern = HostPattern::parse(&host).map_err(|error| {
        draft.error(
            Reason::HostInvalid,
            Note {
                field: "spec.host".into(),
                message: error.to_string(),
                remedy: "write a hostname, or *. and a hostname",
            },
        );
    });
    let Some(namespace) = present(claim.spec.namespace.as_deref()) else {
        draft.error(
            Reason::InvalidValue,
            Note {
                field: "spec.namespace".into(),
                message: "the claim names no namespace".into(),
                remedy: "name the namespace that holds the hostname",
            },
        );
        return None;
    };
    let state = match present(claim.status.released_at.as_deref()) {
        None => ClaimState::Held,
        Some(text) => ClaimState::Released(released_at(text, draft)?),
    };
    let record = ClaimRecord {
        pattern: pattern.ok()?,
        namespace: strings.share(namespace),
        namespace_uid: present(claim.spec.namespace_uid.as_deref()).map(Into::into),
        epoch: claim.spec.epoch.unwrap_or_default(),
        state,
    };
    let origin = draft.origin.clone();
    Some(Object::HostClaim(Arc::new(HostClaim { origin, record, revision: draft.revision })))
}

fn released_at(text: &str, draft: &mut Draft) -> Option<postern_model::Timestamp> {
    let time = timestamp(text);
    if time.is_none() {
        draft.error(
            Reason::InvalidValue,
            Note {
                field: "status.releasedAt".into(),
                message: "not a time in the format of RFC 3339".into(),
                remedy: "write a time such as 2026-01-31T12:00:00Z",
            },
        );
    }
    time
}
