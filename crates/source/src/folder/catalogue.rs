// SPDX-License-Identifier: Apache-2.0
//! Which file declares which object: the oldest declaration of a key is the object, the others wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use postern_model::{Finding, Kind, Object, ObjectKey, Origin, Reason, Severity, World};

use crate::document::Contents;

/// The most findings about duplicates in one file.
const MAX_DUPLICATES: usize = 1_000;

/// A file's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u32);

/// All declarations of all files.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    files: Vec<File>,
    free: Vec<FileId>,
    holders: HashMap<ObjectKey, Holder>,
    waiting: BTreeMap<ObjectKey, Vec<Waiting>>,
    /// Recorded claims as they were declared last: declaring one again would undo what was settled since.
    claims: BTreeMap<ObjectKey, Object>,
    counts: BTreeMap<Kind, usize>,
    others: BTreeMap<Arc<str>, usize>,
}

#[derive(Debug, Default)]
struct File {
    name: Arc<str>,
    /// Every key that the file declares, once.
    keys: Vec<ObjectKey>,
    others: BTreeMap<Arc<str>, usize>,
    findings: Vec<Finding>,
}

/// Whose declaration counts, and how old it is.
#[derive(Clone, Copy, Debug)]
struct Holder {
    file: FileId,
    position: u32,
    /// Seconds since the epoch; the greatest number if it is not known.
    created: i64,
}

impl Holder {
    fn new(file: FileId, origin: &Origin) -> Self {
        let position = origin.place.as_ref().map_or(0, |place| place.position);
        Self { file, position, created: origin.created.map_or(i64::MAX, |time| time.0) }
    }
}

/// A declaration of a key that an older one holds.
#[derive(Debug)]
struct Waiting {
    file: FileId,
    object: Object,
}

