// SPDX-License-Identifier: Apache-2.0
//! One copy of strings that many objects share: namespaces, file names, field paths, port names.

use std::collections::HashSet;
use std::sync::Arc;

/// Strings that were met before.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    strings: HashSet<Arc<str>>,
    /// Names of objects: those that refer to each other mostly stand in one file.
    names: HashSet<Arc<str>>,
}

impl Interner {
    /// The one copy of `text`.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        share(&mut self.strings, text)
    }

    /// The one copy of the name `text` in the file that is being read.
    pub(crate) fn name(&mut self, text: &str) -> Arc<str> {
        share(&mut self.names, text)
    }

    /// Begins another file.
    pub(crate) fn begin_file(&mut self) {
        self.names.clear();
    }

    /// Forgets the strings that nobody else holds any more.
    pub(crate) fn sweep(&mut self) {
        self.strings.retain(|string| Arc::strong_count(string) > 1);
        self.strings.shrink_to_fit();
        self.names = HashSet::new();
    }
}

fn share(strings: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(string) = strings.get(text) {
        return string.clone();
    }
    let string: Arc<str> = text.into();
    strings.insert(string.clone());
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_are_one_string_until_nobody_needs_them() {
        let mut interner = Interner::default();
        let (a, b) = (interner.share("acme"), interner.share("acme"));
        assert!(Arc::ptr_eq(&a, &b));
        let (c, d) = (interner.name("web"), interner.name("web"));
        assert!(Arc::ptr_eq(&c, &d));
        interner.begin_file();
        assert!(!Arc::ptr_eq(&c, &interner.name("web")));
        drop((a, b));
        interner.sweep();
        assert!(interner.strings.is_empty());
    }
}
