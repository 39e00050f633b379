// SPDX-License-Identifier: Apache-2.0
//! Rules turned into routes: where they are served, in which order, and what they do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use postern_model::{
    EntryPointSet, Finding, HostPattern, HttpRoutes, HttpRule, ObjectKey, Origin, PathMatch, Quoted,
};
use postern_snapshot::{Action, Closed, Precedence, Route};

use crate::backend::NoBackend;
use crate::notice;
use crate::resolve::Unresolved;
use crate::terms::Terms;

/// The routes of one declared host, or of no host, in order.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) routes: Vec<Arc<Route>>,
    /// Rules that can never be reached, by object.
    shadowed: BTreeMap<ObjectKey, Vec<Shadowed>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Shadowed {
    field: Arc<str>,
    /// The field of the rule that comes first, if it stands in the same object.
    by: Option<Arc<str>>,
}

impl Group {
    /// Takes an object's routes out.
    pub(crate) fn remove(&mut self, object: &ObjectKey) {
        self.routes.retain(|route| route.object != *object);
    }

    /// Puts the routes in order and finds those that can never be reached; says whose findings that can change.
    pub(crate) fn settle(&mut self) -> BTreeSet<ObjectKey> {
        self.routes.sort_by(|a, b| a.precedence.cmp(&b.precedence));
        let mut shadowed: BTreeMap<ObjectKey, Vec<Shadowed>> = BTreeMap::new();
        if self.routes.len() > 1 {
            let mut first: HashMap<_, &Route> = HashMap::new();
            for route in &self.routes {
                let same = (&route.path, route.entry_points, route.precedence.is_default);
                let winner = first.entry(same).or_insert(route);
                if std::ptr::eq(*winner, &**route) {
                    continue;
                }
                let by = (winner.object == route.object).then(|| winner.field.clone());
                let entry = shadowed.entry(route.object.clone()).or_default();
                entry.push(Shadowed { field: route.field.clone(), by });
            }
        }
        let changed = |a: &BTreeMap<_, _>, b: &BTreeMap<ObjectKey, _>| {
            let differs = a.iter().filter(|(object, fields)| b.get(*object) != Some(*fields));
            differs.map(|(object, _): (&ObjectKey, _)| object.clone()).collect::<BTreeSet<_>>()
        };
        let mut touched = changed(&self.shadowed, &shadowed);
        touched.append(&mut changed(&shadowed, &self.shadowed));
        self.shadowed = shadowed;
        touched
    }

    /// What is said about an object's rules in this group.
    pub(crate) fn findings(&self, origin: &Origin, out: &mut Vec<Finding>) {
        for shadowed in self.shadowed.get(&origin.key).into_iter().flatten() {
            let message = match &shadowed.by {
                Some(field) => format!("{field} has the same host and path and comes first"),
                None => "an object that comes first has a rule for the same host and path".into(),
            };
            out.push(notice::ROUTE_SHADOWED.about(origin, shadowed.field.clone(), message));
        }
    }
}

/// Where a rule stands.
#[derive(Clone, Copy)]
pub(crate) struct Position<'a> {
    pub(crate) routes: &'a HttpRoutes,
    pub(crate) rule: &'a HttpRule,
    pub(crate) number: u32,
}

impl Position<'_> {
    /// The route that the rule becomes.
    pub(crate) fn route(&self, entry_points: EntryPointSet, action: Action) -> Route {
        Route {
            object: self.routes.origin.key.clone(),
            field: self.rule.field.clone(),
            host: self.rule.host.clone(),
            path: self.rule.path.clone(),
            entry_points,
            precedence: self.precedence(),
            action,
        }
    }

    fn precedence(&self) -> Precedence {
        let origin = &self.routes.origin;
        let created = origin.created.map_or(0, |created| created.0);
        let (file, position) = match &origin.place {
            Some(place) => (place.file.clone(), place.position),
            None => (Arc::default(), 0),
        };
        Precedence {
            host_rank: match self.rule.host {
                Some(HostPattern::Exact(_)) => 0,
                Some(HostPattern::Wildcard(_)) => 1,
                None => 2,
            },
            is_default: self.rule.is_default,
            priority: Reverse(self.rule.priority.unwrap_or_else(|| implied_priority(self.rule))),
            age: (origin.created.is_none(), created, file, position),
            object: origin.key.clone(),
            position: self.number,
        }
    }
}

