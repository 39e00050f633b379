// SPDX-License-Identifier: Apache-2.0
//! The unit of isolation: of compiling, serving, counting and reporting.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::finding::{Finding, Reason, Severity};
use crate::host::HostPattern;
use crate::key_exchange::KeyExchange;
use crate::origin::Origin;
use crate::settings::TenancyMode;

/// A tenant's identity.  Made only by [`Tenancy`]: nothing read from the wire or from an object's spec can become one.
///
/// ```
/// let id = postern_model::Tenancy::default().tenant_of("acme").expect("each namespace is a tenant");
/// assert_eq!(id.to_string(), "acme");
/// ```
/// ```compile_fail
/// let id: postern_model::TenantId = "acme".into();
/// assert_eq!(id.to_string(), "acme");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Identity);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Identity {
    Single,
    Namespace(Arc<str>),
    Declared(Arc<str>),
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Identity::Single => f.write_str("default"),
            Identity::Namespace(name) => f.write_str(name),
            // A kind in front, so that a Tenant object and a namespace of one name stay two tenants in every signal.
            Identity::Declared(name) => write!(f, "tenant/{name}"),
        }
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How much of a Tenant object could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// All of it.
    #[default]
    InForce,
    /// Not all of it: its namespaces and domains are kept for it, and nothing of it is served.
    Closed,
    /// Not even its namespaces and domains, nor are they known from before: whatever no other Tenant names may be its
    /// own, so that nobody is served it.
    Unbounded,
}

/// A `postern.dev/v1alpha1` Tenant: what the operator decides about one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSpec {
    /// Which Tenant object.
    pub origin: Origin,
    /// How much of it could be read.
    pub standing: Standing,
    /// Its namespaces, by name.
    pub namespaces: BTreeSet<Arc<str>>,
    /// Its namespaces, by labels that only the operator sets (`spec.namespaceSelector.matchLabels`).
    pub namespace_labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Names that only this tenant may use.
    pub domains: Vec<HostPattern>,
    /// The entry points that it may use; empty: all.
    pub entry_points: Vec<Arc<str>>,
    /// Whether its host-less rules also answer for names that nobody owns.
    pub allow_catch_all: bool,
    /// The lowest TLS version that it accepts is 1.3 (`spec.tls.minVersion: VersionTLS13`).
    pub require_tls13: bool,
    /// The groups for key exchange that it accepts (`spec.tls.curves`).
    pub key_exchange: KeyExchange,
    /// The most certificates and routes; none: the installation's limit.
    pub max_routes: Option<u32>,
    /// The most requests in flight; none: the installation's limit.
    pub max_requests_in_flight: Option<u32>,
    /// The most requests that begin in a second; none: any number.
    pub max_requests_per_second: Option<u32>,
    /// The most TLS handshakes that begin in a second; none: any number.
    pub max_handshakes_per_second: Option<u32>,
    /// The most client connections; none: the installation's limit.
    pub max_connections: Option<u32>,
    /// The most hostnames that it holds claims to; none: the installation's limit.
    pub max_hosts: Option<u32>,
    /// The UIDs of its namespaces when they were seen first (`status.namespaces`): a namespace that was deleted and
    /// created anew since then is not its own.
    pub pinned: BTreeMap<Arc<str>, Arc<str>>,
}

impl TenantSpec {
    /// A Tenant of which nothing could be read but which one it is.
    pub fn unread(origin: Origin) -> Self {
        Self {
            origin,
            standing: Standing::Unbounded,
            namespaces: BTreeSet::new(),
            namespace_labels: BTreeMap::new(),
            domains: Vec::new(),
            entry_points: Vec::new(),
            allow_catch_all: false,
            require_tls13: true,
            key_exchange: KeyExchange::Default,
            max_routes: None,
            max_requests_in_flight: None,
            max_requests_per_second: None,
            max_handshakes_per_second: None,
            max_connections: None,
            max_hosts: None,
            pinned: BTreeMap::new(),
        }
    }

    /// Whether nothing of the tenant is served, since its object could not be read in full.
    pub fn is_closed(&self) -> bool {
        self.standing != Standing::InForce
    }

