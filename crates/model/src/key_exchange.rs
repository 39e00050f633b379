// SPDX-License-Identifier: Apache-2.0
//! The groups in which a TLS handshake may agree on a secret, by the names that Go and Traefik give them.

use std::num::NonZeroU8;

/// A group for key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchangeGroup {
    /// X25519 with ML-KEM-768, against quantum computers; TLS 1.3 only.
    X25519MlKem768,
    /// NIST P-256 with ML-KEM-768; TLS 1.3 only.
    SecP256r1MlKem768,
    /// X25519 (RFC 7748).
    X25519,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

impl KeyExchangeGroup {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::X25519MlKem768, Self::SecP256r1MlKem768, Self::X25519, Self::P256, Self::P384];

    /// How it is written in a Tenant.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519MlKem768 => "X25519MLKEM768",
            Self::SecP256r1MlKem768 => "SecP256r1MLKEM768",
            Self::X25519 => "X25519",
            Self::P256 => "CurveP256",
            Self::P384 => "CurveP384",
        }
    }

    /// The group of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A choice of groups, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyExchangeGroups(NonZeroU8);

impl KeyExchangeGroups {
    /// How many choices there are, and one: more than any [`KeyExchangeGroups::number`].
    pub const COUNT: usize = 1 << KeyExchangeGroup::ALL.len();

    /// These groups; nothing if there are none.
    ///
    /// ```
    /// use postern_model::{KeyExchangeGroup, KeyExchangeGroups};
    /// assert!(KeyExchangeGroups::of([]).is_none());
    /// let groups = KeyExchangeGroups::of([KeyExchangeGroup::P384, KeyExchangeGroup::X25519]).unwrap();
    /// assert_eq!(groups.iter().map(KeyExchangeGroup::name).collect::<Vec<_>>(), ["X25519", "CurveP384"]);
    /// ```
    pub fn of(groups: impl IntoIterator<Item = KeyExchangeGroup>) -> Option<Self> {
        let bits = groups.into_iter().fold(0, |bits, group| bits | group.bit());
        NonZeroU8::new(bits).map(Self)
    }

    /// The groups, always in the same order.
    pub fn iter(self) -> impl Iterator<Item = KeyExchangeGroup> {
        let bits = self.0.get();
        KeyExchangeGroup::ALL.into_iter().filter(move |group| bits & group.bit() != 0)
    }

    /// A number of its own among all choices.
    pub fn number(self) -> usize {
        self.0.get().into()
    }
}

/// Which groups a tenant's handshakes may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyExchange {
    /// Those that are the default.
    #[default]
    Default,
    /// These alone.
    Only(KeyExchangeGroups),
    /// None, since none of those that were asked for is to be had: there is no handshake.
    Impossible,
}
