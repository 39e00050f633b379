// SPDX-License-Identifier: Apache-2.0
//! The text of one object in YAML or JSON, read twice: for its kind, then for what is in it.

use std::sync::Arc;

use postern_api::TypeMeta;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::node::Node;
use super::outline::Sketch;
use super::survey::{self, Mistyped, Shape, Unknown};
use super::{json, plain, yaml};

/// In larger documents nobody looks for slips of the pen when that takes reading them once more.
const MAX_SURVEYED: usize = 1 << 20;

/// One object's text, as far as it is understood.
pub(crate) struct Source<'a>(Text<'a>);

enum Text<'a> {
    /// YAML that was plain enough for the quick scanner, and its text, should that not be enough.
    Plain(Node<'a>, &'a str),
    Yaml(&'a str),
    Json(&'a str),
}

/// One item of a list.
pub(super) struct Item {
    /// Its text, of the list's format.  May hold keys, so it is wiped.
    pub(super) text: zeroize::Zeroizing<String>,
    /// How many lines of the list come before it.
    pub(super) lines_before: u32,
}

impl<'a> Source<'a> {
    /// Looks at YAML.
    pub(super) fn yaml(text: &'a str) -> Self {
        Self(plain::scan(text).map_or(Text::Yaml(text), |node| Text::Plain(node, text)))
    }

    /// Looks at JSON.
    pub(crate) fn json(text: &'a str) -> Self {
        Self(Text::Json(text))
    }

    /// Looks at an item of this list, which is in the list's format.
    pub(super) fn item<'b>(&self, text: &'b str) -> Source<'b> {
        match self.0 {
            Text::Json(_) => Source::json(text),
            _ => Source::yaml(text),
        }
    }

    /// The text itself.
    pub(super) fn text(&self) -> &str {
        match &self.0 {
            Text::Plain(_, text) | Text::Yaml(text) | Text::Json(text) => text,
        }
    }

    /// Of which kind it is.
    pub(super) fn type_meta(&self) -> Result<TypeMeta, Fault> {
        self.read()
    }

    /// All of it, as a `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        match &self.0 {
            Text::Plain(node, text) => T::deserialize(node).or_else(|_| yaml::read(text)),
            Text::Yaml(text) => yaml::read(text),
            Text::Json(text) => json::read(text),
        }
    }

    /// The fields that its kind does not know.
    pub(super) fn unknown_fields(&self, shape: &Shape) -> Vec<Unknown> {
        match &self.0 {
            Text::Plain(node, _) => survey::unknown(node, shape),
            Text::Yaml(text) | Text::Json(text) if text.len() > MAX_SURVEYED => Vec::new(),
            _ => self.sketch().map(|sketch| survey::unknown(&sketch, shape)).unwrap_or_default(),
        }
    }

    /// The first field of another type than its kind has there.
    pub(super) fn mistyped_field(&self, shape: &Shape) -> Option<Mistyped> {
        match &self.0 {
            Text::Plain(node, _) => survey::mistyped(node, shape),
            _ => survey::mistyped(&self.sketch()?, shape),
        }
    }

    /// The field that is wrong, if one is of another type, and what is wrong.
    pub(crate) fn explain(&self, shape: &Shape, fault: Fault) -> (Arc<str>, String) {
        match self.mistyped_field(shape) {
            Some(Mistyped { field, expected }) => (field.into(), expected.to_owned()),
            None => ("".into(), fault.message),
        }
    }

    fn sketch(&self) -> Option<Sketch> {
        match &self.0 {
            Text::Plain(_, text) | Text::Yaml(text) => yaml::read(text).ok(),
            Text::Json(text) => json::read(text).ok(),
        }
    }

    /// All of it, whatever it is: for kinds that hold no keys, since nobody wipes it.
    pub(crate) fn value(&self) -> Option<serde_json::Value> {
        match &self.0 {
            Text::Plain(_, text) | Text::Yaml(text) => yaml::read(text).ok(),
            Text::Json(text) => json::read(text).ok(),
        }
    }

    /// The elements of the top-level field `items`; nothing if there is no such field.
    pub(super) fn items(&self) -> Result<Option<Vec<Item>>, Fault> {
        match &self.0 {
            Text::Plain(_, text) | Text::Yaml(text) => yaml::items(text),
            Text::Json(text) => json::items(text),
        }
    }
}
