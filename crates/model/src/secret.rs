// SPDX-License-Identifier: Apache-2.0
//! Secrets: bytes that cannot be printed by mistake and are wiped when dropped (I8).

mod pem;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::origin::{Kind, Origin};
use crate::reference::Declarable;

/// Bytes without `Display`, whose `Debug` says only their number, wiped on drop.
///
/// PEM is kept without its armour: certificates and keys are what most Secrets hold, and base64 makes a third more of
/// them.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Arc<Kept>);

#[derive(PartialEq, Eq)]
enum Kept {
    Plain(Zeroizing<Box<[u8]>>),
    Pem(pem::Packed),
}

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        let bytes = Zeroizing::new(bytes);
        let kept = pem::pack(&bytes).map_or_else(|| Kept::Plain(exactly(&bytes)), Kept::Pem);
        Self(Arc::new(kept))
    }

    /// The bytes themselves, for the one who parses or signs.
    pub fn expose(&self) -> Exposed<'_> {
        match &*self.0 {
            Kept::Plain(bytes) => Exposed(Text::Kept(bytes)),
            Kept::Pem(packed) => Exposed(Text::Made(packed.unpack())),
        }
    }
}

/// A copy in a buffer of its own, which never grew or shrank: that would leave copies behind that nobody wipes.
fn exactly(bytes: &[u8]) -> Zeroizing<Box<[u8]>> {
    Zeroizing::new(bytes.into())
}

/// What a [`SecretBytes`] holds, while somebody looks at it.
pub struct Exposed<'a>(Text<'a>);

enum Text<'a> {
    Kept(&'a [u8]),
    Made(Zeroizing<Vec<u8>>),
}

impl Deref for Exposed<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Text::Kept(bytes) => bytes,
            Text::Made(bytes) => bytes,
        }
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted, {} bytes]", self.expose().len())
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
        let entries: Vec<_> =
            data.iter().map(|(key, value)| (key, value.expose().to_vec())).collect();
        assert_eq!(entries, [("a", b"2".to_vec()), ("b", b"3".to_vec())]);
        assert_eq!((data.get("b"), data.get("c")), (Some(&bytes("3")), None));
        assert!(data.len() == 2 && !data.is_empty() && SecretData::default().is_empty());
    }
}
