// SPDX-License-Identifier: Apache-2.0
//! What all workers of an edge keep together of each tenant, for as long as one of them knows the tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use postern_snapshot::TenantScope;

/// One `T` for each tenant.
#[derive(Debug)]
pub(crate) struct OfTenants<T>(Mutex<HashMap<TenantScope, Weak<T>>>);

impl<T> Default for OfTenants<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> OfTenants<T> {
    /// One tenant's, made on first use.  It takes a lock, so it is asked for once and kept.
    pub(crate) fn of(&self, tenant: &TenantScope) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(tenant).and_then(Weak::upgrade).unwrap_or_else(|| {
            let new = Arc::default();
            all.insert(tenant.clone(), Arc::downgrade(&new));
            new
        })
    }

    /// Forgets what nobody keeps.
    pub(crate) fn sweep(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| one.strong_count() > 0);
    }

    /// How many tenants are known.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
