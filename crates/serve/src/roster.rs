// SPDX-License-Identifier: Apache-2.0
//! The client connections of one worker, and which of them goes when there is no place for one more (I6).
//!
//! Each connection holds a descriptor of the process, and who opens connections and says nothing has them for nothing.
//! So there are as many places as leave descriptors for backends, and room is made by closing the connection that
//! deserves its place least, not by refusing whoever comes next.  In this order:
//!
//! 1. one that has been silent for a while, which is to say without one whole head of a request: the oldest;
//! 2. of the peer of whom most connections wait, the one that has waited longest.
//!
//! A peer that holds more than a quarter of the places is first in both, so that one stranger pays for what it opens and
//! nobody else does.  A connection with a request in flight stays, as long as its client takes the answer: see `stalls`.

mod list;
mod rows;
mod stalls;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::clock::Clock;
use crate::metrics::{Shed, WorkerCounters};
use crate::runtime::TenantRuntime;
use rows::{Rows, State};
use stalls::Stalls;

pub(crate) use rows::Admittances;
pub(crate) use stalls::{Stalled, Watch};

/// See the module.
pub(crate) struct Roster {
    /// How many connections there may be; as many as come if there is no limit.
    places: Option<usize>,
    /// For how long nothing must have moved in a request that has to give its place up.
    stalled_after: Duration,
    counters: Arc<WorkerCounters>,
    rows: RefCell<Rows>,
    stalls: RefCell<Stalls>,
}

/// A connection's place.  Whoever serves the connection says here what it does.
pub(crate) struct Seat {
    roster: Rc<Roster>,
    /// Nothing once the connection has ended.
    row: Cell<Option<u32>>,
    evicted: Cell<bool>,
    /// Whether its task takes its leave by itself when it hears that it is to go.
    says_farewell: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

/// A seat that is taken; it is free when this is dropped.
pub(crate) struct Seated(Rc<Seat>);

impl Roster {
    /// Nobody is there yet.
    pub(crate) fn new(
        places: Option<usize>,
        stalled_after: Duration,
        counters: Arc<WorkerCounters>,
    ) -> Rc<Self> {
        let (rows, stalls) = (RefCell::default(), RefCell::default());
        Rc::new(Self { places, stalled_after, counters, rows, stalls })
    }

    /// A place for a connection of `peer`, which is nobody for a connection that comes through a trusted proxy and may
    /// be anybody's.  Nothing if there is none, because all others have requests in flight.
    pub(crate) fn seat(self: &Rc<Self>, peer: Option<IpAddr>) -> Option<Seated> {
        let is_full = self.places.is_some_and(|places| self.rows.borrow().open() >= places);
        if is_full && !self.make_room() {
            self.counters.shed(Shed::Newcomer);
            return None;
        }
        let seat = self.unseated();
        let address = peer.map(Into::into);
        let row = self.rows.borrow_mut().enter(address, seat.clone(), Clock.now());
        seat.row.set(Some(row));
        Some(Seated(seat))
    }

    /// The seat of a connection that counts for nothing.
    pub(crate) fn unseated(self: &Rc<Self>) -> Rc<Seat> {
        Rc::new(Seat {
            roster: self.clone(),
            row: Cell::default(),
            evicted: Cell::default(),
            says_farewell: Cell::default(),
            waker: Cell::default(),
        })
    }

    /// Closes the connection that deserves its place least, in the next turn of the loop; false if there is none.
    pub(crate) fn make_room(&self) -> bool {
        self.make_room_at(Clock.now())
    }

    fn make_room_at(&self, now: Instant) -> bool {
        let rows = self.rows.borrow();
        let places = self.places.unwrap_or(rows.open());
        let Some(victim) = rows.victim(places, now) else {
            drop(rows);
            return self.end_stalled_at(None, now);
        };
        let state = rows.state(victim);
        drop(rows);
        self.evict(victim, if state == State::Silent { Shed::Silent } else { Shed::Idle });
        true
    }

    fn evict(&self, row: u32, why: Shed) {
        let seat = self.rows.borrow_mut().evict(row);
        self.counters.shed(why);
        seat.iter().for_each(|seat| seat.wake());
    }

    /// Closes the connection of the request of a tenant that has waited for its client for longest, in the next turn of
    /// the loop; false if none has for long enough.
    pub(crate) fn end_stalled(&self, of: &Stalled) -> bool {
        self.end_stalled_at(Some(of), Clock.now())
    }

    fn end_stalled_at(&self, of: Option<&Stalled>, now: Instant) -> bool {
        let longest = self.stalls.borrow_mut().take_longest(of, self.stalled_after, now);
        let Some(seat) = longest else { return false };
        if let Some(row) = seat.row.get() {
            self.evict(row, Shed::Stalled);
        }
        true
    }
}

impl Seat {
    /// A request is in flight on it.
    pub(crate) fn busy(&self) {
        if let Some(row) = self.row.get() {
            self.roster.rows.borrow_mut().busy(row);
        }
    }

    /// None is any more.
    pub(crate) fn idle(&self, now: Instant) {
        if let Some(row) = self.row.get() {
            self.roster.rows.borrow_mut().idle(row, now);
        }
    }

    /// Whether the connection is to end, now.
    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.get()
    }

    /// It is one of a tenant's from now on, of whose connections there may be `limit` on this worker.  Where there are as
    /// many, the one that has waited longest goes; false if all have requests in flight.
    pub(crate) fn admit(&self, tenant: &Rc<TenantRuntime>, limit: Option<usize>) -> bool {
        let Some(row) = self.row.get() else { return true };
        // Two, so that there are fewer at last where the limit fell.
        for _ in 0..2 {
            let victim = limit.and_then(|limit| Rows::victim_of(&tenant.admittances, limit));
            match victim {
                None => break,
                Some(None) => return false,
                Some(Some(victim)) => self.roster.evict(victim, Shed::Tenant),
            }
        }
        self.roster.rows.borrow_mut().admit(row, tenant.clone());
        true
    }

    /// From now on, whoever serves the connection asks for [`Seat::is_evicted`] by itself.
    pub(crate) fn will_say_farewell(&self) {
        self.says_farewell.set(true);
    }

    fn wake(&self) {
        self.evicted.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Seated {
    /// The seat itself.
    pub(crate) fn seat(&self) -> &Rc<Seat> {
        &self.0
    }

    /// What serves the connection, for as long as it keeps its seat.
    pub(crate) fn hold<F>(self, future: F) -> Hold<F> {
        Hold { future: Some(future), seated: self, heard: false }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        if let Some(row) = self.0.row.take() {
            let _kept = self.0.roster.rows.borrow_mut().leave(row);
        }
    }
}

pin_project! {
    /// A connection's task.
    pub(crate) struct Hold<F> {
        // Dropped before the seat is free: what it holds is a descriptor.
        #[pin]
        future: Option<F>,
        seated: Seated,
        heard: bool,
    }
}

impl<F: Future<Output = ()>> Future for Hold<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let seat = &this.seated.0;
        if !std::mem::replace(this.heard, true) {
            // A task has one waker as long as it lives.
            seat.waker.set(Some(cx.waker().clone()));
        }
        if seat.evicted.get() && !seat.says_farewell.get() {
            this.future.set(None);
            return Poll::Ready(());
        }
        match this.future.as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests;
