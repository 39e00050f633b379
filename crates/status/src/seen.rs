// SPDX-License-Identifier: Apache-2.0
//! The cluster as the leader has seen it: what differs from it is written, and nothing else.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use postern_api::crd::Tenant;

use crate::view::{Key, SeenClaim, SeenIngress, version};
use crate::watch::Change;

/// Objects as they were last seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) ingresses: HashMap<Key, SeenIngress>,
    pub(crate) tenants: HashMap<Arc<str>, Tenant>,
    /// Boxed, since a table is never full, and there may be tens of thousands.
    pub(crate) claims: HashMap<Arc<str>, Box<SeenClaim>>,
    /// Whether the claims were listed: before that, none can be said to be missing.
    pub(crate) claims_listed: bool,
}

/// Something with an order of its states.
pub(crate) trait Versioned {
    /// Greater is later.
    fn version(&self) -> u64;
}

impl Versioned for SeenIngress {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for Tenant {
    fn version(&self) -> u64 {
        version(&self.metadata)
    }
}

impl Versioned for Box<SeenClaim> {
    fn version(&self) -> u64 {
        SeenClaim::version(self)
    }
}

/// Takes in a state unless a later one is known: the answer to a write may overtake the watch.  True if it was taken.
pub(crate) fn put<K: Eq + Hash, T: Versioned>(map: &mut HashMap<K, T>, key: K, object: T) -> bool {
    if map.get(&key).is_some_and(|known| known.version() > object.version()) {
        return false;
    }
    map.insert(key, object);
    true
}

/// Takes in what has happened to objects that are in the cluster's scope.
pub(crate) fn follow<T: Versioned>(map: &mut HashMap<Arc<str>, T>, change: Change<T>) {
    match change {
        Change::All(objects) => {
            let mut before = std::mem::take(map);
            for ((_, name), object) in objects {
                let known = before.remove(&name);
                let later = known.filter(|known| known.version() > object.version());
                map.insert(name, later.unwrap_or(object));
            }
        }
        Change::Put((_, name), object) => {
            put(map, name, object);
        }
        Change::Gone((_, name)) => {
            map.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingress(version: u64, uid: &str) -> SeenIngress {
        SeenIngress { version, uid: uid.into(), addresses: [].into() }
    }

    #[test]
    fn an_older_state_never_replaces_a_newer_one() {
        let mut map = HashMap::new();
        assert!(put(&mut map, "a", ingress(5, "x")));
        assert!(!put(&mut map, "a", ingress(4, "y")));
        assert!(put(&mut map, "a", ingress(5, "z")));
        assert_eq!(&*map["a"].uid, "z");
    }

    #[test]
    fn a_list_is_all_there_is() {
        let mut map = HashMap::new();
        let key = |name: &str| (Arc::from(""), Arc::from(name));
        follow(&mut map, Change::Put(key("gone"), ingress(1, "a")));
        follow(&mut map, Change::Put(key("written"), ingress(9, "new")));
        let all = vec![(key("written"), ingress(3, "old")), (key("fresh"), ingress(2, "b"))];
        follow(&mut map, Change::All(all));
        assert_eq!(map.len(), 2);
        assert_eq!(&*map["written"].uid, "new");
    }
}
