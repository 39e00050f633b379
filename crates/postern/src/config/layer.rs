// SPDX-License-Identifier: Apache-2.0
//! The settings of one source (flags, environment or file), and several of them laid over each other.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::key::{Key, KeyPath, ValueKind};
use super::keys::KEYS;
use super::{suggest, unsupported};

/// A value as it was written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The value; several for a list that was given in pieces.
    pub(crate) texts: Vec<String>,
    /// Where, in the user's own words: the flag, the variable, or the file and the key.
    pub(crate) place: String,
}

/// Settings by key and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    settings: BTreeMap<(&'static str, Option<String>), Written>,
}

impl Layer {
    /// Adds a setting.  What was there before is replaced; a list grows.
    pub(crate) fn add(&mut self, path: &KeyPath, text: String, place: String) {
        let slot = self.slot(path);
        match self.settings.get_mut(&slot) {
            Some(written) if path.key.kind == ValueKind::List => written.texts.push(text),
            _ => {
                self.settings.insert(slot, Written { texts: vec![text], place });
            }
        }
    }

    /// Adds a setting that may be given only once.
    pub(crate) fn add_once(
        &mut self,
        path: &KeyPath,
        texts: Vec<String>,
        place: String,
    ) -> Result<(), ConfigError> {
        let slot = self.slot(path);
        if self.settings.contains_key(&slot) {
            return Err(ConfigError::Twice { place });
        }
        self.settings.insert(slot, Written { texts, place });
        Ok(())
    }

    /// Lays `above` over this one: a setting is replaced as a whole.
    #[must_use]
    pub(crate) fn under(mut self, above: Self) -> Self {
        self.settings.extend(above.settings);
        self
    }

    /// What is written for a key, for a name where the key has one.
    pub(crate) fn written(&self, key: &Key, name: Option<&str>) -> Option<&Written> {
        self.settings.get(&(key.path, name.map(str::to_owned)))
    }

    /// Every name for which a key below `prefix` is written, in order, once.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.settings.keys().filter_map(|(_, name)| name.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether a key is written for any name.
    pub(crate) fn is_written_for_any(&self, key: &Key) -> bool {
        self.settings.keys().any(|(path, _)| *path == key.path)
    }

    fn slot(&self, path: &KeyPath) -> (&'static str, Option<String>) {
        (path.key.path, path.name.clone())
    }
}

/// Finds the key that `segments` spell, or says why there is none.
pub(crate) fn recognise(segments: &[&str], place: &str) -> Result<KeyPath, ConfigError> {
    if let Some(path) = KeyPath::find(segments) {
        return Ok(path);
    }
    let (key, place) = (segments.join("."), place.to_owned());
    if let Some(hint) = unsupported::hint(segments) {
        return Err(ConfigError::NotSupported { key, place, hint });
    }
    match suggest::nearest(segments, KEYS) {
        Some(nearest) => Err(ConfigError::MisspeltKey { key, place, nearest }),
        None => Err(ConfigError::UnknownKey { key, place }),
    }
}
