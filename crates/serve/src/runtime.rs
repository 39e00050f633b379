// SPDX-License-Identifier: Apache-2.0
//! What a tenant keeps between snapshots, on one worker: pools, counters, balancing state (wall W6).  The only place for
//! state that outlives a snapshot.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use postern_model::Host;
use postern_snapshot::{Admission, BackendSlot, Snapshot, TenantScope};

use crate::balance::Balance;
use crate::dial::BackendTls;
use crate::forward::http2::Multiplexed;
use crate::in_flight::{InFlight, Places};
use crate::metrics::{Metrics, TenantCounters};
use crate::pool::{OfAll, Pool};
use crate::resolve_name::Names;
use crate::roster::{Admittances, Stalled};

/// One tenant's state on one worker.
pub(crate) struct TenantRuntime {
    /// Whose it is.
    pub(crate) scope: TenantScope,
    /// What is counted for it.
    pub(crate) counters: Arc<TenantCounters>,
    /// Its requests in flight.
    pub(crate) places: Rc<Places>,
    /// Its clients' connections.
    pub(crate) admittances: Admittances,
    /// Those of its requests in flight that wait for their clients.
    pub(crate) stalled: Stalled,
    /// Bytes of heads of its requests that wait for an answer.
    pub(crate) heads: Cell<usize>,
    /// Its TLS towards its backends: sessions are never shared with another tenant.
    pub(crate) backend_tls: BackendTls,
    /// Its idle connections to backends that speak HTTP/1.1.
    pub(crate) pool: Pool,
    /// Whose turn it is among the endpoints of its backends.
    pub(crate) balance: Balance,
    /// The addresses of its backends that are known by a name only.
    pub(crate) names: Names,
    /// Its HTTP/2 connections to backends.
    pub(crate) multiplexed: Multiplexed,
    /// A name that was the tenant's when it last was admitted: the way to ask whether the tenant is still there.
    name: RefCell<Host>,
}

impl TenantRuntime {
    fn new(
        admission: &Admission,
        counters: Arc<TenantCounters>,
        places: Rc<Places>,
        idle: &OfAll,
    ) -> Self {
        Self {
            scope: admission.scope().clone(),
            counters,
            places,
            admittances: Admittances::default(),
            stalled: Stalled::default(),
            heads: Cell::default(),
            backend_tls: BackendTls::default(),
            pool: Pool::new(idle),
            balance: Balance::default(),
            names: Names::default(),
            multiplexed: Multiplexed::default(),
            name: RefCell::new(admission.name().clone()),
        }
    }

    /// Gives up the connections to endpoints that are no longer its backends'.
    pub(crate) fn leave_endpoints(&self, snapshot: &Snapshot) {
        let admission = snapshot.admit(&self.name.borrow());
        let admission = admission.filter(|admission| *admission.scope() == self.scope);
        let has = |slot: BackendSlot, endpoint: SocketAddr| {
            let backend = admission.as_ref().and_then(|admission| admission.backend(slot));
            backend.is_some_and(|backend| backend.may_have(endpoint))
        };
        self.pool.leave(has);
        self.multiplexed.leave(has);
    }
}

/// The tenants' states on one worker.
pub(crate) struct Runtimes {
    by_scope: RefCell<HashMap<TenantScope, Rc<TenantRuntime>>>,
    nobody: Arc<TenantCounters>,
    metrics: Arc<Metrics>,
    in_flight: Arc<InFlight>,
    idle: OfAll,
}

impl Runtimes {
    /// No tenant yet.
    pub(crate) fn new(metrics: Arc<Metrics>, in_flight: Arc<InFlight>) -> Self {
        let nobody = metrics.register_tenant(&"".into());
        Self { by_scope: RefCell::default(), nobody, metrics, in_flight, idle: OfAll::default() }
    }

    /// The state of the tenant whose rooms `admission` opens, made on first use.
    pub(crate) fn of(&self, admission: &Admission) -> Rc<TenantRuntime> {
        let mut by_scope = self.by_scope.borrow_mut();
        if let Some(runtime) = by_scope.get(admission.scope()) {
            runtime.name.replace(admission.name().clone());
            return runtime.clone();
        }
        let counters = self.metrics.register_tenant(admission.scope().label());
        let places = self.in_flight.places(admission.scope());
        let runtime = Rc::new(TenantRuntime::new(admission, counters, places, &self.idle));
        by_scope.insert(admission.scope().clone(), runtime.clone());
        runtime
    }

    /// The state of the tenant whose rooms `held` once opened: its name may be somebody else's by now.
    pub(crate) fn holder(&self, held: &Admission) -> Rc<TenantRuntime> {
        let known = self.by_scope.borrow().get(held.scope()).cloned();
        known.unwrap_or_else(|| self.of(held))
    }

    /// What is counted for what belongs to no tenant.
    pub(crate) fn nobody(&self) -> &Arc<TenantCounters> {
        &self.nobody
    }

    /// The tenants that have connections to backends, idle or shared.
    pub(crate) fn connected(&self) -> Vec<Rc<TenantRuntime>> {
        let by_scope = self.by_scope.borrow();
        let is_connected = |runtime: &&Rc<TenantRuntime>| {
            !runtime.pool.is_empty() || !runtime.multiplexed.is_empty()
        };
        by_scope.values().filter(is_connected).cloned().collect()
    }

    /// Forgets the tenants that are no longer served and that no connection or request holds on to.
    pub(crate) fn sweep(&self, snapshot: &Snapshot) {
        self.by_scope.borrow_mut().retain(|scope, runtime| {
            runtime.places.rest();
            let keeps = Rc::strong_count(runtime) > 1
                || snapshot.admit(&runtime.name.borrow()).is_some_and(|a| a.scope() == scope);
            if !keeps {
                self.metrics.retire(&runtime.counters);
            }
            keeps
        });
        self.in_flight.sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Site, snapshot};

    fn admit(snapshot: &Snapshot, name: &str) -> Admission {
        snapshot.admit(&Host::parse(name).unwrap()).unwrap()
    }

    #[test]
    fn a_tenant_has_one_state_and_no_other_has_it() {
        let runtimes = Runtimes::new(Arc::new(Metrics::new([])), Arc::default());
        let sites = [
            Site::new("a", "one.example"),
            Site::new("a", "two.example"),
            Site::new("b", "b.example"),
        ];
        let snapshot = snapshot(1, &sites);
        let one = runtimes.of(&admit(&snapshot, "one.example"));
        let two = runtimes.of(&admit(&snapshot, "two.example"));
        let other = runtimes.of(&admit(&snapshot, "b.example"));
        assert!(Rc::ptr_eq(&one, &two));
        assert!(!Rc::ptr_eq(&one, &other));
    }

    #[test]
    fn a_tenant_is_forgotten_when_it_is_gone_and_nothing_uses_it() {
        let runtimes = Runtimes::new(Arc::new(Metrics::new([])), Arc::default());
        let then = snapshot(1, &[Site::new("a", "a.example"), Site::new("b", "b.example")]);
        let used = runtimes.of(&admit(&then, "a.example"));
        runtimes.of(&admit(&then, "b.example"));
        runtimes.sweep(&then);
        assert_eq!(runtimes.by_scope.borrow().len(), 2);
        // The name of one is gone, that of the other belongs to somebody else.
        let now = snapshot(2, &[Site::new("c", "b.example")]);
        runtimes.sweep(&now);
        assert_eq!(runtimes.by_scope.borrow().len(), 1);
        drop(used);
        runtimes.sweep(&now);
        assert!(runtimes.by_scope.borrow().is_empty());
    }
}
