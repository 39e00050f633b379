// SPDX-License-Identifier: Apache-2.0
//! The life of an HTTP/2 connection: when it has been idle for too long, and when its client resets more than it lets
//! be answered.
//!
//! The deadlines are kept here, not by PING frames: pings would wake every idle connection for ever, and a peer that is
//! gone is found by TCP keep-alive.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::Timeouts;

/// By how many a client's resets may exceed its answered requests: a tab that is closed resets what is open, once.
/// (CVE-2023-44487 and CVE-2025-8671: requests that cost a backend work and are reset before they are answered.)
const MOST_RESETS: u32 = 250;

/// What the requests of one connection tell its task.
pub(crate) struct Life {
    open: Cell<u32>,
    served: Cell<bool>,
    quiet_since: Cell<Instant>,
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
}

impl Life {
    /// A connection that begins now.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
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
        self.open.set(self.open.get() + 1);
        self.served.set(true);
        OpenStream { life: self.clone(), answered: Cell::new(false) }
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

    /// Whether no stream is open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.open.get() == 0
    }

    /// When a connection without streams is to be ended if nothing happens; nothing if there is no such time, or if
    /// streams are open.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        let limit = if self.served.get() { timeouts.idle } else { timeouts.read };
        (limit != Duration::ZERO && self.is_quiet()).then(|| self.quiet_since.get() + limit)
    }
}

impl OpenStream {
    /// Notes that the request has its answer: what is reset later cost nothing in vain.
    pub(crate) fn answered(&self) {
        self.answered.set(true);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let life = &self.life;
        life.open.set(life.open.get() - 1);
        if life.is_quiet() {
            life.quiet_since.set(Instant::now());
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

    #[test]
    fn more_resets_than_answers_end_a_connection() {
        let life = Life::new();
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
    fn only_a_quiet_connection_has_a_deadline() {
        let life = Life::new();
        let timeouts = Timeouts { idle: Duration::from_secs(9), ..Timeouts::default() };
        let begun = life.quiet_since.get();
        assert_eq!(life.deadline(&timeouts), Some(begun + timeouts.read));
        let stream = life.open();
        assert_eq!(life.deadline(&timeouts), None);
        drop(stream);
        assert_eq!(life.deadline(&timeouts), Some(life.quiet_since.get() + timeouts.idle));
        let never = Timeouts { idle: Duration::ZERO, ..timeouts };
        assert_eq!(life.deadline(&never), None);
    }
}
