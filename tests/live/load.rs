// SPDX-License-Identifier: Apache-2.0
//! Requests without a break while something happens, and what came of each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use postern_tests::TestCertificate;
use tokio::task::JoinHandle;

use crate::client::{Outcome, get, get_secure};
use crate::cluster::{PATIENCE, eventually};

/// Clients that ask for one host again and again, each request on a new connection.
#[derive(Default)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    counted: Arc<Mutex<BTreeMap<Outcome, usize>>>,
    total: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// One client for each address.
    pub(crate) fn start(edges: &[IpAddr], host: &str) -> Self {
        let mut load = Self::default();
        for edge in edges {
            let (edge, host) = (*edge, host.to_owned());
            load.client(move || {
                let host = host.clone();
                async move { get(edge, &host, "/").await }
            });
        }
        load
    }

    /// Clients of a Service with these endpoints, each request on a new connection to the next of them.  Like kube-proxy
    /// a client leaves an endpoint that fails it, and asks another.
    pub(crate) fn through(endpoints: &[IpAddr], host: &str, redial: Redial) -> Self {
        let mut load = Self::default();
        for first in 0..endpoints.len() {
            let host = host.to_owned();
            let service = Service { endpoints: endpoints.to_vec(), next: first, redial };
            let service = Arc::new(tokio::sync::Mutex::new(service));
            load.client(move || {
                let (service, host) = (service.clone(), host.clone());
                async move { service.lock().await.get(&host).await }
            });
        }
        load
    }

    /// A client over TLS.  Another certificate than this is a failure.
    pub(crate) fn secure(edge: IpAddr, host: &str, certificate: &TestCertificate) -> Self {
        let mut load = Self::default();
        let (host, wanted) = (host.to_owned(), certificate.fingerprint());
        load.client(move || {
            let (host, wanted) = (host.clone(), wanted.clone());
            async move {
                match get_secure(edge, &host, "/").await {
                    (Outcome::Answer(..), shown) if shown != wanted => {
                        Outcome::Failed("another certificate".to_owned())
                    }
                    (outcome, _) => outcome,
                }
            }
        });
        load
    }

    fn client<F>(&mut self, ask: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Outcome> + Send,
    {
        let (stop, counted, total) = (self.stop.clone(), self.counted.clone(), self.total.clone());
        self.clients.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let outcome = ask().await;
                total.fetch_add(1, Ordering::Relaxed);
                *counted
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(outcome)
                    .or_insert(0) += 1;
                // Many enough to see a gap of milliseconds, few enough to leave the machine to others.
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }));
    }

    /// Waits for so many more requests.
    pub(crate) async fn goes_on(&self, more: usize) {
        let aim = self.total.load(Ordering::Relaxed) + more;
        eventually("requests go on", PATIENCE, || async {
            self.total.load(Ordering::Relaxed) >= aim
        })
        .await;
    }

    /// Ends it, and says what came how often.
    pub(crate) async fn stop(self) -> BTreeMap<Outcome, usize> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("a client does not panic");
        }
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// When a client asks another endpoint.
#[derive(Clone, Copy)]
pub(crate) enum Redial {
    /// When it had no connection: a request that was sent must be answered.
    WhenRefused,
    /// When a connection ended without an answer, too, as browsers and proxies do with GET.
    WhenLost,
}

/// The endpoints of a Service that are not known to be gone.
struct Service {
    endpoints: Vec<IpAddr>,
    next: usize,
    redial: Redial,
}

impl Service {
    async fn get(&mut self, host: &str) -> Outcome {
        loop {
            let turn = self.next % self.endpoints.len();
            self.next = turn + 1;
            let outcome = get(self.endpoints[turn], host, "/").await;
            let Outcome::Failed(reason) = &outcome else { return outcome };
            let is_lost = matches!(self.redial, Redial::WhenLost) || reason.contains("refused");
            if !is_lost || self.endpoints.len() == 1 {
                return outcome;
            }
            self.endpoints.remove(turn);
        }
    }
}

/// Fails the test unless every single outcome is this one.
#[track_caller]
pub(crate) fn only(counted: &BTreeMap<Outcome, usize>, wanted: &Outcome) {
    assert!(counted.keys().all(|outcome| outcome == wanted), "not only {wanted}: {counted:?}");
}
