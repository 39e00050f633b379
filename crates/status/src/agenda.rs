// SPDX-License-Identifier: Apache-2.0
//! What one leader has to do: what it has seen, what it has said, and what it writes next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::call::{self, CallError};
use crate::facts::Facts;
use crate::plan::event::{Notice, Said};
use crate::plan::ingress::{self, Ingresses};
use crate::plan::{claim, tenant};
use crate::queue::{Allowance, FairQueue, Quota};
use crate::seen::{self, Seen};
use crate::task::{Target, Task, Written};
use crate::view::{Addresses, Key, SeenIngress};
use crate::watch::Change;

/// For how long what is not permitted is not tried again.
const NOT_GRANTED: std::time::Duration = std::time::Duration::from_secs(120);

/// Claims come first: until they are recorded they are lost with their replica.
const CLAIMS: Allowance = Allowance { burst: 300.0, per_second: 100.0 };
/// Then what the operator and other programs read.
const STATUS: Allowance = Allowance { burst: 100.0, per_second: 20.0 };
/// Events may come late.
const EVENTS: Allowance = Allowance { burst: 25.0, per_second: 0.5 };

/// The state of one term.
#[derive(Debug)]
pub(crate) struct Agenda {
    pub(crate) seen: Seen,
    pub(crate) addresses: Option<Addresses>,
    ingresses: Ingresses,
    said: Said,
    /// Objects that were just left to another controller.
    contended: Vec<Key>,
    queues: [FairQueue<Task>; 3],
    /// Writes under way.
    busy: HashSet<Target>,
    /// What failed, how often, and when it is tried again.
    failed: HashMap<Target, (u32, Instant)>,
    /// What is not permitted, and when it is tried again.
    denied: HashMap<(&'static str, Arc<str>), Instant>,
    round: u64,
    /// How many writes are due and not planned yet.
    withheld: usize,
}

impl Agenda {
    /// A term begins.
    pub(crate) fn new(identity: &str) -> Self {
        Self {
            seen: Seen::default(),
            addresses: None,
            ingresses: Ingresses::new(jiff::Timestamp::now()),
            said: Said::new(identity),
            contended: Vec::new(),
            queues: [CLAIMS, STATUS, EVENTS].map(FairQueue::new),
            busy: HashSet::new(),
            failed: HashMap::new(),
            denied: HashMap::new(),
            round: 0,
            withheld: 0,
        }
    }

    /// Plans everything anew: what is so decides, never what was planned before.
    pub(crate) fn plan(&mut self, facts: &Facts) {
        let now = Instant::now();
        let today = jiff::Timestamp::now();
        self.round += 1;
        self.failed.retain(|_, (_, until)| now < *until + 2 * NOT_GRANTED);
        self.denied.retain(|_, until| now < *until);
        let [mut for_claims, mut for_status, mut for_events] =
            self.queues.each_ref().map(|queue| queue.quota(now));
        let mut claims = Vec::new();
        let mut status = tenant::plan(facts, &self.seen, today);
        if self.seen.claims_listed {
            let (tasks, mut due) = claim::plan(facts, &self.seen, today, &mut for_claims);
            claims = tasks;
            claims.extend(claim::forget(facts, &self.seen, (&mut due, &mut for_claims)));
            status.extend(claim::describe(facts, &self.seen, today, (&due, &mut for_status)));
        }
        let addresses = self.addresses.as_deref();
        let tasks = self.ingresses.plan(facts, &self.seen, addresses, (now, &mut for_status));
        status.extend(tasks);
        let events = self.events(facts, (now, &mut for_events));
        self.withheld = [for_claims, for_status, for_events].iter().map(Quota::withheld).sum();
        for (queue, tasks) in [claims, status, events].into_iter().enumerate() {
            let may = tasks.into_iter().filter(|task| self.may(&task.target, now));
            let may: Vec<_> = may.map(|task| (task.tenant.clone(), task)).collect();
            self.queues[queue].refill(may, now);
        }
    }

    fn events(&mut self, facts: &Facts, (now, quota): (Instant, &mut Quota)) -> Vec<Task> {
        let busy = &self.busy;
        self.ingresses.forget(|event| !busy.contains(event));
        let found = facts.findings.values().flatten();
        let warnings = found.map(|finding| {
            let key = &finding.origin.key;
            let tenant =
                if key.namespace.is_empty() { "".into() } else { facts.tenant_of(&key.namespace) };
            Notice::of(finding, tenant)
        });
        let contended = std::mem::take(&mut self.contended);
        let contended = contended.iter().filter_map(|key| ingress::contended(facts, key));
        let mut tasks = self.said.plan(warnings.chain(contended), self.round, (now, quota));
        for (route, state) in self.ingresses.news(facts, &self.seen, self.addresses.as_deref()) {
            // What to say is not even composed when it cannot be said now: after an installation that is everything.
            if !quota.has_room(&route.tenant) {
                quota.withhold();
                continue;
            }
            let notice = ingress::served(route);
            if let Some(task) = self.said.consider(&notice, self.round, (now, quota)) {
                self.ingresses.ask(&notice, state);
                tasks.push(task);
            }
        }
        tasks
    }