    /// The same Tenant, of which nothing is served.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self { standing: self.standing.max(Standing::Closed), ..self.clone() }
    }

    /// What is in force when this is read after `before`, or after nothing in a world that was compiled already.
    ///
    /// An object that could not be read keeps what was reserved for it: that only keeps others out.  Its policy is not
    /// kept, and nothing of the tenant is served.  One that is unreadable from its first day was never in force, so
    /// that nobody loses anything by it.
    pub(crate) fn after(mut self, before: Option<&Self>, was_compiled: bool) -> Self {
        let Some(before) = before.filter(|_| self.is_closed()) else {
            if was_compiled {
                self.standing = self.standing.min(Standing::Closed);
            }
            return self;
        };
        if before.standing != Standing::Unbounded {
            self.standing = Standing::Closed;
        }
        self.namespaces.extend(before.namespaces.iter().cloned());
        for (key, value) in &before.namespace_labels {
            self.namespace_labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        let kept = before.domains.iter().filter(|domain| !self.domains.contains(domain));
        let kept: Vec<_> = kept.cloned().collect();
        self.domains.extend(kept);
        for (name, uid) in &before.pinned {
            self.pinned.entry(name.clone()).or_insert_with(|| uid.clone());
        }
        self.allow_catch_all |= before.allow_catch_all;
        self
    }

    /// Whether a namespace was deleted and created anew since it was pinned: then it inherits nothing, and is not the
    /// tenant's.  Where no UID is known, as in a folder of YAML, nobody can say so.
    pub fn was_replaced(
        &self,
        name: &str,
        namespaces: &BTreeMap<Arc<str>, Arc<Namespace>>,
    ) -> bool {
        let present = namespaces.get(name).and_then(|namespace| namespace.origin.uid.as_ref());
        let pinned = self.pinned.get(name);
        present.zip(pinned).is_some_and(|(present, pinned)| present != pinned)
    }

    /// Whether `after` draws the same boundary: nothing but pins differs, and none of those keeps a namespace out.
    pub(crate) fn differs_in_idle_pins_only(
        &self,
        after: &Self,
        namespaces: &BTreeMap<Arc<str>, Arc<Namespace>>,
    ) -> bool {
        let idle =
            |spec: &Self| !spec.pinned.keys().any(|name| spec.was_replaced(name, namespaces));
        idle(self) && idle(after) && Self { pinned: self.pinned.clone(), ..after.clone() } == *self
    }
}

/// A `v1` Namespace, as far as tenancy cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Which namespace.
    pub origin: Origin,
    /// Its labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

/// A `networking.k8s.io/v1` IngressClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressClass {
    /// Which class.
    pub origin: Origin,
    /// `spec.controller`
    pub controller: Arc<str>,
    /// Annotation `ingressclass.kubernetes.io/is-default-class`.
    pub is_default: bool,
}

/// The map from namespaces to tenants: the boundary, which only the operator can draw.
#[derive(Clone, Debug, Default)]
pub struct Tenancy {
    mode: TenancyMode,
    declared: BTreeMap<Arc<str>, TenantId>,
    specs: BTreeMap<TenantId, Arc<TenantSpec>>,
    /// Namespaces that a Tenant wants, and that were created anew since it had them.
    replaced: BTreeMap<TenantId, BTreeSet<Arc<str>>>,
    /// There is a Tenant of which it is not known what is its own.
    unbounded: bool,
}

