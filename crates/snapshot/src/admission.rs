// SPDX-License-Identifier: Apache-2.0
//! Proof that a connection, or a request, belongs to one tenant, and the only handle to that tenant's data (wall W5).

use std::sync::Arc;

use postern_model::{EntryPointId, Host};

use crate::backend::{Backend, BackendSlot};
use crate::host_index::HostEntry;
use crate::route_table::Route;
use crate::scope::TenantScope;
use crate::snapshot::{TenantLimits, TenantSnapshot};
use crate::tls_profile::TlsDecision;

/// One tenant's rooms, opened with a name that it owns.  It has no public constructor, no way back to the
/// [`crate::Snapshot`], and no look-up by tenant.
///
/// ```compile_fail
/// fn forge(name: postern_model::Host) -> postern_snapshot::Admission {
///     postern_snapshot::Admission { name }
/// }
/// ```
/// ```
/// fn honest(snapshot: &postern_snapshot::Snapshot, name: postern_model::Host) -> Option<postern_snapshot::Admission> {
///     snapshot.admit(&name)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Admission {
    name: Host,
    entry: Arc<HostEntry>,
    tenant: Arc<TenantSnapshot>,
    generation: u64,
}

/// The answer of [`crate::Snapshot::readmit`].
#[derive(Debug)]
pub enum Readmission {
    /// The request may be routed.
    Admitted(Admission),
    /// The host may not be asked for on this connection: 421, whoever owns it, or nobody.
    Misdirected,
    /// The connection itself lost its ground: GOAWAY and close.
    Revoked,
}

impl Admission {
    pub(crate) fn new(
        name: Host,
        entry: Arc<HostEntry>,
        tenant: Arc<TenantSnapshot>,
        generation: u64,
    ) -> Self {
        Self { name, entry, tenant, generation }
    }

    /// The name that opened it.
    pub fn name(&self) -> &Host {
        &self.name
    }

    /// Whose rooms they are.
    pub fn scope(&self) -> &TenantScope {
        &self.entry.scope
    }

    /// The generation of the snapshot that granted it: with another one published, ask again.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The epoch of the claim to the name.
    pub fn epoch(&self) -> u64 {
        self.entry.epoch
    }

    /// How the name answers a ClientHello.
    pub fn tls(&self) -> &TlsDecision {
        &self.entry.tls
    }

    /// The route for a path in normal form.
    pub fn route(&self, entry_point: EntryPointId, path: &str) -> Option<&Arc<Route>> {
        self.entry.routes.find(entry_point, path)
    }

    /// The routes of the name in the order in which they are tried, for `postern explain`.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.entry.routes.iter()
    }

    /// What the operator lets the tenant use at most.
    pub fn limits(&self) -> TenantLimits {
        self.tenant.limits
    }

    /// A backend of the same tenant.
    pub fn backend(&self, slot: BackendSlot) -> Option<&Arc<Backend>> {
        self.tenant.backends.get(slot.0)
    }
}
