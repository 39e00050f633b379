// SPDX-License-Identifier: Apache-2.0
//! Which files a folder has, and whether one has changed, without reading any.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories within directories; a deeper one is not read.
const MAX_DEPTH: usize = 64;

/// What changes whenever a file does: a digest, since there may be many files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(NonZeroU64);

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let mut hasher = DefaultHasher::new();
        (metadata.dev(), metadata.ino(), metadata.len()).hash(&mut hasher);
        (metadata.mtime(), metadata.mtime_nsec()).hash(&mut hasher);
        (metadata.ctime(), metadata.ctime_nsec()).hash(&mut hasher);
        Self(NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN))
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The files, by their path as text.
    pub(crate) files: BTreeMap<String, Stamp>,
    /// The directories.
    pub(crate) directories: Vec<PathBuf>,
    /// Where the files behind symbolic links really are.
    pub(crate) real_directories: BTreeSet<PathBuf>,
    /// What could not be looked at, and why: what was known below it stays.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
    /// Files whose path is not UTF-8.
    pub(crate) misnamed: Vec<PathBuf>,
    seen: HashSet<(u64, u64)>,
}

impl Walk {
    /// Walks through all of `roots`, each a file or a directory.
    pub(crate) fn through(roots: &[PathBuf]) -> Self {
        let mut walk = Self::default();
        for root in roots {
            match fs::metadata(root) {
                Ok(metadata) if metadata.is_dir() => walk.directory(root, &metadata, MAX_DEPTH),
                Ok(metadata) => walk.file(root, &metadata),
                Err(error) => walk.unreadable.push((root.clone(), error)),
            }
        }
        walk
    }

    fn directory(&mut self, path: &Path, metadata: &Metadata, depth: usize) {
        // A symbolic link may lead upwards again.
        if depth == 0 || !self.seen.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        self.directories.push(path.to_owned());
        if let Err(error) = self.entries(path, depth) {
            self.unreadable.push((path.to_owned(), error));
        }
    }

    fn entries(&mut self, path: &Path, depth: usize) -> io::Result<()> {
        let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        let mut entries: Vec<_> =
            entries.into_iter().filter(|entry| !is_hidden(Path::new(&entry.file_name()))).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let file_type = entry.file_type()?;
            if !(file_type.is_dir() || file_type.is_symlink() || is_manifest(&path)) {
                continue;
            }
            // What went between listing and looking is gone; a link that leads nowhere is no file.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_dir() {
                self.directory(&path, &metadata, depth - 1);
            } else if is_manifest(&path) {
                self.file(&path, &metadata);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        if path.is_symlink() {
            self.real_directories.extend(real_directory(path));
        }
        // One file by several names declares its objects once.
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        match path.to_str() {
            Some(name) => {
                self.files.insert(name.to_owned(), Stamp::of(metadata));
            }
            None => self.misnamed.push(path.to_owned()),
        }
    }
}

fn real_directory(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()?.parent().map(Path::to_owned)
}

/// Hidden files are editors' and, as `..data`, the machinery of mounted ConfigMaps, whose files are linked to from
/// outside.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether a file's name says that objects are in it.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}
