// SPDX-License-Identifier: Apache-2.0
//! `status.loadBalancer` of objects with routes, and the Event that says that they are served.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use postern_model::Origin;
use serde_json::json;
use tokio::time::Instant;

use super::condition::shortened;
use super::event::Notice;
use crate::contention::Contention;
use crate::facts::{Facts, Route};
use crate::queue::Quota;
use crate::seen::Seen;
use crate::task::{Target, Task, Write};
use crate::view::{Address, Addresses, Key, SeenIngress};

/// How many hosts an Event lists.
const LISTED: usize = 5;

/// What is served of an object: its UID, and a fingerprint of its hosts.
pub(crate) type State = (Option<Arc<str>>, u64);

/// What this replica has written and said about objects with routes since it leads.
#[derive(Debug)]
pub(crate) struct Ingresses {
    /// Objects that existed before were told by the leader before.
    began: jiff::Timestamp,
    /// What we wrote, until somebody rewrites it or the object goes.
    written: HashMap<Key, Addresses>,
    /// What was last said to be served.
    served: HashMap<Key, State>,
    /// What the Events that are planned would say.
    asked: HashMap<Target, (Key, State)>,
    contention: Contention<Key>,
}

impl Ingresses {
    /// Nothing is written yet.
    pub(crate) fn new(began: jiff::Timestamp) -> Self {
        Self {
            began,
            written: HashMap::new(),
            served: HashMap::new(),
            asked: HashMap::new(),
            contention: Contention::new(),
        }
    }

    /// Writes of addresses that differ from what is there.
    pub(crate) fn plan(
        &mut self,
        facts: &Facts,
        seen: &Seen,
        addresses: Option<&[Address]>,
        (now, quota): (Instant, &mut Quota),
    ) -> Vec<Task> {
        self.contention.sweep(now);
        let ours: HashSet<Key> =
            facts.routes.iter().map(|route| key(&route.routes.origin)).collect();
        self.written.retain(|key, _| seen.ingresses.contains_key(key));
        self.served.retain(|key, _| ours.contains(key));
        let Some(addresses) = addresses else { return Vec::new() };
        let mut tasks = Vec::new();
        for route in &facts.routes {
            let Some((key, object)) = look_up(route, seen) else { continue };
            if self.contention.gave_up(&key) {
                continue;
            }
            let wanted = if route.is_served { addresses } else { &[] };
            // What another controller says about an object of which we serve nothing is its own affair.
            let is_ours = *object.addresses == *addresses || self.written.contains_key(&key);
            let is_due = *object.addresses != *wanted && (route.is_served || is_ours);
            if is_due && quota.takes(&route.tenant) {
                tasks.push(task(key, object, wanted, route.tenant.clone()));
            }
        }
        tasks.extend(self.abandoned(facts, seen, &ours));
        tasks
    }

    /// Objects that were ours and are no longer, and still show what we wrote.
    fn abandoned(&self, facts: &Facts, seen: &Seen, ours: &HashSet<Key>) -> Vec<Task> {
        let left = self.written.iter().filter(|(key, _)| !ours.contains(*key));
        let tasks = left.filter_map(|(key, written)| {
            let object = seen.ingresses.get(key)?;
            let is_there = !written.is_empty() && object.addresses == *written;
            is_there.then(|| task(key.clone(), object, &[], facts.tenant_of(&key.0)))
        });
        tasks.collect()
    }

