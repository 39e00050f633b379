// SPDX-License-Identifier: Apache-2.0
//! Properties of whole compiles.

use postern_model::{Changes, Object, Settings, TenancyMode, World};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generated::{Seen, Step, begin, object, start, step};
use crate::{Compiler, compile};

fn seen(world: &World) -> Seen {
    let (snapshot, report) = compile(world);
    Seen::of(world, &snapshot, &report)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recompiling_after_any_changes_gives_what_compiling_from_scratch_gives(
        start in start(),
        batches in vec(vec(step(), 1..4), 1..10),
    ) {
        let mut world = begin(start);
        let mut compiler = Compiler::new();
        for batch in batches {
            batch.iter().for_each(|step| step.take(&mut world));
            let changes = world.take_changes();
            let snapshot = compiler.recompile(&world, changes);
            let incremental = Seen::of(&world, &snapshot, compiler.report());
            prop_assert_eq!(&incremental, &seen(&world));
            world.record(compiler.report().claims.iter().cloned());
            let snapshot = compiler.recompile(&world, Changes::None);
            let again = Seen::of(&world, &snapshot, compiler.report());
            prop_assert_eq!(again.render, incremental.render);
            prop_assert!(again.report.claims.is_empty());
        }
    }

    #[test]
    fn other_tenants_change_nothing_for_one_who_was_there(
        start in start(),
        objects in vec(object(), 1..12),
        others in vec(step(), 1..16),
    ) {
        let of_a = |object: &Object| &*object.key().namespace == "a";
        let (settings, specs) = start;
        let settings = Settings { tenancy: TenancyMode::Namespace, ..settings };
        let mut world = begin((settings, specs));
        objects.iter().filter(|object| of_a(object)).for_each(|o| world.declare(o.clone()));
        let (_, report) = compile(&world);
        world.record(report.claims);
        let alone = seen(&world).only("a");
        let mut compiler = Compiler::new();
        compiler.compile(&world);
        for step in others {
            match &step {
                Step::Declare(object) if !of_a(object) => {}
                Step::Withdraw(key) if &*key.namespace != "a" => {}
                _ => continue,
            }
            if matches!(&step, Step::Declare(Object::Namespace(n)) if &*n.origin.key.name == "a") {
                continue;
            }
            step.take(&mut world);
        }
        prop_assert_eq!(&seen(&world).only("a"), &alone);
        let changes = world.take_changes();
        let snapshot = compiler.recompile(&world, changes);
        prop_assert_eq!(&Seen::of(&world, &snapshot, compiler.report()).only("a"), &alone);
    }

    #[test]
    fn ownership_is_the_same_for_every_order_of_declaration(
        start in start(),
        objects in vec(object(), 1..12),
        order in any::<u64>(),
    ) {
        let mut distinct: Vec<Object> = Vec::new();
        for object in objects {
            if distinct.iter().all(|other| other.key() != object.key()) {
                distinct.push(object);
            }
        }
        let mut one = begin(start.clone());
        distinct.iter().for_each(|object| one.declare(object.clone()));
        let mut rest = order;
        for at in (1..distinct.len()).rev() {
            distinct.swap(at, usize::try_from(rest % (at as u64 + 1)).unwrap());
            rest = rest.rotate_right(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let mut other = begin(start);
        distinct.iter().for_each(|object| other.declare(object.clone()));
        prop_assert_eq!(seen(&one), seen(&other));
    }
}
