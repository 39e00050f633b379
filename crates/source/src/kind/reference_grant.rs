// SPDX-License-Identifier: Apache-2.0
//! `gateway.networking.k8s.io` ReferenceGrant.  An entry that is incomplete permits nothing.

use std::sync::Arc;

use postern_api as api;
use postern_model::{Grant, GrantFrom, GrantTo, Object, Reason};

use super::present;
use crate::interner::Interner;
use crate::reading::{Draft, Note};

pub(super) fn read(
    grant: api::ReferenceGrant,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let mut from = Vec::with_capacity(grant.spec.from.len());
    for (index, entry) in grant.spec.from.iter().enumerate() {
        match (present(entry.kind.as_deref()), present(entry.namespace.as_deref())) {
            (Some(kind), Some(namespace)) => from.push(GrantFrom {
                group: strings.share(entry.group.as_deref().unwrap_or_default()),
                kind: strings.share(kind),
                namespace: strings.share(namespace),
            }),
            _ => incomplete(draft, format!("spec.from[{index}]"), "a kind and a namespace"),
        }
    }
    let mut to = Vec::with_capacity(grant.spec.to.len());
    for (index, entry) in grant.spec.to.iter().enumerate() {
        match present(entry.kind.as_deref()) {
            Some(kind) => to.push(GrantTo {
                group: strings.share(entry.group.as_deref().unwrap_or_default()),
                kind: strings.share(kind),
                name: present(entry.name.as_deref()).map(Into::into),
            }),
            None => incomplete(draft, format!("spec.to[{index}]"), "a kind"),
        }
    }
    Some(Object::Grant(Arc::new(Grant { origin: draft.origin.clone(), from, to })))
}

fn incomplete(draft: &mut Draft, field: String, needed: &str) {
    draft.error(
        Reason::InvalidValue,
        Note {
            field: field.into(),
            message: format!("the entry lacks {needed} and permits nothing"),
            remedy: "complete the entry",
        },
    );
}
