// SPDX-License-Identifier: Apache-2.0
//! Names of claims, and when a claim may be written.

use std::collections::HashMap;

use postern_model::Timestamp as Time;
use proptest::prelude::*;

use super::*;

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
