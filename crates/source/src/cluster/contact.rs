// SPDX-License-Identifier: Apache-2.0
//! When the API server last told something that is believed, for each kind: what is served may be older than what is
//! declared.  A server that answers with errors, or with half a list, tells nothing.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use postern_model::Kind;
use tokio::time::Instant;

/// What the watches of a cluster say about themselves.  Cheap to clone, and may be asked from any thread.
#[derive(Clone, Debug)]
pub struct Health {
    contacts: Arc<Mutex<Vec<Weak<Contact>>>>,
}

/// Why a watch has nothing new to tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    /// What is watched.
    pub kind: Kind,
    /// Where; nothing for all namespaces.
    pub namespace: Option<Arc<str>>,
    /// What the last attempt met, with its causes.
    pub message: String,
}

impl Health {
    pub(super) fn new() -> Self {
        Self { contacts: Arc::default() }
    }

    /// A contact for one more watch.
    pub(super) fn contact(&self, kind: Kind, namespace: Option<Arc<str>>) -> Arc<Contact> {
        let contact = Arc::new(Contact::new(kind, namespace));
        self.add(&contact);
        contact
    }

    /// A contact for requests that are made now and then: that nothing is heard means nothing.
    pub(super) fn aside(&self, kind: Kind) -> Arc<Contact> {
        let contact = Arc::new(Contact { is_watch: false, ..Contact::new(kind, None) });
        self.add(&contact);
        contact
    }

    fn add(&self, contact: &Arc<Contact>) {
        let mut contacts = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
        // Now and then, so that many come and go at little cost.
        if contacts.len() == contacts.capacity() {
            contacts.retain(|contact| contact.strong_count() > 0);
        }
        contacts.push(Arc::downgrade(contact));
    }

    /// For how long nothing was heard, for each kind; the longest, where a kind has several watches.  A server that has
    /// nothing to tell says so about once a minute.  Kinds that the cluster does not have are not in it.
    pub fn staleness(&self) -> BTreeMap<Kind, Duration> {
        let mut longest = BTreeMap::new();
        for contact in self.living().iter().filter(|contact| contact.counts()) {
            let staleness = longest.entry(contact.kind).or_insert(Duration::ZERO);
            *staleness = contact.silence().max(*staleness);
        }
        longest
    }

    /// What keeps watches from telling anything new, in a fixed order.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut troubles: Vec<_> =
            self.living().iter().filter_map(|contact| contact.trouble()).collect();
        troubles.sort();
        troubles.dedup();
        troubles
    }

    fn living(&self) -> Vec<Arc<Contact>> {
        let contacts = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
        contacts.iter().filter_map(Weak::upgrade).collect()
    }
}

/// One watch's contact.
#[derive(Debug)]
pub(super) struct Contact {
    kind: Kind,
    namespace: Option<Arc<str>>,
    started: Instant,
    /// Milliseconds after the start; the greatest number: there is no such kind.
    last: AtomicU64,
    trouble: Mutex<Option<String>>,
    is_watch: bool,
}

impl Contact {
    fn new(kind: Kind, namespace: Option<Arc<str>>) -> Self {
        Self {
            kind,
            namespace,
            started: Instant::now(),
            last: AtomicU64::new(0),
            trouble: Mutex::new(None),
            is_watch: true,
        }
    }

    /// It was told how things stand.
    pub(super) fn touch(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(millis, Ordering::Relaxed);
    }

    /// The cluster does not have the kind.
    pub(super) fn is_missing(&self) {
        self.last.store(u64::MAX, Ordering::Relaxed);
        self.set_trouble(None);
    }

    /// All is well.
    pub(super) fn is_well(&self) {
        self.set_trouble(None);
    }

    /// An attempt failed.
    pub(super) fn fails(&self, error: &dyn Error) {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        self.set_trouble(Some(message));
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn trouble(&self) -> Option<Trouble> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Self { kind, namespace, .. } = self;
        trouble.map(|message| Trouble { kind: *kind, namespace: namespace.clone(), message })
    }

    fn counts(&self) -> bool {
        self.is_watch && self.last.load(Ordering::Relaxed) != u64::MAX
    }

    fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }
}
