// SPDX-License-Identifier: Apache-2.0
//! Secrets: bytes that cannot be printed by mistake and are wiped when dropped (I8).

use std::collections::BTreeMap;
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
    pub data: BTreeMap<Arc<str>, SecretBytes>,
}

impl Declarable for Secret {
    const KIND: Kind = Kind::Secret;
}
