// SPDX-License-Identifier: Apache-2.0
//! Keys for session tickets: one set for each tenant, claim epoch and policy, so that a ticket resumes nowhere else (I2).
//!
//! With one set for two policies, rustls lets an old ticket past a newly demanded client certificate, and past the move
//! of a host to another tenant's key; with separate sets the old ticket cannot even be read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use postern_snapshot::{TenantScope, TlsDemands, TlsProfile};
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// Sets that nobody uses are looked for when there are this many, and then whenever there are twice as many as were kept.
const SWEEP_FROM: usize = 64;

/// The ticket keys of an edge: shared by its workers, so that a ticket resumes on each of them.  Touched only when a
/// `ServerConfig` is made, never by a handshake.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    sets: Mutex<Sets>,
}

#[derive(Debug, Default)]
struct Sets {
    by_key: HashMap<Key, Arc<dyn ProducesTickets>>,
    sweep_at: usize,
}

type Key = (TenantScope, u64, TlsDemands);

impl Tickets {
    /// The keys under which a profile issues and accepts tickets; fresh every six hours, gone after twelve.
    pub(crate) fn of(
        &self,
        profile: &TlsProfile,
    ) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
        let key = (profile.scope().clone(), profile.epoch(), profile.demands());
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = sets.by_key.get(&key) {
            return Ok(set.clone());
        }
        if sets.by_key.len() >= sets.sweep_at.max(SWEEP_FROM) {
            // A set that no ServerConfig holds is of a claim or policy that no snapshot has any more.
            sets.by_key.retain(|_, set| Arc::strong_count(set) > 1);
            sets.sweep_at = sets.by_key.len() * 2;
        }
        let set = Ticketer::new()?;
        sets.by_key.insert(key, set.clone());
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{certificate, tenant};

    #[test]
    fn sets_that_nobody_uses_are_forgotten() {
        let certificate = certificate(&["a.example"]);
        let tickets = Tickets::default();
        let profile =
            |epoch| TlsProfile::new(tenant("a"), epoch, certificate.clone(), TlsDemands::default());
        let used = tickets.of(&profile(0)).unwrap();
        for epoch in 1..1000 {
            tickets.of(&profile(epoch)).unwrap();
        }
        assert!(tickets.sets.lock().unwrap().by_key.len() <= SWEEP_FROM);
        assert!(Arc::ptr_eq(&used, &tickets.of(&profile(0)).unwrap()));
    }
}
