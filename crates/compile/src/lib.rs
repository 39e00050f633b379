// SPDX-License-Identifier: Apache-2.0
//! World in, Snapshot and Report out.  Pure: no clock, no I/O, no async.
//!
//! [`compile`] from scratch is the specification; [`Compiler::recompile`] is what runs: it compiles only the hosts that
//! a change reaches, keeps everything else, and gives the same result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use postern_model::{
    Change, Changes, ClaimRecord, Host, HostPattern, HttpRoutes, Object, Report, TenantId,
    TenantModel, Timestamp, World,
};
use postern_snapshot::editor::TenantRoom;
use postern_snapshot::{Editor, Snapshot};

use crate::explain::{Explanation, Handshake, Loser, Outcome, Question};
use crate::ledger::{Ledger, Verdict};
use crate::resolve::TenantView;
use crate::tenant::{Dirty, Pass, Tenant};
use crate::terms::{Selection, Terms};

mod backend;
mod certificate_findings;
mod claimable;
mod class_findings;
pub mod explain;
mod few;
mod ledger;
mod names;
mod notice;
pub mod resolve;
mod route;
#[cfg(test)]
mod scenario;
mod tenant;
mod tenant_findings;
mod terms;
mod tls;

/// Turns what was declared into what is served, and says what could not be.
pub fn compile(world: &World) -> (Snapshot, Report) {
    let mut compiler = Compiler::new();
    let snapshot = compiler.compile(world);
    (snapshot, compiler.report)
}

/// Why a request is answered as it is: tenant, claim, certificate, route, backend, and everything that was passed over.
/// It names objects of all tenants: a tool for the operator.
pub fn explain(world: &World, question: &Question) -> Explanation {
    let mut compiler = Compiler::new();
    let snapshot = compiler.compile(world);
    let entry_point = explain::entry_point(&compiler.terms.settings.entry_points, question.tls);
    let (_, ownership) = compiler.ledger.trace(&question.host);
    let admission = explain::admit(&snapshot, question);
    let mut explanation = Explanation {
        question: question.clone(),
        entry_point: entry_point.map(|(_, point)| point.name.clone()),
        tenant: snapshot.admit(&question.host).map(|a| a.scope().label().clone()),
        ownership,
        handshake: question.tls.then(|| compiler.handshake(world, &snapshot, &question.sni)),
        outcome: admission.as_ref().err().cloned().unwrap_or(Outcome::NotFound),
        route: None,
        backend: None,
        losers: Vec::new(),
    };
    if let (Ok(admission), Some((at, _))) = (&admission, entry_point) {
        explanation.follow(admission, at);
    }
    let refused = compiler.refused_rules(world, &question.host);
    explanation.losers.extend(refused);
    explanation
}

/// Compiles one world again and again as it changes, and keeps what is needed to do so quickly.
#[derive(Debug, Default)]
pub struct Compiler {
    terms: Terms,
    ledger: Ledger,
    /// Boxed, since a map has room for many more.
    tenants: BTreeMap<TenantId, Box<Tenant>>,
    rooms: u32,
    /// Tenants that use what other namespaces lend them.
    borrowers: BTreeSet<TenantId>,
    /// When time alone changes the result.
    deadline: Option<Timestamp>,
    report: Report,
    last: Snapshot,
}

impl Compiler {
    /// A compiler that has compiled nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Findings of the last compile by object, and the claims that it made or changed, which are to be recorded with
    /// [`World::record`] before the next one.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Numbers the next snapshot above `last`, which another compiler made: connections know by the numbers what is new,
    /// and since when names are whose.  To be followed by [`Compiler::compile`].
    pub fn number_after(&mut self, last: u64) {
        if self.last.generation() < last {
            self.last = Editor::new(&Snapshot::default()).finish(last);
        }
    }

    /// Takes the claims out of the report, to be recorded.
    pub fn take_claims(&mut self) -> Vec<ClaimRecord> {
        std::mem::take(&mut self.report.claims)
    }

