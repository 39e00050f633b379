// SPDX-License-Identifier: Apache-2.0
//! Maps from text to text, such as labels; entries without a value are left out.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Labels, or anything else that maps text to text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextMap(pub BTreeMap<String, String>);

impl TextMap {
    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        filtered(deserializer, |_| true).map(Self)
    }
}

/// Reads the entries whose key is wanted; the others cost no memory.
pub(crate) fn filtered<'de, D: Deserializer<'de>>(
    deserializer: D,
    wanted: fn(&str) -> bool,
) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_map(Entries { wanted })
}

struct Entries {
    wanted: fn(&str) -> bool,
}

impl<'de> Visitor<'de> for Entries {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from text to text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if !(self.wanted)(&key) {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(value) = map.next_value::<Option<String>>()? {
                entries.insert(key, value);
            }
        }
        Ok(entries)
    }
}
