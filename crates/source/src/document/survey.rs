// SPDX-License-Identifier: Apache-2.0
//! Compares a document with what is known of its kind: which fields nobody knows, and which one has another type.
//!
//! Kubernetes' API server refuses both; a folder has none, and a field that is skipped silently may be a wall.

use std::fmt;

use postern_api::edits;
use postern_model::Quoted;

use super::outline::{Form, Outline};

/// What a field holds.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Whatever it likes: it is not looked into.
    Any,
    Text,
    Number,
    Flag,
    /// A mapping from text to text, such as labels.
    Texts,
    List(&'static Shape),
    /// These fields and no others.
    Fields(&'static [Field]),
    /// These fields, and others that are not looked into.
    Open(&'static [Field]),
}

/// A field and what it holds.
pub(crate) type Field = (&'static str, Shape);

/// A field that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// `spec.entrypoints`
    pub(crate) field: String,
    /// The mapping in which it stands: `spec`
    pub(crate) place: String,
    /// The known field of that mapping which is nearest, if one is near.
    pub(crate) nearest: Option<&'static str>,
}

/// A field whose value has another type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistyped {
    /// `spec.entryPoints`
    pub(crate) field: String,
    /// What should stand there, in an author's words.
    pub(crate) expected: &'static str,
}

/// The most unknown fields that are told of one object.
const MAX_UNKNOWN: usize = 20;

/// How a node is reached.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => write!(f, "{}", Quoted(name)),
            Self::Field(parent, name) => write!(f, "{parent}.{}", Quoted(name)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The fields that are not known, in their order.
pub(super) fn unknown<T: Outline>(document: &T, shape: &Shape) -> Vec<Unknown> {
    let mut found = Vec::new();
    find_unknown(document, shape, &Path::Root, &mut found);
    found
}

fn find_unknown<T: Outline>(node: &T, shape: &Shape, path: &Path<'_>, out: &mut Vec<Unknown>) {
    match shape {
        Shape::Fields(fields) | Shape::Open(fields) => {
            for (name, value) in node.entries() {
                let (place, path) = (path, Path::Field(path, name));
                match fields.iter().find(|(known, _)| *known == name) {
                    Some((_, shape)) => find_unknown(value, shape, &path, out),
                    None if matches!(shape, Shape::Open(_)) || out.len() == MAX_UNKNOWN => {}
                    None => out.push(Unknown {
                        field: path.to_string(),
                        place: place.to_string(),
                        nearest: nearest(name, fields.iter().map(|(known, _)| *known)),
                    }),
                }
            }
        }
        Shape::List(item) => {
            for (index, value) in node.items().enumerate() {
                find_unknown(value, item, &Path::Item(path, index), out);
            }
        }
        _ => {}
    }
}

/// The first field whose value has another type: by its structure, or else, where a format tells them apart, a number
/// that stands for text.
pub(super) fn mistyped<T: Outline>(document: &T, shape: &Shape) -> Option<Mistyped> {
    let find = |strict| find_mistyped(document, shape, &Path::Root, strict);
    find(false).or_else(|| find(true))
}

fn find_mistyped<T: Outline>(
    node: &T,
    shape: &Shape,
    path: &Path<'_>,
    strict: bool,
) -> Option<Mistyped> {
    let form = node.form();
    if form == Form::Null {
        return None;
    }
    let is_scalar = !matches!(form, Form::Sequence | Form::Mapping);
    let (fits, expected) = match shape {
        Shape::Any => return None,
        Shape::Text if strict => (form == Form::Text, "text in quotes is expected"),
        Shape::Text => (is_scalar, "text is expected"),
        Shape::Number => (form == Form::Number, "a whole number is expected"),
        Shape::Flag => (form == Form::Flag, "true or false is expected"),
        Shape::List(_) => (form == Form::Sequence, "a list is expected"),
        Shape::Texts | Shape::Fields(_) | Shape::Open(_) => {
            (form == Form::Mapping, "a mapping (name: value) is expected")
        }
    };
    if !fits {
        return Some(Mistyped { field: path.to_string(), expected });
    }
    match shape {
        Shape::List(item) => node.items().enumerate().find_map(|(index, value)| {
            find_mistyped(value, item, &Path::Item(path, index), strict)
        }),
        Shape::Texts => node.entries().find_map(|(name, value)| {
            find_mistyped(value, &Shape::Text, &Path::Field(path, name), strict)
        }),
        Shape::Fields(fields) | Shape::Open(fields) => node.entries().find_map(|(name, value)| {
            let (_, shape) = fields.iter().find(|(known, _)| *known == name)?;
            find_mistyped(value, shape, &Path::Field(path, name), strict)
        }),
        _ => None,
    }
}

/// The name that is nearest to what was written, if any is near enough to be what was meant.
pub(crate) fn nearest(
    written: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    // No field has so long a name, and the distance costs the product of the lengths.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_ascii_lowercase();
    let enough = (written.len() / 4).max(2);
    known
        .map(|name| (edits(&written, &name.to_ascii_lowercase()), name))
        .filter(|(edits, name)| *edits <= enough && *edits < name.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