impl Tenancy {
    /// Draws the boundary.  Where two Tenant objects want one namespace, the older has it; the younger one's namespace
    /// is named in a finding.
    pub fn settle<'a>(
        mode: TenancyMode,
        specs: impl Iterator<Item = &'a Arc<TenantSpec>>,
        namespaces: &BTreeMap<Arc<str>, Arc<Namespace>>,
    ) -> (Self, Vec<Finding>) {
        let mut tenancy = Self { mode, ..Self::default() };
        let mut findings = Vec::new();
        if mode == TenancyMode::Off {
            return (tenancy, findings);
        }
        let mut specs: Vec<_> = specs.collect();
        specs.sort_by(|a, b| a.origin.age().cmp(&b.origin.age()));
        tenancy.unbounded = specs.iter().any(|spec| spec.standing == Standing::Unbounded);
        for spec in specs {
            let id = TenantId(Identity::Declared(spec.origin.key.name.clone()));
            for name in wanted_namespaces(spec, namespaces) {
                if spec.was_replaced(&name, namespaces) {
                    findings.push(namespace_replaced(spec, &name));
                    tenancy.replaced.entry(id.clone()).or_default().insert(name);
                    continue;
                }
                let holder = tenancy.declared.entry(name.clone()).or_insert_with(|| id.clone());
                if *holder != id {
                    findings.push(namespace_taken(spec, &name));
                }
            }
            tenancy.specs.insert(id, spec.clone());
        }
        (tenancy, findings)
    }

    /// The tenant of a namespace; nothing in mode `declared` for a namespace that no Tenant lists, and in mode
    /// `namespace` while one that cannot be read may list it.
    pub fn tenant_of(&self, namespace: &str) -> Option<TenantId> {
        match self.mode {
            TenancyMode::Off => Some(TenantId(Identity::Single)),
            TenancyMode::Declared => self.declared.get(namespace).cloned(),
            TenancyMode::Namespace => self.declared.get(namespace).cloned().or_else(|| {
                (!self.unbounded).then(|| TenantId(Identity::Namespace(namespace.into())))
            }),
        }
    }

    /// Whether there is a Tenant of which it is not known what is its own.  Then nobody is given a name that they do not
    /// hold already: it may be that Tenant's.
    pub fn is_unbounded(&self) -> bool {
        self.unbounded
    }

    /// What the operator decided about a tenant.
    pub fn spec(&self, tenant: &TenantId) -> Option<&Arc<TenantSpec>> {
        self.specs.get(tenant)
    }

    /// Every declared tenant with its spec, in a fixed order.
    pub fn specs(&self) -> impl Iterator<Item = (&TenantId, &Arc<TenantSpec>)> {
        self.specs.iter()
    }

    /// The namespaces that a Tenant wants and that were created anew since they were pinned: not its own.
    pub fn replaced(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<str>> {
        self.replaced.get(tenant).into_iter().flatten()
    }

    /// Whether a tenant's host-less rules answer for names that nobody owns.
    pub fn allows_catch_all(&self, tenant: &TenantId) -> bool {
        tenant.0 == Identity::Single || self.spec(tenant).is_some_and(|spec| spec.allow_catch_all)
    }
}

fn wanted_namespaces(
    spec: &TenantSpec,
    namespaces: &BTreeMap<Arc<str>, Arc<Namespace>>,
) -> BTreeSet<Arc<str>> {
    let mut wanted = spec.namespaces.clone();
    if !spec.namespace_labels.is_empty() {
        let labelled = namespaces.iter().filter(|(_, namespace)| {
            spec.namespace_labels.iter().all(|(k, v)| namespace.labels.get(k) == Some(v))
        });
        wanted.extend(labelled.map(|(name, _)| name.clone()));
    }
    wanted
}

fn namespace_taken(spec: &TenantSpec, namespace: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        reason: Reason::TenantConflict,
        origin: spec.origin.clone(),
        field: "spec.namespaces".into(),
        message: format!("namespace {namespace} already belongs to an older Tenant"),
        remedy: "list the namespace in one Tenant only",
    }
}

fn namespace_replaced(spec: &TenantSpec, namespace: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        reason: Reason::NamespaceReplaced,
        origin: spec.origin.clone(),
        field: "spec.namespaces".into(),
        message: format!(
            "namespace {namespace} was deleted and created anew, and is not this Tenant's any more"
        ),
        remedy: "take it out of spec (or its label away), wait until it is gone from status.namespaces, and put it back",
    }
}

/// A finding about an object whose namespace belongs to no tenant.
pub(crate) fn not_admitted(tenancy: &Tenancy, origin: Origin) -> Finding {
    let namespace = &origin.key.namespace;
    let (message, remedy) = if tenancy.unbounded {
        (
            format!("a Tenant object cannot be read, and namespace {namespace} may be its own"),
            "ask the operator to correct the Tenant object",
        )
    } else {
        (
            format!("namespace {namespace} belongs to no Tenant, and tenancy.mode is declared"),
            "ask the operator to list the namespace in a Tenant",
        )
    };
    Finding {
        severity: Severity::Error,
        reason: Reason::NamespaceNotAdmitted,
        message,
        field: "metadata.namespace".into(),
        remedy,
        origin,
    }
}
