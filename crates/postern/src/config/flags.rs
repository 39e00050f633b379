// SPDX-License-Identifier: Apache-2.0
//! Configuration from flags: `--key=value`, `--key value`, and `--switch` alone, in any case.

use std::ffi::OsString;

use super::error::ConfigError;
use super::key::ValueKind;
use super::layer::{Layer, recognise};
use super::suggest;

/// Takes the flags that are configuration out of a command's arguments and leaves the rest to the command's own parser,
/// whose long options are `own`.
pub(crate) fn take(
    arguments: impl IntoIterator<Item = OsString>,
    own: &[String],
) -> Result<(Layer, Vec<OsString>), ConfigError> {
    let mut layer = Layer::default();
    let mut rest = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            rest.push(argument);
            rest.extend(arguments);
            break;
        }
        // What is no UTF-8 is a path: all our flags and their values are.
        let (name, value) = argument.to_str().map_or((None, None), split);
        let Some(name) = name.filter(|name| !own.iter().any(|o| o == name)) else {
            rest.push(argument);
            continue;
        };
        let place = format!("--{name}");
        let segments: Vec<&str> = name.split('.').collect();
        let path = recognise(&segments, &place).map_err(|error| prefer_own(error, name, own))?;
        let text = match value {
            Some(value) => value.to_owned(),
            None if path.key.kind == ValueKind::Switch => "true".to_owned(),
            None => arguments
                .next()
                .and_then(|text| text.into_string().ok())
                .ok_or_else(|| ConfigError::MissingValue { place: place.clone() })?,
        };
        layer.add(&path, text, place);
    }
    Ok((layer, rest))
}

/// The name of a long flag, and its value if it stands behind an equals sign.
fn split(argument: &str) -> (Option<&str>, Option<&str>) {
    let Some(flag) = argument.strip_prefix("--") else { return (None, None) };
    match flag.split_once('=') {
        Some((name, value)) => (Some(name), Some(value)),
        None => (Some(flag), None),
    }
}

/// A flag like one of the command's own is a slip there, and no configuration.
fn prefer_own(error: ConfigError, name: &str, own: &[String]) -> ConfigError {
    let ConfigError::UnknownKey { key, place } = error else { return error };
    match suggest::nearest_of(&name.to_ascii_lowercase(), own.iter().cloned()) {
        Some(nearest) => ConfigError::MisspeltKey { key, place, nearest: format!("--{nearest}") },
        None => ConfigError::UnknownKey { key, place },
    }
}
