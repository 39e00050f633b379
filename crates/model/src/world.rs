// SPDX-License-Identifier: Apache-2.0
//! All that is declared, filed by tenant (wall W1).  An object is filed by its namespace; no caller can say otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::{EndpointSlice, Service};
use crate::change::{Change, Changes, Object};
use crate::claim::{ClaimRecord, Unrecorded};
use crate::claims::Claims;
use crate::finding::Finding;
use crate::grant::Grant;
use crate::host::HostPattern;
use crate::origin::{Kind, ObjectKey, Origin, Timestamp};
use crate::route::HttpRoutes;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::small_map::SmallMap;
use crate::tenant::{IngressClass, Namespace, Tenancy, TenantId, TenantSpec, not_admitted};

type Named<T> = BTreeMap<Arc<str>, Arc<T>>;
/// Of one namespace, of which there may be tens of thousands.
type Few<T> = SmallMap<Arc<str>, Arc<T>>;

/// What one namespace declares.
#[derive(Clone, Debug, Default)]
pub struct NamespaceModel {
    /// Routes by name.
    pub routes: Few<HttpRoutes>,
    /// Secrets by name.
    pub secrets: Few<Secret>,
    /// Services by name.
    pub services: Few<Service>,
    /// Slices by the name of their Service, in the order of their own.  Most Services have one.
    pub slices: SmallMap<Arc<str>, Vec<Arc<EndpointSlice>>>,
    /// Grants by name.
    pub grants: Few<Grant>,
    /// The Service of each slice: a slice may move to another by a change of its label.
    slice_service: SmallMap<Arc<str>, Arc<str>>,
}

/// What one tenant declares: its namespaces.
#[derive(Clone, Debug, Default)]
pub struct TenantModel {
    /// By name; boxed, since a map that has many has room for more.
    pub namespaces: SmallMap<Arc<str>, Box<NamespaceModel>>,
}

/// All that is declared at one moment.
#[derive(Debug, Default)]
pub struct World {
    settings: Settings,
    now: Timestamp,
    tenancy: Tenancy,
    tenancy_findings: Vec<Finding>,
    tenants: BTreeMap<TenantId, TenantModel>,
    /// Namespaces that no tenant has: kept, so that a Tenant that comes later finds them, but never compiled.
    strangers: BTreeMap<Arc<str>, Box<NamespaceModel>>,
    namespaces: BTreeMap<Arc<str>, Arc<Namespace>>,
    classes: Named<IngressClass>,
    specs: Named<TenantSpec>,
    claims: Claims,
    source_findings: BTreeMap<Arc<str>, Vec<Finding>>,
    changes: Changes,
    /// Whether anybody has asked what changed: from then on, what was declared is in force.
    was_compiled: bool,
}

impl World {
    /// An empty world under these settings.
    pub fn new(settings: Settings) -> Self {
        let (tenancy, _) = Tenancy::settle(settings.tenancy, [].into_iter(), &BTreeMap::new());
        Self { settings, tenancy, changes: Changes::Everything, ..Self::default() }
    }

    /// Files an object under the tenant of its namespace, replacing the one of the same key.
    pub fn declare(&mut self, object: Object) {
        let key = object.key().clone();
        self.apply([(key, Some(object))]);
    }

    /// Takes an object out; one that is not there changes nothing.
    pub fn withdraw(&mut self, key: &ObjectKey) {
        self.apply([(key.clone(), None)]);
    }

    /// Declares (`Some`) and withdraws (`None`) many objects at once: the boundary is drawn anew once at most.
    pub fn apply(&mut self, steps: impl IntoIterator<Item = (ObjectKey, Option<Object>)>) {
        let mut moves_boundary = false;
        for (key, object) in steps {
            moves_boundary |= self.put(&key, object);
        }
        if moves_boundary {
            self.redraw();
        }
    }

    /// Replaces what reading one file (or one watch) had to say about input that is no object.
    pub fn note(&mut self, about: Arc<str>, findings: Vec<Finding>) {
        if findings.is_empty() {
            self.source_findings.remove(&about);
        } else {
            self.source_findings.insert(about, findings);
        }
    }

    /// Records claims that a compile settled, so that incumbents stay.
    pub fn record(&mut self, claims: impl IntoIterator<Item = ClaimRecord>) {
        claims.into_iter().for_each(|claim| self.claims.decided(claim));
    }

    /// Says that nobody records claims outside of this process: [`World::unrecorded`] stays empty.
    pub fn records_nowhere(&mut self) {
        self.claims.ask_nothing();
    }

    /// Tells the time, which `compile` may not ask for itself; quarantines end by it, and claims that nobody took up
    /// again are forgotten, once no HostClaim records them.
    pub fn tell_time(&mut self, now: Timestamp) {
        self.now = now;
        if self.claims.pass_time(now, self.settings.quarantine_seconds) {
            self.changes = Changes::Everything;
        }
    }

