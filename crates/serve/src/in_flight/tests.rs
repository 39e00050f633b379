// SPDX-License-Identifier: Apache-2.0
//! What may be in flight, and what may not.

use super::*;
use crate::fixture::tenant;

fn enter(places: &Rc<Places>, limit: u32, workers: usize) -> Vec<Place> {
    std::iter::from_fn(|| places.enter(limit, workers)).collect()
}

#[test]
fn a_small_limit_holds_exactly_on_any_worker() {
    let all = InFlight::default();
    let (one, two) = (all.places(&tenant("a")), all.places(&tenant("a")));
    let mut held = enter(&one, 3, 2);
    assert_eq!(held.len(), 3);
    assert!(two.enter(3, 2).is_none());
    held.pop();
    let other = two.enter(3, 2).expect("what one worker has left another may take");
    assert!(one.enter(3, 2).is_none());
    drop((held, other));
    assert_eq!(enter(&two, 3, 2).len(), 3);
    assert!(one.enter(0, 2).is_none());
}

#[test]
fn a_large_limit_is_never_exceeded_and_nearly_reached() {
    let limit = 100_000;
    let all = InFlight::default();
    let workers: Vec<_> = (0..8).map(|_| all.places(&tenant("a"))).collect();
    // Each worker has had some requests that are over.
    for places in &workers {
        drop((0..1000).map(|_| places.enter(limit, 8)).collect::<Vec<_>>());
    }
    let held = enter(&workers[0], limit, 8);
    assert!(held.len() <= 100_000 && held.len() > 97_000, "{}", held.len());
    let total = held.len() + workers[1..].iter().map(|w| enter(w, limit, 8).len()).sum::<usize>();
    assert!(total <= 100_000, "{total}");
}

#[test]
fn a_limit_that_falls_is_in_force_at_once() {
    let all = InFlight::default();
    let places = all.places(&tenant("a"));
    let mut held = enter(&places, 10, 1);
    assert!(places.enter(5, 1).is_none());
    held.truncate(5);
    assert!(places.enter(5, 1).is_none());
    held.truncate(4);
    assert!(places.enter(5, 1).is_some());
}

#[test]
fn what_was_lent_under_a_large_limit_is_not_used_under_a_small_one() {
    let all = InFlight::default();
    let places = all.places(&tenant("a"));
    drop((0..1000).map(|_| places.enter(100_000, 1)).collect::<Vec<_>>());
    let held: Vec<_> = std::iter::from_fn(|| places.enter(5, 1)).take(1000).collect();
    assert_eq!(held.len(), 5);
}

#[test]
fn a_worker_with_nothing_to_do_keeps_no_places_from_the_others() {
    let all = InFlight::default();
    let (busy, idle) = (all.places(&tenant("a")), all.places(&tenant("a")));
    let last = idle.enter(100_000, 2);
    drop((0..1000).map(|_| idle.enter(100_000, 2)).collect::<Vec<_>>());
    // The limit falls below what the idle worker has.
    assert!(busy.enter(20, 2).is_none());
    idle.rest();
    assert_eq!(enter(&busy, 20, 2).len(), 19);
    drop(last);
}

#[test]
fn tenants_have_places_of_their_own_until_they_are_forgotten() {
    let all = InFlight::default();
    let (a, b) = (all.places(&tenant("a")), all.places(&tenant("b")));
    let held = enter(&a, 2, 1);
    assert!(b.enter(2, 1).is_some());
    drop(a);
    all.sweep();
    assert_eq!(all.taken.len(), 2, "a request holds its tenant's");
    drop(held);
    all.sweep();
    assert_eq!(all.taken.len(), 1);
}

/// Eight threads take and leave as fast as they can: nothing is lost, and the limit holds at every moment.
#[test]
fn workers_that_take_at_once_lose_no_place() {
    for limit in [3, 5_000] {
        let all = InFlight::default();
        let open = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let places = all.places(&tenant("a"));
                    for _ in 0..2_000 {
                        let held = places.enter(limit, 8);
                        if held.is_some() {
                            assert!(open.fetch_add(1, Ordering::SeqCst) < limit);
                            open.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        let places = all.places(&tenant("a"));
        assert_eq!(places.taken.load(Ordering::SeqCst), 0);
    }
}
