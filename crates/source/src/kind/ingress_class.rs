// SPDX-License-Identifier: Apache-2.0
//! `networking.k8s.io/v1` IngressClass.

use std::sync::Arc;

use postern_api as api;
use postern_model::{IngressClass, Object, Reason};

use crate::interner::Interner;
use crate::reading::{Draft, Note};

pub(super) fn read(
    class: api::IngressClass,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let controller = class.spec.controller.unwrap_or_default();
    if controller.is_empty() {
        draft.error(
            Reason::InvalidValue,
            Note {
                field: "spec.controller".into(),
                message: "the class names no controller".into(),
                remedy: "name the controller that serves the class",
            },
        );
        return None;
    }
    let marked = class.metadata.annotations.value(api::Annotations::DEFAULT_CLASS);
    Some(Object::IngressClass(Arc::new(IngressClass {
        origin: draft.origin.clone(),
        controller: strings.share(&controller),
        is_default: marked == Some("true"),
    })))
}
