// SPDX-License-Identifier: Apache-2.0
//! Why a host serves the certificate that it serves, and not another one.

use std::collections::BTreeSet;
use std::sync::Arc;

use postern_model::{HostPattern, Timestamp};
use postern_snapshot::Certificate;

use super::{Candidate, Certificates, HostTls, Loaded, SecretUse, best, covering, is_valid};
use crate::explain::Loser;
use crate::few::Few;
use crate::resolve::Unresolved;

/// The certificate that is served, if any, and every other one that is about the host.
pub(crate) struct Story {
    pub(crate) served: Option<postern_model::ObjectKey>,
    pub(crate) losers: Vec<Loser>,
}

impl Certificates {
    pub(crate) fn story(&self, host: &HostTls<'_>, now: Timestamp) -> Story {
        let explicit = self.explicit(host);
        let is_explicit = explicit.is_some();
        let candidates = explicit.unwrap_or_else(|| self.pooled(host.pattern));
        let winner = best(&candidates, host.pattern, now);
        let mut story = Story { served: None, losers: Vec::new() };
        for secret in self.about(host) {
            let Some(candidate) = self.candidate(secret, host.pattern) else { continue };
            let key = candidate.secret.key();
            let chosen = candidates.iter().any(|known| known.secret == candidate.secret);
            let own = candidate.loaded.certificate();
            if chosen && own.zip(winner).is_some_and(|(own, winner)| Arc::ptr_eq(own, winner)) {
                story.served = Some(key);
                continue;
            }
            let reason = if is_explicit && !chosen && candidate.covers {
                "other certificates are declared for this host".to_owned()
            } else {
                lost(&candidate, winner, host.pattern, now)
            };
            story.losers.push(Loser { object: key, field: "".into(), reason });
        }
        story
    }

    /// Every Secret of the tenant that is declared for the host, or whose certificate is.
    fn about(&self, host: &HostTls<'_>) -> BTreeSet<&SecretUse> {
        let named = covering(&self.named, host.pattern).flat_map(Few::iter);
        let pooled = covering(&self.pool, host.pattern).flat_map(Few::iter);
        let unnamed = host.objects.iter().filter_map(|object| self.unnamed.get(object));
        named.chain(pooled).chain(unnamed.flat_map(Few::iter)).collect()
    }
}

fn lost(
    candidate: &Candidate<'_>,
    winner: Option<&Arc<Certificate>>,
    pattern: &HostPattern,
    now: Timestamp,
) -> String {
    let own = match candidate.loaded {
        Loaded::Ready { certificate, .. } => certificate,
        Loaded::Invalid { reason, .. } => return reason.to_string(),
        Loaded::Incomplete(key) => return format!("the Secret has no {key}"),
        Loaded::Unresolved(Unresolved::NotFound) => return "there is no such Secret".into(),
        Loaded::Unresolved(reason) => return reason.to_string(),
    };
    if !candidate.covers {
        return format!("the certificate is not for {pattern}");
    }
    let Some(winner) = winner else { return "it was not chosen".into() };
    let exact = |certificate: &Certificate| match pattern {
        HostPattern::Exact(host) => certificate.names_exactly(host),
        HostPattern::Wildcard(_) => true,
    };
    if exact(own) != exact(winner) {
        "it names the host only by a wildcard".into()
    } else if is_valid(own, now) != is_valid(winner, now) {
        "it is not valid at this time".into()
    } else if own.not_before() != winner.not_before() {
        "the certificate that is served is newer".into()
    } else {
        "the name of its Secret comes later".into()
    }
}
