// SPDX-License-Identifier: Apache-2.0
//! The graceful stop, as the connections of one worker see it.
//!
//! What a connection does about it is its own matter: HTTP/1.1 answers with `Connection: close`, HTTP/2 sends GOAWAY,
//! and both end at once when they are idle.

use std::cell::Cell;

use tokio::sync::Notify;

/// Whether this worker is being stopped.
#[derive(Default)]
pub(crate) struct Drain {
    begun: Cell<bool>,
    wake: Notify,
}

impl Drain {
    /// Whether no further request may be begun on a connection.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Waits until the graceful stop begins; at once if it has begun.  Cancel-safe, and cheap to drop and make anew.
    pub(crate) async fn begun(&self) {
        while !self.begun.get() {
            self.wake.notified().await;
        }
    }

    /// Begins it.
    pub(crate) fn begin(&self) {
        self.begun.set(true);
        self.wake.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_hears_of_it_and_so_does_who_comes_later() {
        let drain = Drain::default();
        assert!(!drain.has_begun());
        let ((), (), ()) = tokio::join!(drain.begun(), drain.begun(), async { drain.begin() });
        assert!(drain.has_begun());
        drain.begun().await;
    }
}
