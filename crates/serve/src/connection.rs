// SPDX-License-Identifier: Apache-2.0
//! One client connection, and the one way from a request's authority and path to a backend.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use postern_model::{EntryPointId, Host};
use postern_snapshot::{Action, Admission, Backend, BackendSlot, Readmission, Route};

use crate::config::EntryPointConfig;
use crate::roster::Seat;
use crate::runtime::TenantRuntime;
use crate::worker::Worker;

/// The standing facts of a client connection.
pub(crate) struct Connection {
    /// The worker that it lives on.
    pub(crate) worker: Rc<Worker>,
    /// Which entry point accepted it.
    pub(crate) entry_point: EntryPointId,
    /// That entry point's configuration.
    pub(crate) config: Arc<EntryPointConfig>,
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// What the handshake admitted it to; nothing on a clear connection.
    pub(crate) handshake: Option<Admission>,
    /// The client's address as backends are told it.
    pub(crate) peer_text: Box<str>,
    /// Bytes of heads of its requests that wait for an answer.
    pub(crate) heads: Cell<usize>,
    /// Its place among the worker's.
    pub(crate) seat: Rc<Seat>,
    /// The last admission, with the authority text that asked for it: nearly every request asks for the same again.
    last: RefCell<Option<(Box<str>, Rc<Admitted>)>>,
}

/// An admission, with its tenant's runtime state.
pub(crate) struct Admitted {
    /// The rooms.
    pub(crate) admission: Admission,
    /// What their tenant keeps between snapshots, on this worker.
    pub(crate) runtime: Rc<TenantRuntime>,
}

/// Why a request is answered by Postern itself before any upstream byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400 and close: not a request that two readers would read alike.
    BadRequest,
    /// 404: no tenant owns the host, or none of its routes matches.
    NotFound,
    /// 421: the host may not be asked for on this connection.
    Misdirected,
    /// 421 and close (GOAWAY): the connection itself lost its ground.
    Revoked,
    /// 429: its tenant has as many requests in flight, or as large ones, as it may have; or its connection has.
    TooManyRequests,
    /// 429: its tenant has begun as many in this second as it may.
    TooFast,
    /// 508: it has passed Postern too often.
    LoopDetected,
    /// 503: the route is closed, because something that it needs is missing.
    Closed,
    /// 503: the backend has no endpoint.
    NoEndpoint,
}

/// Where a request goes.
pub(crate) struct Target {
    /// To whom it belongs.
    pub(crate) admitted: Rc<Admitted>,
    /// By which route.
    pub(crate) route: Arc<Route>,
    /// To which backend.
    pub(crate) backend: Arc<Backend>,
    /// The backend's number, by which its turns are counted.
    pub(crate) slot: BackendSlot,
}

impl Connection {
    /// A connection that was accepted, and admitted if it speaks TLS.
    pub(crate) fn new(
        worker: Rc<Worker>,
        entry_point: EntryPointId,
        addresses: (SocketAddr, SocketAddr),
        handshake: Option<Admission>,
    ) -> Self {
        let config = worker.config.entry_points[usize::from(entry_point.0)].clone();
        let (peer, _local) = addresses;
        let peer_text = crate::forwarded::peer_text(peer.ip()).into();
        let last = RefCell::new(None);
        let heads = Cell::default();
        let seat = worker.roster.unseated();
        Self { worker, entry_point, config, peer, handshake, peer_text, heads, seat, last }
    }

    /// The same, in its seat.
    pub(crate) fn seated(self, seat: Rc<Seat>) -> Self {
        Self { seat, ..self }
    }

    /// Admits one request by its authority (Host header or `:authority`), in the snapshot in force now.
    pub(crate) fn admit(&self, authority: &str) -> Result<Rc<Admitted>, Refusal> {
        let snapshot = self.worker.published.load();
        if let Some((text, admitted)) = &*self.last.borrow()
            && **text == *authority
            && admitted.admission.generation() == snapshot.generation()
        {
            return Ok(admitted.clone());
        }
        let host = Host::from_authority(authority);
        let admission = match &self.handshake {
            None => match host {
                Ok(host) => snapshot.admit(&host),
                // An address, or a name that no tenant can own, is one that nobody owns.
                Err(_) => snapshot.admit_unnameable(),
            }
            .ok_or(Refusal::NotFound)?,
            Some(held) => match snapshot.readmit(held, &host.map_err(|_| Refusal::Misdirected)?) {
                Readmission::Admitted(admission) => admission,
                Readmission::Misdirected => return Err(Refusal::Misdirected),
                Readmission::Revoked => return Err(Refusal::Revoked),
            },
        };
        let runtime = self.worker.runtimes.of(&admission);
        let admitted = Rc::new(Admitted { admission, runtime });
        *self.last.borrow_mut() = Some((authority.into(), admitted.clone()));
        Ok(admitted)
    }

    /// Whose the connection itself is, whatever is asked for on it (I23); nobody's in the clear.
    pub(crate) fn tenant(&self) -> Option<Rc<TenantRuntime>> {
        self.handshake.as_ref().map(|held| self.worker.runtimes.holder(held))
    }

    /// Finds the backend for a path in normal form.
    pub(crate) fn target(&self, admitted: Rc<Admitted>, path: &str) -> Result<Target, Refusal> {
        let route = admitted.admission.route(self.entry_point, path).ok_or(Refusal::NotFound)?;
        let Action::Forward(slot) = route.action else { return Err(Refusal::Closed) };
        let backend = admitted.admission.backend(slot).ok_or(Refusal::Closed)?.clone();
        if !backend.serves() {
            return Err(Refusal::NoEndpoint);
        }
        let route = route.clone();
        Ok(Target { admitted, route, backend, slot })
    }
}
