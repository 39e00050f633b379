// SPDX-License-Identifier: Apache-2.0
//! What the connections of one worker thread share.  Nothing here is reached from another thread.

use std::sync::Arc;

use crate::config::EdgeConfig;
use crate::published::Published;
use crate::runtime::Runtimes;

/// One worker's shared state; handed around as `Rc<Worker>`.
pub(crate) struct Worker {
    /// The install configuration.
    pub(crate) config: Arc<EdgeConfig>,
    /// The snapshot in force.
    pub(crate) published: Arc<Published>,
    /// What tenants keep between snapshots, on this worker.
    pub(crate) runtimes: Runtimes,
}
