// SPDX-License-Identifier: Apache-2.0
//! `v1` Namespace: its UID and its labels.

use std::sync::Arc;

use postern_api as api;
use postern_model::{Namespace, Object};

use crate::interner::Interner;
use crate::reading::Draft;

pub(super) fn read(
    namespace: api::Namespace,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let labels = namespace.metadata.labels.0.iter();
    let labels = labels.map(|(key, value)| (strings.share(key), strings.share(value))).collect();
    Some(Object::Namespace(Arc::new(Namespace { origin: draft.origin.clone(), labels })))
}
