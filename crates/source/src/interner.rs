// SPDX-License-Identifier: Apache-2.0
//! One copy of strings that many objects share: namespaces, file names, field paths, port names.

use std::collections::HashSet;
use std::sync::Arc;

/// Strings that were met before.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    strings: HashSet<Arc<str>>,
}

impl Interner {
    /// The one copy of `text`.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(string) = self.strings.get(text) {
            return string.clone();
        }
        let string: Arc<str> = text.into();
        self.strings.insert(string.clone());
        string
    }

    /// Forgets the strings that nobody else holds any more.
    pub(crate) fn sweep(&mut self) {
        self.strings.retain(|string| Arc::strong_count(string) > 1);
        self.strings.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_are_one_string_until_nobody_needs_them() {
        let mut interner = Interner::default();
        let (a, b) = (interner.share("acme"), interner.share("acme"));
        assert!(Arc::ptr_eq(&a, &b));
        drop((a, b));
        interner.sweep();
        assert!(interner.strings.is_empty());
    }
}
