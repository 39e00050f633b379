// SPDX-License-Identifier: Apache-2.0
//! One file per kind: how one object is read, on its own, without looking anything up.

mod closed;
mod endpoint_slice;
mod fields;
mod host_claim;
mod ingress;
mod ingress_class;
mod namespace;
mod reference_grant;
mod secret;
mod service;
mod tenant;

use postern_api as api;
use postern_model::{Finding, Kind, Object, Origin, Reason, Settings, Severity};

use crate::document::{Fault, Source, nearest};
use crate::interner::Interner;
use crate::reading::{Draft, Reading};
pub(crate) use closed::{closed, is_nameless, nameless_tenant, origin_of_tenant};
pub(crate) use fields::shape;
pub(crate) use ingress::misspelt;

/// An object, unless it was refused or is not wanted, and what was found about it.  The findings of routes are in the
/// routes.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) object: Option<Object>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads an object that is known to be of `kind`.
pub(crate) fn read_kind(
    kind: Kind,
    source: &Source<'_>,
    reading: &mut Reading<'_>,
) -> Result<Parsed, Fault> {
    /// Reads the object as its API type, then as ours.
    macro_rules! as_kind {
        ($kind:ident, $module:ident $(, $settings:ident)?) => {
            source.read::<api::$kind>().map(|object| {
                let draft = reading.draft(Kind::$kind, &object.metadata);
                finish(draft, |draft| {
                    $module::read(object, draft, reading.strings $(, reading.$settings)?)
                })
            })
        };
    }
    match kind {
        Kind::Namespace => as_kind!(Namespace, namespace),
        Kind::Secret => as_kind!(Secret, secret),
        Kind::Service => as_kind!(Service, service, settings),
        Kind::EndpointSlice => as_kind!(EndpointSlice, endpoint_slice),
        Kind::Ingress => as_kind!(Ingress, ingress, settings),
        Kind::IngressClass => as_kind!(IngressClass, ingress_class),
        Kind::ReferenceGrant => as_kind!(ReferenceGrant, reference_grant),
        Kind::Tenant => as_kind!(Tenant, tenant),
        Kind::HostClaim => as_kind!(HostClaim, host_claim),
        Kind::File => Ok(Parsed::default()),
    }
}

/// What can be said about an object that cannot be read as a whole.
pub(crate) enum Named {
    /// Which one it is.
    Object(Origin),
    /// It lives in a namespace that is not read.
    Elsewhere,
    /// Not even its name can be read.
    Nothing,
}

/// Reads no more than which object it is.
pub(crate) fn name(kind: Kind, source: &Source<'_>, reading: &mut Reading<'_>) -> Named {
    #[derive(serde::Deserialize)]
    struct OnlyMetadata {
        metadata: api::ObjectMeta,
    }
    let Ok(OnlyMetadata { metadata }) = source.read() else { return Named::Nothing };
    match reading.draft(kind, &metadata) {
        Some(Ok(draft)) => Named::Object(draft.origin),
        Some(Err(_)) => Named::Nothing,
        None => Named::Elsewhere,
    }
}

fn finish(
    draft: Option<Result<Draft, Finding>>,
    read: impl FnOnce(&mut Draft) -> Option<Object>,
) -> Parsed {
    match draft {
        None => Parsed::default(),
        Some(Err(refusal)) => Parsed { object: None, findings: vec![refusal] },
        Some(Ok(mut draft)) => Parsed { object: read(&mut draft), findings: draft.findings },
    }
}

const NETWORKING: &str = "networking.k8s.io/v1";
const GATEWAY: [&str; 3] = [
    "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1beta1",
    "gateway.networking.k8s.io/v1alpha2",
];
/// The version in which our own kinds are read.
pub(crate) const OURS: &str = "postern.dev/v1alpha1";

/// The kind that is read, of an `apiVersion` and `kind`.
pub(crate) fn kind_of(type_meta: (&str, &str)) -> Option<Kind> {
    Some(match type_meta {
        ("v1", "Namespace") => Kind::Namespace,
        ("v1", "Secret") => Kind::Secret,
        ("v1", "Service") => Kind::Service,
        ("discovery.k8s.io/v1", "EndpointSlice") => Kind::EndpointSlice,
        (NETWORKING, "Ingress") => Kind::Ingress,
        (NETWORKING, "IngressClass") => Kind::IngressClass,
        (version, "ReferenceGrant") if GATEWAY.contains(&version) => Kind::ReferenceGrant,
        (OURS, "Tenant") => Kind::Tenant,
        (OURS, "HostClaim") => Kind::HostClaim,
        _ => return None,
    })
}

/// Which of our kinds it is that decide about tenants, in whatever version.
pub(crate) fn of_ours((version, kind): (&str, &str)) -> Option<Kind> {
    match (version.split_once('/')?.0, kind) {
        ("postern.dev", "Tenant") => Some(Kind::Tenant),
        ("postern.dev", "HostClaim") => Some(Kind::HostClaim),
        _ => None,
    }
}

/// Whether an object of our group is of a kind that there is not: one that is misspelt or unfinished may be meant for
/// another, which is then returned.
pub(crate) fn misspelt((version, kind): (&str, &str)) -> Option<Option<&'static str>> {
    let (group, _) = version.split_once('/')?;
    let unfinished = (!kind.is_empty() && "Tenant".starts_with(kind)).then_some("Tenant");
    let meant = || unfinished.or_else(|| nearest(kind, ["Tenant", "HostClaim"].into_iter()));
    (group == "postern.dev").then(meant)
}

/// A finding about an object whose kind is read, but not in its version: it would be missed silently otherwise.
pub(crate) fn near_miss(version: &str, kind: &str, reading: &Reading<'_>) -> Option<Finding> {
    let (group, _) = version.split_once('/')?;
    let read = match (group, kind) {
        ("extensions" | "networking.k8s.io", "Ingress" | "IngressClass") => NETWORKING,
        ("discovery.k8s.io", "EndpointSlice") => "discovery.k8s.io/v1",
        ("gateway.networking.k8s.io", "ReferenceGrant") => GATEWAY[0],
        _ => return None,
    };
    let verdict = (Severity::Warning, Reason::Unsupported);
    let message = format!("{kind} is read in version {read} only");
    Some(reading.about_file(verdict, message, "convert the object to the version that is read"))
}

/// Strings of an object that are absent or empty.
fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// A port's number; nothing if it is none.
fn port_number(number: Option<i64>) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port != 0)
}

/// Whether a port's protocol is TCP, which it is unless said otherwise.
fn is_tcp(protocol: Option<&str>) -> bool {
    present(protocol).is_none_or(|protocol| protocol == "TCP")
}

/// Whether objects of a namespace may name `name@provider` (`crossProviderNamespaces`).
fn may_cross_providers(settings: &Settings, namespace: &str) -> bool {
    let allowed = settings.cross_provider_namespaces.as_deref();
    allowed.is_none_or(|allowed| allowed.iter().any(|name| **name == *namespace))
}

/// Shares every string of a list.
fn shared(list: &[String], strings: &mut Interner) -> Vec<std::sync::Arc<str>> {
    list.iter().map(|text| strings.share(text)).collect()
}

#[cfg(test)]
mod tests;