    /// Says that all Namespaces of a cluster are known, as they were at that version of it.  From now on one that is not
    /// there is gone; without that, nothing is said about those that are not there.
    pub fn know_namespaces(&mut self, at: u64) {
        let settled = self.claims.know_namespaces(at);
        let records = settled.iter().filter_map(|pattern| self.claims.all().get(pattern));
        if records.into_iter().any(|claim| self.is_bereft(claim)) {
            self.changes = Changes::Everything;
        }
    }

    /// What changed since this was last called.
    pub fn take_changes(&mut self) -> Changes {
        self.was_compiled = true;
        std::mem::take(&mut self.changes)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The time that was last told.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The boundary.
    pub fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    /// Every tenant that has declared anything, in a fixed order.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &TenantModel)> {
        self.tenants.iter()
    }

    /// One tenant's declarations.
    pub fn tenant(&self, id: &TenantId) -> Option<&TenantModel> {
        self.tenants.get(id)
    }

    /// The UID of a namespace, where one is known.
    pub fn namespace_uid(&self, name: &str) -> Option<&Arc<str>> {
        self.namespaces.get(name).and_then(|namespace| namespace.origin.uid.as_ref())
    }

    /// The IngressClasses, by name.
    pub fn classes(&self) -> &BTreeMap<Arc<str>, Arc<IngressClass>> {
        &self.classes
    }

    /// The recorded claims, by name.
    pub fn claims(&self) -> &BTreeMap<HostPattern, ClaimRecord> {
        self.claims.all()
    }

    /// Whether the namespace that a claim is bound to is no more: gone, or made anew under its name.
    pub fn is_bereft(&self, claim: &ClaimRecord) -> bool {
        let Some(uid) = &claim.namespace_uid else { return false };
        match self.namespaces.get(&claim.namespace) {
            Some(namespace) => namespace.origin.uid.as_ref().is_some_and(|present| present != uid),
            None => self.claims.know_namespace_of(&claim.pattern),
        }
    }

    /// The claims that have outlived their use: when their HostClaims are deleted, they are forgotten.
    pub fn outlived(&self) -> impl Iterator<Item = &ClaimRecord> {
        self.claims.outlived()
    }

    /// The claims that hold in memory only.
    pub fn unrecorded(&self) -> &Unrecorded {
        self.claims.unrecorded()
    }

    /// The namespaces that are known, by name; in a folder of YAML, one that is only implied is not.
    pub fn namespaces(&self) -> &BTreeMap<Arc<str>, Arc<Namespace>> {
        &self.namespaces
    }

    /// Findings that are about no tenant's compiled object: unreadable files, conflicts between Tenant objects, and
    /// routes in namespaces that belong to no tenant.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + '_ {
        let strangers = self.strangers.values().flat_map(|model| model.routes.values());
        let refused = strangers.map(|routes| not_admitted(&self.tenancy, routes.origin.clone()));
        let read = self.source_findings.values().flatten();
        read.chain(&self.tenancy_findings).cloned().chain(refused)
    }

    /// Files an object, and says whether the boundary has to be drawn anew.
    fn put(&mut self, key: &ObjectKey, object: Option<Object>) -> bool {
        let before = match self.place(key, object.clone()) {
            Placed::Global => return true,
            Placed::Claim => {
                self.changes = Changes::Everything;
                return false;
            }
            Placed::Nowhere => return false,
            Placed::Filed(before) => before,
        };
        if before == object {
            // What was compiled holds the one that was there: to keep this one too would take its memory twice.
            before.into_iter().for_each(|kept| drop(self.place(key, Some(kept))));
            return false;
        }
        let Some(tenant) = self.tenancy.tenant_of(&key.namespace) else { return false };
        let change = Change { tenant, before, after: object };
        match &mut self.changes {
            Changes::Everything => {}
            Changes::Some(changes) => changes.push(change),
            none @ Changes::None => *none = Changes::Some(vec![change]),
        }
        false
    }

    fn place(&mut self, key: &ObjectKey, object: Option<Object>) -> Placed {
        let name = &key.name;
        match key.kind {
            Kind::Namespace => swap(&mut self.namespaces, name, object.and_then(namespace)),
            Kind::IngressClass => swap(&mut self.classes, name, object.and_then(class)),
            Kind::Tenant => {
                let after = object.and_then(spec).map(|after| self.in_force(after));
                let is_idle =
                    self.specs.get(name).zip(after.as_ref()).is_some_and(|(before, after)| {
                        before.differs_in_idle_pins_only(after, &self.namespaces)
                    });
                let placed = swap(&mut self.specs, name, after);
                // Pinning what is there already comes back from the cluster: that is no news.
                if is_idle { Placed::Nowhere } else { placed }
            }
            Kind::HostClaim => {
                // A HostClaim that goes does not free its name by itself: the ledger releases and quarantines.
                let is_news = match object {
                    // What is known already is more than what can be read of it now.
                    Some(Object::HostClaim(claim))
                        if claim.is_closed()
                            && self.claims.all().contains_key(&claim.record.pattern) =>
                    {
                        false
                    }
                    Some(Object::HostClaim(claim)) => self.claims.read(name, &claim),
                    _ => self.claims.gone(name),
                };
                if is_news { Placed::Claim } else { Placed::Nowhere }
            }
            Kind::File => Placed::Nowhere,
            _ => {
                let model = self.namespace_mut(&key.namespace);
                Placed::Filed(model.swap(key, object))
            }
        }
    }

    /// A Tenant as it is in force after the one of its name.
    fn in_force(&self, spec: Arc<TenantSpec>) -> Arc<TenantSpec> {
        if !spec.is_closed() {
            return spec;
        }
        let before = self.specs.get(&spec.origin.key.name).map(|before| &**before);
        Arc::new(Arc::unwrap_or_clone(spec).after(before, self.was_compiled))
    }

    fn namespace_mut(&mut self, namespace: &Arc<str>) -> &mut NamespaceModel {
        match self.tenancy.tenant_of(namespace) {
            Some(id) => {
                self.tenants.entry(id).or_default().namespaces.or_default(namespace.clone())
            }
            None => self.strangers.entry(namespace.clone()).or_default(),
        }
    }

    /// Draws the boundary anew and files every namespace again.
    fn redraw(&mut self) {
        let (tenancy, findings) =
            Tenancy::settle(self.settings.tenancy, self.specs.values(), &self.namespaces);
        self.tenancy = tenancy;
        self.tenancy_findings = findings;
        let filed = std::mem::take(&mut self.tenants).into_values().flat_map(|t| t.namespaces);
        let all: Vec<_> = filed.chain(std::mem::take(&mut self.strangers)).collect();
        for (name, model) in all {
            *self.namespace_mut(&name) = *model;
        }
        self.changes = Changes::Everything;
    }
}

