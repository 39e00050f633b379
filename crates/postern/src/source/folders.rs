// SPDX-License-Identifier: Apache-2.0
//! Folders of Kubernetes YAML, followed as they change.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postern_model::World;
use postern_source::{Changed, Folder, FolderError, Summary};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::{Source, changes};
use crate::log::{Level, Log};

/// Folders, and what changes in them.
pub(crate) struct Folders {
    folder: Folder,
    changes: mpsc::Receiver<Changed>,
    /// When everything is told, if it is to be.
    anew: Option<tokio::time::Instant>,
    log: Log,
}

impl Folders {
    /// Opens folders and begins to watch them; reads nothing yet.
    pub(crate) fn open(roots: &[PathBuf], log: Log) -> Result<Self, FolderError> {
        let folder = Folder::open(roots)?;
        // Before anything is read, so that nothing is missed in between.
        let changes = changes::watch(roots, log);
        Ok(Self { folder, changes, anew: Some(tokio::time::Instant::now()), log })
    }

    /// Reads everything into a world that is empty.
    fn load(&mut self, world: &mut World) -> Option<String> {
        match Folder::open(self.folder.roots()) {
            Ok(folder) => self.folder = folder,
            Err(error) => {
                self.log.error(format!("{:#}", anyhow::Error::from(error)));
                return None;
            }
        }
        Some(loaded(&self.folder.load(world)))
    }
}

impl Source for Folders {
    /// What has changed; nothing stands for everything.
    type News = Option<Changed>;

    const RECORDS_CLAIMS: bool = false;

    const CHANGES: Level = Level::Info;

    const SETTLES: Duration = Duration::ZERO;

    async fn next(&mut self) -> Self::News {
        let Some(anew) = self.anew else {
            return match self.changes.recv().await {
                Some(changed) => Some(changed),
                None => std::future::pending().await,
            };
        };
        tokio::select! {
            () = sleep_until(anew) => {}
            Some(_) = self.changes.recv() => {}
        }
        None
    }

    fn noticed(_: &Self::News) -> Option<Instant> {
        None
    }

    fn apply(&mut self, news: Self::News, world: &mut World) -> Option<String> {
        let Some(changed) = news else {
            let told = self.load(world)?;
            self.anew = None;
            return Some(told);
        };
        if let Changed::Files(paths) = &changed {
            paths.iter().for_each(|path| self.log.debug(format!("{} changed", path.display())));
        }
        let summary = self.folder.refresh_changed(&changed, world);
        Some(followed(&changed, &summary))
    }

    fn start_over(&mut self, pause: Duration) {
        self.anew = Some(tokio::time::Instant::now() + pause);
    }
}

fn loaded(summary: &Summary) -> String {
    let objects: usize = summary.objects.values().sum();
    format!("{objects} objects in {} files", summary.files)
}

fn followed(changed: &Changed, summary: &Summary) -> String {
    match changed {
        Changed::Files(paths) if paths.len() == 1 => {
            paths.iter().map(|path| format!("{} changed", path.display())).collect()
        }
        Changed::Files(paths) => format!("{} files changed", paths.len()),
        Changed::Everything => format!("folders changed, {} files read", summary.files_read),
    }
}
