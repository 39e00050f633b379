// SPDX-License-Identifier: Apache-2.0
//! One tenant compiled, host by host.  A change touches the hosts that its object names and nothing else; compiling from
//! scratch is the same work with every object new.

use std::collections::BTreeSet;
use std::sync::Arc;

use postern_model::{
    EntryPointSet, Finding, Host, HostPattern, HttpRoutes, KeyExchange, Object, ObjectKey, Report,
    SmallMap, TenantId, TenantSpec, Timestamp, Unserved,
};
use postern_snapshot::editor::TenantRoom;
use postern_snapshot::{
    Action, BackendSlot, Closed, Editor, RouteTable, TenantLimits, TenantScope, TlsDemands,
};

use crate::backend::{self, Backends, ServiceName, Workshop};
use crate::class_findings::class_finding;
use crate::few::Few;
use crate::ledger::{Ledger, Verdict};
use crate::names::Names;
use crate::notice;
use crate::resolve::{Referrer, TenantView};
use crate::route::{self, Group, Position};
use crate::terms::{Selection, Terms};
use crate::tls::story::Story;
use crate::tls::{Certificates, HostTls};

mod limit;
mod settle;
mod unserved;

/// What is kept of one tenant between compiles.
#[derive(Debug)]
pub(crate) struct Tenant {
    id: TenantId,
    scope: TenantScope,
    room: TenantRoom,
    entry_points: EntryPointSet,
    /// None if nobody can meet them.
    demands: Option<TlsDemands>,
    /// Its Tenant object cannot be read in full: it keeps its names, and nothing of it is served (I9).
    closed: bool,
    catch_all: bool,
    max_routes: Option<u32>,
    limits: TenantLimits,
    /// Objects beyond the limit.
    excess: BTreeSet<ObjectKey>,
    /// How many rules and certificates all objects have, while none is beyond the limit.
    total: usize,
    objects: SmallMap<ObjectKey, Declared>,
    /// Boxed, since a table is never full.
    hosts: Names<Box<HostState>>,
    /// Exact hosts by the part after their first label: those that a wildcard's routes and certificates reach.
    below: SmallMap<Host, Few<Host>>,
    hostless: Group,
    hostless_table: Arc<RouteTable>,
    certificates: Certificates,
    backends: Backends,
}

/// One object of ours, and what came of it.
#[derive(Debug)]
struct Declared {
    routes: Arc<HttpRoutes>,
    slots: Vec<(ServiceName, BackendSlot)>,
    findings: Vec<Finding>,
}

/// One name that the tenant owns.
#[derive(Debug)]
struct HostState {
    epoch: u64,
    /// The objects that have rules for it, served or not.
    objects: Few<ObjectKey>,
    group: Group,
    /// It stays without rules: a domain or a recorded claim.
    permanent: bool,
    /// Of a wildcard: its routes, and after them those without a host.
    table: Option<Arc<RouteTable>>,
}

/// What has changed in one tenant, by name.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    pub(crate) objects: BTreeSet<ObjectKey>,
    /// Objects that are as they were, but of which something else may be said.
    pub(crate) reports: BTreeSet<ObjectKey>,
    pub(crate) secrets: BTreeSet<ObjectKey>,
    pub(crate) services: BTreeSet<ServiceName>,
    pub(crate) endpoints: BTreeSet<ServiceName>,
    pub(crate) grants: bool,
    /// Everything is new.
    pub(crate) all_hosts: bool,
}

impl Dirty {
    /// Everything is new.
    pub(crate) fn everything(tenant: TenantId) -> (TenantId, Self) {
        (tenant, Self { all_hosts: true, ..Self::default() })
    }

    /// Adds an object, as it was or as it is; says whether it is one that a tenant declares.
    pub(crate) fn add(&mut self, object: &Object) -> bool {
        let key = object.key();
        match object {
            Object::HttpRoutes(_) => drop(self.objects.insert(key.clone())),
            Object::Secret(_) => drop(self.secrets.insert(key.clone())),
            Object::Service(_) => {
                self.services.insert((key.namespace.clone(), key.name.clone()));
            }
            Object::EndpointSlice(slice) => {
                self.endpoints.insert((key.namespace.clone(), slice.service.clone()));
            }
            Object::Grant(_) => self.grants = true,
            Object::Namespace(_)
            | Object::IngressClass(_)
            | Object::Tenant(_)
            | Object::HostClaim(..) => return false,
        }
        true
    }
}

