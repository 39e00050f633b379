// SPDX-License-Identifier: Apache-2.0
//! The graceful stop, as the connections of one worker see it.
//!
//! What a connection does about it is its own matter: HTTP/1.1 answers with `Connection: close`, HTTP/2 sends GOAWAY,
//! and both end when they are idle.  A connection that has not had its first request is not idle: its client may have
//! sent one before it could know.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// Whether this worker is being stopped.
#[derive(Default)]
pub(crate) struct Drain {
    begun: Cell<bool>,
    idle_ends: Cell<bool>,
    wake: Notify,
}

impl Drain {
    /// Whether the next answer on a connection is its last: `Connection: close`, GOAWAY.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Waits until the stop begins: sockets that listen are to close.
    pub(crate) async fn listeners_close(&self) {
        while !self.begun.get() {
            self.wake.notified().await;
        }
    }

    /// Waits until idle connections are to end; at once if they are already.  Cancel-safe, cheap to drop and make anew.
    ///
    /// That is a little later than [`Drain::has_begun`]: a connection that is in use gets to hear of the stop in an
    /// answer, which loses no request, and only one that stays silent is closed under its client's hands.
    pub(crate) async fn begun(&self) {
        while !self.idle_ends.get() {
            self.wake.notified().await;
        }
    }

    /// Begins it.
    pub(crate) fn begin(&self) {
        self.begun.set(true);
        self.wake.notify_waiters();
    }

    /// Ends what is idle.
    pub(crate) fn end_idle(&self) {
        self.begun.set(true);
        self.idle_ends.set(true);
        self.wake.notify_waiters();
    }
}

/// The connections of one worker that are open.
#[derive(Default)]
pub(crate) struct Connections(Rc<Open>);

#[derive(Default)]
struct Open {
    count: Cell<usize>,
    none: Notify,
}

/// A connection that is open as long as this lives.
pub(crate) struct OneMore(Rc<Open>);

impl Connections {
    /// One more is open.
    pub(crate) fn one_more(&self) -> OneMore {
        self.0.count.set(self.0.count.get() + 1);
        OneMore(self.0.clone())
    }

    /// Waits until none is open.
    pub(crate) async fn none(&self) {
        while self.0.count.get() > 0 {
            self.0.none.notified().await;
        }
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        let left = self.0.count.get() - 1;
        self.0.count.set(left);
        if left == 0 {
            self.0.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_hears_of_it_and_so_does_who_comes_later() {
        let drain = Drain::default();
        drain.begin();
        assert!(drain.has_begun());
        let ((), (), ()) = tokio::join!(drain.begun(), drain.begun(), async { drain.end_idle() });
        drain.begun().await;
    }
}
