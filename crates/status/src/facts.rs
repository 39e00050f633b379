// SPDX-License-Identifier: Apache-2.0
//! What one compile has to tell the cluster: which routes are served, which claims hold, and what was found.
//!
//! It is the whole state, never a difference: whoever becomes the leader, whenever, writes what is missing.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use postern_model::{
    ClaimRecord, Finding, HostPattern, HttpRoutes, ObjectKey, Origin, Report, Severity, TenantId,
    Unserved, World,
};

/// The state after one compile, as far as status is about it.
#[derive(Debug, Default)]
pub struct Facts {
    pub(crate) routes: Vec<Route>,
    pub(crate) tenants: Vec<TenantFacts>,
    pub(crate) claims: Vec<Claim>,
    /// Claims that have outlived their use: what their HostClaims say.
    pub(crate) outlived: Vec<ClaimRecord>,
    pub(crate) namespaces: HashMap<Arc<str>, NamespaceFacts>,
    /// Warnings and errors.
    pub(crate) findings: BTreeMap<ObjectKey, Vec<Finding>>,
}

/// An object with routes that is ours.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) routes: Arc<HttpRoutes>,
    pub(crate) tenant: Arc<str>,
    /// What of it is not served: usually nothing.
    unserved: Option<Unserved>,
    /// Whether any of its hosts is served.
    pub(crate) is_served: bool,
    /// Of the hosts that are served.
    pub(crate) fingerprint: u64,
}

impl Route {
    /// Its hosts that are served; none among them stands for "every host that the tenant owns".
    pub(crate) fn hosts(&self) -> BTreeSet<Option<&HostPattern>> {
        served_hosts(&self.routes, self.unserved.as_ref())
    }
}

/// A Tenant object.
#[derive(Debug)]
pub(crate) struct TenantFacts {
    pub(crate) origin: Origin,
    pub(crate) label: Arc<str>,
    pub(crate) domains: Vec<HostPattern>,
    /// The namespaces that are its own, with their UIDs.
    pub(crate) namespaces: BTreeMap<Arc<str>, Option<Arc<str>>>,
    /// The namespaces that it lists and that do not exist.
    pub(crate) missing: BTreeSet<Arc<str>>,
    /// The namespaces that were created anew, and are not its own any more.
    pub(crate) replaced: BTreeSet<Arc<str>>,
    /// The namespaces whose UIDs are to be remembered although they are not its own now: those that were replaced, and
    /// those that are gone and may come back.
    pub(crate) remembered: BTreeMap<Arc<str>, Arc<str>>,
}

/// A claim that holds in memory only.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) wanted: ClaimRecord,
    /// What its HostClaim said when the claim was decided on.
    pub(crate) recorded: Option<ClaimRecord>,
}

/// A namespace of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceFacts {
    pub(crate) tenant: Arc<str>,
    pub(crate) uid: Option<Arc<str>>,
}

impl Facts {
    /// Takes from a world and the report of its last compile what the cluster is to be told.  `is_ours` says whether an
    /// object is served by this installation (its class and namespace); others' objects are never written to.
    ///
    /// Call it after [`World::record`]: claims that are not recorded yet are asked of the world.
    pub fn gather(world: &World, report: &Report, is_ours: impl Fn(&HttpRoutes) -> bool) -> Self {
        let mut facts = Self { findings: findings(world, report), ..Self::default() };
        facts.read_namespaces(world);
        facts.read_routes(world, report, is_ours);
        facts.claims = world
            .unrecorded()
            .iter()
            .filter_map(|(pattern, recorded)| {
                let wanted = world.claims().get(pattern)?.clone();
                Some(Claim { wanted, recorded: recorded.cloned() })
            })
            .collect();
        facts.outlived = world.outlived().cloned().collect();
        facts
    }

