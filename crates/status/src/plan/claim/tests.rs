// SPDX-License-Identifier: Apache-2.0
//! Names of claims, and when a claim may be written.

use std::collections::HashMap;

use postern_model::Timestamp as Time;
use proptest::prelude::*;

use super::*;
use crate::view::Watched;

fn claim(namespace: &str, epoch: u64, state: ClaimState) -> ClaimRecord {
    ClaimRecord {
        pattern: HostPattern::parse("shop.acme.test").unwrap(),
        namespace: namespace.into(),
        namespace_uid: Some(format!("uid-{namespace}").into()),
        epoch,
        state,
    }
}

const HELD: ClaimState = ClaimState::Held;
const GONE: ClaimState = ClaimState::Released(Time(7));

#[test]
fn a_claim_is_created_once_and_then_left_alone() {
    let a = claim("a", 1, HELD);
    assert_eq!(next(&a, None, None), Step::Create);
    assert_eq!(next(&a, None, Some(&a)), Step::Nothing);
    // Somebody was quicker.
    assert_eq!(next(&a, None, Some(&claim("b", 1, HELD))), Step::Nothing);
    // It was there, and is not seen now: the world learns of that first.
    assert_eq!(next(&claim("a", 1, GONE), Some(&a), None), Step::Nothing);
    assert_eq!(next(&claim("a", 1, GONE), None, None), Step::Nothing);
}

#[test]
fn a_transfer_is_two_steps_and_nobody_holds_the_name_twice() {
    let (before, after) = (claim("a", 1, GONE), claim("b", 2, HELD));
    assert_eq!(next(&after, Some(&before), Some(&before)), Step::Spec);
    // Between the steps the name is the new one's, and still dark.
    let between = claim("b", 2, GONE);
    assert_eq!(next(&after, Some(&before), Some(&between)), Step::Status);
    assert_eq!(next(&after, Some(&before), Some(&after)), Step::Nothing);
}

#[test]
fn giving_up_and_taking_back_change_the_status_only() {
    let (held, gone) = (claim("a", 3, HELD), claim("a", 3, GONE));
    assert_eq!(next(&gone, Some(&held), Some(&held)), Step::Status);
    assert_eq!(next(&held, Some(&gone), Some(&gone)), Step::Status);
}

#[test]
fn what_was_decided_on_something_else_is_never_written() {
    let wanted = claim("b", 2, HELD);
    let recorded = claim("a", 1, GONE);
    // Meanwhile a took it back, or the operator gave it to c.
    for now in [claim("a", 1, HELD), claim("c", 2, HELD), claim("c", 5, GONE)] {
        assert_eq!(next(&wanted, Some(&recorded), Some(&now)), Step::Nothing, "{now:?}");
    }
}

/// The object that records a claim, in a version.
fn object(claim: &ClaimRecord, version: u64) -> HostClaim {
    let mut object = HostClaim::new(&object_name(&claim.pattern), spec(claim));
    object.metadata.uid = Some("u".to_owned());
    object.metadata.resource_version = Some(version.to_string());
    if let ClaimState::Released(at) = claim.state {
        let released_at = Some(condition::text(at));
        object.status = Some(HostClaimStatus { released_at, ..HostClaimStatus::default() });
    }
    object
}

/// The deletions that follow from what has outlived its use and what is there.
fn deletions(outlived: &ClaimRecord, there: Option<HostClaim>) -> (Vec<Task>, HashSet<String>) {
    let facts = Facts { outlived: vec![outlived.clone()], ..Facts::default() };
    let name = object_name(&outlived.pattern);
    let claims = there.into_iter().map(|object| (name.as_str().into(), object.keep())).collect();
    let seen = Seen { claims, ..Seen::default() };
    let mut due = HashSet::new();
    let tasks = forget(&facts, &seen, (&mut due, &mut Quota::unbounded()));
    (tasks, due)
}

