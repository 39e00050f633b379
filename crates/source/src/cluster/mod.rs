// SPDX-License-Identifier: Apache-2.0
//! A Kubernetes cluster, watched: objects come out as [`Batch`]es of changes to a [`World`](postern_model::World).
//!
//! Fail static (I17): a watch or a list that fails, or that cannot be trusted, changes nothing.  Nothing is handed over
//! before everything was read once (I18).  Only keys and versions are remembered here; the objects live in the world.

mod backoff;
mod batch;
mod connection;
mod contact;
mod crew;
mod error;
mod event;
mod fetch;
mod informer;
mod lines;
mod mirror;
mod options;
mod pulse;
mod reader;
mod references;
mod shelf;
mod target;
mod version;

use std::fmt;
use std::sync::Arc;

use kube::Client;
use postern_model::Kind;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

pub use batch::Batch;
pub use contact::{Health, Trouble};
pub use error::{ClusterError, RequestError};
pub use options::{Access, ClusterOptions};

use connection::Connections;
use crew::Crew;
use informer::Word;
use lines::Lines;
use mirror::Mirror;
use target::Target;

/// How much may be told before it is listened to.
const INBOX: usize = 256;

/// A cluster that is watched.
pub struct Cluster {
    client: Client,
    health: Health,
    inbox: mpsc::Receiver<Word>,
    mirror: Mirror,
    /// The first batch was handed over.
    began: bool,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("mirror", &self.mirror).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Finds the API server, asks whether it answers, and begins to watch.
    ///
    /// Refuses an access that cannot be used, an API server that does not answer or does not know us, and, where all
    /// namespaces are to be watched, one that does not let us.  Must be called within a tokio runtime; what watches
    /// runs there until this is dropped.
    pub async fn connect(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let config = connection::configure(&options.access).await?;
        let address = config.cluster_url.to_string();
        let open = Arc::new(move || connection::client(&config));
        let connections = Connections::new(open).map_err(ClusterError::Client)?;
        greet(options, &connections, &address).await?;
        Ok(Self::watch(options, connections, Health::new()))
    }

    fn watch(options: &ClusterOptions, connections: Connections, health: Health) -> Self {
        let (outbox, inbox) = mpsc::channel(INBOX);
        let client = connections.first();
        let crew = Crew::new(connections, outbox, health.clone());
        let mirror = Mirror::new(options, crew);
        Self { client, health, inbox, mirror, began: false }
    }

    /// The client, for those who write to the cluster.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// When the API server was last heard of, and what is wrong.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Whether everything was read once.
    pub fn is_complete(&mut self) -> bool {
        self.mirror.is_complete()
    }

    /// Waits for changes, then until nothing has changed for 5 ms, but never longer than 25 ms, unless
    /// `throttleDuration` says so.  The first batch is everything, and comes when everything was read once.
    ///
    /// May be cancelled: what was noticed by then is told by the next call.
    pub async fn next(&mut self) -> Batch {
        loop {
            let due = if self.mirror.is_complete() {
                // Even an empty cluster begins with a batch: that it is empty is what is then known.
                self.mirror.gathering.due().or_else(|| (!self.began).then(Instant::now))
            } else {
                None
            };
            if due.is_some_and(|due| due <= Instant::now()) {
                return self.hand_over();
            }
            let deadline = self.mirror.deadline();
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                self.mirror.hurry();
                continue;
            }
            self.listen([due, deadline].into_iter().flatten().min()).await;
        }
    }

    fn hand_over(&mut self) -> Batch {
        let batch = self.mirror.gathering.hand_over();
        self.mirror.sweep(!self.began || batch.objects.len() > INBOX);
        self.began = true;
        batch
    }

    async fn listen(&mut self, until: Option<Instant>) {
        let word = match until {
            None => self.inbox.recv().await,
            Some(until) => match timeout_at(until, self.inbox.recv()).await {
                Ok(word) => word,
                Err(_) => return,
            },
        };
        match word {
            Some(word) => self.mirror.hear(word),
            // Not while the mirror lives, which holds a sender.
            None => std::future::pending().await,
        }
    }
}

/// Asks whether the API server is there and knows us, and whether it lets us watch all namespaces.
async fn greet(
    options: &ClusterOptions,
    connections: &Connections,
    address: &str,
) -> Result<(), ClusterError> {
    let client = connections.first();
    let ask = async |url: &str| match Lines::open(&client, url).await {
        Err(RequestError::Unauthorized) => {
            Err(ClusterError::Unauthorized { address: address.to_owned() })
        }
        Err(source @ (RequestError::Connection(_) | RequestError::Silent(_))) => {
            Err(ClusterError::Unreachable { address: address.to_owned(), source })
        }
        answer => Ok(answer),
    };
    // Who may not ask for the version may be allowed everything else.
    drop(ask("/version").await?);
    if options.settings.namespaces.is_empty() {
        let one = Target::all(Kind::Ingress, None).list(0, true, "");
        if let Err(RequestError::Forbidden) = ask(&one).await? {
            return Err(ClusterError::Forbidden { address: address.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
