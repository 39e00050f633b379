// SPDX-License-Identifier: Apache-2.0
//! The handle by which `serve` keeps one tenant's runtime state apart from all others'.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use postern_model::TenantId;

/// Whose rooms these are.  Two scopes are equal if and only if they are of one tenant.  It opens nothing by itself: it
/// is a key for what `serve` keeps (pools, counters, tickets), not a way to routes or certificates.
#[derive(Clone)]
pub struct TenantScope(Arc<Inner>);

struct Inner {
    id: TenantId,
    label: Arc<str>,
}

impl TenantScope {
    /// The scope of a tenant.
    pub fn new(id: TenantId) -> Self {
        let label = id.to_string().into();
        Self(Arc::new(Inner { id, label }))
    }

    /// The tenant's name, for metrics and logs.
    pub fn label(&self) -> &Arc<str> {
        &self.0.label
    }

    /// A number that is equal for clones of one scope: a fast path for comparing, never an identity.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl PartialEq for TenantScope {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address() || self.0.id == other.0.id
    }
}

impl Eq for TenantScope {}

impl Hash for TenantScope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl fmt::Debug for TenantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.label)
    }
}
