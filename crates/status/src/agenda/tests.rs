// SPDX-License-Identifier: Apache-2.0
//! What comes first, what waits, and what is not tried again at once.

use std::time::Duration;

use postern_model::{ClaimRecord, ClaimState, HostPattern};

use super::*;
use crate::facts::Claim;
use crate::view::Watched;

fn facts(hosts: &[&str]) -> Facts {
    let claims = hosts.iter().map(|host| Claim {
        wanted: ClaimRecord {
            pattern: HostPattern::parse(host).unwrap(),
            namespace: "acme".into(),
            namespace_uid: None,
            epoch: 1,
            state: ClaimState::Held,
        },
        recorded: None,
    });
    Facts { claims: claims.collect(), ..Facts::default() }
}

fn agenda() -> Agenda {
    let mut agenda = Agenda::new("postern-0");
    agenda.seen.claims_listed = true;
    agenda
}

fn forbidden() -> Result<Written, CallError> {
    Err(CallError::Forbidden { message: "no".to_owned() })
}

#[tokio::test(start_paused = true)]
async fn no_claim_is_missing_before_all_were_listed() {
    let mut agenda = agenda();
    agenda.seen.claims_listed = false;
    agenda.plan(&facts(&["a.test"]));
    assert!(agenda.next().is_none());
    agenda.seen.claims_listed = true;
    agenda.plan(&facts(&["a.test"]));
    assert_eq!(agenda.next().unwrap().target, Target::Claim("h.a.test".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_object_has_one_write_under_way() {
    let mut agenda = agenda();
    agenda.plan(&facts(&["a.test"]));
    let task = agenda.next().unwrap();
    agenda.plan(&facts(&["a.test"]));
    assert!(agenda.next().is_none());
    assert!(!agenda.is_idle());
    assert_eq!(agenda.ended(task.target, Err(CallError::Exists)), "conflict");
    assert!(agenda.is_idle());
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_later_and_ever_later() {
    let mut agenda = agenda();
    let facts = facts(&["a.test"]);
    let mut attempts = 0;
    for _ in 0..600 {
        agenda.plan(&facts);
        if let Some(task) = agenda.next() {
            attempts += 1;
            agenda.ended(task.target, Err(CallError::Late));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!((10..30).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_for_one_is_not_tried_with_all() {
    let mut agenda = agenda();
    let facts = facts(&["a.test", "b.test", "c.test"]);
    agenda.plan(&facts);
    let task = agenda.next().unwrap();
    assert_eq!(agenda.ended(task.target, forbidden()), "forbidden");
    assert!(agenda.next().is_none());
    agenda.plan(&facts);
    assert!(agenda.next().is_none());
    tokio::time::advance(NOT_GRANTED).await;
    agenda.plan(&facts);
    assert!(agenda.next().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_deleted_is_not_deleted_twice() {
    let mut agenda = agenda();
    let wanted = facts(&["a.test"]).claims.remove(0).wanted;
    let gone = ClaimRecord { state: ClaimState::Released(postern_model::Timestamp(7)), ..wanted };
    let object: Result<postern_api::crd::HostClaim, _> =
        serde_json::from_value(serde_json::json!({
            "apiVersion": "postern.dev/v1alpha1",
            "kind": "HostClaim",
            "metadata": {"name": "h.a.test", "uid": "u", "resourceVersion": "3"},
            "spec": {"host": "a.test", "namespace": "acme", "epoch": 1},
            "status": {"releasedAt": "1970-01-01T00:00:07Z"},
        }));
    agenda.seen.claims.insert("h.a.test".into(), object.unwrap().keep());
    let facts = Facts { outlived: vec![gone], ..Facts::default() };
    agenda.plan(&facts);
    let task = agenda.next().unwrap();
    assert!(matches!(task.write, crate::task::Write::DeleteClaim { .. }), "{task:?}");
    assert!(agenda.next().is_none(), "nothing else is written to it");
    assert_eq!(agenda.ended(task.target, Ok(Written::NoClaim)), "written");
    agenda.plan(&facts);
    assert!(agenda.next().is_none());
}
