// SPDX-License-Identifier: Apache-2.0
//! What the admin server tells about a running Postern.

mod propagation;

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use postern_model::EntryPoint;
use postern_serve::{Metrics, Published};
use postern_snapshot::Expiry;
use postern_source::{Health, Trouble};
use serde_json::Value;

use crate::findings::Tally;
use crate::refusals::Refusals;
use propagation::Propagation;

/// The most certificates that are told one by one: a scrape stays small however many tenants have.
const MAX_CERTIFICATES: usize = 1000;

/// Writes what somebody else counts.
type Encode = Box<dyn Fn(&mut String) + Send + Sync>;

/// A running Postern, for those who ask about it.
#[derive(Default)]
pub(crate) struct State {
    published: Arc<Published>,
    entry_points: Vec<EntryPoint>,
    metrics: OnceLock<Arc<Metrics>>,
    drains: AtomicBool,
    compiled: Mutex<Compiled>,
    refusals: Mutex<Refusals>,
    /// The certificates of the snapshot of that generation: found once for each.
    expiries: Mutex<(u64, Vec<Expiry>)>,
    propagation: Propagation,
    /// What the watches of a cluster say about themselves.
    watches: Mutex<Option<Health>>,
    reporter: OnceLock<Encode>,
}

/// What the last compiles had to say.
#[derive(Clone, Copy, Debug, Default)]
struct Compiled {
    times: u64,
    total: Duration,
    last: Duration,
    tally: Tally,
}

impl State {
    /// A Postern that has published nothing yet.
    pub(crate) fn new(published: Arc<Published>, entry_points: Vec<EntryPoint>) -> Self {
        Self { published, entry_points, ..Self::default() }
    }

    /// Whether requests should be sent here: not before the first complete snapshot (I18) is served, nor after the stop
    /// began.
    pub(crate) fn is_ready(&self) -> bool {
        let serves = self.published.is_ready() && self.metrics.get().is_some();
        serves && !self.drains.load(Ordering::Acquire)
    }

    /// The data plane runs, and counts here.
    pub(crate) fn serves(&self, metrics: Arc<Metrics>) {
        // Only the first counts, and there is only one.
        let _ = self.metrics.set(metrics);
    }

    /// The graceful stop began.
    pub(crate) fn drains(&self) {
        self.drains.store(true, Ordering::Release);
    }

    /// A compile took so long.
    pub(crate) fn compiled(&self, took: Duration) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.times += 1;
        compiled.total += took;
        compiled.last = took;
    }

    /// So much was found.
    pub(crate) fn found(&self, tally: Tally) {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).tally = tally;
    }

    /// So much is refused to tenants.
    pub(crate) fn refused(&self, refusals: Refusals) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner) = refusals;
    }

    /// A change is served that was noticed so long ago.
    pub(crate) fn propagated(&self, took: Duration) {
        self.propagation.observe(took);
    }

    /// A cluster is watched.
    pub(crate) fn watches(&self, health: Health) {
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = Some(health);
    }

    /// What keeps the watches of a cluster from telling anything new.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        self.health().map(|health| health.troubles()).unwrap_or_default()
    }

    /// Who reports to the cluster counts, too.
    pub(crate) fn reports(&self, encode: Encode) {
        // Only the first counts, and there is only one.
        let _ = self.reporter.set(encode);
    }

    /// What is served, without keys.
    pub(crate) fn render(&self) -> Value {
        let snapshot = self.published.load().clone();
        snapshot.render(&self.entry_points)
    }

    /// Everything that is counted, in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        let mut out = String::new();
        if let Some(metrics) = self.metrics.get() {
            metrics.encode(&mut out);
        }
        let version = env!("CARGO_PKG_VERSION");
        head(&mut out, "postern_build_info", "gauge", "The version that runs.");
        let _ = writeln!(out, "postern_build_info{{version=\"{version}\"}} 1");
        head(&mut out, "postern_ready", "gauge", "Whether requests should be sent here.");
        let _ = writeln!(out, "postern_ready {}", u8::from(self.is_ready()));
        self.encode_compiled(&mut out);
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).encode(&mut out);
        self.propagation.encode(&mut out);
        self.encode_staleness(&mut out);
        if let Some(encode) = self.reporter.get() {
            encode(&mut out);
        }
        self.encode_certificates(&mut out);
        out
    }

    fn health(&self) -> Option<Health> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn encode_staleness(&self, out: &mut String) {
        let Some(health) = self.health() else { return };
        let name = "postern_source_staleness_seconds";
        head(out, name, "gauge", "For how long nothing was heard of the API server, by kind.");
        for (kind, silence) in health.staleness() {
            let _ = writeln!(out, "{name}{{kind=\"{kind}\"}} {:.3}", silence.as_secs_f64());
        }
    }

    fn encode_compiled(&self, out: &mut String) {
        let compiled = *self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.published.load().generation();
        let name = "postern_snapshot_generation";
        head(out, name, "gauge", "Rises with every snapshot.");
        let _ = writeln!(out, "{name} {generation}");
        let name = "postern_compile_seconds";
        head(out, name, "summary", "How long reading and compiling changes took.");
        let _ = writeln!(out, "{name}_sum {}", compiled.total.as_secs_f64());
        let _ = writeln!(out, "{name}_count {}", compiled.times);
        let name = "postern_last_compile_seconds";
        head(out, name, "gauge", "How long reading and compiling the last change took.");
        let _ = writeln!(out, "{name} {}", compiled.last.as_secs_f64());
        let name = "postern_findings";
        head(out, name, "gauge", "What there is to say about the objects that are declared.");
        let Tally { errors, warnings, infos } = compiled.tally;
        for (severity, count) in [("error", errors), ("warning", warnings), ("info", infos)] {
            let _ = writeln!(out, "{name}{{severity=\"{severity}\"}} {count}");
        }
    }

    fn encode_certificates(&self, out: &mut String) {
        let snapshot = self.published.load().clone();
        let mut cached = self.expiries.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.0 != snapshot.generation() {
            *cached = (snapshot.generation(), snapshot.expiries(MAX_CERTIFICATES));
        }
        let name = "postern_certificate_not_after_seconds";
        head(out, name, "gauge", "When a certificate that is served ends; the first 1000 to end.");
        for Expiry { not_after, tenant, name: host, fingerprint } in &cached.1 {
            let fingerprint = fingerprint.iter().take(8).fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            // Names of hosts, tenants and namespaces hold nothing that would need escaping.
            let labels =
                format!("tenant=\"{tenant}\",name=\"{host}\",fingerprint=\"{fingerprint}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {}", not_after.0);
        }
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postern_that_does_not_serve_yet_is_not_ready() {
        let published = Arc::new(Published::default());
        let state = State::new(published.clone(), Vec::new());
        assert!(!state.is_ready(), "nothing is published");
        published.replace(postern_snapshot::Snapshot::default());
        assert!(!state.is_ready(), "nothing listens");
        let metrics = state.metrics();
        assert!(metrics.contains("postern_ready 0\n"), "{metrics}");
    }
}
