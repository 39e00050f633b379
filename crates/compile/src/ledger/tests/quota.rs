// SPDX-License-Identifier: Apache-2.0
//! How many names a tenant may claim: who loses does not hang on the order in which things are told, and nobody else
//! notices (attack H-15).

use std::time::{Duration, Instant};

use postern_model::{ClaimState, Kind, Settings, TenancyMode, TenantSpec, Timestamp, World};

use super::{namespace, owned, owner, record, spec};
use crate::Compiler;
use crate::scenario::{NOW, compiled, declare, host, ingress, key, reasons, serve, world_with};
use crate::tests::release;

fn limited(hosts: u32) -> World {
    world_with(Settings { max_hosts: Some(hosts), ..Settings::default() })
}

fn allowed(name: &str, namespaces: &[&str], domains: &[&str], hosts: u32) -> TenantSpec {
    TenantSpec { max_hosts: Some(hosts), ..spec(name, 1, namespaces, domains) }
}

fn recompiled(compiler: &mut Compiler, world: &mut World) {
    let changes = world.take_changes();
    compiler.recompile(world, changes);
    world.record(compiler.report().claims.iter().cloned());
}

#[test]
fn the_oldest_objects_names_fit_first_and_others_are_told_why() {
    let mut world = limited(2);
    declare!(
        world,
        ingress("b/late", 3, &["three.test/ web"]),
        ingress("b/first", 1, &["one.test/ web"]),
        ingress("b/second", 2, &["two.test/ web", "four.test/ web", "four.test/other web"]),
        ingress("a/in", 9, &["a.test/ web"]),
    );
    let (_, report) = compiled(&mut world);
    assert_eq!(world.claims().len(), 3, "{:?}", world.claims());
    assert_eq!(owner(&world, "two.test"), owned("b", 1));
    assert_eq!(owner(&world, "a.test"), owned("a", 1));
    for refused in ["three.test", "four.test"] {
        assert_eq!(owner(&world, refused), None, "{refused}");
    }
    let told = &report.findings[&key(Kind::Ingress, "b/second")];
    let told: Vec<_> =
        told.iter().filter(|f| f.reason.to_string() == "ClaimLimitReached").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(&*told[0].field, "spec.rules[1].host");
    assert_eq!(told[0].message, "the tenant may hold 2 hostnames, and it holds as many");
    assert!(reasons(&report, Kind::Ingress, "b/late").contains(&"ClaimLimitReached".to_owned()));
}

#[test]
fn incumbents_stay_when_the_limit_is_lowered_or_their_routes_go() {
    let mut world = limited(3);
    declare!(world, ingress("b/in", 1, &["one.test/ web", "two.test/ web", "three.test/ web"]));
    compiled(&mut world);
    declare!(world, allowed("b", &["b"], &[], 1), ingress("b/new", 0, &["four.test/ web"]));
    compiled(&mut world);
    world.withdraw(&key(Kind::Ingress, "b/in"));
    let (_, report) = compiled(&mut world);
    for name in ["one.test", "two.test", "three.test"] {
        assert_eq!(owner(&world, name), owned("tenant/b", 1), "{name}");
    }
    assert!(reasons(&report, Kind::Ingress, "b/new").contains(&"ClaimLimitReached".to_owned()));
    // Names that it does not use any more count: inventing ever new ones makes no more claims.
    assert_eq!(world.claims().len(), 3);
}

#[test]
fn a_name_that_is_released_makes_room_when_its_quarantine_ends() {
    let mut world = limited(1);
    let mut compiler = Compiler::new();
    declare!(world, ingress("b/old", 1, &["one.test/ web"]));
    recompiled(&mut compiler, &mut world);
    world.withdraw(&key(Kind::Ingress, "b/old"));
    declare!(world, ingress("b/new", 2, &["two.test/ web"]));
    recompiled(&mut compiler, &mut world);
    release(&mut world, &host("one.test"));
    recompiled(&mut compiler, &mut world);
    assert_eq!(owner(&world, "two.test"), None);
    assert_eq!(compiler.deadline(), Some(Timestamp(NOW + 24 * 3600)));
    world.tell_time(Timestamp(NOW + 24 * 3600));
    recompiled(&mut compiler, &mut world);
    assert_eq!(owner(&world, "two.test"), owned("b", 1));
    let waiting = reasons(compiler.report(), Kind::Ingress, "b/new");
    assert!(!waiting.contains(&"ClaimLimitReached".to_owned()), "{waiting:?}");
}

#[test]
fn a_namespace_that_is_made_anew_does_not_make_more_claims() {
    let mut world = limited(2);
    for round in 0..5 {
        declare!(world, namespace("b", &format!("uid{round}")));
        let rules = [0, 1, 2].map(|n| format!("h{round}-{n}.test/ web"));
        let rules: Vec<_> = rules.iter().map(String::as_str).collect();
        declare!(world, ingress("b/in", 1, &rules));
        compiled(&mut world);
    }
    assert_eq!(world.claims().len(), 2, "{:?}", world.claims());
}

