// SPDX-License-Identifier: Apache-2.0
//! The line: world, compiler, snapshot out.  Only the order of the steps is here.

use std::path::PathBuf;

use postern_compile::Compiler;
use postern_model::{Changes, Finding, HttpRoutes, Settings, Timestamp, World};
use postern_snapshot::Snapshot;
use postern_source::{Folder, FolderError, Summary};
use postern_status::Facts;

/// What is declared, and what is compiled from it.
pub(crate) struct Line {
    world: World,
    compiler: Compiler,
    /// Claims are recorded nowhere else.
    in_memory: bool,
}

impl Line {
    /// A line on which nothing is declared yet.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { world: World::new(settings), compiler: Compiler::new(), in_memory: false }
    }

    /// The same where claims are recorded nowhere but in memory.
    pub(crate) fn in_memory(settings: Settings) -> Self {
        let mut line = Self { in_memory: true, ..Self::new(settings) };
        line.world.records_nowhere();
        line
    }

    /// Reads folders once and compiles them.
    pub(crate) fn of_folders(
        folders: &[PathBuf],
        settings: Settings,
    ) -> Result<(Self, Snapshot, Summary), FolderError> {
        let mut line = Self::new(settings);
        let summary = Folder::open(folders)?.load(&mut line.world);
        let snapshot = line.compile();
        Ok((line, snapshot, summary))
    }

    /// An empty line, after a defect of ours ended a step half done: what was claimed stays claimed.
    pub(crate) fn start_over(&self) -> Self {
        let settings = self.world.settings().clone();
        let mut fresh =
            if self.in_memory { Self::in_memory(settings) } else { Self::new(settings) };
        fresh.world.record(self.world.claims().values().cloned());
        fresh
    }

    /// Compiles what has changed, which may be only the time.
    pub(crate) fn compile(&mut self) -> Snapshot {
        self.world.tell_time(now());
        let changes = self.world.take_changes();
        self.compile_changes(changes)
    }

    /// Compiles what has changed, if anything has: claims that come back as they were recorded change nothing.
    pub(crate) fn compile_news(&mut self) -> Option<Snapshot> {
        self.world.tell_time(now());
        match self.world.take_changes() {
            Changes::None => None,
            changes => Some(self.compile_changes(changes)),
        }
    }

    fn compile_changes(&mut self, changes: Changes) -> Snapshot {
        let snapshot = self.compiler.recompile(&self.world, changes);
        self.world.record(self.compiler.take_claims());
        snapshot
    }

    /// Compiles into a generation above `last`: connections know by it what is new.
    pub(crate) fn compile_after(&mut self, last: u64) -> Snapshot {
        self.compiler.number_after(last);
        self.world.tell_time(now());
        self.world.take_changes();
        self.compile_changes(Changes::Everything)
    }

    /// When time alone changes the result.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.compiler.deadline()
    }

    /// What is declared.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// What is declared, to be changed.
    pub(crate) fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// What the cluster is to be told.
    pub(crate) fn facts(&self) -> Facts {
        let is_ours = |routes: &HttpRoutes| self.compiler.is_ours(routes);
        Facts::gather(&self.world, self.compiler.report(), is_ours)
    }

    /// Everything there is to say: about what was read, then about objects.
    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> + '_ {
        let compiled = self.compiler.report().findings.values().flatten().cloned();
        self.world.findings().chain(compiled)
    }
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}
