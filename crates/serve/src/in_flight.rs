// SPDX-License-Identifier: Apache-2.0
//! How many requests of one tenant are in flight, on all workers together.  Each holds two descriptors and some memory
//! that other tenants need as well, so a tenant has a limit (I6).
//!
//! Workers take places from the tenant's common number in batches, so that requests under a large limit touch no memory
//! that another thread writes.  The limit is never exceeded, but by a request whose place another leaves in the same
//! turn of the loop; a worker may hold back a few percent of it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use postern_snapshot::TenantScope;

use crate::of_tenants::OfTenants;

/// So many batches are as much as one worker may have of a limit: of 64, no two together hold more than 3 % back.
const BATCHES: u32 = 64;
/// The largest batch.
const MOST_AT_ONCE: u32 = 64;

/// The tenants of an edge that have requests, or had some not long ago.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    taken: OfTenants<AtomicU32>,
}

impl InFlight {
    /// One tenant's places, for one worker.  It takes a lock, so it is asked for once and kept.
    pub(crate) fn places(&self, tenant: &TenantScope) -> Rc<Places> {
        let batch = Cell::new(1);
        Rc::new(Places {
            taken: self.taken.of(tenant),
            limit: Cell::default(),
            lent: Cell::default(),
            used: Cell::default(),
            batch,
        })
    }

    /// Forgets the tenants whose places nobody keeps.
    pub(crate) fn sweep(&self) {
        self.taken.sweep();
    }
}

/// One tenant's places on one worker.
#[derive(Debug)]
pub(crate) struct Places {
    /// The limit when a place was last asked for.
    limit: Cell<u32>,
    /// By all workers.
    taken: Arc<AtomicU32>,
    /// Of these, by this worker.
    lent: Cell<u32>,
    /// Of these, by requests.
    used: Cell<u32>,
    batch: Cell<u32>,
}

/// One request's place; given back by being dropped.
#[derive(Debug)]
pub(crate) struct Place(Rc<Places>);

impl Places {
    /// A place among at most `limit` on `workers` workers, if one is left.
    pub(crate) fn enter(self: &Rc<Self>, limit: u32, workers: usize) -> Option<Place> {
        if self.limit.replace(limit) != limit {
            // What was lent under another limit may be more than this one.
            self.rest();
        }
        let used = self.used.get();
        if used >= self.lent.get() {
            self.borrow(limit, u32::try_from(workers).unwrap_or(u32::MAX))?;
        }
        self.used.set(used + 1);
        Some(Place(self.clone()))
    }

    /// A place in addition to all, for who gets one that another is about to leave.
    pub(crate) fn exceed(self: &Rc<Self>) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.lent.set(self.lent.get() + 1);
        self.used.set(self.used.get() + 1);
        Place(self.clone())
    }

    /// Gives back what no request uses: a worker that has nothing to do, or a limit that fell, keeps no places from the
    /// others.
    pub(crate) fn rest(&self) {
        let idle = self.lent.get() - self.used.get();
        if idle > 0 {
            self.give_back(idle);
        }
    }

    #[cold]
    fn borrow(&self, limit: u32, workers: u32) -> Option<()> {
        let batch = (limit / BATCHES.saturating_mul(workers.max(1))).clamp(1, MOST_AT_ONCE);
        self.batch.set(batch);
        let more = |taken: u32| batch.min(limit.saturating_sub(taken));
        let take = |taken| (more(taken) > 0).then(|| taken + more(taken));
        // Nothing else is ordered by it.
        let taken = self.taken.try_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        self.lent.set(self.lent.get() + more(taken));
        Some(())
    }

    fn leave(&self) {
        let used = self.used.get() - 1;
        self.used.set(used);
        // With a small limit nothing is held back; with a large one, what the next requests will need.
        let kept = if self.batch.get() == 1 { 0 } else { self.batch.get() };
        let idle = self.lent.get() - used;
        if idle > 2 * kept {
            self.give_back(idle - kept);
        }
    }

    fn give_back(&self, count: u32) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
        self.lent.set(self.lent.get() - count);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.give_back(self.lent.get());
    }
}

#[cfg(test)]
mod tests;
