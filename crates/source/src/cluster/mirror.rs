// SPDX-License-Identifier: Apache-2.0
//! Hears what the informers tell and turns it into batches: one list at a time, Secrets only where they are referred to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use postern_model::{Kind, Object, ObjectKey};

use super::batch::Gathering;
use super::crew::Crew;
use super::event::{Item, ItemName};
use super::informer::{InformerId, News, Word};
use super::options::ClusterOptions;
use super::reader::{Reader, Step, not_granted};
use super::references::{References, SecretName};
use super::shelf::{Entry, Shelf, Staged};
use super::target::Target;

/// What is known of a cluster.
#[derive(Debug)]
pub(super) struct Mirror {
    crew: Crew,
    reader: Reader,
    pub(super) gathering: Gathering,
    references: References,
    informers: HashMap<InformerId, Watched>,
    by_name: bool,
    /// The informers of Secrets that are watched one by one.
    named: HashMap<SecretName, InformerId>,
    scopes: Vec<Option<Arc<str>>>,
    /// How many informers have not said anything yet.
    unsettled: usize,
    /// Secrets are read once it is known which of them are referred to.
    reads_secrets: bool,
    /// The first batch is complete.
    complete: bool,
    /// How many informers are denied each kind and place.
    denied: BTreeMap<(Kind, Option<Arc<str>>), usize>,
}

/// What is known of one informer.
#[derive(Debug)]
struct Watched {
    target: Target,
    shelf: Shelf,
    staged: Option<Staged>,
    /// It has said what there is, or that it cannot.
    settled: bool,
    denied: bool,
    polls: bool,
}

impl Mirror {
    /// Starts to watch.
    pub(super) fn new(options: &ClusterOptions, crew: Crew) -> Self {
        let mut mirror = Self {
            crew,
            reader: Reader::new(options.settings.clone()),
            gathering: Gathering::new(options.throttle),
            references: References::default(),
            informers: HashMap::new(),
            by_name: options.secrets_by_name,
            named: HashMap::new(),
            scopes: options.scopes(),
            unsettled: 0,
            reads_secrets: options.secrets_by_name,
            complete: false,
            denied: BTreeMap::new(),
        };
        if !options.disable_cluster_scope_resources {
            for kind in [Kind::Namespace, Kind::Tenant, Kind::HostClaim, Kind::IngressClass] {
                mirror.watch(Target::all(kind, None));
            }
        }
        for scope in mirror.scopes.clone() {
            let labels = options.label_selector.as_str().into();
            mirror.watch(Target { labels, ..Target::all(Kind::Ingress, scope.clone()) });
            for kind in [Kind::Service, Kind::EndpointSlice, Kind::ReferenceGrant] {
                mirror.watch(Target::all(kind, scope.clone()));
            }
        }
        mirror
    }

    /// Whether every informer has said all that there is, and every Secret that is referred to was read.
    pub(super) fn is_complete(&mut self) -> bool {
        self.complete = self.complete
            || self.reads_secrets && self.unsettled == 0 && self.references.all_answered();
        self.complete
    }

    /// Takes in what was told.
    pub(super) fn hear(&mut self, word: Word) {
        match word {
            Word::News(id, news) => self.hear_news(id, news),
            Word::Fetched(name, item) => self.hear_fetched(&name, item),
        }
        self.crew.rest();
    }

    /// When something has to be done although nothing is told.
    pub(super) fn deadline(&self) -> Option<tokio::time::Instant> {
        self.references.deadline()
    }

    /// Does it.
    pub(super) fn hurry(&mut self) {
        let mut unwanted = Vec::new();
        let overdue = self.references.overdue(&mut unwanted);
        self.put_in_force(overdue, unwanted);
    }

    /// Forgets what only mattered while many objects were read.
    pub(super) fn sweep(&mut self, many: bool) {
        self.reader.sweep(many);
    }

    fn watch(&mut self, target: Target) -> InformerId {
        let id = self.crew.watch(target.clone());
        let watched = Watched {
            target,
            shelf: Shelf::default(),
            staged: None,
            settled: false,
            denied: false,
            polls: false,
        };
        self.informers.insert(id, watched);
        self.unsettled += 1;
        id
    }

    fn hear_news(&mut self, id: InformerId, news: News) {
        // What an informer said before it was sent home does not count.
        let Some(watched) = self.informers.get_mut(&id) else { return };
        match news {
            News::Listing => watched.staged = Some(Staged::default()),
            News::Listed(reached) => {
                self.hear_listed(id);
                reached.into_iter().for_each(|version| self.gathering.reached(version));
            }
            News::Reached(version) => self.gathering.reached(version),
            News::Present(item) => self.hear_present(id, &item),
            News::Gone(name) => self.hear_gone(id, &name),
            News::Granted => self.set_denied(id, false),
            News::Absent => self.settle(id),
            News::Denied => self.hear_denied(id),
        }
    }

