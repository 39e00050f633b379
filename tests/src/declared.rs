// SPDX-License-Identifier: Apache-2.0
//! A folder of Kubernetes YAML of a test, read and compiled the way the binary does it: incrementally, with the claims
//! of each compile recorded for the next.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use postern_compile::Compiler;
use postern_model::{Finding, Settings, Timestamp, World};
use postern_snapshot::Snapshot;
use postern_source::{Changed, Folder};
use tempfile::TempDir;

/// What a test has declared.
pub struct Declared {
    directory: TempDir,
    folder: Folder,
    world: World,
    compiler: Compiler,
    changed: BTreeSet<PathBuf>,
}

impl Declared {
    /// An empty folder under these settings, at that time.
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder can be made");
        let mut world = World::new(settings);
        world.tell_time(now);
        let folder = Folder::open(&[directory.path().to_owned()]);
        let folder = folder.expect("a temporary folder can be read");
        let compiler = Compiler::new();
        Self { directory, folder, world, compiler, changed: BTreeSet::new() }
    }

    /// Writes a file of the folder.
    pub fn write(&mut self, file: &str, yaml: &str) {
        let path = self.directory.path().join(file);
        fs::write(&path, yaml).expect("a temporary file can be written");
        self.changed.insert(path);
    }

    /// Removes a file of the folder.
    pub fn remove(&mut self, file: &str) {
        let path = self.directory.path().join(file);
        fs::remove_file(&path).expect("the file is there");
        self.changed.insert(path);
    }

    /// Reads what has changed and compiles what that reaches.
    pub fn compile(&mut self) -> Snapshot {
        let changed = Changed::Files(std::mem::take(&mut self.changed));
        self.folder.refresh_changed(&changed, &mut self.world);
        let changes = self.world.take_changes();
        let snapshot = self.compiler.recompile(&self.world, changes);
        self.world.record(self.compiler.report().claims.iter().cloned());
        snapshot
    }

    /// What there is to say: about input, and about objects; in a fixed order.
    pub fn findings(&self) -> Vec<Finding> {
        let compiled = self.compiler.report().findings.values().flatten().cloned();
        let mut all: Vec<Finding> = self.world.findings().chain(compiled).collect();
        all.sort_by(|a, b| {
            (&a.origin.key, a.origin.place.as_ref(), &a.field).cmp(&(
                &b.origin.key,
                b.origin.place.as_ref(),
                &b.field,
            ))
        });
        all.dedup();
        all
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Tells the time.
    pub fn tell_time(&mut self, now: Timestamp) {
        self.world.tell_time(now);
    }

    /// Says that no Namespaces are there but those that are declared, as a cluster does.
    pub fn know_namespaces(&mut self) {
        self.world.know_namespaces(1);
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
