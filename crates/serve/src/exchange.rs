// SPDX-License-Identifier: Apache-2.0
//! One request and its answer, from the first byte of the one to the last of the other.  It is reported when it is
//! dropped: once, whatever happened to it.

mod tenure;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use postern_snapshot::Backend;

use crate::connection::{Admitted, Connection, Refusal, Target};
use crate::finished::{Answerer, Finished, Noted};
use crate::held_head::HeldHead;
use crate::in_flight::Place;
use crate::metrics::Upstream;
use crate::respond::Answer;
use crate::roster::Watch;

pub(crate) use tenure::{Tenure, Tenures};

/// The status under which a request is counted whose client was gone before it could be answered (as in nginx).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request that is being answered.
pub(crate) struct Exchange {
    connection: Rc<Connection>,
    started: Instant,
    noted: Option<Box<Noted>>,
    admitted: Option<Rc<Admitted>>,
    place: Option<Place>,
    head: Option<HeldHead>,
    target: Option<Target>,
    endpoint: Option<SocketAddr>,
    invented: Option<Answer>,
    status: u16,
    upstream_status: u16,
    asked_at: Option<Instant>,
    answered_at: Option<Instant>,
    retries: u32,
    /// Bytes of the request's body.
    pub(crate) request_bytes: u64,
    /// Bytes of the answer's body.
    pub(crate) response_bytes: u64,
}

impl Exchange {
    /// A request that began at `started`.
    pub(crate) fn new(connection: Rc<Connection>, started: Instant) -> Self {
        Self {
            connection,
            started,
            noted: None,
            admitted: None,
            place: None,
            head: None,
            target: None,
            endpoint: None,
            invented: None,
            status: CLIENT_CLOSED_REQUEST,
            upstream_status: 0,
            asked_at: None,
            answered_at: None,
            retries: 0,
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    /// The connection that it came on.
    pub(crate) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Keeps what the access log wants to know.
    pub(crate) fn note(&mut self, noted: Noted) {
        self.noted = Some(Box::new(noted));
    }

    /// Notes to whom it belongs; refused if that tenant has begun as many in this second as it may.
    pub(crate) fn admit(&mut self, admitted: Rc<Admitted>) -> Result<(), Refusal> {
        let Admitted { admission, runtime } = &**self.admitted.insert(admitted);
        match admission.limits().requests_per_second {
            Some(limit) if !runtime.rates.allow_request(limit, self.started) => {
                Err(Refusal::TooFast)
            }
            _ => Ok(()),
        }
    }

    /// Notes where it goes.
    pub(crate) fn aim(&mut self, target: Target) {
        self.target = Some(target);
    }

    /// Takes one of its tenant's places, for as long as it lasts, and room for a head of `bytes` until it is answered;
    /// refused if there is none.
    pub(crate) fn enter(&mut self, bytes: usize) -> Result<(), Refusal> {
        let Some(Admitted { admission, runtime }) = self.admitted.as_deref() else {
            return Ok(());
        };
        let config = &self.connection.worker.config;
        let limit = admission.limits().requests_in_flight;
        if let Some(limit) = limit.or(config.requests_in_flight.limit()) {
            let place = runtime.places.enter(limit, config.workers).or_else(|| {
                // Its place is free in the next turn; until then there is one more.
                let ended =
                    limit > 0 && self.connection.worker.roster.end_stalled(&runtime.stalled);
                ended.then(|| runtime.places.exceed())
            });
            self.place = Some(place.ok_or(Refusal::TooManyRequests)?);
        }
        let head = HeldHead::new(bytes, &self.connection, runtime);
        self.head = Some(head.ok_or(Refusal::TooManyRequests)?);
        Ok(())
    }

    /// What notes since when it waits for its client; nothing before it has a tenant.
    pub(crate) fn watch(&self) -> Option<Watch> {
        let runtime = self.admitted.as_ref()?.runtime.clone();
        Some(Watch::new(self.connection.seat.clone(), runtime))
    }

    /// Notes to which addresses it goes, where its backend has a name only.
    pub(crate) fn redirect(&mut self, backend: Arc<Backend>) {
        if let Some(target) = &mut self.target {
            target.backend = backend;
        }
    }

    /// Where it goes.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Whether the backend's answer has begun.
    pub(crate) fn is_answered(&self) -> bool {
        self.upstream_status != 0
    }

    /// Notes that `endpoint` is asked, for the first time or again.
    pub(crate) fn ask(&mut self, endpoint: SocketAddr) {
        if self.endpoint.replace(endpoint).is_some() {
            self.retries += 1;
            self.count(Upstream::Retried);
        }
        if self.noted.is_some() {
            self.asked_at = Some(Instant::now());
        }
    }

    /// Counts something that happened towards its backend.
    pub(crate) fn count(&self, event: Upstream) {
        if let Some(target) = &self.target {
            target.admitted.runtime.counters.upstream(event);
        }
    }

    /// Notes the backend's answer.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = status;
        self.upstream_status = status;
        self.head = None;
        if self.noted.is_some() {
            self.answered_at = Some(Instant::now());
        }
    }

    /// Notes an answer of our own.
    pub(crate) fn invent(&mut self, answer: Answer) {
        self.invented = Some(answer);
        self.status = answer.status().as_u16();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let admitted = self.target.as_ref().map(|target| &target.admitted);
        let admitted = admitted.or(self.admitted.as_ref()).map(|admitted| admitted.runtime.clone());
        let tenant = admitted.or_else(|| self.connection.tenant());
        let duration = match (self.asked_at, self.answered_at) {
            (Some(asked), Some(answered)) => answered.saturating_duration_since(asked),
            _ => std::time::Duration::ZERO,
        };
        let answerer = self.target.as_ref().map(|target| Answerer {
            route: &target.route,
            backend: &target.backend,
            endpoint: self.endpoint,
            status: self.upstream_status,
            duration,
            retries: self.retries,
        });
        let finished = Finished {
            tenant: tenant.as_deref(),
            status: self.status,
            reason: self.invented.and_then(Answer::reason),
            started: self.started,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            answerer,
            noted: self.noted.as_deref(),
        };
        self.connection.worker.finished(&self.connection, &finished);
    }
}
