// SPDX-License-Identifier: Apache-2.0
//! The one cell through which a new snapshot reaches the workers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use postern_snapshot::Snapshot;

/// The snapshot in force.
#[derive(Debug, Default)]
pub struct Published {
    current: ArcSwap<Snapshot>,
    ready: AtomicBool,
    /// Snapshots that a worker may still hold: dropped here, on the caller's thread, never on a worker's.
    retired: Mutex<Vec<Arc<Snapshot>>>,
}

impl Published {
    /// Puts a snapshot in force for every request that is routed from now on.
    pub fn replace(&self, next: Snapshot) {
        let last = self.current.swap(Arc::new(next));
        self.ready.store(true, Ordering::Release);
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(last);
        retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// The snapshot in force, for one request or one handshake: do not keep it across an await.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// Whether a complete snapshot was ever published (I18).
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
