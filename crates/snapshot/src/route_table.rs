// SPDX-License-Identifier: Apache-2.0
//! The routes of one host, in the order in which they are tried.

use std::cmp::Reverse;
use std::sync::Arc;

use postern_model::{EntryPointId, EntryPointSet, HostPattern, ObjectKey, PathMatch};

use crate::backend::BackendSlot;
use path_index::PathIndex;

mod path_index;

/// What a route does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forwards it to a backend of the route's tenant.
    Forward(BackendSlot),
    /// Answers 503: something that the route needs is missing, and it does not fall through to a weaker route (I9).
    Closed(Closed),
}

/// Why a route is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Its backend cannot be resolved.
    BackendUnresolved,
    /// A security-bearing reference cannot be honoured; the field's name.
    Unsupported(Arc<str>),
}

/// The order of routes within a host; the smallest is tried first.
///
/// The most specific host pattern first (Kubernetes Ingress, "Hostname wildcards"), default backends last, then priority
/// (Traefik: explicit, else the length of the rule), exact paths before prefixes of the same length, then the oldest
/// object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence {
    /// 0: the host itself; 1: its wildcard; 2: any host.
    pub host_rank: u8,
    /// Default backends come last.
    pub is_default: bool,
    /// Higher first.
    pub priority: Reverse<i64>,
    /// Ties: the age rank of the object within the tenant, then the rule's position.
    pub age: (bool, i64, Arc<str>, u32),
    /// Ties among equally old: the object.
    pub object: ObjectKey,
    /// Ties within one object.
    pub position: u32,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The object that declared it.
    pub object: ObjectKey,
    /// The field in that object.
    pub field: Arc<str>,
    /// The host as declared; nothing: every host of the tenant.
    pub host: Option<HostPattern>,
    /// Which paths.
    pub path: PathMatch,
    /// Where it is served.
    pub entry_points: EntryPointSet,
    /// Its place.
    pub precedence: Precedence,
    /// What it does.
    pub action: Action,
}

/// The routes of one host, sorted by precedence.
///
/// Those of its wildcard, and those of every host, stand in tables of their own that many hosts share: ten thousand hosts
/// times ten thousand rules without a host would otherwise be a hundred million entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    pub(crate) routes: Box<[Arc<Route>]>,
    /// Where there are many.
    index: Option<Box<PathIndex>>,
    after: Option<Arc<RouteTable>>,
}

impl RouteTable {
    /// Sorts the routes.
    pub fn new(mut routes: Vec<Arc<Route>>) -> Self {
        routes.sort_by(|a, b| a.precedence.cmp(&b.precedence));
        let index = PathIndex::new(&routes);
        Self { routes: routes.into_boxed_slice(), index, after: None }
    }

    /// With `after` behind it, whose routes are for less specific hosts: in the order of [`Precedence`] they come last.
    #[must_use]
    pub fn before(self, after: Arc<RouteTable>) -> Self {
        let after = (!after.routes.is_empty() || after.after.is_some()).then_some(after);
        Self { after, ..self }
    }

    /// The first route that matches.  `path` is in normal form ([`postern_model::path::normalize`]).
    pub fn find(&self, entry_point: EntryPointId, path: &str) -> Option<&Arc<Route>> {
        let is_it = |route: &&Arc<Route>| {
            route.entry_points.contains(entry_point) && matches(&route.path, path)
        };
        self.tables().find_map(|table| match &table.index {
            Some(index) => Some(&table.routes[index.find(&table.routes, entry_point, path)?]),
            None => table.routes.iter().find(is_it),
        })
    }

    /// All routes in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.tables().flat_map(|table| table.routes.iter())
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |table| table.after.as_deref())
    }
}

/// Whether a path condition holds for a path in normal form.
pub fn matches(condition: &PathMatch, path: &str) -> bool {
    match condition {
        PathMatch::Exact(exact) => path == &**exact,
        PathMatch::StringPrefix(prefix) => path.starts_with(&**prefix),
        // Kubernetes: element by element, and a trailing slash of the prefix is ignored.
        PathMatch::Prefix(prefix) => {
            let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    }
}

#[cfg(test)]
mod tests;
