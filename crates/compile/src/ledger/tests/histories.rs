// SPDX-License-Identifier: Apache-2.0
//! Every history of up to four steps of two tenants over an exact name, the wildcard above it and a wildcard below that
//! (attack H-05), with namespaces that go and come and claims that are forgotten, against a model that knows only sets.

use std::collections::{BTreeMap, BTreeSet};

use postern_model::{Host, KEPT_SECONDS, Kind, ObjectKey, Timestamp, World};

use super::namespace;
use crate::Compiler;
use crate::scenario::{NOW, declare, host, ingress, key, world};
use crate::tests::release;

const NAMES: [&str; 3] = ["w.x.test", "*.x.test", "*.w.x.test"];
const TENANTS: [&str; 2] = ["a", "b"];
const QUARANTINE: i64 = 24 * 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create(usize, usize),
    Delete(usize, usize),
    /// The claim to the name is given up.
    Revoke(usize),
    /// The quarantine ends.
    Wait,
    /// Claims that were given up, and that nobody took since, are forgotten.
    WaitLong,
    /// A tenant's namespace is deleted, with all that is in it.
    Vanish(usize),
    /// A namespace is made under the name of one that was deleted.
    Return(usize),
}

/// What is known about a name: who had it last, since when it is free, and how often it changed hands.
#[derive(Clone, Copy, Debug)]
struct Claim {
    tenant: usize,
    epoch: u64,
    released: Option<i64>,
    /// It was made by a namespace that is gone: its tenant has no more right to the name than others.
    bereft: bool,
}

#[derive(Clone, Debug, Default)]
struct Model {
    uses: BTreeSet<(usize, usize)>,
    claims: BTreeMap<usize, Claim>,
    gone: BTreeSet<usize>,
    now: i64,
}

impl Model {
    /// Whether a step changes anything.
    fn allows(&self, step: Step) -> bool {
        match step {
            Step::Create(tenant, name) => {
                !self.uses.contains(&(tenant, name)) && !self.gone.contains(&tenant)
            }
            Step::Delete(tenant, name) => self.uses.contains(&(tenant, name)),
            Step::Revoke(name) => self.claims.get(&name).is_some_and(|c| c.released.is_none()),
            Step::Wait => self.claims.values().any(|claim| self.is_dark(claim)),
            Step::WaitLong => self.claims.values().any(|claim| claim.released.is_some()),
            // Of one that has nothing, nothing is left.
            Step::Vanish(tenant) => {
                !self.gone.contains(&tenant) && self.claims.values().any(|c| c.tenant == tenant)
            }
            Step::Return(tenant) => self.gone.contains(&tenant),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Create(tenant, name) => drop(self.uses.insert((tenant, name))),
            Step::Delete(tenant, name) => drop(self.uses.remove(&(tenant, name))),
            Step::Revoke(name) => {
                if let Some(claim) = self.claims.get_mut(&name) {
                    claim.released = Some(self.now);
                }
            }
            Step::Wait => self.now += QUARANTINE,
            Step::WaitLong => self.now += QUARANTINE + KEPT_SECONDS,
            Step::Vanish(tenant) => self.vanish(tenant),
            Step::Return(tenant) => drop(self.gone.remove(&tenant)),
        }
        let now = self.now;
        let is_over = |at: i64| now >= at + QUARANTINE + KEPT_SECONDS;
        self.claims.retain(|_, claim| !claim.released.is_some_and(is_over));
        // All objects are of one age, so the order is that of their keys.
        for (tenant, name) in self.uses.clone() {
            if self.may(tenant, name) {
                let epoch = match self.claims.get(&name) {
                    None => 1,
                    Some(claim) => claim.epoch + u64::from(claim.tenant != tenant || claim.bereft),
                };
                self.claims.insert(name, Claim { tenant, epoch, released: None, bereft: false });
            }
        }
    }

    fn vanish(&mut self, tenant: usize) {
        self.gone.insert(tenant);
        self.uses.retain(|(user, _)| *user != tenant);
        for claim in self.claims.values_mut().filter(|claim| claim.tenant == tenant) {
            claim.bereft = true;
            claim.released.get_or_insert(self.now);
        }
    }

    fn is_dark(&self, claim: &Claim) -> bool {
        claim.released.is_some_and(|at| self.now < at + QUARANTINE)
    }

    /// A tenant may have a name if the nearest reservation at or above it, held or dark, is its own, or there is none.
    fn may(&self, tenant: usize, name: usize) -> bool {
        let chain: &[usize] = match NAMES[name] {
            "w.x.test" => &[0, 1],
            "*.w.x.test" => &[2, 1],
            _ => &[1],
        };
        let reserved = chain.iter().filter_map(|at| self.claims.get(at));
        let mut reserved = reserved.filter(|c| c.released.is_none() || self.is_dark(c));
        reserved.next().is_none_or(|claim| claim.tenant == tenant && !claim.bereft)
    }

