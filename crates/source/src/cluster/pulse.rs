// SPDX-License-Identifier: Apache-2.0
//! Whether the API server answers, as far as all who ask it know together.
//!
//! As long as no watch is open one of them tries often, the others seldom; the first one that gets through calls all
//! others, who then try at the same moment: a change is live once every kind is heard again, not only the luckiest.
//! Replicas are not in step, since the one that tries does so at random times.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::backoff::{Backoff, jitter};
use super::error::RequestError;

/// The one that tries often pauses no longer than that.
const PROBE: Duration = Duration::from_millis(1500);
/// Nobody is called again so soon: a server that accepts watches and drops them would have all try without end.
const GAP: Duration = Duration::from_secs(5);

/// What everybody who asks the API server shares.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How many watches are open.
    open: AtomicUsize,
    /// When everybody was called last.
    called: Mutex<Option<Instant>>,
    calls: watch::Sender<()>,
    /// Held by the one that tries often, while it pauses.
    prober: tokio::sync::Mutex<()>,
}

/// A watch is open as long as this is held.
#[derive(Debug)]
pub(super) struct Open(Pulse);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Pulse {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            open: AtomicUsize::new(0),
            called: Mutex::default(),
            calls: watch::Sender::new(()),
            prober: tokio::sync::Mutex::default(),
        }))
    }

    /// Attempts of somebody who shares this.
    pub(super) fn pace(&self) -> Pace {
        let calls = self.0.calls.subscribe();
        Pace { pulse: self.clone(), calls, backoff: Backoff::default() }
    }

    /// A watch is open from now on.
    fn opens(&self) -> Open {
        if self.0.open.fetch_add(1, Ordering::AcqRel) == 0 {
            self.call();
        }
        Open(self.clone())
    }

    fn is_away(&self) -> bool {
        self.0.open.load(Ordering::Acquire) == 0
    }

    fn call(&self) {
        let now = Instant::now();
        let mut called = self.0.called.lock().unwrap_or_else(PoisonError::into_inner);
        if called.is_none_or(|before| now.duration_since(before) >= GAP) {
            *called = Some(now);
            self.0.calls.send_replace(());
        }
    }
}

/// How long to wait before the next attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Longer after each failure.
    Longer,
    /// As long as the server asked for, at least.
    Told(Duration),
    /// Up to so long, unless the server comes back.
    UpTo(Duration),
    /// Up to so long, whatever happens.
    Just(Duration),
}

impl Wait {
    /// After an attempt that failed like this.
    pub(super) fn after(error: &RequestError) -> Self {
        match error {
            RequestError::Status { after: Some(time), .. } => Self::Told(*time),
            _ => Self::Longer,
        }
    }
}

/// One asker's attempts.
#[derive(Debug)]
pub(super) struct Pace {
    pulse: Pulse,
    calls: watch::Receiver<()>,
    backoff: Backoff,
}

impl Pace {
    /// An attempt begins: a call that came before is answered by it.
    pub(super) fn begins(&mut self) {
        self.calls.mark_unchanged();
    }

    /// An attempt succeeded.
    pub(super) fn succeeds(&mut self) {
        self.backoff.reset();
    }

    /// A watch is open from now on.
    pub(super) fn opens(&self) -> Open {
        self.pulse.opens()
    }

    /// There is an answer although no watch is open.
    pub(super) fn hears(&self) {
        if self.pulse.is_away() {
            self.pulse.call();
        }
    }

    /// Waits for the next attempt.
    pub(super) async fn rests(&mut self, wait: Wait) {
        match wait {
            Wait::Just(longest) => sleep(jitter(longest)).await,
            Wait::UpTo(longest) => self.rests_up_to(longest).await,
            Wait::Longer => {
                let longest = self.backoff.longer();
                self.rests_up_to(longest).await;
            }
            Wait::Told(time) => {
                // Everybody was told the same.
                sleep(time + jitter(time / 4)).await;
                let longest = self.backoff.longer().saturating_sub(time);
                self.rests_up_to(longest).await;
            }
        }
    }

    async fn rests_up_to(&mut self, longest: Duration) {
        let Self { pulse, calls, backoff } = self;
        let probes = if pulse.is_away() { pulse.0.prober.try_lock().ok() } else { None };
        let longest = if probes.is_some() { longest.min(PROBE) } else { longest };
        tokio::select! {
            () = sleep(jitter(longest)) => {}
            // An error cannot be: the sender lives as long as the pulse.
            _ = calls.changed() => backoff.reset(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a pause lasts after many failures.
    async fn pause(mut pace: Pace) -> Duration {
        for _ in 0..20 {
            pace.backoff.longer();
        }
        let began = Instant::now();
        pace.rests(Wait::Longer).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn while_no_watch_is_open_one_tries_often_and_the_others_seldom() {
        let pulse = Pulse::new();
        let (one, other) = tokio::join!(pause(pulse.pace()), pause(pulse.pace()));
        assert!(one <= PROBE && other >= Duration::from_secs(5), "{one:?} {other:?}");
        let _open = pulse.opens();
        assert!(pause(pulse.pace()).await >= Duration::from_secs(5), "nobody need try often");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_gets_through_calls_all_others_once() {
        let pulse = Pulse::new();
        let back = async {
            sleep(Duration::from_millis(100)).await;
            pulse.opens()
        };
        let paces = [pulse.pace(), pulse.pace(), pulse.pace()];
        let others = futures_util::future::join_all(paces.map(pause));
        let (open, pauses) = tokio::join!(back, others);
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(110)), "{pauses:?}");
        drop(open);
        // A server that drops what it accepts has nobody called again and again.
        let first = pulse.pace();
        let waits = tokio::spawn(pause(first));
        sleep(Duration::from_millis(1)).await;
        let later = tokio::spawn(pause(pulse.pace()));
        for _ in 0..40 {
            sleep(Duration::from_millis(100)).await;
            drop(pulse.opens());
        }
        assert!(waits.is_finished() && !later.is_finished(), "one probes, the other waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_during_an_attempt_is_not_missed_by_one_that_fails() {
        let pulse = Pulse::new();
        let mut pace = pulse.pace();
        pace.begins();
        let _open = pulse.opens();
        assert_eq!(pause(pace).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_asked_for_is_kept_to_whoever_calls() {
        let pulse = Pulse::new();
        let mut pace = pulse.pace();
        let _open = pulse.opens();
        let began = Instant::now();
        pace.rests(Wait::Told(Duration::from_secs(7))).await;
        assert!(began.elapsed() >= Duration::from_secs(7));
    }
}
