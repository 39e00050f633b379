// SPDX-License-Identifier: Apache-2.0
//! `postern.dev/v1alpha1` Tenant.  What cannot be honoured makes a tenant narrower, never wider.

use std::sync::Arc;

use postern_api as api;
use postern_model::{
    HostPattern, KeyExchange, KeyExchangeGroup, KeyExchangeGroups, Object, Quoted, Reason,
    Standing, TenantSpec,
};

use super::{present, shared};
use crate::interner::Interner;
use crate::reading::{Draft, Note};

/// An entry point that no installation has: its name is not one that can be configured.
const NO_ENTRY_POINT: &str = "";

pub(super) fn read(
    tenant: api::Tenant,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let spec = &tenant.spec;
    let selector = &spec.namespace_selector;
    let mut standing = Standing::InForce;
    let labels = if selector.match_expressions.is_empty() {
        let labels = selector.match_labels.0.iter();
        labels.map(|(key, value)| (strings.share(key), strings.share(value))).collect()
    } else {
        // Labels without the expressions would select more namespaces than the operator meant, and without the selector
        // namespaces of this tenant would be served under no policy.
        standing = Standing::Unbounded;
        draft.error(
            Reason::Unsupported,
            Note {
                field: "spec.namespaceSelector.matchExpressions".into(),
                message: "expressions are not supported; nothing of this tenant is served".into(),
                remedy: "use matchLabels, or list the namespaces by name",
            },
        );
        Default::default()
    };
    let told = draft.findings.len();
    let domains = domains(&spec.domains, draft);
    if draft.findings.len() > told {
        // What it was to reserve is not known: what it reserved before stays (I9).
        standing = standing.max(Standing::Closed);
    }
    let mut entry_points = shared(&spec.entry_points, strings);
    if !is_shared(present(spec.isolation.as_deref()), draft) {
        entry_points = vec![strings.share(NO_ENTRY_POINT)];
    }
    let pinned = tenant.status.namespaces.iter().filter_map(|pinned| {
        let uid = present(pinned.uid.as_deref())?;
        Some((strings.share(&pinned.name), Arc::from(uid)))
    });
    let pinned = pinned.collect();
    let model = TenantSpec {
        origin: draft.origin.clone(),
        standing,
        namespaces: shared(&spec.namespaces, strings).into_iter().collect(),
        namespace_labels: labels,
        domains,
        entry_points,
        allow_catch_all: spec.allow_catch_all.unwrap_or(false),
        require_tls13: require_tls13(&spec.tls, draft),
        key_exchange: key_exchange(&spec.tls.curves, draft),
        max_routes: max_routes(spec.limits, draft),
        max_requests_in_flight: spec
            .limits
            .requests_in_flight
            .map(|limit| at_most("requestsInFlight", limit, draft)),
        max_requests_per_second: spec
            .limits
            .requests_per_second
            .map(|limit| at_most("requestsPerSecond", limit, draft)),
        max_handshakes_per_second: spec
            .limits
            .handshakes_per_second
            .map(|limit| at_most("handshakesPerSecond", limit, draft)),
        max_connections: spec.limits.connections.map(|limit| at_most("connections", limit, draft)),
        max_hosts: spec.limits.hosts.map(|limit| at_most("hosts", limit, draft)),
        pinned,
    };
    Some(Object::Tenant(Arc::new(model)))
}

/// Whether a process that is shared is what the operator asked for.  If not, the tenant keeps its namespaces and
/// domains, and nothing of it is served.
fn is_shared(isolation: Option<&str>, draft: &mut Draft) -> bool {
    let (reason, message) = match isolation {
        None | Some("Shared") => return true,
        Some("Process") => (Reason::Unsupported, "a process per tenant is not supported yet"),
        Some(_) => (Reason::InvalidValue, "not Shared or Process"),
    };
    draft.error(
        reason,
        Note {
            field: "spec.isolation".into(),
            message: format!("{message}; nothing of this tenant is served"),
            remedy: "write Shared, or run an installation for this tenant alone",
        },
    );
    false
}

fn domains(domains: &[String], draft: &mut Draft) -> Vec<HostPattern> {
    let mut patterns = Vec::with_capacity(domains.len());
    for (index, domain) in domains.iter().enumerate() {
        match HostPattern::parse(domain) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => draft.error(
                Reason::HostInvalid,
                Note {
                    field: format!("spec.domains[{index}]").into(),
                    message: format!("{error}; nothing of this tenant is served"),
                    remedy: "write a hostname, or *. and a hostname",
                },
            ),
        }
    }
    patterns
}

/// The groups of a list that are offered.  A list without any allows no handshake: the defaults are not what was meant.
fn key_exchange(curves: &[String], draft: &mut Draft) -> KeyExchange {
    if curves.is_empty() {
        return KeyExchange::Default;
    }
    let known = curves.iter().map(|name| KeyExchangeGroup::named(name));
    let groups = KeyExchangeGroups::of(known.flatten());
    let effect = match groups {
        Some(_) => "the others of the list are used",
        None => "TLS handshakes for this tenant are refused, since no other of the list is",
    };
    for (index, name) in curves.iter().enumerate() {
        if KeyExchangeGroup::named(name).is_some() {
            continue;
        }
        let reason = match &**name {
            // Go and Traefik have them, the library that does the handshakes here has not.
            "CurveP521" | "SecP384r1MLKEM1024" => Reason::Unsupported,
            _ => Reason::InvalidValue,
        };
        draft.error(
            reason,
            Note {
                field: format!("spec.tls.curves[{index}]").into(),
                message: format!("{} is not offered; {effect}", Quoted(name)),
                remedy: "write X25519MLKEM768, SecP256r1MLKEM768, X25519, CurveP256 or CurveP384",
            },
        );
    }
    groups.map_or(KeyExchange::Impossible, KeyExchange::Only)
}

fn require_tls13(tls: &api::TenantTls, draft: &mut Draft) -> bool {
    match present(tls.min_version.as_deref()) {
        None | Some("VersionTLS12") => false,
        Some("VersionTLS13") => true,
        Some(_) => {
            draft.error(
                Reason::InvalidValue,
                Note {
                    field: "spec.tls.minVersion".into(),
                    message: "not a version of TLS that can be the lowest; TLS 1.3 is required"
                        .into(),
                    remedy: "write VersionTLS12 or VersionTLS13",
                },
            );
            true
        }
    }
}

fn max_routes(limits: api::TenantLimits, draft: &mut Draft) -> Option<u32> {
    if limits.bytes_buffered.is_some() {
        draft.warning(
            Reason::Unsupported,
            Note {
                field: "spec.limits.bytesBuffered".into(),
                message: "this limit is not enforced yet".into(),
                remedy: "do not rely on this limit",
            },
        );
    }
    // One number bounds both; the smaller one keeps both promises.
    let limits = [("routes", limits.routes), ("certificates", limits.certificates)];
    limits.into_iter().filter_map(|(name, limit)| Some(at_most(name, limit?, draft))).min()
}

fn at_most(name: &str, limit: i64, draft: &mut Draft) -> u32 {
    u32::try_from(limit).unwrap_or_else(|_| {
        draft.error(
            Reason::InvalidValue,
            Note {
                field: format!("spec.limits.{name}").into(),
                message: "not a limit; none are allowed".into(),
                remedy: "write a number from 0 to 4294967295",
            },
        );
        0
    })
}
