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

    /// The same folders from scratch, after a defect of ours ended a step half done: what was claimed stays claimed, and
    /// generations go on, by which connections know what is new.
    pub(crate) fn start_over(&self, last: u64) -> Result<(Self, Snapshot, Summary), FolderError> {
        let mut fresh = Self::open(self.folder.roots(), self.world.settings().clone())?;
        fresh.world.record(self.world.claims().values().cloned());
        let (mut snapshot, summary) = fresh.load();
        while snapshot.generation() <= last {
            snapshot = fresh.compile();
        }
        Ok((fresh, snapshot, summary))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: NAMESPACE}
spec:
  rules:
  - host: shop.acme.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
";

    #[test]
    fn starting_over_keeps_claims_and_generations() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, namespace: &str| {
            let text = SHOP.replace("NAMESPACE", namespace);
            std::fs::write(folder.path().join(file), text).unwrap();
        };
        write("b.yaml", "acme");
        let mut line = Line::open(&[folder.path().to_owned()], Settings::default()).unwrap();
        let (first, _) = line.load();
        let second = line.compile();
        assert!(second.generation() > first.generation());

        // By the order of files alone, this one would come first.
        write("a.yaml", "globex");
        let (fresh, snapshot, _) = line.start_over(second.generation()).unwrap();
        assert!(snapshot.generation() > second.generation());
        let host = postern_model::Host::parse("shop.acme.test").unwrap();
        let admission = snapshot.admit(&host).unwrap();
        assert_eq!(&**admission.scope().label(), "acme");
        assert!(fresh.findings().any(|finding| &*finding.origin.key.namespace == "globex"));
    }
}
