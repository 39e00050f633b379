// SPDX-License-Identifier: Apache-2.0
//! What is filed, and what counts as a change.

use super::*;
use crate::claim::{ClaimState, HostClaim};

fn claim(epoch: u64) -> Object {
    let record = ClaimRecord {
        pattern: HostPattern::parse("a.example.org").unwrap(),
        namespace: "acme".into(),
        namespace_uid: None,
        epoch,
        state: ClaimState::Held,
    };
    let key = ObjectKey::new(Kind::HostClaim, "", "a");
    Object::HostClaim(Arc::new(HostClaim { origin: Origin::bare(key), record }))
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
        let slices = tenant.namespaces["acme"].slices.get(service);
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
