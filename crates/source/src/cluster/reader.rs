// SPDX-License-Identifier: Apache-2.0
//! Turns what the API server sends into objects of ours, with the code that reads folders too.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use postern_model::{
    Finding, Kind, Namespace, Object, ObjectKey, Origin, Reason, Settings, Severity,
};

use super::event::{Item, ItemName};
use crate::document::Source;
use crate::interner::Interner;
use crate::kind::{self, Parsed};
use crate::reading::Reading;

/// Reads objects one by one.
#[derive(Debug)]
pub(super) struct Reader {
    strings: Interner,
    settings: Settings,
}

/// One object that came, as it is to be declared.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) key: ObjectKey,
    /// Nothing if it was refused.
    pub(super) object: Option<Object>,
    pub(super) findings: Vec<Finding>,
}

impl Reader {
    pub(super) fn new(settings: Settings) -> Self {
        Self { strings: Interner::default(), settings }
    }

    /// The key of an object.
    pub(super) fn key(&mut self, kind: Kind, name: &ItemName) -> ObjectKey {
        let namespace = self.strings.share(&name.namespace);
        ObjectKey::new(kind, namespace, self.strings.name(&name.name))
    }

    /// Reads an object.
    pub(super) fn read(&mut self, kind: Kind, item: &Item) -> Step {
        let mut step = self.read_whole(kind, item);
        if kind == Kind::Tenant && step.object.is_none() {
            // It stays in force, and closed: what it reserves goes to nobody else (I9).
            let (origin, source) = (Origin::bare(step.key.clone()), Source::json(&item.text));
            step.object = kind::closed(origin, &source, &mut self.strings);
        }
        if kind == Kind::Namespace && step.object.is_none() {
            // It is there: whatever cannot be read of it, it must not look as if it was deleted (I17).
            let (origin, labels) = (Origin::bare(step.key.clone()), BTreeMap::new());
            step.object = Some(Object::Namespace(Arc::new(Namespace { origin, labels })));
        }
        step
    }

    fn read_whole(&mut self, kind: Kind, item: &Item) -> Step {
        let mut reading =
            Reading::in_cluster(&mut self.strings, &self.settings, item.version.number());
        let source = Source::json(&item.text);
        // A panic is a defect of ours, and no reason to be silent about all other objects (I21).
        let read = catch_unwind(AssertUnwindSafe(|| {
            kind::read_kind(kind, &source, &mut reading)
                .map_err(|fault| source.explain(kind::shape(kind), fault))
        }));
        let unknown = || Err(("".into(), "the object cannot be read".to_owned()));
        let parsed = read.unwrap_or_else(|_| unknown());
        match parsed {
            Ok(Parsed { object: Some(object), findings }) => {
                Step { key: object.key().clone(), object: Some(object), findings }
            }
            Ok(Parsed { object: None, findings }) => {
                Step { key: self.key(kind, &item.name), object: None, findings }
            }
            Err(told) => {
                let key = self.key(kind, &item.name);
                let findings = vec![unreadable(key.clone(), told)];
                Step { key, object: None, findings }
            }
        }
    }

    /// Forgets strings that nobody else holds.
    pub(super) fn sweep(&mut self, many: bool) {
        if many {
            self.strings.sweep();
        } else {
            self.strings.begin_file();
        }
    }
}

fn unreadable(key: ObjectKey, (field, message): (Arc<str>, String)) -> Finding {
    let consequence = match key.kind {
        Kind::Tenant => "nothing of this tenant is served",
        _ => "the object is left out",
    };
    Finding {
        severity: Severity::Error,
        reason: Reason::InvalidValue,
        origin: Origin::bare(key),
        field,
        message: format!("{message}; {consequence}"),
        remedy: "correct the object",
    }
}

/// What is said when something may not be read.
pub(super) fn not_granted(kind: Kind, namespace: Option<&Arc<str>>) -> Finding {
    let (key, place) = match namespace {
        Some(namespace) => {
            (ObjectKey::new(Kind::Namespace, "", namespace.clone()), "this namespace")
        }
        None => (ObjectKey::new(Kind::File, "", "kubernetes"), "the cluster"),
    };
    Finding {
        severity: Severity::Error,
        reason: Reason::AccessNotGranted,
        origin: Origin::bare(key),
        field: "".into(),
        message: format!(
            "Postern may not read {kind} objects of {place}; what was read before is kept"
        ),
        remedy: "grant get, list and watch to Postern's service account",
    }
}
