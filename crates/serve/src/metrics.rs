// SPDX-License-Identifier: Apache-2.0
//! What the workers count, summed when somebody asks.
//!
//! Each worker writes its own counters; nobody else does, so counting takes no lock.  Tenants appear here when a snapshot
//! admits something to them, never because of what a client sent, so that the number of series is bounded.

mod counter;
mod encode;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use counter::{Counter, Handshake, Protocol, Reason, Shed, Upstream};
pub(crate) use worker::{OpenConnection, TenantCounters, WorkerCounters};

/// The counters of an edge.
#[derive(Debug)]
pub struct Metrics {
    entry_points: Vec<Arc<str>>,
    workers: Mutex<Vec<Arc<WorkerCounters>>>,
    tenants: Mutex<BTreeMap<Arc<str>, Tenant>>,
    log_dropped: Mutex<Vec<Arc<Counter>>>,
}

/// One tenant's counters on all workers.
#[derive(Debug)]
struct Tenant {
    live: Vec<Arc<TenantCounters>>,
    /// What counters of workers that have forgotten the tenant had come to: a sum never falls.
    retired: TenantCounters,
}

impl Metrics {
    pub(crate) fn new(entry_points: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self {
            entry_points: entry_points.into_iter().collect(),
            workers: Mutex::default(),
            tenants: Mutex::default(),
            log_dropped: Mutex::default(),
        }
    }

    /// The counters of one more worker.
    pub(crate) fn register_worker(&self) -> Arc<WorkerCounters> {
        let counters = Arc::new(WorkerCounters::new(self.entry_points.len()));
        lock(&self.workers).push(counters.clone());
        counters
    }

    /// The counters of `tenant` on one worker; an empty name is nobody.
    pub(crate) fn register_tenant(&self, tenant: &Arc<str>) -> Arc<TenantCounters> {
        let new = || TenantCounters::new(tenant.clone(), self.entry_points.len());
        let counters = Arc::new(new());
        let mut tenants = lock(&self.tenants);
        let known = tenants.entry(tenant.clone());
        let known = known.or_insert_with(|| Tenant { live: Vec::new(), retired: new() });
        known.live.push(counters.clone());
        counters
    }

    /// One worker forgets a tenant; when all have, the tenant's series end.
    pub(crate) fn retire(&self, counters: &Arc<TenantCounters>) {
        let mut tenants = lock(&self.tenants);
        let Some(tenant) = tenants.get_mut(&counters.tenant) else { return };
        tenant.live.retain(|live| !Arc::ptr_eq(live, counters));
        tenant.retired.absorb(counters);
        if tenant.live.is_empty() {
            tenants.remove(&counters.tenant);
        }
    }

    /// A counter of lines that the access log had no room for.
    pub(crate) fn register_log(&self) -> Arc<Counter> {
        let dropped = Arc::new(Counter::default());
        lock(&self.log_dropped).push(dropped.clone());
        dropped
    }

    /// Writes all counters in Prometheus' text format.  What belongs to no tenant has `tenant=""`.
    pub fn encode(&self, out: &mut String) {
        encode::workers(out, &self.entry_points, &lock(&self.workers));
        let tenants: Vec<TenantCounters> =
            lock(&self.tenants).values().map(|tenant| self.sum(tenant)).collect();
        encode::tenants(out, &self.entry_points, &tenants);
        let dropped = lock(&self.log_dropped).iter().map(|counter| counter.get()).sum();
        encode::log_dropped(out, dropped);
    }

    fn sum(&self, tenant: &Tenant) -> TenantCounters {
        let sum = TenantCounters::new(tenant.retired.tenant.clone(), self.entry_points.len());
        sum.absorb(&tenant.retired);
        tenant.live.iter().for_each(|live| sum.absorb(live));
        sum
    }
}

/// A panic while a lock was held left counters behind, nothing that could be half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