/// The length of the rule as Traefik would write it (`GetRulePriority`); an exact path counts one more than the same
/// prefix, so that it comes first.
fn implied_priority(rule: &HttpRule) -> i64 {
    let path = match &rule.path {
        PathMatch::Exact(path) => path.len() + 1,
        PathMatch::Prefix(path) | PathMatch::StringPrefix(path) => path.len(),
    };
    let path = "PathPrefix(``)".len() + path;
    let host = rule.host.as_ref().map_or(0, |host| {
        let wildcard = matches!(host, HostPattern::Wildcard(_));
        "Host(``) && ".len() + host.name().as_str().len() + if wildcard { 2 } else { 0 }
    });
    i64::try_from(host + path).unwrap_or(i64::MAX)
}

/// What is said about entry points that do not exist: once, although an object names them for all its rules.
pub(crate) fn unknown_entry_points(terms: &Terms, routes: &HttpRoutes) -> Vec<Finding> {
    let mut last = None;
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for rule in &routes.rules {
        if last.replace(&rule.entry_points) == Some(&rule.entry_points) {
            continue;
        }
        for name in terms.unknown_entry_points(&rule.entry_points) {
            if told.insert(name) {
                let message = format!("there is no entry point {}", Quoted(name));
                let finding = notice::ENTRY_POINT_NOT_FOUND;
                findings.push(finding.about(&routes.origin, rule.field.clone(), message));
            }
        }
    }
    findings
}

/// The entry points of a rule in a tenant's hands; nothing if it is served on none.
pub(crate) fn entry_points(
    terms: &Terms,
    allowed: EntryPointSet,
    at: Position<'_>,
    out: &mut Vec<Finding>,
) -> Option<EntryPointSet> {
    let chosen = terms.entry_points(&at.rule.entry_points, at.rule.tls).intersection(allowed);
    if chosen.is_empty() {
        let message = "the rule is served on no entry point";
        let origin = &at.routes.origin;
        out.push(notice::ENTRY_POINT_NONE.about(origin, at.rule.field.clone(), message));
        return None;
    }
    Some(chosen)
}

/// What is said about a rule whose backend leads nowhere.
pub(crate) fn no_backend(at: Position<'_>, reason: NoBackend) -> Finding {
    let service = at.rule.backend.as_ref().map_or("", |backend| backend.service.name());
    let service = Quoted(service);
    let field = format!("{}.backend", at.rule.field);
    let origin = &at.routes.origin;
    match reason {
        NoBackend::Unresolved(Unresolved::NotPermitted) => notice::REF_NOT_PERMITTED.about(
            origin,
            field,
            "the reference to a Service of another namespace is not permitted",
        ),
        NoBackend::Unresolved(Unresolved::NotFound) => {
            notice::SERVICE_NOT_FOUND.about(origin, field, format!("there is no Service {service}"))
        }
        NoBackend::ExternalName => notice::EXTERNAL_NAME.about(
            origin,
            field,
            format!("Service {service} is of type ExternalName, which is not allowed"),
        ),
        NoBackend::ExternalNameInside => notice::EXTERNAL_NAME.about(
            origin,
            field,
            format!(
                "the external name of Service {service} is no domain name outside of the cluster"
            ),
        ),
        NoBackend::NoSuchPort => notice::PORT_NOT_FOUND.about(
            origin,
            field,
            format!("Service {service} has no such port"),
        ),
    }
}

/// The action of a rule that is closed by its own words, whatever its backend.
pub(crate) fn closed(rule: &HttpRule) -> Option<Action> {
    if rule.closed_by.is_empty() {
        return None;
    }
    Some(Action::Closed(Closed::Unsupported(rule.closed_by.join(", ").into())))
}

#[cfg(test)]
mod tests;
