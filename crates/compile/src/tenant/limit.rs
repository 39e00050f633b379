// SPDX-License-Identifier: Apache-2.0
//! How many rules and certificates a tenant may declare: the oldest objects fit first.

use std::sync::Arc;

use postern_model::{HttpRoutes, ObjectKey};

use super::Tenant;

impl Tenant {
    /// Whether the operator limits what the tenant may declare.
    pub(crate) fn has_limit(&self) -> bool {
        self.max_routes.is_some()
    }

    /// Whether an object counts within the tenant's limit.
    pub(crate) fn is_within_limit(&self, object: &ObjectKey) -> bool {
        !self.excess.contains(object)
    }

    /// Whether everything stays within the limit when these objects change, as it was before: then nobody has to look at
    /// the others.
    pub(crate) fn stays_within_limit<'a>(
        &mut self,
        changed: impl Iterator<Item = (&'a ObjectKey, Option<&'a Arc<HttpRoutes>>)>,
    ) -> bool {
        if !self.excess.is_empty() {
            return false;
        }
        let mut total = self.total;
        for (key, after) in changed {
            let before = self.objects.get(key).map_or(0, |declared| weight(&declared.routes));
            total = total.saturating_add(after.map_or(0, |routes| weight(routes)));
            total = total.saturating_sub(before);
        }
        let stays = self.max_routes.is_none_or(|limit| total <= limit as usize);
        if stays {
            self.total = total;
        }
        stays
    }

    /// Counts rules and certificates, the oldest object first; gives the objects that have crossed the limit.
    pub(crate) fn enforce_limit<'a>(
        &mut self,
        objects: impl Iterator<Item = &'a Arc<HttpRoutes>>,
    ) -> Vec<ObjectKey> {
        let limit = self.max_routes.map_or(usize::MAX, |limit| limit as usize);
        let mut objects: Vec<_> = objects.collect();
        objects.sort_by(|a, b| a.origin.age().cmp(&b.origin.age()));
        let mut count = 0_usize;
        let beyond = objects.into_iter().filter(|routes| {
            count = count.saturating_add(weight(routes));
            count > limit
        });
        let excess = beyond.map(|routes| routes.origin.key.clone()).collect();
        self.total = count;
        let crossed = self.excess.symmetric_difference(&excess).cloned().collect();
        self.excess = excess;
        crossed
    }
}

/// How much of its tenant's limit an object takes.
fn weight(routes: &HttpRoutes) -> usize {
    routes.rules.len() + routes.certificates.len()
}
