// SPDX-License-Identifier: Apache-2.0
//! What has changed since the last time, gathered until it is quiet, but never for long.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use postern_model::{Finding, Object, ObjectKey, World};
use tokio::time::Instant;

use super::version::Version;

/// No change for so long ends a batch.
const QUIET: Duration = Duration::from_millis(5);
/// A batch ends after so long, however many changes follow: a leader that records claims makes hundreds a second, and
/// nobody's change may wait for the end of that.
const PATIENCE: Duration = Duration::from_millis(25);

/// Changes that belong into a world together.
#[derive(Debug, Default)]
pub struct Batch {
    /// What is declared (`Some`) and withdrawn (`None`).
    pub objects: Vec<(ObjectKey, Option<Object>)>,
    /// What there is to say about input that is no object, by what it is about.
    pub notes: Vec<(Arc<str>, Vec<Finding>)>,
    /// Up to which version of the cluster Namespaces are known, if that is new.
    pub namespaces_at: Option<u64>,
    /// When the first of it came.
    pub noticed: Option<Instant>,
}

impl Batch {
    /// Brings `world` up to date.
    pub fn apply(self, world: &mut World) {
        for (about, findings) in self.notes {
            world.note(about, findings);
        }
        world.apply(self.objects);
        if let Some(at) = self.namespaces_at {
            world.know_namespaces(at);
        }
    }
}

/// A batch in the making.
#[derive(Debug)]
pub(super) struct Gathering {
    objects: BTreeMap<ObjectKey, Option<Object>>,
    notes: BTreeMap<Arc<str>, Vec<Finding>>,
    /// About which objects something is noted.
    noted: HashSet<ObjectKey>,
    namespaces_at: Option<u64>,
    /// When the first and the last change came.
    since: Option<(Instant, Instant)>,
    throttle: Duration,
    /// When the last batch was handed over.
    last: Option<Instant>,
}

impl Gathering {
    pub(super) fn new(throttle: Duration) -> Self {
        Self {
            objects: BTreeMap::new(),
            notes: BTreeMap::new(),
            noted: HashSet::new(),
            namespaces_at: None,
            since: None,
            throttle,
            last: None,
        }
    }

    /// Declares or withdraws an object.
    pub(super) fn put(&mut self, key: ObjectKey, object: Option<Object>) {
        self.objects.insert(key, object);
        self.stir();
    }

    /// Says what was found about an object, in place of what was found before.
    pub(super) fn note_object(&mut self, key: &ObjectKey, findings: Vec<Finding>) {
        let had = self.noted.contains(key);
        if findings.is_empty() && !had {
            return;
        }
        if findings.is_empty() {
            self.noted.remove(key);
        } else {
            self.noted.insert(key.clone());
        }
        self.note(key.to_string().into(), findings);
    }

    /// Says something, in place of what was said about the same before.
    pub(super) fn note(&mut self, about: Arc<str>, findings: Vec<Finding>) {
        self.notes.insert(about, findings);
        self.stir();
    }

    /// All that happened to Namespaces up to that version was gathered.
    pub(super) fn reached(&mut self, version: Version) {
        let Some(at) = version.number() else { return };
        self.namespaces_at = Some(at);
        // It goes with what it is told after.
        if self.since.is_none() {
            self.stir();
        }
    }

    fn stir(&mut self) {
        let now = Instant::now();
        self.since = Some((self.since.map_or(now, |(first, _)| first), now));
    }

    /// When it is to be handed over; nothing while it is empty.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.since?;
        let due = (last + QUIET).min(first + PATIENCE);
        Some(self.last.map_or(due, |last| due.max(last + self.throttle)))
    }

    /// Hands over what was gathered.
    pub(super) fn hand_over(&mut self) -> Batch {
        let since = self.since.take();
        self.last = Some(Instant::now());
        Batch {
            noticed: since.map(|(first, _)| first),
            objects: std::mem::take(&mut self.objects).into_iter().collect(),
            notes: std::mem::take(&mut self.notes).into_iter().collect(),
            namespaces_at: self.namespaces_at.take(),
        }
    }
}
