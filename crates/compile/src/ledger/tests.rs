// SPDX-License-Identifier: Apache-2.0
//! Who owns a hostname: each rule, and every short history of two tenants against a small model.

use std::sync::Arc;

use postern_model::{
    ClaimRecord, ClaimState, Host, HostClaim, HostPattern, Kind, Namespace, Object, ObjectKey,
    Origin, Settings, TenancyMode, TenantSpec, Timestamp, World,
};

use crate::Compiler;
use crate::scenario::{
    NOW, compiled, declare, host, ingress, key, origin, reasons, rendered, serve, world, world_with,
};

mod histories;
mod quota;

fn owner(world: &World, name: &str) -> Option<(String, u64)> {
    let (snapshot, _) = crate::compile(world);
    let admission = snapshot.admit(&Host::parse(name).unwrap())?;
    Some((admission.scope().label().to_string(), admission.epoch()))
}

fn owned(tenant: &str, epoch: u64) -> Option<(String, u64)> {
    Some((tenant.to_owned(), epoch))
}

fn spec(name: &str, age: i64, namespaces: &[&str], domains: &[&str]) -> TenantSpec {
    TenantSpec {
        standing: Default::default(),
        namespaces: namespaces.iter().map(|name| Arc::from(*name)).collect(),
        namespace_labels: Default::default(),
        domains: domains.iter().map(|domain| host(domain)).collect(),
        entry_points: Vec::new(),
        allow_catch_all: false,
        require_tls13: false,
        ..TenantSpec::unread(origin(Kind::Tenant, name, age))
    }
}

fn namespace(name: &str, uid: &str) -> Namespace {
    let origin = Origin { uid: Some(uid.into()), ..origin(Kind::Namespace, name, 0) };
    Namespace { origin, labels: Default::default() }
}

fn record(name: &str, namespace: &str, epoch: u64, state: ClaimState) -> ClaimRecord {
    let namespace_uid = None;
    ClaimRecord { pattern: host(name), namespace: namespace.into(), namespace_uid, epoch, state }
}

#[test]
fn the_first_claim_wins_and_not_the_oldest_object() {
    let mut world = world();
    declare!(world, ingress("b/in", 1, &["b.test/ web"]), ingress("a/in", 2, &["a.test/ web"]));
    compiled(&mut world);
    // B's older object adds A's name later: the hijack that Gateway API's security page describes.
    declare!(world, ingress("b/in", 1, &["b.test/ web", "a.test/ web"]));
    let (_, report) = compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("a", 1));
    assert_eq!(owner(&world, "b.test"), owned("b", 1));
    assert!(reasons(&report, Kind::Ingress, "b/in").contains(&"HostNotOwned".to_owned()));
}

#[test]
fn a_claim_outlives_its_routes() {
    let mut world = world();
    declare!(world, ingress("a/in", 1, &["a.test/ web"]), ingress("b/in", 2, &["a.test/ web"]));
    compiled(&mut world);
    world.withdraw(&key(Kind::Ingress, "a/in"));
    let (_, report) = compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("a", 1));
    assert!(reasons(&report, Kind::Ingress, "b/in").contains(&"HostNotOwned".to_owned()));
}

#[test]
fn a_wildcard_shuts_others_out_at_every_depth_and_spares_those_who_were_there() {
    let mut world = world();
    declare!(
        world,
        ingress("b/old", 1, &["b.x.test/ web", "*.d.x.test/ web"]),
        ingress("a/in", 2, &["*.x.test/ web"]),
        ingress(
            "b/new",
            3,
            &["c.x.test/ web", "*.c.x.test/ web", "e.c.x.test/ web", "x.test/ web"]
        ),
        ingress("a/new", 4, &["e.d.x.test/ web"]),
    );
    let (_, report) = compiled(&mut world);
    assert_eq!(owner(&world, "b.x.test"), owned("b", 1));
    assert_eq!(owner(&world, "e.d.x.test"), owned("b", 1));
    assert_eq!(owner(&world, "c.x.test"), owned("a", 1));
    assert_eq!(owner(&world, "e.c.x.test"), None);
    assert_eq!(owner(&world, "x.test"), owned("b", 1));
    let fields: Vec<_> = report.findings[&key(Kind::Ingress, "b/new")]
        .iter()
        .filter(|finding| finding.message == "this hostname belongs to another tenant")
        .map(|finding| finding.field.to_string())
        .collect();
    assert_eq!(fields, ["spec.rules[0].host", "spec.rules[1].host", "spec.rules[2].host"]);
    assert!(reasons(&report, Kind::Ingress, "a/new").contains(&"HostNotOwned".to_owned()));
}

