// SPDX-License-Identifier: Apache-2.0
//! Where declarations come from: folders of files, or a cluster.  The line behind them is the same.

mod changes;
mod cluster;
mod folders;

use std::time::{Duration, Instant};

use postern_model::World;

pub(crate) use cluster::{Watched, connect};
pub(crate) use folders::Folders;

use crate::log::Level;

/// Tells again and again what has changed in what is declared; the first news are everything.
pub(crate) trait Source {
    /// What has changed.
    type News;

    /// Whether claims are recorded where the declarations come from.
    const RECORDS_CLAIMS: bool;

    /// Which lines of the log tell of changes.
    const CHANGES: Level;

    /// For how long what is found may be about to pass, because objects that belong together come one by one.
    const SETTLES: Duration;

    /// Waits for news.  May be dropped at any point: what was noticed by then is told the next time.
    async fn next(&mut self) -> Self::News;

    /// When the oldest of the news was noticed, if that is known.
    fn noticed(news: &Self::News) -> Option<Instant>;

    /// Brings `world` up to date, and says what was done, for the log.  Nothing if it cannot be read: then everything
    /// is to be told again.
    fn apply(&mut self, news: Self::News, world: &mut World) -> Option<String>;

    /// After a defect of ours: the next news, in `pause` at the latest, are everything, for a world that is empty.
    fn start_over(&mut self, pause: Duration);
}
