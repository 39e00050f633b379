// SPDX-License-Identifier: Apache-2.0
//! What a configuration key is, and how a written key is recognised.

/// The segment of a key's path that stands for a name which the operator chooses.
pub(crate) const NAME: &str = "NAME";

/// What may be written as a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// `true` or `false`; the key alone means `true`.
    Switch,
    /// Go's durations: `1m30s`; a bare number is in seconds.
    Duration,
    /// A whole number, not negative.
    Count,
    /// Any text.
    Text,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// Texts, separated by commas, or the key repeated.
    List,
}

impl ValueKind {
    /// For the reference table and for `--help`.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::Count => "number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Choice(words) => words.join(", "),
            Self::List => "list".to_owned(),
        }
    }
}

/// One key of the install configuration.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in Traefik's spelling; [`NAME`] stands for a name which the operator chooses.
    pub(crate) path: &'static str,
    /// What may be written.
    pub(crate) kind: ValueKind,
    /// What holds when nothing is written, as one would write it; empty: nothing.
    pub(crate) default: &'static str,
    /// What it does, in one or two sentences.
    pub(crate) help: &'static str,
}

/// A key as it was written: which one, and for which name.
#[derive(Clone, Debug)]
pub(crate) struct KeyPath {
    /// Which key.
    pub(crate) key: &'static Key,
    /// What stands for [`NAME`], in lower case.
    pub(crate) name: Option<String>,
}

impl KeyPath {
    /// Finds the key that `segments` spell, in any case.
    pub(crate) fn find(segments: &[&str]) -> Option<Self> {
        super::keys::KEYS.iter().find_map(|key| {
            let name = match_segments(key.path, segments)?;
            Some(Self { key, name })
        })
    }
}

/// Whether `segments` spell `path`; the inner value is what stands for [`NAME`].
fn match_segments(path: &str, segments: &[&str]) -> Option<Option<String>> {
    let mut name = None;
    let mut given = segments.iter();
    for expected in path.split('.') {
        let segment = given.next()?;
        if expected == NAME {
            name = Some(entry_name(segment)?);
        } else if !expected.eq_ignore_ascii_case(segment) {
            return None;
        }
    }
    given.next().is_none().then_some(name)
}

/// A name in lower case, as Traefik reads it from flags; nothing if it cannot be one.
fn entry_name(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| text.to_ascii_lowercase())
}
