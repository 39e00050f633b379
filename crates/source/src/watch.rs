// SPDX-License-Identifier: Apache-2.0
//! Says when files have changed, by inotify: after a quiet period that a steady stream of changes cannot prolong.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use crate::folder::{Walk, is_hidden, is_manifest};

/// No change for so long ends a burst.
const QUIET: Duration = Duration::from_millis(50);
/// A burst is over after so long, however many changes follow.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of events that are read at once.
const BUFFER: usize = 16 << 10;
/// Events after which others get a turn.
const FAIR: usize = 4_096;
/// So many changed files are found as quickly by looking at all.
const WORTH_A_WALK: usize = 4_096;

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system refuses to watch anything (`fs.inotify.max_user_instances`).
    #[error("the system grants no inotify instance")]
    Instance(#[source] io::Error),
    /// The system refuses to watch this directory (`fs.inotify.max_user_watches`).
    #[error("{} cannot be watched", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Events cannot be read.
    #[error("events cannot be read")]
    Read(#[source] io::Error),
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These files came, went or were written to.
    Files(BTreeSet<PathBuf>),
    /// Directories or links have changed: every file has to be looked at.
    Everything,
}

impl Changed {
    fn nothing() -> Self {
        Self::Files(BTreeSet::new())
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Files(paths) if paths.is_empty())
    }

    fn add(&mut self, path: PathBuf) {
        if let Self::Files(paths) = self {
            paths.insert(path);
            if paths.len() > WORTH_A_WALK {
                *self = Self::Everything;
            }
        }
    }
}

/// Watches the directories of a [`crate::Folder`].
#[derive(Debug)]
pub struct Watch {
    roots: Vec<PathBuf>,
    inotify: AsyncFd<OwnedFd>,
    /// What each watch descriptor stands for: one directory may be watched under several paths.
    watched: HashMap<i32, BTreeSet<Watched>>,
    /// What was noticed and not yet told.
    changed: Changed,
    /// When the first and the last of that was noticed.
    burst: Option<(Instant, Instant)>,
}

/// Why a directory is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Watched {
    /// Its files count.
    Directory(PathBuf),
    /// A root stands in it, by this name, and may go and come again.
    ParentOf(PathBuf),
    /// A file that is linked to from elsewhere really is here.
    Real,
}

impl Watch {
    /// Watches files and directories, the latter with all that are in them.  Call it before the files are read, so
    /// that no change is missed in between.
    ///
    /// Must be called within a tokio runtime that has its I/O and time drivers enabled.
    pub fn new(roots: &[PathBuf]) -> Result<Self, WatchError> {
        let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
        let inotify = inotify::init(flags).map_err(|error| WatchError::Instance(error.into()))?;
        let inotify = own(inotify).map_err(WatchError::Instance)?;
        let mut watch = Self {
            roots: roots.to_vec(),
            inotify,
            watched: HashMap::new(),
            changed: Changed::nothing(),
            burst: None,
        };
        watch.look_around()?;
        Ok(watch)
    }

    /// Waits for changes, then until nothing has changed for 50 ms, but never longer than 1 s.
    ///
    /// May be cancelled: what was noticed by then is told by the next call.
    pub async fn next(&mut self) -> Result<Changed, WatchError> {
        loop {
            let Some((first, last)) = self.burst else {
                self.collect().await?;
                continue;
            };
            let over = (last + QUIET).min(first + PATIENCE);
            if Instant::now() >= over {
                break;
            }
            if let Ok(result) = timeout_at(over, self.collect()).await {
                result?;
            }
        }
        if self.changed == Changed::Everything {
            self.look_around()?;
        }
        self.burst = None;
        Ok(std::mem::replace(&mut self.changed, Changed::nothing()))
    }

    /// Watches every directory that there is now.
    fn look_around(&mut self) -> Result<(), WatchError> {
        for root in self.roots.clone() {
            if let (Some(parent), Some(_)) = (parent(&root), root.file_name()) {
                self.add(&parent, Watched::ParentOf(root))?;
            }
        }
        let walk = Walk::through(&self.roots);
        for directory in walk.directories {
            self.add(&directory, Watched::Directory(directory.clone()))?;
        }
        for directory in walk.real_directories {
            self.add(&directory, Watched::Real)?;
        }
        Ok(())
    }

