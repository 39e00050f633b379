// SPDX-License-Identifier: Apache-2.0
//! How many are let in, at which moments.

use std::time::Duration;

use super::*;

/// How many of `attempts` at one moment are let in.
fn burst(rates: &Rates, per_second: u32, after: Duration, attempts: u32) -> u32 {
    let now = rates.start + after;
    (0..attempts).map(|_| u32::from(rates.allow_request(per_second, now))).sum()
}

#[test]
fn a_seconds_worth_comes_at_once_and_then_as_many_as_time_brings() {
    for limit in [1, 2, 3, 7, 1000] {
        let rates = Rates::default();
        let hour = Duration::from_hours(1);
        assert_eq!(burst(&rates, limit, hour, 2 * limit), limit);
        assert_eq!(burst(&rates, limit, hour + Duration::from_secs(1) / limit, 2), 1, "{limit}");
        // However long nobody asked, no more is saved up.
        assert_eq!(burst(&rates, limit, 2 * hour, 2 * limit), limit);
    }
}

#[test]
fn over_a_minute_it_is_the_rate() {
    let rates = Rates::default();
    let all: u32 = (0..60_000).map(|ms| burst(&rates, 100, Duration::from_millis(ms), 1)).sum();
    assert!((6_000..=6_100).contains(&all), "{all}");
}

#[test]
fn none_a_second_is_never() {
    let rates = Rates::default();
    assert_eq!(burst(&rates, 0, Duration::from_hours(1), 10), 0);
}

#[test]
fn the_largest_limit_is_no_limit_that_anybody_reaches() {
    let rates = Rates::default();
    assert_eq!(burst(&rates, u32::MAX, Duration::ZERO, 100_000), 100_000);
}

#[test]
fn a_limit_that_changes_holds_at_once() {
    let rates = Rates::default();
    assert_eq!(burst(&rates, 2, Duration::ZERO, 10), 2);
    assert_eq!(burst(&rates, 10, Duration::from_millis(100), 10), 1);
    assert_eq!(burst(&rates, 0, Duration::from_hours(1), 10), 0);
    assert_eq!(burst(&rates, 2, Duration::from_hours(1), 10), 2);
}

#[test]
fn a_clock_that_is_behind_lets_nobody_in_too_early() {
    let rates = Rates::default();
    assert_eq!(burst(&rates, 4, Duration::from_secs(10), 10), 4);
    assert_eq!(burst(&rates, 4, Duration::from_millis(9_999), 10), 0);
    let before = rates.start.checked_sub(Duration::from_secs(1)).unwrap();
    assert!(!rates.allow_request(4, before));
}

#[test]
fn handshakes_and_requests_have_a_bucket_each() {
    let rates = Rates::default();
    assert_eq!(burst(&rates, 3, Duration::ZERO, 10), 3);
    assert!(rates.allow_handshake(1, rates.start));
    assert!(!rates.allow_handshake(1, rates.start));
}

/// Eight threads ask as fast as they can at one moment: together they get one second's worth, to the last one.
#[test]
fn workers_that_ask_at_once_share_one_bucket() {
    let rates = Rates::default();
    let now = rates.start + Duration::from_secs(5);
    let let_in = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let one = rates.allow_request(5_000, now);
                    let_in.fetch_add(u64::from(one), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(let_in.into_inner(), 5_000);
}
