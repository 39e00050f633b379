// SPDX-License-Identifier: Apache-2.0
//! How `compile` makes the next snapshot out of the last one.  An editor only writes: it has no way to read a tenant.

use std::sync::Arc;

use postern_model::HostPattern;

use crate::backend::{Backend, BackendSlot};
use crate::host_index::HostEntry;
use crate::route_table::RouteTable;
use crate::scope::TenantScope;
use crate::snapshot::{Snapshot, TenantLimits, TenantSlot};
use crate::tls_profile::TlsDecision;

/// The next snapshot in the making: starts as a copy that shares everything, and pays for what it changes.
#[derive(Debug)]
pub struct Editor {
    next: Snapshot,
    /// A name that one tenant answered for is another's now, or under another claim.
    moves_names: bool,
}

/// Where a tenant's rooms are in the snapshots of one compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantRoom(TenantSlot);

impl TenantRoom {
    /// The `number`th room; a compiler numbers its tenants and gives no number to two of them.
    pub fn new(number: u32) -> Self {
        Self(TenantSlot(number))
    }
}

impl Editor {
    /// Starts from `last`.
    pub fn new(last: &Snapshot) -> Self {
        Self { next: last.clone(), moves_names: false }
    }

    /// Makes sure that a tenant has a room.
    pub fn open(&mut self, room: TenantRoom) {
        if self.next.tenants.get(room.0.0).is_none() {
            self.next.tenants.set(room.0.0, Some(Arc::default()));
        }
    }

    /// Says what a tenant may use at most.
    pub fn set_limits(&mut self, room: TenantRoom, limits: TenantLimits) {
        self.open(room);
        if let Some(tenant) = self.next.tenants.get_mut(room.0.0)
            && tenant.limits != limits
        {
            Arc::make_mut(tenant).limits = limits;
        }
    }

    /// Takes a tenant's room away, with its backends.
    pub fn close(&mut self, room: TenantRoom) {
        self.next.tenants.set(room.0.0, None);
    }

    /// Puts or takes away a tenant's backend.
    pub fn set_backend(
        &mut self,
        room: TenantRoom,
        slot: BackendSlot,
        backend: Option<Arc<Backend>>,
    ) {
        self.open(room);
        if let Some(tenant) = self.next.tenants.get_mut(room.0.0) {
            Arc::make_mut(tenant).backends.set(slot.0, backend);
        }
    }

    /// Puts what is behind a pattern; `None` is the catch-all for names that nobody owns.
    pub fn set_host(&mut self, pattern: Option<HostPattern>, host: HostParts) {
        let HostParts { scope, room, epoch, tls, routes } = host;
        let entry =
            HostEntry { pattern: pattern.clone(), scope, tenant: room.0, epoch, tls, routes };
        let answered = match &pattern {
            Some(pattern) => self.next.hosts.answers(pattern),
            None => None,
        };
        self.moves_names |= answered.is_some_and(|before| {
            before.scope != entry.scope || before.pattern.is_some() && before.epoch != entry.epoch
        });
        let entry = Some(Arc::new(entry));
        match pattern {
            Some(pattern) => self.next.hosts.set(&pattern, entry),
            None => self.next.hosts.set_catch_all(entry),
        }
    }

    /// Takes a pattern away.
    pub fn remove_host(&mut self, pattern: Option<&HostPattern>) {
        match pattern {
            Some(pattern) => self.next.hosts.set(pattern, None),
            None => self.next.hosts.set_catch_all(None),
        }
    }

    /// Keeps a pattern dark: nobody answers for it, be it with a wildcard or with the catch-all.
    pub fn darken(&mut self, pattern: &HostPattern) {
        self.next.hosts.darken(pattern);
    }

    /// The finished snapshot.
    pub fn finish(mut self, generation: u64) -> Snapshot {
        // A snapshot that was made from nothing decides on every name.
        if self.moves_names || self.next.decided == 0 {
            self.next.decided = generation;
        }
        self.next.generation = generation;
        self.next
    }
}

/// What is behind one owned pattern.
#[derive(Clone, Debug)]
pub struct HostParts {
    /// Whose it is.
    pub scope: TenantScope,
    /// Where its tenant's backends are.
    pub room: TenantRoom,
    /// The epoch of the claim.
    pub epoch: u64,
    /// How it answers a ClientHello.
    pub tls: TlsDecision,
    /// Its routes.
    pub routes: Arc<RouteTable>,
}
