// SPDX-License-Identifier: Apache-2.0
//! Typed reading of settings; what is not written has the table's default.

use std::time::Duration;

use super::error::ConfigError;
use super::key::{Key, ValueKind};
use super::layer::Layer;
use super::value;

/// Reads settings, for one entry point or for none.
pub(crate) struct Reader<'a> {
    layer: &'a Layer,
    name: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// Reads the keys without a name.
    pub(crate) fn new(layer: &'a Layer) -> Self {
        Self { layer, name: None }
    }

    /// Reads the keys of the entry point `name`.
    pub(crate) fn of(layer: &'a Layer, name: &'a str) -> Self {
        Self { layer, name: Some(name) }
    }

    /// Whether anything is written.
    pub(crate) fn is_written(&self, key: &Key) -> bool {
        self.layer.written(key, self.name).is_some()
    }

    /// The text.
    pub(crate) fn text(&self, key: &'static Key) -> &'a str {
        let written = self.layer.written(key, self.name);
        written.and_then(|w| w.texts.last()).map_or(key.default, String::as_str)
    }

    /// The items of a list, without blanks and empty ones, each with its place.
    pub(crate) fn list(&self, key: &Key) -> impl Iterator<Item = (&'a str, &'a str)> {
        let written = self.layer.written(key, self.name);
        written.into_iter().flat_map(|written| {
            // A PEM text has no commas, and may stand where a path may.
            let items = written.texts.iter().flat_map(|text| text.split(','));
            let items = items.map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| (item, written.place.as_str()))
        })
    }

    /// Every item of a list, read by `read`.
    pub(crate) fn each<T>(
        &self,
        key: &Key,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        self.list(key)
            .map(|(item, place)| read(item).map_err(|why| refused(place, item, why)))
            .collect()
    }

    /// The value, read by `read`.
    pub(crate) fn parse<T>(
        &self,
        key: &'static Key,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let text = self.text(key);
        let written = self.layer.written(key, self.name);
        let place = written.map_or(key.path, |w| w.place.as_str());
        read(text).map_err(|why| refused(place, text, why))
    }

    /// A switch.
    pub(crate) fn switch(&self, key: &'static Key) -> Result<bool, ConfigError> {
        self.parse(key, value::switch)
    }

    /// A duration.
    pub(crate) fn duration(&self, key: &'static Key) -> Result<Duration, ConfigError> {
        self.parse(key, value::duration)
    }

    /// A whole number.
    pub(crate) fn count(&self, key: &'static Key) -> Result<usize, ConfigError> {
        self.parse(key, value::count)
    }

    /// One of the words that the key's kind lists.
    pub(crate) fn choice(&self, key: &'static Key) -> Result<&'static str, ConfigError> {
        let ValueKind::Choice(words) = key.kind else { return Ok(key.default) };
        self.parse(key, |text| value::choice(text, words))
    }

    /// A switch of which only one position is possible yet.
    pub(crate) fn only(
        &self,
        key: &'static Key,
        possible: bool,
        why: &str,
    ) -> Result<(), ConfigError> {
        self.parse(key, |text| match value::switch(text)? {
            position if position == possible => Ok(()),
            _ => Err(why.to_owned()),
        })
    }
}

fn refused(place: &str, text: &str, why: String) -> ConfigError {
    ConfigError::Value { place: place.to_owned(), text: text.to_owned(), why }
}
