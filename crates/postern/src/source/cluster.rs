// SPDX-License-Identifier: Apache-2.0
//! A cluster, watched for as long as we run: an API server that cannot be reached is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_model::World;
use postern_source::{Batch, Cluster, ClusterError, ClusterOptions, Trouble};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Source;
use crate::log::{Level, Log};
use crate::state::State;

/// Between two attempts to reach the API server: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often it is looked whether there is trouble.
const LOOK: Duration = Duration::from_secs(5);

/// Waits until the API server answers.  Refuses an access that cannot be used whatever the API server does.
pub(crate) async fn connect(options: &ClusterOptions, log: Log) -> Result<Cluster, ClusterError> {
    let mut pause = FIRST_PAUSE;
    let mut told = String::new();
    loop {
        let error = match Cluster::connect(options).await {
            Ok(cluster) => return Ok(cluster),
            Err(error) if is_lasting(&error) => return Err(error),
            Err(error) => anyhow::Error::from(error),
        };
        let message = format!("{error:#}");
        // The same again and again is no news.
        if message != told {
            log.error(format!("{message}; it is tried again and again"));
            told = message;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether only another configuration helps.
fn is_lasting(error: &ClusterError) -> bool {
    match error {
        ClusterError::Unreachable { .. }
        | ClusterError::Unauthorized { .. }
        | ClusterError::Forbidden { .. } => false,
        ClusterError::NoAccess
        | ClusterError::Kubeconfig { .. }
        | ClusterError::ServiceAccount(_)
        | ClusterError::NotAUrl { .. }
        | ClusterError::Endpoint { .. }
        | ClusterError::Client(_) => true,
    }
}

/// A cluster that is watched.
pub(crate) struct Watched {
    options: ClusterOptions,
    contact: Contact,
    state: Arc<State>,
    log: Log,
}

enum Contact {
    Watching(Box<Cluster>),
    /// After a defect of ours, everything is read once more.
    Connecting(JoinHandle<Cluster>),
}

impl Watched {
    /// Follows a cluster that was connected to with these options.
    pub(crate) fn new(
        options: ClusterOptions,
        cluster: Cluster,
        state: Arc<State>,
        log: Log,
    ) -> Self {
        state.watches(cluster.health());
        tokio::spawn(tell_troubles(state.clone(), log));
        Self { options, contact: Contact::Watching(Box::new(cluster)), state, log }
    }

    fn reconnect(&self, pause: Duration) -> JoinHandle<Cluster> {
        tokio::spawn(reconnect(self.options.clone(), pause, self.log))
    }
}

impl Source for Watched {
    type News = Batch;

    /// Endpoints come and go all the time.
    const RECORDS_CLAIMS: bool = true;

    const CHANGES: Level = Level::Debug;

    const SETTLES: Duration = Duration::from_secs(1);

    async fn next(&mut self) -> Batch {
        loop {
            match &mut self.contact {
                Contact::Watching(cluster) => return cluster.next().await,
                Contact::Connecting(task) => match task.await {
                    Ok(cluster) => {
                        self.state.watches(cluster.health());
                        self.contact = Contact::Watching(Box::new(cluster));
                    }
                    // It panicked, which is a defect of ours once more.
                    Err(_) => self.contact = Contact::Connecting(self.reconnect(LONGEST_PAUSE)),
                },
            }
        }
    }

    fn noticed(news: &Batch) -> Option<Instant> {
        news.noticed.map(tokio::time::Instant::into_std)
    }

    fn apply(&mut self, news: Batch, world: &mut World) -> Option<String> {
        let told = match news.objects.len() {
            1 => "1 object changed".to_owned(),
            count => format!("{count} objects changed"),
        };
        news.apply(world);
        Some(told)
    }

    fn start_over(&mut self, pause: Duration) {
        if let Contact::Connecting(task) = &self.contact {
            task.abort();
        }
        self.contact = Contact::Connecting(self.reconnect(pause));
    }
}

/// Connects once more; this time not even an access that cannot be used is a reason to give up.
async fn reconnect(options: ClusterOptions, pause: Duration, log: Log) -> Cluster {
    sleep(pause).await;
    loop {
        match connect(&options, log).await {
            Ok(cluster) => return cluster,
            Err(error) => log.error(format!("{:#}", anyhow::Error::from(error))),
        }
        sleep(LONGEST_PAUSE).await;
    }
}

/// Logs what keeps watches from telling anything new, when it begins and when it ends.
async fn tell_troubles(state: Arc<State>, log: Log) {
    let mut told = BTreeMap::new();
    loop {
        sleep(LOOK).await;
        let troubles: BTreeMap<_, _> =
            state.troubles().into_iter().map(|t| (place(&t), t.message)).collect();
        for (message, places) in begun(&told, &troubles) {
            log.warn(format!("nothing new of {}: {message}", places.join(", ")));
        }
        let over: Vec<_> = told.keys().filter(|place| !troubles.contains_key(*place)).collect();
        if !over.is_empty() {
            let over: Vec<&str> = over.into_iter().map(String::as_str).collect();
            log.info(format!("watching again: {}", over.join(", ")));
        }
        told = troubles;
    }
}

/// What is new, with all that it happens to: an API server that is away is one line.
fn begun<'a>(
    told: &BTreeMap<String, String>,
    troubles: &'a BTreeMap<String, String>,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut begun: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, message) in troubles.iter().filter(|(place, m)| told.get(*place) != Some(m)) {
        begun.entry(message).or_default().push(place);
    }
    begun
}

fn place(trouble: &Trouble) -> String {
    match &trouble.namespace {
        Some(namespace) => format!("{} in {namespace}", trouble.kind),
        None => trouble.kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_is_one_line_and_said_once() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(p, m)| ((*p).to_owned(), (*m).to_owned())).collect()
        };
        let troubles = map(&[("Ingress", "refused"), ("Secret", "refused"), ("Tenant", "denied")]);
        let first = begun(&BTreeMap::new(), &troubles);
        assert_eq!(first["refused"], ["Ingress", "Secret"]);
        assert_eq!(first["denied"], ["Tenant"]);
        assert!(begun(&troubles, &troubles).is_empty());
        let told = map(&[("Ingress", "denied"), ("Secret", "refused"), ("Tenant", "denied")]);
        assert_eq!(begun(&told, &troubles).len(), 1);
    }

    #[test]
    fn an_api_server_that_is_away_is_waited_for_and_a_bad_access_is_not() {
        let address = || "https://api.test/".to_owned();
        assert!(!is_lasting(&ClusterError::Unauthorized { address: address() }));
        assert!(!is_lasting(&ClusterError::Forbidden { address: address() }));
        assert!(is_lasting(&ClusterError::NotAUrl { endpoint: address() }));
        assert!(is_lasting(&ClusterError::NoAccess));
    }
}
