// SPDX-License-Identifier: Apache-2.0
//! What stays of an object of ours that cannot be read in full: it keeps others out and serves nothing (I9).
//!
//! A Tenant keeps the namespaces and domains that can be read of it, however they are written, and a HostClaim its
//! hostname.  What was known of a Tenant before is added by the world.

use std::sync::Arc;

use postern_model::{
    ClaimRecord, HostClaim, HostPattern, Kind, Object, ObjectKey, Origin, Place, Standing,
    TenantSpec,
};
use serde_json::{Map, Value};

use super::fields::TENANT_SPEC;
use crate::document::{Source, nearest};
use crate::interner::Interner;

/// What stays of an object; nothing if it is of a kind that needs nothing to stay: what a ReferenceGrant would have
/// lent is simply not lent.
pub(crate) fn closed(
    origin: Origin,
    source: &Source<'_>,
    strings: &mut Interner,
) -> Option<Object> {
    match origin.key.kind {
        Kind::Tenant => {
            let spec = tenant(origin, &source.value().unwrap_or_default(), strings);
            Some(Object::Tenant(Arc::new(spec)))
        }
        Kind::HostClaim => {
            let claim = host_claim(origin, &source.value().unwrap_or_default(), strings)?;
            Some(Object::HostClaim(Arc::new(claim)))
        }
        _ => None,
    }
}

/// What the name of a Tenant begins with that has none: no object can be called so.
const NAMELESS: char = '/';

/// A Tenant that stands in a file and of which not even the name can be read: one stands for all of that file.
pub(crate) fn nameless_tenant(file: &Arc<str>, place: Option<Place>) -> Object {
    let key = ObjectKey::new(Kind::Tenant, "", format!("{NAMELESS}{file}"));
    Object::Tenant(Arc::new(TenantSpec::unread(Origin { place, ..Origin::bare(key) })))
}

/// Whether it is the key of such a Tenant.
pub(crate) fn is_nameless(key: &ObjectKey) -> bool {
    key.kind == Kind::Tenant && key.name.starts_with(NAMELESS)
}

/// What a finding about a Tenant is about: the file, if it has no name.
pub(crate) fn origin_of_tenant(origin: &Origin) -> Origin {
    match origin.key.name.strip_prefix(NAMELESS) {
        Some(file) => Origin { key: ObjectKey::new(Kind::File, "", file), ..origin.clone() },
        None => origin.clone(),
    }
}

fn tenant(origin: Origin, object: &Value, strings: &mut Interner) -> TenantSpec {
    let mut spec = TenantSpec::unread(origin);
    let mut is_legible = true;
    for (name, value) in fields(object, "spec") {
        // A misspelt field means what it is nearest to: that reserves more rather than less.
        match nearest(name, TENANT_SPEC.iter().map(|(known, _)| *known)) {
            Some("namespaces") => {
                let (names, all) = texts(value);
                is_legible &= all;
                spec.namespaces.extend(names.iter().map(|name| strings.share(name)));
            }
            Some("domains") => {
                let (names, all) = texts(value);
                is_legible &= all;
                spec.domains.extend(names.iter().filter_map(|name| HostPattern::parse(name).ok()));
            }
            Some("namespaceSelector") => is_legible &= labels(value, &mut spec, strings),
            Some("allowCatchAll") => spec.allow_catch_all = *value == Value::Bool(true),
            _ => {}
        }
    }
    for pinned in fields(object, "status").filter(|(name, _)| *name == "namespaces") {
        let pinned = pinned.1.as_array().into_iter().flatten();
        let name = pinned.filter_map(|pinned| pinned.get("name")?.as_str());
        spec.namespaces.extend(name.map(|name| strings.share(name)));
    }
    let has_namespaces = !spec.namespaces.is_empty() || !spec.namespace_labels.is_empty();
    if is_legible && has_namespaces {
        spec.standing = Standing::Closed;
    }
    spec
}

/// The labels of a selector; whether they say all that it selects.
fn labels(selector: &Value, spec: &mut TenantSpec, strings: &mut Interner) -> bool {
    let Some(selector) = selector.as_object() else { return selector.is_null() };
    let mut is_legible = true;
    for (name, value) in selector {
        match (nearest(name, ["matchLabels", "matchExpressions"].into_iter()), value) {
            (_, Value::Null) => {}
            (Some("matchLabels"), Value::Object(labels)) => {
                for (key, value) in labels {
                    match value.as_str() {
                        Some(text) => {
                            let label = (strings.share(key), strings.share(text));
                            spec.namespace_labels.extend([label]);
                        }
                        None => is_legible = false,
                    }
                }
            }
            _ => is_legible = false,
        }
    }
    if !is_legible {
        // Some of the labels alone would select more namespaces than the operator meant.
        spec.namespace_labels.clear();
    }
    is_legible
}

/// The texts of a list, or one that stands alone; whether that is all there is.
fn texts(value: &Value) -> (Vec<String>, bool) {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Null => (Vec::new(), true),
        Value::Array(items) => {
            let texts: Vec<_> = items.iter().filter_map(text).collect();
            let all = texts.len() == items.len();
            (texts, all)
        }
        // Lists are written with commas, too, where they belong on one line.
        _ => match text(value) {
            Some(text) => {
                let words = text.split([',', ' ']).filter(|word| !word.is_empty());
                (words.map(str::to_owned).collect(), true)
            }
            None => (Vec::new(), false),
        },
    }
}

fn host_claim(origin: Origin, object: &Value, strings: &mut Interner) -> Option<HostClaim> {
    let text = |wanted: &str| {
        let mut fields = fields(object, "spec");
        fields.find_map(|(name, value)| value.as_str().filter(|_| name == wanted))
    };
    let named = origin.key.name.split_once('.').and_then(|(kind, name)| match kind {
        "h" => HostPattern::parse(name).ok(),
        "w" => HostPattern::parse(&format!("*.{name}")).ok(),
        _ => None,
    });
    let pattern = text("host").and_then(|host| HostPattern::parse(host).ok()).or(named)?;
    let record = ClaimRecord {
        pattern,
        namespace: strings.share(text("namespace").unwrap_or_default()),
        namespace_uid: None,
        epoch: 0,
        state: HostClaim::CLOSED,
    };
    Some(HostClaim { origin, record, revision: None })
}

/// The fields of a mapping at the top, whatever the case of its name.
fn fields<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let top = object.as_object().into_iter().flatten();
    let mappings = top.filter(move |(key, _)| key.eq_ignore_ascii_case(name));
    let mappings = mappings.filter_map(|(_, value)| value.as_object());
    mappings.flat_map(Map::iter).map(|(key, value)| (key.as_str(), value))
}
