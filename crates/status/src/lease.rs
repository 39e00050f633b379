// SPDX-License-Identifier: Apache-2.0
//! The Lease object by which replicas agree on a leader.

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};

/// The longest time for which a foreign holder's word is taken.
const LONGEST: Duration = Duration::from_secs(60);

/// Where the Lease is kept.
pub(crate) trait LeaseStore: Send + 'static {
    /// The Lease as it is.
    fn read(&self) -> impl Future<Output = kube::Result<Record>> + Send;
    /// Takes it if it is still as it was read.
    fn take(
        &self,
        record: &Record,
        identity: &str,
        valid: Duration,
    ) -> impl Future<Output = kube::Result<Held>> + Send;
    /// Renews it if it is still ours.
    fn renew(&self, held: &Held) -> impl Future<Output = kube::Result<Held>> + Send;
    /// Gives it back.
    fn release(&self, held: &Held) -> impl Future<Output = kube::Result<()>> + Send;
}

/// The Lease as it was read, or that there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record(pub(crate) Option<Lease>);

/// The Lease as we hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Lease);

impl Held {
    /// As it is stored.
    #[cfg(test)]
    pub(crate) fn record(&self) -> Record {
        Record(Some(self.0.clone()))
    }

    /// Held on to.
    pub(crate) fn renewed(&self) -> Record {
        let mut lease = self.0.clone();
        if let Some(spec) = &mut lease.spec {
            spec.renew_time = Some(now());
        }
        Record(Some(lease))
    }

    /// Given back.
    pub(crate) fn released(&self) -> Record {
        let mut lease = self.0.clone();
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(now());
        }
        Record(Some(lease))
    }
}

impl Record {
    /// Whether a candidate may take it that has seen it unchanged for so long.
    pub(crate) fn is_free(&self, identity: &str, unchanged: Duration) -> bool {
        let Some(spec) = self.0.as_ref().and_then(|lease| lease.spec.as_ref()) else { return true };
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or(1)).unwrap_or(1);
        let valid = Duration::from_secs(seconds).min(LONGEST);
        holder.is_empty() || holder == identity || unchanged > valid
    }

    /// Whether that one holds it.
    pub(crate) fn is_held_by(&self, identity: &str) -> bool {
        let spec = self.0.as_ref().and_then(|lease| lease.spec.as_ref());
        spec.and_then(|spec| spec.holder_identity.as_deref()) == Some(identity)
    }

    /// As held, if it is there.
    pub(crate) fn into_held(self, otherwise: Held) -> Held {
        self.0.map_or(otherwise, Held)
    }
}

/// A Lease in a cluster.
pub(crate) struct ClusterLease {
    api: Api<Lease>,
    name: String,
}

impl ClusterLease {
    /// The Lease of that name.
    pub(crate) fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }

    async fn put(&self, record: Record) -> kube::Result<Held> {
        let lease = record.0.unwrap_or_default();
        self.api.replace(&self.name, &PostParams::default(), &lease).await.map(Held)
    }
}

fn now() -> MicroTime {
    MicroTime(k8s_openapi::jiff::Timestamp::now())
}

/// The Lease in the hands of its next holder; the object's version stays, so that only one candidate can take it.
pub(crate) fn taken(record: &Record, identity: &str, valid: Duration) -> Lease {
    let mut lease = record.0.clone().unwrap_or_default();
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    let transitions = spec.lease_transitions.unwrap_or_default();
    let changes = record.0.is_some() && spec.holder_identity.as_deref() != Some(identity);
    *spec = LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: i32::try_from(valid.as_secs()).ok(),
        acquire_time: Some(now()),
        renew_time: Some(now()),
        lease_transitions: Some(transitions.saturating_add(i32::from(changes))),
        ..LeaseSpec::default()
    };
    lease
}

impl LeaseStore for ClusterLease {
    async fn read(&self) -> kube::Result<Record> {
        self.api.get_opt(&self.name).await.map(Record)
    }

    async fn take(&self, record: &Record, identity: &str, valid: Duration) -> kube::Result<Held> {
        let mut lease = taken(record, identity, valid);
        if record.0.is_some() {
            return self.put(Record(Some(lease))).await;
        }
        lease.metadata.name = Some(self.name.clone());
        self.api.create(&PostParams::default(), &lease).await.map(Held)
    }

    async fn renew(&self, held: &Held) -> kube::Result<Held> {
        self.put(held.renewed()).await
    }

    async fn release(&self, held: &Held) -> kube::Result<()> {
        self.put(held.released()).await.map(drop)
    }
}
