// SPDX-License-Identifier: Apache-2.0
//! How long changes take from being noticed to being served, as a histogram.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds in milliseconds: the goals are 50 ms and 1 s.
const BOUNDS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
const NAME: &str = "postern_propagation_seconds";

/// The histogram.
#[derive(Debug, Default)]
pub(crate) struct Propagation(Mutex<Counts>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// One more than there are bounds.
    within: [u64; BOUNDS.len() + 1],
    total: Duration,
}

impl Propagation {
    /// One change took so long.
    pub(crate) fn observe(&self, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = BOUNDS.partition_point(|bound| Duration::from_millis(*bound) < took);
        counts.within[at] += 1;
        counts.total += took;
    }

    /// Writes it in Prometheus' text format.
    pub(crate) fn encode(&self, out: &mut String) {
        let counts = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "From the notice of a change to new connections and requests that see it.";
        super::head(out, NAME, "histogram", help);
        let mut sum = 0;
        for (bound, count) in BOUNDS.iter().zip(counts.within) {
            sum += count;
            let bound = Duration::from_millis(*bound).as_secs_f64();
            let _ = writeln!(out, "{NAME}_bucket{{le=\"{bound}\"}} {sum}");
        }
        sum += counts.within[BOUNDS.len()];
        let _ = writeln!(out, "{NAME}_bucket{{le=\"+Inf\"}} {sum}");
        let _ = writeln!(out, "{NAME}_sum {}", counts.total.as_secs_f64());
        let _ = writeln!(out, "{NAME}_count {sum}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_counts_what_took_no_longer() {
        let propagation = Propagation::default();
        for micros in [300, 1_000, 7_000, 9_000_000] {
            propagation.observe(Duration::from_micros(micros));
        }
        let mut out = String::new();
        propagation.encode(&mut out);
        for line in [
            "_bucket{le=\"0.001\"} 2\n",
            "_bucket{le=\"0.005\"} 2\n",
            "_bucket{le=\"0.01\"} 3\n",
            "_bucket{le=\"5\"} 3\n",
            "_bucket{le=\"+Inf\"} 4\n",
            "_sum 9.0083\n",
            "_count 4\n",
        ] {
            assert!(out.contains(&format!("{NAME}{line}")), "{line} in {out}");
        }
    }
}