    /// When the result changes without any change of the world: a quarantine ends, or a certificate begins or ceases to
    /// be valid.  Tell the world the time and recompile then.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Compiles from scratch.  Certificates that are the same keep their TLS profiles, with tickets and all.
    pub fn compile(&mut self, world: &World) -> Snapshot {
        self.terms = Terms::new(world.settings().clone(), world.now(), world.classes().clone());
        let (ledger, conflicts) = Ledger::open(world, &self.ledger);
        self.ledger = ledger;
        self.report = Report::default();
        let known = &world.settings().entry_points;
        let specs = world.tenancy().specs().map(|(_, spec)| spec);
        let unknown = specs.flat_map(|spec| tenant_findings::unknown_entry_points(spec, known));
        for finding in conflicts.into_iter().chain(unknown) {
            self.report.findings.entry(finding.origin.key.clone()).or_default().push(finding);
        }
        self.open_tenants(world);
        let mut dirty: BTreeMap<_, _> =
            self.tenants.keys().cloned().map(Dirty::everything).collect();
        for (tenant, model) in world.tenants() {
            if let Some(dirty) = dirty.get_mut(tenant) {
                dirty.objects.extend(routes_of(model).map(|routes| routes.origin.key.clone()));
            }
        }
        self.limit(world, &mut dirty);
        self.ledger.settle(world, self.new_uses(world, &dirty));
        for (tenant, pattern, epoch) in self.ledger.owned() {
            if let Some(tenant) = self.tenants.get_mut(tenant) {
                tenant.own(pattern, epoch);
            }
        }
        let mut editor = Editor::new(&Snapshot::default());
        for (tenant, dirty) in dirty {
            self.refresh(world, &tenant, dirty, &mut editor);
        }
        self.ledger.dark().for_each(|pattern| editor.darken(&pattern));
        self.deadline = self.ledger.next_end();
        let now = self.terms.now;
        let turns = self.tenants.values().filter_map(|tenant| tenant.deadline(now));
        self.deadline = turns.chain(self.deadline).min();
        self.finish(editor)
    }

    /// Compiles what has changed since the last compile, for which the same world was given.
    pub fn recompile(&mut self, world: &World, changes: Changes) -> Snapshot {
        let is_due = self.deadline.is_some_and(|deadline| deadline <= world.now());
        let changes = match changes {
            _ if is_due || self.last.generation() == 0 => return self.compile(world),
            Changes::Everything => return self.compile(world),
            Changes::None => Vec::new(),
            Changes::Some(changes) => changes,
        };
        let Some(mut dirty) = self.sort(&changes) else { return self.compile(world) };
        for tenant in dirty.keys() {
            if !self.tenants.contains_key(tenant) {
                self.open_tenant(world, tenant.clone(), None);
            }
        }
        self.terms.now = world.now();
        self.ledger.next(world.now());
        self.limit(world, &mut dirty);
        self.ledger.settle(world, self.new_uses(world, &dirty));
        if self.ledger.ended_quarantine() {
            return self.compile(world);
        }
        for (tenant, object) in self.ledger.take_concerned() {
            dirty.entry(tenant).or_default().reports.insert(object);
        }
        for (tenant, object) in self.ledger.take_outrun() {
            dirty.entry(tenant).or_default().objects.insert(object);
        }
        let mut editor = Editor::new(&self.last);
        for (tenant, dirty) in dirty {
            self.refresh(world, &tenant, dirty, &mut editor);
        }
        self.finish(editor)
    }

    /// Whether an object is this installation's to serve, by its class and namespace.
    pub fn is_ours(&self, routes: &HttpRoutes) -> bool {
        self.terms.watches(&routes.origin.key)
            && self.terms.select(&routes.class) == Selection::Ours
    }

