// SPDX-License-Identifier: Apache-2.0
//! What is filed, and what counts as a change.

mod unreadable;

use super::*;
use crate::backend::ServiceKind;
use crate::claim::{ClaimState, HostClaim};
use crate::finding::Reason;
use crate::settings::TenancyMode;

fn claim(epoch: u64) -> Object {
    let record = ClaimRecord {
        pattern: HostPattern::parse("a.example.org").unwrap(),
        namespace: "acme".into(),
        namespace_uid: None,
        epoch,
        state: ClaimState::Held,
    };
    let key = ObjectKey::new(Kind::HostClaim, "", "a");
    Object::HostClaim(Arc::new(HostClaim { origin: Origin::bare(key), record, revision: None }))
}

#[test]
fn a_recorded_claim_that_comes_back_is_no_change() {
    let mut world = World::new(Settings::default());
    world.take_changes();
    world.declare(claim(1));
    assert!(matches!(world.take_changes(), Changes::Everything));
    world.declare(claim(1));
    assert!(matches!(world.take_changes(), Changes::None));
    world.declare(claim(2));
    assert!(matches!(world.take_changes(), Changes::Everything));
    world.withdraw(claim(2).key());
    assert!(matches!(world.take_changes(), Changes::None));
    assert_eq!(world.claims().values().next().map(|claim| claim.epoch), Some(2));
}

#[test]
fn an_object_that_comes_again_unchanged_is_not_kept_twice() {
    let mut world = World::new(Settings::default());
    let service = || {
        let origin = Origin::bare(ObjectKey::new(Kind::Service, "acme", "web"));
        let kind = ServiceKind::Endpoints;
        Arc::new(Service { origin, kind, ports: vec![], pass_host_header: true })
    };
    let first = service();
    world.declare(Object::Service(first.clone()));
    world.take_changes();
    world.declare(Object::Service(service()));
    assert!(matches!(world.take_changes(), Changes::None));
    let (_, tenant) = world.tenants().next().unwrap();
    let kept = tenant.namespaces.get("acme").and_then(|acme| acme.services.get("web")).unwrap();
    assert!(Arc::ptr_eq(kept, &first), "whoever compiled the first one holds it");
}

#[test]
fn slices_stand_in_order_and_move_with_their_label() {
    let mut world = World::new(Settings::default());
    let slice = |name: &str, service: &str| {
        let origin = Origin::bare(ObjectKey::new(Kind::EndpointSlice, "acme", name));
        let service = service.into();
        Object::EndpointSlice(Arc::new(EndpointSlice {
            origin,
            service,
            ports: vec![],
            endpoints: vec![],
        }))
    };
    let of = |world: &World, service: &str| -> Vec<String> {
        let (_, tenant) = world.tenants().next().unwrap();
        let slices = tenant.namespaces.get("acme").and_then(|acme| acme.slices.get(service));
        let names = slices.into_iter().flatten().map(|slice| slice.origin.key.name.to_string());
        names.collect()
    };
    for name in ["b", "c", "a", "b"] {
        world.declare(slice(name, "web"));
    }
    assert_eq!(of(&world, "web"), ["a", "b", "c"]);
    world.declare(slice("b", "api"));
    world.withdraw(slice("c", "web").key());
    assert_eq!((of(&world, "web"), of(&world, "api")), (vec!["a".into()], vec!["b".into()]));
    world.withdraw(slice("b", "api").key());
    assert!(of(&world, "api").is_empty());
}

fn namespace(name: &str, uid: &str) -> Object {
    let key = ObjectKey::new(Kind::Namespace, "", name);
    let origin = Origin { uid: Some(uid.into()), ..Origin::bare(key) };
    Object::Namespace(Arc::new(Namespace {
        origin,
        labels: [("team".into(), "acme".into())].into(),
    }))
}

fn tenant(pins: &[(&str, &str)], by_label: bool) -> Object {
    let origin = Origin::bare(ObjectKey::new(Kind::Tenant, "", "acme"));
    let labels = by_label.then(|| ("team".into(), "acme".into()));
    Object::Tenant(Arc::new(TenantSpec {
        standing: Default::default(),
        namespaces: if by_label { [].into() } else { ["web".into()].into() },
        namespace_labels: labels.into_iter().collect(),
        domains: Vec::new(),
        entry_points: Vec::new(),
        allow_catch_all: false,
        require_tls13: false,
        pinned: pins.iter().map(|(name, uid)| ((*name).into(), (*uid).into())).collect(),
        ..TenantSpec::unread(origin)
    }))
}

#[test]
fn a_namespace_that_was_made_anew_is_not_the_tenants_until_it_is_confirmed() {
    for by_label in [false, true] {
        for mode in [TenancyMode::Namespace, TenancyMode::Declared] {
            let mut world = World::new(Settings { tenancy: mode, ..Settings::default() });
            let owner = |world: &World| world.tenancy().tenant_of("web").map(|id| id.to_string());
            world.declare(namespace("web", "1"));
            world.declare(tenant(&[("web", "1")], by_label));
            assert_eq!(owner(&world).as_deref(), Some("tenant/acme"));
            world.declare(namespace("web", "2"));
            let alone = (mode == TenancyMode::Namespace).then_some("web");
            assert_eq!(owner(&world).as_deref(), alone);
            let told: Vec<_> = world.findings().map(|finding| finding.reason).collect();
            assert_eq!(told, [Reason::NamespaceReplaced]);
            // The operator takes the namespace out, which removes the pin, and puts it back.
            world.declare(tenant(&[], by_label));
            assert_eq!(owner(&world).as_deref(), Some("tenant/acme"));
            assert_eq!(world.findings().count(), 0);
        }
    }
}

#[test]
fn pinning_what_is_there_is_no_news() {
    let mut world = World::new(Settings::default());
    world.declare(namespace("web", "1"));
    world.declare(tenant(&[], false));
    world.take_changes();
    world.declare(tenant(&[("web", "1")], false));
    assert!(matches!(world.take_changes(), Changes::None));
    world.declare(namespace("web", "2"));
    assert!(matches!(world.take_changes(), Changes::Everything));
    assert_eq!(world.tenancy().tenant_of("web").unwrap().to_string(), "web");
}
