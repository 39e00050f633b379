// SPDX-License-Identifier: Apache-2.0
//! How many claims a tenant may have: names that it holds, and names of its namespaces that were released and are still
//! quarantined.  Claims stay when their routes go, so without a limit a tenant that invents names would grow for ever.

use std::collections::BTreeMap;

use postern_model::{Tenancy, TenantId};

/// The limits, and how much of them is used.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    default: Option<u32>,
    own: BTreeMap<TenantId, u32>,
    counts: BTreeMap<TenantId, usize>,
}

impl Quotas {
    /// The limits, of which nothing is used yet: those of Tenants, and `default` for all others.
    pub(super) fn new(default: Option<u32>, tenancy: &Tenancy) -> Self {
        let own = tenancy.specs();
        let own = own.filter_map(|(tenant, spec)| Some((tenant.clone(), spec.max_hosts?)));
        Self { default, own: own.collect(), counts: BTreeMap::new() }
    }

    /// Counts a claim, whether or not there is room for it: incumbents stay.
    pub(super) fn count(&mut self, tenant: &TenantId) {
        match self.counts.get_mut(tenant) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(tenant.clone(), 1)),
        }
    }

    /// Whether a tenant may claim one more name.
    pub(super) fn have_room(&self, tenant: &TenantId) -> bool {
        self.limit(tenant).is_none_or(|limit| {
            self.counts.get(tenant).is_none_or(|count| *count < limit as usize) && limit > 0
        })
    }

    /// The most claims of a tenant; none: no limit.
    pub(super) fn limit(&self, tenant: &TenantId) -> Option<u32> {
        self.own.get(tenant).copied().or(self.default)
    }
}
