// SPDX-License-Identifier: Apache-2.0
//! Changes of the folders, as they come.  Where the system cannot watch, the folders are looked at again and again.

use std::path::PathBuf;
use std::time::Duration;

use postern_source::{Changed, Watch, WatchError};
use tokio::sync::mpsc;

use crate::log::Log;

/// How often folders are looked at that cannot be watched.
const POLL: Duration = Duration::from_secs(2);

/// Begins to watch: call it before the folders are read, so that nothing is missed in between.
pub(crate) fn watch(roots: &[PathBuf], log: Log) -> mpsc::Receiver<Changed> {
    // One place: while the last change is compiled, the watch gathers the next ones.
    let (sender, receiver) = mpsc::channel(1);
    let watch = Watch::new(roots);
    tokio::spawn(async move {
        let Err(error) = follow(watch, &sender).await else { return };
        let every = POLL.as_secs();
        let error = anyhow::Error::from(error);
        log.warn(format!("{error:#}: the folders are looked at every {every} s instead"));
        while sender.send(Changed::Everything).await.is_ok() {
            tokio::time::sleep(POLL).await;
        }
    });
    receiver
}

/// Passes changes on until nobody takes them.
async fn follow(
    watch: Result<Watch, WatchError>,
    sender: &mpsc::Sender<Changed>,
) -> Result<(), WatchError> {
    let mut watch = watch?;
    loop {
        let changed = watch.next().await?;
        if sender.send(changed).await.is_err() {
            return Ok(());
        }
    }
}
