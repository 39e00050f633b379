// SPDX-License-Identifier: Apache-2.0
//! Files of Kubernetes YAML and JSON, and a world that follows them.

mod catalogue;
mod file;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postern_model::{Finding, Kind, ObjectKey, Origin, Place, Reason, Severity, World};

use crate::document;
use crate::interner::Interner;
use crate::reading::Reading;
use crate::watch::Changed;
use catalogue::{Catalogue, FileId};
use file::FileRead;
use walk::Stamp;
pub(crate) use walk::{Walk, is_hidden, is_manifest};

/// How many files are read before their objects are filed: bounds what is held twice.
const BATCH: usize = 1_024;
/// From how many files on a second thread helps.
const WORTH_A_THREAD: usize = 32;

/// Why a folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Neither a file nor a directory can be found or looked into there.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What a folder holds, after loading or refreshing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many objects are declared, by kind.
    pub objects: BTreeMap<Kind, usize>,
    /// How many objects there are of kinds that are not read, by `apiVersion/Kind`.
    pub others: BTreeMap<Arc<str>, usize>,
    /// How many files there are.
    pub files: usize,
    /// How many of them were read this time.
    pub files_read: usize,
}

/// Files and directories that declare a world.
#[derive(Debug)]
pub struct Folder {
    roots: Vec<PathBuf>,
    known: BTreeMap<Arc<str>, Known>,
    catalogue: Catalogue,
    strings: [Interner; 2],
    /// About what the last walk noted something.
    noted: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
struct Known {
    id: FileId,
    /// What the file looked like when it was read; nothing if it has to be read again.
    stamp: Option<Stamp>,
}

impl Folder {
    /// Opens files and directories, the latter with all that is in them: `*.yaml`, `*.yml` and `*.json`, hidden ones
    /// left out, symbolic links followed.  Reads nothing yet.
    ///
    /// Refuses paths that do not exist or cannot be looked into.
    pub fn open(paths: &[PathBuf]) -> Result<Self, FolderError> {
        for path in paths {
            let opened = std::fs::metadata(path).and_then(|metadata| {
                if metadata.is_dir() { std::fs::read_dir(path).map(drop) } else { Ok(()) }
            });
            opened.map_err(|source| FolderError::Unreadable { path: path.clone(), source })?;
        }
        Ok(Self {
            roots: paths.to_vec(),
            known: BTreeMap::new(),
            catalogue: Catalogue::default(),
            strings: Default::default(),
            noted: BTreeSet::new(),
        })
    }

    /// The files and directories that were opened.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Reads every file and declares all its objects.  The settings are the world's: objects of namespaces that are
    /// not among `Settings::namespaces` are not declared.
    pub fn load(&mut self, world: &mut World) -> Summary {
        for known in self.known.values_mut() {
            known.stamp = None;
        }
        self.refresh(world)
    }

    /// Looks at every file and reads those that have changed, come or gone.
    ///
    /// A directory that cannot be looked into keeps what it declared, and a finding says so.
    pub fn refresh(&mut self, world: &mut World) -> Summary {
        let walk = Walk::through(&self.roots);
        self.note_walk(&walk, world);
        let kept =
            |name: &str| walk.unreadable.iter().any(|(path, _)| Path::new(name).starts_with(path));
        let gone =
            self.known.keys().filter(|name| !walk.files.contains_key(&***name) && !kept(name));
        let gone: Vec<_> = gone.cloned().collect();
        let changed = walk.files.iter().filter(|(name, stamp)| {
            self.known.get(&***name).is_none_or(|known| known.stamp != Some(**stamp))
        });
        let changed: Vec<Arc<str>> = changed.map(|(name, _)| name.as_str().into()).collect();
        self.read(changed, gone, world)
    }

    /// Reads what a [`crate::Watch`] says has changed.  The work grows with the change, not with the folder, unless
    /// directories or links have changed.
    pub fn refresh_changed(&mut self, changed: &Changed, world: &mut World) -> Summary {
        let Changed::Files(paths) = changed else { return self.refresh(world) };
        let (mut read, mut gone) = (Vec::new(), Vec::new());
        for path in paths {
            let Some(name) = path.to_str() else { return self.refresh(world) };
            match std::fs::symlink_metadata(path) {
                // One file may have several names, and a walk knows which of them counts.
                Ok(metadata) if is_one_of_a_kind(&metadata) => read.push(Arc::from(name)),
                Ok(_) => return self.refresh(world),
                Err(_) => gone.extend(self.known.get_key_value(name).map(|(name, _)| name.clone())),
            }
        }
        self.read(read, gone, world)
    }