    /// Who answers for a name on the wire.
    fn answers(&self, exact: Option<usize>, wildcard: usize) -> Option<(String, u64)> {
        let live = |at: usize| self.claims.get(&at).filter(|c| c.released.is_none());
        let back = |claim: &Claim| {
            !claim.bereft && live(1).is_some_and(|above| above.tenant == claim.tenant)
        };
        let door = |claim: &Claim| Some((TENANTS[claim.tenant].to_owned(), claim.epoch));
        for at in exact.into_iter().chain([wildcard]) {
            let Some(claim) = self.claims.get(&at) else { continue };
            if claim.released.is_none() {
                return door(claim);
            }
            if self.is_dark(claim) && !(at != 1 && back(claim)) {
                return None;
            }
        }
        None
    }
}

/// The real thing, compiled step by step.
struct Real {
    world: World,
    compiler: Compiler,
    /// How many namespaces were made.
    made: u64,
}

impl Real {
    fn new() -> Self {
        let mut real = Self { world: world(), compiler: Compiler::new(), made: 0 };
        (0..TENANTS.len()).for_each(|tenant| real.make(tenant));
        real.world.know_namespaces(1);
        real
    }

    fn make(&mut self, tenant: usize) {
        self.made += 1;
        declare!(self.world, namespace(TENANTS[tenant], &format!("uid{}", self.made)));
    }

    fn take(&mut self, step: Step, now: i64) -> Vec<Option<(String, u64)>> {
        let object = |tenant: usize, name: usize| format!("{}/i{name}", TENANTS[tenant]);
        let world = &mut self.world;
        match step {
            Step::Create(tenant, name) => {
                let rule = format!("{}/ web", NAMES[name]);
                declare!(world, ingress(&object(tenant, name), 1, &[&rule]));
            }
            Step::Delete(tenant, name) => {
                world.withdraw(&key(Kind::Ingress, &object(tenant, name)));
            }
            Step::Revoke(name) => release(world, &host(NAMES[name])),
            Step::Wait | Step::WaitLong => {}
            Step::Vanish(tenant) => {
                for name in 0..NAMES.len() {
                    world.withdraw(&key(Kind::Ingress, &object(tenant, name)));
                }
                world.withdraw(&key(Kind::Namespace, TENANTS[tenant]));
            }
            Step::Return(tenant) => self.make(tenant),
        }
        let world = &mut self.world;
        world.tell_time(Timestamp(NOW + now));
        // As the leader does, and the watch of HostClaims tells.
        let outlived: Vec<_> = world.outlived().map(|claim| claim.pattern.to_string()).collect();
        for name in outlived {
            world.withdraw(&ObjectKey::new(Kind::HostClaim, "", name));
        }
        let changes = world.take_changes();
        let snapshot = self.compiler.recompile(world, changes);
        world.record(self.compiler.report().claims.iter().cloned());
        let doors = ["w.x.test", "v.x.test", "v.w.x.test"].map(|name| {
            let admission = snapshot.admit(&Host::parse(name).unwrap())?;
            Some((admission.scope().label().to_string(), admission.epoch()))
        });
        doors.into()
    }
}

fn steps() -> Vec<Step> {
    let mut steps = vec![Step::Wait, Step::WaitLong];
    for tenant in 0..TENANTS.len() {
        steps.extend([Step::Vanish(tenant), Step::Return(tenant)]);
    }
    for name in 0..NAMES.len() {
        steps.push(Step::Revoke(name));
        for tenant in 0..TENANTS.len() {
            steps.extend([Step::Create(tenant, name), Step::Delete(tenant, name)]);
        }
    }
    steps
}

fn histories(model: &Model, history: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
    if history.len() == 4 {
        all.push(history.clone());
        return;
    }
    for step in steps().into_iter().filter(|step| model.allows(*step)) {
        // The tenants are alike: what begins with the second is told by what begins with the first.
        if history.is_empty() && matches!(step, Step::Create(1, _)) {
            continue;
        }
        let mut next = model.clone();
        next.take(step);
        history.push(step);
        histories(&next, history, all);
        history.pop();
    }
}

#[test]
fn every_short_history_gives_what_the_model_says() {
    let mut all = Vec::new();
    histories(&Model::default(), &mut Vec::new(), &mut all);
    assert!(all.len() > 1000, "{}", all.len());
    for history in all {
        let mut model = Model::default();
        let mut real = Real::new();
        for (number, step) in history.iter().enumerate() {
            model.take(*step);
            let doors = real.take(*step, model.now);
            let expected =
                [model.answers(Some(0), 1), model.answers(None, 1), model.answers(None, 2)];
            assert_eq!(doors, expected, "{:?}\n{model:?}", &history[..=number]);
        }
    }
}
