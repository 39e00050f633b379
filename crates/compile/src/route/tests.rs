// SPDX-License-Identifier: Apache-2.0
//! Rules, their order, and where they are served.

use postern_model::{
    ClassSelection, EntryPointId, EntryPointSelection, Host, HttpRoutes, Kind, PathMatch, Place,
    TenantSpec, TlsUse,
};
use postern_snapshot::{Action, Closed, Snapshot};
use std::sync::Arc;

use super::*;
use crate::scenario::{compiled, declare, host, ingress, key, origin, reasons, rule, serve, world};

const WEB: EntryPointId = EntryPointId(0);
const WEBSECURE: EntryPointId = EntryPointId(1);

fn winner(snapshot: &Snapshot, name: &str, at: EntryPointId, path: &str) -> Option<String> {
    let admission = snapshot.admit(&Host::parse(name).unwrap())?;
    admission.route(at, path).map(|route| format!("{} {}", route.object, route.field))
}

fn field(number: usize) -> Option<String> {
    Some(format!("Ingress a/in spec.rules[{number}].http.paths[0]"))
}

fn only(change: impl FnOnce(&mut HttpRoutes)) -> (Snapshot, postern_model::Report) {
    let mut world = world();
    serve(&mut world, "a/web");
    let mut routes = ingress("a/in", 1, &["a.test/ web", "a.test/foo web"]);
    change(&mut routes);
    declare!(world, routes);
    compiled(&mut world)
}

#[test]
fn the_implied_priority_is_the_length_of_traefiks_rule() {
    let priority = |text, exact| {
        let mut rule = rule("a", text, 0);
        if let (true, PathMatch::Prefix(path)) = (exact, rule.path.clone()) {
            rule.path = PathMatch::Exact(path);
        }
        implied_priority(&rule)
    };
    let length = |rule: &str| i64::try_from(rule.len()).unwrap();
    assert_eq!(priority("a.test/foo web", false), length("Host(`a.test`) && PathPrefix(`/foo`)"));
    assert_eq!(priority("*.a.test/ web", false), length("Host(`*.a.test`) && PathPrefix(`/`)"));
    assert_eq!(priority("/foo web", false), length("PathPrefix(`/foo`)"));
    assert_eq!(priority("/foo web", true), priority("/foo web", false) + 1);
}

#[test]
fn longer_paths_come_first_and_exact_ones_before_prefixes() {
    let (snapshot, _) = only(|routes| {
        let mut exact = rule("a", "a.test/foo web", 2);
        exact.path = PathMatch::Exact("/foo".into());
        routes.rules.push(exact);
    });
    assert_eq!(winner(&snapshot, "a.test", WEB, "/bar"), field(0));
    assert_eq!(winner(&snapshot, "a.test", WEB, "/foo/bar"), field(1));
    assert_eq!(winner(&snapshot, "a.test", WEB, "/foo"), field(2));
}

#[test]
fn an_explicit_priority_wins_and_a_default_backend_never_does() {
    let (snapshot, _) = only(|routes| {
        routes.rules[0].priority = Some(1000);
        let mut default = rule("a", "a.test/ web", 2);
        default.priority = Some(5000);
        default.is_default = true;
        routes.rules.push(default);
    });
    assert_eq!(winner(&snapshot, "a.test", WEB, "/foo"), field(0));
}

#[test]
fn a_host_has_its_own_routes_then_its_wildcards_then_the_hostless_ones() {
    let mut world = world();
    serve(&mut world, "a/web");
    let rules = ["h.x.test/own web", "*.x.test/wild web", "/all web", "*.x.test/own web"];
    declare!(world, ingress("a/in", 1, &rules), ingress("b/in", 1, &["b.test/ web", "/ web"]));
    let (snapshot, _) = compiled(&mut world);
    assert_eq!(winner(&snapshot, "h.x.test", WEB, "/own"), field(0));
    assert_eq!(winner(&snapshot, "h.x.test", WEB, "/wild"), field(1));
    assert_eq!(winner(&snapshot, "h.x.test", WEB, "/all"), field(2));
    assert_eq!(winner(&snapshot, "other.x.test", WEB, "/own"), field(3));
    assert_eq!(winner(&snapshot, "other.x.test", WEB, "/all"), field(2));
    // Host-less rules of others reach only what those own, and nobody may have the rest.
    assert_eq!(winner(&snapshot, "h.x.test", WEB, "/else"), None);
    assert_eq!(winner(&snapshot, "nobody.test", WEB, "/"), None);
    let of = |name: &str, object: &str| {
        let admission = snapshot.admit(&Host::parse(name).unwrap()).unwrap();
        let object = key(Kind::Ingress, object);
        admission.routes().find(|route| route.object == object && route.host.is_none()).cloned()
    };
    let (one, other) = (of("h.x.test", "a/in").unwrap(), of("other.x.test", "a/in").unwrap());
    assert!(Arc::ptr_eq(&one, &other));
}

#[test]
fn the_same_rule_twice_is_the_older_objects() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(world, ingress("a/young", 2, &["a.test/ web"]), ingress("a/in", 1, &["a.test/ web"]));
    let (snapshot, report) = compiled(&mut world);
    assert_eq!(winner(&snapshot, "a.test", WEB, "/"), field(0));
    assert_eq!(reasons(&report, Kind::Ingress, "a/young"), ["RouteShadowed"]);
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), [""; 0]);
}