    /// Makes every tenant that has declared or owns anything.
    fn open_tenants(&mut self, world: &World) {
        let mut last = std::mem::take(&mut self.tenants);
        self.rooms = 0;
        self.borrowers.clear();
        let owned = self.ledger.owned().map(|(tenant, _, _)| tenant);
        let all: BTreeSet<_> = world.tenants().map(|(id, _)| id).chain(owned).cloned().collect();
        for id in all {
            let before = last.remove(&id).map(|last| *last);
            self.open_tenant(world, id, before);
        }
    }

    fn open_tenant(&mut self, world: &World, id: TenantId, last: Option<Tenant>) {
        let tenancy = world.tenancy();
        let room = TenantRoom::new(self.rooms);
        self.rooms += 1;
        let spec = tenancy.spec(&id).map(|spec| &**spec);
        let mut tenant = Tenant::new(id.clone(), room, spec, &self.terms, last);
        // Of several tenants that may, the oldest answers for names that nobody owns.
        let first = tenancy.specs().filter(|(_, spec)| spec.allow_catch_all);
        let first = first.min_by(|(_, a), (_, b)| a.origin.age().cmp(&b.origin.age()));
        if tenancy.allows_catch_all(&id) && first.is_none_or(|(first, _)| *first == id) {
            tenant.open_catch_all();
        }
        self.tenants.insert(id, Box::new(tenant));
    }

    /// Sorts changes by the tenants that they concern; nothing if one concerns the boundary itself.
    fn sort(&mut self, changes: &[Change]) -> Option<BTreeMap<TenantId, Dirty>> {
        let mut dirty: BTreeMap<TenantId, Dirty> = BTreeMap::new();
        for change in changes {
            if let Some(Object::HttpRoutes(before)) = &change.before {
                self.ledger.forget(&change.tenant, before);
            }
            for object in change.before.iter().chain(&change.after) {
                if let Object::Grant(grant) = object {
                    self.ledger.lend(grant);
                }
                if !dirty.entry(change.tenant.clone()).or_default().add(object) {
                    return None;
                }
                for borrower in self.borrowers.iter().filter(|id| **id != change.tenant) {
                    dirty.entry(borrower.clone()).or_default().add(object);
                }
            }
        }
        Some(dirty)
    }

    /// Finds out which objects are beyond their tenant's limit, now that these have changed.
    fn limit(&mut self, world: &World, dirty: &mut BTreeMap<TenantId, Dirty>) {
        for (id, dirty) in dirty {
            let Some(model) = world.tenant(id).filter(|_| !dirty.objects.is_empty()) else {
                continue;
            };
            let Some(mut tenant) = self.tenants.remove(id) else { continue };
            let changed = dirty.objects.iter().map(|key| {
                let routes = model.namespaces.get(&key.namespace);
                let routes = routes.and_then(|namespace| namespace.routes.get(&key.name));
                (key, routes.filter(|routes| self.is_ours(routes)))
            });
            if tenant.has_limit() && !tenant.stays_within_limit(changed) {
                let ours = routes_of(model).filter(|routes| self.is_ours(routes));
                dirty.objects.extend(tenant.enforce_limit(ours));
            }
            self.tenants.insert(id.clone(), tenant);
        }
    }

    /// The changed objects that may use names.
    fn new_uses(
        &self,
        world: &World,
        dirty: &BTreeMap<TenantId, Dirty>,
    ) -> Vec<(TenantId, Arc<HttpRoutes>)> {
        let mut uses = Vec::new();
        for (tenant, dirty) in dirty {
            let Some(model) = world.tenant(tenant) else { continue };
            let routes = dirty.objects.iter().filter_map(|key| {
                model.namespaces.get(&key.namespace).and_then(|n| n.routes.get(&key.name))
            });
            let within = |routes: &HttpRoutes| {
                self.tenants.get(tenant).is_none_or(|t| t.is_within_limit(&routes.origin.key))
            };
            let used = routes.filter(|routes| self.is_ours(routes) && within(routes));
            uses.extend(used.map(|routes| (tenant.clone(), routes.clone())));
        }
        uses
    }

