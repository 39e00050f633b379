// SPDX-License-Identifier: Apache-2.0
//! What is told to be served is what a request finds.

use postern_model::{
    Changes, EntryPointSelection, HttpRoutes, Kind, Report, Settings, Unserved, World,
};

use crate::Compiler;
use crate::scenario::{
    compiled, declare, host, ingress, key, serve, service, slice, tenant, world, world_with,
};

fn told(report: &Report, name: &str) -> Option<Unserved> {
    report.unserved.get(&key(Kind::Ingress, name)).cloned()
}

/// What is told of an Ingress with rules for two hosts, the first of them twice.
fn only(change: impl FnOnce(&mut HttpRoutes)) -> Option<Unserved> {
    let mut world = world();
    serve(&mut world, "a/web");
    let mut routes = ingress("a/in", 1, &["a.test/ web", "a.test/foo web", "b.test/ web"]);
    change(&mut routes);
    declare!(world, routes);
    told(&compiled(&mut world).1, "a/in")
}

fn hosts(names: &[&str]) -> Option<Unserved> {
    Some(Unserved::hosts(names.iter().map(|name| Some(host(name)))))
}

fn nowhere() -> EntryPointSelection {
    EntryPointSelection::Named(vec!["gone".into()])
}

#[test]
fn nothing_is_told_of_an_object_that_is_served() {
    assert_eq!(only(|_| ()), None);
    assert_eq!(only(|routes| routes.rules[1].entry_points = nowhere()), None, "the other answers");
}

#[test]
fn a_host_without_an_entry_point_is_not_served() {
    let narrow = |routes: &mut HttpRoutes| routes.rules[2].entry_points = nowhere();
    assert_eq!(only(narrow), hosts(&["b.test"]));
    let all = |routes: &mut HttpRoutes| {
        routes.rules.iter_mut().for_each(|rule| rule.entry_points = nowhere());
    };
    assert_eq!(only(all), Some(Unserved::Everything));
}

#[test]
fn a_host_is_not_served_whose_rules_are_all_closed() {
    let close = |rules: std::ops::Range<usize>| {
        only(|routes| {
            routes.rules[rules].iter_mut().for_each(|rule| rule.closed_by = vec!["guard".into()]);
        })
    };
    assert_eq!(close(0..1), None);
    assert_eq!(close(0..2), hosts(&["a.test"]));
    assert_eq!(close(0..3), Some(Unserved::Everything));
    assert_eq!(only(|routes| routes.rules[2].backend = None), hosts(&["b.test"]));
}

#[test]
fn a_tenant_that_may_not_use_the_entry_point_is_not_served() {
    let mut world = world();
    serve(&mut world, "a/web");
    let spec = tenant("acme", &["a"], &["web"]);
    let mut secure = ingress("a/secure", 1, &["c.test/ web"]);
    secure.rules[0].entry_points = EntryPointSelection::Named(vec!["websecure".into()]);
    declare!(world, spec, secure, ingress("a/clear", 2, &["d.test/ web"]));
    let (_, report) = compiled(&mut world);
    assert_eq!(told(&report, "a/secure"), Some(Unserved::Everything));
    assert_eq!(told(&report, "a/clear"), None);
}

#[test]
fn names_of_others_and_objects_beyond_a_limit_are_not_served() {
    let mut world = world_with(Settings { max_routes: Some(2), ..Settings::default() });
    serve(&mut world, "a/web");
    serve(&mut world, "b/web");
    declare!(world, ingress("a/in", 1, &["a.test/ web"]));
    declare!(world, ingress("b/in", 2, &["a.test/ web", "b.test/ web"]));
    declare!(world, ingress("b/late", 3, &["c.test/ web"]));
    let (_, report) = compiled(&mut world);
    assert_eq!(told(&report, "a/in"), None);
    assert_eq!(told(&report, "b/in"), hosts(&["a.test"]));
    assert_eq!(told(&report, "b/late"), Some(Unserved::Everything));
}

fn recompiled(compiler: &mut Compiler, world: &mut World) -> Option<Unserved> {
    let changes = world.take_changes();
    assert!(!matches!(changes, Changes::Everything), "a change of one object");
    compiler.recompile(world, changes);
    told(compiler.report(), "a/in")
}

#[test]
fn what_is_told_follows_what_is_compiled() {
    let mut world = world();
    let mut compiler = Compiler::new();
    declare!(world, ingress("a/in", 1, &["a.test/ web"]));
    compiler.compile(&world);
    world.record(compiler.take_claims());
    world.take_changes();
    assert_eq!(told(compiler.report(), "a/in"), Some(Unserved::Everything), "there is no Service");
    serve(&mut world, "a/web");
    assert_eq!(recompiled(&mut compiler, &mut world), None);
    world.withdraw(&key(Kind::Service, "a/web"));
    assert_eq!(recompiled(&mut compiler, &mut world), Some(Unserved::Everything));
    world.withdraw(&key(Kind::Ingress, "a/in"));
    assert_eq!(recompiled(&mut compiler, &mut world), None);
}

#[test]
fn pods_that_come_and_go_change_nothing_that_is_told() {
    for allow_empty_services in [true, false] {
        let mut world = world_with(Settings { allow_empty_services, ..Settings::default() });
        declare!(world, service("a/web"), slice("a/web", &[]));
        declare!(world, ingress("a/in", 1, &["a.test/ web"]));
        let (_, report) = compiled(&mut world);
        assert_eq!(told(&report, "a/in"), None);
    }
}
