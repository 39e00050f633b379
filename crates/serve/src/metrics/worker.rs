// SPDX-License-Identifier: Apache-2.0
//! What one worker counts: by itself, and for each tenant.

use std::sync::Arc;
use std::time::Duration;

use super::counter::{
    CLASSES, Counter, Gauge, Handshake, Histogram, Protocol, Reason, Shed, Upstream,
};
use postern_model::EntryPointId;

/// What one worker counts for one tenant, or for nobody.
#[derive(Debug)]
pub(crate) struct TenantCounters {
    /// The tenant's name; empty for what belongs to nobody.
    pub(crate) tenant: Arc<str>,
    pub(super) entry_points: Box<[TenantAtEntryPoint]>,
    pub(super) reasons: [Counter; Reason::ALL.len()],
    pub(super) upstream: [Counter; Upstream::ALL.len()],
}

#[derive(Debug, Default)]
pub(super) struct TenantAtEntryPoint {
    pub(super) requests: [Counter; CLASSES.len()],
    pub(super) handshakes: [Counter; Handshake::ALL.len()],
}

impl TenantCounters {
    pub(super) fn new(tenant: Arc<str>, entry_points: usize) -> Self {
        let entry_points = std::iter::repeat_with(TenantAtEntryPoint::default).take(entry_points);
        Self {
            tenant,
            entry_points: entry_points.collect(),
            reasons: Default::default(),
            upstream: Default::default(),
        }
    }

    /// Counts something that Postern refused.
    pub(crate) fn refused(&self, reason: Reason) {
        self.reasons[reason as usize].increment();
    }

    /// Counts something that happened towards a backend.
    pub(crate) fn upstream(&self, event: Upstream) {
        self.upstream[event as usize].increment();
    }

    /// Counts a handshake.
    pub(crate) fn handshake(&self, entry_point: EntryPointId, result: Handshake) {
        self.entry_points[usize::from(entry_point.0)].handshakes[result as usize].increment();
    }

    /// Counts a request that was answered with `status`.
    pub(crate) fn answered(&self, entry_point: EntryPointId, status: u16) {
        let requests = &self.entry_points[usize::from(entry_point.0)].requests;
        requests[super::counter::class(status)].increment();
    }

    /// Adds all that `other` counted.
    pub(super) fn absorb(&self, other: &Self) {
        let add = |to: &[Counter], from: &[Counter]| {
            to.iter().zip(from).for_each(|(to, from)| to.add(from.get()));
        };
        for (to, from) in self.entry_points.iter().zip(&other.entry_points) {
            add(&to.requests, &from.requests);
            add(&to.handshakes, &from.handshakes);
        }
        add(&self.reasons, &other.reasons);
        add(&self.upstream, &other.upstream);
    }
}

/// What one worker counts whoever it is for.
#[derive(Debug)]
pub(crate) struct WorkerCounters {
    pub(super) entry_points: Box<[AtEntryPoint]>,
    /// Tasks that panicked; each took its connection with it.
    pub(crate) panics: Counter,
    /// Connections that could not be accepted (no file descriptor left, most of the time).
    pub(crate) accept_errors: Counter,
    pub(super) shed: [Counter; Shed::ALL.len()],
}

#[derive(Debug, Default)]
pub(super) struct AtEntryPoint {
    pub(super) open: [Gauge; Protocol::ALL.len()],
    pub(super) accepted: Counter,
    pub(super) durations: Histogram,
}

impl WorkerCounters {
    pub(super) fn new(entry_points: usize) -> Self {
        let entry_points = std::iter::repeat_with(AtEntryPoint::default).take(entry_points);
        Self {
            entry_points: entry_points.collect(),
            panics: Counter::default(),
            accept_errors: Counter::default(),
            shed: Default::default(),
        }
    }

    pub(super) fn at(&self, entry_point: EntryPointId) -> &AtEntryPoint {
        &self.entry_points[usize::from(entry_point.0)]
    }

    /// Counts a connection that had to give its place away.
    pub(crate) fn shed(&self, why: Shed) {
        self.shed[why as usize].increment();
    }

    /// How many had to.
    #[cfg(test)]
    pub(crate) fn shed_for(&self, why: Shed) -> u64 {
        self.shed[why as usize].get()
    }

    /// Notes how long a request took.
    pub(crate) fn took(&self, entry_point: EntryPointId, duration: Duration) {
        self.at(entry_point).durations.observe(duration);
    }

    /// Counts a connection as open for as long as what is returned lives.
    pub(crate) fn open(self: &Arc<Self>, entry_point: EntryPointId) -> OpenConnection {
        self.at(entry_point).accepted.increment();
        let protocol = Protocol::Opening;
        self.at(entry_point).open[protocol as usize].increment();
        OpenConnection { counters: self.clone(), entry_point, protocol }
    }
}

/// A connection that is counted as open.
pub(crate) struct OpenConnection {
    counters: Arc<WorkerCounters>,
    entry_point: EntryPointId,
    protocol: Protocol,
}

impl OpenConnection {
    /// Says what is spoken on it from now on.
    pub(crate) fn speaks(&mut self, protocol: Protocol) {
        let open = &self.counters.at(self.entry_point).open;
        open[self.protocol as usize].decrement();
        open[protocol as usize].increment();
        self.protocol = protocol;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.counters.at(self.entry_point).open[self.protocol as usize].decrement();
    }
}
