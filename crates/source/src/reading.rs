// SPDX-License-Identifier: Apache-2.0
//! Where the reader is: file, line and position; and the draft of one object with what was found about it.

use std::sync::Arc;

use postern_api::ObjectMeta;
use postern_model::{
    Finding, Kind, ObjectKey, Origin, Place, Quoted, Reason, Settings, Severity, Timestamp,
};

use crate::interner::Interner;

/// The namespace of objects that name none, as `kubectl` has it.
const DEFAULT_NAMESPACE: &str = "default";

/// The longest name that Kubernetes allows.
const MAX_NAME: usize = 253;

/// A reader's place in a file, or in a cluster.
pub(crate) struct Reading<'a> {
    /// Shared strings.
    pub(crate) strings: &'a mut Interner,
    /// The file; empty for an object of a cluster.
    pub(crate) file: Arc<str>,
    /// The 1-based line on which the object that is being read starts.
    pub(crate) line: u32,
    /// How many objects of the file came before.
    pub(crate) position: u32,
    /// What the operator decided about reading.
    pub(crate) settings: &'a Settings,
    /// The version of the object in its cluster, where there is one that can be compared.
    pub(crate) revision: Option<u64>,
}

/// How bad, and what.
pub(crate) type Verdict = (Severity, Reason);

impl<'a> Reading<'a> {
    /// At the start of a file.
    pub(crate) fn new(file: Arc<str>, strings: &'a mut Interner, settings: &'a Settings) -> Self {
        strings.begin_file();
        Self { strings, file, line: 1, position: 0, settings, revision: None }
    }

    /// At an object of a cluster, in that version: it stands in no file.
    pub(crate) fn in_cluster(
        strings: &'a mut Interner,
        settings: &'a Settings,
        revision: Option<u64>,
    ) -> Self {
        Self { strings, file: "".into(), line: 1, position: 0, settings, revision }
    }

    /// Whether the file's name says that it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.file.ends_with(".json")
    }

    /// A finding about the file at the present line.
    pub(crate) fn about_file(
        &self,
        verdict: Verdict,
        message: String,
        remedy: &'static str,
    ) -> Finding {
        let key = ObjectKey::new(Kind::File, "", self.file.clone());
        let place = self.place();
        let origin = Origin { place, ..Origin::bare(key) };
        let (severity, reason) = verdict;
        Finding { severity, reason, origin, field: "".into(), message, remedy }
    }

    /// The present place; nothing in a cluster.
    pub(crate) fn place(&self) -> Option<Place> {
        let Self { file, line, position, .. } = self;
        let place = || Place { file: file.clone(), line: *line, position: *position };
        (!file.is_empty()).then(place)
    }

    /// Begins an object; nothing if it lives in a namespace that is not read, and a finding if it cannot be told from
    /// others.
    pub(crate) fn draft(
        &mut self,
        kind: Kind,
        metadata: &ObjectMeta,
    ) -> Option<Result<Draft, Finding>> {
        let namespaced = is_namespaced(kind);
        let namespace = match metadata.namespace.as_deref() {
            _ if !namespaced => "",
            None | Some("") => DEFAULT_NAMESPACE,
            Some(namespace) => namespace,
        };
        if namespaced && !self.reads(namespace) {
            return None;
        }
        let name = metadata.name.as_deref().unwrap_or_default();
        let given: Arc<str> = if name.is_empty() && namespaced {
            self.made_up_name()
        } else {
            self.strings.name(name)
        };
        let origin = Origin {
            key: ObjectKey::new(kind, self.strings.share(namespace), given),
            uid: metadata.uid.as_deref().filter(|uid| !uid.is_empty()).map(Into::into),
            created: metadata.creation_timestamp.as_deref().and_then(timestamp),
            place: self.place(),
        };
        let mut draft = Draft { origin, findings: Vec::new(), revision: self.revision };
        if let Some(refusal) = refusal(&draft.origin.key, namespaced) {
            let key = &draft.origin.key;
            let quoted = |text: &str| Quoted(text).to_string();
            draft.origin.key = ObjectKey::new(kind, quoted(&key.namespace), quoted(&key.name));
            return Some(Err(draft.finding((Severity::Error, Reason::InvalidValue), refusal)));
        }
        if name.is_empty() {
            draft.found(
                (Severity::Info, Reason::InvalidValue),
                Note {
                    field: "metadata.name".into(),
                    message: format!(
                        "the object has no name and is called {}",
                        draft.origin.key.name
                    ),
                    remedy: "give the object a name",
                },
            );
        }
        Some(Ok(draft))
    }

    fn reads(&self, namespace: &str) -> bool {
        let namespaces = &self.settings.namespaces;
        namespaces.is_empty() || namespaces.iter().any(|read| **read == *namespace)
    }

    /// A name for an object without one: Kubernetes would refuse it, but hand-written folders have them.
    fn made_up_name(&self) -> Arc<str> {
        let file = self.file.rsplit('/').next().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let stem: String = stem.chars().map(plain).take(64).collect();
        format!("unnamed-{stem}-{}", self.position).into()
    }
}

fn is_namespaced(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Secret | Kind::Service | Kind::EndpointSlice | Kind::Ingress | Kind::ReferenceGrant
    )
}

/// Why a key names nothing: names go into logs, metrics and paths.
fn refusal(key: &ObjectKey, namespaced: bool) -> Option<Note> {
    let is_name = |text: &str| {
        (1..=MAX_NAME).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/%\"'\\`".contains(&byte))
    };
    let refuse = |field: &str| Note {
        field: field.into(),
        message: "not a name: 1 to 253 letters, digits, hyphens and dots".into(),
        remedy: "give the object a name that Kubernetes accepts",
    };
    if !is_name(&key.name) {
        return Some(refuse("metadata.name"));
    }
    (namespaced && !is_name(&key.namespace)).then(|| refuse("metadata.namespace"))
}

/// Seconds since the epoch, from RFC 3339.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_second()))
}

/// What is said about a field.
pub(crate) struct Note {
    /// The field's path.
    pub(crate) field: Arc<str>,
    /// Why.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: &'static str,
}

/// An object that is being read.
pub(crate) struct Draft {
    /// Which object.
    pub(crate) origin: Origin,
    /// What was found so far.
    pub(crate) findings: Vec<Finding>,
    /// Its version in its cluster.
    pub(crate) revision: Option<u64>,
}

impl Draft {
    /// Adds a finding.
    pub(crate) fn found(&mut self, verdict: Verdict, note: Note) {
        let finding = self.finding(verdict, note);
        self.findings.push(finding);
    }

    /// Something that was asked for is not served.
    pub(crate) fn error(&mut self, reason: Reason, note: Note) {
        self.found((Severity::Error, reason), note);
    }

    /// Something is ignored; the rest is served.
    pub(crate) fn warning(&mut self, reason: Reason, note: Note) {
        self.found((Severity::Warning, reason), note);
    }

    fn finding(&self, (severity, reason): Verdict, note: Note) -> Finding {
        let Note { field, message, remedy } = note;
        Finding { severity, reason, origin: self.origin.clone(), field, message, remedy }
    }
}
