// SPDX-License-Identifier: Apache-2.0
//! The life of an HTTP/2 connection: when it has been idle for too long, and when its client resets more than it lets
//! be answered.
//!
//! The deadlines are kept here, not by PING frames: pings would wake every idle connection for ever, and a peer that is
//! gone is found by TCP keep-alive.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::Timeouts;
use crate::roster::Seat;

/// By how many a client's resets may exceed its answered requests: a tab that is closed resets what is open, once.
/// (CVE-2023-44487 and CVE-2025-8671: requests that cost a backend work and are reset before they are answered.)
const MOST_RESETS: u32 = 250;

/// How often a connection with streams is looked at.
const ROUND: Duration = Duration::from_secs(30);

/// What the requests of one connection tell its task.
pub(crate) struct Life {
    timeouts: Timeouts,
    seat: Rc<Seat>,
    open: Cell<u32>,
    served: Cell<bool>,
    quiet_since: Cell<Instant>,
    /// Answers a piece of which waits for the client to take it.
    held: Cell<u32>,
    /// When a piece was taken, or began to wait while no other did.
    taken: Cell<Instant>,
    resets: Cell<u32>,
    ending: Cell<Option<Ending>>,
    wake: Notify,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing more is accepted; what is open is answered.
    Graceful,
    /// It is cut off once it was told so.
    Abrupt,
}

/// One open stream.
pub(crate) struct OpenStream {
    life: Rc<Life>,
    answered: Cell<bool>,
    held: Cell<bool>,
}

impl Life {
    /// A connection that begins now.
    pub(crate) fn new(timeouts: Timeouts, seat: Rc<Seat>) -> Rc<Self> {
        seat.will_say_farewell();
        Rc::new(Self {
            timeouts,
            seat,
            held: Cell::new(0),
            taken: Cell::new(Instant::now()),
            open: Cell::new(0),
            served: Cell::new(false),
            quiet_since: Cell::new(Instant::now()),
            resets: Cell::new(0),
            ending: Cell::new(None),
            wake: Notify::new(),
        })
    }

    /// Counts a stream until what is returned is dropped.
    pub(crate) fn open(self: &Rc<Self>) -> OpenStream {
        if self.is_quiet() {
            self.seat.busy();
        }
        self.open.set(self.open.get() + 1);
        self.served.set(true);
        OpenStream { life: self.clone(), answered: Cell::new(false), held: Cell::new(false) }
    }

    /// Ends the connection.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.set(Some(ending));
        self.wake.notify_one();
    }

    /// Waits until a request has ended the connection.
    pub(crate) async fn ended(&self) -> Ending {
        loop {
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            self.wake.notified().await;
        }
    }

    /// Waits until the connection is to make room for another.
    pub(crate) async fn evicted(&self) {
        // Its task is woken for it.
        poll_fn(|_| if self.seat.is_evicted() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Whether no stream is open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.open.get() == 0
    }

    /// When the connection is to be ended if nothing happens, and how; nothing if there is no such time.
    ///
    /// Without streams, that is when it has been idle for too long; with streams, when no answer of which a piece waits
    /// has moved for `writeTimeout`.
    pub(crate) fn deadline(&self) -> Option<(Instant, Ending)> {
        let Timeouts { read, write, idle } = self.timeouts;
        let (since, limit, ending) = if self.is_quiet() {
            let limit = if self.served.get() { idle } else { read };
            (self.quiet_since.get(), limit, Ending::Graceful)
        } else if self.held.get() > 0 {
            (self.taken.get(), write, Ending::Abrupt)
        } else {
            return None;
        };
        (limit != Duration::ZERO).then(|| (since + limit, ending))
    }

    /// When the connection is to be looked at again.
    pub(crate) fn next_look(&self) -> Instant {
        let now = Instant::now();
        let look = self.deadline().map_or(now + ROUND, |(at, _)| at);
        match self.timeouts.write {
            Duration::ZERO => look,
            // An answer may begin to wait before that.
            write => look.min(now + write),
        }
    }

    fn moved(&self, held: u32) {
        if self.timeouts.write != Duration::ZERO {
            self.taken.set(Instant::now());
        }
        self.held.set(held);
    }
}

impl OpenStream {
    /// Notes that the request has its answer: what is reset later cost nothing in vain.
    pub(crate) fn answered(&self) {
        self.answered.set(true);
    }

    /// Notes whether a piece of the answer waits for the client.
    pub(crate) fn holds(&self, piece: bool) {
        let held = self.life.held.get();
        match (self.held.replace(piece), piece) {
            (false, true) if held == 0 => self.life.moved(1),
            (false, true) => self.life.held.set(held + 1),
            (true, false) => self.life.moved(held - 1),
            (true, true) | (false, false) => {}
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.holds(false);
        let life = &self.life;
        life.open.set(life.open.get() - 1);
        if life.is_quiet() {
            life.quiet_since.set(Instant::now());
            life.seat.idle(Clock.now());
        }
        if self.answered.get() {
            life.resets.set(life.resets.get().saturating_sub(1));
            return;
        }
        life.resets.set(life.resets.get() + 1);
        if life.resets.get() > MOST_RESETS {
            life.end(Ending::Abrupt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn beginning(timeouts: Timeouts) -> Rc<Life> {
        let seat = fixture::worker_at_rest(&fixture::shared(&[])).roster.unseated();
        Life::new(timeouts, seat)
    }

    #[test]
    fn more_resets_than_answers_end_a_connection() {
        let life = beginning(Timeouts::default());
        for _ in 0..10_000 {
            drop(life.open());
            life.open().answered();
        }
        assert_eq!(life.ending.get(), None);
        for _ in 0..=MOST_RESETS {
            drop(life.open());
        }
        assert_eq!(life.ending.get(), Some(Ending::Abrupt));
    }

    #[test]
    fn a_connection_has_a_deadline_while_it_is_quiet() {
        let timeouts = Timeouts { idle: Duration::from_secs(9), ..Timeouts::default() };
        let life = beginning(timeouts);
        let first = life.quiet_since.get() + timeouts.read;
        assert_eq!(life.deadline(), Some((first, Ending::Graceful)));
        let stream = life.open();
        assert_eq!(life.deadline(), None);
        drop(stream);
        let idle = life.quiet_since.get() + timeouts.idle;
        assert_eq!(life.deadline(), Some((idle, Ending::Graceful)));
        let life = beginning(Timeouts { read: Duration::ZERO, ..timeouts });
        assert_eq!(life.deadline(), None);
    }

    #[test]
    fn and_while_an_answer_waits_for_its_client() {
        let write = Duration::from_secs(5);
        let life = beginning(Timeouts { write, ..Timeouts::default() });
        let (one, two) = (life.open(), life.open());
        one.holds(true);
        let due = life.taken.get() + write;
        two.holds(true);
        assert_eq!(life.deadline(), Some((due, Ending::Abrupt)));
        two.holds(false);
        assert_eq!(life.deadline(), Some((life.taken.get() + write, Ending::Abrupt)));
        drop(one);
        assert_eq!(life.deadline(), None);
    }
}
