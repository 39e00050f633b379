// SPDX-License-Identifier: Apache-2.0
//! The time, asked of the kernel about once a turn of the worker's loop.

use std::cell::Cell;
use std::time::Instant;

/// How often an answer is given again within one turn: a turn of many tasks is not measured as one instant.
const USES: u32 = 32;

thread_local! {
    static NOW: Cell<Option<(Instant, u32)>> = const { Cell::new(None) };
}

/// The time on this worker, a fraction of a millisecond old at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock;

impl Clock {
    /// About now; never before an earlier answer.
    pub(crate) fn now(self) -> Instant {
        let (now, uses) = NOW.get().unwrap_or_else(|| (Instant::now(), USES));
        NOW.set((uses > 0).then_some((now, uses.saturating_sub(1))));
        now
    }

    /// Forgets the time: a new turn begins, or something slow was done within one.
    pub(crate) fn turn() {
        NOW.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_one_time_and_the_next_another() {
        Clock::turn();
        let first = Clock.now();
        assert_eq!(Clock.now(), first);
        Clock::turn();
        assert!(Clock.now() > first);
    }

    #[test]
    fn a_long_turn_does_not_stop_the_time() {
        Clock::turn();
        let first = Clock.now();
        assert!((0..1000).any(|_| Clock.now() > first));
    }
}
