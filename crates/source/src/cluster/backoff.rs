// SPDX-License-Identifier: Apache-2.0
//! Pauses between attempts: longer each time, never the same for all, so that no server is met by all at once.

use std::time::Duration;

/// The first pause is up to so long.
const FIRST: Duration = Duration::from_millis(200);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(10);

/// How long to wait before the next attempt.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// An attempt succeeded.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long the pause before the next attempt may be: longer than the last one.
    pub(super) fn longer(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        longest
    }
}

/// Between half of `longest` and all of it.
pub(super) fn jitter(longest: Duration) -> Duration {
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew_after_success() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.longer(), FIRST);
        for _ in 0..100 {
            assert!(backoff.longer() <= LONGEST);
        }
        assert_eq!(backoff.longer(), LONGEST);
        backoff.reset();
        assert_eq!(backoff.longer(), FIRST);
        assert!((FIRST / 2..=FIRST).contains(&jitter(FIRST)));
    }
}