#[test]
fn a_domain_comes_before_every_claim() {
    let mut world = world();
    declare!(world, ingress("b/in", 1, &["w.x.test/ web", "deep.w.x.test/ web"]));
    compiled(&mut world);
    assert_eq!(owner(&world, "w.x.test"), owned("b", 1));
    declare!(world, spec("acme", 1, &["a"], &["*.x.test"]), ingress("a/in", 9, &["w.x.test/ web"]));
    let (_, report) = compiled(&mut world);
    assert_eq!(owner(&world, "w.x.test"), owned("tenant/acme", 2));
    assert_eq!(owner(&world, "other.x.test"), owned("tenant/acme", 1));
    assert_eq!(owner(&world, "deep.w.x.test"), None);
    assert_eq!(reasons(&report, Kind::Ingress, "b/in")[..2], ["HostNotOwned", "HostNotOwned"]);
}

#[test]
fn the_most_specific_domain_wins_and_the_older_of_two_equal_ones() {
    let mut world = world();
    declare!(
        world,
        spec("wide", 1, &["a"], &["*.x.test", "same.test"]),
        spec("narrow", 2, &["b"], &["b.x.test", "*.b.x.test", "same.test"]),
        ingress("b/in", 3, &["c.b.x.test/ web"]),
    );
    let (_, report) = compiled(&mut world);
    assert_eq!(owner(&world, "b.x.test"), owned("tenant/narrow", 1));
    assert_eq!(owner(&world, "c.b.x.test"), owned("tenant/narrow", 1));
    assert_eq!(owner(&world, "a.x.test"), owned("tenant/wide", 1));
    assert_eq!(owner(&world, "same.test"), owned("tenant/wide", 1));
    assert_eq!(reasons(&report, Kind::Tenant, "narrow"), ["TenantConflict"]);
    assert_eq!(reasons(&report, Kind::Tenant, "wide"), [""; 0]);
}

#[test]
fn a_namespace_created_anew_inherits_nothing() {
    let mut world = world();
    declare!(world, namespace("a", "one"), ingress("a/in", 1, &["a.test/ web"]));
    compiled(&mut world);
    declare!(world, namespace("a", "two"), ingress("b/in", 2, &["a.test/ web"]));
    let (snapshot, report) = compiled(&mut world);
    assert!(snapshot.admit(&Host::parse("a.test").unwrap()).is_none());
    assert_eq!(report.claims[0].state, ClaimState::Released(Timestamp(NOW)));
    assert!(reasons(&report, Kind::Ingress, "a/in").contains(&"HostQuarantined".to_owned()));
    assert!(reasons(&report, Kind::Ingress, "b/in").contains(&"HostQuarantined".to_owned()));
    world.tell_time(Timestamp(NOW + 24 * 3600));
    compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("a", 2));
    assert_eq!(world.claims()[&host("a.test")].namespace_uid.as_deref(), Some("two"));
}

#[test]
fn a_namespace_that_is_gone_for_good_holds_nothing_once_namespaces_are_known() {
    let mut world = world();
    declare!(world, namespace("a", "one"), namespace("b", "two"));
    declare!(world, ingress("a/in", 1, &["a.test/ web"]), ingress("b/in", 2, &["a.test/ web"]));
    let mut compiler = Compiler::new();
    compiler.compile(&world);
    world.record(compiler.take_claims());
    world.take_changes();
    world.withdraw(&key(Kind::Ingress, "a/in"));
    world.withdraw(&key(Kind::Namespace, "a"));
    let changes = world.take_changes();
    compiler.recompile(&world, changes);
    assert_eq!(compiler.report().claims, [], "nobody said that all namespaces are known");
    world.know_namespaces(7);
    let changes = world.take_changes();
    let snapshot = compiler.recompile(&world, changes);
    assert_eq!(compiler.report().claims[0].state, ClaimState::Released(Timestamp(NOW)));
    assert!(snapshot.admit(&Host::parse("a.test").unwrap()).is_none());
    let waiting = reasons(compiler.report(), Kind::Ingress, "b/in");
    assert!(waiting.contains(&"HostQuarantined".to_owned()), "{waiting:?}");
    assert_eq!(compiler.deadline(), Some(Timestamp(NOW + 24 * 3600)));
}