/// What one compile hands from tenant to tenant.
pub(crate) struct Pass<'a> {
    pub(crate) terms: &'a Terms,
    pub(crate) ledger: &'a Ledger,
    pub(crate) editor: &'a mut Editor,
    pub(crate) report: &'a mut Report,
}

/// What has to be made anew.
#[derive(Debug, Default)]
struct Touched {
    /// Names; a wildcard stands for the hosts below it too.
    names: BTreeSet<HostPattern>,
    all_hosts: bool,
    hostless: bool,
    /// Objects whose findings may differ.
    objects: BTreeSet<ObjectKey>,
    services: BTreeSet<ServiceName>,
}

impl Tenant {
    /// A tenant with nothing declared, which remembers what `last` parsed.
    pub(crate) fn new(
        id: TenantId,
        room: TenantRoom,
        spec: Option<&TenantSpec>,
        terms: &Terms,
        last: Option<Self>,
    ) -> Self {
        let entry_points = match spec {
            Some(spec) if !spec.entry_points.is_empty() => {
                terms.settings.entry_points_where(|point| spec.entry_points.contains(&point.name))
            }
            _ => terms.settings.entry_points_where(|_| true),
        };
        let (scope, certificates) = match last {
            Some(last) => (last.scope, last.certificates.renew()),
            None => (TenantScope::new(id.clone()), Certificates::default()),
        };
        Self {
            scope,
            id,
            room,
            entry_points,
            demands: demands(spec),
            closed: spec.is_some_and(TenantSpec::is_closed),
            catch_all: false,
            max_routes: spec.and_then(|spec| spec.max_routes).or(terms.max_routes()),
            limits: TenantLimits {
                requests_in_flight: spec.and_then(|spec| spec.max_requests_in_flight),
                requests_per_second: spec.and_then(|spec| spec.max_requests_per_second),
                handshakes_per_second: spec.and_then(|spec| spec.max_handshakes_per_second),
                connections: spec.and_then(|spec| spec.max_connections),
            },
            excess: BTreeSet::new(),
            total: 0,
            objects: SmallMap::default(),
            hosts: Names::default(),
            below: SmallMap::default(),
            hostless: Group::default(),
            hostless_table: Arc::default(),
            certificates,
            backends: Backends::default(),
        }
    }

    /// Lets the tenant's host-less rules answer for names that nobody owns.
    pub(crate) fn open_catch_all(&mut self) {
        self.catch_all = true;
    }

    /// Gives the tenant a name for good, whether or not it has rules for it.
    pub(crate) fn own(&mut self, pattern: HostPattern, epoch: u64) {
        self.host(&pattern, epoch).permanent = true;
    }

    /// Whether anything of other namespaces is used, so that others' changes matter.
    pub(crate) fn borrows(&self) -> bool {
        self.certificates.borrows() || self.backends.borrows()
    }

