// SPDX-License-Identifier: Apache-2.0
//! How many of something one tenant may begin in a second, on all workers together: a token bucket with room for one
//! second's worth (I6).
//!
//! It is kept as one number, the moment at which the bucket would be full again (the generic cell rate algorithm, ITU-T
//! I.371), so that whoever is let in changes one word, and whoever is not changes nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// In the unit of time that is counted in.
const SECOND: u64 = 1_000_000_000;

/// The rates of one tenant.
#[derive(Debug)]
pub(crate) struct Rates {
    start: Instant,
    requests: Cell,
    handshakes: Cell,
}

/// One bucket.
#[derive(Debug, Default)]
struct Cell {
    /// When it is full again, in nanoseconds since the start: a moment that has passed is as good as now.
    full_at: AtomicU64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { start: Instant::now(), requests: Cell::default(), handshakes: Cell::default() }
    }
}

impl Rates {
    /// Whether one more request may begin, of so many in a second.
    pub(crate) fn allow_request(&self, per_second: u32, now: Instant) -> bool {
        self.requests.allow(per_second, self.since_start(now))
    }

    /// Whether one more handshake may begin, of so many in a second.
    pub(crate) fn allow_handshake(&self, per_second: u32, now: Instant) -> bool {
        self.handshakes.allow(per_second, self.since_start(now))
    }

    /// What a clock says that is a little behind the clock of who came first is as good as the start.
    fn since_start(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

impl Cell {
    fn allow(&self, per_second: u32, now: u64) -> bool {
        // For none a second, one would have to wait for ever.
        let Some(each) = SECOND.checked_div(per_second.into()) else { return false };
        let each = each.max(1);
        let latest = now.saturating_add(SECOND);
        let take = |full_at: u64| {
            let full_at = full_at.max(now).saturating_add(each);
            (full_at <= latest).then_some(full_at)
        };
        // Nothing else is ordered by it.
        self.full_at.try_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests;
