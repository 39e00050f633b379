// SPDX-License-Identifier: Apache-2.0
//! What the writer of status counts, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters of one installation's status writer.  Labels are words of ours: their number is bounded.
#[derive(Debug, Default)]
pub struct StatusMetrics {
    leads: AtomicBool,
    terms: AtomicU64,
    contended: AtomicU64,
    unrecorded: AtomicU64,
    pending: AtomicU64,
    addresses: AtomicU64,
    writes: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl StatusMetrics {
    pub(crate) fn leads(&self, leads: bool) {
        if leads && !self.leads.swap(true, Ordering::Relaxed) {
            self.terms.fetch_add(1, Ordering::Relaxed);
        }
        self.leads.store(leads, Ordering::Relaxed);
        if !leads {
            self.addresses(0);
        }
    }

    pub(crate) fn addresses(&self, count: usize) {
        self.addresses.store(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self, kind: &'static str, result: &'static str) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        *writes.entry((kind, result)).or_default() += 1;
    }

    pub(crate) fn contended(&self) {
        self.contended.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn waits(&self, unrecorded: usize, pending: usize) {
        self.unrecorded.store(unrecorded as u64, Ordering::Relaxed);
        self.pending.store(pending as u64, Ordering::Relaxed);
    }

    /// How many objects were left to another controller.
    pub fn contended_total(&self) -> u64 {
        self.contended.load(Ordering::Relaxed)
    }

    /// How many writes of a kind (`ingress`, `tenant`, `claim`, `event`) ended so (`written`, `conflict`, `missing`,
    /// `forbidden`, `invalid`, `unavailable`).
    pub fn writes_total(&self, kind: &str, result: &str) -> u64 {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.iter().find(|((k, r), _)| *k == kind && *r == result).map_or(0, |(_, count)| *count)
    }

    /// Writes everything in Prometheus' text format.
    pub fn encode(&self, out: &mut String) {
        let number = |atomic: &AtomicU64| atomic.load(Ordering::Relaxed);
        let leads = u64::from(self.leads.load(Ordering::Relaxed));
        for (name, kind, help, value) in [
            ("postern_leader", "gauge", "Whether this replica writes status.", leads),
            (
                "postern_leader_terms_total",
                "counter",
                "How often this replica became the leader.",
                number(&self.terms),
            ),
            (
                "postern_status_contended_total",
                "counter",
                "Objects whose status was left to another controller that keeps rewriting it.",
                number(&self.contended),
            ),
            (
                "postern_claims_unrecorded",
                "gauge",
                "Claims to hostnames that no HostClaim records yet.",
                number(&self.unrecorded),
            ),
            (
                "postern_status_pending",
                "gauge",
                "Writes of status, claims and Events that wait.",
                number(&self.pending),
            ),
            (
                "postern_status_addresses",
                "gauge",
                "Addresses that this leader writes into the status of Ingresses.",
                number(&self.addresses),
            ),
        ] {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        let name = "postern_status_writes_total";
        let _ =
            writeln!(out, "# HELP {name} Writes to the cluster, by kind and by how they ended.");
        let _ = writeln!(out, "# TYPE {name} counter");
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        for ((kind, result), count) in &*writes {
            let _ = writeln!(out, "{name}{{kind=\"{kind}\",result=\"{result}\"}} {count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_that_prometheus_reads() {
        let metrics = StatusMetrics::default();
        metrics.leads(true);
        metrics.leads(true);
        metrics.addresses(2);
        metrics.contended();
        metrics.wrote("event", "written");
        let mut out = String::new();
        metrics.encode(&mut out);
        assert!(out.contains("postern_leader 1\n"));
        assert!(out.contains("postern_leader_terms_total 1\n"));
        assert!(out.contains("postern_status_contended_total 1\n"));
        assert!(out.contains("postern_status_writes_total{kind=\"event\",result=\"written\"} 1\n"));
        assert!(out.contains("postern_status_addresses 2\n"));
        for line in out.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<u64>().is_ok()));
        }
    }
}
