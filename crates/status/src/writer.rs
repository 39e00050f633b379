// SPDX-License-Identifier: Apache-2.0
//! Writes while this replica leads: follows the cluster, plans, and lets a few writes be under way at a time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kube::{Api, Client};
use postern_api::crd::{HostClaim, Tenant};
use postern_model::Finding;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agenda::Agenda;
use crate::desk::Desk;
use crate::facts::Facts;
use crate::leader::Leadership;
use crate::metrics::StatusMetrics;
use crate::nodes;
use crate::options::{IngressEndpoint, Options};
use crate::published;
use crate::seen;
use crate::view::{Address, Ingress, SeenClaim, SeenIngress};
use crate::watch::{Change, follow};

/// How many writes are under way at a time.
const MOST_BUSY: usize = 8;
/// Changes within so short a time are planned for together.
const QUIET: Duration = Duration::from_millis(100);
/// Planning takes at most one part of so many of the time, unless that would make it wait longer than a tick.
const PLANNING: u32 = 10;
/// How often what waits for its allowance, or for another attempt, is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How many changes may wait to be taken in.
const CHANGES: usize = 1024;

/// Everything that a writer needs.
pub(crate) struct Writer {
    pub(crate) client: Client,
    pub(crate) options: Options,
    pub(crate) facts: watch::Receiver<Option<Arc<Facts>>>,
    pub(crate) leadership: Leadership,
    pub(crate) metrics: Arc<StatusMetrics>,
    /// What the watches of this writer may not read, or miss.
    pub(crate) found: watch::Sender<Vec<Finding>>,
    pub(crate) stop: CancellationToken,
}

/// What the watches of one term have to say.
struct Watches {
    ingresses: Vec<(Option<String>, mpsc::Receiver<Change<SeenIngress>>)>,
    tenants: mpsc::Receiver<Change<Tenant>>,
    claims: mpsc::Receiver<Change<Box<SeenClaim>>>,
    addresses: mpsc::Receiver<Vec<Address>>,
    /// Ends them all when it is dropped.
    _tasks: JoinSet<()>,
}

impl Writer {
    /// Writes in every term of this replica, until it is asked to stop and the last write has ended.
    pub(crate) async fn run(mut self) {
        loop {
            let stop = self.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.leadership.gained() => {}
            }
            self.metrics.leads(true);
            self.term().await;
            // Another replica finds that from now on.
            self.found.send_if_modified(|found| !std::mem::take(found).is_empty());
            self.metrics.leads(false);
        }
    }

    async fn term(&mut self) {
        let mut agenda = Agenda::new(&self.options.identity);
        if let IngressEndpoint::Address(address) = &self.options.endpoint {
            agenda.addresses = Some([address.clone()].into());
            self.metrics.addresses(1);
        }
        let desk = Desk::new(self.client.clone(), self.options.field_manager.clone());
        let mut watches = self.watches(&desk);
        let mut leadership = self.leadership.clone();
        let mut writes = FuturesUnordered::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // What has changed since the last plan, and when it is planned for.
        let mut due: Option<Instant> = None;
        let mut quiet = QUIET;
        self.facts.mark_changed();
        loop {
            while agenda.busy() < MOST_BUSY && leadership.holds() {
                let Some(task) = agenda.next() else { break };
                let desk = desk.clone();
                writes.push(async move {
                    let target = task.target.clone();
                    (target, desk.write(task).await)
                });
            }
            let planned = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let changed = tokio::select! {
                () = self.stop.cancelled() => break,
                () = leadership.lost() => break,
                Some((target, result)) = writes.next(), if !writes.is_empty() => {
                    let kind = target.word();
                    let word = agenda.ended(target, result);
                    self.metrics.wrote(kind, word);
                    agenda.is_idle()
                }
                contended = watches.next(&mut agenda) => {
                    (0..contended).for_each(|_| self.metrics.contended());
                    self.metrics.addresses(agenda.addresses.as_deref().map_or(0, <[_]>::len));
                    true
                }
                changed = self.facts.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    true
                }
                _ = tick.tick() => agenda.waits(),
                () = planned => {
                    due = None;
                    let facts = self.facts.borrow_and_update().clone();
                    if let Some(facts) = facts {
                        let began = Instant::now();
                        agenda = plan(agenda, facts.clone()).await;
                        quiet = (began.elapsed() * PLANNING).clamp(QUIET, TICK);
                        self.metrics.waits(facts.claims.len(), agenda.waiting());
                    }
                    false
                }
            };
            if changed && due.is_none() {
                due = Some(Instant::now() + quiet);
            }
        }
        // What is under way has deadlines that end before the lease does.
        while writes.next().await.is_some() {}
    }

    fn watches(&self, desk: &Desk) -> Watches {
        let mut tasks = JoinSet::new();
        let mut ingresses = Vec::new();
        let scopes: Vec<Option<String>> = match &self.options.namespaces[..] {
            [] => vec![None],
            namespaces => namespaces.iter().cloned().map(Some).collect(),
        };
        for scope in scopes {
            let api: Api<Ingress> = match &scope {
                None => Api::all(self.client.clone()),
                Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            };
            let (sender, receiver) = mpsc::channel(CHANGES);
            tasks.spawn(follow(api, sender));
            ingresses.push((scope, receiver));
        }
        let (sender, tenants) = mpsc::channel(CHANGES);
        tasks.spawn(follow(Api::<Tenant>::all(self.client.clone()), sender));
        let (sender, claims) = mpsc::channel(CHANGES);
        tasks.spawn(follow(Api::<HostClaim>::all(self.client.clone()), sender));
        let (sender, addresses) = mpsc::channel(1);
        match self.options.endpoint.clone() {
            IngressEndpoint::Service { namespace, name } => {
                let found = self.found.clone();
                tasks.spawn(published::tell(desk.clone(), (namespace, name), sender, found));
            }
            IngressEndpoint::Nodes => {
                tasks.spawn(nodes::tell(self.client.clone(), sender, self.found.clone()));
            }
            IngressEndpoint::Nothing | IngressEndpoint::Address(_) => {}
        }
        Watches { ingresses, tenants, claims, addresses, _tasks: tasks }
    }
}

impl Watches {
    /// Takes in the next change and all that wait with it.  How many objects were left to other controllers.
    async fn next(&mut self, agenda: &mut Agenda) -> usize {
        let any_ingress =
            futures_util::future::select_all(self.ingresses.iter_mut().map(|(scope, changes)| {
                Box::pin(async move { (scope.as_deref(), changes.recv().await) })
            }));
        tokio::select! {
            ((scope, Some(change)), ..) = any_ingress => agenda.ingresses(scope, change),
            Some(change) = self.tenants.recv() => {
                seen::follow(&mut agenda.seen.tenants, change);
                0
            }
            Some(change) = self.claims.recv() => {
                agenda.seen.claims_listed |= matches!(change, Change::All(_));
                seen::follow(&mut agenda.seen.claims, change);
                0
            }
            Some(addresses) = self.addresses.recv() => {
                agenda.addresses = Some(addresses.into());
                0
            }
            else => std::future::pending().await,
        }
    }
}

/// Plans where nothing else runs: it takes time in proportion to all that there is, and meanwhile a change that is to be
/// served must not wait for this thread.
async fn plan(mut agenda: Agenda, facts: Arc<Facts>) -> Agenda {
    let planned = tokio::task::spawn_blocking(move || {
        agenda.plan(&facts);
        agenda
    });
    match planned.await {
        Ok(agenda) => agenda,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
