// SPDX-License-Identifier: Apache-2.0
//! I9: a Tenant that cannot be read keeps its names, and nothing of it is served; while it is not known what is its
//! own, nobody is given what may be.

use postern_model::{ClaimRecord, ClaimState, Kind, Settings, Standing, TenancyMode, TenantSpec};

use crate::scenario::{
    VALID, compiled, declare, host, ingress, reasons, rendered, secret, serve, tenant, with_tls,
    world, world_with,
};

fn acme(standing: Standing) -> TenantSpec {
    let domains = vec![host("*.a.test"), host("a.test")];
    TenantSpec { standing, domains, ..tenant("acme", &["a"], &[]) }
}

fn nothing_known() -> TenantSpec {
    TenantSpec { standing: Standing::Unbounded, ..tenant("unread", &[], &[]) }
}

#[test]
fn a_closed_tenant_keeps_its_names_and_is_not_served() {
    let mut world = world();
    serve(&mut world, "a/web");
    serve(&mut world, "b/web");
    declare!(
        world,
        secret("a/cert", &["a.test", "x.test"], VALID),
        with_tls(ingress("a/in", 1, &["a.test/ web", "x.test/ web"]), "cert", &["a.test"]),
        ingress("b/in", 2, &["a.test/ web", "new.a.test/ web", "x.test/ web", "b.test/ web"]),
        acme(Standing::InForce),
    );
    compiled(&mut world);
    declare!(world, acme(Standing::Closed));
    let (snapshot, report) = compiled(&mut world);
    let hosts = rendered(&snapshot, &world);
    for name in ["a.test", "*.a.test", "x.test"] {
        assert_eq!(hosts[name]["tenant"], "tenant/acme", "{name}");
        assert_eq!(hosts[name]["routes"].as_array().map(Vec::len), Some(0), "{name}");
        assert_eq!(hosts[name]["tls"]["refused"], "no certificate", "{name}");
    }
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["NamespaceNotAdmitted"]);
    assert_eq!(reasons(&report, Kind::Ingress, "b/in"), ["HostNotOwned"; 3]);
    assert_eq!(hosts["b.test"]["routes"].as_array().map(Vec::len), Some(1));
    declare!(world, acme(Standing::InForce));
    let (snapshot, report) = compiled(&mut world);
    assert_eq!(rendered(&snapshot, &world)["a.test"]["routes"].as_array().map(Vec::len), Some(1));
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), [""; 0]);
}

#[test]
fn a_change_within_a_closed_tenant_opens_nothing() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(world, ingress("a/in", 1, &["a.test/ web"]), acme(Standing::Closed));
    let mut compiler = crate::Compiler::new();
    let mut step = |world: &mut postern_model::World| {
        let changes = world.take_changes();
        let snapshot = compiler.recompile(world, changes);
        world.record(compiler.take_claims());
        let all = rendered(&snapshot, world);
        assert!(all.values().all(|host| host["routes"].as_array().is_some_and(Vec::is_empty)));
        assert_eq!(all, rendered(&crate::compile(world).0, world), "as from scratch");
    };
    step(&mut world);
    declare!(
        world,
        ingress("a/in", 1, &["a.test/ web", "/any web"]),
        with_tls(ingress("a/more", 2, &["y.test/ web"]), "cert", &["y.test"]),
        secret("a/cert", &["y.test"], VALID),
    );
    step(&mut world);
    world.withdraw(&crate::scenario::key(Kind::Ingress, "a/more"));
    step(&mut world);
}

#[test]
fn while_a_tenant_may_own_anything_nobody_is_given_anything() {
    for mode in [TenancyMode::Namespace, TenancyMode::Declared] {
        let mut world = world_with(Settings { tenancy: mode, ..Settings::default() });
        ["a/web", "b/web"].iter().for_each(|name| serve(&mut world, name));
        let claim = |name: &str, namespace: &str| ClaimRecord {
            pattern: host(name),
            namespace: namespace.into(),
            namespace_uid: None,
            epoch: 4,
            state: ClaimState::Held,
        };
        world.record([claim("held.test", "a"), claim("b.test", "b")]);
        declare!(
            world,
            nothing_known(),
            acme(Standing::InForce),
            ingress("a/in", 1, &["a.test/ web", "held.test/ web", "free.test/ web"]),
            ingress("b/in", 2, &["b.test/ web", "free.test/ web"]),
        );
        let (snapshot, report) = compiled(&mut world);
        let hosts = rendered(&snapshot, &world);
        let served = |name: &str| {
            hosts.get(name).is_some_and(|h| h["routes"].as_array().is_some_and(|r| !r.is_empty()))
        };
        assert!(served("a.test") && served("held.test"), "what is its own stays");
        assert!(!served("free.test") && !served("b.test"));
        assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["HostNotOwned"]);
        assert!(
            report.claims.iter().all(|claim| claim.state == ClaimState::Held),
            "none is given up"
        );
        assert!(world.findings().any(|finding| &*finding.origin.key.namespace == "b"));
        // The operator mends it.
        declare!(world, tenant("unread", &["b"], &[]));
        let (snapshot, _) = compiled(&mut world);
        let hosts = rendered(&snapshot, &world);
        assert_eq!(
            (&hosts["b.test"]["epoch"], &hosts["b.test"]["tenant"]),
            (&4.into(), &"tenant/unread".into())
        );
        assert_eq!(hosts["free.test"]["tenant"], "tenant/acme");
    }
}

#[test]
fn a_single_team_has_no_tenants_to_close() {
    let mut world = world_with(Settings { tenancy: TenancyMode::Off, ..Settings::default() });
    serve(&mut world, "a/web");
    declare!(world, nothing_known(), acme(Standing::Closed), ingress("a/in", 1, &["a.test/ web"]));
    let (snapshot, _) = compiled(&mut world);
    assert_eq!(rendered(&snapshot, &world)["a.test"]["routes"].as_array().map(Vec::len), Some(1));
}
