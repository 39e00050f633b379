// SPDX-License-Identifier: Apache-2.0
//! A map from host patterns, which can be asked without making a pattern, and walked from a name to its wildcards.

use postern_model::{Host, HostPattern, SmallMap};

/// A map from host patterns.
#[derive(Clone, Debug)]
pub(crate) struct Names<T> {
    exact: SmallMap<Host, T>,
    wildcard: SmallMap<Host, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { exact: SmallMap::default(), wildcard: SmallMap::default() }
    }
}

impl<T> Names<T> {
    pub(crate) fn get(&self, pattern: &HostPattern) -> Option<&T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.get(name),
            HostPattern::Wildcard(parent) => self.wildcard.get(parent),
        }
    }

    pub(crate) fn get_mut(&mut self, pattern: &HostPattern) -> Option<&mut T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.get_mut(name),
            HostPattern::Wildcard(parent) => self.wildcard.get_mut(parent),
        }
    }

    /// The wildcard that matches a name of which `parent` is the part after the first label.
    pub(crate) fn wildcard(&self, parent: &str) -> Option<&T> {
        self.wildcard.get(parent)
    }

    pub(crate) fn insert(&mut self, pattern: HostPattern, value: T) -> Option<T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.insert(name, value),
            HostPattern::Wildcard(parent) => self.wildcard.insert(parent, value),
        }
    }

    pub(crate) fn remove(&mut self, pattern: &HostPattern) -> Option<T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.remove(name),
            HostPattern::Wildcard(parent) => self.wildcard.remove(parent),
        }
    }

    /// The wildcards other than `pattern` itself that reserve it, by their parents, the most specific first.
    pub(crate) fn above<'a>(
        &'a self,
        pattern: &HostPattern,
    ) -> impl Iterator<Item = (&'a Host, &'a T)> {
        let mut name = pattern.name().as_str();
        let ancestors = std::iter::from_fn(move || {
            name = name.split_once('.')?.1;
            Some(name)
        });
        ancestors.filter_map(|ancestor| self.wildcard.get_key_value(ancestor))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (HostPattern, &T)> {
        let exact =
            self.exact.iter().map(|(name, value)| (HostPattern::Exact(name.clone()), value));
        let wildcard = self.wildcard.iter();
        exact.chain(wildcard.map(|(name, value)| (HostPattern::Wildcard(name.clone()), value)))
    }
}