#[test]
fn a_claim_that_has_outlived_its_use_is_deleted_in_exactly_that_version() {
    let gone = claim("a", 3, GONE);
    let (tasks, due) = deletions(&gone, Some(object(&gone, 12)));
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].target, Target::Claim("h.shop.acme.test".to_owned()));
    let Write::DeleteClaim { uid, resource_version } = &tasks[0].write else { panic!("{tasks:?}") };
    assert_eq!((uid.as_deref(), resource_version.as_deref()), (Some("u"), Some("12")));
    assert!(due.contains("h.shop.acme.test"), "nothing else is written to it meanwhile");
}

#[test]
fn a_claim_that_says_anything_else_is_not_deleted() {
    let gone = claim("a", 3, GONE);
    let later = claim("a", 3, ClaimState::Released(Time(8)));
    for other in [claim("a", 3, HELD), claim("b", 4, GONE), claim("b", 4, HELD), later] {
        let (tasks, due) = deletions(&gone, Some(object(&other, 12)));
        assert!(tasks.is_empty() && due.is_empty(), "{other:?}");
    }
    assert!(deletions(&gone, None).0.is_empty());
    let mut going = object(&gone, 12);
    going.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
    assert!(deletions(&gone, Some(going)).0.is_empty(), "it is being deleted");
}

fn any_claim() -> impl Strategy<Value = ClaimRecord> {
    let state = prop_oneof![Just(HELD), Just(GONE), Just(ClaimState::Released(Time(8)))];
    (0..3_usize, 1..4_u64, state).prop_map(|(n, epoch, s)| claim(["a", "b", "c"][n], epoch, s))
}

fn any_host() -> impl Strategy<Value = HostPattern> {
    let label = prop_oneof!["[a-z0-9]{1,3}", "[hw]{1,2}", "[a-f0-9]{60,63}"];
    let labels = proptest::collection::vec(label, 2..5);
    (any::<bool>(), labels).prop_filter_map("no host", |(is_wildcard, labels)| {
        let prefix = if is_wildcard { "*." } else { "" };
        HostPattern::parse(&format!("{prefix}{}", labels.join("."))).ok()
    })
}

proptest! {
    #[test]
    fn writing_never_lowers_an_epoch_nor_writes_over_a_surprise(
        wanted in any_claim(),
        recorded in proptest::option::of(any_claim()),
        now in proptest::option::of(any_claim()),
    ) {
        let step = next(&wanted, recorded.as_ref(), now.as_ref());
        match (step, &now) {
            (Step::Create, now) => prop_assert!(now.is_none() && recorded.is_none()),
            (Step::Spec | Step::Status, None) => prop_assert!(false),
            (Step::Spec, Some(now)) => {
                prop_assert_eq!(Some(now), recorded.as_ref());
                prop_assert!(wanted.epoch >= now.epoch);
            }
            (Step::Status, Some(now)) => {
                prop_assert_eq!(&wanted.namespace, &now.namespace);
                prop_assert_eq!(wanted.epoch, now.epoch);
            }
            (Step::Nothing, _) => {}
        }
    }

    #[test]
    fn two_names_never_share_an_object(hosts in proptest::collection::vec(any_host(), 1..40)) {
        let mut names: HashMap<String, HostPattern> = HashMap::new();
        for host in hosts {
            let name = object_name(&host);
            // RFC 1123, as the API server checks it.
            prop_assert!(name.len() <= 253 && !name.starts_with(['.', '-']));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b)));
            if let Some(other) = names.insert(name, host.clone()) {
                prop_assert_eq!(other, host);
            }
        }
    }
}

#[test]
fn the_longest_names_have_objects_too() {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    let name = |text: &str| object_name(&HostPattern::parse(text).unwrap());
    assert!(name(&long).starts_with("hh."));
    assert!(name(&format!("*.{long}")).starts_with("wh."));
    let other = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_ne!(name(&long), name(&other));
    // A host cannot be called so that it takes the place of a long one.
    assert_eq!(name(&format!("h.{label}")), format!("h.h.{label}"));
}
