// SPDX-License-Identifier: Apache-2.0
//! The tasks that talk to the API server: informers, fetches and polls, all ended when this is dropped.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use postern_model::Kind;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::connection::Connections;
use super::contact::{Contact, Health};
use super::event::ItemName;
use super::fetch::Fetcher;
use super::informer::{Informer, InformerId, State, Word};
use super::pulse::Pulse;
use super::references::SecretName;
use super::target::Target;

/// So many Secrets are watched one by one; those beyond are read now and then.
const MAX_NAMED: usize = 2_048;
/// A pause after a defect of ours.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// All tasks.
pub(super) struct Crew {
    tasks: JoinSet<()>,
    connections: Connections,
    outbox: mpsc::Sender<Word>,
    fetcher: Fetcher,
    pulse: Pulse,
    health: Health,
    fetches: HashMap<SecretName, AbortHandle>,
    informers: HashMap<InformerId, AbortHandle>,
    /// How many of them watch one object.
    named: usize,
    next: InformerId,
    /// What fetches say about themselves.
    contact: Arc<Contact>,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("informers", &self.informers.len()).finish_non_exhaustive()
    }
}

impl Crew {
    pub(super) fn new(
        connections: Connections,
        outbox: mpsc::Sender<Word>,
        health: Health,
    ) -> Self {
        let pulse = Pulse::new();
        Self {
            tasks: JoinSet::new(),
            fetcher: Fetcher::new(connections.first(), outbox.clone(), pulse.clone()),
            pulse,
            connections,
            outbox,
            contact: health.aside(Kind::Secret),
            health,
            fetches: HashMap::new(),
            informers: HashMap::new(),
            named: 0,
            next: 0,
        }
    }

    /// Starts an informer.
    pub(super) fn watch(&mut self, target: Target) -> InformerId {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        if target.name.is_some() {
            self.named += 1;
            if self.named > MAX_NAMED {
                self.poll(id, target);
                return id;
            }
        }
        let mut informer = Informer {
            id,
            contact: self.health.contact(target.kind, target.namespace.clone()),
            fetcher: target.name.is_some().then(|| self.fetcher.clone()),
            unread: target.name.is_some().then(|| self.fetcher.look()),
            target,
            place: self.connections.place(),
            outbox: self.outbox.clone(),
            pace: self.pulse.pace(),
            state: State::default(),
        };
        let task = self.tasks.spawn(async move {
            // A panic is a defect of ours, and no reason to be deaf from now on.
            while AssertUnwindSafe(informer.run()).catch_unwind().await.is_err() {
                informer.state = State::default();
                tokio::time::sleep(AFTER_PANIC).await;
            }
        });
        self.informers.insert(id, task);
        id
    }

    /// Reads one object now and then instead of watching it.
    pub(super) fn poll(&mut self, id: InformerId, target: Target) {
        let contact = self.health.contact(target.kind, target.namespace.clone());
        let task = self.tasks.spawn(self.fetcher.clone().poll(id, target, contact));
        if let Some(before) = self.informers.insert(id, task) {
            before.abort();
        }
    }

    /// Ends an informer of one object.
    pub(super) fn send_home(&mut self, id: InformerId) {
        if let Some(task) = self.informers.remove(&id) {
            task.abort();
            self.named = self.named.saturating_sub(1);
        }
    }

    /// Reads a Secret once.
    pub(super) fn fetch(&mut self, name: SecretName) {
        let target = Target::all(Kind::Secret, Some(name.0.clone()));
        let item = ItemName { namespace: (*name.0).into(), name: (*name.1).into() };
        let fetch = self.fetcher.clone().fetch(target, item, self.contact.clone());
        let task = self.tasks.spawn(fetch);
        if let Some(before) = self.fetches.insert(name, task) {
            before.abort();
        }
    }

    /// What a fetch brings is not needed, or was brought.
    pub(super) fn forget_fetch(&mut self, name: &SecretName) {
        if let Some(task) = self.fetches.remove(name) {
            task.abort();
        }
    }

    /// Lets go of tasks that have ended.
    pub(super) fn rest(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }
}
