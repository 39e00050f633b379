// SPDX-License-Identifier: Apache-2.0
//! Never fighting: who sees what it wrote rewritten again and again leaves the object to the other controller.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// So many rewrites within the window, and we give up.
pub(crate) const MOST_REWRITES: usize = 5;
/// For how long a rewrite counts, and for how long an object is left alone.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);

/// Who rewrote what, lately.
#[derive(Debug)]
pub(crate) struct Contention<K> {
    rewrites: HashMap<K, Vec<Instant>>,
}

impl<K: Eq + Hash> Contention<K> {
    /// Nobody has rewritten anything.
    pub(crate) fn new() -> Self {
        Self { rewrites: HashMap::new() }
    }

    /// Somebody rewrote what we wrote; true if this is the moment to give up.
    pub(crate) fn rewritten(&mut self, key: K, now: Instant) -> bool {
        let times = self.rewrites.entry(key).or_default();
        if times.len() >= MOST_REWRITES {
            return false;
        }
        times.retain(|time| now.duration_since(*time) < WINDOW);
        times.push(now);
        times.len() == MOST_REWRITES
    }

    /// Whether an object is left alone.
    pub(crate) fn gave_up(&self, key: &K) -> bool {
        self.rewrites.get(key).is_some_and(|times| times.len() >= MOST_REWRITES)
    }

    /// Forgets what is long ago: what was left alone is tried once more.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.rewrites
            .retain(|_, times| times.last().is_some_and(|last| now.duration_since(*last) < WINDOW));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_rewrite_within_ten_minutes_ends_it() {
        let start = Instant::now();
        let mut contention = Contention::new();
        for second in 0..4 {
            assert!(!contention.rewritten("a", start + Duration::from_secs(second)));
        }
        assert!(!contention.gave_up(&"a"));
        assert!(contention.rewritten("a", start + Duration::from_secs(4)));
        assert!(contention.gave_up(&"a"));
        assert!(!contention.gave_up(&"b"));
        // It is said once.
        assert!(!contention.rewritten("a", start + Duration::from_secs(5)));
        contention.sweep(start + WINDOW);
        assert!(contention.gave_up(&"a"));
        contention.sweep(start + WINDOW + Duration::from_secs(5));
        assert!(!contention.gave_up(&"a"));
    }

    #[test]
    fn rare_rewrites_are_no_fight() {
        let start = Instant::now();
        let mut contention = Contention::new();
        for hour in 0..50 {
            assert!(!contention.rewritten("a", start + Duration::from_secs(3600 * hour)));
        }
    }
}
