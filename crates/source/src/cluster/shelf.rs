// SPDX-License-Identifier: Apache-2.0
//! What one informer has delivered: keys and versions, never objects.

use std::collections::HashMap;
use std::sync::Arc;

use postern_model::SmallMap;

use super::event::ItemName;
use super::reader::Step;
use super::version::Version;

/// One object that the cluster has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) version: Version,
    /// Its contents were read; those of Secrets only are where something refers to them.
    pub(super) held: bool,
}

/// Entries by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Shelf(HashMap<Arc<str>, SmallMap<Arc<str>, Entry>>);

impl Shelf {
    /// The entry of that name.
    pub(super) fn entry(&self, namespace: &str, name: &str) -> Option<&Entry> {
        self.0.get(namespace)?.get(name)
    }

    /// The same with its namespace and name.
    pub(super) fn found(&self, name: &ItemName) -> Option<(Arc<str>, Arc<str>, Entry)> {
        let (namespace, names) = self.0.get_key_value(&*name.namespace)?;
        let (name, entry) = names.get_key_value(&*name.name)?;
        Some((namespace.clone(), name.clone(), *entry))
    }

    /// The same, to change it.
    pub(super) fn entry_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Entry> {
        self.0.get_mut(namespace)?.get_mut(name)
    }

    /// Puts an entry there.
    pub(super) fn put(&mut self, namespace: Arc<str>, name: Arc<str>, entry: Entry) {
        self.0.entry(namespace).or_default().insert(name, entry);
    }

    /// Takes an entry away.
    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> Option<Entry> {
        let names = self.0.get_mut(namespace)?;
        let entry = names.remove(name);
        if names.is_empty() {
            self.0.remove(namespace);
        }
        entry
    }

    /// The names of all whose contents were not read.
    pub(super) fn unread(&self) -> impl Iterator<Item = (Arc<str>, Arc<str>)> + '_ {
        self.0.iter().flat_map(|(namespace, names)| {
            let unread = names.iter().filter(|(_, entry)| !entry.held);
            unread.map(|(name, _)| (namespace.clone(), name.clone()))
        })
    }

    /// Every entry.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (Arc<str>, Arc<str>, Entry)> {
        self.0.into_iter().flat_map(|(namespace, names)| {
            names.into_iter().map(move |(name, entry)| (namespace.clone(), name, entry))
        })
    }
}

/// A list that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) shelf: Shelf,
    /// What is new in it.
    pub(super) steps: Vec<Step>,
}
