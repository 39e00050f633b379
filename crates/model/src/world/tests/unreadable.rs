// SPDX-License-Identifier: Apache-2.0
//! What stays in force of an object that cannot be read any more.

use super::*;
use crate::tenant::Standing;

fn acme(standing: Standing, namespaces: &[&str], domains: &[&str]) -> Object {
    let origin = Origin::bare(ObjectKey::new(Kind::Tenant, "", "acme"));
    Object::Tenant(Arc::new(TenantSpec {
        standing,
        namespaces: namespaces.iter().map(|name| Arc::from(*name)).collect(),
        domains: domains.iter().map(|name| HostPattern::parse(name).unwrap()).collect(),
        ..TenantSpec::unread(origin)
    }))
}

/// Standing, namespaces and domains.
fn told(world: &World) -> (Standing, Vec<String>, Vec<String>) {
    let (_, spec) = world.tenancy().specs().next().unwrap();
    let namespaces = spec.namespaces.iter().map(|name| name.to_string()).collect();
    (spec.standing, namespaces, spec.domains.iter().map(ToString::to_string).collect())
}

fn expected(
    standing: Standing,
    ns: &[&str],
    domains: &[&str],
) -> (Standing, Vec<String>, Vec<String>) {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    (standing, texts(ns), texts(domains))
}

#[test]
fn a_tenant_that_cannot_be_read_any_more_keeps_what_it_had() {
    let mut world = World::new(Settings::default());
    world.declare(acme(Standing::InForce, &["web"], &["*.a.test"]));
    world.declare(acme(Standing::Unbounded, &[], &[]));
    assert_eq!(told(&world), expected(Standing::Closed, &["web"], &["*.a.test"]));
    world.declare(acme(Standing::Closed, &["api"], &["b.test"]));
    assert_eq!(told(&world), expected(Standing::Closed, &["api", "web"], &["b.test", "*.a.test"]));
    // What is read again counts alone.
    world.declare(acme(Standing::InForce, &["api"], &[]));
    assert_eq!(told(&world), expected(Standing::InForce, &["api"], &[]));
    world.withdraw(acme(Standing::Closed, &[], &[]).key());
    assert_eq!(world.tenancy().specs().count(), 0);
}

#[test]
fn a_tenant_that_could_never_be_read_is_unbounded_from_the_start_only() {
    let mut world = World::new(Settings::default());
    world.declare(acme(Standing::Unbounded, &[], &[]));
    assert_eq!((told(&world).0, world.tenancy().tenant_of("web")), (Standing::Unbounded, None));
    world.take_changes();
    world.declare(acme(Standing::Unbounded, &["api"], &[]));
    assert_eq!((told(&world).0, world.tenancy().tenant_of("web")), (Standing::Unbounded, None));
    assert!(world.tenancy().tenant_of("api").is_some());
    world.withdraw(acme(Standing::Unbounded, &[], &[]).key());
    assert!(world.tenancy().tenant_of("web").is_some());
    // It comes into a world that is served: nobody had anything of it.
    world.declare(acme(Standing::Unbounded, &[], &[]));
    assert_eq!(told(&world).0, Standing::Closed);
    assert!(world.tenancy().tenant_of("web").is_some());
}

#[test]
fn a_claim_that_cannot_be_read_any_more_stays_as_it_is() {
    let mut world = World::new(Settings::default());
    world.declare(claim(3));
    let Object::HostClaim(read) = claim(3) else { return };
    let record = ClaimRecord {
        namespace: "".into(),
        epoch: 0,
        state: HostClaim::CLOSED,
        ..read.record.clone()
    };
    let closed = HostClaim { record: record.clone(), ..(*read).clone() };
    world.declare(Object::HostClaim(Arc::new(closed.clone())));
    assert_eq!(world.claims().values().next(), Some(&read.record));
    let mut fresh = World::new(Settings::default());
    fresh.declare(Object::HostClaim(Arc::new(closed)));
    assert_eq!(fresh.claims().values().next(), Some(&record));
}
