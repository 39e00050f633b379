// SPDX-License-Identifier: Apache-2.0
//! What one change costs among ten thousand hosts: the work must not grow with what others, or the tenant itself, have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_model::{Changes, Object, Settings, World};
use postern_snapshot::Certificate;

use crate::Compiler;
use crate::scenario::{
    Declared, VALID, Validity, declare, ingress, secret, serve, slice, with_tls, world, world_with,
};

const HOSTS: usize = 10_000;

/// As many hosts as said, in so many namespaces, each with an Ingress, a Secret, a Service and a slice.
fn large(tenants: usize) -> World {
    let settings = Settings { max_hosts: None, max_routes: Some(1_000_000), ..Settings::default() };
    let mut world = world_with(settings);
    let template = secret("x/x", &["h.test"], VALID);
    for number in 0..HOSTS {
        let namespace = format!("n{}", number % tenants);
        let name = |kind: &str| format!("{namespace}/{kind}{number}");
        serve(&mut world, &name("web"));
        let mut secret = template.clone();
        secret.origin.key.namespace = namespace.as_str().into();
        secret.origin.key.name = format!("cert{number}").into();
        let host = format!("h{number}.test");
        let rule = format!("{host}/ web{number}");
        let routes = ingress(&name("in"), 1, &[&rule]);
        declare!(world, secret, with_tls(routes, &format!("cert{number}"), &[&host]));
    }
    world
}

fn cost(
    compiler: &mut Compiler,
    world: &mut World,
    mut change: impl FnMut(usize) -> Object,
) -> Duration {
    let mut costs: Vec<Duration> = (0..21)
        .map(|round| {
            world.declare(change(round));
            let changes = world.take_changes();
            assert!(matches!(&changes, Changes::Some(changes) if changes.len() == 1));
            let start = Instant::now();
            drop(compiler.recompile(world, changes));
            let cost = start.elapsed();
            world.record(compiler.report().claims.iter().cloned());
            cost
        })
        .collect();
    costs.sort();
    costs[10]
}

fn measure(tenants: usize) -> Vec<(&'static str, Duration)> {
    let mut world = large(tenants);
    let mut compiler = Compiler::new();
    let start = Instant::now();
    drop(compiler.compile(&world));
    let scratch = start.elapsed();
    world.record(compiler.report().claims.iter().cloned());
    world.take_changes();
    let certificates = [VALID, Validity(-5, 80)].map(|v| secret("n7/cert7", &["h7.test"], v));
    let costs = vec![
        ("from scratch", scratch),
        (
            "endpoints",
            cost(&mut compiler, &mut world, |round| {
                slice("n7/web7", &[["10.0.0.2", "10.0.0.3"][round % 2]]).object()
            }),
        ),
        (
            "secret",
            cost(&mut compiler, &mut world, |round| certificates[round % 2].clone().object()),
        ),
        (
            "ingress",
            cost(&mut compiler, &mut world, |round| {
                ingress("n7/in7", 1, &[["h7.test/ web7", "h7.test/a web7"][round % 2]]).object()
            }),
        ),
        (
            "new host",
            cost(&mut compiler, &mut world, |round| {
                ingress("n7/new", 1, &[&format!("new{round}.test/ web7")]).object()
            }),
        ),
        (
            "service",
            cost(&mut compiler, &mut world, |round| {
                let mut service = crate::scenario::service("n7/web7");
                service.pass_host_header = round % 2 == 1;
                service.object()
            }),
        ),
    ];
    costs
}

/// Generous, since it also runs unoptimised and beside other tests; release builds take under a millisecond.
#[test]
fn one_change_among_ten_thousand_hosts_costs_little() {
    for tenants in [1, 1000] {
        let costs = measure(tenants);
        println!("{tenants} tenants: {costs:?}");
        for (what, cost) in costs.into_iter().skip(1) {
            assert!(cost < Duration::from_millis(50), "{what} among {tenants} tenants: {cost:?}");
        }
    }
}