    /// When time alone changes what this tenant serves or is told.
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.certificates.deadline(now)
    }

    fn host(&mut self, pattern: &HostPattern, epoch: u64) -> &mut HostState {
        if self.hosts.get(pattern).is_none() {
            if let Some((parent, name)) = parent(pattern) {
                self.below.or_default(parent).insert(name.clone());
            }
            let state = HostState {
                epoch,
                objects: Few::None,
                group: Group::default(),
                permanent: false,
                table: None,
            };
            self.hosts.insert(pattern.clone(), Box::new(state));
        }
        self.hosts.get_mut(pattern).expect("it was put in above where it was not")
    }

    /// Compiles what has changed.
    pub(crate) fn refresh(&mut self, view: &TenantView<'_>, dirty: Dirty, pass: &mut Pass<'_>) {
        let shop = Workshop { view, terms: pass.terms, room: self.room };
        pass.editor.set_limits(self.room, self.limits);
        let Dirty { all_hosts, reports, .. } = &dirty;
        let mut touched =
            Touched { all_hosts: *all_hosts, objects: reports.clone(), ..Touched::default() };
        let mut objects = self.refresh_services(&shop, &dirty, &mut touched, pass);
        let mut secrets: BTreeSet<_> =
            dirty.secrets.iter().flat_map(|secret| self.certificates.uses_of(secret)).collect();
        objects.extend(dirty.objects);
        if dirty.grants {
            objects.extend(self.backends.users_elsewhere());
            secrets.extend(self.certificates.uses_elsewhere());
        }
        for object in &objects {
            self.remove(object, &mut touched);
            pass.report.findings.remove(object);
            pass.report.unserved.remove(object);
        }
        for object in objects {
            self.add(&shop, object, &mut touched, pass);
        }
        for secret in secrets {
            let users = self.certificates.reload(view, &secret, &mut |name| {
                touched.names.insert(name.clone());
            });
            touched.objects.extend(users);
        }
        self.settle(&shop, touched, pass);
        self.certificates.finish();
        self.backends.finish();
    }

    /// Looks at changed Services and endpoints; says which objects must be read again.
    fn refresh_services(
        &mut self,
        shop: &Workshop<'_, '_>,
        dirty: &Dirty,
        touched: &mut Touched,
        pass: &mut Pass<'_>,
    ) -> BTreeSet<ObjectKey> {
        let mut objects = BTreeSet::new();
        for service in dirty.services.union(&dirty.endpoints) {
            let turned = self.backends.refresh(shop, service, pass.editor);
            let drops_empty = !pass.terms.settings.allow_empty_services;
            if dirty.services.contains(service) || turned && drops_empty {
                objects.extend(self.backends.users(service));
            }
            touched.services.insert(service.clone());
        }
        objects
    }

    fn remove(&mut self, object: &ObjectKey, touched: &mut Touched) {
        let Some(declared) = self.objects.remove(object) else { return };
        for rule in &declared.routes.rules {
            if let Some(backend) = &rule.backend {
                self.backends.unwatch(object, &backend.service);
            }
            let Some(host) = &rule.host else {
                touched.hostless = true;
                continue;
            };
            let Some(state) = self.hosts.get_mut(host) else { continue };
            if state.objects.remove(object) {
                state.group.remove(object);
            }
            touched.names.insert(host.clone());
        }
        self.hostless.remove(object);
        for (service, slot) in declared.slots {
            self.backends.release(&service, slot);
            touched.services.insert(service);
        }
        if !self.closed {
            self.certificates.remove(&declared.routes, &mut |name| {
                touched.names.insert(name.clone());
            });
        }
    }

    fn add(
        &mut self,
        shop: &Workshop<'_, '_>,
        object: ObjectKey,
        touched: &mut Touched,
        pass: &mut Pass<'_>,
    ) {
        let namespace = shop.view.own(&object.namespace).filter(|_| pass.terms.watches(&object));
        let Some(routes) = namespace.and_then(|namespace| namespace.routes.get(&object.name))
        else {
            return;
        };
        let selection = pass.terms.select(&routes.class);
        if selection != Selection::Ours {
            if let Some(finding) = class_finding(pass.terms, routes, &selection) {
                pass.report.findings.insert(object, vec![finding]);
            }
            return;
        }
        if self.excess.contains(&object) {
            let message = "the tenant declares more rules and certificates than it may";
            let finding = notice::LIMIT_EXCEEDED.about(&routes.origin, "", message);
            pass.report.findings.insert(object.clone(), vec![finding]);
            pass.report.unserved.insert(object, Unserved::Everything);
            return;
        }
        let mut declared = Declared {
            routes: routes.clone(),
            slots: Vec::new(),
            findings: route::unknown_entry_points(pass.terms, routes),
        };
        if self.closed {
            declared.findings.push(notice::tenant_closed(&routes.origin));
        } else {
            self.certificates.add(shop.view, routes, &mut |name| {
                touched.names.insert(name.clone());
            });
        }
        let (mut refused, mut lost) = (BTreeSet::new(), Vec::new());
        for (number, rule) in (0..).zip(&routes.rules) {
            let at = Position { routes, rule, number };
            if let Some(backend) = &rule.backend {
                self.backends.watch(&object, &backend.service);
            }
            let leads = self.admit(at, &mut refused, &mut declared, pass)
                && !self.closed
                && self.add_rule(shop, at, &mut declared, pass);
            if !leads {
                lost.push(number);
            }
            match &rule.host {
                Some(host) => drop(touched.names.insert(host.clone())),
                None => touched.hostless = true,
            }
        }
        touched.services.extend(declared.slots.iter().map(|(service, _)| service.clone()));
        touched.objects.insert(object.clone());
        if let Some(unserved) = unserved::unserved(routes, &lost) {
            pass.report.unserved.insert(object.clone(), unserved);
        }
        // Ten thousand of them stay: what growing left over would be half of their memory.
        declared.findings.shrink_to_fit();
        declared.slots.shrink_to_fit();
        self.objects.insert(object, declared);
    }

    /// Whether the tenant owns the rule's host; what is said about one that it does not is said once.
    fn admit<'a>(
        &mut self,
        at: Position<'a>,
        refused: &mut BTreeSet<&'a HostPattern>,
        declared: &mut Declared,
        pass: &Pass<'_>,
    ) -> bool {
        let Some(host) = &at.rule.host else { return true };
        let verdict = pass.ledger.verdict(&self.id, host);
        if let Verdict::Owned { epoch } = verdict {
            let is_claimed = pass.ledger.holder(host) == Some(&self.id);
            let state = self.host(host, epoch);
            state.permanent |= is_claimed;
            state.objects.insert(at.routes.origin.key.clone());
            return true;
        }
        if let Some(notice) = verdict.notice()
            && refused.insert(host)
        {
            let field = host_field(&at.rule.field);
            let finding = notice.about(&at.routes.origin, field, verdict.to_string());
            declared.findings.push(finding);
        }
        false
    }

    /// Makes a rule a route; says whether it leads anywhere as it is written.  That a Service has no endpoints at the
    /// moment is not the rule's: who looks up addresses in what is told must not see them come and go with Pods.
    fn add_rule(
        &mut self,
        shop: &Workshop<'_, '_>,
        at: Position<'_>,
        declared: &mut Declared,
        pass: &mut Pass<'_>,
    ) -> bool {
        let chosen = route::entry_points(pass.terms, self.entry_points, at, &mut declared.findings);
        let Some(entry_points) = chosen else { return false };
        let Some(action) = self.action(shop, at, declared, pass) else { return true };
        let group = match &at.rule.host {
            None => &mut self.hostless,
            Some(host) => match self.hosts.get_mut(host) {
                Some(state) => &mut state.group,
                None => return false,
            },
        };
        let leads = !matches!(action, Action::Closed(_));
        group.routes.push(Arc::new(at.route(entry_points, action)));
        leads
    }

    /// What a rule does; nothing if it is dropped because its Service is empty and the operator wants that.
    fn action(
        &mut self,
        shop: &Workshop<'_, '_>,
        at: Position<'_>,
        declared: &mut Declared,
        pass: &mut Pass<'_>,
    ) -> Option<Action> {
        if let Some(closed) = route::closed(at.rule) {
            return Some(closed);
        }
        let unresolved = Some(Action::Closed(Closed::BackendUnresolved));
        let Some(wanted) = &at.rule.backend else { return unresolved };
        let from = Referrer::of(&at.routes.origin.key);
        let found = match backend::resolve(shop.view, shop.terms, from, wanted) {
            Ok(found) => found,
            Err(reason) => {
                declared.findings.push(route::no_backend(at, reason));
                return unresolved;
            }
        };
        let (slot, serves) = self.backends.acquire(shop, from, found, pass.editor);
        declared.slots.push((backend::name_of(&wanted.service), slot));
        (serves || pass.terms.settings.allow_empty_services).then_some(Action::Forward(slot))
    }

    /// The certificates of a host, told as a story.
    pub(crate) fn certificates_of(&self, host: &Host, now: Timestamp) -> Option<Story> {
        let exact = HostPattern::Exact(host.clone());
        let wildcard = host.parent().and_then(|parent| Host::parse(parent).ok());
        let wildcard = wildcard.map(HostPattern::Wildcard);
        [Some(exact), wildcard].iter().flatten().find_map(|pattern| {
            let state = self.hosts.get(pattern)?;
            let host = HostTls { pattern, epoch: state.epoch, objects: &state.objects };
            Some(self.certificates.story(&host, now))
        })
    }

    /// Whether a rule with this host became a route.
    pub(crate) fn serves(&self, host: &HostPattern, object: &ObjectKey, field: &str) -> bool {
        let routes = self.hosts.get(host).map(|state| state.group.routes.iter());
        routes.into_iter().flatten().any(|r| r.object == *object && &*r.field == field)
    }
}

/// What the operator demands of the tenant's clients; nothing if nobody can meet it.
fn demands(spec: Option<&TenantSpec>) -> Option<TlsDemands> {
    let Some(spec) = spec else { return Some(TlsDemands::default()) };
    let key_exchange = match spec.key_exchange {
        KeyExchange::Default => None,
        KeyExchange::Only(groups) => Some(groups),
        KeyExchange::Impossible => return None,
    };
    Some(TlsDemands { require_tls13: spec.require_tls13, key_exchange })
}

/// The exact host of a pattern and what stands after its first label.
fn parent(pattern: &HostPattern) -> Option<(Host, &Host)> {
    let HostPattern::Exact(name) = pattern else { return None };
    let parent = Host::parse(name.parent()?).ok()?;
    Some((parent, name))
}

/// The field of a rule's host: `spec.rules[0].host` for `spec.rules[0].http.paths[1]`.
fn host_field(rule: &str) -> String {
    let rule = rule.split_once(".http").map_or(rule, |(rule, _)| rule);
    format!("{rule}.host")
}
