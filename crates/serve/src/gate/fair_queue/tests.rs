// SPDX-License-Identifier: Apache-2.0
//! Fairness, without a clock.

use postern_model::Tenancy;

use super::*;

fn tenant(name: &str) -> TenantScope {
    TenantScope::new(Tenancy::default().tenant_of(name).expect("each namespace is a tenant"))
}

fn fill(queue: &mut FairQueue<&'static str>, name: &'static str, cost: u32, count: usize) {
    for _ in 0..count {
        assert!(queue.push(&tenant(name), cost, name).is_none());
    }
}

fn take(queue: &mut FairQueue<&'static str>, count: usize) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop()).take(count).collect()
}

fn count(taken: &[&str], name: &str) -> usize {
    taken.iter().filter(|taken| **taken == name).count()
}

#[test]
fn one_tenant_alone_is_served_in_order() {
    let mut queue = FairQueue::default();
    for item in 0..100 {
        assert_eq!(queue.push(&tenant("a"), 7, item), None);
    }
    assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), Vec::from_iter(0..100));
    assert_eq!((queue.length, queue.tenants.len(), queue.round.len()), (0, 0, 0));
}

#[test]
fn costs_are_shared_equally_not_numbers() {
    let mut queue = FairQueue::default();
    fill(&mut queue, "rsa", 16, 500);
    fill(&mut queue, "ecdsa", 4, 500);
    let taken = take(&mut queue, 500);
    let (rsa, ecdsa) = (count(&taken, "rsa"), count(&taken, "ecdsa"));
    assert!((rsa * 16).abs_diff(ecdsa * 4) <= 32, "{rsa} {ecdsa}");
}

#[test]
fn a_newcomer_waits_for_one_quantum_of_each_other_tenant_at_most() {
    let mut queue = FairQueue::default();
    fill(&mut queue, "flood", 4, 2000);
    take(&mut queue, 101);
    fill(&mut queue, "bystander", 4, 1);
    assert!(take(&mut queue, 5).contains(&"bystander"));
}

#[test]
fn what_costs_more_than_a_quantum_gets_its_turn_and_no_more_than_its_share() {
    let mut queue = FairQueue::default();
    fill(&mut queue, "rsa4096", 112, 100);
    fill(&mut queue, "ecdsa", 4, 1500);
    let taken = take(&mut queue, 1000);
    let (large, small) = (count(&taken, "rsa4096"), count(&taken, "ecdsa"));
    assert!(large > 0 && (large * 112).abs_diff(small * 4) <= 2 * 112, "{large} {small}");
}

#[test]
fn who_waits_for_nothing_saves_nothing_up() {
    let mut queue = FairQueue::default();
    fill(&mut queue, "b", 16, 50);
    for _ in 0..50 {
        fill(&mut queue, "a", 1, 1);
        take(&mut queue, 2);
    }
    fill(&mut queue, "a", 1, 200);
    fill(&mut queue, "b", 16, 50);
    let taken = take(&mut queue, 40);
    assert!(count(&taken, "b") >= 2, "{taken:?}");
}

#[test]
fn a_tenant_that_has_too_many_is_refused_and_others_are_not() {
    let mut queue = FairQueue::default();
    fill(&mut queue, "flood", 4, MOST_OF_ONE);
    assert_eq!(queue.push(&tenant("flood"), 4, "one more"), Some("one more"));
    assert_eq!(queue.push(&tenant("bystander"), 4, "bystander"), None);
}

#[test]
fn when_all_are_too_many_the_one_that_has_most_gives_way() {
    let mut queue = FairQueue::default();
    for name in ["a", "b", "c", "d"] {
        fill(&mut queue, name, 4, MOST_OF_ALL / 4);
    }
    let displaced = queue.push(&tenant("bystander"), 4, "bystander");
    assert!(displaced.is_some_and(|displaced| displaced != "bystander"));
    assert_eq!(queue.length, MOST_OF_ALL);
    assert_eq!(count(&take(&mut queue, 30), "bystander"), 1);
}
