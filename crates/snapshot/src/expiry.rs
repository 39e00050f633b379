// SPDX-License-Identifier: Apache-2.0
//! When the certificates in use end, for the operator's monitoring: dates and names, no way to a certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_model::Timestamp;

use crate::snapshot::Snapshot;
use crate::tls_profile::TlsDecision;

/// The end of one certificate that a tenant serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// The tenant's name.
    pub tenant: Arc<str>,
    /// The first of its names.
    pub name: String,
    /// SHA-256 of the leaf.
    pub fingerprint: [u8; 32],
}

impl Snapshot {
    /// The certificates in use, once for each tenant that serves them, the first to end first; at most `most`.
    pub fn expiries(&self, most: usize) -> Vec<Expiry> {
        let mut found = BTreeMap::new();
        for entry in self.hosts.sorted() {
            let TlsDecision::Serve(profile) = &entry.tls else { continue };
            let certificate = profile.certificate();
            let tenant = entry.scope.label();
            let key = (tenant.clone(), *certificate.fingerprint());
            found.entry(key).or_insert_with(|| Expiry {
                not_after: certificate.not_after(),
                tenant: tenant.clone(),
                name: certificate.names().first().map(ToString::to_string).unwrap_or_default(),
                fingerprint: *certificate.fingerprint(),
            });
        }
        let mut expiries: Vec<Expiry> = found.into_values().collect();
        expiries.sort_unstable();
        expiries.truncate(most);
        expiries
    }
}
