// SPDX-License-Identifier: Apache-2.0
//! Why a configuration is refused.  Every one of them ends the program with the exit code for usage.

use std::path::PathBuf;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// No such key, and none like it.
    #[error("{place}: unknown key {key} (postern serve --help lists all keys)")]
    UnknownKey {
        /// As written.
        key: String,
        /// Where.
        place: String,
    },
    /// No such key, but one like it.
    #[error("{place}: unknown key {key}; did you mean {nearest}?")]
    MisspeltKey {
        /// As written.
        key: String,
        /// Where.
        place: String,
        /// The one like it.
        nearest: String,
    },
    /// Traefik has it.
    #[error("{place}: {key} is a Traefik option that is not supported yet{}", hint_tail(.hint))]
    NotSupported {
        /// As written.
        key: String,
        /// Where.
        place: String,
        /// What else to say.
        hint: &'static str,
    },
    /// A value that cannot be used.
    #[error("{place}: {text:?} {why}")]
    Value {
        /// Where.
        place: String,
        /// What was written.
        text: String,
        /// The second half of the sentence.
        why: String,
    },
    /// A key at the end of the arguments, without its value.
    #[error("{place}: a value is missing, as in {place}=VALUE")]
    MissingValue {
        /// The flag.
        place: String,
    },
    /// Two spellings of one key in one source.
    #[error("{place}: given twice")]
    Twice {
        /// The second one.
        place: String,
    },
    /// Only `web` and `websecure` have an address by default.
    #[error("entry point {name} has no address: set entryPoints.{name}.address")]
    NoAddress {
        /// Which.
        name: String,
    },
    /// More entry points than a set of them can hold.
    #[error("there are more than {most} entry points")]
    TooManyEntryPoints {
        /// The limit.
        most: usize,
    },
    /// The file cannot be read.
    #[error("configuration file {} cannot be read", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be parsed, or holds something that is no configuration.
    #[error("configuration file {}: {why}", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why, with the line where it is known.
        why: String,
    },
}

fn hint_tail(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}
