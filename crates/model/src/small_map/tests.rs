// SPDX-License-Identifier: Apache-2.0
//! A small map does what a tree does, whatever its size.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u32),
    Remove(u8),
    Add(u8),
    Retain(u8),
}

fn step() -> impl Strategy<Value = Step> {
    // Few keys, so that sizes go up and down across the border.
    let key = 0u8..14;
    prop_oneof![
        6 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        6 => key.clone().prop_map(Step::Remove),
        3 => key.clone().prop_map(Step::Add),
        1 => key.prop_map(Step::Retain),
    ]
}

proptest! {
    #[test]
    fn it_does_what_a_tree_does(steps in prop::collection::vec(step(), 0..200)) {
        let (mut small, mut tree) = (SmallMap::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(small.insert(key, value), tree.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(small.remove(&key), tree.remove(&key)),
                Step::Add(key) => {
                    *small.or_default(key) ^= 1;
                    *tree.entry(key).or_default() ^= 1;
                }
                Step::Retain(least) => {
                    small.retain(|key, _| *key >= least);
                    tree.retain(|key, _| *key >= least);
                }
            }
            prop_assert!(small.iter().eq(tree.iter()));
            prop_assert_eq!(small.len(), tree.len());
            for key in 0..14 {
                prop_assert_eq!(small.get(&key), tree.get(&key));
                prop_assert_eq!(small.get_mut(&key), tree.get_mut(&key));
                prop_assert_eq!(small.contains_key(&key), tree.contains_key(&key));
                prop_assert_eq!(small.first_after(&key), tree.range(key + 1..).next().map(|e| e.0));
            }
            prop_assert!(small.keys().eq(tree.keys()) && small.values().eq(tree.values()));
            prop_assert!(small.values_mut().eq(tree.values_mut()));
        }
        let copy: SmallMap<_, _> = small.clone().into_iter().collect();
        prop_assert!(copy.into_iter().eq(tree));
    }
}

#[test]
fn a_map_of_one_holds_its_element_and_no_more() {
    let mut map = SmallMap::default();
    assert!(map.is_empty());
    map.insert("one", 1);
    let Elements::Few(few) = &map.0 else { panic!("one is few") };
    assert_eq!(few.capacity(), 1);
    assert_eq!(size_of_val(&map), size_of::<Vec<()>>());
}