    fn refresh(&mut self, world: &World, id: &TenantId, dirty: Dirty, editor: &mut Editor) {
        let Some(tenant) = self.tenants.get_mut(id) else { return };
        let nothing = TenantModel::default();
        let own = world.tenant(id).unwrap_or(&nothing);
        let lent = self.ledger.lent(world, id);
        let view = TenantView::new(own, lent, self.terms.settings.allow_cross_namespace);
        let mut pass =
            Pass { terms: &self.terms, ledger: &self.ledger, editor, report: &mut self.report };
        tenant.refresh(&view, dirty, &mut pass);
        if tenant.borrows() {
            self.borrowers.insert(id.clone());
        } else {
            self.borrowers.remove(id);
        }
        let turn = tenant.deadline(self.terms.now);
        self.deadline = turn.into_iter().chain(self.deadline).min();
    }

    /// What a handshake for a name does.
    fn handshake(&self, world: &World, snapshot: &Snapshot, name: &Host) -> Handshake {
        let mut owners = self.ledger.trace(name).0.into_iter();
        let single = world.tenants().map(|(id, _)| id).filter(|_| self.terms.is_single_tenant());
        let owner = owners.next().or_else(|| single.into_iter().next());
        let tenant = owner.and_then(|owner| self.tenants.get(owner));
        let story = tenant.and_then(|tenant| tenant.certificates_of(name, self.terms.now));
        let (served, losers) = story.map(|s| (s.served, s.losers)).unwrap_or_default();
        Handshake { result: served.ok_or_else(|| explain::refusal(snapshot, name)), losers }
    }

    /// Rules of whatever tenant that are for a host, but are not served.
    fn refused_rules(&self, world: &World, host: &Host) -> Vec<Loser> {
        let mut losers = Vec::new();
        for (tenant, model) in world.tenants() {
            for routes in routes_of(model) {
                for rule in &routes.rules {
                    let Some(pattern) = rule.host.as_ref().filter(|p| p.matches(host)) else {
                        continue;
                    };
                    let reason = self.refusal(tenant, routes, pattern, &rule.field);
                    losers.extend(reason.map(|reason| Loser {
                        object: routes.origin.key.clone(),
                        field: rule.field.clone(),
                        reason,
                    }));
                }
            }
        }
        losers
    }

    /// Why a rule did not become a route, if it did not.
    fn refusal(
        &self,
        tenant: &TenantId,
        routes: &HttpRoutes,
        host: &HostPattern,
        field: &str,
    ) -> Option<String> {
        let key = &routes.origin.key;
        if !self.terms.watches(key) {
            return Some("its namespace is not among those that are read".to_owned());
        }
        match self.terms.select(&routes.class) {
            Selection::Others => return Some("it belongs to another controller".to_owned()),
            Selection::Ours => {}
            selection => return class_findings::why(&self.terms, &selection),
        }
        let verdict = self.ledger.verdict(tenant, host);
        let compiled = self.tenants.get(tenant)?;
        match verdict {
            Verdict::Owned { .. } if compiled.serves(host, key, field) => None,
            Verdict::Owned { .. } => Some("it is not served, as its findings say".to_owned()),
            refused => Some(refused.to_string()),
        }
    }

    fn finish(&mut self, editor: Editor) -> Snapshot {
        self.report.claims = self.ledger.take_news().collect();
        self.last = editor.finish(self.last.generation() + 1);
        self.last.clone()
    }
}

fn routes_of(model: &TenantModel) -> impl Iterator<Item = &Arc<HttpRoutes>> {
    model.namespaces.values().flat_map(|namespace| namespace.routes.values())
}

/// A compiler may live on another thread than its world.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Compiler>();
};

#[cfg(test)]
mod tests;