enum Placed {
    Global,
    Claim,
    Nowhere,
    Filed(Option<Object>),
}

fn swap<T: PartialEq>(map: &mut Named<T>, name: &Arc<str>, value: Option<Arc<T>>) -> Placed {
    let same = map.get(name) == value.as_ref();
    match value {
        Some(value) => map.insert(name.clone(), value),
        None => map.remove(name),
    };
    if same { Placed::Nowhere } else { Placed::Global }
}

fn namespace(object: Object) -> Option<Arc<Namespace>> {
    if let Object::Namespace(o) = object { Some(o) } else { None }
}

fn class(object: Object) -> Option<Arc<IngressClass>> {
    if let Object::IngressClass(o) = object { Some(o) } else { None }
}

fn spec(object: Object) -> Option<Arc<TenantSpec>> {
    if let Object::Tenant(o) = object { Some(o) } else { None }
}

impl NamespaceModel {
    fn swap(&mut self, key: &ObjectKey, object: Option<Object>) -> Option<Object> {
        macro_rules! swap {
            ($map:expr, $variant:ident) => {
                match object {
                    Some(Object::$variant(o)) => $map.insert(key.name.clone(), o),
                    _ => $map.remove(&*key.name),
                }
                .map(Object::$variant)
            };
        }
        match key.kind {
            Kind::Ingress => swap!(self.routes, HttpRoutes),
            Kind::Secret => swap!(self.secrets, Secret),
            Kind::Service => swap!(self.services, Service),
            Kind::ReferenceGrant => swap!(self.grants, Grant),
            Kind::EndpointSlice => self.swap_slice(key, object),
            _ => None,
        }
    }

    fn swap_slice(&mut self, key: &ObjectKey, object: Option<Object>) -> Option<Object> {
        let before = self.remove_slice(&key.name);
        if let Some(Object::EndpointSlice(slice)) = object {
            self.slice_service.insert(key.name.clone(), slice.service.clone());
            let slices = self.slices.or_default(slice.service.clone());
            let place = slices.partition_point(|other| other.origin.key.name < key.name);
            slices.reserve_exact(1);
            slices.insert(place, slice);
        }
        before.map(Object::EndpointSlice)
    }

    fn remove_slice(&mut self, name: &str) -> Option<Arc<EndpointSlice>> {
        let service = self.slice_service.remove(name)?;
        let slices = self.slices.get_mut(&*service)?;
        let place = slices.binary_search_by(|slice| (*slice.origin.key.name).cmp(name)).ok()?;
        let slice = slices.remove(place);
        if slices.is_empty() {
            self.slices.remove(&*service);
        }
        Some(slice)
    }
}

/// The origin of an object that only its key is known of.
impl From<ObjectKey> for Origin {
    fn from(key: ObjectKey) -> Self {
        Self::bare(key)
    }
}

#[cfg(test)]
mod tests;