#[test]
fn an_object_is_told_when_an_older_one_comes_and_goes() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(world, ingress("a/young", 2, &["a.test/ web"]));
    let mut compiler = crate::Compiler::new();
    compiler.compile(&world);
    world.record(compiler.report().claims.iter().cloned());
    world.take_changes();
    declare!(world, ingress("a/in", 1, &["a.test/ web"]));
    let changes = world.take_changes();
    compiler.recompile(&world, changes);
    assert_eq!(reasons(compiler.report(), Kind::Ingress, "a/young"), ["RouteShadowed"]);
    world.withdraw(&key(Kind::Ingress, "a/in"));
    let changes = world.take_changes();
    compiler.recompile(&world, changes);
    assert_eq!(reasons(compiler.report(), Kind::Ingress, "a/young"), [""; 0]);
}

#[test]
fn age_is_the_timestamp_then_the_place() {
    let place = |file: &str, position| Some(Place { file: file.into(), line: 1, position });
    let mut world = world();
    serve(&mut world, "a/web");
    for (name, created, place) in [
        ("a/z", Some(5), None),
        ("a/b", None, place("b.yaml", 1)),
        ("a/c", None, place("a.yaml", 2)),
        ("a/d", None, place("a.yaml", 1)),
    ] {
        let mut routes = ingress(name, 0, &["a.test/ web"]);
        routes.origin.created = created.map(postern_model::Timestamp);
        routes.origin.place = place;
        declare!(world, routes);
    }
    let (snapshot, _) = compiled(&mut world);
    let admission = snapshot.admit(&Host::parse("a.test").unwrap()).unwrap();
    let order: Vec<_> = admission.routes().map(|route| route.object.name.to_string()).collect();
    assert_eq!(order, ["z", "d", "c", "b"]);
}

#[test]
fn what_cannot_be_honoured_is_closed() {
    let (snapshot, _) = only(|routes| routes.rules[1].closed_by = vec!["middlewares".into()]);
    let admission = snapshot.admit(&Host::parse("a.test").unwrap()).unwrap();
    let route = admission.route(WEB, "/foo").unwrap();
    assert_eq!(route.action, Action::Closed(Closed::Unsupported("middlewares".into())));
    let (snapshot, _) = only(|routes| routes.rules[1].backend = None);
    let admission = snapshot.admit(&Host::parse("a.test").unwrap()).unwrap();
    let route = admission.route(WEB, "/foo").unwrap();
    assert_eq!(route.action, Action::Closed(Closed::BackendUnresolved));
}

#[test]
fn entry_points_are_chosen_by_name_by_tls_and_by_tenant() {
    let named = |names: &[&str]| {
        EntryPointSelection::Named(names.iter().map(|name| Arc::from(*name)).collect())
    };
    let (snapshot, report) = only(|routes| {
        routes.rules[0].entry_points = named(&["websecure", "gone"]);
        routes.rules[1].tls = TlsUse::Only;
    });
    assert_eq!(winner(&snapshot, "a.test", WEB, "/foo"), None);
    assert_eq!(winner(&snapshot, "a.test", WEBSECURE, "/foo"), field(1));
    assert_eq!(winner(&snapshot, "a.test", WEBSECURE, "/"), field(0));
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["EntryPointNotFound"]);
    let (snapshot, report) = only(|routes| routes.rules[0].entry_points = named(&["gone"]));
    assert_eq!(winner(&snapshot, "a.test", WEB, "/"), None);
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["EntryPointNotFound"; 2]);
}

#[test]
fn a_tenant_is_served_where_the_operator_allows() {
    let mut world = world();
    serve(&mut world, "a/web");
    let spec = TenantSpec {
        standing: Default::default(),
        namespaces: ["a".into()].into(),
        namespace_labels: Default::default(),
        domains: vec![host("a.test")],
        entry_points: vec!["websecure".into()],
        allow_catch_all: true,
        require_tls13: true,
        max_routes: Some(2),
        ..TenantSpec::unread(origin(Kind::Tenant, "acme", 0))
    };
    let late = ingress("a/late", 9, &["late.test/ web"]);
    declare!(world, spec, ingress("a/in", 1, &["a.test/ web", "/ web"]), late);
    let (snapshot, report) = compiled(&mut world);
    assert_eq!(winner(&snapshot, "a.test", WEB, "/"), None);
    assert_eq!(winner(&snapshot, "a.test", WEBSECURE, "/"), field(0));
    assert_eq!(winner(&snapshot, "nobody.test", WEBSECURE, "/"), field(1));
    assert_eq!(reasons(&report, Kind::Ingress, "a/late"), ["LimitExceeded"]);
    assert!(!world.claims().contains_key(&host("late.test")));
}

#[test]
fn what_is_not_ours_claims_nothing_and_hears_nothing() {
    let (snapshot, report) =
        only(|routes| routes.class = ClassSelection::Annotated("nginx".into()));
    assert!(snapshot.admit(&Host::parse("a.test").unwrap()).is_none());
    assert!(report.claims.is_empty() && report.findings.is_empty());
    let (_, report) = only(|routes| routes.class = ClassSelection::Named("gone".into()));
    assert!(report.claims.is_empty());
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["ClassNotFound"]);
}
