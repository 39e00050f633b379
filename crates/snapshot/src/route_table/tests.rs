// SPDX-License-Identifier: Apache-2.0
//! Which route a path finds, with an index and without.

use std::time::Instant;

use postern_model::{EntryPointSet, Kind};

use super::*;

const WEB: EntryPointId = EntryPointId(0);
const WEBSECURE: EntryPointId = EntryPointId(1);

/// The table of "Path types / Examples" in the Kubernetes documentation of Ingress.
#[test]
fn path_types_are_those_of_kubernetes() {
    let prefix = |p: &str| PathMatch::Prefix(p.into());
    let exact = |p: &str| PathMatch::Exact(p.into());
    for (condition, path, expected) in [
        (prefix("/"), "/any/path", true),
        (exact("/foo"), "/foo", true),
        (exact("/foo"), "/bar", false),
        (exact("/foo"), "/foo/", false),
        (exact("/foo/"), "/foo", false),
        (prefix("/foo"), "/foo", true),
        (prefix("/foo"), "/foo/", true),
        (prefix("/foo/"), "/foo", true),
        (prefix("/foo/"), "/foo/", true),
        (prefix("/aaa/bb"), "/aaa/bbb", false),
        (prefix("/aaa/bbb"), "/aaa/bbb", true),
        (prefix("/aaa/bbb/"), "/aaa/bbb", true),
        (prefix("/aaa/bbb"), "/aaa/bbb/", true),
        (prefix("/aaa/bbb"), "/aaa/bbb/ccc", true),
        (prefix("/aaa/bbb"), "/aaa/bbbxyz", false),
        (prefix("/foo"), "/Foo", false),
        (PathMatch::StringPrefix("/foo".into()), "/foobar", true),
    ] {
        assert_eq!(matches(&condition, path), expected, "{condition:?} {path}");
    }
}

fn route(path: PathMatch, entry_points: EntryPointSet, priority: i64, position: u32) -> Arc<Route> {
    let object = ObjectKey::new(Kind::Ingress, "ns", "app");
    Arc::new(Route {
        object: object.clone(),
        field: format!("spec.rules[{position}]").into(),
        host: None,
        path,
        entry_points,
        precedence: Precedence {
            host_rank: 0,
            is_default: false,
            priority: Reverse(priority),
            age: (false, 0, "".into(), 0),
            object,
            position,
        },
        action: Action::Forward(BackendSlot(position)),
    })
}

/// The definition: the first of all in their order.
fn linear<'a>(table: &'a RouteTable, at: EntryPointId, path: &str) -> Option<&'a Arc<Route>> {
    table.iter().find(|route| route.entry_points.contains(at) && matches(&route.path, path))
}

/// Numbers that look random, the same in each run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// Of few letters, so that paths begin with each other.
    fn path(&mut self) -> String {
        let letters = ["/", "a", "b", "/a", "\u{e9}"];
        let count = self.below(6);
        (0..count).fold("/".to_owned(), |path, _| path + letters[self.below(5) as usize])
    }

    fn routes(&mut self, count: u32) -> Vec<Arc<Route>> {
        let one = |position| {
            let path = self.path().into();
            let path = match self.below(3) {
                0 => PathMatch::Exact(path),
                1 => PathMatch::Prefix(path),
                _ => PathMatch::StringPrefix(path),
            };
            let entry_points = match self.below(4) {
                0 => EntryPointSet::NONE.with(WEB),
                1 => EntryPointSet::NONE.with(WEBSECURE),
                2 => EntryPointSet::NONE,
                _ => EntryPointSet::NONE.with(WEB).with(WEBSECURE),
            };
            route(path, entry_points, i64::try_from(self.below(4)).unwrap(), position)
        };
        (0..count).map(one).collect()
    }
}

#[test]
fn the_index_finds_what_looking_at_each_route_finds() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..3_000 {
        let count = u32::try_from(numbers.below(60)).unwrap();
        let behind = RouteTable::new(numbers.routes(round % 12));
        let table = RouteTable::new(numbers.routes(count)).before(Arc::new(behind));
        assert_eq!(table.index.is_some(), count > 8);
        for _ in 0..20 {
            let path = numbers.path();
            for at in [WEB, WEBSECURE, EntryPointId(2)] {
                let (found, expected) = (table.find(at, &path), linear(&table, at, &path));
                let same = found.map(Arc::as_ptr) == expected.map(Arc::as_ptr);
                assert!(same, "{path}: {found:?} and not {expected:?}");
            }
        }
    }
}

#[test]
fn thousands_of_routes_with_one_path_are_one_for_the_index() {
    let web = EntryPointSet::NONE.with(WEB);
    let mut routes: Vec<_> =
        (0..5_000).map(|n| route(PathMatch::Exact("/".into()), web, 0, n)).collect();
    routes.push(route(PathMatch::Exact("/".into()), web.with(WEBSECURE), 0, 5_000));
    let table = RouteTable::new(routes);
    assert_eq!(table.index.as_ref().unwrap().reachable(), 2);
    assert_eq!(table.find(WEBSECURE, "/").unwrap().precedence.position, 5_000);
    assert_eq!(table.iter().count(), 5_001);
}

/// What one tenant can make of its routes, for a request that begins with all of them.
#[test]
fn thousands_of_paths_that_begin_with_each_other_are_not_compared_one_by_one() {
    let web = EntryPointSet::NONE.with(WEB);
    let deep = 8_000;
    let path = "/a".repeat(deep);
    // The shortest is the first: each longer one is looked at before.
    let routes = (1..=deep).map(|n| {
        let position = u32::try_from(n).unwrap();
        route(PathMatch::Prefix(path[..2 * n].into()), web, -i64::from(position), position)
    });
    let table = RouteTable::new(routes.collect());
    let quickest = |work: &dyn Fn() -> usize, expected: usize| {
        let once = || {
            let start = Instant::now();
            assert_eq!(work(), expected);
            start.elapsed()
        };
        (0..10).map(|_| once()).min()
    };
    let find = || table.find(WEB, &path).map_or(0, |route| route.precedence.position as usize);
    let compare = || table.iter().filter(|route| matches(&route.path, &path)).count();
    assert!(quickest(&find, 1) < quickest(&compare, deep));
}

#[test]
fn a_table_takes_no_more_memory_than_before_there_was_an_index() {
    // With the two counts of its `Arc` it is 48 bytes, a size that the allocator has: 40 took as many.
    assert_eq!(size_of::<RouteTable>(), 32);
    let one = RouteTable::new(Numbers(1).routes(1));
    assert!(one.index.is_none());
}
