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
use crate::of_tenants::OfTenants;
use crate::pool::{OfAll, Pool};
use crate::rate::Rates;
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
    /// How fast it may begin something, over all workers.
    pub(crate) rates: Arc<Rates>,
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
        rates: Arc<Rates>,
        idle: &OfAll,
    ) -> Self {
        Self {
            scope: admission.scope().clone(),
            counters,
            places,
            rates,
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
    known: RefCell<Known>,
    nobody: Arc<TenantCounters>,
    metrics: Arc<Metrics>,
    in_flight: Arc<InFlight>,
    rates: Arc<OfTenants<Rates>>,
    idle: OfAll,
}

/// The tenants, in a row so that they can be walked a few at a time, and where in it each of them is.
#[derive(Default)]
struct Known {
    row: Vec<Rc<TenantRuntime>>,
    places: HashMap<TenantScope, usize>,
}

impl Known {
    fn find(&self, scope: &TenantScope) -> Option<&Rc<TenantRuntime>> {
        self.row.get(*self.places.get(scope)?)
    }

    fn insert(&mut self, runtime: &Rc<TenantRuntime>) {
        self.places.insert(runtime.scope.clone(), self.row.len());
        self.row.push(runtime.clone());
    }

    /// The last one takes the place of the one that is removed.
    fn remove(&mut self, place: usize) -> Rc<TenantRuntime> {
        let removed = self.row.swap_remove(place);
        self.places.remove(&removed.scope);
        if let Some(moved) = self.row.get(place) {
            self.places.insert(moved.scope.clone(), place);
        }
        removed
    }
}

impl Runtimes {
    /// So many tenants are looked at before others have their turn.
    pub(crate) const AT_ONCE: usize = 64;

    /// No tenant yet.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        in_flight: Arc<InFlight>,
        rates: Arc<OfTenants<Rates>>,
    ) -> Self {
        let nobody = metrics.register_tenant(&"".into());
        Self {
            known: RefCell::default(),
            nobody,
            metrics,
            in_flight,
            rates,
            idle: OfAll::default(),
        }
    }

    /// The state of the tenant whose rooms `admission` opens, made on first use.
    pub(crate) fn of(&self, admission: &Admission) -> Rc<TenantRuntime> {
        let mut known = self.known.borrow_mut();
        if let Some(runtime) = known.find(admission.scope()) {
            runtime.name.replace(admission.name().clone());
            return runtime.clone();
        }
        let counters = self.metrics.register_tenant(admission.scope().label());
        let places = self.in_flight.places(admission.scope());
        let rates = self.rates.of(admission.scope());
        let runtime = TenantRuntime::new(admission, counters, places, rates, &self.idle);
        let runtime = Rc::new(runtime);
        known.insert(&runtime);
        runtime
    }

    /// The state of the tenant whose rooms `held` once opened: its name may be somebody else's by now.
    pub(crate) fn holder(&self, held: &Admission) -> Rc<TenantRuntime> {
        let known = self.known.borrow().find(held.scope()).cloned();
        known.unwrap_or_else(|| self.of(held))
    }

    /// What is counted for what belongs to no tenant.
    pub(crate) fn nobody(&self) -> &Arc<TenantCounters> {
        &self.nobody
    }

    /// The next few tenants from `place` on; none at the end.
    pub(crate) fn some(&self, place: usize) -> Vec<Rc<TenantRuntime>> {
        self.known.borrow().row.iter().skip(place).take(Self::AT_ONCE).cloned().collect()
    }

    /// Forgets those of the next few tenants from `place` on that are no longer served and that no connection or request
    /// holds on to.  Returns the place after them; nothing at the end.
    pub(crate) fn sweep(&self, place: usize, snapshot: &Snapshot) -> Option<usize> {
        let mut place = place;
        for _ in 0..Self::AT_ONCE {
            let runtime = self.known.borrow().row.get(place)?.clone();
            runtime.places.rest();
            // The row's, and this one.
            let keeps = Rc::strong_count(&runtime) > 2
                || snapshot
                    .admit(&runtime.name.borrow())
                    .is_some_and(|admission| *admission.scope() == runtime.scope);
            if keeps {
                place += 1;
            } else {
                self.metrics.retire(&runtime.counters);
                let _removed = self.known.borrow_mut().remove(place);
            }
        }
        Some(place)
    }

    /// Forgets what workers share of tenants that none of them knows.
    pub(crate) fn sweep_shared(&self) {
        self.in_flight.sweep();
        self.rates.sweep();
    }
}

impl TenantRuntime {
    /// Whether it has connections to backends, idle or shared.
    pub(crate) fn is_connected(&self) -> bool {
        !self.pool.is_empty() || !self.multiplexed.is_empty()
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
        let runtimes = Runtimes::new(Arc::new(Metrics::new([])), Arc::default(), Arc::default());
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
        let runtimes = Runtimes::new(Arc::new(Metrics::new([])), Arc::default(), Arc::default());
        let then = snapshot(1, &[Site::new("a", "a.example"), Site::new("b", "b.example")]);
        let used = runtimes.of(&admit(&then, "a.example"));
        runtimes.of(&admit(&then, "b.example"));
        let sweep = |snapshot| assert_eq!(runtimes.sweep(0, snapshot), None);
        sweep(&then);
        assert_eq!(runtimes.some(0).len(), 2);
        // The name of one is gone, that of the other belongs to somebody else.
        let now = snapshot(2, &[Site::new("c", "b.example")]);
        sweep(&now);
        assert_eq!(runtimes.some(0).len(), 1);
        drop(used);
        sweep(&now);
        assert!(runtimes.some(0).is_empty());
    }

    #[test]
    fn however_many_there_are_they_are_swept_a_few_at_a_time() {
        let runtimes = Runtimes::new(Arc::new(Metrics::new([])), Arc::default(), Arc::default());
        let name = |number: usize, end: &str| &*format!("t{number}{end}").leak();
        let sites: Vec<_> =
            (0..150).map(|number| Site::new(name(number, ""), name(number, ".example"))).collect();
        let then = snapshot(1, &sites);
        for number in 0..150 {
            runtimes.of(&admit(&then, name(number, ".example")));
        }
        // Every third one stays.
        let left: Vec<_> = sites.into_iter().step_by(3).collect();
        let now = snapshot(2, &left);
        let (mut place, mut steps) = (Some(0), 0);
        while let Some(next) = place {
            place = runtimes.sweep(next, &now);
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert_eq!(runtimes.some(0).len(), 50);
        for number in (0..150).step_by(3) {
            let runtime = runtimes.of(&admit(&now, name(number, ".example")));
            assert_eq!(runtime.scope, *admit(&then, name(number, ".example")).scope());
        }
        assert_eq!(runtimes.some(0).len(), 50, "each is found where it is now");
    }
}