#[test]
fn names_in_ones_own_domain_or_below_ones_own_wildcard_need_no_room() {
    let mut world = limited(1);
    serve(&mut world, "a/web");
    declare!(world, allowed("t", &["a"], &["*.a.test"], 1));
    declare!(world, ingress("a/in", 1, &["one.a.test/ web", "two.a.test/ web", "x.test/ web"]));
    declare!(world, ingress("b/in", 1, &["*.b.test/ web", "one.b.test/ web", "x.two.b.test/ web"]));
    let mut compiler = Compiler::new();
    recompiled(&mut compiler, &mut world);
    assert_eq!(owner(&world, "two.a.test"), owned("tenant/t", 1));
    assert_eq!(owner(&world, "one.b.test"), owned("b", 1));
    assert_eq!(owner(&world, "x.two.b.test"), owned("b", 1));
    assert_eq!(world.claims().len(), 2, "{:?}", world.claims());
    assert!(
        reasons(compiler.report(), Kind::Ingress, "a/in").contains(&"ClaimLimitReached".into())
    );
    assert!(
        !reasons(compiler.report(), Kind::Ingress, "b/in").contains(&"ClaimLimitReached".into())
    );
    // Without a claim, nothing is left of a name when its rules go.
    world.withdraw(&key(Kind::Ingress, "b/in"));
    recompiled(&mut compiler, &mut world);
    assert_eq!(owner(&world, "x.two.b.test"), None);
}

#[test]
fn who_waits_for_room_is_told_when_another_tenant_claims_the_name() {
    let mut world = limited(1);
    let mut compiler = Compiler::new();
    declare!(world, ingress("b/in", 1, &["b.test/ web", "w.x.test/ web"]));
    recompiled(&mut compiler, &mut world);
    declare!(world, ingress("a/in", 9, &["*.x.test/ web"]));
    recompiled(&mut compiler, &mut world);
    let told = reasons(compiler.report(), Kind::Ingress, "b/in");
    assert!(told.contains(&"HostNotOwned".to_owned()), "{told:?}");
    assert!(!told.contains(&"ClaimLimitReached".to_owned()), "{told:?}");
}

#[test]
fn a_name_that_is_only_mentioned_exceeds_nothing() {
    let mut world = limited(0);
    let routes = crate::scenario::with_tls(ingress("a/in", 1, &[]), "cert", &["a.test"]);
    declare!(world, routes);
    let (_, report) = compiled(&mut world);
    assert!(!reasons(&report, Kind::Ingress, "a/in").contains(&"ClaimLimitReached".to_owned()));
}

#[test]
fn the_last_tenant_takes_its_name_back_without_more_room() {
    let mut world = limited(1);
    world.record([record("a.test", "a", 4, ClaimState::Released(Timestamp(NOW)))]);
    declare!(world, ingress("a/in", 1, &["other.test/ web", "a.test/ web"]));
    compiled(&mut world);
    assert_eq!(owner(&world, "a.test"), owned("a", 4));
    assert_eq!(owner(&world, "other.test"), None);
}

#[test]
fn a_single_tenant_has_no_limit() {
    let settings = Settings {
        tenancy: TenancyMode::Off,
        max_hosts: Some(1),
        max_routes: Some(1),
        ..Settings::default()
    };
    let mut world = world_with(settings);
    declare!(world, ingress("a/in", 1, &["a.test/ web", "b.test/ web"]));
    declare!(world, ingress("b/in", 1, &["c.test/ web"]));
    let (_, report) = compiled(&mut world);
    assert!(report.findings.values().flatten().all(|f| f.reason.to_string() == "ServiceNotFound"));
    assert_eq!(owner(&world, "c.test"), owned("default", 1));
}

/// Generous, since it also runs unoptimised and beside other tests.
#[test]
fn ten_thousand_names_of_one_tenant_make_another_tenants_change_no_slower() {
    let mut world = world_with(Settings::default());
    let mut compiler = Compiler::new();
    for object in 0..100 {
        let rules: Vec<_> = (0..100).map(|n| format!("h{n}.b{object}.test/ web")).collect();
        let rules: Vec<_> = rules.iter().map(String::as_str).collect();
        declare!(world, ingress(&format!("b/in{object}"), object, &rules));
    }
    recompiled(&mut compiler, &mut world);
    assert_eq!(world.claims().len(), 5000);
    let mut costs: Vec<Duration> = (0..9)
        .map(|round| {
            declare!(world, ingress("a/in", 1, &[&format!("a{round}.test/ web")]));
            let start = Instant::now();
            recompiled(&mut compiler, &mut world);
            start.elapsed()
        })
        .collect();
    costs.sort();
    assert!(costs[4] < Duration::from_millis(50), "{costs:?}");
    assert_eq!(world.claims().len(), 5009);
    assert_eq!(owner(&world, "a8.test"), owned("a", 1));
}
