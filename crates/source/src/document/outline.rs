// SPDX-License-Identifier: Apache-2.0
//! The shape of a document without its values, which may be private keys: what is compared with what is known of a kind.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::node::Node;

/// A node of a document, as far as its shape goes.
pub(super) trait Outline: Sized {
    /// What it is.
    fn form(&self) -> Form;

    /// The entries of a mapping; of anything else none.
    fn entries(&self) -> impl Iterator<Item = (&str, &Self)>;

    /// The items of a sequence; of anything else none.
    fn items(&self) -> impl Iterator<Item = &Self>;
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Null,
    Flag,
    Number,
    Text,
    Sequence,
    Mapping,
}

impl Outline for Node<'_> {
    fn form(&self) -> Form {
        match self {
            Self::Null => Form::Null,
            Self::Plain(text) => plain_form(text),
            Self::Quoted(_) | Self::Literal(_) => Form::Text,
            Self::Sequence(_) => Form::Sequence,
            Self::Mapping(_) => Form::Mapping,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = if let Self::Mapping(entries) = self { &entries[..] } else { &[] };
        entries.iter().map(|(key, value)| (*key, value))
    }

    fn items(&self) -> impl Iterator<Item = &Self> {
        if let Self::Sequence(items) = self { items.iter() } else { [].iter() }
    }
}

fn plain_form(text: &str) -> Form {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Form::Null,
        "true" | "false" => Form::Flag,
        _ if text.parse::<i128>().is_ok() => Form::Number,
        _ => Form::Text,
    }
}

/// The shape of a text that the quick scanner does not read.
#[derive(Debug)]
pub(super) enum Sketch {
    Leaf(Form),
    Sequence(Vec<Sketch>),
    Mapping(Vec<(String, Sketch)>),
}

impl Outline for Sketch {
    fn form(&self) -> Form {
        match self {
            Self::Leaf(form) => *form,
            Self::Sequence(_) => Form::Sequence,
            Self::Mapping(_) => Form::Mapping,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = if let Self::Mapping(entries) = self { &entries[..] } else { &[] };
        entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    fn items(&self) -> impl Iterator<Item = &Self> {
        if let Self::Sequence(items) = self { items.iter() } else { [].iter() }
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sketcher)
    }
}

struct Sketcher;

impl<'de> Visitor<'de> for Sketcher {
    type Value = Sketch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Sketch, E> {
        Ok(Sketch::Leaf(Form::Null))
    }

    fn visit_none<E>(self) -> Result<Sketch, E> {
        Ok(Sketch::Leaf(Form::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Sketch, D::Error> {
        Deserialize::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Sketch, E> {
        Ok(Sketch::Leaf(Form::Flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Sketch, E> {
        Ok(Sketch::Leaf(Form::Number))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Sketch, E> {
        Ok(Sketch::Leaf(Form::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Sketch, E> {
        // No field of any kind is a fraction.
        Ok(Sketch::Leaf(Form::Text))
    }

    fn visit_str<E>(self, _: &str) -> Result<Sketch, E> {
        Ok(Sketch::Leaf(Form::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sketch, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Sketch::Sequence(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Sketch, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Sketch::Mapping(all))
    }
}
