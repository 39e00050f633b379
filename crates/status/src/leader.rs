// SPDX-License-Identifier: Apache-2.0
//! Who writes: the one replica that holds the Lease (`coordination.k8s.io/v1`).
//!
//! Clocks of replicas are never compared: a candidate looks at its own clock from the moment at which it saw the Lease
//! change, as client-go does.  With [`LEASE`], [`RENEW_DEADLINE`] and [`INTERVAL`], a leader that is killed is replaced
//! within about 7 s, one that stops hands over within 2 s.  Requests do not wait for either: only status and the
//! recording of claims do.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError, jittered};
use crate::lease::{Held, LeaseStore, Record};

/// For how long a Lease is valid after its holder renewed it.
pub(crate) const LEASE: Duration = Duration::from_secs(6);
/// After that time without success the holder stops writing.  A call in flight ends ([`call::DEADLINE`]) before the
/// Lease does.
pub(crate) const RENEW_DEADLINE: Duration = Duration::from_secs(4);
/// How often the Lease is renewed, or looked at.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// A holder could write while the next one does, if this did not hold.
const _: () = assert!(
    RENEW_DEADLINE.as_millis() + call::DEADLINE.as_millis() <= LEASE.as_millis(),
    "a leader must stop before its lease ends"
);

/// Whether this replica leads, and for how long it may rely on it.
#[derive(Clone, Debug)]
pub(crate) struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// Whether a call may begin now.
    pub(crate) fn holds(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until this replica leads.
    pub(crate) async fn gained(&mut self) {
        // An error means that the candidate is gone: nothing is gained ever again.
        if self.0.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this replica leads no longer.
    pub(crate) async fn lost(&mut self) {
        let _ = self.0.wait_for(Option::is_none).await;
    }
}

/// A replica that wants to lead.
pub(crate) struct Candidate<S> {
    store: S,
    identity: String,
    term: watch::Sender<Option<Instant>>,
    /// The Lease as it was last seen, and since when it has been so.
    seen: Option<(Record, Instant)>,
}

impl<S: LeaseStore> Candidate<S> {
    /// A candidate of that name, which no other replica may have.
    pub(crate) fn new(store: S, identity: String) -> (Self, Leadership) {
        let (term, leadership) = watch::channel(None);
        (Self { store, identity, term, seen: None }, Leadership(leadership))
    }

    /// Leads whenever nobody else does, until `stop`; then gives the Lease back once `written` says that the last write
    /// has ended.
    pub(crate) async fn run(mut self, stop: CancellationToken, written: CancellationToken) {
        while !stop.is_cancelled() {
            let began = Instant::now();
            if let Some(held) = self.try_to_take().await {
                let held = self.lead(held, began, &stop).await;
                if let Some(held) = held {
                    written.cancelled().await;
                    self.release(held).await;
                }
                self.term.send_replace(None);
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(jittered(INTERVAL)) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Takes the Lease if it is free.
    async fn try_to_take(&mut self) -> Option<Held> {
        let record = call::call(self.store.read()).await.ok()?;
        let now = Instant::now();
        let since = match &self.seen {
            Some((seen, since)) if *seen == record => *since,
            _ => now,
        };
        self.seen = Some((record.clone(), since));
        if !record.is_free(&self.identity, now.duration_since(since)) {
            return None;
        }
        call::call(self.store.take(&record, &self.identity, LEASE)).await.ok()
    }

    /// Renews until it cannot; what is held when it is asked to stop.
    async fn lead(
        &mut self,
        mut held: Held,
        mut renewed: Instant,
        stop: &CancellationToken,
    ) -> Option<Held> {
        self.term.send_replace(Some(renewed + RENEW_DEADLINE));
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => return Some(held),
            }
            let began = Instant::now();
            let answer = tokio::select! {
                answer = call::call(self.store.renew(&held)) => answer,
                () = tokio::time::sleep_until(renewed + RENEW_DEADLINE) => Err(CallError::Late),
            };
            match answer {
                Ok(next) => {
                    (held, renewed) = (next, began);
                    self.term.send_replace(Some(renewed + RENEW_DEADLINE));
                }
                // Somebody else has it, or took it away.
                Err(CallError::Conflict | CallError::Missing) => {
                    match call::call(self.store.read()).await {
                        Ok(record) if record.is_held_by(&self.identity) => {
                            held = record.into_held(held);
                        }
                        _ => return self.step_down(),
                    }
                }
                Err(_) if Instant::now() >= renewed + RENEW_DEADLINE => return self.step_down(),
                Err(_) => {}
            }
        }
    }

    fn step_down(&mut self) -> Option<Held> {
        self.term.send_replace(None);
        None
    }

    /// Gives the Lease back, so that the next one need not wait until it ends.
    async fn release(&mut self, held: Held) {
        self.term.send_replace(None);
        // If this fails the next one waits a little longer.
        let _ = call::call(self.store.release(&held)).await;
    }
}

#[cfg(test)]
mod tests;