    fn read_namespaces(&mut self, world: &World) {
        let tenancy = world.tenancy();
        let mut own: HashMap<TenantId, BTreeMap<Arc<str>, Option<Arc<str>>>> = HashMap::new();
        for (name, namespace) in world.namespaces() {
            let Some(tenant) = tenancy.tenant_of(name) else { continue };
            let uid = namespace.origin.uid.clone();
            let label = tenant.to_string().into();
            self.namespaces
                .insert(name.clone(), NamespaceFacts { tenant: label, uid: uid.clone() });
            if tenancy.spec(&tenant).is_some() {
                own.entry(tenant).or_default().insert(name.clone(), uid);
            }
        }
        for (id, spec) in tenancy.specs() {
            let missing = spec.namespaces.iter();
            let missing = missing.filter(|name| !world.namespaces().contains_key(*name));
            let replaced: BTreeSet<_> = tenancy.replaced(id).cloned().collect();
            let has_selector = !spec.namespace_labels.is_empty();
            let is_remembered = |name: &Arc<str>| {
                let is_gone = !world.namespaces().contains_key(name);
                let may_return = has_selector || spec.namespaces.contains(name);
                replaced.contains(name) || is_gone && may_return
            };
            let remembered = spec.pinned.iter().filter(|(name, _)| is_remembered(name));
            let remembered = remembered.map(|(name, uid)| (name.clone(), uid.clone())).collect();
            self.tenants.push(TenantFacts {
                origin: spec.origin.clone(),
                label: id.to_string().into(),
                domains: spec.domains.clone(),
                namespaces: own.remove(id).unwrap_or_default(),
                missing: missing.cloned().collect(),
                replaced,
                remembered,
            });
        }
    }

    fn read_routes(
        &mut self,
        world: &World,
        report: &Report,
        is_ours: impl Fn(&HttpRoutes) -> bool,
    ) {
        for (id, model) in world.tenants() {
            let tenant: Arc<str> = id.to_string().into();
            let routes = model.namespaces.values().flat_map(|namespace| namespace.routes.values());
            for routes in routes.filter(|routes| is_ours(routes)) {
                let unserved = report.unserved.get(&routes.origin.key);
                let served = served_hosts(routes, unserved);
                let mut hasher = DefaultHasher::new();
                served.hash(&mut hasher);
                self.routes.push(Route {
                    routes: routes.clone(),
                    tenant: tenant.clone(),
                    unserved: unserved.cloned(),
                    is_served: !served.is_empty(),
                    fingerprint: hasher.finish(),
                });
            }
        }
    }

    /// The name of the tenant of a namespace, or of nobody's.
    pub(crate) fn tenant_of(&self, namespace: &str) -> Arc<str> {
        self.namespaces.get(namespace).map_or_else(|| Arc::from(""), |facts| facts.tenant.clone())
    }

    /// What was found about an object.
    pub(crate) fn about(&self, key: &ObjectKey) -> &[Finding] {
        self.findings.get(key).map_or(&[], Vec::as_slice)
    }
}

fn findings(world: &World, report: &Report) -> BTreeMap<ObjectKey, Vec<Finding>> {
    let mut findings: BTreeMap<ObjectKey, Vec<Finding>> = BTreeMap::new();
    let all = world.findings().chain(report.findings.values().flatten().cloned());
    for finding in all.filter(|finding| finding.severity > Severity::Info) {
        findings.entry(finding.origin.key.clone()).or_default().push(finding);
    }
    findings
}

/// The hosts of an object that are served; none among them stands for "every host that the tenant owns".
fn served_hosts<'a>(
    routes: &'a HttpRoutes,
    unserved: Option<&Unserved>,
) -> BTreeSet<Option<&'a HostPattern>> {
    let all = routes.rules.iter().map(|rule| rule.host.as_ref());
    all.filter(|host| unserved.is_none_or(|unserved| !unserved.contains(*host))).collect()
}

#[cfg(test)]
pub(crate) mod tests;
