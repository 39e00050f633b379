// SPDX-License-Identifier: Apache-2.0
//! Which file declares which object: the oldest declaration of a key is the object, the others wait.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use postern_model::{Finding, Kind, Object, ObjectKey, Origin, Reason, Severity, World};

use crate::document::Contents;
use crate::kind;

/// The most findings about duplicates in one file.
const MAX_DUPLICATES: usize = 1_000;

/// A file's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u32);

/// All declarations of all files.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    files: Files,
    free: Vec<FileId>,
    /// The declarations that count, by their keys, which stand in the files: ten thousand hosts are forty thousand keys.
    holders: HashTable<Declaration>,
    hasher: RandomState,
    waiting: BTreeMap<ObjectKey, Vec<Declaration>>,
    /// Recorded claims as they were declared last: declaring one again would undo what was settled since.
    claims: BTreeMap<ObjectKey, Object>,
    counts: BTreeMap<Kind, usize>,
    others: BTreeMap<Arc<str>, usize>,
}

#[derive(Debug, Default)]
struct Files(Vec<File>);

#[derive(Debug, Default)]
struct File {
    name: Arc<str>,
    /// What it declares, in its order.  The world holds the same objects.
    objects: Box<[Object]>,
    /// Mostly nothing.
    remarks: Option<Box<Remarks>>,
}

/// What else there is to say about a file.
#[derive(Debug)]
struct Remarks {
    others: BTreeMap<Arc<str>, usize>,
    findings: Vec<Finding>,
}

/// Which object of which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Declaration {
    file: FileId,
    position: u32,
}

impl Files {
    fn file(&self, id: FileId) -> &File {
        &self.0[id.0 as usize]
    }

    fn object(&self, declaration: Declaration) -> &Object {
        &self.file(declaration.file).objects[declaration.position as usize]
    }

    fn declarations(&self, id: FileId) -> impl Iterator<Item = Declaration> + use<> {
        let count = u32::try_from(self.file(id).objects.len()).unwrap_or(u32::MAX);
        (0..count).map(move |position| Declaration { file: id, position })
    }
}

