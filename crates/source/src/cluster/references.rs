// SPDX-License-Identifier: Apache-2.0
//! Which Secrets are referred to, and which Ingresses wait until theirs have been read.
//!
//! An Ingress that begins to refer to another Secret is told together with it: its hosts are never without a
//! certificate in between.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use postern_model::{HttpRoutes, Object, ObjectKey, Ref, Secret};
use tokio::time::Instant;

/// An Ingress waits no longer than that.
const PATIENCE: Duration = Duration::from_secs(1);

/// Namespace and name of a Secret.
pub(super) type SecretName = (Arc<str>, Arc<str>);

/// All references to Secrets.
#[derive(Debug, Default)]
pub(super) struct References {
    /// How many Ingresses, in force or waiting, refer to each Secret.
    counts: HashMap<SecretName, u32>,
    /// The Ingresses in force that refer to any.
    in_force: HashMap<ObjectKey, Arc<HttpRoutes>>,
    /// The Ingresses that wait, and since when.
    waiting: HashMap<ObjectKey, (Arc<HttpRoutes>, Instant)>,
    /// The same in the order of time; some may wait no longer.
    queue: VecDeque<(Instant, ObjectKey)>,
    /// Secrets that were asked for and have not been answered yet.
    asked: HashMap<SecretName, Vec<ObjectKey>>,
}

impl References {
    /// Whether anything refers to a Secret.
    pub(super) fn wants(&self, name: &SecretName) -> bool {
        self.counts.contains_key(name)
    }

    /// Counts what a new version of an Ingress refers to.  It is not in force yet: see [`References::settle`].
    pub(super) fn announce(&mut self, object: Option<&Object>) -> Vec<SecretName> {
        let mut wanted = Vec::new();
        for name in secrets(routes(object)) {
            let count = self.counts.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 {
                wanted.push(name);
            }
        }
        wanted
    }

    /// A Secret was asked for.
    pub(super) fn ask(&mut self, name: SecretName) {
        self.asked.entry(name).or_default();
    }

    /// Whether no answer is outstanding.
    pub(super) fn all_answered(&self) -> bool {
        self.asked.is_empty()
    }

    /// Puts an announced version of an Ingress in force, or lets it wait; says whether it is in force.
    pub(super) fn settle(
        &mut self,
        key: &ObjectKey,
        object: Option<&Object>,
        may_wait: bool,
        unwanted: &mut Vec<SecretName>,
    ) -> bool {
        if let Some((earlier, _)) = self.waiting.remove(key) {
            self.release(Some(&earlier), unwanted);
        }
        let routes = routes(object);
        let mut waits = false;
        if may_wait {
            for name in secrets(routes) {
                if let Some(waiting) = self.asked.get_mut(&name) {
                    waiting.push(key.clone());
                    waits = true;
                }
            }
        }
        match routes {
            Some(routes) if waits => {
                let now = Instant::now();
                self.queue.push_back((now, key.clone()));
                self.waiting.insert(key.clone(), (routes.clone(), now));
                false
            }
            routes => {
                self.put_in_force(key, routes.cloned(), unwanted);
                true
            }
        }
    }

    /// An answer came; gives the Ingresses that waited for it alone.
    pub(super) fn answer(
        &mut self,
        name: &SecretName,
        unwanted: &mut Vec<SecretName>,
    ) -> Vec<Arc<HttpRoutes>> {
        let Some(keys) = self.asked.remove(name) else { return Vec::new() };
        let ready = keys.into_iter().filter(|key| {
            let waiting = self.waiting.get(key).map(|(routes, _)| routes);
            waiting.is_some_and(|routes| {
                secrets(Some(routes)).iter().all(|name| !self.asked.contains_key(name))
            })
        });
        let ready: BTreeSet<_> = ready.collect();
        ready.iter().filter_map(|key| self.admit(key, unwanted)).collect()
    }

    /// Gives the Ingresses that have waited long enough.
    pub(super) fn overdue(&mut self, unwanted: &mut Vec<SecretName>) -> Vec<Arc<HttpRoutes>> {
        let mut overdue = Vec::new();
        while let Some((since, key)) =
            self.queue.pop_front_if(|(since, _)| since.elapsed() >= PATIENCE)
        {
            // One that came again since waits anew.
            if self.waiting.get(&key).is_some_and(|(_, own)| *own == since) {
                overdue.extend(self.admit(&key, unwanted));
            }
        }
        overdue
    }

    /// When to look for those that have.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.front().map(|(since, _)| *since + PATIENCE)
    }

    fn admit(
        &mut self,
        key: &ObjectKey,
        unwanted: &mut Vec<SecretName>,
    ) -> Option<Arc<HttpRoutes>> {
        let (routes, _) = self.waiting.remove(key)?;
        self.put_in_force(key, Some(routes.clone()), unwanted);
        Some(routes)
    }

    fn put_in_force(
        &mut self,
        key: &ObjectKey,
        routes: Option<Arc<HttpRoutes>>,
        unwanted: &mut Vec<SecretName>,
    ) {
        let before = match routes.filter(|routes| !routes.certificates.is_empty()) {
            // The one that was there is the one that others hold.
            Some(routes) if self.in_force.get(key) == Some(&routes) => Some(routes),
            Some(routes) => self.in_force.insert(key.clone(), routes),
            None => self.in_force.remove(key),
        };
        self.release(before.as_ref(), unwanted);
    }

    fn release(&mut self, routes: Option<&Arc<HttpRoutes>>, unwanted: &mut Vec<SecretName>) {
        for name in secrets(routes) {
            let Some(count) = self.counts.get_mut(&name) else { continue };
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&name);
                self.asked.remove(&name);
                unwanted.push(name);
            }
        }
    }
}

fn routes(object: Option<&Object>) -> Option<&Arc<HttpRoutes>> {
    if let Some(Object::HttpRoutes(routes)) = object { Some(routes) } else { None }
}

/// The Secrets that an Ingress refers to, each once.
fn secrets(routes: Option<&Arc<HttpRoutes>>) -> BTreeSet<SecretName> {
    let uses = routes.into_iter().flat_map(|routes| &routes.certificates);
    uses.map(|certificate| name_of(&certificate.secret)).collect()
}

fn name_of(secret: &Ref<Secret>) -> SecretName {
    let key = secret.key();
    (key.namespace, key.name)
}