    fn hear_present(&mut self, id: InformerId, item: &Item) {
        let Self { informers, references, reader, .. } = self;
        let Some(watched) = informers.get_mut(&id) else { return };
        let kind = watched.target.kind;
        let known = watched.shelf.found(&item.name);
        let is_wanted = kind != Kind::Secret || {
            let key = reader.key(kind, &item.name);
            references.wants(&(key.namespace, key.name))
        };
        if let Some((namespace, name, entry)) = known {
            if entry.version == item.version && (entry.held || !is_wanted) {
                if let Some(staged) = &mut watched.staged {
                    staged.shelf.put(namespace, name, entry);
                }
                return;
            }
            if watched.staged.is_none() && item.version.is_older_than(entry.version) {
                return;
            }
        }
        let entry = Entry { version: item.version, held: is_wanted };
        let step = is_wanted.then(|| reader.read(kind, item));
        let key = step.as_ref().map_or_else(|| reader.key(kind, &item.name), |s| s.key.clone());
        match &mut watched.staged {
            Some(staged) => {
                staged.shelf.put(key.namespace, key.name, entry);
                staged.steps.extend(step);
            }
            None => {
                watched.shelf.put(key.namespace, key.name, entry);
                step.into_iter().for_each(|step| self.commit(step));
            }
        }
    }

    fn hear_gone(&mut self, id: InformerId, name: &ItemName) {
        let Some(watched) = self.informers.get_mut(&id) else { return };
        let key = self.reader.key(watched.target.kind, name);
        let step = Step { key, object: None, findings: Vec::new() };
        if let Some(staged) = &mut watched.staged {
            staged.shelf.remove(&name.namespace, &name.name);
            staged.steps.push(step);
        } else if watched.shelf.remove(&name.namespace, &name.name).is_some_and(|e| e.held) {
            self.commit(step);
        }
    }

    /// A list is complete: what is not in it is gone.
    fn hear_listed(&mut self, id: InformerId) {
        let Some(watched) = self.informers.get_mut(&id) else { return };
        let Some(staged) = watched.staged.take() else { return };
        let kind = watched.target.kind;
        let before = std::mem::replace(&mut watched.shelf, staged.shelf);
        let after = &watched.shelf;
        let gone = before.into_entries().filter(|(namespace, name, entry)| {
            entry.held && after.entry(namespace, name).is_none()
        });
        let gone: Vec<_> = gone.map(|(ns, name, _)| ObjectKey::new(kind, ns, name)).collect();
        for key in gone {
            self.commit(Step { key, object: None, findings: Vec::new() });
        }
        for step in staged.steps {
            self.commit(step);
        }
        self.set_denied(id, false);
        self.settle(id);
        if kind == Kind::Secret {
            self.read_wanted(id);
        }
    }

    /// Reads Secrets that something began to refer to while they were listed.
    fn read_wanted(&mut self, id: InformerId) {
        let Some(watched) = self.informers.get(&id) else { return };
        let unread = watched.shelf.unread().filter(|name| self.references.wants(name));
        let unread: Vec<_> = unread.collect();
        unread.into_iter().for_each(|name| self.fetch(name));
        let named = self.informers.get(&id).and_then(|watched| watched.named());
        if let Some(name) = named {
            self.answered(&name);
        }
    }

    fn hear_denied(&mut self, id: InformerId) {
        let Some(watched) = self.informers.get_mut(&id) else { return };
        if let (Some(_), false) = (&watched.target.name, watched.polls) {
            // Reading may be granted where watching is not.
            watched.polls = true;
            return self.crew.poll(id, watched.target.clone());
        }
        let (named, may_lack) = (watched.named(), watched.may_lack());
        self.set_denied(id, true);
        if may_lack {
            self.settle(id);
        }
        if let Some(name) = named {
            self.answered(&name);
        }
    }

    fn set_denied(&mut self, id: InformerId, denied: bool) {
        let Some(watched) = self.informers.get_mut(&id) else { return };
        if watched.denied == denied {
            return;
        }
        watched.denied = denied;
        let Target { kind, namespace, .. } = &watched.target;
        let count = self.denied.entry((*kind, namespace.clone())).or_default();
        *count = if denied { *count + 1 } else { count.saturating_sub(1) };
        let place = namespace.as_deref().unwrap_or("all namespaces");
        let about: Arc<str> = format!("access to {kind} in {place}").into();
        match (*count, denied) {
            (0, _) => self.gathering.note(about, Vec::new()),
            (1, true) => self.gathering.note(about, vec![not_granted(*kind, namespace.as_ref())]),
            _ => {}
        }
    }

    /// An informer has said what there is.  Once all that was declared is known, Secrets follow.
    fn settle(&mut self, id: InformerId) {
        let Some(watched) = self.informers.get_mut(&id) else { return };
        if std::mem::replace(&mut watched.settled, true) {
            return;
        }
        self.unsettled -= 1;
        let unknown = |w: &Watched| w.target.kind == Kind::Ingress && !w.settled;
        if !self.reads_secrets && !self.informers.values().any(unknown) {
            self.reads_secrets = true;
            for scope in self.scopes.clone() {
                self.watch(Target::all(Kind::Secret, scope));
            }
        }
    }

