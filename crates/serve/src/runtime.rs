// SPDX-License-Identifier: Apache-2.0
//! What a tenant keeps between snapshots, on one worker: pools, counters, balancing state (wall W6).  The only place for
//! state that outlives a snapshot.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use postern_snapshot::TenantScope;

use crate::dial::BackendTls;

/// One tenant's state on one worker.
pub(crate) struct TenantRuntime {
    /// Whose it is.
    pub(crate) scope: TenantScope,
    /// Its TLS towards its backends: sessions are never shared with another tenant.
    pub(crate) backend_tls: BackendTls,
}

impl TenantRuntime {
    fn new(scope: TenantScope) -> Self {
        Self { scope, backend_tls: BackendTls::default() }
    }
}

/// The tenants' states on one worker.
#[derive(Default)]
pub(crate) struct Runtimes {
    by_scope: RefCell<HashMap<TenantScope, Rc<TenantRuntime>>>,
}

impl Runtimes {
    /// The state of `scope`'s tenant, made on first use.
    pub(crate) fn of(&self, scope: &TenantScope) -> Rc<TenantRuntime> {
        let mut by_scope = self.by_scope.borrow_mut();
        let runtime = by_scope
            .entry(scope.clone())
            .or_insert_with_key(|scope| Rc::new(TenantRuntime::new(scope.clone())));
        runtime.clone()
    }
}
