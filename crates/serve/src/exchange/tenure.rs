// SPDX-License-Identifier: Apache-2.0
//! For how long an exchange may go on: for as long as the name that was asked for is its tenant's.
//!
//! A transfer ends what still runs for the old owner: bodies on their way, long polls, tunnels.  Whatever moves looks
//! first whether names have changed hands, which is one number to compare; what stands still is found in its worker's
//! list and woken.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use postern_snapshot::Snapshot;

use super::Exchange;
use crate::connection::Admitted;
use crate::published::Published;
use crate::worker::Worker;

/// So many exchanges are looked at before others have their turn.
const AT_ONCE: usize = 64;

/// What goes on under an admission, on one worker.
#[derive(Default)]
pub(crate) struct Tenures {
    standing: RefCell<Standing>,
    handed: Cell<Option<Tenure>>,
}

/// Places that are used again, so that a request allocates nothing; as many as there ever were at once.
#[derive(Default)]
struct Standing {
    places: Vec<Option<Held>>,
    free: Vec<usize>,
}

struct Held {
    admitted: Rc<Admitted>,
    waker: Option<Waker>,
}

/// The right of one exchange to go on.
pub(crate) struct Tenure {
    worker: Rc<Worker>,
    place: usize,
    /// The last generation in which the name is known to have been its tenant's.
    upheld_in: u64,
}

impl Exchange {
    /// Its right to go on; nothing before it has a target.
    pub(crate) fn tenure(&self) -> Option<Tenure> {
        let admitted = self.target()?.admitted.clone();
        let worker = self.connection().worker.clone();
        let upheld_in = admitted.admission.generation();
        let place = worker.tenures.enter(admitted);
        Some(Tenure { worker, place, upheld_in })
    }
}

impl Tenure {
    /// Ready once the name is another tenant's, or nobody's, or its claim was transferred and came back.  Whoever polls is
    /// woken then.
    pub(crate) fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.worker.published.decided() > self.upheld_in && self.is_lost() {
            return Poll::Ready(());
        }
        self.worker.tenures.wakes(self.place, cx.waker());
        Poll::Pending
    }

    #[cold]
    fn is_lost(&mut self) -> bool {
        let snapshot = self.worker.published.load();
        let upheld = self.worker.tenures.upholds(&snapshot, self.place);
        if upheld {
            // Of a snapshot that is about to be replaced, which may be before the decision: then it is looked at again.
            self.upheld_in = snapshot.generation();
        }
        !upheld
    }

    /// What comes of `work`; nothing if the right is lost before.
    pub(crate) async fn hold<T>(
        mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        poll_fn(|cx| match self.poll_lost(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => work.as_mut().poll(cx).map(Some),
        })
        .await
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        // What was held is dropped when the list is no longer borrowed.
        let _held = self.worker.tenures.leave(self.place);
    }
}

impl Tenures {
    /// Hands a right to the task that is being polled, of which the exchange is only a part: see `http::h2::Local`.
    pub(crate) fn hand(&self, tenure: Option<Tenure>) {
        self.handed.set(tenure);
    }

    /// Takes what was handed over.
    pub(crate) fn take_handed(&self) -> Option<Tenure> {
        self.handed.take()
    }

    /// Wakes all whose names are no longer their tenants'.
    pub(crate) async fn end_lost(&self, published: &Published) {
        let mut from = 0;
        while self.wake_lost(from, &published.load()) {
            from += AT_ONCE;
            tokio::task::yield_now().await;
        }
    }

    /// Looks at the next few; returns whether more follow.
    fn wake_lost(&self, from: usize, snapshot: &Snapshot) -> bool {
        let standing = self.standing.borrow();
        let held = standing.places.iter().skip(from).take(AT_ONCE).flatten();
        held.filter(|held| !snapshot.upholds(&held.admitted.admission))
            .filter_map(|held| held.waker.as_ref())
            .for_each(Waker::wake_by_ref);
        standing.places.len() > from + AT_ONCE
    }

    fn enter(&self, admitted: Rc<Admitted>) -> usize {
        let held = Some(Held { admitted, waker: None });
        let mut standing = self.standing.borrow_mut();
        if let Some(place) = standing.free.pop() {
            standing.places[place] = held;
            return place;
        }
        standing.places.push(held);
        standing.places.len() - 1
    }

    fn leave(&self, place: usize) -> Option<Held> {
        let mut standing = self.standing.borrow_mut();
        standing.free.push(place);
        standing.places[place].take()
    }

    fn upholds(&self, snapshot: &Snapshot, place: usize) -> bool {
        let standing = self.standing.borrow();
        let held = standing.places[place].as_ref();
        held.is_some_and(|held| snapshot.upholds(&held.admitted.admission))
    }

    fn wakes(&self, place: usize, waker: &Waker) {
        let mut standing = self.standing.borrow_mut();
        let Some(held) = &mut standing.places[place] else { return };
        if held.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let former = held.waker.replace(waker.clone());
        // A task may end with its last waker, and leave the list.
        drop(standing);
        drop(former);
    }
}

#[cfg(test)]
mod tests;