/// Ten thousand hosts times ten thousand such rules would be a hundred million entries, made anew by every change.
#[test]
fn hosts_share_the_rules_that_are_for_all_of_them() {
    let mut world = world();
    serve(&mut world, "a/web");
    let hosts: Vec<String> = (0..100).map(|n| format!("h{n}.x.test/own web")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    declare!(
        world,
        ingress("a/hosts", 1, &hosts),
        ingress("a/wildcard", 2, &["*.x.test/wild web"]),
        ingress("a/hostless", 3, &["/any web"]),
    );
    let mut compiler = Compiler::new();
    let mut snapshot = compiler.compile(&world);
    for round in 4..7 {
        let host = postern_model::Host::parse("h7.x.test").unwrap();
        let admission = snapshot.admit(&host).unwrap();
        let paths: Vec<_> = admission.routes().map(|route| route.path.clone()).collect();
        assert_eq!(paths.len(), 3, "{paths:?}");
        for route in admission.routes().skip(1) {
            let copies = Arc::strong_count(route);
            assert!(copies < 10, "{copies} of {:?}", route.path);
        }
        world.record(compiler.report().claims.iter().cloned());
        declare!(world, ingress("a/wildcard", round, &["*.x.test/wild web"]));
        let changes = world.take_changes();
        snapshot = compiler.recompile(&world, changes);
    }
}

#[test]
fn a_secret_is_parsed_once() {
    let mut world = large_with_one_secret();
    let mut compiler = Compiler::new();
    let first = compiler.compile(&world);
    world.record(compiler.report().claims.iter().cloned());
    let second = compiler.compile(&world);
    let profile = |snapshot: &postern_snapshot::Snapshot, host: &str| {
        let host = postern_model::Host::parse(host).unwrap();
        match snapshot.admit(&host).unwrap().tls() {
            postern_snapshot::TlsDecision::Serve(profile) => profile.clone(),
            refused => panic!("{refused:?}"),
        }
    };
    assert!(Arc::ptr_eq(&profile(&first, "a.x.test"), &profile(&first, "b.x.test")));
    assert!(Arc::ptr_eq(&profile(&first, "a.x.test"), &profile(&second, "b.x.test")));
    let certificate: &Arc<Certificate> = &profile(&first, "a.x.test").certificate().clone();
    assert!(Arc::ptr_eq(certificate, profile(&second, "a.x.test").certificate()));
}

fn large_with_one_secret() -> World {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(
        world,
        secret("a/cert", &["*.x.test"], VALID),
        with_tls(ingress("a/one", 1, &["a.x.test/ web"]), "cert", &[]),
        with_tls(ingress("a/two", 1, &["b.x.test/ web"]), "cert", &["*.x.test"]),
    );
    world
}

/// A hundred hosts times a thousand rules would be a hundred thousand routes; a tenant may declare many more.
#[test]
fn a_rendered_snapshot_grows_with_what_is_declared() {
    let mut world = world();
    serve(&mut world, "a/web");
    let hosts: Vec<String> = (0..100).map(|n| format!("h{n}.x.test/own web")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let rules: Vec<String> = (0..1000).map(|n| format!("/any{n} web")).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    declare!(world, ingress("a/hosts", 1, &hosts), ingress("a/hostless", 3, &rules));
    let (snapshot, _) = crate::scenario::compiled(&mut world);
    let hosts = crate::scenario::rendered(&snapshot, &world);
    let routes = hosts.values().map(|host| host["routes"].as_array().unwrap().len());
    assert_eq!(routes.sum::<usize>(), 1100);
    assert_eq!(hosts["h99.x.test"]["sharedRoutes"][0]["like"], "h0.x.test");
    assert_eq!(hosts["h99.x.test"]["sharedRoutes"][0]["count"], 1000);
}
