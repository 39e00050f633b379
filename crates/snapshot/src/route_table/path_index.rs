// SPDX-License-Identifier: Apache-2.0
//! Which of many routes match a path, without looking at each of them.
//!
//! The paths of all routes are sorted, and each knows the longest other one that it begins with.  Every path that a
//! request's path begins with is then the last one that is not greater than the request's, or one that this begins with:
//! whatever stands between a text and a longer one in sorted order begins with that text as well.

use std::sync::Arc;

use postern_model::{EntryPointId, EntryPointSet, PathMatch};

use super::Route;

/// With fewer routes, looking at each is as fast, and most hosts have one.
const WORTH_IT: usize = 8;

/// The paths of a table's routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathIndex {
    /// By path.
    nodes: Box<[Node]>,
    /// Of the routes of each node, in the order in which they are tried.
    positions: Box<[u32]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    /// The route whose path this is, and as much of it as counts.
    route: u32,
    length: u32,
    /// The longest path that this one begins with.
    parent: Option<u32>,
    /// The first route of this path and of all paths that it begins with; no route is `u32::MAX`.
    best: u32,
    /// Where its routes begin in `positions`; they end where the next node's begin.
    first: u32,
}

/// As much of a route's path as a request's path begins with, if the route matches it.
fn key(path: &PathMatch) -> &str {
    match path {
        PathMatch::Exact(path) | PathMatch::StringPrefix(path) => path,
        PathMatch::Prefix(path) => path.strip_suffix('/').unwrap_or(path),
    }
}

impl PathIndex {
    /// The index of routes that are in order, where there are so many that it is worth it.
    pub(super) fn new(routes: &[Arc<Route>]) -> Option<Box<Self>> {
        let count = u32::try_from(routes.len()).ok().filter(|_| routes.len() > WORTH_IT)?;
        let path = |position: u32| key(&routes[position as usize].path);
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_by(|a, b| path(*a).cmp(path(*b)).then(a.cmp(b)));
        let mut nodes: Vec<Node> = Vec::new();
        let mut positions = Vec::new();
        // What the current path begins with, the longest last.
        let mut open: Vec<u32> = Vec::new();
        for same in order.chunk_by(|a, b| path(*a) == path(*b)) {
            let text = path(same[0]);
            while open
                .last()
                .is_some_and(|node| !text.starts_with(path(nodes[*node as usize].route)))
            {
                open.pop();
            }
            let node = u32::try_from(nodes.len()).ok()?;
            let parent = open.last().copied();
            let first = positions.len();
            unshadowed(routes, same, &mut positions);
            let above = parent.map(|parent| nodes[parent as usize].best);
            nodes.push(Node {
                route: same[0],
                length: u32::try_from(text.len()).ok()?,
                parent,
                best: positions[first..].iter().copied().chain(above).min().unwrap_or(u32::MAX),
                first: u32::try_from(first).ok()?,
            });
            open.push(node);
        }
        Some(Box::new(Self { nodes: nodes.into(), positions: positions.into() }))
    }

    /// The position of the first route that matches.
    pub(super) fn find(
        &self,
        routes: &[Arc<Route>],
        entry_point: EntryPointId,
        path: &str,
    ) -> Option<usize> {
        let text = |node: &Node| key(&routes[node.route as usize].path);
        let after = self.nodes.partition_point(|node| text(node) <= path);
        let mut next = after.checked_sub(1);
        // Of the paths that the last one begins with, those are beginnings of `path` that are no longer than this.
        let shared = next.map_or(0, |last| common(text(&self.nodes[last]), path));
        let mut found: Option<u32> = None;
        while let Some(index) = next {
            let node = &self.nodes[index];
            if found.is_some_and(|found| found <= node.best) {
                break;
            }
            next = node.parent.map(|parent| parent as usize);
            if node.length as usize > shared {
                continue;
            }
            let rest = &path.as_bytes()[node.length as usize..];
            let end = self.nodes.get(index + 1).map(|node| node.first as usize);
            let end = end.unwrap_or(self.positions.len());
            let positions = &self.positions[node.first as usize..end];
            let best = positions.iter().copied().find(|position| {
                let route = &routes[*position as usize];
                route.entry_points.contains(entry_point) && goes_on(&route.path, rest)
            });
            found = found.into_iter().chain(best).min();
        }
        found.map(|position| position as usize)
    }

    /// How many routes it leads to.
    #[cfg(test)]
    pub(super) fn reachable(&self) -> usize {
        self.positions.len()
    }
}

/// Whether a route matches a path that begins with its [`key`], by what follows: what is known already is not compared
/// again, as thousands of long paths may begin with each other.
fn goes_on(path: &PathMatch, rest: &[u8]) -> bool {
    match path {
        PathMatch::Exact(_) => rest.is_empty(),
        PathMatch::StringPrefix(_) => true,
        PathMatch::Prefix(_) => rest.is_empty() || rest[0] == b'/',
    }
}

/// Of routes with one path, those that some request can reach: there are not more of them than entry points, for each
/// type of path.
fn unshadowed(routes: &[Arc<Route>], same: &[u32], into: &mut Vec<u32>) {
    let mut seen = [EntryPointSet::NONE; 3];
    into.extend(same.iter().filter(|position| {
        let route = &routes[**position as usize];
        let seen = match route.path {
            PathMatch::Exact(_) => &mut seen[0],
            PathMatch::Prefix(_) => &mut seen[1],
            PathMatch::StringPrefix(_) => &mut seen[2],
        };
        let is_new = seen.intersection(route.entry_points) != route.entry_points;
        *seen = seen.union(route.entry_points);
        is_new
    }));
}

/// How many bytes two texts begin with in common.
fn common(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}
