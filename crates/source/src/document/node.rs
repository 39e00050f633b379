// SPDX-License-Identifier: Apache-2.0
//! What the scanner of plain YAML makes of a document, and how serde reads it.
//!
//! It says no ([`Mismatch`]) wherever YAML would have to guess a type: then the whole parser decides.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use zeroize::Zeroizing;

/// A node of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    /// Nothing stands there.
    Null,
    /// A scalar without quotes.
    Plain(&'a str),
    /// A scalar in quotes.
    Quoted(&'a str),
    /// A literal block: a copy, and possibly a private key.
    Literal(Zeroizing<String>),
    /// A sequence.
    Sequence(Vec<Node<'a>>),
    /// A mapping, whose keys are distinct.
    Mapping(Vec<(&'a str, Node<'a>)>),
}

impl<'a> Node<'a> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) if !is_null(text) => Some(text),
            Self::Quoted(text) => Some(text),
            Self::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// A number in the one spelling that every version of YAML agrees on.
    fn integer(&self) -> Option<&'a str> {
        let Self::Plain(text) = self else { return None };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let canonical = digits == "0" || !digits.starts_with('0');
        (canonical && digits.bytes().all(|b| b.is_ascii_digit())).then_some(text)
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The node is not what was asked for, or not in a spelling that needs no second thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value has another type")
    }
}

impl std::error::Error for Mismatch {}

impl Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> IntoDeserializer<'de, Mismatch> for &Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &Node<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self {
            Node::Null => visitor.visit_none(),
            Node::Plain(text) if is_null(text) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self {
            Node::Plain("true") => visitor.visit_bool(true),
            Node::Plain("false") => visitor.visit_bool(false),
            _ => Err(Mismatch),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let number = self.integer().and_then(|text| text.parse().ok()).ok_or(Mismatch)?;
        visitor.visit_i64(number)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let number = self.integer().and_then(|text| text.parse().ok()).ok_or(Mismatch)?;
        visitor.visit_u64(number)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_str(self.text().ok_or(Mismatch)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Node::Sequence(items) = self else { return Err(Mismatch) };
        visitor.visit_seq(SeqDeserializer::new(items.iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Node::Mapping(entries) = self else { return Err(Mismatch) };
        visitor.visit_map(MapDeserializer::new(entries.iter().map(|(key, value)| (*key, value))))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct enum identifier
    }
}