    fn add(&mut self, directory: &Path, why: Watched) -> Result<(), WatchError> {
        let events = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        match inotify::add_watch(self.inotify.get_ref(), directory, events) {
            Ok(descriptor) => {
                self.watched.entry(descriptor).or_default().insert(why);
                Ok(())
            }
            // It is gone again, or not ours to look into: the walk says so.
            Err(Errno::NOENT | Errno::ACCESS | Errno::NOTDIR) => Ok(()),
            Err(error) => {
                let path = directory.to_owned();
                Err(WatchError::Directory { path, source: error.into() })
            }
        }
    }

    async fn collect(&mut self) -> Result<(), WatchError> {
        let mut ready = self.inotify.readable().await.map_err(WatchError::Read)?;
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(ready.get_inner(), &mut buffer);
        let mut ended = Vec::new();
        let mut drained = false;
        for _ in 0..FAIR {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    if event.events().contains(ReadFlags::IGNORED) {
                        ended.push(event.wd());
                    }
                    note(&self.watched, (event.wd(), name, event.events()), &mut self.changed);
                }
                Err(Errno::AGAIN) => {
                    drained = true;
                    break;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(WatchError::Read(error.into())),
            }
        }
        if drained {
            ready.clear_ready();
        }
        for descriptor in ended {
            self.watched.remove(&descriptor);
        }
        if !self.changed.is_nothing() {
            let now = Instant::now();
            self.burst = Some((self.burst.map_or(now, |(first, _)| first), now));
        }
        Ok(())
    }
}

/// Registers with tokio, for reading only: asking to write as well would be for nothing.
#[expect(
    deprecated,
    reason = "its replacement is unsafe because a type's descriptor may close too early; an OwnedFd's cannot"
)]
fn own(inotify: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(inotify, Interest::READABLE)
}

/// The directory in which a path stands.
fn parent(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// Adds what one event means.
fn note(
    watched: &HashMap<i32, BTreeSet<Watched>>,
    (descriptor, name, events): (i32, Option<&OsStr>, ReadFlags),
    changed: &mut Changed,
) {
    if events.contains(ReadFlags::QUEUE_OVERFLOW) {
        *changed = Changed::Everything;
    }
    for why in watched.get(&descriptor).into_iter().flatten() {
        match (why, name) {
            (Watched::ParentOf(root), Some(name)) => {
                if root.file_name() == Some(name) && !is_being_written(root, events) || swaps(name)
                {
                    *changed = Changed::Everything;
                }
            }
            (Watched::ParentOf(_), None) => {}
            (Watched::Real, _) | (Watched::Directory(_), None) => *changed = Changed::Everything,
            (Watched::Directory(directory), Some(name)) => {
                let path = directory.join(name);
                let was_directory = || {
                    let same = |why: &Watched| matches!(why, Watched::Directory(d) if *d == path);
                    watched.values().flatten().any(same)
                };
                if swaps(name) || !is_hidden(&path) && leads_on(&path, events, was_directory) {
                    *changed = Changed::Everything;
                } else if is_manifest(&path)
                    && !is_hidden(&path)
                    && !is_being_written(&path, events)
                {
                    changed.add(path);
                }
            }
        }
    }
}

/// `..data` and its like are how mounted ConfigMaps and Secrets swap all their files at once.
fn swaps(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"..")
}

/// Whether a path is, or was, a way to other files: a directory, or a link that may lead to one.
fn leads_on(path: &Path, events: ReadFlags, was_directory: impl FnOnce() -> bool) -> bool {
    events.contains(ReadFlags::ISDIR)
        || match std::fs::symlink_metadata(path) {
            Ok(metadata) => !metadata.is_file(),
            Err(_) => !is_manifest(path) && was_directory(),
        }
}

/// Whether a file was only created: its writer tells when it is done.  What is linked to is done already.
fn is_being_written(path: &Path, events: ReadFlags) -> bool {
    let is_new = |metadata: std::fs::Metadata| metadata.is_file() && metadata.nlink() == 1;
    events == ReadFlags::CREATE && std::fs::symlink_metadata(path).is_ok_and(is_new)
}

#[cfg(test)]
mod tests;
