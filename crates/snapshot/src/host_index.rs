// SPDX-License-Identifier: Apache-2.0
//! From a name to the one tenant that owns it.  Sharded, so that a change copies one shard and not the whole map.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock};

use postern_model::{Host, HostPattern};

use crate::route_table::RouteTable;
use crate::scope::TenantScope;
use crate::snapshot::TenantSlot;
use crate::tls_profile::TlsDecision;

const SHARDS: usize = 1024;

/// Tenants choose the keys, so the hash is keyed (SipHash), with one key for all snapshots of the process.
static HASHER: LazyLock<std::hash::RandomState> = LazyLock::new(std::hash::RandomState::new);

/// What is behind one owned host pattern: how it answers a ClientHello, and its routes.
#[derive(Debug)]
pub struct HostEntry {
    pub(crate) pattern: Option<HostPattern>,
    pub(crate) scope: TenantScope,
    pub(crate) tenant: TenantSlot,
    pub(crate) epoch: u64,
    pub(crate) tls: TlsDecision,
    pub(crate) routes: Arc<RouteTable>,
}

/// By name; nothing behind a name keeps it dark: neither a wildcard nor the catch-all answers for it.
type Entries = HashMap<Host, Option<Arc<HostEntry>>, NamedHasher>;

#[derive(Clone, Debug, Default)]
struct Shard {
    exact: Entries,
    wildcard: Entries,
}

/// A `BuildHasher` without state of its own, so that 2,048 maps do not carry 16 bytes of key each.
#[derive(Clone, Copy, Debug, Default)]
struct NamedHasher;

impl BuildHasher for NamedHasher {
    type Hasher = std::hash::DefaultHasher;

    fn build_hasher(&self) -> Self::Hasher {
        HASHER.build_hasher()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct HostIndex {
    shards: Vec<Arc<Shard>>,
    catch_all: Option<Arc<HostEntry>>,
}

impl Default for HostIndex {
    fn default() -> Self {
        Self { shards: vec![Arc::default(); SHARDS], catch_all: None }
    }
}

impl HostIndex {
    /// The exact name, else the wildcard one label up, else the catch-all for names that nobody owns.
    pub(crate) fn find(&self, host: &Host) -> Option<&Arc<HostEntry>> {
        let name = host.as_str();
        if let Some(entry) = self.shards[shard_of(name)].exact.get(name) {
            return entry.as_ref();
        }
        let Some(parent) = host.parent() else { return self.catch_all.as_ref() };
        match self.wildcard(parent) {
            Some(entry) => entry.as_ref(),
            None => self.unowned(parent),
        }
    }

    fn wildcard(&self, parent: &str) -> Option<&Option<Arc<HostEntry>>> {
        self.shards[shard_of(parent)].wildcard.get(parent)
    }

    /// A wildcard's owner shuts everybody else out of every name below, so the catch-all does not answer there.
    fn unowned(&self, parent: &str) -> Option<&Arc<HostEntry>> {
        let catch_all = self.catch_all.as_ref()?;
        let mut ancestor = parent;
        while let Some((_, up)) = ancestor.split_once('.') {
            let others = |entry: &Option<Arc<HostEntry>>| {
                entry.as_ref().is_none_or(|entry| entry.scope != catch_all.scope)
            };
            if self.wildcard(up).is_some_and(others) {
                return None;
            }
            ancestor = up;
        }
        Some(catch_all)
    }

    /// What answers for names of a pattern now: what is behind it, or the catch-all.
    pub(crate) fn answers(&self, pattern: &HostPattern) -> Option<&Arc<HostEntry>> {
        let name = pattern.name().as_str();
        let shard = &self.shards[shard_of(name)];
        let map = match pattern {
            HostPattern::Exact(_) => &shard.exact,
            HostPattern::Wildcard(_) => &shard.wildcard,
        };
        map.get(name).map_or(self.catch_all.as_ref(), Option::as_ref)
    }

    /// Puts or takes away what is behind a pattern.
    pub(crate) fn set(&mut self, pattern: &HostPattern, entry: Option<Arc<HostEntry>>) {
        let (map, name) = self.entries(pattern);
        match entry {
            Some(entry) => map.insert(name, Some(entry)),
            None => map.remove(&name),
        };
    }

    /// Keeps a pattern dark.
    pub(crate) fn darken(&mut self, pattern: &HostPattern) {
        let (map, name) = self.entries(pattern);
        map.insert(name, None);
    }

    fn entries(&mut self, pattern: &HostPattern) -> (&mut Entries, Host) {
        let name = pattern.name();
        let shard = Arc::make_mut(&mut self.shards[shard_of(name.as_str())]);
        let map = match pattern {
            HostPattern::Exact(_) => &mut shard.exact,
            HostPattern::Wildcard(_) => &mut shard.wildcard,
        };
        (map, name.clone())
    }

    /// What answers for names that nobody owns.
    pub(crate) fn catch_all(&self) -> Option<&Arc<HostEntry>> {
        self.catch_all.as_ref()
    }

    pub(crate) fn set_catch_all(&mut self, entry: Option<Arc<HostEntry>>) {
        self.catch_all = entry;
    }

    /// All entries, sorted by pattern, the catch-all last.
    pub(crate) fn sorted(&self) -> Vec<&Arc<HostEntry>> {
        let shards = self.shards.iter().flat_map(|s| s.exact.values().chain(s.wildcard.values()));
        let mut all: Vec<_> = shards.flatten().collect();
        all.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        all.extend(&self.catch_all);
        all
    }
}

fn shard_of(name: &str) -> usize {
    let hash = HASHER.hash_one(name);
    usize::try_from(hash % SHARDS as u64).unwrap_or(0)
}
