// SPDX-License-Identifier: Apache-2.0
//! The line: folder in, world, compiler, snapshot out.  Only the order of the steps is here.

use std::path::PathBuf;

use postern_compile::Compiler;
use postern_model::{Finding, Settings, Timestamp, World};
use postern_snapshot::Snapshot;
use postern_source::{Changed, Folder, FolderError, Summary};

/// Folders, what they declare, and what is compiled from it.
pub(crate) struct Line {
    folder: Folder,
    world: World,
    compiler: Compiler,
}

impl Line {
    /// Opens the folders; reads nothing yet.
    pub(crate) fn open(folders: &[PathBuf], settings: Settings) -> Result<Self, FolderError> {
        let folder = Folder::open(folders)?;
        Ok(Self { folder, world: World::new(settings), compiler: Compiler::new() })
    }

    /// Reads everything and compiles it.
    pub(crate) fn load(&mut self) -> (Snapshot, Summary) {
        let summary = self.folder.load(&mut self.world);
        (self.compile(), summary)
    }

    /// Reads what has changed and compiles that.
    pub(crate) fn follow(&mut self, changed: &Changed) -> (Snapshot, Summary) {
        let summary = self.folder.refresh_changed(changed, &mut self.world);
        (self.compile(), summary)
    }

    /// Compiles what has changed, which may be only the time.
    pub(crate) fn compile(&mut self) -> Snapshot {
        self.world.tell_time(now());
        let changes = self.world.take_changes();
        let snapshot = self.compiler.recompile(&self.world, changes);
        self.world.record(self.compiler.report().claims.iter().cloned());
        snapshot
    }

    /// When time alone changes the result.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.compiler.deadline()
    }

    /// What is declared.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Everything there is to say: about files, then about objects.
    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> + '_ {
        let compiled = self.compiler.report().findings.values().flatten().cloned();
        self.world.findings().chain(compiled)
    }
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}