    fn may(&self, target: &Target, now: Instant) -> bool {
        let waits = self.failed.get(target).is_some_and(|(_, until)| now < *until);
        let denied = self.denied.get(&target.grant()).is_some_and(|until| now < *until);
        !waits && !denied
    }

    /// The next write, if there is one now.
    pub(crate) fn next(&mut self) -> Option<Task> {
        let now = Instant::now();
        loop {
            let task = self.queues.iter_mut().find_map(|queue| queue.pop(now))?;
            // It is planned again when the write that is under way has ended.
            if self.may(&task.target, now) && self.busy.insert(task.target.clone()) {
                return Some(task);
            }
        }
    }

    /// How many writes are under way.
    pub(crate) fn busy(&self) -> usize {
        self.busy.len()
    }

    /// Whether nothing is under way, nor could be now.
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// How many writes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.iter().map(FairQueue::len).sum::<usize>() + self.withheld
    }

    /// Whether something waits for its turn.
    pub(crate) fn waits(&self) -> bool {
        !self.failed.is_empty() || self.waiting() > 0
    }

    /// A write has ended.  The word for its result.
    pub(crate) fn ended(
        &mut self,
        target: Target,
        result: Result<Written, CallError>,
    ) -> &'static str {
        let now = Instant::now();
        self.busy.remove(&target);
        match result {
            Ok(written) => {
                self.failed.remove(&target);
                self.wrote(target, written, now);
                "written"
            }
            Err(error) => {
                let word = error.word();
                if matches!(error, CallError::Forbidden { .. }) {
                    self.denied.insert(target.grant(), now + NOT_GRANTED);
                }
                let (times, until) = self.failed.entry(target).or_insert((0, now));
                *until = now + call::pause(*times);
                *times += 1;
                word
            }
        }
    }

    fn wrote(&mut self, target: Target, written: Written, now: Instant) {
        match (target, written) {
            (Target::Claim(name), Written::Claim(object)) => {
                seen::put(&mut self.seen.claims, name.into(), object);
            }
            (Target::Claim(name), Written::NoClaim) => {
                self.seen.claims.remove(&*name);
            }
            (Target::Tenant(name), Written::Tenant(object)) => {
                seen::put(&mut self.seen.tenants, name, *object);
            }
            (Target::Ingress(key), Written::Ingress(mut object)) => {
                self.share(&mut object);
                self.ingresses.wrote(key.clone(), &object);
                seen::put(&mut self.seen.ingresses, key, object);
            }
            (Target::Event(namespace, name), Written::Event) => {
                self.ingresses.said(&Target::Event(namespace.clone(), name.clone()));
                self.said.said(namespace, name, self.round, now);
            }
            _ => {}
        }
    }

    /// Ingresses have changed, in one namespace or (`None`) anywhere.  How many were left to another controller.
    pub(crate) fn ingresses(&mut self, scope: Option<&str>, change: Change<SeenIngress>) -> usize {
        let now = Instant::now();
        match change {
            Change::All(objects) => {
                let listed: HashSet<Key> = objects.iter().map(|(key, _)| key.clone()).collect();
                let within = |key: &Key| scope.is_none_or(|namespace| *key.0 == *namespace);
                self.seen.ingresses.retain(|key, _| !within(key) || listed.contains(key));
                objects.into_iter().map(|(key, object)| self.ingress(key, object, now)).sum()
            }
            Change::Put(key, object) => self.ingress(key, object, now),
            Change::Gone(key) => {
                self.ingresses.noticed(&key, None, now);
                self.seen.ingresses.remove(&key);
                0
            }
        }
    }

    /// Holds the addresses that we write to all of them once.
    fn share(&self, object: &mut SeenIngress) {
        if let Some(ours) = self.addresses.as_ref().filter(|ours| **ours == object.addresses) {
            object.addresses = ours.clone();
        }
    }

    fn ingress(&mut self, key: Key, mut object: SeenIngress, now: Instant) -> usize {
        self.share(&mut object);
        if !seen::put(&mut self.seen.ingresses, key.clone(), object) {
            return 0;
        }
        let gave_up = self.ingresses.noticed(&key, self.seen.ingresses.get(&key), now);
        if gave_up {
            self.contended.push(key);
        }
        usize::from(gave_up)
    }
}

#[cfg(test)]
mod tests;
