// SPDX-License-Identifier: Apache-2.0
//! Resource versions: whole numbers that grow (KEP-5504), unless a server has another notion of them.

use std::hash::{Hash, Hasher};

/// A resource version in eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version(u64);

/// Set in the hash of a version that is no number.
const OPAQUE: u64 = 1 << 63;

impl Version {
    /// Reads the text of a resource version.
    pub(super) fn read(text: &str) -> Self {
        match text.parse() {
            Ok(number) if number < OPAQUE => Self(number),
            _ => {
                let mut hasher = std::hash::DefaultHasher::new();
                text.hash(&mut hasher);
                Self(hasher.finish() | OPAQUE)
            }
        }
    }

    /// The number; nothing if it is none.
    pub(super) fn number(self) -> Option<u64> {
        (self.0 & OPAQUE == 0).then_some(self.0)
    }

    /// Whether this is known to be older.  Versions that are no numbers cannot be compared.
    pub(super) fn is_older_than(self, other: Self) -> bool {
        (self.0 | other.0) & OPAQUE == 0 && self.0 < other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_compared() {
        let [one, two, odd] = ["9", "10", "abc"].map(Version::read);
        assert!(one.is_older_than(two) && !two.is_older_than(one) && !one.is_older_than(one));
        assert!(!one.is_older_than(odd) && !odd.is_older_than(one));
        assert_ne!(odd, Version::read("abd"));
        assert_eq!([one, odd].map(Version::number), [Some(9), None]);
    }
}
