// SPDX-License-Identifier: Apache-2.0
//! Names that objects mention without having them: hosts of `tls` entries for which they have no rule, and names that
//! their tenant may not claim since it has too many.  A mention claims nothing; but when somebody claims such a name,
//! there is something to say about the object that mentions it.

use std::collections::{BTreeMap, BTreeSet};

use postern_model::{HostPattern, HttpRoutes, ObjectKey, TenantId};

/// Who mentions what, found by the claim that settles it.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// By the name read backwards, so that all names below one stand together.
    by_name: BTreeMap<Box<str>, BTreeSet<(TenantId, ObjectKey)>>,
}

impl Mentions {
    /// Adds names that an object mentions.
    pub(super) fn add<'a>(
        &mut self,
        tenant: &TenantId,
        routes: &HttpRoutes,
        hosts: impl Iterator<Item = &'a HostPattern>,
    ) {
        for host in hosts {
            let mentioning = self.by_name.entry(backwards(host)).or_default();
            mentioning.insert((tenant.clone(), routes.origin.key.clone()));
        }
    }

    /// Takes out what an object mentioned as it was.
    pub(super) fn remove<'a>(
        &mut self,
        tenant: &TenantId,
        routes: &HttpRoutes,
        hosts: impl Iterator<Item = &'a HostPattern>,
    ) {
        if self.by_name.is_empty() {
            return;
        }
        let mention = (tenant.clone(), routes.origin.key.clone());
        for name in hosts.map(backwards) {
            if let Some(mentioning) = self.by_name.get_mut(&name) {
                mentioning.remove(&mention);
                if mentioning.is_empty() {
                    self.by_name.remove(&name);
                }
            }
        }
    }

    /// The objects that mention a name which this claim reserves.
    pub(super) fn settled_by(
        &self,
        claim: &HostPattern,
    ) -> impl Iterator<Item = &(TenantId, ObjectKey)> {
        // All that stands below a wildcard's parent begins like the wildcard, without its asterisk.
        let is_wildcard = matches!(claim, HostPattern::Wildcard(_));
        let name = backwards(claim);
        let start = name.trim_end_matches('*').to_owned();
        let found = self.by_name.range(Box::from(start.as_str())..).take_while(move |(name, _)| {
            if is_wildcard { name.starts_with(&start) } else { ***name == *start }
        });
        found.flat_map(|(_, mentioning)| mentioning)
    }
}

/// `test.x.a` for `a.x.test`, and `test.x.*` for `*.x.test`.
fn backwards(host: &HostPattern) -> Box<str> {
    let mut labels: Vec<&str> = host.name().as_str().rsplit('.').collect();
    if let HostPattern::Wildcard(_) = host {
        labels.push("*");
    }
    labels.join(".").into()
}
