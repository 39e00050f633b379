// SPDX-License-Identifier: Apache-2.0
//! What an object's author is told about the certificates that it declares.

use std::collections::{BTreeSet, HashMap, HashSet};

use postern_model::{CertificateUse, Finding, HostPattern, HttpRoutes, Origin, Quoted, Timestamp};
use postern_snapshot::Certificate;

use crate::notice;
use crate::resolve::Unresolved;
use crate::tls::{Certificates, Loaded, is_valid, uses};

/// How many hosts a finding lists before it only counts.
const LISTED: usize = 3;

/// Everything there is to say about an object's certificates.
pub(crate) fn certificate_findings(
    certificates: &Certificates,
    routes: &HttpRoutes,
    now: Timestamp,
    out: &mut Vec<Finding>,
) {
    let origin = &routes.origin;
    let mut usable = Vec::new();
    let mut all_usable = true;
    for (declared, secret) in uses(routes) {
        let Some(loaded) = certificates.loaded(&secret) else { continue };
        match unusable(origin, declared, loaded) {
            Some(finding) => {
                out.push(finding);
                all_usable = false;
            }
            None => {
                if let Loaded::Ready { certificate, .. } = loaded {
                    usable.push((declared, &**certificate));
                }
            }
        }
    }
    for (declared, certificate) in &usable {
        out.extend(expiry(origin, declared, certificate, now));
    }
    let hosts = Hosts::of(routes);
    for (declared, certificate) in &usable {
        let missed = declared.hosts.iter().filter(|host| !hosts.is_served(host, certificate));
        out.extend(mismatch(origin, declared, &missed.collect()));
    }
    // A host that no certificate is for may have been meant for one that is broken, which has its finding already.
    if all_usable {
        out.extend(unnamed_mismatch(origin, &usable, &hosts));
    }
}

fn unusable(origin: &Origin, declared: &CertificateUse, loaded: &Loaded) -> Option<Finding> {
    let field = format!("{}.secretName", declared.field);
    let name = Quoted(declared.secret.name());
    match loaded {
        Loaded::Ready { .. } => None,
        Loaded::Unresolved(Unresolved::NotFound) => Some(notice::SECRET_NOT_FOUND.about(
            origin,
            field,
            format!("there is no Secret {name}"),
        )),
        Loaded::Unresolved(Unresolved::NotPermitted) => Some(notice::REF_NOT_PERMITTED.about(
            origin,
            field,
            "the reference to a Secret of another namespace is not permitted",
        )),
        Loaded::Incomplete(key) => {
            Some(notice::SECRET_INVALID.about(origin, field, format!("Secret {name} has no {key}")))
        }
        Loaded::Invalid { reason, .. } => {
            Some(notice::SECRET_INVALID.about(origin, field, format!("Secret {name}: {reason}")))
        }
    }
}

fn expiry(
    origin: &Origin,
    declared: &CertificateUse,
    certificate: &Certificate,
    now: Timestamp,
) -> Option<Finding> {
    if is_valid(certificate, now) {
        return None;
    }
    let name = Quoted(declared.secret.name());
    let state = if now < certificate.not_before() { "is not yet valid" } else { "has expired" };
    Some(notice::CERTIFICATE_EXPIRED.about(
        origin,
        format!("{}.secretName", declared.field),
        format!(
            "the certificate in Secret {name} {state}; it is served only where no valid one is"
        ),
    ))
}

fn mismatch(
    origin: &Origin,
    declared: &CertificateUse,
    missed: &BTreeSet<&HostPattern>,
) -> Option<Finding> {
    if missed.is_empty() {
        return None;
    }
    let listed: Vec<_> = missed.iter().take(LISTED).map(ToString::to_string).collect();
    let more = match missed.len().saturating_sub(LISTED) {
        0 => String::new(),
        number => format!(" and {number} more"),
    };
    let (name, listed) = (Quoted(declared.secret.name()), listed.join(", "));
    Some(notice::CERTIFICATE_MISMATCH.about(
        origin,
        declared.field.clone(),
        format!("the certificate in Secret {name} is not for {listed}{more}"),
    ))
}

/// The hosts of an object's rules for which none of its certificates is.
fn unnamed_mismatch(
    origin: &Origin,
    usable: &[(&CertificateUse, &Certificate)],
    hosts: &Hosts<'_>,
) -> Option<Finding> {
    let (declared, _) = usable.iter().find(|(declared, _)| declared.hosts.is_empty())?;
    let names: HashSet<&HostPattern> = usable.iter().flat_map(|(_, c)| c.names()).collect();
    let missed = hosts.all.iter().copied().filter(|host| {
        let by_wildcard = match host {
            HostPattern::Exact(name) => wildcard_above(name).is_some_and(|w| names.contains(&w)),
            HostPattern::Wildcard(_) => false,
        };
        !by_wildcard && !names.contains(host)
    });
    mismatch(origin, declared, &missed.collect())
}

/// The hosts of an object's rules.
struct Hosts<'a> {
    all: BTreeSet<&'a HostPattern>,
    /// By the wildcard that a `tls` entry would name for them.
    below: HashMap<&'a str, Vec<&'a HostPattern>>,
}

impl<'a> Hosts<'a> {
    fn of(routes: &'a HttpRoutes) -> Self {
        let all: BTreeSet<_> = routes.rules.iter().filter_map(|rule| rule.host.as_ref()).collect();
        let mut below: HashMap<_, Vec<_>> = HashMap::new();
        for host in &all {
            let parent = match host {
                HostPattern::Exact(name) => name.parent(),
                HostPattern::Wildcard(parent) => Some(parent.as_str()),
            };
            if let Some(parent) = parent {
                below.entry(parent).or_default().push(*host);
            }
        }
        Self { all, below }
    }

    /// Whether a certificate is for a declared host: for a wildcard it is enough to be for the rules below it.
    fn is_served(&self, declared: &HostPattern, certificate: &Certificate) -> bool {
        if certificate.covers(declared) {
            return true;
        }
        let HostPattern::Wildcard(parent) = declared else { return false };
        let below = self.below.get(parent.as_str());
        below.is_some_and(|hosts| hosts.iter().all(|host| certificate.covers(host)))
    }
}

fn wildcard_above(name: &postern_model::Host) -> Option<HostPattern> {
    let parent = postern_model::Host::parse(name.parent()?).ok()?;
    Some(HostPattern::Wildcard(parent))
}