    /// What has come to be served since it was last said.
    pub(crate) fn news<'a>(
        &mut self,
        facts: &'a Facts,
        seen: &Seen,
        addresses: Option<&[Address]>,
    ) -> Vec<(&'a Route, State)> {
        let mut news = Vec::new();
        for route in &facts.routes {
            let Some((key, object)) = look_up(route, seen) else { continue };
            let origin = &route.routes.origin;
            if !route.is_served {
                self.served.remove(&key);
                continue;
            }
            let state = (origin.uid.clone(), route.fingerprint);
            let said = match self.served.get(&key) {
                Some(said) => *said == state,
                None => self.was_told_before(origin, object, addresses),
            };
            if said {
                self.served.insert(key, state);
            } else {
                news.push((route, state));
            }
        }
        news
    }

    /// An Event is planned that says what is served of an object.
    pub(crate) fn ask(&mut self, notice: &Notice, state: State) {
        let (namespace, name) = notice.target();
        let asked = (key(&notice.origin), state);
        self.asked.insert(Target::Event(namespace, name), asked);
    }

    /// Forgets Events that are planned anew.
    pub(crate) fn forget(&mut self, is_over: impl Fn(&Target) -> bool) {
        self.asked.retain(|event, _| !is_over(event));
    }

    /// An Event was written.
    pub(crate) fn said(&mut self, event: &Target) {
        if let Some((key, state)) = self.asked.remove(event) {
            self.served.insert(key, state);
        }
    }

    fn was_told_before(
        &self,
        origin: &Origin,
        object: &SeenIngress,
        addresses: Option<&[Address]>,
    ) -> bool {
        let is_older = origin.created.is_some_and(|created| created.0 < self.began.as_second());
        let is_addressed = addresses.is_none_or(|wanted| {
            *object.addresses == *wanted && !self.written.contains_key(&key(origin))
        });
        is_older && is_addressed
    }

    /// We wrote, and this is what is there now.
    pub(crate) fn wrote(&mut self, key: Key, object: &SeenIngress) {
        self.written.insert(key, object.addresses.clone());
    }

    /// Somebody changed an object; true if this is the moment to leave it to whoever it is.
    pub(crate) fn noticed(
        &mut self,
        key: &Key,
        object: Option<&SeenIngress>,
        now: Instant,
    ) -> bool {
        let Some(object) = object else {
            self.written.remove(key);
            return false;
        };
        match self.written.get(key) {
            Some(written) if *written != object.addresses => {
                self.written.remove(key);
                self.contention.rewritten(key.clone(), now)
            }
            _ => false,
        }
    }
}

fn key(origin: &Origin) -> Key {
    (origin.key.namespace.clone(), origin.key.name.clone())
}

/// The object of a route as it is in the cluster; nothing if it is not seen yet, or is another of the same name.
fn look_up<'a>(route: &Route, seen: &'a Seen) -> Option<(Key, &'a SeenIngress)> {
    let origin = &route.routes.origin;
    let key = key(origin);
    let object = seen.ingresses.get(&key)?;
    (origin.uid.as_deref() == Some(&object.uid)).then_some((key, object))
}

fn task(key: Key, object: &SeenIngress, addresses: &[Address], tenant: Arc<str>) -> Task {
    let balancer = if addresses.is_empty() { json!({}) } else { json!({"ingress": addresses}) };
    let write = Write::Ingress(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        // The UID makes it a precondition: never an object that has taken the other's name.
        "metadata": {"namespace": key.0, "name": key.1, "uid": object.uid},
        "status": {"loadBalancer": balancer},
    }));
    Task { target: Target::Ingress(key), tenant, write }
}

/// What to say about an object that is left to another controller.
pub(crate) fn contended(facts: &Facts, key: &Key) -> Option<Notice> {
    let route = facts.routes.iter().find(|route| self::key(&route.routes.origin) == *key)?;
    Some(Notice {
        origin: route.routes.origin.clone(),
        tenant: route.tenant.clone(),
        is_warning: true,
        reason: "StatusContended".to_owned(),
        field: "status.loadBalancer".into(),
        note: "status.loadBalancer: another controller keeps rewriting it and it is left to that controller for now; let only one controller serve this class".to_owned(),
        lasts: false,
    })
}

/// What to say about an object that has come to be served.
pub(crate) fn served(route: &Route) -> Notice {
    let origin = &route.routes.origin;
    let hosts = route.hosts();
    let more = hosts.len().saturating_sub(LISTED);
    let mut listed: Vec<String> = hosts
        .into_iter()
        .take(LISTED)
        .map(|host| host.map_or_else(|| "every host of the tenant".to_owned(), |h| h.to_string()))
        .collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    Notice {
        origin: origin.clone(),
        tenant: route.tenant.clone(),
        is_warning: false,
        reason: "Programmed".to_owned(),
        field: "".into(),
        note: shortened(format!("serving {}", listed.join(", ")), 1024),
        lasts: false,
    }
}

#[cfg(test)]
mod tests;
