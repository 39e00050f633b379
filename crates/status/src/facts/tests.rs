// SPDX-License-Identifier: Apache-2.0
//! Which hosts of an object are served, by its findings.

use postern_model::{
    ClassSelection, EntryPointSelection, HttpRule, Kind, Object, PathMatch, Reason, Settings,
    TlsUse,
};

use super::*;

pub(crate) fn routes(namespace: &str, name: &str, hosts: &[&str]) -> HttpRoutes {
    let key = ObjectKey::new(Kind::Ingress, namespace, name);
    let rules = hosts.iter().enumerate().map(|(number, host)| HttpRule {
        host: HostPattern::parse(host).ok(),
        path: PathMatch::Prefix("/".into()),
        backend: None,
        entry_points: EntryPointSelection::Default,
        tls: TlsUse::Any,
        priority: None,
        is_default: false,
        closed_by: Vec::new(),
        field: format!("spec.rules[{number}].http.paths[0]").into(),
    });
    HttpRoutes {
        origin: Origin { uid: Some(format!("uid-{name}").into()), ..Origin::bare(key) },
        class: ClassSelection::Unset,
        rules: rules.collect(),
        certificates: Vec::new(),
        findings: Vec::new(),
    }
}

pub(crate) fn finding(routes: &HttpRoutes, reason: Reason, field: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        reason,
        origin: routes.origin.clone(),
        field: field.into(),
        message: "no".into(),
        remedy: "do something",
    }
}

fn served(routes: &HttpRoutes, unserved: Option<&Unserved>) -> Vec<String> {
    let hosts = served_hosts(routes, unserved);
    hosts.into_iter().map(|host| host.map_or_else(String::new, |host| host.to_string())).collect()
}

#[test]
fn a_host_that_is_not_served_takes_no_other_with_it() {
    let routes = routes("acme", "shop", &["a.test", "b.test", "a.test", "", "c.test"]);
    let lost =
        |hosts: &[&str]| Unserved::hosts(hosts.iter().map(|host| HostPattern::parse(host).ok()));
    assert_eq!(served(&routes, None), ["", "a.test", "b.test", "c.test"]);
    assert_eq!(served(&routes, Some(&lost(&["a.test", ""]))), ["b.test", "c.test"]);
    assert!(served(&routes, Some(&Unserved::Everything)).is_empty());
}

#[test]
fn what_is_served_is_told_whatever_else_was_found() {
    let mut world = World::new(Settings::default());
    let mut report = Report::default();
    for name in ["closed", "found"] {
        let routes = routes("acme", name, &["a.test"]);
        let found = finding(&routes, Reason::SecretNotFound, "spec.tls[0]");
        report.findings.insert(routes.origin.key.clone(), vec![found]);
        world.declare(Object::HttpRoutes(Arc::new(routes)));
    }
    let closed = ObjectKey::new(Kind::Ingress, "acme", "closed");
    report.unserved.insert(closed, Unserved::Everything);
    let facts = Facts::gather(&world, &report, |_| true);
    let told = facts.routes.iter().map(|route| (&*route.routes.origin.key.name, route.is_served));
    assert_eq!(told.collect::<Vec<_>>(), [("closed", false), ("found", true)]);
    assert!(facts.routes[0].hosts().is_empty() && facts.routes[1].hosts().len() == 1);
}

#[test]
fn what_is_not_ours_is_not_among_the_facts() {
    let mut world = World::new(Settings::default());
    for name in ["ours", "theirs"] {
        world.declare(Object::HttpRoutes(Arc::new(routes("acme", name, &["a.test"]))));
    }
    let facts = Facts::gather(&world, &Report::default(), |r| &*r.origin.key.name == "ours");
    assert_eq!(facts.routes.len(), 1);
    assert!(facts.routes[0].is_served);
    assert_eq!(&*facts.routes[0].tenant, "acme");
}

#[test]
fn claims_that_have_outlived_their_use_are_among_the_facts() {
    let mut world = World::new(Settings::default());
    let record = ClaimRecord {
        pattern: HostPattern::parse("a.test").unwrap(),
        namespace: "acme".into(),
        namespace_uid: None,
        epoch: 1,
        state: postern_model::ClaimState::Released(postern_model::Timestamp(0)),
    };
    let origin = Origin::bare(ObjectKey::new(Kind::HostClaim, "", "h.a.test"));
    let claim = postern_model::HostClaim { origin, record: record.clone(), revision: Some(5) };
    world.declare(Object::HostClaim(Arc::new(claim)));
    let facts = |world: &World| Facts::gather(world, &Report::default(), |_| true);
    assert!(facts(&world).outlived.is_empty());
    world.tell_time(postern_model::Timestamp(1_000_000));
    assert_eq!(facts(&world).outlived, [record]);
}
