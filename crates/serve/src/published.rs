// SPDX-License-Identifier: Apache-2.0
//! The one cell through which a new snapshot reaches the workers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use postern_snapshot::Snapshot;
use tokio::sync::watch;

/// The snapshot in force.
#[derive(Debug, Default)]
pub struct Published {
    current: ArcSwap<Snapshot>,
    ready: AtomicBool,
    /// Snapshots that a worker may still hold: dropped here, on the caller's thread, never on a worker's.
    retired: Mutex<Vec<Arc<Snapshot>>>,
    /// The generation with which names changed hands last.
    decided: AtomicU64,
    /// What the snapshot in force says of it, for those who wait until that is another.
    told: watch::Sender<u64>,
}

impl Published {
    /// Puts a snapshot in force for every request that is routed from now on.  Its generation is above the last one's.
    pub fn replace(&self, next: Snapshot) {
        let decided = next.decided();
        // Not which is greater: a compiler that started over counts anew what it decided.
        let is_news = *self.told.borrow() != decided;
        if is_news {
            // Before the snapshot: when the new owner's first request is admitted, nothing of the old owner's moves any more.
            self.decided.store(next.generation(), Ordering::Release);
        }
        let last = self.current.swap(Arc::new(next));
        self.ready.store(true, Ordering::Release);
        if is_news {
            self.told.send_replace(decided);
        }
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(last);
        retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// The snapshot in force, for one request or one handshake: do not keep it across an await.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The generation with which names changed hands last, or are about to: what goes on under an older admission is to
    /// look whether it may.  Routes, endpoints and certificates that change do not bring it about.
    pub(crate) fn decided(&self) -> u64 {
        self.decided.load(Ordering::Acquire)
    }

    /// Tells of each change of [`Published::decided`], once it is in force.
    pub(crate) fn decisions(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Whether a complete snapshot was ever published (I18).
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
