// SPDX-License-Identifier: Apache-2.0
//! Elections over a Lease in memory, in simulated time.

use std::sync::{Arc, Mutex};

use super::*;
use crate::lease::{Record, taken};

/// A Lease in memory that refuses writes from old versions, as the API server does.
#[derive(Clone, Default)]
struct Memory {
    lease: Arc<Mutex<(Record, u64)>>,
    /// Cut off from it.
    cut: Arc<Mutex<Vec<String>>>,
}

struct Desk {
    memory: Memory,
    name: &'static str,
}

fn refusal() -> kube::Error {
    let status = kube::core::Status::failure("changed", "Conflict").with_code(409);
    kube::Error::Api(Box::new(status))
}

impl Desk {
    async fn reach(&self) {
        if self.memory.cut.lock().unwrap().iter().any(|name| name == self.name) {
            std::future::pending::<()>().await;
        }
    }

    fn put(&self, version: Option<String>, record: Record) -> kube::Result<Held> {
        let mut lease = self.memory.lease.lock().unwrap();
        let now = lease.0.0.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        if now != version {
            return Err(refusal());
        }
        lease.1 += 1;
        let version = lease.1.to_string();
        lease.0 = record;
        if let Some(stored) = &mut lease.0.0 {
            stored.metadata.resource_version = Some(version);
        }
        Ok(lease.0.clone().into_held(Held::default()))
    }
}

fn version(record: &Record) -> Option<String> {
    record.0.as_ref().and_then(|lease| lease.metadata.resource_version.clone())
}

impl LeaseStore for Desk {
    async fn read(&self) -> kube::Result<Record> {
        self.reach().await;
        Ok(self.memory.lease.lock().unwrap().0.clone())
    }

    async fn take(&self, record: &Record, identity: &str, valid: Duration) -> kube::Result<Held> {
        self.reach().await;
        self.put(version(record), Record(Some(taken(record, identity, valid))))
    }

    async fn renew(&self, held: &Held) -> kube::Result<Held> {
        self.reach().await;
        self.put(version(&held.record()), held.renewed())
    }

    async fn release(&self, held: &Held) -> kube::Result<()> {
        self.reach().await;
        self.put(version(&held.record()), held.released()).map(drop)
    }
}

struct Replica {
    leadership: Leadership,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn replica(memory: &Memory, name: &'static str) -> Replica {
    let desk = Desk { memory: memory.clone(), name };
    let (candidate, leadership) = Candidate::new(desk, name.to_owned());
    let stop = CancellationToken::new();
    // Nothing is being written in these tests.
    let written = stop.clone();
    let task = tokio::spawn(candidate.run(stop.clone(), written));
    Replica { leadership, stop, task }
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_hands_over_within_two_seconds() {
    let memory = Memory::default();
    let mut first = replica(&memory, "a");
    first.leadership.gained().await;
    let mut second = replica(&memory, "b");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(first.leadership.holds());
    assert!(!second.leadership.holds());
    let asked = Instant::now();
    first.stop.cancel();
    second.leadership.gained().await;
    assert!(!first.leadership.holds());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_killed_leader_is_replaced_but_never_before_its_lease_ends() {
    let memory = Memory::default();
    let mut first = replica(&memory, "a");
    first.leadership.gained().await;
    let mut second = replica(&memory, "b");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let killed = Instant::now();
    first.task.abort();
    second.leadership.gained().await;
    let took = killed.elapsed();
    assert!(took > LEASE - INTERVAL && took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_the_next_begins() {
    let memory = Memory::default();
    let mut first = replica(&memory, "a");
    first.leadership.gained().await;
    let mut second = replica(&memory, "b");
    tokio::time::sleep(Duration::from_secs(10)).await;
    memory.cut.lock().unwrap().push("a".to_owned());
    first.leadership.lost().await;
    assert!(!second.leadership.holds());
    second.leadership.gained().await;
    assert!(!first.leadership.holds());
    // Healed, it does not take back what the other holds.
    memory.cut.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(second.leadership.holds() && !first.leadership.holds());
}

#[tokio::test(start_paused = true)]
async fn of_many_that_begin_at_once_one_leads() {
    let memory = Memory::default();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let replicas: Vec<_> = names.into_iter().map(|name| replica(&memory, name)).collect();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(replicas.iter().filter(|replica| replica.leadership.holds()).count() <= 1);
    }
    assert_eq!(replicas.iter().filter(|replica| replica.leadership.holds()).count(), 1);
}
