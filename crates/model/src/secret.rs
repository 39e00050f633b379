// SPDX-License-Identifier: Apache-2.0
//! Secrets: bytes that cannot be printed by mistake and are wiped when dropped (I8).

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::origin::{Kind, Origin};
use crate::reference::Declarable;

/// Bytes without `Display`, whose `Debug` says only their number, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Arc<Zeroizing<Vec<u8>>>);

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.shrink_to_fit();
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The bytes themselves, for the one who parses or signs.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted, {} bytes]", self.0.len())
    }
}

/// A `v1` Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Which Secret.
    pub origin: Origin,
    /// `type`, for example `kubernetes.io/tls` or `Opaque`.
    pub kind: Arc<str>,
    /// `data` with `stringData` merged over it, decoded.
    pub data: SecretData,
}

/// The entries of a Secret, in the order of their keys.  Secrets have few, and there are many Secrets: a map would take
/// several times the room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretData(Box<[(Arc<str>, SecretBytes)]>);

impl SecretData {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&SecretBytes> {
        self.iter().find(|(own, _)| *own == key).map(|(_, value)| value)
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretBytes)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of several values of one key the last one counts.
impl FromIterator<(Arc<str>, SecretBytes)> for SecretData {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, SecretBytes)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.reverse();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(a, _), (b, _)| a == b);
        Self(entries.into())
    }
}

impl<const N: usize> From<[(Arc<str>, SecretBytes); N]> for SecretData {
    fn from(entries: [(Arc<str>, SecretBytes); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl Declarable for Secret {
    const KIND: Kind = Kind::Secret;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_values_of_one_key_the_last_one_counts() {
        let bytes = |text: &str| SecretBytes::new(text.into());
        let data = SecretData::from([
            ("b".into(), bytes("1")),
            ("a".into(), bytes("2")),
            ("b".into(), bytes("3")),
        ]);
        let entries: Vec<_> = data.iter().map(|(key, value)| (key, value.expose())).collect();
        assert_eq!(entries, [("a", &b"2"[..]), ("b", &b"3"[..])]);
        assert_eq!((data.get("b"), data.get("c")), (Some(&bytes("3")), None));
        assert!(data.len() == 2 && !data.is_empty() && SecretData::default().is_empty());
    }
}