    fn read(&mut self, changed: Vec<Arc<str>>, gone: Vec<Arc<str>>, world: &mut World) -> Summary {
        let files_read = changed.len();
        let mut ids = Vec::with_capacity(gone.len());
        let mut first: Vec<_> = Vec::with_capacity(gone.len());
        for name in gone {
            if let Some(known) = self.known.remove(&name) {
                ids.push(known.id);
                first.push((known.id, document::Contents::default()));
            }
        }
        // What goes is replaced in one turn with what comes: an object that has moved is never gone in between.
        let mut batches = changed.chunks(BATCH);
        loop {
            let batch = batches.next();
            let mut contents = std::mem::take(&mut first);
            contents.extend(self.read_batch(batch.unwrap_or(&[]), world));
            self.catalogue.replace(contents, world);
            if batch.is_none() {
                break;
            }
        }
        ids.into_iter().for_each(|id| self.catalogue.remove(id));
        if files_read > WORTH_A_THREAD {
            self.strings.iter_mut().for_each(Interner::sweep);
        }
        self.summary(files_read)
    }

    fn read_batch(
        &mut self,
        names: &[Arc<str>],
        world: &World,
    ) -> Vec<(FileId, document::Contents)> {
        let settings = world.settings();
        let read = |names: &[Arc<str>], strings: &mut Interner| -> Vec<FileRead> {
            names.iter().map(|name| file::read(name.clone(), strings, settings)).collect()
        };
        let [own, other] = &mut self.strings;
        let half = if names.len() < WORTH_A_THREAD { names.len() } else { names.len() / 2 };
        let (mine, theirs) = names.split_at(half);
        let files = std::thread::scope(|scope| {
            let theirs = (!theirs.is_empty()).then(|| scope.spawn(|| read(theirs, other)));
            let mut files = read(mine, own);
            // A panic of the reader is a defect of ours: it goes on in this thread.
            match theirs.map(std::thread::ScopedJoinHandle::join) {
                None => {}
                Some(Ok(theirs)) => files.extend(theirs),
                Some(Err(panic)) => std::panic::resume_unwind(panic),
            }
            files
        });
        files.into_iter().map(|file| (self.know(file.name, file.stamp), file.contents)).collect()
    }

    fn know(&mut self, name: Arc<str>, stamp: Option<Stamp>) -> FileId {
        let catalogue = &mut self.catalogue;
        let known = self
            .known
            .entry(name)
            .or_insert_with_key(|name| Known { id: catalogue.add(name.clone()), stamp: None });
        known.stamp = stamp;
        known.id
    }

    fn summary(&self, files_read: usize) -> Summary {
        Summary {
            objects: self.catalogue.counts().clone(),
            others: self.catalogue.others().clone(),
            files: self.known.len(),
            files_read,
        }
    }

    /// Says what could not be looked at, and takes back what was said before.
    fn note_walk(&mut self, walk: &Walk, world: &mut World) {
        let mut noted = BTreeSet::new();
        let unreadable = walk.unreadable.iter().map(|(path, error)| {
            (path, format!("the path cannot be read ({error}); what it declared before is kept"))
        });
        let misnamed =
            walk.misnamed.iter().map(|path| (path, "the file's name is not UTF-8".into()));
        for (path, message) in unreadable.chain(misnamed) {
            let name: Arc<str> = path.to_string_lossy().into();
            // A file's own notes have the file's name; these must not replace them.
            let about: Arc<str> = format!("walk {name}").into();
            world.note(about.clone(), vec![about_path(name, message)]);
            noted.insert(about);
        }
        for about in self.noted.difference(&noted) {
            world.note(about.clone(), Vec::new());
        }
        self.noted = noted;
    }
}

fn is_one_of_a_kind(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file() && metadata.nlink() == 1
}

fn about_path(name: Arc<str>, message: String) -> Finding {
    let place = Some(Place { file: name.clone(), line: 1, position: 0 });
    Finding {
        severity: Severity::Error,
        reason: Reason::FileInvalid,
        origin: Origin { place, ..Origin::bare(ObjectKey::new(Kind::File, "", name)) },
        field: "".into(),
        message,
        remedy: "make the path readable again, or start without it",
    }
}

/// Reads `text` as if it were the only file, named `input.yaml`.
pub(crate) fn load_text(text: &str, world: &mut World) -> Summary {
    let mut strings = Interner::default();
    let name: Arc<str> = "input.yaml".into();
    let mut reading = Reading::new(name.clone(), &mut strings, world.settings());
    let contents = document::read(text.as_bytes(), &mut reading);
    let mut catalogue = Catalogue::default();
    let id = catalogue.add(name);
    catalogue.replace(vec![(id, contents)], world);
    Summary {
        objects: catalogue.counts().clone(),
        others: catalogue.others().clone(),
        files: 1,
        files_read: 1,
    }
}

#[cfg(test)]
mod tests;
