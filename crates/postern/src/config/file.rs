// SPDX-License-Identifier: Apache-2.0
//! Configuration from a YAML or TOML file with the same keys, nested.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::error::ConfigError;
use super::key::{KeyPath, ValueKind};
use super::layer::{Layer, recognise};

/// No configuration is larger; a wrong path may name anything.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file; its ending says whether it is TOML or YAML.
pub(crate) fn read(path: &Path) -> Result<Layer, ConfigError> {
    let text = text_of(path)?;
    let is_toml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let root = if is_toml { from_toml(&text) } else { from_yaml(&text) };
    let root = root.map_err(|why| ConfigError::Malformed { path: path.to_owned(), why })?;
    let mut walk = Walk { layer: Layer::default(), file: path };
    match root {
        Value::Object(_) => walk.value(&mut Vec::new(), root)?,
        Value::Null => {}
        _ => return Err(walk.malformed("is no mapping of keys")),
    }
    Ok(walk.layer)
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        let why = "is larger than 1 MiB".to_owned();
        return Err(ConfigError::Malformed { path: path.to_owned(), why });
    }
    Ok(text)
}

fn from_toml(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("line {}: {}", before.matches('\n').count() + 1, error.message())
    })
}

fn from_yaml(text: &str) -> Result<Value, String> {
    // YAML 1.1 would read `tenancy.mode: off` as false.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

struct Walk<'a> {
    layer: Layer,
    file: &'a Path,
}

impl Walk<'_> {
    fn value(&mut self, at: &mut Vec<String>, value: Value) -> Result<(), ConfigError> {
        let texts = match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, inner) in map {
                    // A dotted key is written out, as in `"entryPoints.web.address": …`.
                    let depth = at.len();
                    at.extend(key.split('.').map(str::to_owned));
                    self.value(at, inner)?;
                    at.truncate(depth);
                }
                return Ok(());
            }
            Value::Object(_) | Value::Null => return self.empty(at),
            Value::Array(items) => items.into_iter().map(scalar).collect(),
            scalar_value => scalar(scalar_value).map(|text| vec![text]),
        };
        let (path, place) = self.recognise(at)?;
        let texts: Vec<String> = texts
            .ok_or_else(|| self.malformed(&format!("{} holds nested values", at.join("."))))?;
        if texts.len() != 1 && path.key.kind != ValueKind::List {
            return Err(self.malformed(&format!("{} takes one value, no list", at.join("."))));
        }
        self.layer.add_once(&path, texts, place)
    }

    /// `http: {tls: {}}` turns a switch on, as in Traefik; an empty section says nothing.
    fn empty(&mut self, at: &[String]) -> Result<(), ConfigError> {
        let segments: Vec<&str> = at.iter().map(String::as_str).collect();
        let Some(path) = KeyPath::find(&segments) else {
            let is_section = super::keys::KEYS.iter().any(|key| is_parent(&segments, key.path));
            return if is_section { Ok(()) } else { self.recognise(at).map(|_| ()) };
        };
        if path.key.kind == ValueKind::Switch {
            let place = self.place(at);
            return self.layer.add_once(&path, vec!["true".to_owned()], place);
        }
        Ok(())
    }

    fn recognise(&self, at: &[String]) -> Result<(KeyPath, String), ConfigError> {
        let segments: Vec<&str> = at.iter().map(String::as_str).collect();
        let path = recognise(&segments, &self.file.display().to_string())?;
        Ok((path, self.place(at)))
    }

    fn place(&self, at: &[String]) -> String {
        format!("{}: {}", self.file.display(), at.join("."))
    }

    fn malformed(&self, why: &str) -> ConfigError {
        ConfigError::Malformed { path: self.file.to_owned(), why: why.to_owned() }
    }
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a key's path goes on below `segments`.
fn is_parent(segments: &[&str], path: &str) -> bool {
    let mut expected = path.split('.');
    let matches = segments.iter().all(|segment| {
        expected.next().is_some_and(|e| e == super::key::NAME || e.eq_ignore_ascii_case(segment))
    });
    matches && expected.next().is_some()
}