    /// Declares or withdraws one object.
    fn commit(&mut self, step: Step) {
        let Step { key, object, findings } = step;
        self.gathering.note_object(&key, findings);
        match key.kind {
            Kind::Ingress => self.commit_routes(key, object),
            Kind::Secret => {
                let name = (key.namespace.clone(), key.name.clone());
                self.gathering.put(key, object);
                self.answered(&name);
            }
            _ => self.gathering.put(key, object),
        }
    }

    fn commit_routes(&mut self, key: ObjectKey, object: Option<Object>) {
        for name in self.references.announce(object.as_ref()) {
            self.want(name);
        }
        let mut unwanted = Vec::new();
        // Before the first batch nothing is served, and so nothing can be without its certificate.
        let may_wait = self.complete;
        if self.references.settle(&key, object.as_ref(), may_wait, &mut unwanted) {
            self.gathering.put(key, object);
        }
        unwanted.into_iter().for_each(|name| self.unwant(&name));
    }

    /// Something refers to a Secret, and nothing did before.
    fn want(&mut self, name: SecretName) {
        if self.by_name {
            let (namespace, own) = name.clone();
            let target = Target { name: Some(own), ..Target::all(Kind::Secret, Some(namespace)) };
            let id = self.watch(target);
            self.named.insert(name.clone(), id);
            self.references.ask(name);
        } else if self.secrets_of(&name.0).is_some_and(|watched| watched.lacks(&name)) {
            self.fetch(name);
        }
    }

    /// Nothing refers to a Secret any more: its contents are not needed.
    fn unwant(&mut self, name: &SecretName) {
        let was_held = if let Some(id) = self.named.remove(name) {
            self.crew.send_home(id);
            self.set_denied(id, false);
            let watched = self.informers.remove(&id);
            self.unsettled -= usize::from(watched.as_ref().is_some_and(|w| !w.settled));
            watched.is_some_and(|watched| watched.shelf.entry(&name.0, &name.1).is_some())
        } else {
            self.crew.forget_fetch(name);
            let entry = self.secrets_of(&name.0).and_then(|w| w.shelf.entry_mut(&name.0, &name.1));
            entry.is_some_and(|entry| std::mem::replace(&mut entry.held, false))
        };
        if was_held {
            let key = ObjectKey::new(Kind::Secret, name.0.clone(), name.1.clone());
            self.gathering.note_object(&key, Vec::new());
            self.gathering.put(key, None);
        }
    }

    fn fetch(&mut self, name: SecretName) {
        self.references.ask(name.clone());
        self.crew.fetch(name);
    }

    fn hear_fetched(&mut self, name: &ItemName, item: Option<Item>) {
        let key = self.reader.key(Kind::Secret, name);
        let own = (key.namespace, key.name);
        self.crew.forget_fetch(&own);
        if !self.references.wants(&own) {
            return;
        }
        if let Some(item) = item
            && let Some(watched) = self.secrets_of(&own.0)
            // What the watch has told since is not older, and what it told to be gone is gone.
            && let Some(entry) = watched.shelf.entry_mut(&own.0, &own.1)
            && (!entry.held || entry.version.is_older_than(item.version))
        {
            *entry = Entry { version: item.version, held: true };
            let step = self.reader.read(Kind::Secret, &item);
            return self.commit(step);
        }
        self.answered(&own);
    }

    /// A Secret was read, or cannot be: whoever waits for it alone waits no longer.
    fn answered(&mut self, name: &SecretName) {
        self.crew.forget_fetch(name);
        let mut unwanted = Vec::new();
        let ready = self.references.answer(name, &mut unwanted);
        self.put_in_force(ready, unwanted);
    }

    fn put_in_force(
        &mut self,
        routes: Vec<Arc<postern_model::HttpRoutes>>,
        unwanted: Vec<SecretName>,
    ) {
        for routes in routes {
            self.gathering.put(routes.origin.key.clone(), Some(Object::HttpRoutes(routes)));
        }
        unwanted.into_iter().for_each(|name| self.unwant(&name));
    }

    /// The informer of all Secrets of a namespace.
    fn secrets_of(&mut self, namespace: &str) -> Option<&mut Watched> {
        self.informers.values_mut().find(|watched| {
            let Target { kind, namespace: own, name, .. } = &watched.target;
            *kind == Kind::Secret
                && name.is_none()
                && own.as_deref().is_none_or(|own| own == namespace)
        })
    }
}

impl Watched {
    /// The Secret that it alone watches.
    fn named(&self) -> Option<SecretName> {
        let Target { namespace, name, .. } = &self.target;
        Some((namespace.clone()?, name.clone()?))
    }

    /// There is such a Secret, and its contents were not read.
    fn lacks(&self, name: &SecretName) -> bool {
        self.settled && self.shelf.entry(&name.0, &name.1).is_some_and(|entry| !entry.held)
    }

    /// Whether others work without it: one namespace among several, or what can only make routes fewer.  Without the
    /// objects that draw the boundary between tenants nothing may be served.
    fn may_lack(&self) -> bool {
        let Target { kind, namespace, .. } = &self.target;
        namespace.is_some() || matches!(kind, Kind::IngressClass | Kind::ReferenceGrant)
    }
}
