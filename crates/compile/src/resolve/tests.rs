// SPDX-License-Identifier: Apache-2.0
//! What a reference may reach, for every pair of places and every grant.

use postern_model::{Grant, GrantFrom, GrantTo, Kind, World};

use super::*;
use crate::scenario::{VALID, declare, origin, secret, service, world_with};
use postern_model::{Settings, TenantSpec};

/// Namespaces `a` and `a2` are one tenant, `b` is another; `s` exists in all three.
fn world(cross_namespace: bool, grants: &[Grant]) -> World {
    let settings = Settings { allow_cross_namespace: cross_namespace, ..Settings::default() };
    let mut world = world_with(settings);
    let spec = TenantSpec {
        standing: Default::default(),
        namespaces: ["a", "a2"].map(Arc::from).into(),
        namespace_labels: BTreeMap::new(),
        domains: Vec::new(),
        entry_points: Vec::new(),
        allow_catch_all: false,
        require_tls13: false,
        ..TenantSpec::unread(origin(Kind::Tenant, "acme", 0))
    };
    declare!(world, spec);
    for namespace in ["a", "a2", "b"] {
        let name = format!("{namespace}/s");
        declare!(world, secret(&name, &["x.test"], VALID), service(&name));
    }
    for grant in grants {
        declare!(world, grant.clone());
    }
    world
}

fn grant(namespace: &str, from: (&str, &str, &str), to: (&str, &str, Option<&str>)) -> Grant {
    Grant {
        origin: origin(Kind::ReferenceGrant, &format!("{namespace}/g"), 0),
        from: vec![GrantFrom {
            group: from.0.into(),
            kind: from.1.into(),
            namespace: from.2.into(),
        }],
        to: vec![GrantTo { group: to.0.into(), kind: to.1.into(), name: to.2.map(Arc::from) }],
    }
}

const INGRESS_OF_A: (&str, &str, &str) = ("networking.k8s.io", "Ingress", "a");

/// What an Ingress in namespace `a` gets when it refers to that Secret.
fn asked(world: &World, namespace: &str, name: &str) -> Result<String, Unresolved> {
    let ledger = crate::ledger::Ledger::open(world, &Default::default()).0;
    let tenant = world.tenancy().tenant_of("a").unwrap();
    let lent = ledger.lent(world, &tenant);
    let own = world.tenant(&tenant).unwrap();
    let view = TenantView::new(own, lent, world.settings().allow_cross_namespace);
    let from = Referrer { kind: Kind::Ingress, namespace: "a" };
    view.resolve(from, &Ref::<Secret>::new(namespace, name)).map(|s| s.origin.key.to_string())
}

#[test]
fn the_own_namespace_is_open() {
    let world = world(false, &[]);
    assert_eq!(asked(&world, "a", "s").as_deref(), Ok("Secret a/s"));
    assert_eq!(asked(&world, "a", "gone"), Err(Unresolved::NotFound));
}

#[test]
fn another_namespace_of_the_tenant_needs_the_operator_or_a_grant() {
    assert_eq!(asked(&world(false, &[]), "a2", "s"), Err(Unresolved::NotPermitted));
    assert_eq!(asked(&world(true, &[]), "a2", "s").as_deref(), Ok("Secret a2/s"));
    let grant = grant("a2", INGRESS_OF_A, ("", "Secret", None));
    assert_eq!(asked(&world(false, &[grant]), "a2", "s").as_deref(), Ok("Secret a2/s"));
}

#[test]
fn another_tenant_must_grant_exactly_that() {
    assert_eq!(asked(&world(true, &[]), "b", "s"), Err(Unresolved::NotPermitted));
    for (from, to, permitted) in [
        (INGRESS_OF_A, ("", "Secret", None), true),
        (INGRESS_OF_A, ("", "Secret", Some("s")), true),
        (INGRESS_OF_A, ("", "Secret", Some("other")), false),
        (INGRESS_OF_A, ("", "Service", None), false),
        (INGRESS_OF_A, ("apps", "Secret", None), false),
        (("networking.k8s.io", "Ingress", "a2"), ("", "Secret", None), false),
        (("networking.k8s.io", "Ingress", "b"), ("", "Secret", None), false),
        (("gateway.networking.k8s.io", "HTTPRoute", "a"), ("", "Secret", None), false),
        (("", "Ingress", "a"), ("", "Secret", None), false),
    ] {
        let world = world(true, &[grant("b", from, to)]);
        let expected =
            if permitted { Ok("Secret b/s".to_owned()) } else { Err(Unresolved::NotPermitted) };
        assert_eq!(asked(&world, "b", "s"), expected, "{from:?} {to:?}");
    }
}

#[test]
fn a_refusal_does_not_tell_what_exists() {
    let world = world(true, &[]);
    for (namespace, name) in [("b", "s"), ("b", "gone"), ("nowhere", "s")] {
        assert_eq!(asked(&world, namespace, name), Err(Unresolved::NotPermitted));
    }
    // A grant in the borrower's own namespace lends nothing of others.
    let own = grant("a", INGRESS_OF_A, ("", "Secret", None));
    let world = self::world(true, &[own]);
    assert_eq!(asked(&world, "b", "s"), Err(Unresolved::NotPermitted));
}

#[test]
fn a_grant_that_goes_takes_the_permission_along() {
    let mut world = world(false, &[grant("b", INGRESS_OF_A, ("", "Secret", None))]);
    assert!(asked(&world, "b", "s").is_ok());
    world.withdraw(&crate::scenario::key(Kind::ReferenceGrant, "b/g"));
    assert_eq!(asked(&world, "b", "s"), Err(Unresolved::NotPermitted));
}
