// SPDX-License-Identifier: Apache-2.0
//! Which hosts of an object are served nowhere.  Nearly every object serves all of its own, which costs nothing.

use std::collections::BTreeSet;

use postern_model::{HttpRoutes, Unserved};

/// What of an object is served nowhere, if these of its rules, in their order, lead nowhere.
pub(super) fn unserved(routes: &HttpRoutes, lost: &[u32]) -> Option<Unserved> {
    if lost.is_empty() {
        return None;
    }
    let mut lost = lost.iter().copied().peekable();
    let (mut served, mut doubtful) = (BTreeSet::new(), BTreeSet::new());
    for (number, rule) in (0..).zip(&routes.rules) {
        let is_lost = lost.next_if_eq(&number).is_some();
        if is_lost { &mut doubtful } else { &mut served }.insert(&rule.host);
    }
    if served.is_empty() {
        return Some(Unserved::Everything);
    }
    let mut hosts = doubtful.difference(&served).map(|host| (*host).clone()).peekable();
    hosts.peek().is_some().then(|| Unserved::hosts(hosts))
}

#[cfg(test)]
mod tests;
