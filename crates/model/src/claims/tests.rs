// SPDX-License-Identifier: Apache-2.0
//! What is known of a claim's namespace, and when a claim is forgotten.

use super::*;
use crate::origin::{Kind, ObjectKey, Origin};
use crate::settings::Settings;
use crate::tenant::Namespace;
use crate::{Changes, Object, World};

const RELEASED: ClaimState = ClaimState::Released(Timestamp(1000));

fn record(epoch: u64, state: ClaimState) -> ClaimRecord {
    ClaimRecord {
        pattern: HostPattern::parse("a.test").unwrap(),
        namespace: "preview".into(),
        namespace_uid: Some("u1".into()),
        epoch,
        state,
    }
}

fn object(record: ClaimRecord, revision: u64) -> Object {
    let origin = Origin::bare(ObjectKey::new(Kind::HostClaim, "", "h.a.test"));
    Object::HostClaim(Arc::new(HostClaim { origin, record, revision: Some(revision) }))
}

fn namespace(uid: &str) -> Object {
    let key = ObjectKey::new(Kind::Namespace, "", "preview");
    let origin = Origin { uid: Some(uid.into()), ..Origin::bare(key) };
    Object::Namespace(Arc::new(Namespace { origin, labels: BTreeMap::new() }))
}

fn is_bereft(world: &World) -> bool {
    world.claims().values().any(|claim| world.is_bereft(claim))
}

/// A world whose quarantine is ten seconds.
fn world() -> World {
    World::new(Settings { quarantine_seconds: 10, ..Settings::default() })
}

#[test]
fn where_namespaces_are_not_known_none_is_gone() {
    let mut world = world();
    world.declare(object(record(1, ClaimState::Held), 5));
    assert!(!is_bereft(&world));
    world.declare(namespace("u1"));
    world.withdraw(namespace("u1").key());
    assert!(!is_bereft(&world));
}

#[test]
fn a_namespace_that_is_known_and_goes_is_gone() {
    let mut world = world();
    world.declare(namespace("u1"));
    world.declare(object(record(1, ClaimState::Held), 5));
    world.know_namespaces(9);
    assert!(!is_bereft(&world));
    world.take_changes();
    world.withdraw(namespace("u1").key());
    assert!(is_bereft(&world) && matches!(world.take_changes(), Changes::Everything));
    // One of the same name is another one.
    world.declare(namespace("u2"));
    assert!(is_bereft(&world));
}

#[test]
fn a_claim_that_is_younger_than_what_is_known_of_namespaces_is_not_judged() {
    let mut world = world();
    world.know_namespaces(9);
    world.declare(object(record(1, ClaimState::Held), 12));
    assert!(!is_bereft(&world), "another replica may have seen its namespace");
    world.take_changes();
    world.know_namespaces(11);
    assert!(!is_bereft(&world) && matches!(world.take_changes(), Changes::None));
    world.know_namespaces(12);
    assert!(is_bereft(&world) && matches!(world.take_changes(), Changes::Everything));
    // What the object says later makes it no younger.
    world.declare(object(record(2, ClaimState::Held), 30));
    assert!(is_bereft(&world));
}

#[test]
fn a_namespace_of_which_one_hears_later_than_of_its_claim_is_there() {
    let mut world = world();
    world.know_namespaces(9);
    world.declare(object(record(1, ClaimState::Held), 12));
    world.declare(namespace("u1"));
    world.know_namespaces(12);
    assert!(!is_bereft(&world));
}

#[test]
fn a_namespace_whose_uid_cannot_be_read_is_there() {
    let mut world = world();
    world.know_namespaces(9);
    world.declare(object(record(1, ClaimState::Held), 5));
    let origin = Origin::bare(ObjectKey::new(Kind::Namespace, "", "preview"));
    let labels = BTreeMap::new();
    world.declare(Object::Namespace(Arc::new(Namespace { origin, labels })));
    assert!(!is_bereft(&world));
}

#[test]
fn a_claim_that_was_given_up_is_forgotten_when_its_object_is() {
    let mut world = world();
    world.declare(object(record(3, RELEASED), 5));
    let end = 1000 + 10 + KEPT_SECONDS;
    world.tell_time(Timestamp(end - 1));
    assert_eq!(world.outlived().count(), 0);
    world.tell_time(Timestamp(end));
    assert_eq!(world.outlived().collect::<Vec<_>>(), [&record(3, RELEASED)]);
    assert_eq!(world.claims().len(), 1, "others still count from it");
    world.take_changes();
    world.withdraw(object(record(3, RELEASED), 5).key());
    assert!(world.claims().is_empty() && world.outlived().next().is_none());
    assert!(matches!(world.take_changes(), Changes::Everything));
    assert_eq!(world.unrecorded().iter().count(), 0);
}

#[test]
fn who_takes_a_name_before_it_is_forgotten_keeps_it_whatever_becomes_of_the_object() {
    let mut world = world();
    world.declare(object(record(3, RELEASED), 5));
    world.tell_time(Timestamp(1_000_000));
    let taken = ClaimRecord { namespace: "b".into(), ..record(4, ClaimState::Held) };
    world.record([taken.clone()]);
    assert_eq!(world.outlived().count(), 0);
    world.withdraw(object(record(3, RELEASED), 5).key());
    assert_eq!(world.claims().values().collect::<Vec<_>>(), [&taken]);
    let unrecorded: Vec<_> = world.unrecorded().iter().map(|(_, recorded)| recorded).collect();
    assert_eq!(unrecorded, [None], "it is recorded anew");
}

#[test]
fn an_object_that_goes_early_frees_no_name() {
    let mut world = world();
    world.declare(object(record(3, RELEASED), 5));
    world.tell_time(Timestamp(1005));
    world.withdraw(object(record(3, RELEASED), 5).key());
    assert_eq!(world.claims().len(), 1);
    world.tell_time(Timestamp(1000 + 10 + KEPT_SECONDS));
    assert!(world.claims().is_empty());
    assert_eq!(world.unrecorded().iter().count(), 0);
}

#[test]
fn where_nobody_records_claims_time_alone_forgets() {
    let mut world = world();
    world.records_nowhere();
    world.declare(object(record(3, RELEASED), 5));
    world.record([ClaimRecord {
        pattern: HostPattern::parse("held.test").unwrap(),
        ..record(1, ClaimState::Held)
    }]);
    world.tell_time(Timestamp(i64::MAX));
    assert_eq!(world.claims().len(), 1);
    assert_eq!(world.claims().values().next().map(|c| c.state), Some(ClaimState::Held));
}

#[test]
fn a_name_that_is_taken_back_in_time_starts_over() {
    let mut world = world();
    world.record([record(1, RELEASED)]);
    world.record([record(1, ClaimState::Held)]);
    world.record([record(1, ClaimState::Released(Timestamp(90_000)))]);
    world.tell_time(Timestamp(90_000));
    assert_eq!(world.claims().len(), 1);
    world.tell_time(Timestamp(90_000 + 10 + KEPT_SECONDS));
    assert!(world.claims().is_empty());
}