impl Catalogue {
    /// Makes room for a file.
    pub(super) fn add(&mut self, name: Arc<str>) -> FileId {
        let file = File { name, ..File::default() };
        if let Some(id) = self.free.pop() {
            self.files[id.0 as usize] = file;
            return id;
        }
        self.files.push(file);
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// Forgets a file whose contents were replaced by nothing.
    pub(super) fn remove(&mut self, id: FileId) {
        self.files[id.0 as usize] = File::default();
        self.free.push(id);
    }

    /// How many objects are declared, by kind.
    pub(super) fn counts(&self) -> &BTreeMap<Kind, usize> {
        &self.counts
    }

    /// How many objects of other kinds there are.
    pub(super) fn others(&self) -> &BTreeMap<Arc<str>, usize> {
        &self.others
    }

    /// Replaces what some files declare, and brings `world` up to date.  Returns the names of files that have to be
    /// read once more: an older declaration displaced one of theirs, which is not kept while it counts.
    pub(super) fn replace(
        &mut self,
        batch: Vec<(FileId, Contents)>,
        world: &mut World,
    ) -> Vec<Arc<str>> {
        let mut turn = Turn::default();
        for (id, _) in &batch {
            self.retire(*id, &mut turn);
        }
        self.promote(&mut turn);
        for (id, contents) in batch {
            self.take(id, contents, &mut turn);
        }
        for id in std::mem::take(&mut turn.noisy) {
            let (name, findings) = self.notes(id);
            world.note(name, findings);
        }
        let steps = turn.pending.into_iter().filter(|step| self.is_news(step));
        let steps: Vec<_> = steps.collect();
        for (key, object) in steps.iter().filter(|(key, _)| key.kind == Kind::HostClaim) {
            match object {
                Some(object) => self.claims.insert(key.clone(), object.clone()),
                None => self.claims.remove(key),
            };
        }
        world.apply(steps);
        turn.again.into_iter().map(|id| self.file(id).name.clone()).collect()
    }

    fn is_news(&self, (key, object): &(ObjectKey, Option<Object>)) -> bool {
        key.kind != Kind::HostClaim || self.claims.get(key) != object.as_ref()
    }

    fn file(&self, id: FileId) -> &File {
        &self.files[id.0 as usize]
    }

    /// Takes out all that a file declares.
    fn retire(&mut self, id: FileId, turn: &mut Turn) {
        turn.noisy.insert(id);
        let file = std::mem::take(&mut self.files[id.0 as usize]);
        for key in file.keys {
            if let Some(waiting) = self.waiting.get_mut(&key) {
                waiting.retain(|waiting| waiting.file != id);
                if waiting.is_empty() {
                    self.waiting.remove(&key);
                }
            }
            if self.holders.get(&key).is_some_and(|holder| holder.file == id) {
                self.holders.remove(&key);
                count(&mut self.counts, key.kind, -1);
                turn.pending.insert(key, None);
            }
        }
        for (name, number) in file.others {
            count(&mut self.others, name, -isize::try_from(number).unwrap_or(isize::MAX));
        }
        self.files[id.0 as usize].name = file.name;
    }

    /// Gives every key that was given up to the oldest that waits for it.
    fn promote(&mut self, turn: &mut Turn) {
        for (key, object) in &mut turn.pending {
            let Some(waiting) = self.waiting.get_mut(key) else { continue };
            let ages = waiting.iter().enumerate();
            let oldest =
                ages.min_by(|(_, a), (_, b)| a.object.origin().age().cmp(&b.object.origin().age()));
            let Some((index, _)) = oldest else { continue };
            let heir = waiting.swap_remove(index);
            if waiting.is_empty() {
                self.waiting.remove(key);
            }
            let holder = Holder::new(heir.file, heir.object.origin());
            self.holders.insert(key.clone(), holder);
            count(&mut self.counts, key.kind, 1);
            turn.noisy.insert(heir.file);
            *object = Some(heir.object);
        }
    }

    /// Takes in all that a file declares.
    fn take(&mut self, id: FileId, contents: Contents, turn: &mut Turn) {
        let mut keys: Vec<_> = contents.objects.iter().map(|object| object.key().clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.shrink_to_fit();
        for object in contents.objects {
            self.offer(id, object, turn);
        }
        for (name, number) in &contents.others {
            count(&mut self.others, name.clone(), isize::try_from(*number).unwrap_or(isize::MAX));
        }
        let file = &mut self.files[id.0 as usize];
        file.keys = keys;
        file.others = contents.others;
        file.findings = contents.findings;
    }

    fn offer(&mut self, id: FileId, object: Object, turn: &mut Turn) {
        let key = object.key().clone();
        let challenger = Holder::new(id, object.origin());
        match self.holders.get(&key).copied() {
            Some(holder) if self.age(&holder) <= self.age(&challenger) => {
                turn.noisy.insert(id);
                self.waiting.entry(key).or_default().push(Waiting { file: id, object });
                return;
            }
            Some(holder) => match turn.pending.remove(&key).flatten() {
                Some(displaced) => {
                    let waiting = Waiting { file: holder.file, object: displaced };
                    self.waiting.entry(key.clone()).or_default().push(waiting);
                    turn.noisy.insert(holder.file);
                }
                None => {
                    turn.again.insert(holder.file);
                }
            },
            None => count(&mut self.counts, key.kind, 1),
        }
        self.holders.insert(key.clone(), challenger);
        turn.pending.insert(key, Some(object));
    }

    /// The order of [`Origin::age`].
    fn age(&self, holder: &Holder) -> (i64, &str, u32) {
        (holder.created, &self.file(holder.file).name, holder.position)
    }

    /// All that there is to say about a file.
    fn notes(&self, id: FileId) -> (Arc<str>, Vec<Finding>) {
        let file = self.file(id);
        let waiting = file.keys.iter().filter_map(|key| self.waiting.get(key)).flatten();
        let own = waiting.filter(|waiting| waiting.file == id).take(MAX_DUPLICATES);
        let duplicates = own.map(|waiting| self.duplicate(waiting.object.origin()));
        (file.name.clone(), file.findings.iter().cloned().chain(duplicates).collect())
    }

    fn duplicate(&self, origin: &Origin) -> Finding {
        let holder = self.holders.get(&origin.key);
        let holder = holder.map_or("another file", |holder| &self.file(holder.file).name);
        Finding {
            severity: Severity::Error,
            reason: Reason::DuplicateObject,
            origin: origin.clone(),
            field: "metadata.name".into(),
            message: format!("an older declaration of the same object stands in {holder}"),
            remedy: "remove one of the two, or give one another name",
        }
    }
}

/// What one replacement has to do.
#[derive(Default)]
struct Turn {
    /// What becomes of each key.
    pending: BTreeMap<ObjectKey, Option<Object>>,
    /// Files about which there is something new to say.
    noisy: BTreeSet<FileId>,
    /// Files that have to be read once more.
    again: BTreeSet<FileId>,
}

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K, by: isize) {
    let number = counts.get(&key).copied().unwrap_or_default().saturating_add_signed(by);
    if number == 0 {
        counts.remove(&key);
    } else {
        counts.insert(key, number);
    }
}