impl Catalogue {
    /// Makes room for a file.
    pub(super) fn add(&mut self, name: Arc<str>) -> FileId {
        let file = File { name, ..File::default() };
        if let Some(id) = self.free.pop() {
            self.files.0[id.0 as usize] = file;
            return id;
        }
        self.files.0.push(file);
        FileId(u32::try_from(self.files.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// Forgets a file whose contents were replaced by nothing.
    pub(super) fn remove(&mut self, id: FileId) {
        self.files.0[id.0 as usize] = File::default();
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

    /// Replaces what some files declare, and brings `world` up to date.
    pub(super) fn replace(&mut self, mut batch: Vec<(FileId, Contents)>, world: &mut World) {
        self.keep_tenants(&mut batch);
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
    }

    /// A Tenant whose file has become unclear is not withdrawn by that: it keeps what is reserved for it, and is closed.
    /// So is one whose file goes in the turn in which an unreadable Tenant comes, which may be the same one.
    fn keep_tenants(&self, batch: &mut [(FileId, Contents)]) {
        if !batch.iter().any(|(_, contents)| contents.is_unclear) {
            return;
        }
        let tenants = |contents: &Contents| -> Vec<ObjectKey> {
            let keys = contents.objects.iter().map(Object::key);
            keys.filter(|key| key.kind == Kind::Tenant).cloned().collect()
        };
        let declared: BTreeSet<_> =
            batch.iter().flat_map(|(_, contents)| tenants(contents)).collect();
        let stranger =
            batch.iter().position(|(_, contents)| tenants(contents).iter().any(kind::is_nameless));
        for place in 0..batch.len() {
            let (id, contents) = &batch[place];
            let heir = if contents.is_unclear { Some(place) } else { stranger };
            let Some(heir) = heir.filter(|_| contents.is_unclear || contents.objects.is_empty())
            else {
                continue;
            };
            for object in &self.files.file(*id).objects {
                if let Object::Tenant(spec) = object
                    && !declared.contains(object.key())
                {
                    let contents = &mut batch[heir].1;
                    contents.objects.push(Object::Tenant(Arc::new(spec.closed())));
                    contents.findings.push(kept(&spec.origin));
                }
            }
        }
    }

    fn is_news(&self, (key, object): &(ObjectKey, Option<Object>)) -> bool {
        key.kind != Kind::HostClaim || self.claims.get(key) != object.as_ref()
    }

    fn holder(&self, key: &ObjectKey) -> Option<Declaration> {
        let holds = |other: &Declaration| self.files.object(*other).key() == key;
        self.holders.find(self.hasher.hash_one(key), holds).copied()
    }

    /// Makes a declaration the one that counts; gives the one that counted before.
    fn hold(&mut self, declaration: Declaration) -> Option<Declaration> {
        let (files, hasher) = (&self.files, &self.hasher);
        let key = |other: &Declaration| files.object(*other).key();
        let hash = |other: &Declaration| hasher.hash_one(key(other));
        let own = key(&declaration);
        match self.holders.find_mut(hash(&declaration), |other| key(other) == own) {
            Some(holder) => Some(std::mem::replace(holder, declaration)),
            None => {
                self.holders.insert_unique(hash(&declaration), declaration, hash);
                count(&mut self.counts, own.kind, 1);
                None
            }
        }
    }

    /// Takes out all that a file declares.
    fn retire(&mut self, id: FileId, turn: &mut Turn) {
        turn.noisy.insert(id);
        for declaration in self.files.declarations(id) {
            let key = self.files.object(declaration).key();
            if let Some(waiting) = self.waiting.get_mut(key) {
                waiting.retain(|waiting| *waiting != declaration);
                if waiting.is_empty() {
                    self.waiting.remove(key);
                }
            }
            let hash = self.hasher.hash_one(key);
            if let Ok(entry) = self.holders.find_entry(hash, |holder| *holder == declaration) {
                entry.remove();
                count(&mut self.counts, key.kind, -1);
                turn.pending.insert(key.clone(), None);
            }
        }
        let file = &mut self.files.0[id.0 as usize];
        file.objects = Box::default();
        for (name, number) in file.remarks.take().map(|remarks| remarks.others).unwrap_or_default()
        {
            count(&mut self.others, name, -isize::try_from(number).unwrap_or(isize::MAX));
        }
    }

    /// Gives every key that was given up to the oldest that waits for it.
    fn promote(&mut self, turn: &mut Turn) {
        for (key, object) in &mut turn.pending {
            let Some(waiting) = self.waiting.get_mut(key) else { continue };
            let origin = |place: usize| self.files.object(waiting[place]).origin();
            let oldest = (0..waiting.len()).min_by(|a, b| origin(*a).age().cmp(&origin(*b).age()));
            let Some(heir) = oldest.map(|place| waiting.swap_remove(place)) else { continue };
            if waiting.is_empty() {
                self.waiting.remove(key);
            }
            turn.noisy.insert(heir.file);
            *object = Some(self.files.object(heir).clone());
            self.hold(heir);
        }
    }

    /// Takes in all that a file declares.
    fn take(&mut self, id: FileId, contents: Contents, turn: &mut Turn) {
        let Contents { objects, others, findings, is_unclear: _ } = contents;
        for (name, number) in &others {
            count(&mut self.others, name.clone(), isize::try_from(*number).unwrap_or(isize::MAX));
        }
        let file = &mut self.files.0[id.0 as usize];
        file.objects = objects.into_boxed_slice();
        if !others.is_empty() || !findings.is_empty() {
            file.remarks = Some(Box::new(Remarks { others, findings }));
        }
        for declaration in self.files.declarations(id) {
            self.offer(declaration, turn);
        }
    }

    fn offer(&mut self, challenger: Declaration, turn: &mut Turn) {
        let object = self.files.object(challenger).clone();
        let key = object.key().clone();
        if let Some(holder) = self.holder(&key) {
            let holds = self.files.object(holder).origin().age() <= object.origin().age();
            let loser = if holds { challenger } else { holder };
            turn.noisy.insert(loser.file);
            self.waiting.entry(key.clone()).or_default().push(loser);
            if holds {
                return;
            }
        }
        self.hold(challenger);
        turn.pending.insert(key, Some(object));
    }

    /// All that there is to say about a file.
    fn notes(&self, id: FileId) -> (Arc<str>, Vec<Finding>) {
        let file = self.files.file(id);
        let objects = file.objects.iter().zip(self.files.declarations(id));
        let own = objects.filter(|(object, declaration)| {
            let waiting = self.waiting.get(object.key());
            waiting.is_some_and(|waiting| waiting.contains(declaration))
        });
        let duplicates =
            own.take(MAX_DUPLICATES).map(|(object, _)| self.duplicate(object.origin()));
        let findings = file.remarks.iter().flat_map(|remarks| remarks.findings.iter().cloned());
        (file.name.clone(), findings.chain(duplicates).collect())
    }

    fn duplicate(&self, origin: &Origin) -> Finding {
        let holder = self.holder(&origin.key);
        let holder = holder.map_or("another file", |holder| &self.files.file(holder.file).name);
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

/// What is said about a Tenant that is kept, since its file cannot be read.
fn kept(origin: &Origin) -> Finding {
    let about = kind::origin_of_tenant(origin);
    let message = match about.key.kind {
        Kind::File => "a Tenant stood in the file, which cannot be read; it is not in force",
        _ => {
            "its file cannot be read in full; its namespaces and domains are kept, and nothing of this tenant is served"
        }
    };
    Finding {
        severity: Severity::Error,
        reason: Reason::FileInvalid,
        origin: about,
        field: "".into(),
        message: message.into(),
        remedy: "correct the file; delete it to withdraw the Tenant",
    }
}

/// What one replacement has to do.
#[derive(Default)]
struct Turn {
    /// What becomes of each key.
    pending: BTreeMap<ObjectKey, Option<Object>>,
    /// Files about which there is something new to say.
    noisy: BTreeSet<FileId>,
}

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K, by: isize) {
    let number = counts.get(&key).copied().unwrap_or_default().saturating_add_signed(by);
    if number == 0 {
        counts.remove(&key);
    } else {
        counts.insert(key, number);
    }
}