#[test]
fn a_name_in_a_domain_is_released_with_its_namespace_and_stays_the_tenants() {
    let mut world = world();
    declare!(world, namespace("a", "one"), namespace("b", "two"));
    declare!(world, spec("acme", 1, &["a", "b"], &["*.x.test"]));
    declare!(world, ingress("a/in", 1, &["pr.x.test/ web"]));
    world.know_namespaces(7);
    compiled(&mut world);
    world.withdraw(&key(Kind::Ingress, "a/in"));
    world.withdraw(&key(Kind::Namespace, "a"));
    let (_, report) = compiled(&mut world);
    assert_eq!(report.claims[0].state, ClaimState::Released(Timestamp(NOW)));
    declare!(world, ingress("b/in", 1, &["pr.x.test/ web"]));
    compiled(&mut world);
    assert_eq!(owner(&world, "pr.x.test"), owned("tenant/acme", 2));
    assert_eq!(&*world.claims()[&host("pr.x.test")].namespace, "b");
}

#[test]
fn a_thousand_previews_leave_nothing_behind() {
    let mut world = world();
    world.records_nowhere();
    declare!(world, namespace("steady", "steady"), ingress("steady/in", 1, &["steady.test/ web"]));
    world.know_namespaces(1);
    let mut compiler = Compiler::new();
    let mut most = 0;
    for round in 0..1000 {
        let (name, host) = (format!("pr{round}"), format!("pr{round}.test/ web"));
        declare!(world, namespace(&name, &name), ingress(&format!("{name}/in"), 1, &[&host]));
        let mut step = |world: &mut World| {
            let changes = world.take_changes();
            compiler.recompile(world, changes);
            world.record(compiler.take_claims());
        };
        step(&mut world);
        world.withdraw(&key(Kind::Ingress, &format!("{name}/in")));
        world.withdraw(&key(Kind::Namespace, &name));
        step(&mut world);
        world.tell_time(Timestamp(NOW + round * 3600));
        most = most.max(world.claims().len());
    }
    // A day of quarantine and half a day of memory, one an hour.
    assert!(most <= 40, "{most}");
    assert_eq!(owner(&world, "steady.test"), owned("steady", 1));
}

#[test]
fn a_forgotten_name_is_anybodys_from_the_first_epoch_on() {
    let mut world = world();
    world.record([record("a.test", "a", 4, ClaimState::Released(Timestamp(NOW)))]);
    let mut compiler = Compiler::new();
    compiler.compile(&world);
    let mut deadlines = Vec::new();
    while let Some(deadline) = compiler.deadline() {
        deadlines.push(deadline.0 - NOW);
        world.tell_time(deadline);
        let changes = world.take_changes();
        compiler.recompile(&world, changes);
    }
    assert_eq!(deadlines, [24 * 3600, 36 * 3600]);
    assert!(world.claims().is_empty());
    declare!(world, ingress("b/in", 1, &["a.test/ web"]));
    compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("b", 1));
}

#[test]
fn a_released_name_is_dark_for_others_until_the_quarantine_ends() {
    let mut world = world();
    let released = ClaimState::Released(Timestamp(NOW - 3600));
    world.record([record("a.test", "a", 4, released), record("*.y.test", "a", 1, released)]);
    let mut catch_all = spec("b", 1, &["b"], &[]);
    catch_all.allow_catch_all = true;
    serve(&mut world, "b/web");
    declare!(world, catch_all, ingress("b/in", 2, &["a.test/ web", "c.y.test/ web", "/ web"]));
    let (_, report) = compiled(&mut world);
    for dark in ["a.test", "c.y.test", "e.d.y.test"] {
        assert_eq!(owner(&world, dark), None, "{dark}");
    }
    assert_eq!(owner(&world, "nobody.test"), owned("tenant/b", 1));
    assert_eq!(reasons(&report, Kind::Ingress, "b/in"), ["HostQuarantined", "HostQuarantined"]);
    let compiler_deadline = {
        let mut compiler = Compiler::new();
        compiler.compile(&world);
        compiler.deadline()
    };
    assert_eq!(compiler_deadline, Some(Timestamp(NOW - 3600 + 24 * 3600)));
    world.tell_time(compiler_deadline.unwrap());
    compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("tenant/b", 5));
}

