// SPDX-License-Identifier: Apache-2.0
//! What is said, how often, and what is not.

use postern_model::{Reason, Severity};

use super::*;

fn notice(name: &str, note: &str, lasts: bool) -> Notice {
    let key = ObjectKey::new(Kind::Ingress, "acme", name);
    let origin = Origin { uid: Some("1".into()), ..Origin::bare(key) };
    Notice {
        origin,
        tenant: "acme".into(),
        is_warning: lasts,
        reason: "SecretNotFound".into(),
        field: "".into(),
        note: note.into(),
        lasts,
    }
}

/// One round in which all of this is true, and all that is to be said is said.
fn round(said: &mut Said, number: u64, at: Instant, notices: &[Notice]) -> Vec<&'static str> {
    let tasks = said.plan(notices.iter().cloned(), number, (at, &mut Quota::unbounded()));
    let mut writes = Vec::new();
    for task in tasks {
        let Target::Event(namespace, name) = task.target else { panic!("not an event") };
        writes.push(match task.write {
            Write::NewEvent(..) => "new",
            Write::RepeatEvent(..) => "again",
            _ => panic!("not an event"),
        });
        said.said(namespace, name, number, at);
    }
    writes
}

#[test]
fn what_stays_true_is_said_once_in_half_an_hour() {
    let start = Instant::now();
    let mut said = Said::new("postern-0");
    let notices = [notice("shop", "there is no Secret", true)];
    assert_eq!(round(&mut said, 1, start, &notices), ["new"]);
    for minute in 1..30 {
        let at = start + Duration::from_secs(60 * minute);
        assert!(round(&mut said, 1 + minute, at, &notices).is_empty());
    }
    assert_eq!(round(&mut said, 40, start + REPEAT, &notices), ["again"]);
}

#[test]
fn what_comes_and_goes_adds_to_one_event_and_at_most_once_a_minute() {
    let start = Instant::now();
    let mut said = Said::new("postern-0");
    let notices = [notice("shop", "there is no Secret", true)];
    let mut writes = Vec::new();
    for second in 0..600 {
        let at = start + Duration::from_secs(second);
        let now = if second % 2 == 0 { &notices[..] } else { &[] };
        writes.extend(round(&mut said, second, at, now));
    }
    assert_eq!(writes[0], "new");
    assert!(writes[1..].iter().all(|write| *write == "again"));
    assert!((9..=11).contains(&writes.len()), "{}", writes.len());
}

#[test]
fn what_has_happened_is_not_repeated() {
    let start = Instant::now();
    let mut said = Said::new("postern-0");
    let notices = [notice("shop", "serving a.test", false)];
    assert_eq!(round(&mut said, 1, start, &notices), ["new"]);
    assert!(round(&mut said, 2, start + 3 * REPEAT, &notices).is_empty());
}

#[test]
fn what_is_over_is_forgotten() {
    let start = Instant::now();
    let mut said = Said::new("postern-0");
    round(&mut said, 1, start, &[notice("shop", "x", true)]);
    round(&mut said, 2, start + Duration::from_secs(1), &[]);
    assert_eq!(said.events.len(), 1);
    round(&mut said, 3, start + MEMORY, &[]);
    assert_eq!(said.events.len(), 0);
}

#[test]
fn different_things_have_different_names_that_kubernetes_accepts() {
    let long = "a".repeat(253);
    let notices = [
        notice("shop", "x", true),
        notice("shop", "y", true),
        notice("shop", "x", false),
        notice(&long, "x", true),
    ];
    let names: Vec<String> = notices.iter().map(Notice::name).collect();
    assert_ne!(names[0], names[1]);
    assert_eq!(names[0], names[2]);
    assert!(names.iter().all(|name| name.len() <= 253));
}

#[test]
fn an_event_about_an_object_of_no_namespace_is_where_no_tenant_looks() {
    let key = ObjectKey::new(Kind::HostClaim, "", "h.a.test");
    let finding = Finding {
        severity: Severity::Error,
        reason: Reason::HostInvalid,
        origin: key.into(),
        field: "spec.host".into(),
        message: "ä".repeat(2000),
        remedy: "x",
    };
    let notice = Notice::of(&finding, "".into());
    assert_eq!(&*notice.namespace(), "kube-system");
    assert!(notice.note.len() <= LONGEST_NOTE);
}

#[test]
fn a_file_is_no_object_and_gets_no_event() {
    let mut said = Said::new("postern-0");
    let mut notice = notice("shop", "x", true);
    notice.origin.key.kind = Kind::File;
    assert!(said.plan([notice], 1, (Instant::now(), &mut Quota::unbounded())).is_empty());
}
