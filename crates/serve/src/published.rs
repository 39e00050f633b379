// SPDX-License-Identifier: Apache-2.0
//! The one cell through which a new snapshot reaches the workers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use postern_snapshot::{Admission, Snapshot};
use tokio::sync::watch;

/// The snapshot in force.
#[derive(Debug, Default)]
pub struct Published {
    current: ArcSwap<Snapshot>,
    ready: AtomicBool,
    /// Snapshots that a worker may still hold: dropped here, on the caller's thread, never on a worker's.
    retired: Mutex<Vec<Arc<Snapshot>>>,
    /// Tells those who stay on one admission that names may be others' now.
    decided: watch::Sender<u64>,
}

impl Published {
    /// Puts a snapshot in force for every request that is routed from now on.
    pub fn replace(&self, next: Snapshot) {
        let decided = next.decided();
        let last = self.current.swap(Arc::new(next));
        self.ready.store(true, Ordering::Release);
        let is_news = |seen: &mut u64| std::mem::replace(seen, decided) != decided;
        self.decided.send_if_modified(is_news);
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(last);
        retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// The snapshot in force, for one request or one handshake: do not keep it across an await.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// Waits until the name of `held` is another tenant's, or nobody's, or its claim was transferred and came back: what
    /// still goes on under it is to end.  It looks only when names may have changed hands, which routes, endpoints and
    /// certificates that change do not bring about.
    pub(crate) async fn revoked(&self, held: &Admission) {
        let mut decided = self.decided.subscribe();
        while self.load().upholds(held) {
            if decided.changed().await.is_err() {
                // Nobody publishes any more: `self` would have to be gone.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether a complete snapshot was ever published (I18).
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