#[test]
fn the_same_tenant_takes_its_name_back_at_once_and_keeps_the_epoch() {
    let mut world = world();
    world.record([record("a.test", "a", 4, ClaimState::Released(Timestamp(NOW)))]);
    declare!(world, ingress("b/in", 1, &["a.test/ web"]));
    let mut compiler = Compiler::new();
    compiler.compile(&world);
    world.take_changes();
    declare!(world, ingress("a/in", 2, &["a.test/ web"]));
    let changes = world.take_changes();
    let snapshot = compiler.recompile(&world, changes);
    let hosts = rendered(&snapshot, &world);
    assert_eq!((&hosts["a.test"]["tenant"], &hosts["a.test"]["epoch"]), (&"a".into(), &4.into()));
    // The one who waited is told that the name is another's now.
    let waiting = reasons(compiler.report(), Kind::Ingress, "b/in");
    assert!(waiting.contains(&"HostNotOwned".to_owned()), "{waiting:?}");
}

#[test]
fn a_claim_follows_its_namespace_to_another_tenant_with_a_new_epoch() {
    let mut world = world();
    declare!(world, ingress("a/in", 1, &["a.test/ web"]));
    let mut compiler = Compiler::new();
    compiler.compile(&world);
    world.record(compiler.report().claims.iter().cloned());
    declare!(world, spec("acme", 1, &["a"], &[]));
    compiler.compile(&world);
    let claims = &compiler.report().claims;
    assert_eq!((claims.len(), claims[0].epoch, claims[0].state), (1, 2, ClaimState::Held));
    world.record(claims.iter().cloned());
    assert_eq!(owner(&world, "a.test"), owned("tenant/acme", 2));
    compiler.compile(&world);
    assert!(compiler.report().claims.is_empty());
}

#[test]
fn names_that_nobody_may_have_are_refused() {
    let mut world = world();
    declare!(
        world,
        ingress("a/in", 1, &["localhost/ web", "*.test/ web", "co.uk/ web", "a.test/ web"])
    );
    let (snapshot, report) = compiled(&mut world);
    assert_eq!(rendered(&snapshot, &world).keys().collect::<Vec<_>>(), ["a.test"]);
    assert_eq!(reasons(&report, Kind::Ingress, "a/in")[..3], ["HostInvalid"; 3]);
}

#[test]
fn a_single_tenant_has_every_name_and_needs_no_claims() {
    let settings = Settings { tenancy: TenancyMode::Off, ..Settings::default() };
    let mut world = world_with(settings);
    serve(&mut world, "a/web");
    serve(&mut world, "b/web");
    declare!(
        world,
        ingress("a/in", 1, &["*.x.test/ web", "localhost/ web"]),
        ingress("b/in", 2, &["b.x.test/ web", "/ web"]),
    );
    let (snapshot, report) = compiled(&mut world);
    assert!(report.claims.is_empty() && report.findings.is_empty(), "{report:?}");
    let hosts = rendered(&snapshot, &world);
    assert_eq!(hosts.len(), 4);
    assert_eq!(hosts["b.x.test"]["routes"].as_array().unwrap().len(), 3);
    assert_eq!(owner(&world, "nobody.test"), owned("default", 1));
    assert_eq!(owner(&world, "intranet"), owned("default", 1));
}

#[test]
fn a_claim_of_a_namespace_without_tenant_is_released() {
    let settings = Settings { tenancy: TenancyMode::Declared, ..Settings::default() };
    let mut world = world_with(settings);
    world.record([record("a.test", "a", 1, ClaimState::Held)]);
    declare!(world, spec("b", 1, &["b"], &[]), ingress("b/in", 1, &["a.test/ web"]));
    let (_, report) = compiled(&mut world);
    assert_eq!(report.claims, [record("a.test", "a", 1, ClaimState::Released(Timestamp(NOW)))]);
    assert!(reasons(&report, Kind::Ingress, "b/in").contains(&"HostQuarantined".to_owned()));
    // The operator corrects the mistake: the name comes back, as if nothing had happened.
    declare!(world, spec("a", 2, &["a"], &[]), ingress("a/in", 9, &["a.test/ web"]));
    compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("tenant/a", 1));
}

#[test]
fn host_claim_objects_are_claims() {
    let mut world = world();
    let record = record("a.test", "a", 3, ClaimState::Held);
    let origin = Origin::bare(ObjectKey::new(Kind::HostClaim, "", "x"));
    world.declare(Object::HostClaim(Arc::new(HostClaim { origin, record, revision: None })));
    declare!(world, ingress("b/in", 1, &["a.test/ web"]));
    assert_eq!(owner(&world, "a.test"), owned("a", 3));
    assert_eq!(world.claims().keys().collect::<Vec<_>>(), [&HostPattern::parse("a.test").unwrap()]);
}
