// SPDX-License-Identifier: Apache-2.0
//! The text of one file in, objects with their lines out.  A broken document does not lose the others of its file.

mod fault;
mod json;
mod node;
mod object;
mod outline;
mod plain;
mod source;
mod split;
mod survey;
mod trace;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_api::TypeMeta;
use postern_model::{Finding, Object, Reason, Severity};

pub(crate) use fault::Fault;
pub(crate) use source::Source;
use split::Chunk;

pub(crate) use survey::{Field, Shape, nearest};

use crate::MAX_DOCUMENT_BYTES;
use crate::kind;
use crate::reading::Reading;

/// Lists within lists: Kubernetes has no use for even one.
const MAX_LIST_DEPTH: u32 = 4;

/// The most findings about one file: more would not help its author, and cost memory.
const MAX_FINDINGS: usize = 1_000;

/// What one file declares.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Its objects of the kinds that are read, in their order.
    pub(crate) objects: Vec<Object>,
    /// How many objects of other kinds there are, by `apiVersion/Kind`.
    pub(crate) others: BTreeMap<Arc<str>, usize>,
    /// What is wrong with it, except for what the routes carry themselves.
    pub(crate) findings: Vec<Finding>,
    /// There is something in it that cannot be read, or nothing at all, as in a file that is being written: what it
    /// declared before may still be meant.
    pub(crate) is_unclear: bool,
}

impl Contents {
    fn found(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let room = MAX_FINDINGS.saturating_sub(self.findings.len());
        self.findings.extend(findings.into_iter().take(room));
    }
}

/// Reads the text of one file.
pub(crate) fn read(file: &[u8], reading: &mut Reading<'_>) -> Contents {
    let mut contents = Contents::default();
    let mut is_empty = true;
    for chunk in split::documents(file) {
        if let Some(before) = split::lines_before_content(chunk.bytes) {
            is_empty = false;
            reading.line = chunk.line.saturating_add(before);
            document(chunk, reading, &mut contents);
        }
    }
    contents.is_unclear |= is_empty;
    contents.objects.shrink_to_fit();
    contents.findings.shrink_to_fit();
    contents
}

fn document(chunk: Chunk<'_>, reading: &mut Reading<'_>, contents: &mut Contents) {
    if chunk.bytes.len() > MAX_DOCUMENT_BYTES {
        let message = format!("the document is larger than {} MiB", MAX_DOCUMENT_BYTES >> 20);
        let finding = reading.broken(message);
        return contents.lose(&chunk.bytes[..MAX_DOCUMENT_BYTES], finding, reading);
    }
    let text = match std::str::from_utf8(chunk.bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = &chunk.bytes[..error.valid_up_to()];
            let lines = memchr::memchr_iter(b'\n', valid).count();
            reading.line = chunk.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            let finding = reading.broken("the document is not UTF-8".into());
            return contents.lose(chunk.bytes, finding, reading);
        }
    };
    let looks_like_json = text.trim_ascii_start().starts_with('{');
    let is_json = looks_like_json && (reading.is_json() || json::is_json(text));
    let source = if is_json { Source::json(text) } else { Source::yaml(text) };
    let walk = Walk { first_line: chunk.line, depth: 0, default: TypeMeta::default() };
    walk.object(&source, reading, contents);
}

/// One object on the way through a document.
struct Walk {
    /// The line on which its text begins.
    first_line: u32,
    /// In how many lists it stands.
    depth: u32,
    /// What the list says that its items are, for items that do not say so themselves.
    default: TypeMeta,
}

impl Walk {
    fn object(&self, source: &Source<'_>, reading: &mut Reading<'_>, contents: &mut Contents) {
        let meta = match source.type_meta() {
            Ok(meta) => self.or_default(meta),
            Err(fault) => {
                let finding = self.fault(fault, (source, &TYPE_META), reading);
                return contents.lose(source.text().as_bytes(), finding, reading);
            }
        };
        let (Some(version), Some(kind)) = (&meta.api_version, &meta.kind) else {
            return contents.lose(source.text().as_bytes(), reading.no_object(), reading);
        };
        if kind.ends_with("List") {
            match source.items() {
                Ok(None) => {}
                Ok(Some(items)) => return self.list(&meta, (source, items), reading, contents),
                Err(fault) => {
                    let finding = self.fault(fault, (source, &Shape::Any), reading);
                    return contents.lose(source.text().as_bytes(), finding, reading);
                }
            }
        }
        if let Some(kind) = kind::kind_of((version, kind)) {
            self.known(kind, source, reading, contents);
        } else if let Some(kind) = kind::of_ours((version, kind)) {
            self.other_version(kind, source, reading, contents);
        } else if let Some(meant) = kind::misspelt((version, kind)) {
            contents.misspelt(meant, reading);
        } else {
            contents.found(kind::near_miss(version, kind, reading));
            let name = reading.strings.share(&format!("{version}/{kind}"));
            *contents.others.entry(name).or_default() += 1;
        }
        reading.position = reading.position.saturating_add(1);
    }

    fn or_default(&self, meta: TypeMeta) -> TypeMeta {
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        TypeMeta {
            api_version: present(meta.api_version).or_else(|| self.default.api_version.clone()),
            kind: present(meta.kind).or_else(|| self.default.kind.clone()),
        }
    }

    fn list(
        &self,
        meta: &TypeMeta,
        (source, items): (&Source<'_>, Vec<source::Item>),
        reading: &mut Reading<'_>,
        contents: &mut Contents,
    ) {
        if self.depth == MAX_LIST_DEPTH {
            let message = format!("lists are nested more than {MAX_LIST_DEPTH} levels deep");
            let finding = reading.broken(message);
            return contents.lose(source.text().as_bytes(), finding, reading);
        }
        let item_kind = meta.kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
        let default = match item_kind {
            Some(kind) if !kind.is_empty() => {
                TypeMeta { api_version: meta.api_version.clone(), kind: Some(kind.to_owned()) }
            }
            _ => TypeMeta::default(),
        };
        for item in items {
            let first_line = self.first_line.saturating_add(item.lines_before);
            reading.line = first_line;
            let walk = Self { first_line, depth: self.depth + 1, default: default.clone() };
            let text = item.text.as_str();
            walk.object(&source.item(text), reading, contents);
        }
    }

    /// What is wrong with an object, and where.
    fn fault(
        &self,
        fault: Fault,
        (source, shape): (&Source<'_>, &Shape),
        reading: &mut Reading<'_>,
    ) -> Finding {
        reading.line = self.first_line.saturating_add(fault.line - 1);
        let (field, message) = source.explain(shape, fault);
        Finding { field, ..reading.broken(message) }
    }
}

/// What every document is.
static TYPE_META: Shape = Shape::Open(&[("apiVersion", Shape::Text), ("kind", Shape::Text)]);

impl Reading<'_> {
    /// A document that cannot be read: none of its objects are.
    fn broken(&self, message: String) -> Finding {
        self.about_file(
            (Severity::Error, Reason::FileInvalid),
            message,
            "correct the document; the objects in it are not served until then",
        )
    }

    fn no_object(&self) -> Finding {
        self.about_file(
            (Severity::Warning, Reason::FileInvalid),
            "the document has no apiVersion or no kind".into(),
            "write Kubernetes objects only, or move the file out of the folder",
        )
    }
}

#[cfg(test)]
mod tests;
