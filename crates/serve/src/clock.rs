// SPDX-License-Identifier: Apache-2.0
//! The time, asked of the kernel at most once a turn of the worker's loop.

use std::cell::Cell;
use std::time::Instant;

thread_local! {
    static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time on this worker: up to one turn of its loop old.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock;

impl Clock {
    /// The time at which this turn first asked.
    pub(crate) fn now(self) -> Instant {
        NOW.get().unwrap_or_else(|| {
            let now = Instant::now();
            NOW.set(Some(now));
            now
        })
    }

    /// Forgets the time: a new turn begins, or something slow was done within one.
    pub(crate) fn turn() {
        NOW.set(None);
    }
}
