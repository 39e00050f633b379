// SPDX-License-Identifier: Apache-2.0
//! Everything that is served at one moment, and the only door to it.

use std::sync::Arc;

use postern_model::Host;

use crate::admission::{Admission, Readmission};
use crate::backend::Backend;
use crate::chunked::Chunked;
use crate::host_index::{HostEntry, HostIndex};
use crate::tls_profile::TlsDecision;

/// The number of a tenant's snapshot; only the crate's own editor and door use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TenantSlot(pub(crate) u32);

/// What the operator lets one tenant use at most; none: what is configured for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Requests in flight.
    pub requests_in_flight: Option<u32>,
    /// Requests that begin in a second.
    pub requests_per_second: Option<u32>,
    /// TLS handshakes that begin in a second.
    pub handshakes_per_second: Option<u32>,
    /// Client connections with TLS.
    pub connections: Option<u32>,
}

/// What one tenant serves behind its hosts: the fast clock, endpoints, apart from the slow one, routes.
#[derive(Clone, Debug, Default)]
pub struct TenantSnapshot {
    pub(crate) limits: TenantLimits,
    /// In small chunks: most tenants have few.
    pub(crate) backends: Chunked<Arc<Backend>, 8>,
}

/// What is served at one moment.  Immutable.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) generation: u64,
    /// The generation in which it was decided last, for all names, whose they are.
    pub(crate) decided: u64,
    pub(crate) hosts: HostIndex,
    pub(crate) tenants: Chunked<Arc<TenantSnapshot>, 64>,
}

impl Snapshot {
    /// Rises with every snapshot; 0 is the empty one that nothing was compiled for.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation in which it was decided last, for all names, whose they are: no name has gone from one tenant to
    /// another since then.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    /// Whether the name by which somebody was admitted is still the same tenant's, under the same claim.
    pub fn upholds(&self, held: &Admission) -> bool {
        let entry = self.hosts.find(held.name());
        entry.is_some_and(|entry| entry.scope == *held.scope() && entry.epoch == held.epoch())
    }

    /// The door: the rooms of the tenant that owns `name`, or none.
    ///
    /// ```
    /// # use postern_model::Host;
    /// let snapshot = postern_snapshot::Snapshot::default();
    /// assert!(snapshot.admit(&Host::parse("a.test").unwrap()).is_none());
    /// ```
    /// There is no other door: nothing is reached by tenant.
    /// ```compile_fail
    /// # use postern_model::Host;
    /// let snapshot = postern_snapshot::Snapshot::default();
    /// assert!(snapshot.tenants.get(0).is_none());
    /// ```
    pub fn admit(&self, name: &Host) -> Option<Admission> {
        self.open(name, self.hosts.find(name)?)
    }

    /// The door for an authority that is no hostname (an IP address): the catch-all, where the operator allows one.
    pub fn admit_unnameable(&self) -> Option<Admission> {
        // RFC 6761, 6.4: "invalid" is never a name of anybody's.
        let nobody = Host::parse("unnameable.invalid").ok()?;
        self.open(&nobody, self.hosts.catch_all()?)
    }

    /// Asks again, for one request on a connection that was admitted with a TLS handshake: is the name of the handshake
    /// still its tenant's, under the same demands, and may `host` be asked for on this connection?
    pub fn readmit(&self, held: &Admission, host: &Host) -> Readmission {
        let Some(entry) = self.hosts.find(held.name()) else { return Readmission::Revoked };
        let (TlsDecision::Serve(now), TlsDecision::Serve(then)) = (&entry.tls, held.tls()) else {
            return Readmission::Revoked;
        };
        let same_claim = entry.scope == *held.scope() && entry.epoch == held.epoch();
        if !same_claim || now.demands() != then.demands() {
            return Readmission::Revoked;
        }
        let asked = if host == held.name() { Some(entry) } else { self.hosts.find(host) };
        let Some(asked) = asked else { return Readmission::Misdirected };
        let TlsDecision::Serve(profile) = &asked.tls else { return Readmission::Misdirected };
        if asked.scope != entry.scope || !profile.shares_connections_with(now) {
            return Readmission::Misdirected;
        }
        self.open(host, asked).map_or(Readmission::Revoked, Readmission::Admitted)
    }

    fn open(&self, name: &Host, entry: &Arc<HostEntry>) -> Option<Admission> {
        let tenant = self.tenants.get(entry.tenant.0)?;
        Some(Admission::new(name.clone(), entry.clone(), tenant.clone(), self.generation))
    }
}
